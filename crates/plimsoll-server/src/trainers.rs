//! Trainers: what the operator declares, and running a command of theirs in a folder of its own.
//!
//! Only the settings of the server name commands: whoever may ask that a model is trained again
//! chooses a trainer by its name, and brings no command.

use crate::trainers_webhook::Webhook;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// The most trainers.
pub const MAX_TRAINERS: usize = 64;
/// What is kept of what one attempt says. A trainer that says more has said what it had to.
const MAX_LOG: u64 = 4 << 20;
/// How often it is looked whether a trainer ended or is to end.
const LOOK: Duration = Duration::from_millis(50);
/// The largest file that a trainer may write: 64 GiB, in blocks of 512 bytes.
const MAX_FILE_BLOCKS: u64 = (64 << 30) / 512;
/// What is read of a process's environment to recognise it.
const MAX_ENVIRON: u64 = 256 << 10;
/// The variable that marks processes of a retraining.
const MARK: &str = "PLIMSOLL_RETRAIN";

/// A trainer, as the operator declares it.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trainer {
    /// The program and its arguments; none if it trains elsewhere.
    #[serde(default)]
    pub command: Vec<String>,
    /// The folder that it runs in, for a project such as `dvc repro`'s; one of its own, empty
    /// before, unless told.
    #[serde(default)]
    pub folder: Option<PathBuf>,
    /// The model file that it makes, within the folder of its results, or within `folder`.
    #[serde(default = "model_file")]
    pub model: String,
    /// Seconds until it is ended.
    #[serde(default = "an_hour")]
    pub timeout_seconds: u64,
    /// Its address space, in MiB, for each of its processes.
    #[serde(default = "memory")]
    pub memory_mib: u64,
    /// Where it trains instead of here.
    #[serde(default)]
    pub webhook: Option<Webhook>,
    /// Variables of its environment. It has no others but `PATH`, `HOME`, `LANG` and ours.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// The declared trainers, by name.
pub type Trainers = BTreeMap<String, Trainer>;

fn model_file() -> String {
    "model.json".to_owned()
}
const fn an_hour() -> u64 {
    60 * 60
}
const fn memory() -> u64 {
    8 * 1024
}

/// Why a declaration cannot be used.
///
/// # Errors
/// The trainer and what is wrong with it.
pub fn check(trainers: &Trainers) -> Result<(), String> {
    if trainers.len() > MAX_TRAINERS {
        return Err(format!("there are more than {MAX_TRAINERS} trainers"));
    }
    for (name, trainer) in trainers {
        let wrong = |what: &str| Err(format!("the trainer `{name}`: {what}"));
        let is_elsewhere = trainer.webhook.is_some();
        if is_elsewhere && !trainer.command.is_empty() {
            return wrong("has either a `command` or a `webhook`");
        }
        if !is_elsewhere && trainer.command.first().is_none_or(String::is_empty) {
            return wrong("`command` must name a program");
        }
        if trainer.timeout_seconds == 0 || trainer.memory_mib == 0 {
            return wrong("`timeout_seconds` and `memory_mib` must be at least 1");
        }
        let path = Path::new(&trainer.model);
        let is_within = path.components().all(|c| matches!(c, std::path::Component::Normal(_)));
        if trainer.model.is_empty() || !is_within {
            return wrong("`model` must be a path within its folder");
        }
    }
    Ok(())
}

/// Where an attempt works. Everything is made anew for each.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    root: PathBuf,
}

impl Place {
    pub(crate) const fn new(root: PathBuf) -> Self {
        Self { root }
    }
    /// What the trainer is given.
    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("in")
    }
    /// Where it works, unless it has a folder of its own.
    pub(crate) fn work(&self) -> PathBuf {
        self.root.join("work")
    }
    /// Where it puts what it makes.
    pub(crate) fn out(&self) -> PathBuf {
        self.root.join("out")
    }
    /// What it says.
    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("log")
    }
    /// Empties it; what attempts before said is kept.
    pub(crate) fn clean(&self) -> std::io::Result<()> {
        for folder in [self.data(), self.work(), self.out()] {
            match fs_err::remove_dir_all(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => fs_err::create_dir_all(&folder)?,
            }
        }
        Ok(())
    }
    /// Takes rows and results away; what was said stays.
    pub(crate) fn tidy(&self) {
        for folder in [self.data(), self.work(), self.out()] {
            if let Err(error) = fs_err::remove_dir_all(&folder)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(%error, "what a retraining left could not be removed");
            }
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It says that it made a model.
    Well,
    /// It made none, for this reason.
    Badly(String),
    /// It was ended because it is no longer wanted.
    Stopped,
}

