//! `plimsoll approval`: keys of one's own, which approvals are signed with. A secret key is made
//! and kept here; the server knows the public one.

use super::Context;
use super::gate_server::hex;
use crate::failure::Failure;
use clap::Subcommand;
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use plimsoll_api as api;
use plimsoll_release::approval;
use plimsoll_types::{Digest, GovernanceId};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const PATH: &str = "/api/v1/approval-keys";
/// The largest file of a secret key: 64 digits and a line's end.
const FILE_MAX: u64 = 256;

/// Verbs of approval.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Keys that approvals are signed with
    #[command(subcommand)]
    Key(Key),
}

/// Verbs of keys.
#[derive(Subcommand, Debug)]
pub(crate) enum Key {
    /// Make a key, keep its secret in a new file, and register it as yours
    #[command(after_help = "Examples:\n  plimsoll approval key new ada.key")]
    New {
        /// Where the secret goes; only you can read it
        file: PathBuf,
    },
    /// List your live keys
    #[command(after_help = "Examples:\n  plimsoll approval key list --json")]
    List,
    /// End one of your keys: what it approved counts no more
    #[command(
        after_help = "Examples:\n  plimsoll approval key end 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911"
    )]
    End {
        /// The key
        id: GovernanceId,
    },
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: &Verb) -> Result<(), Failure> {
    let Verb::Key(verb) = verb;
    let client = context.client()?;
    match verb {
        Key::New { file } => {
            let mut secret = Zeroizing::new([0; 32]);
            aws_lc_rs::rand::fill(&mut *secret)
                .map_err(|_| Failure::ours("the random number generator failed"))?;
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            let text = Zeroizing::new(format!("{}\n", hex(&*secret)));
            options.open(file)?.write_all(text.as_bytes())?;
            let body = api::RegisterApprovalKey { public_key: hex(&approval::public_of(&secret)) };
            let made: api::ApprovalKey = client.post(PATH, &body)?;
            context.printer.note(&format!("the secret key is in {}", file.display()));
            context.printer.show(&made, |made| format!("{} {}\n", made.id, made.public_key))
        }
        Key::List => {
            let page: api::Page<api::ApprovalKey> = client.get(PATH, &())?;
            context.show_page(&page, &["id", "public key", "registered"], |table, one| {
                table.row([one.id.to_string(), one.public_key.clone(), context.time(one.at)]);
            })
        }
        Key::End { id } => {
            client.delete(&format!("{PATH}/{id}"))?;
            context.printer.note("ended");
            Ok(())
        }
    }
}

/// The secret key of a file.
pub(super) fn secret(file: &Path) -> Result<Zeroizing<[u8; 32]>, Failure> {
    let wrong = || Failure::user(format!("`{}` holds no secret key", file.display()));
    if fs::metadata(file)?.len() > FILE_MAX {
        return Err(wrong());
    }
    let text = Zeroizing::new(fs::read_to_string(file)?);
    let key: Digest = text.trim().parse().map_err(|_| wrong())?;
    Ok(Zeroizing::new(*key.as_bytes()))
}
