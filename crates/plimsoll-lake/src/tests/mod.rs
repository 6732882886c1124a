//! A small ledger with every kind of cell, and what its tables must say.

mod access;
mod erase;
mod hostile;
mod outcomes;
mod retention;
mod steps;
mod whole;

use crate::{Ask, Catalog, Format, Lake, LakeConfig, Source, Visible, Writer};
use plimsoll_contract::{Class, Contract, Field, Kind, Limits, MapSource, Mapping};
use plimsoll_ledger::{Holder, Ledger, LedgerConfig, LedgerReader};
use plimsoll_types::record::{
    DecisionParts, Flag, Kind as RecordKind, LeafDraft, Mapped, Output, ResultClass, Route,
};
use plimsoll_types::{
    ApiKeyId, Cell, Clock, DecisionId, DeploymentId, Digest, Phase, PrincipalId, Refusal,
    RefusalCode, Rows, SystemClock, TenantId, Time,
};
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(super) const TENANT: TenantId = TenantId::from_bytes([7; 16]);
pub(super) const DEPLOYMENT: DeploymentId = DeploymentId::from_bytes([1; 16]);
pub(super) const OTHER: DeploymentId = DeploymentId::from_bytes([2; 16]);
pub(super) const CONTRACT: Digest = Digest::from_bytes([3; 32]);
pub(super) const LATER: Digest = Digest::from_bytes([4; 32]);
/// 2026-11-17T09:00:00Z.
pub(super) const BEGIN: u64 = 498_585 * 3_600_000_000;

/// A clock that is set by hand.
#[derive(Debug, Default)]
pub(super) struct HandClock(pub(super) AtomicU64);

impl Clock for HandClock {
    fn now(&self) -> Time {
        Time::from_micros(self.0.load(Ordering::Relaxed))
    }
    fn monotonic(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The contracts, and how long the first deployment keeps decisions.
#[derive(Debug)]
struct Known {
    contracts: HashMap<Digest, Contract>,
    kept: Arc<Mutex<Option<Time>>>,
}

impl Catalog for Known {
    fn contract(&self, digest: Digest) -> Option<Contract> {
        self.contracts.contract(digest)
    }
    fn kept_from(&self, deployment: DeploymentId) -> Option<Time> {
        self.kept.lock().expect("kept").filter(|_| deployment == DEPLOYMENT)
    }
}

/// Every kind of field, some of them personal.
pub(super) fn contract() -> Contract {
    let class = |class, field: Field| Field { class, ..field };
    let category =
        Field { values: vec!["low".into(), "high".into()], ..Field::new("grade", Kind::Category) };
    Contract {
        version: 1,
        features: vec![
            Field::new("amount", Kind::Number),
            Field::new("count", Kind::Integer),
            Field::new("known", Kind::Boolean),
            category,
            Field { shape: vec![2], ..Field::new("vector", Kind::Tensor) },
            class(Class::Personal, Field::new("age", Kind::Integer)),
            class(Class::Sensitive, Field::new("illness", Kind::String)),
        ],
        context: vec![
            Field::new("seen_at", Kind::Timestamp),
            class(Class::Personal, Field::new("born", Kind::Timestamp)),
            Field::new("customer", Kind::String),
            // A name that every table has already.
            Field::new("time", Kind::String),
        ],
        matrix: None,
        map: Mapping {
            subjects: vec![MapSource { required: false, ..MapSource::field("customer") }],
            event_time: Some(MapSource::field("seen_at")),
            slices: vec![MapSource::header("x-branch")],
            ..Mapping::default()
        },
        limits: Limits::default(),
    }
}

/// The contract after `amount` came to be personal and `count` a number.
pub(super) fn later() -> Contract {
    let mut contract = contract();
    contract.features[0].class = Class::Personal;
    contract.features[1].kind = Kind::Number;
    contract
}

/// One decision to be recorded.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) deployment: DeploymentId,
    pub(super) time: u64,
    pub(super) contract: Digest,
    /// Rows in the contract's order.
    pub(super) rows: Vec<Vec<Raw>>,
    pub(super) refused: bool,
    pub(super) branch: Option<&'static str>,
}

/// A cell as a test writes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Category(u32),
    Time(i64),
    Text(String),
    Tensor(Vec<f64>),
}

impl Made {
    pub(super) fn new(time: u64, rows: Vec<Vec<Raw>>) -> Self {
        let (deployment, contract) = (DEPLOYMENT, CONTRACT);
        Self { deployment, time, contract, rows, refused: false, branch: None }
    }

