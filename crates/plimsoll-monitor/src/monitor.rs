//! All of it together, once every slot: what threads counted becomes slots, slots become windows,
//! windows say what they say.
//!
//! A slot is kept when it is over and nothing of it can be under way any more. What was not kept
//! when the process ended is counted again from the ledger at the next start, from the mark on.

use crate::cells;
use crate::explain::{Contributions, Sampler, explained};
use crate::files::{Files, Mark, MonitorError, Shelf};
use crate::recorder::{Counted, Key, Recorder, References};
use crate::recount::{Wanted, read_rows, recount};
use crate::reference::{Builder, Reference};
use crate::staleness::{Facts, Limits, Staleness};
use crate::tally::Tally;
use crate::track::{Track, signals};
use crate::{Latest, Signals};
use plimsoll_api as api;
use plimsoll_ledger::Ledger;
use plimsoll_serving::{ServedVersion, ServingSnapshot};
use plimsoll_types::{Clock, DeploymentId, Digest, Severity, Signal, SignalKind, Time};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long after a slot's end decisions of it may still be recorded; a deadline is shorter.
const GRACE: Duration = Duration::from_secs(10);
/// A recount forgets no slot of the last minute: records come nearly in the order of their times.
const DISORDER: Duration = Duration::from_secs(60);
/// Slots that a recount holds at once.
const SLOTS_HELD: u64 = 64;
/// Ledger entries between two notes of how far a recount is.
const NOTE_EVERY: u64 = 4_096;
/// Marks that are remembered: those of the last grace and more.
const MAX_MARKS: usize = 64;
/// How often what lasts is said again.
const REMIND_EVERY: Duration = Duration::from_secs(86_400);
/// Versions that are watched. Each has a window in memory.
const MAX_TRACKS: usize = 10_000;
/// Ledger entries, the newest, that are looked through for rows to explain: half a second. Of older
/// windows distances are weighed instead.
const EXPLAINED_ENTRIES: u64 = 50_000;
/// How old a reference may be where none says so itself.
const REFERENCE_DAYS: u32 = 180;

/// What a monitor is opened with.
#[derive(Debug, Clone)]
pub struct MonitorConfig {
    /// Its folder.
    pub folder: PathBuf,
    /// The length of a slot.
    pub slot: Duration,
}

/// A reference that is in force, as control keeps it.
#[derive(Debug, Clone)]
pub struct Watched {
    /// The version.
    pub key: Key,
    /// What it is compared with.
    pub reference: Reference,
    /// The digest of its document.
    pub digest: Digest,
}

/// Watches deployments.
#[derive(Debug)]
pub struct Monitor {
    recorder: Arc<Recorder>,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    files: Files,
    grace: Duration,
    latest: Latest,
    signals: Option<Arc<dyn Signals>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tracks: HashMap<Key, Track>,
    references: HashMap<Key, (Arc<Reference>, Digest)>,
    /// Everything before this slot is in the tracks and in the files.
    done_to: u64,
    index: u64,
    marks: VecDeque<(Time, u64)>,
    reminded: HashMap<(DeploymentId, SignalKind, &'static str), Time>,
    backfills: HashMap<DeploymentId, api::Backfill>,
    /// What is known of versions beside their traffic.
    facts: HashMap<Key, Facts>,
    /// Windows that ended and are not told yet.
    ended: Vec<(Key, api::MonitoredWindow)>,
}

/// Every decision before the ledger's index was accepted before the time.
fn remember(marks: &mut VecDeque<(Time, u64)>, mark: (Time, u64)) {
    if marks.len() >= MAX_MARKS {
        marks.pop_front();
    }
    marks.push_back(mark);
}

/// Slots in order, each of one version.
type Slots = BTreeMap<(u64, Key), (Option<Arc<Reference>>, Tally)>;

impl Monitor {
    /// Opens the folder, goes on where the last process ended, and counts again what that left.
    /// What is said goes to `signals`, too.
    ///
    /// # Errors
    /// [`MonitorError`] if files or ledger cannot be used.
    pub fn open(
        config: &MonitorConfig,
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        watched: Vec<Watched>,
        signals: Option<Arc<dyn Signals>>,
    ) -> Result<Self, MonitorError> {
        let slot = u64::try_from(config.slot.as_micros()).unwrap_or(u64::MAX);
        let recorder = Arc::new(Recorder::new(slot));
        let files = Files::open(config.folder.clone())?;
        let now = clock.now();
        let (mark, is_new) = match files.mark() {
            Some(mark) => (mark, false),
            None => (Mark { until: now, index: ledger.durable() }, true),
        };
        let references = watched
            .into_iter()
            .map(|one| (one.key, (Arc::new(one.reference), one.digest)))
            .collect();
        let state = State {
            tracks: HashMap::new(),
            references,
            done_to: recorder.slot(mark.until),
            index: mark.index,
            marks: VecDeque::new(),
            reminded: HashMap::new(),
            backfills: HashMap::new(),
            facts: HashMap::new(),
            ended: Vec::new(),
        };
        let monitor = Self {
            grace: GRACE.min(config.slot * 2),
            recorder,
            ledger,
            clock,
            files,
            latest: Latest::default(),
            signals,
            state: Mutex::new(state),
        };
        monitor.resume(mark, is_new)?;
        Ok(monitor)
    }

