//! The decisions of the benchmark: what the nth one is follows from n alone, so that a run can
//! be gone on with, and what tables must say can be computed without them.

use super::LakeBenchError;
use plimsoll_contract::{Class, Contract, Field, Kind, Limits, MapSource, Mapping};
use plimsoll_ledger::{Durable, Holder, Ledger, LedgerError};
use plimsoll_types::record::{
    DecisionParts, Kind as RecordKind, LeafDraft, Output, ResultClass, Route,
};
use plimsoll_types::{
    Cell, DecisionId, DeploymentId, Digest, Phase, PrincipalId, Rows, TenantId, Time,
};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

pub(super) const TENANT: TenantId = TenantId::from_bytes([7; 16]);
pub(super) const DEPLOYMENT: DeploymentId = DeploymentId::from_bytes([1; 16]);
pub(super) const CONTRACT: Digest = Digest::from_bytes([3; 32]);
/// 2026-09-01T00:00:00Z.
const BEGIN: u64 = 1_788_220_800_000_000;
/// Microseconds of a day.
pub(super) const DAY: u64 = 86_400_000_000;
/// Decisions about the same person.
const PER_SUBJECT: u64 = 10;
/// Records under way: a quarter of the ledger's queue.
const UNDER_WAY: usize = 1024;
/// Pause when the ledger takes no more for the moment.
const PAUSE: Duration = Duration::from_millis(1);
pub(super) const GRADES: [&str; 4] = ["a", "b", "c", "d"];

/// Decisions of one deployment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) decisions: u64,
    pub(super) days: u64,
}

pub(super) fn contracts() -> HashMap<Digest, Contract> {
    let grades = GRADES.iter().map(ToString::to_string).collect();
    let number = |name: &str| Field::new(name, Kind::Number);
    let contract = Contract {
        version: 1,
        features: vec![
            number("amount"),
            number("income"),
            number("debt"),
            number("limit"),
            Field::new("months", Kind::Integer),
            Field::new("open_accounts", Kind::Integer),
            Field { values: grades, ..Field::new("grade", Kind::Category) },
            Field::new("owns_home", Kind::Boolean),
            Field { class: Class::Personal, ..Field::new("age", Kind::Integer) },
        ],
        context: vec![Field { class: Class::Personal, ..Field::new("customer", Kind::String) }],
        matrix: None,
        map: Mapping { subjects: vec![MapSource::field("customer")], ..Mapping::default() },
        limits: Limits::default(),
    };
    HashMap::from([(CONTRACT, contract)])
}

impl Plan {
    /// When the nth decision was made.
    pub(super) fn time(&self, n: u64) -> u64 {
        let span = u128::from(self.days) * u128::from(DAY);
        let after = u128::from(n) * span / u128::from(self.decisions.max(1));
        BEGIN + u64::try_from(after).unwrap_or_default()
    }
    /// Whom it is about.
    pub(super) fn subject(&self, n: u64) -> String {
        let people = (self.decisions / PER_SUBJECT).max(1);
        // Scattered over all days.
        format!("customer-{}", n.wrapping_mul(0x9e37_79b9) % people)
    }
    pub(super) fn grade(n: u64) -> u32 {
        u32::try_from(n % 4).unwrap_or_default()
    }
    #[expect(clippy::cast_precision_loss, reason = "remainders of small numbers")]
    pub(super) fn score(n: u64) -> f64 {
        (n % 1000) as f64 / 1000.0
    }
    /// The nth day: its begin and end, for SQL.
    pub(super) fn day(&self, day: u64) -> (String, String) {
        let text = |micros: u64| {
            let id = plimsoll_types::Time::from_micros(micros);
            // Whole days after the beginning, which is the first of a month of thirty.
            format!("2026-09-{:02}T00:00:00Z", 1 + (id.as_micros() - BEGIN) / DAY)
        };
        (text(BEGIN + day * DAY), text(BEGIN + (day + 1) * DAY))
    }

