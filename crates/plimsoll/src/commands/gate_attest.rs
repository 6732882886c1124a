//! `plimsoll gate attest` and `attestations`: what only people can know, signed here.

use super::{Context, gate_server::hex, when};
use crate::failure::Failure;
use crate::printer::Facts;
use aws_lc_rs::digest::{Context as Hash, SHA256};
use clap::Args;
use fs_err as fs;
use plimsoll_api as api;
use plimsoll_release::approval;
use plimsoll_release::attestation::Attested;
use plimsoll_release::catalog::CheckId;
use plimsoll_types::{Clock as _, Digest, GovernanceId, Name};
use serde_json::json;
use std::io::Read as _;
use std::path::PathBuf;

/// The largest document that a statement rests on.
const DOCUMENT_MAX: u64 = 1 << 30;

/// What is stated.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  plimsoll gate attest credit-default RSK-01 --says \"register of November, residual risk accepted\" \\
      --evidence register.pdf --for 90d --sign-with rita.key
  plimsoll gate attest credit-default CHG-01 --version 3 --not-significant \\
      --says \"the same features, retrained on the last quarter\" --for 30d --sign-with bob.key

`plimsoll gate attestations` lists the demands that people may answer, who may, and for how long.")]
pub(crate) struct Attest {
    /// The deployment
    deployment: Name,
    /// The demand that it answers, such as RSK-01
    demand: String,
    /// What you state
    #[arg(long, value_name = "TEXT")]
    says: String,
    /// For how long, such as 90d
    #[arg(long = "for", value_name = "TIME")]
    lasts: String,
    /// The number of the version, of a demand that is about one
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// The document that it rests on: its SHA-256 is kept, not the file
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    /// Of a change (CHG-01): it is significant
    #[arg(long, conflicts_with = "not_significant")]
    significant: bool,
    /// Of a change: it is not
    #[arg(long)]
    not_significant: bool,
    /// The file of your secret key
    #[arg(long, value_name = "FILE")]
    sign_with: PathBuf,
}

/// What people stated.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  plimsoll gate attestations credit-default
  plimsoll gate attestations credit-default --may
  plimsoll gate attestations credit-default --end 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911")]
pub(crate) struct Attestations {
    /// The deployment
    deployment: Name,
    /// Show what may be stated, by whom, and for how long
    #[arg(long, conflicts_with = "end")]
    may: bool,
    /// Take this one back
    #[arg(long, value_name = "ID")]
    end: Option<GovernanceId>,
}

fn path(deployment: &Name) -> String {
    format!("/api/v1/deployments/{deployment}/attestations")
}

/// Signs and sends a statement.
pub(super) fn attest(context: &Context, args: &Attest) -> Result<(), Failure> {
    let secret = super::approval::secret(&args.sign_with)?;
    let client = context.client()?;
    let wanted = args.demand.to_ascii_uppercase();
    let demand = CheckId::ALL.iter().copied().find(|id| id.as_str() == wanted);
    let demand = demand.ok_or_else(|| {
        Failure::user(format!("`{}` names no demand", args.demand))
            .hint(format!("see `plimsoll gate attestations {} --may`", args.deployment))
    })?;
    let evidence = args.evidence.as_deref().map(digest_of).transpose()?;
    let significant = match (args.significant, args.not_significant) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    };
    let artifact = match args.version {
        Some(version) => {
            Some(super::gate_server::standing(&client, &args.deployment, version)?.artifact)
        }
        None => None,
    };
    let challenge: api::ApprovalChallenge =
        client.post("/api/v1/approval-challenges", &json!({}))?;
    // The challenge says who it is for, on its last line; the statement is by the same.
    let by = challenge.text.lines().last().unwrap_or_default().to_owned();
    let now = context.clock.now();
    let until = now.plus(when::duration(&args.lasts)?);
    let attested = Attested {
        deployment: args.deployment.to_string(),
        demand,
        artifact,
        says: args.says.clone(),
        evidence,
        significant,
        until_us: until.as_micros(),
        by,
        at_us: now.as_micros(),
    };
    let body = api::Attest {
        demand: demand.to_string(),
        version: args.version,
        says: attested.says.clone(),
        evidence,
        significant,
        until: until.into(),
        at_us: attested.at_us,
        signature: hex(&approval::sign(&secret, &attested.message())),
        challenge: challenge.id,
        challenge_signature: hex(&approval::sign(&secret, challenge.text.as_bytes())),
    };
    let made: api::Attestation = client.post(&path(&args.deployment), &body)?;
    context.printer.show(&made, |one| {
        Facts::default()
            .add("id", one.id)
            .add("demand", &one.demand)
            .add("by", &one.by)
            .add("until", context.time(one.until))
            .maybe("rests on", one.evidence)
            .to_string()
    })
}

fn digest_of(file: &std::path::Path) -> Result<Digest, Failure> {
    if fs::metadata(file)?.len() > DOCUMENT_MAX {
        return Err(Failure::user(format!("`{}` is larger than 1 GiB", file.display())));
    }
    let (mut hash, mut file) = (Hash::new(&SHA256), fs::File::open(file)?);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        hash.update(bytes);
    }
    let bytes = hash.finish().as_ref().try_into();
    Ok(Digest::from_bytes(bytes.map_err(|_| Failure::ours("SHA-256 has 32 bytes"))?))
}

/// Lists statements, what may be stated, or takes one back.
pub(super) fn list(context: &Context, args: &Attestations) -> Result<(), Failure> {
    let client = context.client()?;
    let path = path(&args.deployment);
    if let Some(id) = args.end {
        client.delete(&format!("{path}/{id}"))?;
        context.printer.note("taken back");
        return Ok(());
    }
    let found: api::Attestations = client.get(&path, &())?;
    context.printer.show(&found, |found| {
        let mut text = String::new();
        if args.may {
            for one in &found.may {
                let about = if one.of_version { ", of one version" } else { "" };
                let document = if one.needs_evidence { ", with a document" } else { "" };
                text.push_str(&format!(
                    "{:<8} {} ({}, at most {} days{about}{document})\n",
                    one.demand,
                    one.states,
                    one.roles.join(" or "),
                    one.days
                ));
            }
            return text;
        }
        for one in &found.items {
            let end = match &one.ended_by {
                Some(by) => format!("taken back by {by}"),
                None => format!("until {}", context.time(one.until)),
            };
            text.push_str(&format!(
                "{} {:<8} {} {end}: {}\n",
                one.id, one.demand, one.by, one.says
            ));
        }
        text
    })
}
