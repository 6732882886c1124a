//! Who may see what: deployments that are not given are not there, and bodies that may not be
//! read are null.

use super::*;
use crate::LakeError;
use serde_json::json;

fn site() -> Site {
    let mut site = Site::new();
    site.record(&[
        Made::new(BEGIN, vec![row(1.0, 33, "flu", "ann"), row(2.0, 44, "cold", "bob")]),
        Made { deployment: OTHER, ..Made::new(BEGIN + 1, vec![row(3.0, 55, "cough", "ann")]) },
    ]);
    site
}

#[test]
fn what_may_not_be_read_is_null_everywhere() {
    let site = site();
    let lake = site.lake();
    for _ in 0..2 {
        let masked = |sql: &str| {
            let tables = vec![visible(DEPLOYMENT, "credit-default", false)];
            rows_of(&lake, Ask { tables, ..ask(sql) })
        };
        let rows = masked("select * from \"credit-default\"").expect("rows");
        assert_eq!(rows.len(), 2);
        for row in &rows {
            let shown: Vec<&str> = row
                .as_object()
                .expect("object")
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, _)| name.as_str())
                .collect();
            assert_eq!(
                shown,
                [
                    "deployment",
                    "decision_id",
                    "index",
                    "row",
                    "time",
                    "version",
                    "route",
                    "result",
                    "model",
                    "contract",
                    "interaction"
                ]
            );
        }
        // Not by filter, group or order either.
        let none = masked("select * from \"credit-default\" where age = 33").expect("rows");
        assert_eq!(none, [] as [Value; 0]);
        let none = masked("select * from decisions where subject = subject('ann')").expect("rows");
        assert_eq!(none, [] as [Value; 0]);
        let one =
            masked("select age, illness, count(*) as n from \"credit-default\" group by 1, 2");
        assert_eq!(one.expect("rows"), [json!({"age": null, "illness": null, "n": 2})]);
        // The other deployment is not there at all.
        assert!(matches!(masked("select * from fraud"), Err(LakeError::Statement(_))));
        assert_eq!(masked("select * from decisions").expect("rows").len(), 1);
        let tables = masked(
            "select table_name from information_schema.tables where table_schema = 'public' order by 1",
        );
        let names = ["credit-default", "decisions", "outcomes"];
        assert_eq!(tables.expect("rows"), names.map(|name| json!({"table_name": name})));
        lake.catch_up(|_| {}).expect("write");
    }
}

#[test]
fn a_subject_is_found_by_name() {
    let site = site();
    let lake = site.lake();
    for _ in 0..2 {
        let found = sql(
            &lake,
            "select deployment from decisions where subject = subject('ann') order by 1",
        );
        assert_eq!(
            found,
            [json!({"deployment": "credit-default"}), json!({"deployment": "fraud"})]
        );
        let found = sql(
            &lake,
            "select age, illness from \"credit-default\" where subject = subject('bob')",
        );
        assert_eq!(found, [json!({"age": 44, "illness": "cold"})]);
        assert_eq!(sql(&lake, "select 1 from decisions where subject = subject('eve')").len(), 0);
        lake.catch_up(|_| {}).expect("write");
    }
}

#[test]
fn without_keys_what_is_sealed_is_null() {
    let mut site = site();
    site.lake().catch_up(|_| {}).expect("write");
    let mut lake = site.offline(false, false);
    let look = "select amount, age, illness from \"credit-default\" order by row";
    let found = sql(&lake, look);
    assert_eq!(found[0], json!({"amount": 1.0, "age": null, "illness": null}));
    assert!(rows_of(&lake, ask("select subject('ann')")).is_err());
    // What is in the ledger alone shows its leaf.
    site.record(&[Made::new(BEGIN + 2, vec![row(9.0, 9, "x", "ann")])]);
    drop(lake);
    lake = site.offline(false, true);
    assert_eq!(sql(&lake, look).len(), 3);
    assert_eq!(lake.catch_up(|_| {}).expect("nothing").decisions, 0, "nor is it written so");
}

#[test]
fn names_and_types_can_be_browsed_and_times_computed_with() {
    let site = site();
    let lake = site.lake();
    let columns = sql(
        &lake,
        "select column_name, data_type from information_schema.columns \
         where table_name = 'fraud' and column_name in ('time', 'illness', 'score') order by 1",
    );
    assert_eq!(columns.len(), 3, "{columns:?}");
    let found = sql(
        &lake,
        "select date_trunc('hour', time) as hour, result, count(*) as n, avg(score) as mean \
         from \"credit-default\" where time >= '2026-11-17T09:00:00Z' and time < '2026-11-17T10:00:00Z' group by 1, 2",
    );
    let expected =
        json!({"hour": "2026-11-17T09:00:00Z", "result": "answered", "n": 2, "mean": 0.25});
    assert_eq!(found, [expected]);
    assert_eq!(sql(&lake, "select 1 from decisions where time > '2200-01-01T00:00:00Z'").len(), 0);
}

#[test]
fn answers_are_written_in_every_format() {
    let site = site();
    let lake = site.lake();
    let bytes = |format| {
        let mut answer = lake
            .query(ask("select row, illness, vector, time from \"credit-default\" order by row"))
            .expect("query");
        let mut writer = Writer::new(format, answer.schema()).expect("writer");
        let mut out = Vec::new();
        while let Some(batch) = answer.next_blocking() {
            out.extend(writer.write(&batch.expect("rows")).expect("bytes"));
        }
        out.extend(writer.finish().expect("end"));
        out
    };
    let csv = String::from_utf8(bytes(Format::Csv)).expect("text");
    assert_eq!(
        csv,
        "row,illness,vector,time\n\
         0,flu,\"[1.0, -1.5]\",2026-11-17T09:00:00Z\n\
         1,cold,\"[2.0, -1.5]\",2026-11-17T09:00:00Z\n"
    );
    let json = String::from_utf8(bytes(Format::Json)).expect("text");
    assert!(json.starts_with("{\"row\":0,\"illness\":\"flu\",\"vector\":[1.0,-1.5],\"time\":\"2026-11-17T09:00:00Z\"}\n"), "{json}");
    let file = site.folder.path().join("x.parquet");
    std::fs::write(&file, bytes(Format::Parquet)).expect("write");
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(
        std::fs::File::open(&file).expect("open"),
    );
    let reader = reader.expect("parquet");
    let utc = arrow::datatypes::DataType::Timestamp(
        arrow::datatypes::TimeUnit::Microsecond,
        Some("UTC".into()),
    );
    assert_eq!(reader.schema().field(3).data_type(), &utc);
    let rows: usize =
        reader.build().expect("read").map(|batch| batch.expect("rows").num_rows()).sum();
    assert_eq!(rows, 2);
}
