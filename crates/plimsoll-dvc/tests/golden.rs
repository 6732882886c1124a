//! What the real DVC 3.67.1 made (`tools/dvc/repo.sh`), and what it said of it.

#![cfg(test)]

use plimsoll_dvc::{Config, Hash, Lock, Md5Hasher, Pipeline, Tracked, graph, read_folder};
use proptest::prelude::*;
use std::collections::BTreeSet;

const LOCK: &str = include_str!("golden/dvc.lock");

fn tracked() -> Vec<(String, Tracked)> {
    let loans = Tracked::read(include_str!("golden/loans.csv.dvc"), "data").expect("read");
    let raw = Tracked::read(include_str!("golden/raw.dvc"), "").expect("read");
    vec![("data/loans.csv.dvc".into(), loans), ("raw.dvc".into(), raw)]
}

#[test]
fn the_graph_is_the_one_that_dvc_draws() {
    let found = graph(&tracked(), &Lock::read(LOCK, "").expect("read"));
    let drawn: BTreeSet<(String, String)> = include_str!("golden/dag.dot")
        .lines()
        .filter_map(|line| {
            let (from, to) = line.trim_end_matches(';').split_once(" -> ")?;
            Some((from.trim_matches('"').to_owned(), to.trim_matches('"').to_owned()))
        })
        .collect();
    assert_eq!(drawn.len(), 5);
    let ours = found.edges.iter().map(|edge| (edge.source.clone(), edge.target.clone()));
    assert_eq!(ours.collect::<BTreeSet<_>>(), drawn);
    assert!(found.edges.iter().all(|edge| edge.is_current));
    assert!(found.untracked.is_empty());
}

#[test]
fn sums_sizes_and_parameters_are_those_of_the_lock() {
    let lock = Lock::read(LOCK, "").expect("read");
    let train = &lock.stages["train"];
    assert_eq!(train.command, "md5sum prepared.csv > model.json");
    assert_eq!(train.parameters["params.yaml:train.depth"], 3);
    assert_eq!(train.parameters["params.yaml:train.rate"], 0.1);
    let made = &train.outputs[0];
    assert_eq!((made.path.as_str(), made.size), ("model.json", Some(47)));
    let raw = &lock.stages["prepare"].inputs[1];
    assert_eq!((raw.files, raw.size), (Some(2), Some(2)));
    let object = raw.hash.as_ref().and_then(Hash::object).expect("an object");
    assert_eq!(object, "files/md5/90/d9fe10b4a0cddaefbe4549457984d9.dir");
    let (name, loans) = &tracked()[0];
    assert_eq!(
        (name.as_str(), loans.outputs[0].path.as_str()),
        ("data/loans.csv.dvc", "data/loans.csv")
    );
}

#[test]
fn a_folder_is_what_its_sum_says() {
    let bytes = include_bytes!("golden/raw.dir");
    let mut hash = Md5Hasher::default();
    hash.update(bytes);
    let sum = Hash::Folder(hash.finish());
    assert_eq!(tracked()[1].1.outputs[0].hash.as_ref(), Some(&sum));
    let files = read_folder(bytes).expect("read");
    let paths: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["a.txt", "sub/b.txt"]);
    let mut hash = Md5Hasher::default();
    hash.update(b"b");
    assert_eq!(files[1].sum, hash.finish());
}

#[test]
fn the_pipeline_declares_its_model_and_the_config_its_remote() {
    let pipeline = Pipeline::read(include_str!("golden/dvc.yaml"), "").expect("read");
    assert_eq!(pipeline.stages, ["evaluate", "prepare", "train"]);
    let model = &pipeline.models["credit"];
    assert_eq!((model.path.as_str(), model.kind.as_deref()), ("model.json", Some("model")));
    let config = Config::read(include_str!("golden/config")).expect("read");
    assert_eq!(config.default.as_deref(), Some("store"));
    assert_eq!(config.remotes["store"], "../../remote");
}

#[test]
fn a_stage_that_ran_on_something_else_shows() {
    let mut files = tracked();
    files[0].1.outputs[0].hash =
        Some(Hash::File("00000000000000000000000000000000".parse().expect("a sum")));
    let found = graph(&files, &Lock::read(LOCK, "").expect("read"));
    let stale: Vec<_> = found.edges.iter().filter(|edge| !edge.is_current).collect();
    assert_eq!(stale.len(), 1);
    assert_eq!(
        (stale[0].source.as_str(), stale[0].path.as_str()),
        ("data/loans.csv.dvc", "data/loans.csv")
    );
    let found = graph(&files[..1], &Lock::read(LOCK, "").expect("read"));
    assert_eq!(found.untracked.into_iter().collect::<Vec<_>>(), ["raw"]);
}

#[test]
fn imports_legacy_sums_and_clouds_are_told_apart() {
    let text = "deps:\n- path: data.xml\n  repo:\n    url: https://example.org/r\n    rev_lock: f31f5c4\n\
                outs:\n- md5: fbfa91a784d884abf61283d7bb3fe5f5\n  path: a.txt\n\
                - etag: '\"x\"'\n  path: b\n- path: c\n  push: false\n";
    let file = Tracked::read(text, "x").expect("read");
    assert_eq!(file.imports[0].commit.as_deref(), Some("f31f5c4"));
    assert!(matches!(file.outputs[0].hash, Some(Hash::Legacy(_))));
    let object = file.outputs[0].hash.as_ref().and_then(Hash::object);
    assert_eq!(object.as_deref(), Some("fb/fa91a784d884abf61283d7bb3fe5f5"));
    assert!(matches!(&file.outputs[1].hash, Some(Hash::Cloud(tag)) if tag == "\"x\""));
    assert_eq!((file.outputs[2].hash.as_ref(), file.outputs[2].is_pushed), (None, false));
}

#[test]
fn what_dvc_does_not_write_is_refused() {
    for bad in [
        "outs: 3",
        "outs:\n- md5: ../x\n  path: a",
        "outs:\n- path: ../../etc/passwd",
        "- a",
        "outs:\n- path: /etc/passwd",
    ] {
        assert!(Tracked::read(bad, "").is_err(), "{bad}");
    }
    assert!(Lock::read("schema: '1.0'\nstages: {}", "").is_err());
    assert!(Lock::read("prepare:\n  cmd: x", "").is_err());
    for bad in [
        "{}",
        "[{\"md5\": \"x\", \"relpath\": \"a\"}]",
        "[{\"md5\": \"fbfa91a784d884abf61283d7bb3fe5f5\", \"relpath\": \"../a\"}]",
    ] {
        assert!(read_folder(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(Config::read("[core\nremote = x").is_err());
}

proptest! {
    #[test]
    fn nothing_panics(text in "[a-z0-9: \n\\-.\\[\\]{}/'\"&*!]{0,200}") {
        drop(Tracked::read(&text, "a/b"));
        drop(Lock::read(&text, ""));
        drop(Pipeline::read(&text, ""));
        drop(Config::read(&text));
        drop(read_folder(text.as_bytes()));
    }
}
