//! Statements of callers who mean harm, or do not know what they ask.

use super::*;
use crate::LakeError;

fn site() -> Site {
    let mut site = Site::new();
    let many: Vec<Made> =
        (0..50).map(|n| Made::new(BEGIN + n, vec![row(n as f64, 30, "x", "ann"); 40])).collect();
    site.record(&many);
    site
}

#[test]
fn nothing_but_reading_the_tables_is_answered() {
    let site = site();
    let lake = site.lake();
    lake.catch_up(|_| {}).expect("write");
    let path = tables(&site).remove(0);
    let path = path.display();
    let before = files(&site.data());
    let hostile = [
        "".to_owned(),
        ";".into(),
        "select 1; select 2".into(),
        "drop table decisions".into(),
        "create table x as select * from decisions".into(),
        "create view x as select 1".into(),
        "create schema x".into(),
        "create database x".into(),
        "create function f() returns int return 1".into(),
        "select * into x from decisions".into(),
        format!("create external table x stored as parquet location '{path}'"),
        format!("copy decisions to '{}'", site.folder.path().join("out.parquet").display()),
        "copy (select 1) to 'x.csv'".into(),
        "insert into decisions select * from decisions".into(),
        "delete from decisions".into(),
        "update decisions set result = 'answered'".into(),
        "truncate table decisions".into(),
        "set datafusion.execution.target_partitions = 64".into(),
        "reset datafusion.execution.target_partitions".into(),
        "show all".into(),
        "show tables".into(),
        "explain select * from decisions".into(),
        "explain analyze select * from decisions".into(),
        "describe decisions".into(),
        "begin".into(),
        "prepare p as select 1".into(),
        "execute p".into(),
        "call f()".into(),
        "vacuum".into(),
        format!("select * from '{path}'"),
        format!("select * from \"{path}\""),
        format!("select * from read_parquet('{path}')"),
        format!("select * from parquet_scan('{path}')"),
        "select * from read_csv('/etc/passwd')".into(),
        "select * from 'file:///etc/passwd'".into(),
        "select * from '/etc/passwd'".into(),
        "select * from generate_series(1, 1000000000000)".into(),
        "select * from range(1, 1000000000000)".into(),
        format!("select * from parquet_metadata('{path}')"),
        "select * from metadata_cache()".into(),
        "select plimsoll_open(1, 2, 3, 4, 5)".into(),
        "select * from \"#stored\"".into(),
        "select _keys from \"credit-default\"".into(),
        "select _salt from \"credit-default\"".into(),
        "select \"sealed#age\" from \"credit-default\"".into(),
        "select repeat('x', 2000000000)".into(),
        "select lpad('x', 2000000000, 'y')".into(),
        "select rpad('x', 2000000000, 'y')".into(),
        "select replace('xx', 'x', 'yyyy')".into(),
        "select concat('x', 'x')".into(),
        "select struct(1, 2)".into(),
        "select array_agg(row) from \"credit-default\"".into(),
        "select string_agg(illness, ',') from \"credit-default\"".into(),
        "select unnest(vector) from \"credit-default\"".into(),
        "select 1 where exists (select unnest(vector) from \"credit-default\")".into(),
        format!("select 'x'{}", " || 'x'".repeat(13)),
        format!("select {}1", "1+".repeat(800)),
        "with recursive t as (select 1 as n union all select n + 1 from t) select * from t".into(),
        "select getenv('HOME')".into(),
        "select * from nobody".into(),
        format!("select {}1", "(".repeat(5_000)),
        format!("select {}", "a".repeat(100_000)),
        format!("select * from {} decisions", "(select * from ".repeat(500)),
    ];
    for sql in hostile {
        let shown: String = sql.chars().take(60).collect();
        match rows_of(&lake, ask(&sql)) {
            Err(LakeError::Statement(_) | LakeError::Limit(_)) => {}
            Err(error) => panic!("{shown}: {error:?}"),
            Ok(rows) => panic!("{shown} was answered: {} rows", rows.len()),
        }
    }
    assert_eq!(files(&site.data()), before, "nothing was written");
    assert!(!site.folder.path().join("out.parquet").exists());
}

