//! What interrupts the demo: Ctrl-C and its relatives, and a terminal of another size.

use crate::failure::Failure;
use std::io;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Why a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Woken {
    /// The demo is to end.
    Stop,
    /// The terminal has another size.
    Resize,
    /// Nothing happened.
    Time,
}

/// The signals, caught from here on.
#[derive(Debug)]
pub(super) struct Signals {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    resize: Signal,
}

impl Signals {
    /// Catches them.
    pub(super) fn catch() -> Result<Self, Failure> {
        Self::try_catch().map_err(|error| Failure::ours("signals cannot be caught").because(error))
    }

    fn try_catch() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let inside = runtime.enter();
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        let hangup = signal(SignalKind::hangup())?;
        let resize = signal(SignalKind::window_change())?;
        drop(inside);
        Ok(Self { runtime, interrupt, terminate, hangup, resize })
    }

    /// Waits for one of them, at most for `most`.
    pub(super) fn wait(&mut self, most: Duration) -> Woken {
        let Self { runtime, interrupt, terminate, hangup, resize } = self;
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => Woken::Stop,
                _ = terminate.recv() => Woken::Stop,
                _ = hangup.recv() => Woken::Stop,
                _ = resize.recv() => Woken::Resize,
                () = tokio::time::sleep(most) => Woken::Time,
            }
        })
    }
}
