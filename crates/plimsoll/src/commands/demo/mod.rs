//! `plimsoll demo`: a server in a folder of its own, two models in it, live traffic to them,
//! and a view of what happens.
//!
//! It does through the API what anybody could, and knows nothing of how decisions are made.

mod assets;
mod closed_loop;
mod counters;
mod hints;
mod screen;
mod script;
mod server;
mod setup;
mod signals;
mod summary;
mod tally;
mod traffic;
mod view;
mod wire;

use super::Context;
use crate::cli::Demo;
use crate::client::Client;
use crate::failure::Failure;
use crate::printer::{Color, Printer};
use crate::settings::{Layers, Settings};
use assets::{CANCER, CREDIT};
use counters::Counters;
use hints::Hint;
use plimsoll_types::Clock;
use screen::Screen;
use script::Script;
use server::Server;
use signals::{Signals, Woken};
use std::io::{ErrorKind, IsTerminal};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;
use summary::Summary;
use tally::Tally;
use traffic::{CALLERS, Traffic};
use view::View;
use wire::Wire;

/// How often counters are read and the view is drawn.
const DRAW: Duration = Duration::from_millis(250);
/// How often a line is printed where there is no terminal.
const LINE: Duration = Duration::from_secs(10);
/// How often the last counters are read until nothing is in flight: somebody may be trying a
/// hint just then, and a request lasts a second at most.
const MAX_SETTLE: u32 = 40;

/// A demo that is set up.
#[derive(Debug)]
struct Stage<'a> {
    context: &'a Context,
    folder: PathBuf,
    base: String,
    wire: Wire,
    hints: Vec<Hint>,
    tally: Tally,
    counters: Counters,
    /// When it began, on the clock that never goes back.
    start: u64,
    /// When traffic ends, on the same clock.
    end: Option<u64>,
}

/// Runs the demo.
pub(super) fn run(context: &Context, args: &Demo) -> Result<(), Failure> {
    let mut signals = Signals::catch()?;
    let port = free(args.port)?;
    let folder = prepare(context, &args.data)?;
    let base = format!("http://127.0.0.1:{port}");
    let wire = Wire::new(&base, CALLERS + 1);
    let trainers = match args.closed_loop {
        true => Some(closed_loop::prepare(&folder, args.python.as_deref())?),
        false => None,
    };
    let mut server = Server::start(port, &folder, trainers.as_deref())?;
    if !server.ready(&wire, &mut signals)? {
        return server.stop(&mut signals);
    }
    let mut stage = Stage::new(context, folder, base, wire);
    let played = match args.closed_loop {
        true => stage.play_loop(args, &mut server, &mut signals),
        false => stage.play(args, &mut server, &mut signals),
    };
    let (took, first) = played.map_err(|failure| server.blame(failure))?;
    stage.settle(&mut signals).map_err(|failure| server.blame(failure))?;
    server.stop(&mut signals)?;
    let read_back = summary::read_back(&stage.folder.join("data"), first)?;
    let summary = Summary::new(&stage.tally, &stage.counters, read_back, took);
    context.printer.show(&summary, |summary| format!("\n{}", summary.text()))?;
    summary.check()
}

impl<'a> Stage<'a> {
    fn new(context: &'a Context, folder: PathBuf, base: String, wire: Wire) -> Self {
        let start = context.clock.monotonic();
        let (hints, tally, counters) = Default::default();
        Self { context, folder, base, wire, hints, tally, counters, start, end: None }
    }

