//! Every target: its committed inputs, and two seconds of mutations. And the fuzzer itself: it
//! must find what is wrong, or its silence means nothing.

use super::*;
use signature::Signature;

fn fuzz(target: &Target, seconds: u64) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = State::open(folder.path(), target.name).expect("a state folder");
    let budget = Budget { time: Duration::from_secs(seconds), seed: 7 };
    engine::run(target, budget, &state).expect("inputs can be read")
}

macro_rules! targets {
    ($($name:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            let target = find(stringify!($name)).expect("a target");
            let corpus = engine::replay(target).expect("inputs can be read");
            assert!(corpus.crashes.is_empty(), "{corpus}");
            let outcome = fuzz(target, 2);
            assert!(outcome.crashes.is_empty(), "{outcome}");
            assert!(outcome.runs > corpus.runs && outcome.kinds > 1, "{outcome}");
        })+

        #[test]
        fn every_target_has_a_test() {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(names, [$(stringify!($name)),+]);
        }
    };
}

targets!(
    artifact_dvc,
    artifact_path,
    contract_binary,
    contract_document,
    contract_grpc,
    contract_pattern,
    contract_table,
    contract_validate,
    identity_keys,
    identity_token,
    ledger_segment,
    lineage_event,
    mlflow_said,
    model_lightgbm,
    model_load,
    model_onnx,
    model_sklearn,
    policy_parse,
    record_body,
    record_leaf,
    table_csv,
    text_timestamp,
    text_words,
    outbound_url,
    record_outcome,
    record_review,
    scan_content,
    scan_pickle,
    scan_zip,
    sign_bundle,
    tlog_bundle,
    tlog_checkpoint,
    tlog_note,
    tlog_policy,
    tlog_proof,
    tlog_request,
    tlog_tile_path,
    upstream_answer,
    upstream_declaration,
    upstream_message,
);

/// Wrong for one input in 2^24, which only steps by way of new kinds can reach.
fn a_parser_with_a_fault(input: &[u8]) -> Signature {
    let depth = input.iter().zip(b"bug").take_while(|(a, b)| a == b).count();
    assert!(depth < 3, "the fault");
    Signature::START.size(1 << depth)
}

#[test]
fn a_fault_behind_new_kinds_is_found_and_kept() {
    let seeds = || vec![b"aaaa".to_vec()];
    let target = Target { name: "faulty", run: a_parser_with_a_fault, seeds, words: &[] };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = State::open(folder.path(), target.name).expect("a state folder");
    let budget = Budget { time: Duration::from_secs(3), seed: 7 };
    let outcome = engine::run(&target, budget, &state).expect("runs");
    assert_eq!(outcome.crashes.len(), 1, "{outcome}");
    let crashes: Vec<_> =
        std::fs::read_dir(folder.path().join("faulty/crashes")).expect("a folder").collect();
    let crash = std::fs::read(crashes[0].as_ref().expect("an entry").path()).expect("an input");
    assert!(crash.starts_with(b"bug"));
}

fn a_parser_that_hoards(input: &[u8]) -> Signature {
    let hoard = if input.starts_with(b"!") { vec![1_u8; 600 << 20] } else { Vec::new() };
    Signature::START.size(std::hint::black_box(hoard).len())
}

#[test]
fn a_hoard_of_memory_is_found() {
    let seeds = || vec![b"fine".to_vec(), b"!".to_vec()];
    let target = Target { name: "hoarder", run: a_parser_that_hoards, seeds, words: &[] };
    let outcome = fuzz(&target, 0);
    assert!(outcome.crashes.iter().any(|crash| crash.starts_with("memory rose")), "{outcome}");
}

#[test]
fn an_input_that_killed_the_process_is_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    State::open(folder.path(), "t").expect("a state folder").begin(b"deadly").expect("noted");
    let state = State::open(folder.path(), "t").expect("a state folder");
    assert_eq!(state.earlier().expect("inputs"), [b"deadly".to_vec()]);
}

#[test]
fn the_demo_refuses_what_it_says_it_refuses() {
    let contract = &targets::CONTRACTS[1];
    let mut wrong = Vec::new();
    let mut count = 0;
    for (why, code, field, body) in targets::refused() {
        let result = contract.validate_oip(body.as_bytes(), &mut Default::default());
        let refusal = result.expect_err(&why).primary().clone();
        let right_field = field.is_none() || refusal.field.as_deref() == field.as_deref();
        if refusal.code.as_str() != code || !right_field {
            wrong.push(format!("{why}: {refusal}"));
        }
        count += 1;
    }
    assert_eq!((count, wrong), (24, Vec::new()));
}
