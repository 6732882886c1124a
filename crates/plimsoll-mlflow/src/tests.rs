//! The words of MLflow: the filter grammar, arguments, sources, page tokens.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn one(grammar: Grammar, text: &str) -> Clause {
    let mut clauses = filter(grammar, text).expect(text);
    assert_eq!(clauses.len(), 1, "{text}");
    clauses.remove(0)
}

#[test]
fn the_grammar_of_runs() {
    let clause = one(Grammar::Runs, "metrics.acc >= 0.5");
    assert_eq!(clause.field, Field::Metric("acc".into()));
    assert_eq!(clause.comparison, Comparison::AtLeast);
    assert_eq!(clause.literal, Literal::Number(0.5));
    let clause = one(Grammar::Runs, "metric.`my acc`>-1e3");
    assert_eq!(
        (clause.field, clause.literal),
        (Field::Metric("my acc".into()), Literal::Number(-1000.0))
    );
    let clause = one(Grammar::Runs, r#"tags."mlflow.parentRunId" = 'it''s'"#);
    assert_eq!(clause.field, Field::Tag("mlflow.parentRunId".into()));
    assert_eq!(clause.literal, Literal::Text("it's".into()));
    let clause = one(Grammar::Runs, "tags.mlflow.user ILIKE \"%a%\"");
    assert_eq!(clause.field, Field::Tag("mlflow.user".into()));
    let clause = one(Grammar::Runs, "attributes.run_id IN ('a', 'b')");
    assert_eq!(clause.literal, Literal::List(vec!["a".into(), "b".into()]));
    assert_eq!(one(Grammar::Runs, "params.x IS NOT NULL").comparison, Comparison::IsNotNull);
    assert_eq!(one(Grammar::Runs, "dataset.name = 'd'").field, Field::Dataset("name"));
    let both = filter(Grammar::Runs, "status = 'FINISHED' AND start_time > 5 and tags.a != 'b'");
    assert_eq!(both.expect("three").len(), 3);
    assert!(filter(Grammar::Runs, "  ").expect("nothing").is_empty());
}

#[test]
fn what_is_not_of_the_grammar() {
    for text in [
        "metrics.a",
        "metrics.a >",
        "metrics.a > 'x",
        "metrics.a = 'b'",
        "a = 1",
        "params.a = 1",
        "params.a > 'b'",
        "x.y = 'z'",
        "metrics.a > 1 OR metrics.b > 1",
        "metrics.a > 1 metrics.b > 1",
        "(metrics.a > 1)",
        "AND",
        "run_id IN ()",
        "run_id IN 'a'",
        "metrics.a > inf",
        "status IS NULL",
        "metrics.a LIKE 'x'",
        "dataset.size = '1'",
        "tags.a = b",
    ] {
        let error = filter(Grammar::Runs, text).expect_err(text);
        assert_eq!(error.code, Code::InvalidParameterValue, "{text}");
    }
    assert!(filter(Grammar::Models, "metrics.a > 1").is_err());
    assert!(filter(Grammar::Models, "name != 'a'").is_err());
    assert!(filter(Grammar::Versions, "version_number > 1 AND run_id IN ('r',)").is_ok());
}

#[test]
fn orders() {
    let by = |text: &str| order(Grammar::Runs, &[text.to_owned()]).map(|mut o| o.remove(0));
    assert_eq!(
        by("metrics.a DESC").expect("one"),
        Order { field: Field::Metric("a".into()), ascending: false }
    );
    assert_eq!(
        by("start_time").expect("one"),
        Order { field: Field::Attribute("start_time"), ascending: true }
    );
    assert_eq!(by("params.`x y` asc").expect("one").field, Field::Param("x y".into()));
    assert!(by("metrics.a ACS").is_err());
    assert!(by("").is_err());
    assert!(order(Grammar::Models, &["creation_timestamp DESC".into()]).is_ok());
    assert!(order(Grammar::Models, &["size".into()]).is_err());
}

#[test]
fn arguments_and_their_errors() {
    let args = Args::of_body(br#"{"name": 5, "n": "7", "list": 3, "x": "Infinity", "nan": "NaN"}"#)
        .expect("an object");
    let says = |error: Error| error.message;
    assert!(
        says(args.text("gone").expect_err("missing"))
            .starts_with("Missing value for required parameter 'gone'.")
    );
    assert!(
        says(args.text("name").expect_err("wrong"))
            .starts_with("Invalid value 5 for parameter 'name' supplied:")
    );
    assert_eq!(args.int("n").expect("a number"), 7);
    assert!(args.list("list").is_err());
    assert_eq!(args.number("x").expect("finite").to_bits(), f64::MAX.to_bits());
    assert!(args.number("nan").expect("a number").is_nan());
    let query = Args::of_query(vec![
        ("a".into(), "1".into()),
        ("a".into(), "2".into()),
        ("b".into(), "3".into()),
    ]);
    assert_eq!(query.texts("a").expect("two"), ["1", "2"]);
    assert_eq!(query.texts("b").expect("one"), ["3"]);
    assert!(Args::of_body(b"[1]").is_err());
    assert_eq!(
        json!(Metric {
            key: "m".into(),
            value: f64::NAN,
            timestamp: 1,
            step: 0,
            model_id: None,
            dataset_name: None,
            dataset_digest: None,
            run_id: None
        }),
        json!({"key": "m", "value": "NaN", "timestamp": 1, "step": 0})
    );
}

#[test]
fn pages_are_checked() {
    let of =
        |token: &str| Page::of(&Args::of_query(vec![("page_token".into(), token.into())]), 10, 100);
    let (rest, token) = Page { limit: 2, offset: 4 }.cut(vec![1, 2, 3]);
    assert_eq!(rest, [1, 2]);
    assert_eq!(of(&token.expect("there is more")).expect("ours").offset, 6);
    for token in ["§", "a", "e30=", "eyJvZmZzZXQiOi0xfQ==", "eyJvZmZzZXQiOjk5OTk5OTk5OTk5OTk5fQ=="]
    {
        assert!(of(token).is_err(), "{token}");
    }
}

/// The classes of MLflow's CVEs: 2023-1177, 2023-6909, 2023-6977, 2024-1483, 2024-1558,
/// 2024-1560, 2024-1594, 2024-3848, 2024-4263.
#[test]
fn sources_that_hide_a_path_are_refused() {
    for text in [
        "/etc/passwd",
        "file:///etc/passwd",
        "file:/etc",
        "//proc/self/root",
        "./x",
        "../x",
        "a/b",
        "mlflow-artifacts:/../../etc/passwd",
        "mlflow-artifacts:/%2e%2e/%2e%2e/etc",
        "mlflow-artifacts:/%252e%252e/etc",
        "mlflow-artifacts:/a#/../../etc",
        "mlflow-artifacts:/a?/../etc",
        "mlflow-artifacts:/a%23b",
        "mlflow-artifacts:/a%3Fb",
        "mlflow-artifacts:/a%00b",
        "runs:/../x",
        "runs:/abc/../../x",
        "runs://host/abc",
        "models:/m-1/../../x",
        "models:/a/b",
        "models:/a/0",
        "models:/",
        "http://x/../..",
        "s3://bucket/../x",
        "s3://bucket/a?versionId=1",
        "https://h/a#b",
        "javascript:alert(1)",
        "a\u{0}b",
        "mlflow-artifacts:/a\\..\\b",
        "",
    ] {
        assert!(source(text).is_err(), "{text}");
    }
    assert_eq!(source("dummy-source").expect("a word"), Source::None);
    assert_eq!(
        source("models:/m-ab12").expect("logged"),
        Source::Logged(LoggedSource { id: "m-ab12".into(), path: String::new() })
    );
    assert_eq!(
        source("models:/my model/3").expect("a version"),
        Source::Version { name: "my model".into(), number: 3 }
    );
    assert_eq!(
        source("runs:/abc/model").expect("a run"),
        Source::Run { run: "abc".into(), path: "model".into() }
    );
    assert_eq!(
        source("mlflow-artifacts:/1/models/m-1/artifacts").expect("an artifact"),
        Source::Artifact("1/models/m-1/artifacts".into())
    );
    assert_eq!(source("s3://bucket/key").expect("elsewhere"), Source::Elsewhere);
}

#[test]
fn names_and_aliases() {
    assert!(model_name_fits("Credit 你好").is_ok());
    for name in ["", " ", "a/b", "a:b", "a\nb"] {
        assert!(model_name_fits(name).is_err(), "{name}");
    }
    assert!(alias_fits("champion-1").is_ok());
    for alias in ["", "latest", "LATEST", "v1", "V22", "a b", "a/b"] {
        assert!(alias_fits(alias).is_err(), "{alias}");
    }
    assert!(is_production_alias("Champion") && !is_production_alias("challenger"));
    assert_eq!(stage_of("production").expect("a stage"), "Production");
    assert!(stage_of("live").is_err());
    for key in ["../a", "a//b", "/a", "a/./b", "", "a\u{0}", "."] {
        assert!(key_fits("key", key).is_err(), "{key}");
    }
    assert!(key_fits("key", "mlflow.log-model/x y").is_ok());
}

proptest! {
    #[test]
    fn nothing_makes_the_parsers_panic(text in "\\PC*", grammar in 0..5usize) {
        let all = [Grammar::Runs, Grammar::Experiments, Grammar::Models, Grammar::Versions, Grammar::Logged];
        drop(filter(all[grammar], &text));
        drop(order(all[grammar], std::slice::from_ref(&text)));
        drop(source(&text));
        drop(Args::of_body(text.as_bytes()));
    }

    #[test]
    fn a_quoted_text_is_read_back(text in "[^\\x00]{0,40}", key in "[a-z ]{1,10}") {
        let written = format!("tags.`{key}` = '{}'", text.replace('\'', "''"));
        let clauses = filter(Grammar::Runs, &written).expect("it is of the grammar");
        prop_assert_eq!(&clauses[0].literal, &Literal::Text(text));
        prop_assert_eq!(&clauses[0].field, &Field::Tag(key));
    }

    #[test]
    fn no_source_that_is_taken_climbs(text in "(mlflow-artifacts|runs|models):/[a-z./%2eE#?]{0,30}") {
        if let Ok(Source::Artifact(path) | Source::Run { path, .. }) = source(&text) {
            prop_assert!(!path.split('/').any(|part| part == ".."), "{}", path);
        }
    }
}
