//! `plimsoll model sign` and `verify`: files by name and digest, and a bundle beside them.
//!
//! It lists and hashes files; what is signed and what holds, `plimsoll-sign` knows.

use super::Context;
use crate::failure::Failure;
use crate::printer::{Facts, counted, printable};
use aws_lc_rs::digest::{Context as Hash, SHA256};
use clap::Args;
use fs_err as fs;
use plimsoll_sign::{
    BUNDLE_NAME, Difference, MAX_BUNDLE, Manifest, Method, PublicKey, Resource, Serialization,
    SignError, Signer, Trust, is_ignored,
};
use plimsoll_types::{Clock as _, Digest};
use serde_json::json;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes of a key or certificate file.
const MAX_PEM: u64 = 1 << 20;
/// Files of one model.
const MAX_FILES: usize = 1 << 20;
/// Bytes that are read at once.
const CHUNK: usize = 1 << 20;
/// Differences that are told one by one.
const MAX_TOLD: usize = 20;

/// Options of `model sign`.
#[derive(Args, Debug)]
pub(crate) struct SignArgs {
    /// The model: a file, or a folder
    model: PathBuf,
    /// Private key in PEM, of P-256 (also P-384, P-521)
    #[arg(long, value_name = "FILE")]
    signing_key: PathBuf,
    /// Certificate of the key in PEM: it is part of the signature then
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Certificates that lead to a root
    #[arg(long, value_name = "FILE", requires = "certificate")]
    chain: Vec<PathBuf>,
    /// Leave out a path within the model, with all below it
    #[arg(long, value_name = "PATH")]
    ignore: Vec<String>,
    /// Where the signature goes [default: model.sig in the folder, or FILE.sig]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Options of `model verify`.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// The model: a file, or a folder
    model: PathBuf,
    /// The signature [default: model.sig in the folder, or FILE.sig]
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// Public key in PEM
    #[arg(long, value_name = "FILE", required_unless_present = "root")]
    public_key: Option<PathBuf>,
    /// Roots in PEM that vouch for the signer's certificate
    #[arg(long, value_name = "FILE", conflicts_with = "public_key")]
    root: Vec<PathBuf>,
    /// Seconds after 1970 at which certificates must be valid [default: now]
    #[arg(long, value_name = "SECONDS", requires = "root")]
    at: Option<u64>,
    /// A path that the signer may have left out
    #[arg(long, value_name = "PATH")]
    ignore: Vec<String>,
    /// Files that were not signed are no failure
    #[arg(long)]
    ignore_unsigned: bool,
}

/// Signs.
pub(super) fn sign(context: &Context, args: &SignArgs) -> Result<(), Failure> {
    let mut signer = Signer::from_pem(&pem(&args.signing_key)?).map_err(user(&args.signing_key))?;
    if let Some(leaf) = &args.certificate {
        let chain: Vec<Vec<u8>> =
            args.chain.iter().map(|path| pem(path)).collect::<Result<_, _>>()?;
        let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
        signer = signer.with_certificates(&pem(leaf)?, &chain).map_err(user(leaf))?;
    }
    let output = args.output.clone().unwrap_or_else(|| beside(&args.model));
    let mut rules = Serialization::default();
    rules.ignore_paths.extend(args.ignore.iter().map(|path| plain(path)));
    rules.ignore_paths.extend(within(&args.model, &output));
    let resources = list(&args.model, &rules)?;
    let manifest =
        Manifest::new(&name(&args.model), rules, resources).map_err(user(&args.model))?;
    let bundle = plimsoll_sign::sign(&manifest, &signer).map_err(user(&args.signing_key))?;
    fs::write(&output, bundle)?;
    let made = json!({
        "signature": output,
        "digest": manifest.root(),
        "files": manifest.resources().len(),
        "key": signer.public().id(),
    });
    context.printer.show(&made, |_| {
        Facts::default()
            .add("signature", output.display())
            .add("digest", manifest.root())
            .add("files", manifest.resources().len())
            .add("key", signer.public().id())
            .to_string()
    })
}

/// Verifies.
pub(super) fn verify(context: &Context, args: &VerifyArgs) -> Result<(), Failure> {
    let path = args.signature.clone().unwrap_or_else(|| beside(&args.model));
    let bundle = read(&path, u64::try_from(MAX_BUNDLE).unwrap_or(u64::MAX))?;
    let verified = match &args.public_key {
        Some(key) => {
            let key = PublicKey::from_pem(&pem(key)?).map_err(user(key))?;
            plimsoll_sign::verify(&bundle, &key)
        }
        None => {
            let roots: Vec<Vec<u8>> =
                args.root.iter().map(|path| pem(path)).collect::<Result<_, _>>()?;
            let roots: Vec<&[u8]> = roots.iter().map(Vec::as_slice).collect();
            let now = context.clock.now().as_micros() / 1_000_000;
            let trust = Trust::from_pem(&roots, args.at.unwrap_or(now))
                .map_err(|error| Failure::user(error.to_string()))?;
            plimsoll_sign::verify(&bundle, &trust)
        }
    };
    let verified =
        verified.map_err(|error| Failure::unverified(format!("{}: {error}", path.display())))?;
    let manifest = &verified.manifest;
    let bundle_path = within(&args.model, &path);
    let mut allowed: Vec<String> = args.ignore.iter().map(|path| plain(path)).collect();
    allowed.extend(bundle_path.clone());
    allowed.push(BUNDLE_NAME.to_owned());
    if !manifest.leaves_out_only(&allowed.iter().map(String::as_str).collect::<Vec<_>>()) {
        return Err(Failure::unverified("the signer left out paths that you did not name")
            .hint("name each with `--ignore`, if it should not be part of the model"));
    }
    if manifest.serialization().allow_symlinks {
        return Err(Failure::unverified("the signer followed links, which are not followed here"));
    }
    let mut rules = manifest.serialization().clone();
    rules.ignore_paths.extend(bundle_path);
    // Bundles of before 1.1 do not say what their signer left out; whoever checks them does.
    rules.ignore_paths.extend(args.ignore.iter().map(|path| plain(path)));
    let at_hand = list(&args.model, &rules).map_err(|failure| match failure.exit() {
        crate::failure::Exit::Unverified => failure,
        _ => failure.within("the model"),
    })?;
    let mut differences = manifest.differences(&at_hand);
    if args.ignore_unsigned {
        differences.retain(|difference| !matches!(difference, Difference::Unsigned(_)));
    }
    if !differences.is_empty() {
        return Err(differ(context, &differences));
    }
    let holds = json!({
        "signer": verified.identity,
        "digest": manifest.root(),
        "files": manifest.resources().len(),
    });
    context.printer.show(&holds, |_| {
        Facts::default()
            .add("signer", &verified.identity)
            .add("digest", manifest.root())
            .add("files", manifest.resources().len())
            .to_string()
    })
}