    fn rows(&self) -> Rows {
        let mut rows = Rows::default();
        rows.clear(11);
        for cell in self.rows.iter().flatten() {
            let at = |len: usize| u32::try_from(len).expect("small");
            let cell = match cell {
                Raw::Null => Cell::Null,
                Raw::Boolean(value) => Cell::Boolean(*value),
                Raw::Integer(value) => Cell::Integer(*value),
                Raw::Number(value) => Cell::Number(*value),
                Raw::Category(value) => Cell::Category(*value),
                Raw::Time(value) => Cell::Timestamp(*value),
                Raw::Text(text) => {
                    let start = at(rows.text.len());
                    rows.text.push_str(text);
                    Cell::Text { start, len: at(text.len()) }
                }
                Raw::Tensor(numbers) => {
                    let start = at(rows.numbers.len());
                    rows.numbers.extend(numbers);
                    Cell::Tensor { start, len: at(numbers.len()) }
                }
            };
            rows.cells.push(cell);
        }
        rows
    }

    pub(super) fn subjects(&self) -> Vec<String> {
        let mut subjects: Vec<String> = Vec::new();
        for row in &self.rows {
            if let Some(Raw::Text(name)) = row.get(9)
                && !subjects.contains(name)
            {
                subjects.push(name.clone());
            }
        }
        subjects
    }
}

/// A row with these personal values.
pub(super) fn row(amount: f64, age: i64, illness: &str, customer: &str) -> Vec<Raw> {
    let micros = i64::try_from(BEGIN).expect("small");
    vec![
        Raw::Number(amount),
        Raw::Integer(age * 2),
        Raw::Boolean(age > 40),
        Raw::Category(u32::from(age > 40)),
        Raw::Tensor(vec![amount, -1.5]),
        Raw::Integer(age),
        Raw::Text(illness.to_owned()),
        Raw::Time(micros - 5),
        Raw::Time(-86_400_000_000),
        if customer.is_empty() { Raw::Null } else { Raw::Text(customer.to_owned()) },
        Raw::Text("noon".into()),
    ]
}

/// A ledger in a folder of its own.
pub(super) struct Site {
    pub(super) folder: tempfile::TempDir,
    pub(super) ledger: Option<Ledger>,
    pub(super) clock: Arc<HandClock>,
    pub(super) ids: Vec<DecisionId>,
    /// From when on the first deployment keeps decisions.
    pub(super) kept: Arc<Mutex<Option<Time>>>,
}

