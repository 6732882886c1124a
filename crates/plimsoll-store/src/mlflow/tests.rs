//! The catalogue and the tracking as rows: what is found, kept and refused.

use super::*;
use crate::{Change, ModelRow, PrincipalRow, Store, StoreError, VersionRow};
use plimsoll_mlflow::{Args, Grammar, Metric, Page, filter};
use plimsoll_types::{Digest, EventId, ModelId, Name, PrincipalId, TenantId, Time};
use std::sync::Arc;

const NOW: Time = Time::from_micros(1_000_000_000_000_000);

fn store() -> (tempfile::TempDir, Arc<Store>) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("db"), NOW).expect("a store");
    (folder, Arc::new(store))
}

fn run(id: &str) -> RunRow {
    RunRow {
        row: 0,
        id: id.into(),
        experiment: 0,
        name: id.into(),
        user: String::new(),
        status: "RUNNING".into(),
        stage: "active".into(),
        start_time: Some(1),
        end_time: None,
        author: [7; 16],
        sealed: None,
        location: String::new(),
    }
}

fn value(step: i64, value: f64) -> Metric {
    Metric {
        key: "m".into(),
        value,
        timestamp: 1,
        step,
        model_id: None,
        dataset_name: None,
        dataset_digest: None,
        run_id: None,
    }
}

#[test]
fn a_new_file_has_the_default_experiment() {
    let (_folder, store) = store();
    let row = store.read(|r| r.experiment(0)).expect("readable").expect("there");
    assert_eq!((row.name.as_str(), row.location.as_str()), ("Default", "mlflow-artifacts:/0"));
}

#[test]
fn what_many_write_together_is_all_there_and_a_failure_takes_only_itself_along() {
    let (_folder, store) = store();
    let id = store.together::<_, StoreError>(|tx| tx.insert_run(&run("r"))).expect("a run");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let store = Arc::clone(&store);
            scope.spawn(move || {
                for step in 0..50 {
                    let at = thread * 50 + step;
                    let logged = store
                        .together::<_, StoreError>(move |tx| tx.log_metric(id, &value(at, 0.5)));
                    logged.expect("written");
                    let failed = store.together::<(), StoreError>(move |tx| {
                        tx.log_metric(id, &value(1_000 + at, 0.5))?;
                        Err(StoreError::Gone("test"))
                    });
                    assert!(matches!(failed, Err(StoreError::Gone("test"))));
                }
            });
        }
    });
    let history = store.read(|r| r.metric_history(id, "m", 0, 1_000)).expect("readable");
    let steps: Vec<i64> = history.iter().map(|value| value.step).collect();
    assert_eq!(steps, (0..400).collect::<Vec<_>>());
    let latest = store.read(|r| r.latest_metrics(id)).expect("readable");
    assert_eq!(latest[0].step, 399);
}

#[test]
fn the_newest_value_is_that_of_the_highest_step_then_time_then_value() {
    let (_folder, store) = store();
    let latest = store
        .together::<_, StoreError>(|tx| {
            let id = tx.insert_run(&run("r"))?;
            for (step, v) in [(2, 1.0), (1, 9.0), (2, 3.0), (2, 2.0)] {
                tx.log_metric(id, &value(step, v))?;
            }
            tx.log_metric(id, &Metric { key: "n".into(), ..value(0, f64::NAN) })?;
            tx.latest_metrics(id)
        })
        .expect("written");
    assert_eq!(latest[0].value.to_bits(), 3.0_f64.to_bits());
    assert!(latest[1].value.is_nan());
}

#[test]
fn a_callers_text_is_never_sql() {
    let (_folder, store) = store();
    store.together::<_, StoreError>(|tx| tx.insert_run(&run("r"))).expect("a run");
    for text in [
        "tags.`x' OR 1=1 --` = 'y'",
        "params.k = 'a''; DROP TABLE ml_runs; --'",
        "name = 'x'' OR ''1''=''1'",
        "metrics.`m) OR (1` > 0",
    ] {
        let Ok(clauses) = filter(Grammar::Runs, text) else { continue };
        let page = Page::of(&Args::default(), 10, 10).expect("a page");
        let search = Search { clauses, orders: Vec::new(), page, datasets: Vec::new() };
        let found = store.read(|r| r.find_runs(&[0], &search, Audience::All)).expect("a query");
        assert!(found.is_empty(), "{text}");
    }
    assert!(store.read(|r| r.run("r")).expect("readable").is_some());
}

#[test]
fn a_version_of_the_api_is_in_the_catalogue_under_its_number_and_stays() {
    let (_folder, store) = store();
    let author = PrincipalId::new(NOW);
    let about = Change {
        event: EventId::new(NOW),
        action: "test",
        resource: "test",
        time: NOW,
        settled_to: 0,
    };
    let name = Name::new("credit").expect("a name");
    let model = ModelId::new(NOW);
    store
        .write::<_, StoreError>(&about, |tx| {
            tx.insert_principal(&PrincipalRow {
                id: author,
                name: name.clone(),
                kind: "user".into(),
                roles: vec![],
                tenant: TenantId::new(NOW),
                is_dev: false,
                created_at: NOW,
                disabled_at: None,
            })?;
            tx.insert_model(&ModelRow {
                id: model,
                name: name.clone(),
                owner: "team".into(),
                description: None,
                tenant: TenantId::new(NOW),
                created_at: NOW,
                latest_version: 0,
            })?;
            tx.insert_version(
                &VersionRow {
                    model,
                    number: 3,
                    digest: Digest::from_bytes([1; 32]),
                    manifest: "{}".into(),
                    facts: "{}".into(),
                    author,
                    created_at: NOW,
                },
                &[],
            )
        })
        .expect("written");
    let row = store.read(|r| r.catalogued_version("credit", 3)).expect("readable").expect("there");
    assert_eq!((row.author, row.governed, row.user.as_str()), (*author.as_bytes(), true, "credit"));
    assert_eq!(store.read(|r| r.highest_number("credit")).expect("readable"), 3);
    let model = store.read(|r| r.catalogued("credit")).expect("readable").expect("there");
    let taken = store.together::<_, StoreError>(move |tx| tx.delete_catalogued(model.row));
    assert!(taken.is_err(), "a governed version is never deleted");
    assert!(store.read(|r| r.catalogued_version("credit", 3)).expect("readable").is_some());
}

#[test]
fn what_a_version_is_made_of_never_changes() {
    let (_folder, store) = store();
    let changed = store.together::<_, StoreError>(|tx| {
        let model = tx.insert_catalogued("m", "team", "", 1)?;
        let version = CatalogueVersion {
            row: 0,
            model,
            name: "m".into(),
            number: 1,
            author: [0; 16],
            user: String::new(),
            description: String::new(),
            source: "mlflow-artifacts:/a".into(),
            location: "mlflow-artifacts:/a".into(),
            run: String::new(),
            run_link: String::new(),
            logged: None,
            stage: "None".into(),
            status: "READY".into(),
            status_text: String::new(),
            hold: None,
            governed: false,
            created_at: 1,
            updated_at: 1,
        };
        tx.insert_catalogued_version(&version)?;
        tx.change("UPDATE ml_versions SET location = 'mlflow-artifacts:/b'", [])
    });
    assert!(changed.is_err());
}