    /// Appends decisions from the nth on, as fast as the ledger takes them. Gives how many.
    pub(super) fn write(
        &self,
        ledger: &Ledger,
        first: u64,
        mut each: impl FnMut(u64),
    ) -> Result<u64, LakeBenchError> {
        let mut waiting: VecDeque<Durable> = VecDeque::with_capacity(UNDER_WAY);
        let mut body = Vec::new();
        for n in first..self.decisions {
            if waiting.len() >= UNDER_WAY
                && let Some(oldest) = waiting.pop_front()
            {
                oldest.wait()?;
            }
            waiting.push_back(self.append(ledger, n, &mut body)?);
            if n % 1_000_000 == 0 && n > first {
                each(n);
            }
        }
        for durable in waiting {
            durable.wait()?;
        }
        Ok(self.decisions.saturating_sub(first))
    }

    fn append(
        &self,
        ledger: &Ledger,
        n: u64,
        body: &mut Vec<u8>,
    ) -> Result<Durable, LakeBenchError> {
        let time = Time::from_micros(self.time(n));
        let subject = self.subject(n);
        fill(body, n, &subject);
        let holder = Holder::Subject { tenant: TENANT, subject: &subject };
        loop {
            let id = DecisionId::new(time);
            let mut draft = LeafDraft::new(RecordKind::Decision, *id.as_bytes(), TENANT, time, n);
            draft.deployment = Some(DEPLOYMENT);
            draft.model = Some(Digest::from_bytes([5; 32]));
            draft.contract = Some(CONTRACT);
            draft.policy = Some(Digest::from_bytes([6; 32]));
            draft.snapshot = Some(Digest::from_bytes([8; 32]));
            draft.route = Some(Route::Primary);
            draft.result = Some(ResultClass::Answered);
            let taken =
                ledger.seal(&[holder], body).and_then(|sealed| ledger.append(draft, sealed, None));
            match taken {
                Err(LedgerError::Busy) => std::thread::sleep(PAUSE),
                taken => return Ok(taken?),
            }
        }
    }
}

/// The row that the nth decision is about.
pub(super) fn row(n: u64, subject: &str) -> Rows {
    #[expect(clippy::cast_precision_loss, reason = "remainders of small numbers")]
    let number = |prime: u64| Cell::Number((n.wrapping_mul(prime) % 100_000) as f64 / 7.0);
    let integer = |prime: u64, most: u64| {
        Cell::Integer(i64::try_from(n.wrapping_mul(prime) % most).unwrap_or_default())
    };
    let mut rows = Rows::default();
    rows.clear(10);
    rows.text.push_str(subject);
    let len = u32::try_from(subject.len()).unwrap_or_default();
    rows.cells.extend([
        number(7_919),
        number(104_729),
        number(1_299_709),
        number(15_485_863),
        integer(31, 120),
        integer(37, 20),
        Cell::Category(Plan::grade(n)),
        Cell::Boolean(n.is_multiple_of(3)),
        integer(41, 80),
        Cell::Text { start: 0, len },
    ]);
    rows
}

fn fill(body: &mut Vec<u8>, n: u64, subject: &str) {
    let rows = row(n, subject);
    let score = [Plan::score(n)];
    let parts = DecisionParts {
        principal: PrincipalId::from_bytes([9; 16]),
        key: None,
        deployment: "credit",
        version: 1,
        caller_id: None,
        idempotency: None,
        request: None,
        request_len: 700,
        rows: &rows,
        mapped: &[],
        flags: &[],
        outputs: &[Output { name: "score", width: 1, values: &score }],
        explanation: None,
        refusal: None,
        phases: &[
            (Phase::Accept, 2_100),
            (Phase::Authenticate, 900),
            (Phase::Validate, 4_000 + u32::try_from(n % 977).unwrap_or_default()),
            (Phase::Predict, 9_000 + u32::try_from(n % 3_001).unwrap_or_default()),
        ],
        protocol: None,
    };
    body.clear();
    parts.encode(body);
}
