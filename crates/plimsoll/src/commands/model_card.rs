//! `plimsoll model card`, `adopt`, `archive`, `provenance`, `blocks` and `override`: what is said
//! about a version, and what becomes of it.

use super::Context;
use crate::failure::Failure;
use crate::printer::{Facts, Table};
use clap::{Args, Subcommand};
use fs_err as fs;
use plimsoll_api::{
    AdoptVersion, ArchiveVersion, CardOfVersion, CreateOverride, ModelVersion, ScanBlocks,
    ScanOverride, Timestamp, VersionCard,
};
use plimsoll_sign::{PublicKey, Signer, sign_statement, verify_statement};
use plimsoll_types::{Digest, Name};
use serde_json::Value;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Bytes of a key file, or of a signed statement.
const MAX_FILE: u64 = 16 << 20;

/// A model version: `name/number`.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    model: Name,
    number: u32,
}

impl std::str::FromStr for Version {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "write NAME/NUMBER, as credit/3";
        let (model, number) = text.rsplit_once('/').ok_or(wrong)?;
        let number = number.parse().map_err(|_| wrong)?;
        Ok(Self { model: model.parse().map_err(|_| wrong)?, number })
    }
}

impl Version {
    fn path(&self, what: &str) -> String {
        format!("/api/v1/models/{}/versions/{}/{what}", self.model, self.number)
    }
}

/// Verbs of cards.
#[derive(Subcommand, Debug)]
pub(crate) enum Card {
    /// Show what is said about a version
    #[command(after_help = "Examples:\n  plimsoll model card show credit/3")]
    Show {
        /// The version
        #[arg(value_name = "NAME/NUMBER")]
        version: Version,
    },
    /// Say something about a version; what is not named stays
    ///
    /// Developer, training run, datasets, parent, licence and day on the market stay once they are
    /// set. Each change is a revision in the ledger.
    #[command(after_help = "\
Examples:
  plimsoll model card set credit/3 --developer ann --training-run 0190b5a16c2f7d3e8f4a5b6c7d8e9f01
  plimsoll model card set credit/3 --dataset loans/2 --parent 2 --licence Apache-2.0
  plimsoll model card set credit/3 --intended-use 'PD at 12 months' --limits 'not for firms'")]
    Set(Box<CardSet>),
}

/// What is said.
#[derive(Args, Debug)]
pub(crate) struct CardSet {
    /// The version
    #[arg(value_name = "NAME/NUMBER")]
    version: Version,
    /// Who answers for it
    #[arg(long, value_name = "OWNER")]
    owner: Option<String>,
    /// Who made it
    #[arg(long, value_name = "NAME")]
    developer: Option<String>,
    /// Who validated it
    #[arg(long, value_name = "NAME")]
    validator: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    intended_use: Option<String>,
    /// What it is not for, and where it fails
    #[arg(long, value_name = "TEXT")]
    limits: Option<String>,
    /// The run that made it
    #[arg(long, value_name = "RUN")]
    training_run: Option<String>,
    /// A version of a dataset that it was made from; may be given several times
    #[arg(long = "dataset", value_name = "NAME/NUMBER")]
    datasets: Vec<String>,
    /// The number of the version that it came from
    #[arg(long, value_name = "N")]
    parent: Option<u32>,
    /// Its licence, as an SPDX expression
    #[arg(long, value_name = "LICENCE")]
    licence: Option<String>,
    /// The day it was placed on the market
    #[arg(long, value_name = "DAY")]
    placed_on_market: Option<String>,
}

/// Options of `model adopt`.
#[derive(Args, Debug)]
pub(crate) struct Adopt {
    /// The version, as an MLflow client registered it
    #[arg(value_name = "NAME/NUMBER")]
    version: Version,
    /// Which of its files is the model [default: the one that is]
    #[arg(long, value_name = "PATH")]
    file: Option<String>,
}

