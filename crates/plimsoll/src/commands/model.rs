//! `plimsoll model`: the registry's part. Offline predictions are in `predict.rs`.

use super::{Context, predict};
use crate::cli::{Model, ModelAdd};
use crate::client::Client;
use crate::failure::Failure;
use crate::printer::{Facts, Table};
use plimsoll_api::{
    Artifact, CreateModel, CreateVersion, FileRole, ManifestFile, ModelVersion, Page,
    RegisteredModel, ScanFacts,
};
use plimsoll_types::Name;
use std::path::Path;

const MODELS: &str = "/api/v1/models";
const ARTIFACTS: &str = "/api/v1/artifacts";

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Model) -> Result<(), Failure> {
    match verb {
        Model::Add(args) => add(context, args),
        Model::List(paged) => list(context, paged.limit),
        Model::Show { name, version: None } => versions(context, &name),
        Model::Show { name, version: Some(number) } => {
            let path = format!("{}/{number}", versions_path(&name));
            let version: ModelVersion = context.client()?.get(&path, &())?;
            context.printer.show(&version, |version| text(context, version))
        }
        Model::Card(verb) => super::model_card::card(context, verb),
        Model::Adopt(args) => super::model_card::adopt(context, args),
        Model::Archive(args) => super::model_card::archive(context, args),
        Model::Provenance(args) => super::model_card::provenance(context, &args),
        Model::VerifyProvenance(args) => super::model_card::verify(context, &args),
        Model::Blocks => super::model_card::blocks(context),
        Model::Override(args) => super::model_card::let_pass(context, args),
        Model::Predict(args) => predict::run(context, &args),
        Model::CheckUpstream(args) => super::upstream::run(context, &args),
        Model::Sign(args) => super::model_sign::sign(context, &args),
        Model::Verify(args) => super::model_sign::verify(context, &args),
    }
}

fn versions_path(name: &Name) -> String {
    format!("{MODELS}/{name}/versions")
}

fn add(context: &Context, args: ModelAdd) -> Result<(), Failure> {
    let ModelAdd { name, artifact, files, description, owner } = args;
    let mut sources = vec![(FileRole::Model, artifact.as_path())];
    for file in &files {
        sources.push(attached(file)?);
    }
    let client = context.client()?;
    register(context, &client, CreateModel { name: name.clone(), owner, description })?;
    let mut files = Vec::with_capacity(sources.len());
    for (role, path) in sources {
        files.push(match role {
            FileRole::Background => background(context, &client, &artifact, path)?,
            _ => upload(context, &client, role, path)?,
        });
    }
    let made: ModelVersion = client.post(&versions_path(&name), &CreateVersion { files })?;
    context.printer.show(&made, |made| text(context, made))?;
    context.printer.hint(&format!(
        "let it answer with `plimsoll deployment create NAME --model {name} --version {} \
         --contract FILE --environment ENVIRONMENT`",
        made.number
    ));
    Ok(())
}

/// Registers the model unless it is there.
fn register(context: &Context, client: &Client, body: CreateModel) -> Result<(), Failure> {
    let known = client.list::<ModelVersion>(&versions_path(&body.name), &(), 1);
    match known {
        Ok(_) => Ok(()),
        Err(failure) if failure.status() == Some(404) => {
            let made: RegisteredModel = client.post(MODELS, &body)?;
            context.printer.note(&format!("registered model {}", made.name));
            Ok(())
        }
        Err(failure) => Err(failure),
    }
}

fn upload(
    context: &Context,
    client: &Client,
    role: FileRole,
    path: &Path,
) -> Result<ManifestFile, Failure> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| Failure::user(format!("`{}` has no file name of UTF-8", path.display())))?;
    let mut file = fs_err::File::open(path)?;
    let length = file.metadata()?.len();
    context.printer.detail(&format!("uploading {} ({length} bytes)", path.display()));
    let stored: Artifact = client.upload(ARTIFACTS, &mut file, length)?;
    Ok(ManifestFile { path: name.to_owned(), digest: stored.digest, size: stored.size, role })
}

