//! The demo's server: this binary once more, as a child process.

use super::signals::{Signals, Woken};
use super::wire::Wire;
use crate::failure::Failure;
use crate::settings::KEYS;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Lines of the server's output that are kept, to be shown if it ends early.
const MAX_LINES: usize = 20;
/// The longest kept line, in bytes.
const MAX_LINE_BYTES: u64 = 4096;
/// The longest wait for a start: a used folder may have millions of entries.
const START_MAX: Duration = Duration::from_secs(60);
/// The longest wait for an end; the server itself gives its drain 30 s.
const STOP_MAX: Duration = Duration::from_secs(40);
/// How often a start or an end is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// A running server. It does not outlive this value.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    said: Arc<Mutex<VecDeque<String>>>,
}

impl Server {
    /// Starts `plimsoll serve --dev` in the demo's `folder`.
    pub(super) fn start(
        port: u16,
        folder: &Path,
        trainers: Option<&Path>,
    ) -> Result<Self, Failure> {
        let binary = std::env::current_exe()
            .map_err(|error| Failure::ours("this binary cannot be found").because(error))?;
        let mut command = Command::new(binary);
        // The demo is the same everywhere: no settings but these.
        command.args(["serve", "--dev", "--host", "127.0.0.1", "--config", "/dev/null"]);
        command.args(["--set", "log.level=warn", "--color", "never"]);
        // Who tries a demo has not set a disk aside for it.
        command.args(["--set", "ledger.reserve=16MiB"]);
        if let Some(trainers) = trainers {
            // A loop in minutes: what is counted is looked at each second.
            command.args(["--set", "monitor.slot=1s", "--set"]);
            command.arg(format!("retrain.trainers_file={}", trainers.display()));
        }
        command.args(["--port", &port.to_string()]);
        command.arg("--data").arg(folder.join("data"));
        command.arg("--keys").arg(folder.join("keys"));
        for key in KEYS {
            command.env_remove(key.env());
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C is for us: the server is told to stop once the traffic has ended.
        command.process_group(0);
        let mut child = command
            .spawn()
            .map_err(|error| Failure::ours("the server could not be started").because(error))?;
        let said = Arc::default();
        if let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) {
            listen(stdout, Arc::clone(&said));
            listen(stderr, Arc::clone(&said));
        }
        Ok(Self { child, said })
    }

    /// Waits until it takes requests; `false` if somebody wants it all to end before that.
    pub(super) fn ready(&mut self, wire: &Wire, signals: &mut Signals) -> Result<bool, Failure> {
        for _ in 0..START_MAX.as_millis() / LOOK.as_millis() {
            self.check()?;
            if wire.is_ready() {
                return Ok(true);
            }
            if signals.wait(LOOK) == Woken::Stop {
                return Ok(false);
            }
        }
        let seconds = START_MAX.as_secs();
        Err(self.failure(format!("the server does not answer after {seconds} s")))
    }

    /// Fails if the server has ended.
    pub(super) fn check(&mut self) -> Result<(), Failure> {
        match self.ended()? {
            Some(status) => Err(self.failure(format!("the server ended early: {status}"))),
            None => Ok(()),
        }
    }

    /// `failure`, or the end of the server if that is what it comes from.
    pub(super) fn blame(&mut self, failure: Failure) -> Failure {
        self.check().err().unwrap_or(failure)
    }

    /// Lets it finish what it has and waits for its end. A second Ctrl-C cuts that short.
    pub(super) fn stop(mut self, signals: &mut Signals) -> Result<(), Failure> {
        self.terminate();
        for _ in 0..STOP_MAX.as_millis() / LOOK.as_millis() {
            match self.ended()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    return Err(self.failure(format!("the server did not drain: {status}")));
                }
                None => {}
            }
            if signals.wait(LOOK) == Woken::Stop {
                self.terminate();
            }
        }
        let seconds = STOP_MAX.as_secs();
        Err(self.failure(format!("the server did not end within {seconds} s and was killed")))
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.child
            .try_wait()
            .map_err(|error| Failure::ours("the server cannot be watched").because(error))
    }

    /// Asks it to drain and end. If there is nobody to ask, that is what was wanted.
    fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap_or_default();
    }

    fn failure(&self, message: String) -> Failure {
        // The last words may still be on their way through the pipe.
        std::thread::sleep(LOOK);
        let said = self.said.lock().map(|said| said.iter().cloned().collect::<Vec<_>>());
        let said = said.unwrap_or_default().join("\n  ");
        let failure = Failure::ours(message);
        if said.is_empty() { failure } else { failure.because(format!("it said:\n  {said}")) }
    }
}

/// Whatever goes wrong here, no server is left behind.
impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// Keeps the last lines of `stream`, so that the pipe never fills up.
fn listen(stream: impl Read + Send + 'static, said: Arc<Mutex<VecDeque<String>>>) {
    std::thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            match stream.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let Ok(mut said) = said.lock() else { return };
            if said.len() == MAX_LINES {
                said.pop_front();
            }
            said.push_back(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
    });
}