    /// Who sees decisions for this monitor.
    #[must_use]
    pub fn recorder(&self) -> Arc<Recorder> {
        Arc::clone(&self.recorder)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn resume(&self, mark: Mark, is_new: bool) -> Result<(), MonitorError> {
        let state = &mut *self.state();
        self.recorder.compare_with(references(state));
        let referenced: Vec<Key> = state.references.keys().copied().collect();
        let bare = self.files.unreferenced();
        let bare = bare.into_iter().filter(|key| !state.references.contains_key(key));
        for key in referenced.into_iter().chain(bare.collect::<Vec<_>>()).take(MAX_TRACKS) {
            let reference = state.references.get(&key).map(|(reference, _)| Arc::clone(reference));
            let shelf = self.shelf(state, key);
            let mut track = Track::after(key, reference.clone(), shelf.windows()?);
            let slots = shelf.slots(track.ended(), mark.until, reference.as_deref());
            for (from, tally) in &slots {
                let until = self.recorder.start(self.recorder.slot(*from).saturating_add(1));
                let ended = self.end(&shelf, &mut track, (*from, until), tally)?;
                state.ended.extend(ended.into_iter().map(|window| (key, window)));
            }
            let ended = track.ended();
            let open =
                slots.into_iter().filter(|(from, _)| ended.is_none_or(|ended| ended <= *from));
            shelf.keep_slots(&open.collect::<Vec<_>>())?;
            state.tracks.insert(key, track);
        }
        if is_new {
            return self.files.note(mark);
        }
        self.say(state, None);
        let wanted = Wanted {
            from_index: mark.index,
            to_index: self.ledger.durable(),
            since: mark.until,
            until: Time::from_micros(u64::MAX),
            deployment: None,
        };
        let recorder = &self.recorder;
        let mut held = recorder.slot(mark.until);
        let mut failed = Ok(());
        let mut latest = mark.until;
        let done = recount(&self.ledger, &wanted, recorder, |index, time| {
            // Everything before the next entry was accepted by now.
            latest = latest.max(time.map_or(latest, |time| time.plus(Duration::from_micros(1))));
            if index.is_multiple_of(NOTE_EVERY) {
                remember(&mut state.marks, (latest, index + 1));
            }
            let before = time.map_or(0, |time| recorder.slot(time.minus(DISORDER)));
            if before > held.saturating_add(SLOTS_HELD) {
                held = before;
                failed = self.flush(state, before);
            }
            if failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        failed?;
        // Kept at once: a process that ends again before its first slot is over would otherwise leave
        // more and more to the next.
        remember(&mut state.marks, (latest, self.ledger.durable().min(wanted.to_index)));
        self.flush(state, recorder.slot(self.clock.now().minus(self.grace)))?;
        self.note(state)?;
        self.say(state, None);
        if done.counted > 0 {
            tracing::info!(
                decisions = done.counted,
                erased = done.erased,
                "decisions that the monitor had not kept were counted again"
            );
        }
        Ok(())
    }

    fn shelf(&self, state: &State, key: Key) -> Shelf {
        self.files.shelf(key, state.references.get(&key).map(|(_, digest)| *digest))
    }

    /// Takes what threads have counted, ends the windows that are over, and says what is to be
    /// said. Call it once a slot or more often.
    ///
    /// # Errors
    /// [`MonitorError`] if something could not be kept; it is counted again at the next start.
    pub fn tick(&self, snapshot: &ServingSnapshot) -> Result<(), MonitorError> {
        let now = self.clock.now();
        let state = &mut *self.state();
        remember(&mut state.marks, (now, self.ledger.durable()));
        let before = self.recorder.slot(now.minus(self.grace));
        self.flush(state, before)?;
        let over = self.recorder.start(before);
        let keys: Vec<Key> = state.tracks.keys().copied().collect();
        for key in keys {
            let shelf = self.shelf(state, key);
            let Some(track) = state.tracks.get_mut(&key) else { continue };
            if let Some(window) = track.end_before(over) {
                shelf.add_window(&window, &track.windows)?;
                shelf.clear_slots()?;
                state.ended.push((key, window));
            }
        }
        self.say(state, Some(snapshot));
        self.note(state)?;
        self.look_around(state, snapshot, now);
        Ok(())
    }

    /// Notes from where on a next start has to count again.
    fn note(&self, state: &State) -> Result<(), MonitorError> {
        self.files.note(Mark { until: self.recorder.start(state.done_to), index: state.index })
    }

    /// Slots before this one go into tracks and files.
    fn flush(&self, state: &mut State, before: u64) -> Result<(), MonitorError> {
        let done_to = state.done_to;
        let slots = merged(self.recorder.take_before(before), done_to);
        for ((slot, key), (reference, tally)) in slots {
            if state.tracks.len() >= MAX_TRACKS && !state.tracks.contains_key(&key) {
                continue;
            }
            let shelf = self.shelf(state, key);
            let own = state.references.get(&key).map(|(reference, _)| Arc::clone(reference));
            let track = state.tracks.entry(key).or_insert_with(|| Track::new(key, own));
            // Seen before its reference came into force.
            if !is_same(track.reference.as_ref(), reference.as_ref()) {
                continue;
            }
            let times = (self.recorder.start(slot), self.recorder.start(slot.saturating_add(1)));
            shelf.add_slot(times.0, &tally)?;
            let ended = self.end(&shelf, track, times, &tally)?;
            state.ended.extend(ended.into_iter().map(|window| (key, window)));
        }
        state.done_to = done_to.max(before);
        let until = self.recorder.start(state.done_to);
        let index = state.marks.iter().rev().find(|(time, _)| *time <= until);
        state.index = index.map_or(state.index, |(_, index)| *index);
        Ok(())
    }

    /// A slot that is on the shelf goes into the track; windows that end with it go on the shelf.
    #[expect(clippy::unused_self, reason = "it belongs to the monitor's files")]
    fn end(
        &self,
        shelf: &Shelf,
        track: &mut Track,
        times: (Time, Time),
        tally: &Tally,
    ) -> Result<Vec<api::MonitoredWindow>, MonitorError> {
        let Ok(ended) = track.take(times, tally) else {
            tracing::warn!("a slot of another reference was passed over");
            return Ok(Vec::new());
        };
        for window in &ended {
            shelf.add_window(window, &track.windows)?;
        }
        match (&track.open, ended.is_empty()) {
            (_, true) => {}
            (Some(_), false) => shelf.keep_slots(&[(times.0, tally.clone())])?,
            (None, false) => shelf.clear_slots()?,
        }
        Ok(ended)
    }

    /// Says what the windows that ended have to say, with what a change comes from.
    fn say(&self, state: &mut State, snapshot: Option<&ServingSnapshot>) {
        for (key, window) in std::mem::take(&mut state.ended) {
            let mut signals = signals(key, &window);
            let has_moved = |signal: &Signal| {
                matches!(signal.kind, SignalKind::InputDrift | SignalKind::OutputDrift)
            };
            let reference = state.references.get(&key).map(|(reference, _)| Arc::clone(reference));
            if let Some(reference) = reference.filter(|_| signals.iter().any(has_moved)) {
                let version = snapshot.and_then(|snapshot| served(snapshot, key));
                let now = version.and_then(|version| self.contributions(key, &window, version));
                let explained = explained(&window, &reference, now.as_ref());
                for signal in signals.iter_mut().filter(|signal| has_moved(signal)) {
                    signal.text = format!("{}; {}", signal.text, explained.text);
                    let own = explained.columns.iter().find(|part| part.column == signal.about);
                    if let Some(part) = own {
                        signal.numbers.push(("share_of_score_change".to_owned(), part.share));
                    }
                }
            }
            signals.into_iter().for_each(|signal| self.raise(signal));
        }
    }

    /// What the fields of a sample of a window's rows contributed to their scores; `None` if the
    /// version cannot be explained, or the window is too long ago.
    fn contributions(
        &self,
        key: Key,
        window: &api::MonitoredWindow,
        version: &ServedVersion,
    ) -> Option<Contributions> {
        version.explainer.as_ref()?;
        let to_index = self.ledger.durable();
        let wanted = Wanted {
            from_index: to_index.saturating_sub(EXPLAINED_ENTRIES),
            to_index,
            since: window.from.0,
            until: window.until.0,
            deployment: Some(key.0),
        };
        let mut sampler = Sampler::default();
        let read = read_rows(&self.ledger, &wanted, key.1, |rows, _| {
            sampler.see(version, rows);
            ControlFlow::Continue(())
        });
        if let Err(error) = read {
            tracing::warn!(%error, "decisions could not be read to explain a change");
        }
        sampler.contributions(version)
    }

    /// Why the score of a version moved, by its last window or the one that is open; `None` if there
    /// is no such window or no reference.
    #[must_use]
    pub fn explain(
        &self,
        key: Key,
        open: bool,
        snapshot: &ServingSnapshot,
    ) -> Option<api::DriftExplained> {
        let (window, reference) = {
            let state = self.state();
            let track = state.tracks.get(&key)?;
            let window = if open { track.peek() } else { track.windows.back().cloned() };
            (window?, track.reference.clone()?)
        };
        // Without the lock: reading the ledger takes a while.
        let version = served(snapshot, key);
        let now = version.and_then(|version| self.contributions(key, &window, version));
        Some(explained(&window, &reference, now.as_ref()))
    }

    /// Takes what is known of versions beside their traffic: how old they are. In place of what was
    /// known before.
    pub fn learn(&self, facts: HashMap<Key, Facts>) {
        self.state().facts = facts;
    }

    /// When the last outcome came, of each deployment that ever had one.
    #[must_use]
    pub fn last_outcomes(&self) -> HashMap<DeploymentId, Time> {
        let state = self.state();
        state.facts.iter().filter_map(|(key, facts)| Some((key.0, facts.outcome?))).collect()
    }

    /// How stale each version is that something is known of.
    #[must_use]
    pub fn staleness(&self) -> Vec<(Key, Staleness)> {
        let (now, state) = (self.clock.now(), self.state());
        let known: std::collections::BTreeSet<Key> =
            state.facts.keys().chain(state.references.keys()).copied().collect();
        known.into_iter().map(|key| (key, stale(&state, key, now))).collect()
    }

    fn raise(&self, signal: Signal) {
        if let Some(signals) = &self.signals {
            signals.raise(signal.clone());
        }
        self.latest.raise(signal);
    }

    /// What is wrong without any traffic: no reference, or one that is too old.
    fn look_around(&self, state: &mut State, snapshot: &ServingSnapshot, now: Time) {
        for served in &snapshot.parts().deployments {
            let (number, contract) = match (&served.observed, &served.serving) {
                (Some(observed), _) => (0, observed.contract_digest),
                (None, Ok(serving)) => (serving.primary.number, serving.contract_digest),
                (None, Err(_)) => continue,
            };
            let known = state.references.get(&(served.id, number)).map(|(known, _)| known);
            let known = known.filter(|known| known.contract == contract).cloned();
            let key = (served.id, number);
            let mut told = Vec::new();
            if known.is_none() {
                let text = format!(
                    "version {number} has no reference for its contract, so nothing says whether its \
                     traffic moves; set one with `plimsoll monitor reference set {}`",
                    served.name
                );
                told.push((SignalKind::Unwatched, "reference", text, Vec::new()));
            }
            let staleness = stale(state, key, now);
            told.extend(
                staleness
                    .told()
                    .map(|(about, text, numbers)| (SignalKind::Staleness, about, text, numbers)),
            );
            for (kind, about, text, numbers) in told {
                let last = state.reminded.get(&(served.id, kind, about));
                if last.is_some_and(|last| now.since(*last) < REMIND_EVERY) {
                    continue;
                }
                state.reminded.insert((served.id, kind, about), now);
                self.raise(Signal {
                    deployment: served.id,
                    version: Some(number),
                    kind,
                    severity: Severity::Warning,
                    about: about.to_owned(),
                    slice: None,
                    since: now,
                    until: now,
                    text,
                    numbers: numbers.into_iter().map(|(name, n)| (name.to_owned(), n)).collect(),
                });
            }
        }
    }

    /// From when on a reference that is set now is in force: late enough for every thread to have
    /// it by then.
    #[must_use]
    pub fn next_start(&self) -> Time {
        self.recorder.start(self.recorder.slot(self.clock.now()).saturating_add(1))
    }

    /// A builder's rows from the ledger: the answered decisions of a version between two times.
    ///
    /// # Errors
    /// [`MonitorError::Ledger`] if it cannot be read.
    pub fn read_decisions(
        &self,
        key: Key,
        (since, until): (Time, Time),
        version: Option<&ServedVersion>,
        (builder, sampler): (&mut Builder, &mut Sampler),
    ) -> Result<(), MonitorError> {
        let to_index = self.ledger.durable();
        let wanted = Wanted { from_index: 0, to_index, since, until, deployment: Some(key.0) };
        // More rows than a reference may have are left out at the end, not at the beginning.
        read_rows(&self.ledger, &wanted, key.1, |rows, outputs| match builder.read(rows, outputs) {
            Ok(()) => {
                if let Some(version) = version {
                    sampler.see(version, rows);
                }
                ControlFlow::Continue(())
            }
            Err(_) => ControlFlow::Break(()),
        })
    }

    /// Compares with this from its `from` on.
    pub fn adopt(&self, watched: Watched) {
        let state = &mut *self.state();
        let Watched { key, reference, digest } = watched;
        if let Err(error) = self.shelf(state, key).remove() {
            tracing::warn!(%error, "what was kept of the reference before could not be removed");
        }
        let reference = Arc::new(reference);
        state.references.insert(key, (Arc::clone(&reference), digest));
        state.tracks.insert(key, Track::new(key, Some(reference)));
        state.reminded.retain(|(deployment, _, _), _| *deployment != key.0);
        self.recorder.compare_with(references(state));
    }

    /// Counts every decision of a deployment again, from the ledger's beginning, against the
    /// references of today, in place of the windows there are. Takes long; call it on a thread of
    /// its own. Says nothing of what is past.
    ///
    /// # Errors
    /// [`MonitorError`] if files or ledger cannot be used; the windows stay as they were.
    pub fn backfill(&self, deployment: DeploymentId) -> Result<(), MonitorError> {
        let result = self.recount_all(deployment);
        let mut state = self.state();
        let progress = state.backfills.entry(deployment).or_insert(api::Backfill {
            done: 0,
            all: 0,
            is_over: true,
            error: None,
        });
        progress.is_over = true;
        progress.error = result.as_ref().err().map(ToString::to_string);
        result
    }

    /// Whether a recount of this deployment may begin; then it has.
    #[must_use]
    pub fn begin_backfill(&self, deployment: DeploymentId) -> bool {
        let mut state = self.state();
        if state.backfills.get(&deployment).is_some_and(|known| !known.is_over) {
            return false;
        }
        let all = self.ledger.durable();
        let begun = api::Backfill { done: 0, all, is_over: false, error: None };
        state.backfills.insert(deployment, begun);
        true
    }

    fn recount_all(&self, deployment: DeploymentId) -> Result<(), MonitorError> {
        let recorder = Recorder::new(self.recorder.start(1).as_micros());
        let known: Vec<(Key, Arc<Reference>, Digest)> = {
            let state = self.state();
            let own = state.references.iter().filter(|((id, _), _)| *id == deployment);
            own.map(|(key, (reference, digest))| (*key, Arc::clone(reference), *digest)).collect()
        };
        // Today's reference, for all times.
        let always = |of: &Reference| Arc::new(Reference { from: Time::EPOCH, ..of.clone() });
        let compared: References =
            known.iter().map(|(key, reference, _)| (*key, always(reference))).collect();
        let mut tracks: HashMap<Key, Track> = compared
            .iter()
            .map(|(key, reference)| (*key, Track::new(*key, Some(Arc::clone(reference)))))
            .collect();
        recorder.compare_with(compared);
        let all = self.ledger.durable();
        let mut held = 0;
        let wanted = |from_index, to_index, until| Wanted {
            from_index,
            to_index,
            since: Time::EPOCH,
            until,
            deployment: Some(deployment),
        };
        // Up to what was kept: what is not yet comes by the usual way.
        let until = self.recorder.start(self.state().done_to);
        recount(&self.ledger, &wanted(0, all, until), &recorder, |index, time| {
            let before = time.map_or(0, |time| recorder.slot(time.minus(DISORDER)));
            if before > held + SLOTS_HELD {
                held = before;
                feed(&mut tracks, &recorder, before);
            }
            if index.is_multiple_of(NOTE_EVERY)
                && let Some(progress) = self.state().backfills.get_mut(&deployment)
            {
                progress.done = index;
            }
            ControlFlow::Continue(())
        })?;
        let state = &mut *self.state();
        // What was recorded late, and the slots that were kept meanwhile.
        let until_now = self.recorder.start(state.done_to);
        let late = Wanted { since: until, ..wanted(0, all, until_now) };
        recount(&self.ledger, &late, &recorder, |_, _| ControlFlow::Continue(()))?;
        let rest = wanted(all, self.ledger.durable(), until_now);
        recount(&self.ledger, &rest, &recorder, |_, _| ControlFlow::Continue(()))?;
        feed(&mut tracks, &recorder, u64::MAX);
        for (key, reference, digest) in known {
            // Another reference came meanwhile.
            let is_current = state.references.get(&key).is_some_and(|(_, now)| *now == digest);
            let Some(mut track) = tracks.remove(&key).filter(|_| is_current) else { continue };
            track.reference = Some(reference);
            let shelf = self.files.shelf(key, Some(digest));
            shelf.keep_windows(&track.windows)?;
            let open = track.open.as_ref();
            let open: Vec<_> =
                open.map(|open| (open.from, open.tally.clone())).into_iter().collect();
            shelf.keep_slots(&open)?;
            state.tracks.insert(key, track);
        }
        if let Some(progress) = state.backfills.get_mut(&deployment) {
            (progress.done, progress.all) = (self.ledger.durable(), self.ledger.durable());
        }
        Ok(())
    }

    /// How a deployment stands. `version` is the one that answers.
    #[must_use]
    pub fn monitoring(
        &self,
        deployment: DeploymentId,
        name: &str,
        version: Option<u32>,
    ) -> api::Monitoring {
        let now = self.clock.now();
        let state = self.state();
        let key = (deployment, version.unwrap_or_default());
        let known = state.references.get(&key);
        let track = state.tracks.get(&key);
        let last = track.and_then(|track| track.windows.back()).cloned();
        let unplanned = state.tracks.get(&(deployment, 0)).and_then(|track| track.open.as_ref());
        let unplanned = unplanned.map(|open| {
            open.tally.reasons().map(|(name, count)| (name.to_owned(), count)).collect()
        });
        api::Monitoring {
            deployment: name.to_owned(),
            version,
            state: match (&known, &last) {
                (None, _) => api::WatchState::NoReference,
                (Some(_), None) => api::WatchState::NotEnoughData,
                (Some((reference, _)), Some(last)) if is_silent(reference, last, now) => {
                    api::WatchState::NotEnoughData
                }
                (Some(_), Some(last)) => last.state,
            },
            reference: known.map(|(reference, digest)| shown(key.1, reference, *digest)),
            open: track.and_then(Track::peek).map(without_cells),
            last: last.map(without_cells),
            unplanned: unplanned.unwrap_or_default(),
            ages: stale(&state, key, now).ages,
            signals: self.latest.of(deployment).into_iter().map(said).collect(),
            backfill: state.backfills.get(&deployment).cloned(),
        }
    }

    /// The newest windows of a version that touch the time between two, the oldest first; of one
    /// column only and with its cells, if it is told.
    #[must_use]
    pub fn windows(
        &self,
        key: Key,
        (since, until): (Time, Time),
        limit: usize,
        column: Option<&str>,
    ) -> Vec<api::MonitoredWindow> {
        let state = self.state();
        let Some(track) = state.tracks.get(&key) else { return Vec::new() };
        let touches =
            |window: &&api::MonitoredWindow| window.until.0 > since && window.from.0 < until;
        let shown = |window: &api::MonitoredWindow| match column {
            None => without_cells(window.clone()),
            Some(column) => {
                let mut window = window.clone();
                window.columns.retain(|own| own.name == column);
                window
            }
        };
        let newest = track.windows.iter().rev().filter(touches).take(limit).map(shown);
        let mut windows: Vec<_> = newest.collect();
        windows.reverse();
        windows
    }

    /// What a version's reference holds of a column, of all and of each slice. `names` says what
    /// the categories of a field of this contract are called.
    #[must_use]
    pub fn reference_cells(
        &self,
        key: Key,
        column: &str,
        names: &dyn Fn(&Digest, usize) -> Option<Vec<String>>,
    ) -> Vec<api::ReferenceCells> {
        let reference = self.state().references.get(&key).map(|(known, _)| Arc::clone(known));
        let Some(reference) = reference else { return Vec::new() };
        let own = reference.columns.iter().filter(|own| own.name == column);
        own.map(|own| cells::shown(own, &|place| names(&reference.contract, place))).collect()
    }

    /// For metrics: each version's last window.
    #[must_use]
    pub fn last_windows(&self) -> Vec<(Key, api::MonitoredWindow)> {
        let state = self.state();
        let last = |(key, track): (&Key, &Track)| Some((*key, track.windows.back()?.clone()));
        state
            .tracks
            .iter()
            .filter(|(_, track)| track.reference.is_some())
            .filter_map(last)
            .collect()
    }

    /// The latest signals of a deployment, the newest first.
    #[must_use]
    pub fn said(&self, deployment: DeploymentId) -> Vec<Signal> {
        self.latest.of(deployment)
    }
}

fn references(state: &State) -> References {
    let known = state.references.iter();
    known.map(|(key, (reference, _))| (*key, Arc::clone(reference))).collect()
}

fn is_same(one: Option<&Arc<Reference>>, other: Option<&Arc<Reference>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// A window as lists of many columns have it.
fn without_cells(mut window: api::MonitoredWindow) -> api::MonitoredWindow {
    window.columns.iter_mut().for_each(|column| column.cells.clear());
    window
}

/// What shards counted, put together by slot and version. What came too late for its slot counts
/// in the first that is not kept yet.
fn merged(counted: Vec<Counted>, done_to: u64) -> Slots {
    let mut slots = Slots::new();
    for one in counted {
        let place = (one.slot.max(done_to), one.key);
        match slots.get_mut(&place) {
            None => drop(slots.insert(place, (one.reference, one.tally))),
            Some((reference, tally)) if is_same(reference.as_ref(), one.reference.as_ref()) => {
                if tally.merge(&one.tally).is_err() {
                    tracing::warn!("two tallies of one reference did not fit each other");
                }
            }
            // Partly from before its reference came into force.
            Some(known) if one.reference.is_some() => *known = (one.reference, one.tally),
            Some(_) => {}
        }
    }
    slots
}

/// Slots before this one go into the tracks that have one for them.
fn feed(tracks: &mut HashMap<Key, Track>, recorder: &Recorder, before: u64) {
    for ((slot, key), (reference, tally)) in merged(recorder.take_before(before), 0) {
        let times = (recorder.start(slot), recorder.start(slot.saturating_add(1)));
        if let Some(track) = tracks.get_mut(&key)
            && reference.is_some()
        {
            drop(track.take(times, &tally));
        }
    }
}

/// Whether nothing came for so long that the last window says nothing of today: two windows.
fn is_silent(reference: &Reference, last: &api::MonitoredWindow, now: Time) -> bool {
    let length = reference.habits.window_seconds.map(Duration::from_secs);
    length.is_some_and(|length| now.since(last.until.0) > length.saturating_mul(2))
}

/// How stale a version is, by all that is known of it.
fn stale(state: &State, key: Key, now: Time) -> Staleness {
    let reference = state.references.get(&key).map(|(reference, _)| reference);
    let last = state.tracks.get(&key).and_then(|track| track.windows.back());
    let facts = Facts {
        reference: reference.map(|reference| reference.made),
        review_by: reference.and_then(|reference| reference.habits.review_by),
        outside: last.filter(|last| last.columns.iter().any(|c| c.is_enough)).map(|l| l.outside),
        ..state.facts.get(&key).copied().unwrap_or_default()
    };
    let usual = (Limits::default(), REFERENCE_DAYS);
    let (limits, days) = reference
        .map_or(usual, |reference| (reference.habits.limits, reference.habits.max_age_days));
    Staleness::of(&facts, &limits, days, now)
}

/// The version that a key is of, if it answers or is tried now.
fn served(snapshot: &ServingSnapshot, key: Key) -> Option<&ServedVersion> {
    let deployments = &snapshot.parts().deployments;
    let serving = deployments.iter().find(|served| served.id == key.0)?.serving.as_ref().ok()?;
    Some(&*serving.primary).filter(|version| version.number == key.1)
}

fn shown(version: u32, reference: &Reference, digest: Digest) -> api::MonitoringReference {
    let habits = &reference.habits;
    api::MonitoringReference {
        version,
        origin: reference.origin.clone(),
        digest,
        rows: reference.rows,
        refused: reference.refused,
        columns: reference.columns.len() as u64,
        made_at: reference.made.into(),
        from: reference.from.into(),
        window_seconds: habits.window_seconds,
        window_rows: habits.window_rows,
        min_rows: habits.min_rows,
        tolerance: habits.tolerance,
        alerts_per_month: habits.alerts_per_month,
        persistence: habits.persistence,
    }
}

fn said(signal: Signal) -> api::MonitoringSignal {
    api::MonitoringSignal {
        kind: signal.kind.name().to_owned(),
        severity: signal.severity.name().to_owned(),
        about: signal.about,
        slice: signal.slice,
        version: signal.version,
        since: signal.since.into(),
        until: signal.until.into(),
        text: signal.text,
        numbers: signal.numbers.into_iter().collect(),
    }
}

/// The document of a reference, and its digest's input.
///
/// # Errors
/// [`MonitorError::Json`] if a number in it is none.
pub fn document(reference: &Reference) -> Result<String, MonitorError> {
    Ok(serde_json::to_string(reference)?)
}

/// The reference in a document.
///
/// # Errors
/// [`MonitorError::Json`] if it is none.
pub fn reference_of(document: &str) -> Result<Reference, MonitorError> {
    Ok(serde_json::from_str(document)?)
}