/// Uploads background rows: a file as the server reads it, or made here of a table.
fn background(
    context: &Context,
    client: &Client,
    model: &Path,
    path: &Path,
) -> Result<ManifestFile, Failure> {
    let is_json = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    if is_json {
        return upload(context, client, FileRole::Background, path);
    }
    let file = super::rows::background(&super::contract::load(model)?, path)?;
    let bytes = file.write().map_err(|error| Failure::user(error.to_string()))?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let stored: Artifact = client.upload(ARTIFACTS, &mut bytes.as_slice(), length)?;
    let name = "background.json".to_owned();
    Ok(ManifestFile {
        path: name,
        digest: stored.digest,
        size: stored.size,
        role: FileRole::Background,
    })
}

/// Reads `ROLE=PATH`.
fn attached(text: &str) -> Result<(FileRole, &Path), Failure> {
    let wrong = || {
        Failure::user("`--file` takes ROLE=PATH")
            .hint("roles are `background`, `contract`, `metadata` and `other`")
    };
    let (role, path) = text.split_once('=').ok_or_else(wrong)?;
    let role = match role {
        "background" => FileRole::Background,
        "contract" => FileRole::Contract,
        "metadata" => FileRole::Metadata,
        "other" => FileRole::Other,
        _ => return Err(wrong()),
    };
    Ok((role, Path::new(path)))
}

fn list(context: &Context, limit: u32) -> Result<(), Failure> {
    let page = context.client()?.list::<RegisteredModel>(MODELS, &(), limit)?;
    context.show_page(
        &page,
        &["name", ">versions", "owner", "created", "description"],
        |table, model| {
            table.row([
                model.name.to_string(),
                model.latest_version.to_string(),
                model.owner.clone(),
                context.time(model.created_at),
                model.description.clone().unwrap_or_default(),
            ]);
        },
    )
}

fn versions(context: &Context, name: &Name) -> Result<(), Failure> {
    /// More versions than this of one model are looked at one by one.
    const LIMIT: u32 = 1000;
    let page: Page<ModelVersion> = context.client()?.list(&versions_path(name), &(), LIMIT)?;
    let heads =
        [">version", "digest", "format", "objective", ">trees", ">features", "author", "created"];
    context.show_page(&page, &heads, |table, version| {
        let facts = &version.facts;
        table.row([
            version.number.to_string(),
            version.digest.short(),
            facts.format.clone(),
            facts.objective.clone(),
            facts.trees.to_string(),
            facts.features.to_string(),
            version.author_name.clone(),
            context.time(version.created_at),
        ]);
    })
}

/// Prints one version.
pub(super) fn show_version(context: &Context, version: &ModelVersion) -> Result<(), Failure> {
    context.printer.show(version, |version| text(context, version))
}

fn text(context: &Context, version: &ModelVersion) -> String {
    let facts = &version.facts;
    let head = Facts::default()
        .add("model", &version.model)
        .add("version", version.number)
        .add("digest", version.digest)
        .add("format", &facts.format)
        .add("objective", &facts.objective)
        .add("trees", facts.trees)
        .add("features", facts.features)
        .add("outputs", facts.outputs)
        .maybe("scan", facts.scan.as_ref().map(scanned))
        .add("author", &version.author_name)
        .add("created", context.time(version.created_at));
    let mut files = Table::new(&["file", "role", ">bytes", "digest"]);
    for file in &version.files {
        let role = role_word(file.role).to_owned();
        files.row([file.path.clone(), role, file.size.to_string(), file.digest.short()]);
    }
    format!("{head}\n{files}")
}

fn scanned(scan: &ScanFacts) -> String {
    let ScanFacts { looked_at, bytes, scanner, let_pass } = scan;
    let found = match let_pass.as_slice() {
        [] => "nothing found".to_owned(),
        some => format!("let pass by an approver: {}; nothing else found", some.join(", ")),
    };
    format!("{found} in {looked_at} files and members, {bytes} bytes (scanner {scanner})")
}

fn role_word(role: FileRole) -> &'static str {
    match role {
        FileRole::Model => "model",
        FileRole::Background => "background",
        FileRole::Contract => "contract",
        FileRole::Metadata => "metadata",
        FileRole::Other => "other",
    }
}
