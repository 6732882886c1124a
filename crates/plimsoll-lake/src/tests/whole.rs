//! The rows of a table are the ledger's decisions, whatever is in them and however they came
//! to be in files.

use super::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

const HOUR: u64 = 3_600_000_000;

fn time_of(micros: i64) -> Value {
    let time = jiff::Timestamp::from_microsecond(micros).expect("time");
    // As Arrow writes it: as many digits as it takes, in groups of three.
    let digits = if micros % 1_000_000 == 0 {
        0
    } else if micros % 1000 == 0 {
        3
    } else {
        6
    };
    let text = match digits {
        0 => time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        3 => time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ"),
        _ => time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ"),
    };
    text.to_string().into()
}

fn shown(raw: &Raw) -> Value {
    match raw {
        Raw::Null => Value::Null,
        Raw::Boolean(value) => (*value).into(),
        Raw::Integer(value) => (*value).into(),
        Raw::Number(value) => (*value).into(),
        Raw::Category(value) => ["low", "high"][*value as usize].into(),
        Raw::Time(value) => time_of(*value),
        Raw::Text(value) => value.as_str().into(),
        Raw::Tensor(values) => values.clone().into(),
    }
}

/// What the row says, read off the decision and not off the table.
fn expected(made: &Made, row: usize) -> Vec<(&'static str, Value)> {
    let mut expected = vec![
        ("deployment", "credit-default".into()),
        ("row", row.into()),
        ("rows", made.rows.len().into()),
        ("time", time_of(i64::try_from(made.time).expect("small"))),
        ("version", 3.into()),
        ("route", "primary".into()),
        ("result", if made.refused { "refused" } else { "answered" }.into()),
        ("phase", if made.refused { "validate".into() } else { Value::Null }),
        ("code", if made.refused { "out_of_range".into() } else { Value::Null }),
        ("interaction", "06".repeat(16).into()),
        ("principal", PrincipalId::from_bytes([9; 16]).to_string().into()),
        ("api_key", ApiKeyId::from_bytes([8; 16]).to_string().into()),
        ("request_bytes", 512.into()),
        ("latency_ns", 2100.into()),
        ("predict_ns", 2000.into()),
        ("guard_ns", Value::Null),
        ("replay_of", Value::Null),
    ];
    let names = [
        "amount", "count", "known", "grade", "vector", "age", "illness", "seen_at", "born",
        "customer", "time_",
    ];
    let cells = made.rows.get(row);
    for (place, name) in names.into_iter().enumerate() {
        let cell = cells.and_then(|cells| cells.get(place)).map_or(Value::Null, shown);
        // The later contract made it a number, so that is what the column is.
        let cell = match cell.as_i64().filter(|_| name == "count") {
            Some(integer) => (integer as f64).into(),
            None => cell,
        };
        expected.push((name, cell));
    }
    let answered = cells.is_some() && !made.refused;
    expected.push(("score", if answered { 0.25.into() } else { Value::Null }));
    expected.push(("both", if answered { json!([0.75, 0.25]) } else { Value::Null }));
    let is_flagged = cells.is_some() && row == 0;
    let flag = if is_flagged { "amount:out_of_range:clamped".into() } else { Value::Null };
    expected.push(("flags", flag));
    let branch = cells.and(made.branch).or(made.branch);
    expected.push(("x-branch", branch.map_or(Value::Null, Value::from)));
    let seen = cells.and_then(|cells| cells.get(7)).map_or(Value::Null, shown);
    expected.push(("event_time", seen));
    expected
}

fn cells() -> impl Strategy<Value = Vec<Raw>> {
    let number = || (-1e9..1e9_f64).prop_map(Raw::Number);
    let or_null = |cell: BoxedStrategy<Raw>| prop_oneof![1 => Just(Raw::Null), 4 => cell];
    let time = || (-4_000_000_000_000_000_i64..4_000_000_000_000_000).prop_map(Raw::Time);
    let text = || "\\PC{0,20}".prop_map(Raw::Text);
    let integer = || (-9_007_199_254_740_992_i64..9_007_199_254_740_992).prop_map(Raw::Integer);
    (
        or_null(number().boxed()),
        or_null(integer().boxed()),
        or_null(any::<bool>().prop_map(Raw::Boolean).boxed()),
        or_null((0_u32..2).prop_map(Raw::Category).boxed()),
        or_null(proptest::collection::vec(-1.0..1.0_f64, 2).prop_map(Raw::Tensor).boxed()),
        or_null(integer().boxed()),
        or_null(text().boxed()),
        or_null(time().boxed()),
        or_null(time().boxed()),
        or_null("[a-d]".prop_map(Raw::Text).boxed()),
        or_null(text().boxed()),
    )
        .prop_map(|(a, b, c, d, e, f, g, h, i, j, k)| vec![a, b, c, d, e, f, g, h, i, j, k])
}

fn made() -> impl Strategy<Value = Made> {
    let rows = proptest::collection::vec(cells(), 0..4);
    (0_u64..3 * HOUR, rows, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(time, rows, refused, later, branch)| Made {
            contract: if later { LATER } else { CONTRACT },
            refused,
            branch: branch.then_some("north"),
            ..Made::new(BEGIN + time, rows)
        },
    )
}

#[test]
fn rows_are_the_ledgers_decisions() {
    // Each case writes a ledger: a few of them meet every kind of cell.
    let mut runner = TestRunner::new(Config { cases: 12, ..Config::default() });
    let strategy = proptest::collection::vec(made(), 1..24);
    runner
        .run(&strategy, |decisions| {
            check(&decisions);
            Ok(())
        })
        .expect("holds");
}