    /// Sets up, lets the traffic run, shows it; returns how long it ran, and the first entry of
    /// the ledger that may be one of its decisions.
    fn play(
        &mut self,
        args: &Demo,
        server: &mut Server,
        signals: &mut Signals,
    ) -> Result<(Duration, u64), Failure> {
        self.scrape()?;
        let first = self.counters.entries;
        self.set_up()?;
        let script = Script::new(self.context.clock.now().as_micros())?;
        write(&self.folder, hints::GOOD, script.good())?;
        write(&self.folder, hints::BAD, script.bad())?;
        self.greet()?;
        self.start = self.context.clock.monotonic();
        let seconds = args.seconds.map(u64::from).map(|seconds| seconds * 1_000_000_000);
        self.end = seconds.map(|nanos| self.start.saturating_add(nanos));
        let traffic = Traffic::start(&self.wire, script, args.rate, self.context.clock);
        let shown = self.show(Some(&traffic), server, signals);
        for seen in traffic.stop() {
            self.tally.add(seen);
        }
        let took = self.up();
        let is_interrupted = shown?;
        if args.keep && !is_interrupted {
            self.end = None;
            self.context.printer.note("the traffic has ended; Ctrl-C ends the server");
            self.show(None, server, signals)?;
        }
        Ok((took, first))
    }

    fn client(&self) -> Result<Client, Failure> {
        let mut layers = Layers::default();
        layers.set("client.url", Some(self.base.clone()), "--port");
        Client::new(&Settings::resolve(&layers)?)
    }

    /// The models, contracts and deployments.
    fn set_up(&self) -> Result<(), Failure> {
        let client = self.client()?;
        for case in [&CREDIT, &CANCER] {
            let version = setup::set_up(&client, case)?;
            let (model, deployment, mode) = (case.model, case.deployment, case.mode);
            let text =
                format!("deployment {deployment} answers with {model} {version}, mode {mode}");
            self.context.printer.detail(&text);
        }
        Ok(())
    }

    /// The first thing on stdout: where it answers.
    fn greet(&self) -> Result<(), Failure> {
        let base = &self.base;
        self.say(&format!(
            "plimsoll answers on {base}\n\
             console:  {base}/console/\n\
             API:      {base}/openapi.json\n"
        ))
    }

    /// Shows what happens until it is over; tells whether somebody ended it.
    fn show(
        &mut self,
        traffic: Option<&Traffic>,
        server: &mut Server,
        signals: &mut Signals,
    ) -> Result<bool, Failure> {
        let printer = &self.context.printer;
        let is_live = std::io::stdout().is_terminal() && !printer.is_json();
        let screen = if is_live { Some(Screen::open(printer)?) } else { None };
        let mut printed = Every::new(LINE, self.start);
        loop {
            server.check()?;
            self.scrape()?;
            let had_first = self.tally.first.is_some();
            for seen in traffic.into_iter().flat_map(Traffic::seen) {
                self.tally.add(seen);
            }
            if !had_first {
                self.hints = self.make_hints();
            }
            let now = self.context.clock.monotonic();
            match &screen {
                Some(screen) => screen.draw(&self.render())?,
                None if !had_first => self.first_answer()?,
                None if printed.is_due(now) => self.say(&self.line())?,
                None => {}
            }
            if self.end.is_some_and(|end| now >= end) {
                return Ok(false);
            }
            if signals.wait(DRAW) == Woken::Stop {
                return Ok(true);
            }
        }
    }

    fn scrape(&mut self) -> Result<(), Failure> {
        let page = self.wire.metrics();
        let page = page.map_err(|error| Failure::ours("the server's metrics").because(error))?;
        self.counters = Counters::read(&page);
        Ok(())
    }

    /// Reads the last counters, once nothing is in flight.
    fn settle(&mut self, signals: &mut Signals) -> Result<(), Failure> {
        for _ in 0..MAX_SETTLE {
            self.scrape()?;
            let Counters { in_flight, resolved, completions, .. } = self.counters;
            if in_flight == 0 && resolved == completions {
                break;
            }
            signals.wait(DRAW);
        }
        Ok(())
    }

    fn up(&self) -> Duration {
        Duration::from_nanos(self.context.clock.monotonic().saturating_sub(self.start))
    }

    fn rate(&self) -> f64 {
        self.tally.rate(self.start, self.context.clock.monotonic())
    }

    fn make_hints(&self) -> Vec<Hint> {
        // As it was typed: what works here, works in the next terminal in this folder.
        let binary = std::env::args().next().unwrap_or_else(|| "plimsoll".to_owned());
        let first = self.tally.first.as_ref().map(|seen| seen.reply.id.as_str());
        hints::hints(&binary, &self.base, &self.folder, first)
    }