/// Runs a command until it ends, is too slow or is no longer wanted. No process of its group is
/// left then. Blocks.
pub(crate) fn run(
    trainer: &Trainer,
    id: &str,
    place: &Place,
    begun: impl FnOnce(i32) -> bool,
    mut is_wanted: impl FnMut() -> bool,
) -> std::io::Result<Ended> {
    let folder = trainer.folder.clone().unwrap_or_else(|| place.work());
    let absolute = |path: PathBuf| fs_err::canonicalize(&path);
    let (data, out) = (absolute(place.data())?, absolute(place.out())?);
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "ulimit -v \"$1\" && ulimit -t \"$2\" && ulimit -f \"$3\" && ulimit -c 0 || exit 126; shift 3; exec \"$@\"", "trainer"])
        .arg(trainer.memory_mib.saturating_mul(1024).to_string())
        // Every core may work all the time.
        .arg(trainer.timeout_seconds.saturating_mul(256).to_string())
        .arg(MAX_FILE_BLOCKS.to_string())
        .args(&trainer.command)
        .current_dir(&folder)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", absolute(place.work())?)
        .env("LANG", "C.UTF-8")
        .envs(&trainer.env)
        .env(MARK, id)
        .env("PLIMSOLL_RETRAIN_DATA", data.join("decisions.parquet"))
        .env("PLIMSOLL_RETRAIN_MANIFEST", data.join("manifest.json"))
        .env("PLIMSOLL_RETRAIN_OUT", &out)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command.spawn()?;
    let group = i32::try_from(child.id()).unwrap_or(0);
    let pipes: Vec<Box<dyn std::io::Read + Send>> = [
        child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn std::io::Read + Send>),
        child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn std::io::Read + Send>),
    ]
    .into_iter()
    .flatten()
    .collect();
    let log = place.log();
    let readers: Vec<_> = pipes
        .into_iter()
        .map(|pipe| {
            let log = log.clone();
            std::thread::spawn(move || copy(pipe, &log))
        })
        .collect();
    let mut is_stopped = !begun(group);
    let looks = trainer.timeout_seconds.saturating_mul(1_000)
        / u64::try_from(LOOK.as_millis()).unwrap_or(50);
    let mut looked = 0_u64;
    let ended = loop {
        if let Some(status) = child.try_wait()? {
            break of(status);
        }
        is_stopped = is_stopped || (looked.is_multiple_of(10) && !is_wanted());
        if is_stopped || looked > looks {
            kill(group);
            child.wait()?;
            break if is_stopped {
                Ended::Stopped
            } else {
                Ended::Badly(format!("it took longer than {} seconds", trainer.timeout_seconds))
            };
        }
        std::thread::sleep(LOOK);
        looked = looked.saturating_add(1);
    };
    // What it left running goes too, and lets go of the pipes.
    kill(group);
    for reader in readers {
        drop(reader.join());
    }
    Ok(ended)
}

fn of(status: ExitStatus) -> Ended {
    match status.code() {
        Some(0) => Ended::Well,
        Some(126) => Ended::Badly("its limits could not be set, or it cannot be run".into()),
        Some(code) => Ended::Badly(format!("the trainer ended with code {code}")),
        None => Ended::Badly("the trainer was ended by a signal: too much memory or time".into()),
    }
}

fn kill(group: i32) {
    if let Some(pid) = Pid::from_raw(group).filter(|_| group > 1) {
        // None may be left, and then it says so.
        if let Err(error) = kill_process_group(pid, Signal::KILL) {
            tracing::debug!(%error, "nothing of a trainer is left to be ended");
        }
    }
}

/// Ends what trainers of a process before this one left running for a retraining. They are known
/// by their mark: a number may be another's by now, or may never have been noted.
pub(crate) fn end_orphans(id: &str) {
    let mark = format!("{MARK}={id}");
    let Ok(processes) = fs_err::read_dir("/proc") else { return };
    for process in processes.map_while(Result::ok) {
        let name = process.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        if is_marked(pid, mark.as_bytes()) {
            tracing::info!(retrain = id, "a trainer that outlived its server is ended");
            if let Some(pid) = Pid::from_raw(pid) {
                // It may have ended by itself.
                if let Err(error) = kill_process(pid, Signal::KILL) {
                    tracing::debug!(%error, "a trainer had ended by itself");
                }
            }
        }
    }
}

fn is_marked(pid: i32, mark: &[u8]) -> bool {
    // Another user's cannot be read, and is none of ours.
    let Ok(file) = fs_err::File::open(format!("/proc/{pid}/environ")) else { return false };
    let mut environ = Vec::new();
    file.take(MAX_ENVIRON).read_to_end(&mut environ).is_ok()
        && environ.split(|byte| *byte == 0).any(|one| one == mark)
}

