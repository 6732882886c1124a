//! The command line of the ledger and of proofs: commands, options and examples.

use clap::Subcommand;
use std::path::PathBuf;

/// Verbs of the ledger.
#[derive(Subcommand, Debug)]
pub(crate) enum Ledger {
    /// Check everything in a data folder; exits with 3 if something is not what it should be
    ///
    /// Walks segments, sidecars, tiles, bundles, checkpoint and head, and names the first entry or
    /// file that is wrong. Needs no keys; may be used while the server runs.
    #[command(after_help = "\
Examples:
  plimsoll ledger verify --data ./plimsoll-data
  plimsoll ledger verify --data ./plimsoll-data --key log.vkey --resume verify.state")]
    Verify {
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// The log's public key, or a file with it [default: as the control state has it]
        #[arg(long, value_name = "VKEY|FILE")]
        key: Option<String>,
        /// Whom else to know: the log and its witnesses (C2SP tlog-policy)
        #[arg(long, value_name = "FILE", conflicts_with = "key")]
        policy: Option<PathBuf>,
        /// Keep how far it got in this file, and go on from there if it was broken off
        #[arg(long, value_name = "FILE")]
        resume: Option<PathBuf>,
        /// Leave the bodies' digests out, which is faster
        #[arg(long)]
        skip_bodies: bool,
    },
    /// Print the latest signed checkpoint
    #[command(after_help = "\
Examples:
  plimsoll ledger checkpoint > checkpoint
  plimsoll ledger checkpoint --data ./plimsoll-data")]
    Checkpoint {
        /// Read this data folder instead of asking the server
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Print the log's public key (a verifier key of signed notes)
    #[command(after_help = "\
Examples:
  plimsoll ledger key > log.vkey
  plimsoll ledger key --data ./plimsoll-data")]
    Key {
        /// Read this data folder instead of asking the server
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Print what proves that the log only grew from one size to another
    #[command(after_help = "\
Examples:
  plimsoll ledger consistency 1000 2000
  plimsoll ledger consistency 1000 2000 --data ./plimsoll-data > proof.json")]
    Consistency {
        /// The earlier size
        #[arg(value_name = "OLD")]
        old: u64,
        /// The later size
        #[arg(value_name = "NEW")]
        new: u64,
        /// Read this data folder instead of asking the server
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Begin a new log over the entries that are there, for a ledger that may not sign any more
    ///
    /// A ledger that was restored from an old backup lacks entries that its log has signed. If
    /// they are lost for good, the old log ends where its last checkpoint is, and a new one, of
    /// another name, begins. Needs `ledger.origin` to be set to the new name; the server must not
    /// run.
    #[command(after_help = "\
Examples:
  plimsoll ledger new-log --data ./plimsoll-data --keys ./plimsoll-keys")]
    NewLog {
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// The keys folder
        #[arg(long, value_name = "DIR")]
        keys: PathBuf,
    },
    /// Begin a new epoch of keys on the running server and destroy the one before
    ///
    /// Keys that were erased before are gone from the keys folder then, in whatever form.
    #[command(after_help = "Examples:\n  plimsoll ledger rotate-keys")]
    RotateKeys,
    /// Wrap the keys of a stopped server under another root
    ///
    /// The root in force is the setting `ledger.root`; set it to the new one afterwards. After a
    /// crash run it again. A `root.key` that is no longer needed is destroyed.
    #[command(after_help = "\
Examples:
  PLIMSOLL_ROOT_KEY=$(openssl rand -base64 32) plimsoll ledger rewrap-root --keys KEYS --to env:PLIMSOLL_ROOT_KEY
  plimsoll ledger rewrap-root --keys KEYS --to vault:https://vault.example:8200/transit/plimsoll --secret-file token
  plimsoll ledger rewrap-root --keys KEYS --to file")]
    RewrapRoot {
        /// The keys folder
        #[arg(long, value_name = "DIR")]
        keys: PathBuf,
        /// The new root, written as the setting `ledger.root`
        #[arg(long, value_name = "ROOT")]
        to: plimsoll_root::RootAddress,
        /// File that holds the new root's token, secret access key or PIN
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
        /// The new root's access key id (kms)
        #[arg(long, value_name = "ID")]
        user: Option<String>,
    },
}

/// What can be verified offline.
#[derive(Subcommand, Debug)]
pub(crate) enum Verify {
    /// Check a decision's receipt; exits with 3 if it proves nothing, and says which step failed
    #[command(after_help = "\
Examples:
  plimsoll verify receipt receipt.json --key log.vkey
  plimsoll verify receipt receipt.json --policy witnesses.policy --json")]
    Receipt {
        /// The receipt
        file: PathBuf,
        /// The log's public key, or a file with it
        #[arg(long, value_name = "VKEY|FILE", required_unless_present = "policy")]
        key: Option<String>,
        /// Whom to trust, witnesses included (C2SP tlog-policy)
        #[arg(long, value_name = "FILE", conflicts_with = "key")]
        policy: Option<PathBuf>,
    },
    /// Check that one signed checkpoint extends another; exits with 3 if it does not
    #[command(after_help = "\
Examples:
  plimsoll verify consistency old.checkpoint new.checkpoint --key log.vkey --proof proof.json
  plimsoll verify consistency old.checkpoint new.checkpoint --key log.vkey --data ./plimsoll-data")]
    Consistency {
        /// The earlier checkpoint
        old: PathBuf,
        /// The later checkpoint
        new: PathBuf,
        /// The log's public key, or a file with it
        #[arg(long, value_name = "VKEY|FILE")]
        key: String,
        /// What `ledger consistency` printed [default: ask the server]
        #[arg(long, value_name = "FILE", conflicts_with = "data")]
        proof: Option<PathBuf>,
        /// Take the proof from this data folder
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
}