#[test]
fn deep_plans_are_planned_or_refused_and_do_not_end_the_process() {
    let site = site();
    let lake = site.lake();
    for sql in [
        format!("select {}1", "1+".repeat(490)),
        format!("select {}row from decisions", "row+".repeat(490)),
        format!("select {}1", "- ".repeat(900)),
        format!("select {}true", "not ".repeat(900)),
        format!("select row{} from decisions", "::int::bigint".repeat(240)),
        format!("select * from decisions where {} row = 0", "row = 1 or ".repeat(240)),
        format!("select * from decisions where {} row = 0", "row <> 1 and ".repeat(240)),
        format!("select * from decisions where row in (1{})", ", 2".repeat(490)),
        format!("select 1 {}", " union all select 1".repeat(240)),
        format!("select * from decisions {}", " union all select * from decisions".repeat(190)),
        format!("select case {} end from decisions", "when row = 2 then 3 ".repeat(160)),
        format!(
            "select {} row {} from decisions",
            "case when true then ".repeat(15),
            "else 1 end ".repeat(15)
        ),
        format!(
            "select {} row {} from decisions",
            "case when true then ".repeat(40),
            "else 1 end ".repeat(40)
        ),
        format!("select 1 from decisions {}", ", decisions".repeat(490)),
        format!(
            "select 1 from decisions d0 {}",
            (1..40)
                .map(|n| format!(" join decisions d{n} on d{n}.row = d{}.row", n - 1))
                .collect::<String>()
        ),
        format!("select {}1{}", "abs(".repeat(16), ")".repeat(16)),
        format!("select {}row{} from decisions", "coalesce(1, ".repeat(16), ")".repeat(16)),
        format!("select 1 from {}decisions{}", "(select * from ".repeat(16), ") as a".repeat(16)),
        format!(
            "with a0 as (select row as r from decisions){} select r from a40",
            (1..41)
                .map(|n| format!(", a{n} as (select abs(r) as r from a{})", n - 1))
                .collect::<String>()
        ),
        format!(
            "with a0 as (select row as r from decisions){} select r from a25",
            (1..26)
                .map(|n| format!(
                    ", a{n} as (select a.r + b.r as r from a{0} as a, a{0} as b)",
                    n - 1
                ))
                .collect::<String>()
        ),
    ] {
        assert!(sql.len() <= crate::MAX_STATEMENT, "{}", sql.len());
        let asked = Ask { timeout: Duration::from_secs(20), ..ask(&sql) };
        match rows_of(&lake, asked) {
            Ok(_) | Err(LakeError::Statement(_) | LakeError::Limit(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn giant_joins_meet_the_limits_and_leave_the_threads() {
    let site = site();
    let lake = site.lake();
    let giants = [
        // 2,000 rows five times: 3 × 10^16. A bare count would be answered from statistics.
        "select sum(a.row * b.row - c.row * d.row + e.row) from \"credit-default\" a, \"credit-default\" b, \"credit-default\" c, \"credit-default\" d, \"credit-default\" e",
        "select count(*) from \"credit-default\" a, \"credit-default\" b, \"credit-default\" c, \"credit-default\" d where a.amount + b.amount + c.amount + d.amount < -1",
        "select * from \"credit-default\" a, \"credit-default\" b, \"credit-default\" c, \"credit-default\" d order by a.amount + b.amount, c.time, d.time",
        "select a.decision_id, b.decision_id, c.decision_id, count(*) from \"credit-default\" a, \"credit-default\" b, \"credit-default\" c, \"credit-default\" d group by 1, 2, 3",
    ];
    for sql in giants {
        let asked = Ask { timeout: Duration::from_millis(300), ..ask(sql) };
        match rows_of(&lake, asked) {
            Err(LakeError::Limit(_)) => {}
            other => panic!("{sql}: {:?}", other.map(|rows| rows.len())),
        }
    }
    // The threads are free again: as many as there are run at once, and one ends.
    for _ in 0..4 {
        assert_eq!(sql(&lake, "select count(*) as n from decisions")[0]["n"], 50);
    }
}

#[test]
fn rows_are_limited_and_it_is_said() {
    let site = site();
    let lake = site.lake();
    let mut answer =
        lake.query(Ask { rows: 7, ..ask("select * from \"credit-default\"") }).expect("query");
    let mut rows = 0;
    while let Some(batch) = answer.next_blocking() {
        rows += batch.expect("rows").num_rows();
    }
    assert_eq!((rows, answer.rows(), answer.is_cut()), (7, 7, true));
    let mut answer = lake.query(Ask { rows: 50, ..ask("select * from decisions") }).expect("query");
    while let Some(batch) = answer.next_blocking() {
        batch.expect("rows");
    }
    assert_eq!((answer.rows(), answer.is_cut()), (50, false));
    assert_eq!(answer.tables(), ["decisions"]);
}

#[test]
fn a_reader_that_goes_ends_its_query() {
    let site = site();
    let lake = site.lake();
    for _ in 0..20 {
        let sql = "select a.index from \"credit-default\" a, \"credit-default\" b";
        let mut answer = lake.query(Ask { rows: u64::MAX, ..ask(sql) });
        // A query that ends gives its place back a moment later.
        for _ in 0..500 {
            if !matches!(answer, Err(LakeError::Limit(_))) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
            answer = lake.query(Ask { rows: u64::MAX, ..ask(sql) });
        }
        answer.expect("query").next_blocking().expect("rows").expect("rows");
    }
}

#[test]
fn more_queries_than_may_run_are_refused() {
    let site = site();
    let lake = site.lake();
    let sql = "select a.index from \"credit-default\" a, \"credit-default\" b";
    let running: Vec<_> =
        (0..4).map(|_| lake.query(Ask { rows: u64::MAX, ..ask(sql) }).expect("query")).collect();
    assert!(matches!(lake.query(ask(sql)), Err(LakeError::Limit(_))));
    drop(running);
}