fn check(decisions: &[Made]) {
    let mut site = Site::new();
    // All columns are there, whatever the decisions bring.
    let first = Made { contract: LATER, ..Made::new(BEGIN, vec![row(1.0, 1, "x", "z")]) };
    let mut all_of_them = vec![Made::new(BEGIN, vec![row(1.0, 1, "x", "z")]), first];
    all_of_them.extend_from_slice(decisions);
    site.record(&all_of_them);
    let lake = site.lake();
    let pending = all(&lake);
    compare(&site, &lake, &all_of_them, &pending);

    lake.catch_up(|_| {}).expect("write");
    assert_eq!(all(&lake), pending, "in files as in memory");

    site.clock.0.store(BEGIN + 9 * HOUR, Ordering::Relaxed);
    site.record(&[Made::new(BEGIN + 1, vec![row(2.0, 2, "y", "z")])]);
    lake.catch_up(|_| {}).expect("write");
    let with_one_more = all(&lake);
    while lake.compact().expect("compact") {}
    assert_eq!(all(&lake), with_one_more, "in one file as in several");
    drop(lake);
    assert_eq!(all(&site.lake()), with_one_more, "after a restart");
    let lake = site.lake();
    lake.rebuild(|_| {}).expect("rebuild");
    assert_eq!(all(&lake), with_one_more, "made anew");
    drop(lake);
    assert_eq!(all(&site.offline(true, false)), with_one_more, "without a server");
}

fn compare(site: &Site, lake: &Lake, decisions: &[Made], found: &[Value]) {
    let mut rows = found.iter();
    let keys = site.ledger().keys();
    for (made, id) in decisions.iter().zip(&site.ids) {
        for row in 0..made.rows.len().max(1) {
            let found = rows.next().expect("a row");
            assert_eq!(found["decision_id"], id.to_string());
            for (name, value) in expected(made, row) {
                assert_eq!(found[name], value, "{name} of {made:?}");
            }
            let subject = match made.rows.get(row).and_then(|row| row.get(9)) {
                Some(Raw::Text(name)) => {
                    let pseudonym = keys.subject_pseudonym(TENANT, name);
                    plimsoll_types::digest::hex(&pseudonym).into()
                }
                _ => Value::Null,
            };
            assert_eq!(found["subject"], subject);
        }
    }
    assert_eq!(rows.next(), None);
    let count = sql(lake, "select count(*) as n from decisions");
    assert_eq!(count, [json!({"n": decisions.len()})]);
}

#[test]
fn columns_are_those_of_the_golden_list() {
    let mut site = Site::new();
    let first = Made::new(BEGIN, vec![row(1.0, 1, "x", "z")]);
    site.record(&[first.clone(), Made { contract: LATER, ..first }]);
    let lake = site.lake();
    let columns = lake.columns(&visible(DEPLOYMENT, "credit-default", true)).expect("columns");
    let mut text = String::new();
    for column in columns {
        let sealed = if column.is_sealed { "  sealed" } else { "" };
        text.push_str(&format!(
            "{:<16} {:<32} {}{sealed}\n",
            column.name, column.kind, column.role
        ));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/columns.txt");
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    if golden != text {
        let fresh = path.with_extension("fresh");
        std::fs::write(&fresh, &text).expect("write");
        panic!("the columns changed; compare {} and rename it", fresh.display());
    }
    // What is written on disk says the same to any reader of Parquet.
    lake.catch_up(|_| {}).expect("write");
    let path = tables(&site).remove(0);
    let file = std::fs::File::open(path).expect("open");
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file);
    let reader = reader.expect("parquet");
    let stored = |name: &str| reader.schema().field_with_name(name).map(|f| f.data_type().clone());
    use arrow::datatypes::{DataType, TimeUnit};
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    assert_eq!(stored("time").expect("time"), utc);
    assert_eq!(stored("amount").expect("clear"), DataType::Float64);
    assert_eq!(stored("sealed#age").expect("sealed"), DataType::Binary);
    assert!(stored("age").is_err(), "what is personal does not stand in clear");
    for group in reader.metadata().row_groups() {
        for column in group.columns() {
            let name = column.column_path().string();
            let has_bloom = column.bloom_filter_offset().is_some();
            assert_eq!(has_bloom, ["decision_id", "subject"].contains(&&*name), "{name}");
            assert_eq!(
                column.statistics().is_none(),
                name.starts_with("sealed#") || name.starts_with('_'),
                "{name}"
            );
        }
    }
}

#[test]
fn a_decision_without_a_body_has_its_leaf() {
    let mut site = Site::new();
    site.record(&[Made::new(BEGIN, vec![row(1.0, 1, "x", "z")])]);
    // Closed by recovery, hours after its id was made.
    let id = DecisionId::new(Time::from_micros(BEGIN));
    let later = Time::from_micros(BEGIN + 5 * HOUR);
    let mut draft = LeafDraft::new(RecordKind::Decision, *id.as_bytes(), TENANT, later, 1);
    draft.deployment = Some(DEPLOYMENT);
    draft.result = Some(ResultClass::Abandoned);
    site.ledger().append_blocking(draft, plimsoll_ledger::Sealed::none(), None).expect("append");
    let lake = site.lake();
    for _ in 0..2 {
        let found = sql(&lake, &format!("select * from decisions where decision_id = '{id}'"));
        assert_eq!(found.len(), 1, "found by its id although it stands in another hour");
        assert_eq!(found[0]["result"], "abandoned");
        assert_eq!(found[0]["principal"], Value::Null);
        lake.catch_up(|_| {}).expect("write");
    }
}