    fn render(&self) -> Vec<String> {
        let view = View {
            base: &self.base,
            up: self.up(),
            rate: self.rate(),
            tally: &self.tally,
            counters: &self.counters,
            hints: &self.hints,
            utc: self.context.global.utc,
        };
        let color = match self.context.global.color {
            Color::Auto => !self.context.environment.no_color,
            Color::Always => true,
            Color::Never => false,
        };
        view::render(&view, Screen::size(), color)
    }

    /// The first governed answer and what to try, once there is one.
    fn first_answer(&self) -> Result<(), Failure> {
        let Some(seen) = &self.tally.first else { return Ok(()) };
        let wire::Outcome::Answered { value, .. } = seen.reply.outcome else { return Ok(()) };
        let mut text = format!(
            "\nfirst governed answer: probability {value:.4} by {}, decision {}\n\nin another terminal\n",
            seen.deployment, seen.reply.id
        );
        for Hint { what, command } in &self.hints {
            text.push_str(&format!("  {what:<10}  {command}\n"));
        }
        text.push('\n');
        self.say(&text)
    }

    /// How it goes, in a line.
    fn line(&self) -> String {
        let (tally, counters) = (&self.tally, &self.counters);
        let p = |percent| tally.percentile(percent).map_or_else(|| "-".to_owned(), view::duration);
        format!(
            "{} s: {} requests, {:.1}/s, {} decisions durable, {} refused, p50 {}, p99 {}, ledger {} entries\n",
            self.up().as_secs(),
            view::number(tally.requests),
            self.rate(),
            view::number(counters.completions),
            view::number(counters.refused()),
            p(50),
            p(99),
            view::number(counters.entries),
        )
    }

    /// Prints to stdout, unless that is for JSON.
    fn say(&self, text: &str) -> Result<(), Failure> {
        let printer: &Printer = &self.context.printer;
        if printer.is_json() {
            printer.note(text.trim_end());
            return Ok(());
        }
        printer.data(text)
    }
}

/// Something that is done at intervals.
#[derive(Debug)]
struct Every {
    nanos: u64,
    next: u64,
}

impl Every {
    fn new(interval: Duration, start: u64) -> Self {
        let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        Self { nanos, next: start.saturating_add(nanos) }
    }
    /// Whether it is due at `now`; if so, it is next due an interval later.
    fn is_due(&mut self, now: u64) -> bool {
        let is_due = now >= self.next;
        if is_due {
            self.next = now.saturating_add(self.nanos);
        }
        is_due
    }
}

/// `port` if nobody has it; a free one for 0.
fn free(port: u16) -> Result<u16, Failure> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|bound| bound.local_addr());
    bound.map(|address| address.port()).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => Failure::user(format!("port {port} is taken")).hint(format!(
            "take another, such as `--port {}`",
            port.checked_add(10).unwrap_or(8090)
        )),
        _ => Failure::user(format!("port {port} cannot be used")).because(error),
    })
}

/// The demo's folder, made if it is not there; never somebody else's.
fn prepare(context: &Context, folder: &Path) -> Result<PathBuf, Failure> {
    let shown = folder.display();
    let is_used = folder.join("data").is_dir();
    if is_used {
        context.printer.note(&format!("going on in `{shown}`, the folder of an earlier demo"));
    } else {
        fs_err::create_dir_all(folder)?;
        if fs_err::read_dir(folder)?.next().is_some() {
            return Err(Failure::user(format!("`{shown}` is not empty, and not a demo's folder"))
                .hint("name another with `--data DIR`"));
        }
        context.printer.note(&format!("made `{shown}` for the demo; remove it when you are done"));
    }
    context
        .printer
        .warn("the demo asks for no keys: everybody on this machine may do everything in it");
    // Without `./`, as people write it.
    Ok(folder.strip_prefix(".").unwrap_or(folder).to_path_buf())
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), Failure> {
    Ok(fs_err::write(folder.join(name), text)?)
}