/// Options of `model archive`.
#[derive(Args, Debug)]
pub(crate) struct Archive {
    /// The version
    #[arg(value_name = "NAME/NUMBER")]
    version: Version,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Options of `model provenance`.
#[derive(Args, Debug)]
pub(crate) struct ProvenanceArgs {
    /// The version
    #[arg(value_name = "NAME/NUMBER")]
    version: Version,
    /// Give the bill of materials (CycloneDX 1.7) instead
    #[arg(long)]
    bom: bool,
    /// Sign it with this private key in PEM, of P-256 (also P-384, P-521): a DSSE envelope
    #[arg(long, value_name = "FILE")]
    signing_key: Option<PathBuf>,
    /// Where it goes, instead of to stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Options of `model verify-provenance`.
#[derive(Args, Debug)]
pub(crate) struct VerifyProvenance {
    /// What `model provenance --signing-key` wrote
    file: PathBuf,
    /// Public key in PEM
    #[arg(long, value_name = "FILE")]
    public_key: PathBuf,
}

/// Options of `model override`.
#[derive(Args, Debug)]
pub(crate) struct Override {
    /// The file that a scan blocked, by its digest
    digest: Digest,
    /// Why it may pass
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Until when, at most 90 days from now
    #[arg(long, value_name = "TIME")]
    until: Timestamp,
}

/// Shows or changes a card.
pub(super) fn card(context: &Context, verb: Card) -> Result<(), Failure> {
    let client = context.client()?;
    let shown: CardOfVersion = match verb {
        Card::Show { version } => client.get(&version.path("card"), &())?,
        Card::Set(set) => {
            let path = set.version.path("card");
            let said = VersionCard {
                owner: set.owner,
                developer: set.developer,
                validator: set.validator,
                intended_use: set.intended_use,
                limits: set.limits,
                training_run: set.training_run,
                datasets: set.datasets,
                parent: set.parent,
                licence: set.licence,
                placed_on_market: set.placed_on_market,
            };
            client.patch(&path, &said)?
        }
    };
    show(context, &shown)
}

fn show(context: &Context, card: &CardOfVersion) -> Result<(), Failure> {
    context.printer.show(card, |of| {
        let card = &of.card;
        let list = |list: &[String]| Some(list.join(", ")).filter(|text| !text.is_empty());
        Facts::default()
            .add("model", &of.model)
            .add("version", of.number)
            .maybe("owner", card.owner.as_ref())
            .maybe("developer", card.developer.as_ref())
            .maybe("validator", card.validator.as_ref())
            .maybe("intended use", card.intended_use.as_ref())
            .maybe("limits", card.limits.as_ref())
            .maybe("training run", card.training_run.as_ref())
            .maybe("datasets", list(&card.datasets))
            .maybe("parent", card.parent)
            .maybe("licence", card.licence.as_ref())
            .maybe("placed on market", card.placed_on_market.as_ref())
            .add("signature", if of.is_signed { "model.sig" } else { "none" })
            .maybe("deployments", list(&of.deployments))
            .maybe("archived", of.archived.as_ref())
            .maybe("legal hold", of.hold.as_ref())
            .add("revision", of.revision)
            .maybe("changed by", of.changed_by.as_ref())
            .maybe("changed", of.changed_at.map(|time| context.time(time)))
            .to_string()
    })
}

/// Adopts.
pub(super) fn adopt(context: &Context, args: Adopt) -> Result<(), Failure> {
    let path = args.version.path("adopt");
    let made: ModelVersion = context.client()?.post(&path, &AdoptVersion { file: args.file })?;
    super::model::show_version(context, &made)
}

/// Archives.
pub(super) fn archive(context: &Context, args: Archive) -> Result<(), Failure> {
    let path = args.version.path("archive");
    let body = ArchiveVersion { reason: args.reason };
    show(context, &context.client()?.post(&path, &body)?)
}

/// Gives provenance or bill of materials, signed if wanted.
pub(super) fn provenance(context: &Context, args: &ProvenanceArgs) -> Result<(), Failure> {
    let path = args.version.path(if args.bom { "bom" } else { "provenance" });
    let document: Value = context.client()?.get(&path, &())?;
    let mut text = serde_json::to_string_pretty(&document)
        .map_err(|error| Failure::ours("could not write JSON").because(error))?;
    if let Some(path) = &args.signing_key {
        let wrong =
            |error: plimsoll_sign::SignError| Failure::user(format!("{}: {error}", path.display()));
        let signer = Signer::from_pem(&read(path)?).map_err(wrong)?;
        let payload = if args.bom { about(&args.version, &document) } else { document };
        text = sign_statement(payload.to_string().as_bytes(), &signer).map_err(wrong)?;
    }
    text.push('\n');
    match &args.output {
        Some(path) => Ok(fs::write(path, text)?),
        None => context.printer.data(&text),
    }
}

/// A bill of materials as an in-toto statement, which is what an envelope holds.
fn about(version: &Version, bom: &Value) -> Value {
    let hash = bom.pointer("/metadata/component/hashes/0/content").cloned().unwrap_or_default();
    serde_json::json!({
        "_type": plimsoll_lineage::STATEMENT,
        "subject": [{
            "name": format!("{}/{}", version.model, version.number),
            "digest": {"sha256": hash},
        }],
        "predicateType": "https://cyclonedx.org/bom",
        "predicate": bom,
    })
}

/// Verifies a signed statement and prints it.
pub(super) fn verify(context: &Context, args: &VerifyProvenance) -> Result<(), Failure> {
    let key = PublicKey::from_pem(&read(&args.public_key)?)
        .map_err(|error| Failure::user(format!("{}: {error}", args.public_key.display())))?;
    let payload = verify_statement(&read(&args.file)?, &key)
        .map_err(|error| Failure::unverified(format!("{}: {error}", args.file.display())))?;
    let statement: Value = serde_json::from_slice(&payload)
        .map_err(|_| Failure::unverified("what was signed is no JSON"))?;
    context.printer.json(&statement)
}

/// Lists what scans blocked.
pub(super) fn blocks(context: &Context) -> Result<(), Failure> {
    let blocks: ScanBlocks = context.client()?.get("/api/v1/scans/blocks", &())?;
    context.printer.show(&blocks, |blocks| {
        let mut table = Table::new(&["file", "of", "rules", "by", "when", "let pass until"]);
        for block in &blocks.items {
            let passed = block.overrides.last().map(|leave| context.time(leave.expires_at));
            table.row([
                format!("{} {}", block.digest, block.path),
                block.about.clone(),
                block.rules.join(", "),
                block.author.clone(),
                context.time(block.created_at),
                passed.unwrap_or_default(),
            ]);
        }
        table.to_string()
    })
}

/// Lets a blocked file pass.
pub(super) fn let_pass(context: &Context, args: Override) -> Result<(), Failure> {
    let body = CreateOverride { digest: args.digest, reason: args.reason, expires_at: args.until };
    let made: ScanOverride = context.client()?.post("/api/v1/scans/overrides", &body)?;
    context.printer.show(&made, |made| {
        Facts::default()
            .add("rules", made.rules.join(", "))
            .add("reason", &made.reason)
            .add("by", &made.author)
            .add("until", context.time(made.expires_at))
            .to_string()
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}