impl Site {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let clock = Arc::new(HandClock(AtomicU64::new(BEGIN)));
        let kept = Arc::default();
        let mut site = Self { folder, ledger: None, clock, ids: Vec::new(), kept };
        site.open();
        site
    }
    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
    pub(super) fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }
    pub(super) fn open(&mut self) {
        let config = LedgerConfig {
            segment_bytes: 64 << 10,
            reserve_bytes: 0,
            ..LedgerConfig::new(self.data(), self.keys(), TENANT)
        };
        let clock = Arc::new(SystemClock::new());
        self.ledger = Some(Ledger::open(config, clock).expect("ledger").0);
    }
    pub(super) fn ledger(&self) -> &Ledger {
        self.ledger.as_ref().expect("open")
    }

    /// Records decisions and waits until they are durable.
    pub(super) fn record(&mut self, all: &[Made]) {
        let waiting: Vec<_> = all.iter().map(|made| self.append(made)).collect();
        waiting.into_iter().for_each(|durable| {
            durable.wait().expect("durable");
        });
    }

    fn append(&mut self, made: &Made) -> plimsoll_ledger::Durable {
        let time = Time::from_micros(made.time);
        let id = DecisionId::new(time);
        self.ids.push(id);
        let rows = made.rows();
        let refusal = Refusal::new(Phase::Validate, RefusalCode::OutOfRange).with_field("amount");
        let scores: Vec<f64> = made.rows.iter().map(|_| 0.25).collect();
        let pairs: Vec<f64> = made.rows.iter().flat_map(|_| [0.75, 0.25]).collect();
        let outputs = [
            Output { name: "score", width: 1, values: &scores },
            Output { name: "both", width: 2, values: &pairs },
        ];
        let mapped: Vec<_> =
            made.branch.iter().map(|value| Mapped { role: "slice", value }).collect();
        let flag = Flag { field: 0, row: 0, code: RefusalCode::OutOfRange, clamped: true };
        let parts = DecisionParts {
            principal: PrincipalId::from_bytes([9; 16]),
            key: Some(ApiKeyId::from_bytes([8; 16])),
            deployment: "credit-default",
            version: 3,
            caller_id: Some("callers-own-id"),
            idempotency: None,
            request: None,
            request_len: 512,
            rows: &rows,
            mapped: &mapped,
            flags: if made.rows.is_empty() { &[] } else { std::slice::from_ref(&flag) },
            outputs: if made.refused { &[] } else { &outputs },
            explanation: None,
            refusal: made.refused.then_some(&refusal),
            phases: &[(Phase::Accept, 100), (Phase::Predict, 2_000)],
            protocol: None,
        };
        let mut body = Vec::new();
        parts.encode(&mut body);
        let subjects = made.subjects();
        let holders: Vec<_> = if subjects.is_empty() {
            vec![Holder::Day { deployment: made.deployment, time }]
        } else {
            subjects.iter().map(|subject| Holder::Subject { tenant: TENANT, subject }).collect()
        };
        let ledger = self.ledger();
        let sealed = ledger.seal(&holders, &body).expect("seal");
        let mut draft = LeafDraft::new(RecordKind::Decision, *id.as_bytes(), TENANT, time, 1);
        draft.deployment = Some(made.deployment);
        draft.model = Some(Digest::from_bytes([5; 32]));
        draft.contract = Some(made.contract);
        draft.route = Some(Route::Primary);
        draft.result =
            Some(if made.refused { ResultClass::Refused } else { ResultClass::Answered });
        draft.refused_in = made.refused.then_some(Phase::Validate);
        draft.extension.interaction = Some([6; 16]);
        ledger.append(draft, sealed, None).expect("append")
    }

    pub(super) fn config(&self, source: Source, writable: bool) -> LakeConfig {
        let contracts = HashMap::from([(CONTRACT, contract()), (LATER, later())]);
        LakeConfig {
            data: self.data(),
            source,
            catalog: Arc::new(Known { contracts, kept: Arc::clone(&self.kept) }),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            writable,
        }
    }
    /// The lake of the running ledger.
    pub(super) fn lake(&self) -> Lake {
        let source = Source::Ledger(self.ledger().clone());
        Lake::open(self.config(source, true)).expect("lake")
    }
    /// The lake of the ledger's files.
    pub(super) fn offline(&self, has_keys: bool, writable: bool) -> Lake {
        let keys = self.keys();
        let reader = LedgerReader::open(&self.data(), has_keys.then_some(keys.as_path()));
        let source = Source::Reader(Arc::new(reader.expect("reader")));
        Lake::open(self.config(source, writable)).expect("lake")
    }
}

pub(super) fn visible(deployment: DeploymentId, name: &str, may_open: bool) -> Visible {
    Visible { deployment, name: name.to_owned(), may_open }
}

pub(super) fn ask(sql: &str) -> Ask {
    Ask {
        sql: sql.to_owned(),
        tables: vec![visible(DEPLOYMENT, "credit-default", true), visible(OTHER, "fraud", true)],
        tenant: TENANT,
        rows: 100_000,
        timeout: Duration::from_secs(60),
    }
}

/// The rows of an answer as JSON objects.
pub(super) fn rows_of(lake: &Lake, ask: Ask) -> Result<Vec<Value>, crate::LakeError> {
    let mut answer = lake.query(ask)?;
    let mut writer = Writer::new(Format::Json, answer.schema())?;
    let mut out = Vec::new();
    while let Some(batch) = answer.next_blocking() {
        out.extend(writer.write(&batch?)?);
    }
    let text = String::from_utf8(out).expect("text");
    Ok(text.lines().map(|line| serde_json::from_str(line).expect("json")).collect())
}

pub(super) fn sql(lake: &Lake, text: &str) -> Vec<Value> {
    rows_of(lake, ask(text)).expect("answer")
}

/// Every row of the first deployment's table.
pub(super) fn all(lake: &Lake) -> Vec<Value> {
    sql(lake, "select * from \"credit-default\" order by index, row")
}

/// Every file below a folder.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for item in std::fs::read_dir(folder).expect("list") {
        let path = item.expect("item").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

pub(super) fn tables(site: &Site) -> Vec<PathBuf> {
    let all = files(&site.data().join("lake"));
    all.into_iter().filter(|path| path.extension().is_some_and(|e| e == "parquet")).collect()
}