/// Copies what a trainer says, up to the bound; the rest is read and let go.
fn copy(mut pipe: Box<dyn std::io::Read + Send>, log: &Path) {
    let opened = std::fs::OpenOptions::new().create(true).append(true).open(log);
    let Ok(mut file) = opened else { return };
    let mut piece = [0; 8 << 10];
    loop {
        let count = match pipe.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(count) => count,
        };
        let length = file.metadata().map_or(MAX_LOG, |data| data.len());
        let room = usize::try_from(MAX_LOG.saturating_sub(length)).unwrap_or(0);
        let said = piece.get(..count.min(room)).unwrap_or_default();
        if file.write_all(said).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trainer(script: &str) -> Trainer {
        Trainer {
            command: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
            folder: None,
            webhook: None,
            model: "model.json".into(),
            timeout_seconds: 60,
            memory_mib: 512,
            env: [("KNOWN".to_owned(), "yes".to_owned())].into(),
        }
    }

    fn place() -> (tempfile::TempDir, Place) {
        let folder = tempfile::tempdir().expect("temp");
        let place = Place::new(folder.path().to_path_buf());
        place.clean().expect("clean");
        (folder, place)
    }

    fn said(place: &Place) -> String {
        fs_err::read_to_string(place.log()).unwrap_or_default()
    }

    #[test]
    fn a_command_sees_its_folders_and_nothing_of_our_environment() {
        let (_folder, place) = place();
        let script = "echo made > \"$PLIMSOLL_RETRAIN_OUT/model.json\"; env | sort; echo oops >&2";
        let mut group = 0;
        let begun = |pid| {
            group = pid;
            true
        };
        let ended = run(&trainer(script), "r1", &place, begun, || true).expect("runs");
        assert_eq!(ended, Ended::Well);
        let text = said(&place);
        assert!(text.contains("KNOWN=yes") && text.contains("PLIMSOLL_RETRAIN=r1"), "{text}");
        assert!(text.contains("oops") && !text.contains("CARGO"), "{text}");
        assert!(place.out().join("model.json").exists() && group > 1);
        // The next attempt begins with nothing, and the log goes on.
        place.clean().expect("clean");
        assert!(!place.out().join("model.json").exists());
        assert!(said(&place).contains("oops"));
    }

    #[test]
    fn failures_are_told_apart() {
        let (_folder, place) = place();
        let ended = |trainer: &Trainer, wanted: bool| {
            run(trainer, "r2", &place, |_| true, || wanted).expect("runs")
        };
        assert_eq!(
            ended(&trainer("exit 3"), true),
            Ended::Badly("the trainer ended with code 3".into())
        );
        let slow = Trainer { timeout_seconds: 1, ..trainer("sleep 600") };
        assert_eq!(ended(&slow, true), Ended::Badly("it took longer than 1 seconds".into()));
        assert_eq!(ended(&trainer("sleep 600"), false), Ended::Stopped);
        // Memory beyond the limit is refused to it.
        let greedy = Trainer {
            memory_mib: 64,
            ..trainer("head -c 200000000 /dev/zero | tail -c 1 > /dev/null")
        };
        assert!(matches!(ended(&greedy, true), Ended::Badly(_) | Ended::Well));
    }

    #[test]
    fn what_a_trainer_leaves_behind_is_ended_and_a_long_log_is_cut() {
        let (_folder, place) = place();
        let script =
            "sleep 600 & echo $! > \"$PLIMSOLL_RETRAIN_OUT/pid\"; head -c 6000000 /dev/zero";
        assert_eq!(
            run(&trainer(script), "r3", &place, |_| true, || true).expect("runs"),
            Ended::Well
        );
        let pid = fs_err::read_to_string(place.out().join("pid")).expect("read");
        let state =
            fs_err::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z "), "{state}");
        let length = fs_err::metadata(place.log()).expect("a log").len();
        assert!(length <= MAX_LOG + (16 << 10), "{length}");
    }

    #[test]
    fn an_orphan_is_known_by_its_mark() {
        let spawn = |mark: &str| {
            let mut command = Command::new("/bin/sleep");
            command.arg("600").env(MARK, mark).process_group(0).spawn().expect("sleeps")
        };
        let (mut ours, mut other) = (spawn("r4-of-the-test"), spawn("another"));
        end_orphans("r4-of-the-test");
        assert!(ours.wait().expect("ended").code().is_none());
        assert!(other.try_wait().expect("looked").is_none(), "it is not ours");
        other.kill().expect("ended");
        other.wait().expect("ended");
    }

    #[test]
    fn declarations_that_cannot_work_are_refused() {
        let refused = |trainer: Trainer| check(&[("t".to_owned(), trainer)].into()).err();
        assert_eq!(refused(trainer("true")), None);
        for bad in [
            Trainer { command: Vec::new(), ..trainer("") },
            Trainer { model: "../model.json".into(), ..trainer("") },
            Trainer { model: "/model.json".into(), ..trainer("") },
            Trainer { timeout_seconds: 0, ..trainer("") },
        ] {
            assert!(refused(bad).expect("refused").contains("`t`"));
        }
    }
}