fn differ(context: &Context, differences: &[Difference]) -> Failure {
    for difference in differences.iter().take(MAX_TOLD) {
        context.printer.warn(&printable(&difference.to_string()));
    }
    let count = u64::try_from(differences.len()).unwrap_or(u64::MAX);
    let files = counted(count, "file");
    Failure::unverified(format!("the model is not the one that was signed: {files} differ"))
}

fn user(path: &Path) -> impl Fn(SignError) -> Failure {
    let path = path.display().to_string();
    move |error| Failure::user(format!("{path}: {error}"))
}

fn pem(path: &Path) -> Result<Vec<u8>, Failure> {
    read(path, MAX_PEM)
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(Failure::user(format!("{}: it is larger than {limit} bytes", path.display())));
    }
    Ok(bytes)
}

fn name(model: &Path) -> String {
    let full = fs::canonicalize(model).unwrap_or_else(|_| model.to_owned());
    full.file_name().map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Where the signature of a model is.
fn beside(model: &Path) -> PathBuf {
    if model.is_dir() {
        return model.join(BUNDLE_NAME);
    }
    let mut name = model.as_os_str().to_owned();
    name.push(".sig");
    PathBuf::from(name)
}

/// The path of `file` within the folder `model`, if it is there.
fn within(model: &Path, file: &Path) -> Option<String> {
    let model = fs::canonicalize(model).ok().filter(|model| model.is_dir())?;
    let folder = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => fs::canonicalize(parent).ok()?,
        _ => fs::canonicalize(".").ok()?,
    };
    let path = folder.join(file.file_name()?);
    path.strip_prefix(model).ok().map(|path| plain(&path.to_string_lossy()))
}

fn plain(path: &str) -> String {
    path.trim_start_matches("./").trim_end_matches('/').to_owned()
}

/// The files of a model by the rules, each with its digest.
fn list(model: &Path, rules: &Serialization) -> Result<Vec<Resource>, Failure> {
    if !fs::metadata(model)?.is_dir() {
        // A model of one file has no path within itself.
        return hash(model, ".", rules.method);
    }
    let mut resources = Vec::new();
    let mut folders = vec![(model.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let file_name = entry.file_name();
            let file_name = file_name.to_str().ok_or_else(|| {
                Failure::user(format!("{} is not named in UTF-8", entry.path().display()))
            })?;
            let name = format!("{prefix}{file_name}");
            if is_ignored(&name, rules.ignore_paths.iter().map(String::as_str)) {
                continue;
            }
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push((entry.path(), name + "/"));
            } else if kind.is_file() {
                resources.extend(hash(&entry.path(), &name, rules.method)?);
            } else {
                let text = format!("{} is a link or a device", entry.path().display());
                return Err(Failure::unverified(text).hint("models are signed without links"));
            }
            if resources.len() > MAX_FILES || folders.len() > MAX_FILES {
                return Err(Failure::user("the model has more files than are signed"));
            }
        }
    }
    Ok(resources)
}

fn hash(path: &Path, name: &str, method: Method) -> Result<Vec<Resource>, Failure> {
    let mut file = fs::File::open(path)?;
    let size = match method {
        Method::Files => {
            return Ok(vec![Resource { name: name.to_owned(), digest: digest(&mut file)?.1 }]);
        }
        Method::Shards(size) => size,
    };
    let (mut shards, mut start) = (Vec::new(), 0_u64);
    loop {
        let (length, digest) = digest(&mut file.by_ref().take(size))?;
        if length == 0 {
            return Ok(shards);
        }
        let end = start.saturating_add(length);
        shards.push(Resource { name: format!("{name}:{start}:{end}"), digest });
        start = end;
    }
}

fn digest(reader: &mut impl Read) -> Result<(u64, Digest), Failure> {
    let (mut hash, mut length) = (Hash::new(&SHA256), 0_u64);
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = reader.read(&mut chunk)?;
        if count == 0 {
            let mut digest = [0; 32];
            digest.copy_from_slice(hash.finish().as_ref());
            return Ok((length, Digest::from_bytes(digest)));
        }
        hash.update(chunk.get(..count).unwrap_or_default());
        length = length.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    }
}
