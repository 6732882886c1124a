//! The benchmark in a small form: what it asks is answered rightly. No time is measured here.

use super::made::DAY;
use super::*;
use made::GRADES;
use std::collections::BTreeMap;

/// Decisions of the small form: several writes, row groups and files.
const DECISIONS: u64 = 200_000;

#[test]
fn tables_say_what_was_decided() {
    let folder = tempfile::tempdir().expect("folder");
    let plan = Plan { decisions: DECISIONS, days: 1 };
    let site = Site { clock: SystemClock::new(), folder: folder.path().to_path_buf(), plan };
    let mut report = Report::default();
    fill(&site, &mut report).expect("fill");
    assert_eq!(report.written, DECISIONS);
    derive(&site, &mut report).expect("derive");
    assert_eq!(report.derived, DECISIONS);

    let ledger = site.ledger().expect("ledger");
    let lake = site.lake(&ledger).expect("lake");
    assert_eq!(lake.progress().entries, lake.progress().durable);
    let mut expected: BTreeMap<(u64, &str), (u64, f64)> = BTreeMap::new();
    for n in 0..DECISIONS {
        let hour = plan.time(n) % DAY / (DAY / 24);
        let grade = GRADES[Plan::grade(n) as usize];
        let group = expected.entry((hour, grade)).or_default();
        (group.0, group.1) = (group.0 + 1, group.1 + Plan::score(n));
    }
    let sql = "select date_part('hour', \"time\") as hour, grade, count(*) as n, sum(score) as total \
               from credit group by 1, 2 order by 1, 2";
    let found = table(&lake, sql);
    assert_eq!(found.len(), expected.len());
    for (row, ((hour, grade), (n, total))) in found.iter().zip(expected) {
        assert_eq!((&row[0], &*row[1], &row[2]), (&hour.to_string(), grade, &n.to_string()));
        let sum: f64 = row[3].parse().expect("number");
        assert!((sum - total).abs() < 1e-6 * total.max(1.0), "{sum} is not {total}");
    }

    for n in [0, 1, 32_767, 32_768, 99_999, DECISIONS - 1] {
        let entry = ledger.entry(n).expect("read").expect("there");
        let id = plimsoll_types::DecisionId::from_bytes(entry.leaf.draft.id);
        let sql =
            format!("select \"index\", score, customer from credit where decision_id = '{id}'");
        let expected = [n.to_string(), format!("{:?}", Plan::score(n)), plan.subject(n)];
        assert_eq!(table(&lake, &sql), [expected]);
    }
    for n in [0, 77_777, DECISIONS - 1] {
        let name = plan.subject(n);
        let subject = Subject {
            name: &name,
            tenant: TENANT,
            tables: tables(),
            since: None,
            until: None,
            limit: 100,
        };
        let found = lake.find_subject(&subject).expect("found");
        let expected: Vec<_> = (0..DECISIONS).rev().filter(|n| plan.subject(*n) == name).collect();
        assert!(!expected.is_empty());
        let indexes: Vec<u64> =
            found.iter().map(|id| ledger.get(id.as_bytes()).expect("read")[0].index).collect();
        assert_eq!(indexes, expected);
    }
}

/// The rows of an answer as texts.
fn table(lake: &Lake, sql: &str) -> Vec<Vec<String>> {
    let ask = Ask {
        sql: sql.to_owned(),
        tables: tables(),
        tenant: TENANT,
        rows: 10_000,
        timeout: Duration::from_secs(120),
    };
    let mut answer = lake.query_as(ask, plimsoll_lake::Format::Csv).expect("query");
    let mut text = Vec::new();
    while let Some(bytes) = answer.next_blocking() {
        text.extend(bytes.expect("rows"));
    }
    let text = String::from_utf8(text).expect("text");
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}
