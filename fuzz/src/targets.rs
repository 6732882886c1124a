//! What is fuzzed: one function per parser, which feeds it, uses what it read, and checks what
//! must always hold. A function here panics only when Plimsoll is wrong.

use crate::artifact;
use crate::identity;
use crate::lineage;
use crate::mlflow;
use crate::outbound;
use crate::signature::Signature;
use crate::{scan, tlog, upstream};
use plimsoll_contract::{
    CompiledContract, Contract, Pattern, Scratch, Table, Violations, parse_timestamp,
};
use plimsoll_ledger::{Holder, Ledger, LedgerConfig, LedgerReader};
use plimsoll_model::{Limits, Model, PredictError};
use plimsoll_policy::PolicySet;
use plimsoll_types::record::{
    ControlEvent, DecisionBody, DecisionParts, Gap, Heartbeat, Kind, Leaf, LeafDraft, RefusalCount,
    RefusalTally, Stage,
};
use plimsoll_types::{
    ApiKeyId, Cell, Clock, DecisionId, Digest, EventId, Name, Phase, PrincipalId, Refusal,
    RefusalCode, Rows, SystemClock, TenantId, Time,
};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use tempfile::TempDir;

/// One parser.
pub(crate) struct Target {
    /// Its name, and its folder in the corpus.
    pub(crate) name: &'static str,
    /// Feeds it.
    pub(crate) run: fn(&[u8]) -> Signature,
    /// Inputs beside the committed ones.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Words of its language.
    pub(crate) words: &'static [&'static str],
}

const fn target(
    name: &'static str,
    run: fn(&[u8]) -> Signature,
    words: &'static [&'static str],
) -> Target {
    Target { name, run, seeds: Vec::new, words }
}

/// Every parser of input that an outsider can shape.
pub(crate) const TARGETS: &[Target] = &[
    target("artifact_dvc", artifact::dvc, artifact::WORDS),
    target("artifact_path", artifact::path, artifact::WORDS),
    target("contract_binary", contract_binary, OIP),
    target("contract_document", contract_document, DOCUMENT),
    target("contract_grpc", contract_grpc, GRPC),
    target("contract_pattern", contract_pattern, PATTERN),
    target("contract_table", contract_table, ROWS),
    Target { seeds: demo_requests, ..target("contract_validate", contract_validate, OIP) },
    Target { seeds: identity::sets, ..target("identity_keys", identity::keys, identity::WORDS) },
    Target {
        seeds: identity::tokens,
        ..target("identity_token", identity::token, identity::WORDS)
    },
    Target { seeds: ledger_segments, ..target("ledger_segment", ledger_segment, &["PLMSEG01"]) },
    target("lineage_event", lineage::event, lineage::WORDS),
    target("mlflow_said", mlflow::said, mlflow::WORDS),
    target("model_lightgbm", model_load, LIGHTGBM),
    Target { seeds: demo_models, ..target("model_load", model_load, XGBOOST) },
    target("model_onnx", model_load, ONNX),
    target("model_sklearn", model_load, SKLEARN),
    target("policy_parse", policy_parse, CEDAR),
    Target { seeds: sample_bodies, ..target("record_body", record_body, &[]) },
    target("record_leaf", record_leaf, &[]),
    target(
        "table_csv",
        table_csv,
        &[",", "\n", "\r\n", "\"", "\"\"", "true", "2026-01-01T00:00:00Z"],
    ),
    target("text_timestamp", text_timestamp, &["Z", "+01:00", "-00:00", ".999999", "T", "02-29"]),
    target("text_words", text_words, &["-", ".", "_", "019"]),
    Target { seeds: outbound::urls, ..target("outbound_url", outbound::url, outbound::WORDS) },
    target("record_outcome", outbound::outcome, &[]),
    target("record_review", outbound::review, &[]),
    target("scan_content", scan::content, scan::WORDS),
    target("scan_pickle", scan::pickle, scan::OPCODES),
    target("scan_zip", scan::zip, scan::WORDS),
    target("sign_bundle", scan::bundle, scan::BUNDLE),
    Target { seeds: tlog::bundles, ..target("tlog_bundle", tlog::bundle, &[]) },
    Target { seeds: tlog::checkpoints, ..target("tlog_checkpoint", tlog::checkpoint, tlog::WORDS) },
    Target { seeds: tlog::notes, ..target("tlog_note", tlog::note, tlog::WORDS) },
    Target { seeds: tlog::policies, ..target("tlog_policy", tlog::policy, tlog::WORDS) },
    Target { seeds: tlog::proofs, ..target("tlog_proof", tlog::proof, tlog::WORDS) },
    Target { seeds: tlog::requests, ..target("tlog_request", tlog::request, tlog::WORDS) },
    Target { seeds: tlog::paths, ..target("tlog_tile_path", tlog::tile_path, tlog::WORDS) },
    Target {
        seeds: upstream::answers,
        ..target("upstream_answer", upstream::answer, upstream::WORDS)
    },
    Target {
        seeds: upstream::declarations,
        ..target("upstream_declaration", upstream::declaration, upstream::WORDS)
    },
    target("upstream_message", upstream::message, &["p", "FP64", "FP32", "INT64", "BOOL"]),
];

const DOCUMENT: &[&str] = &[
    "version: 1\n",
    "features:\n",
    "  - name: a\n",
    "    kind: number\n",
    "kind: category\n",
    "kind: tensor\n",
    "kind: string\n",
    "kind: timestamp\n",
    "values: [a, b]\n",
    "min: 0\n",
    "max: 1\n",
    "exclusive_min: 0\n",
    "exclusive_max: 1\n",
    "nullable: true\n",
    "max_length: 9\n",
    "pattern: 'a*'\n",
    "shape: [2, 3]\n",
    "class: personal\n",
    "on_violation: clamp\n",
    "context:\n",
    "matrix: m\n",
    "map:\n",
    "subjects:\n",
    "- field: a\n",
    "- header: h\n",
    "limits:\n",
    "max_rows: 1\n",
    "&a",
    "*a",
    "<<: *a",
    "!!binary",
    "---\n",
    "? ",
    "| \n",
    "{",
    "}",
    "[",
    "]",
];
const PATTERN: &[&str] = &[
    "*", "+", "?", "{1,9}", "{0}", "{999}", "[a-z]", "[^a]", "\\d", "\\w", "\\s", ".", "^", "$",
    "\n",
];
const OIP: &[&str] = &[
    "{\"inputs\":[",
    "{\"name\":\"",
    "\"shape\":[1]",
    "\"shape\":[2,1]",
    "\"datatype\":\"FP64\"",
    "\"INT64\"",
    "\"BYTES\"",
    "\"BOOL\"",
    "\"FP16\"",
    "\"data\":[",
    "\"parameters\":{}",
    "\"id\":\"a\"",
    "\"outputs\":[]",
    "\"binary_data_size\":4",
    "\"binary_data\":true",
    "null",
    "true",
    "1e400",
    "\\u0000",
    "\\ud800",
    "\\ud83d\\ude00",
    "]}",
    "]]",
    "}}",
];
const ROWS: &[&str] = &[
    "{\"instances\":[",
    "{\"inputs\":{",
    "{\"dataframe_split\":{",
    "\"columns\":[",
    "\"data\":[[",
    "\"index\":[0]",
    "{\"dataframe_records\":[{",
    "\"signature_name\":\"serving_default\"",
    "\"parameters\":{\"explain\":true}",
    "\"params\":{}",
    "[[1,2],[3,4]]",
    "null",
    "true",
    "1e400",
    "]}",
    "]]",
    "}}",
];
const GRPC: &[&str] = &[
    "\u{a}\u{3}age",
    "\u{12}\u{5}INT64",
    "\u{12}\u{5}BYTES",
    "\u{12}\u{4}FP32",
    "\u{1a}\u{1}\u{1}",
    "\u{1a}\u{2}\u{2}\u{2}",
    "2\u{0}",
    ":\u{4}\u{0}\u{0}\u{0}\u{0}",
    "*\u{0}",
    "\"\u{b}\u{a}\u{7}explain",
];
const LIGHTGBM: &[&str] = &[
    "tree\n",
    "version=v4\n",
    "num_class=2\n",
    "num_tree_per_iteration=2\n",
    "max_feature_idx=1\n",
    "objective=multiclass num_class:2\n",
    "average_output\n",
    "feature_names=a b\n",
    "feature_infos=none [0:1]\n",
    "Tree=1\n",
    "num_leaves=2\n",
    "num_cat=1\n",
    "decision_type=9\n",
    "left_child=-1\n",
    "cat_boundaries=0 1\n",
    "is_linear=1\n",
    "end of trees\n",
    "\n\n",
    "pandas_categorical:[[\"a\"]]",
];
const SKLEARN: &[&str] = &[
    "\"format\": \"plimsoll-sklearn 1\"",
    "\"inputs\": [{}]",
    "\"values\": [\"a\"]",
    "\"takes_unknown\": true",
    "\"pipeline\": [{\"input\": 0}]",
    "\"one_hot\": [0, null]",
    "\"without_column\": [1]",
    "\"refuses_unknown\": true",
    "{\"do\": \"find\", \"with\": [1]}",
    "{\"do\": \"is_missing\"}",
    "\"linear\": {}",
    "\"coefficients\": [1]",
    "\"intercepts\": [0]",
    "\"sets\": [{\"node\": 0}]",
    "\"mean\": true",
    "\"softmax\"",
    "null",
    "1e308",
];
const ONNX: &[&str] = &[
    "Identity",
    "Concat",
    "Reshape",
    "MatMul",
    "Gemm",
    "Softmax",
    "Transpose",
    "Slice",
    "Gather",
    "Split",
    "Where",
    "Expand",
    "Shape",
    "ReduceMax",
    "Squeeze",
    "Unsqueeze",
    "Constant",
    "ArgMax",
    "LabelEncoder",
    "OneHotEncoder",
    "LinearRegressor",
    "TreeEnsemble",
    "ai.onnx.ml",
    "\u{8}\u{9}",
    "\u{7f}",
];
const XGBOOST: &[&str] = &[
    "\"learner\":{",
    "\"gradient_booster\":{",
    "\"model\":{",
    "\"trees\":[",
    "\"tree_param\":{",
    "\"num_nodes\":\"3\"",
    "\"left_children\":[",
    "\"right_children\":[",
    "\"split_indices\":[",
    "\"split_conditions\":[",
    "\"split_type\":[",
    "\"default_left\":[",
    "\"categories\":[",
    "\"categories_nodes\":[",
    "\"categories_segments\":[",
    "\"categories_sizes\":[",
    "\"base_weights\":[",
    "\"tree_info\":[",
    "\"objective\":{\"name\":\"binary:logistic\"}",
    "\"num_class\":\"3\"",
    "\"base_score\":\"[5E-1]\"",
    "\"num_feature\":\"5\"",
    "\"version\":[3,2,0]",
    "{L",
    "[$l#L",
    "[$d#L",
    "SL",
    "i",
    "-2147483648",
    "2147483647",
    "NaN",
    "1E38",
];
const CEDAR: &[&str] = &[
    "permit (",
    "forbid (",
    "principal",
    "action",
    "resource",
    "==",
    " in ",
    " is ",
    " like \"*\"",
    "when {",
    "unless {",
    "};",
    "&&",
    "||",
    "!",
    "if ",
    " then ",
    " else ",
    " has ",
    "[",
    "]",
    "{",
    "}",
    "@id(\"a\")",
    "Plimsoll::",
    "context",
    "9223372036854775807",
    "-",
    "decimal(\"1.0\")",
    "?principal",
];

fn text(input: &[u8]) -> Result<&str, Signature> {
    std::str::from_utf8(input).map_err(|_| Signature::START.word("not text"))
}

fn contract_document(input: &[u8]) -> Signature {
    let json = Contract::from_json(input);
    let read = match text(input) {
        // The words of the YAML reader repeat the input; they are not a kind.
        Ok(text) => Contract::from_yaml(text).map_err(|_| "not yaml"),
        Err(signature) => return signature,
    };
    let Some(contract) = json.ok().or_else(|| read.as_ref().ok().cloned()) else {
        return Signature::of(&read, |_| 0);
    };
    let problems = contract.check();
    let compiled = CompiledContract::compile(&contract);
    assert_eq!(problems.is_empty(), compiled.is_ok(), "`check` and `compile` disagree");
    if let (Ok(written), Ok(bytes)) = (contract.to_yaml(), contract.canonical_json()) {
        let again = Contract::from_yaml(&written).and_then(|again| again.canonical_json());
        assert_eq!(again.as_ref(), Ok(&bytes), "a contract changes when it is written and read");
    }
    let kinds =
        problems.iter().take(8).fold(Signature::START.word("read"), |signature, problem| {
            signature.word(problem.message.split('`').next().unwrap_or_default())
        });
    kinds.size(contract.features.len())
}

/// The pattern is the first line, the text the rest.
fn contract_pattern(input: &[u8]) -> Signature {
    let text = match text(input) {
        Ok(text) => text,
        Err(signature) => return signature,
    };
    let (pattern, rest) = text.split_once('\n').unwrap_or((text, ""));
    let pattern = Pattern::new(pattern);
    let matches = pattern.as_ref().is_ok_and(|pattern| pattern.matches(rest));
    Signature::of(&pattern, |_| usize::from(matches))
}

/// A small contract with every kind of field, and the demo's.
pub(crate) static CONTRACTS: LazyLock<Vec<CompiledContract>> = LazyLock::new(|| {
    let every = include_str!("../../crates/plimsoll-contract/tests/credit.yaml");
    let demo = include_str!("../../demo/credit/contract.yaml");
    let compile = |text| CompiledContract::compile(&Contract::from_yaml(text).ok()?).ok();
    [every, demo].into_iter().filter_map(compile).collect()
});

fn contract_validate(input: &[u8]) -> Signature {
    assert_eq!(CONTRACTS.len(), 2, "both contracts compile");
    each_contract(|contract, scratch| contract.validate_oip(input, scratch).map(drop))
}

/// The first two bytes say how much of the rest is JSON.
fn contract_binary(input: &[u8]) -> Signature {
    let Some((length, rest)) = input.split_first_chunk::<2>() else { return Signature::START };
    let length = usize::from(u16::from_le_bytes(*length)) % (rest.len() + 1);
    let (json, binary) = rest.split_at(length);
    each_contract(|contract, scratch| contract.validate_binary(json, binary, scratch).map(drop))
}

fn contract_grpc(input: &[u8]) -> Signature {
    drop(plimsoll_contract::model_of(input));
    each_contract(|contract, scratch| contract.validate_grpc(input, scratch).map(drop))
}

/// As each of the two protocols reads it.
fn contract_table(input: &[u8]) -> Signature {
    let read = |table| {
        each_contract(|contract, scratch| contract.validate_table(table, input, scratch).map(drop))
    };
    let (predict, invocations) = (read(Table::Predict), read(Table::Invocations));
    if predict == invocations { predict } else { invocations.word("invocations") }
}

/// What every contract says, each into memory of its own.
fn each_contract(
    read: impl Fn(&CompiledContract, &mut Scratch) -> Result<(), Violations>,
) -> Signature {
    let mut signature = Signature::START;
    for contract in CONTRACTS.iter() {
        let mut scratch = Scratch::default();
        signature = match read(contract, &mut scratch) {
            Ok(()) => {
                let rows = &scratch.rows;
                let fields = contract.contract().fields().count();
                assert_eq!(rows.cells.len(), rows.len() * fields, "a row is not whole");
                assert!(!rows.is_empty(), "accepted without a row");
                signature.word("ok").size(rows.len()).size(scratch.flags.len())
            }
            Err(violations) => violations.iter().fold(signature, |signature, refusal| {
                let field = refusal.field.as_deref().unwrap_or_default();
                let known = contract.contract().fields().any(|known| known.name == field);
                signature.word(refusal.code.as_str()).word(if known { field } else { "" })
            }),
        };
    }
    signature
}

fn demo_requests() -> Vec<Vec<u8>> {
    let requests = include_str!("../../demo/credit/requests.jsonl").lines().take(4);
    let broken = refused().map(|(_, _, _, body)| body);
    requests.map(|line| line.as_bytes().to_vec()).chain(broken.map(String::into_bytes)).collect()
}

/// The demo's requests that must be refused: why, with which code, for which field, the body.
pub(crate) fn refused() -> impl Iterator<Item = (String, String, Option<String>, String)> {
    let lines = include_str!("../../demo/credit/refused.jsonl").lines();
    lines.filter_map(|line| {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        let text = |key: &str| value.get(key)?.as_str().map(str::to_owned);
        Some((text("why")?, text("code")?, text("field"), text("body")?))
    })
}

fn model_load(input: &[u8]) -> Signature {
    // Smaller than a server's, so that a bound is met by inputs of this size.
    let limits = Limits { trees_max: 64, nodes_max: 4_096, features_max: 256, ..Limits::default() };
    let loaded = Model::load(input, &limits);
    let Ok(model) = &loaded else { return Signature::of(&loaded, |_| 0) };
    let mut margins = vec![0.0; model.margin_count()];
    let mut outputs = vec![0.0; model.output().count];
    for value in [0.0, -1.5, f64::NAN, 1e30, 3.0] {
        let row = vec![value; model.feature_count()];
        for result in [model.margins(&row, &mut margins), model.predict(&row, &mut outputs)] {
            // An encoder may refuse a value; the size of a row or an answer is never wrong.
            let size = matches!(
                result,
                Err(PredictError::RowLength { .. } | PredictError::OutputLength { .. })
            );
            assert!(!size, "a loaded model refuses a row of its own width");
        }
    }
    Signature::of(&loaded, |model| model.trees().len())
        .word(model.objective())
        .size(model.feature_count())
}

fn demo_models() -> Vec<Vec<u8>> {
    vec![include_bytes!("../../demo/cancer/model.json").to_vec()]
}

fn policy_parse(input: &[u8]) -> Signature {
    let text = match text(input) {
        Ok(text) => text,
        Err(signature) => return signature,
    };
    let parsed = PolicySet::parse(&[("fuzz.cedar", text)]);
    Signature::of(&parsed, |set| set.policies().count())
}

fn record_leaf(input: &[u8]) -> Signature {
    let read = Leaf::decode(input);
    if let Ok(leaf) = &read {
        let mut again = Vec::new();
        leaf.encode(&mut again);
        assert_eq!(again, input, "a leaf has two encodings");
    }
    Signature::of(&read, |leaf| usize::from(leaf.draft.kind.code()))
}

/// The first byte chooses the kind of body.
fn record_body(input: &[u8]) -> Signature {
    let Some((kind, body)) = input.split_first() else { return Signature::START };
    match kind % 5 {
        0 => {
            let read = DecisionBody::decode(body);
            Signature::of(&read, |body| body.rows.cells.len()).word("decision")
        }
        1 => again(&ControlEvent::decode(body), ControlEvent::encode, ControlEvent::decode)
            .word("event"),
        2 => again(&RefusalTally::decode(body), RefusalTally::encode, RefusalTally::decode)
            .word("tally"),
        3 => again(&Gap::decode(body), Gap::encode, Gap::decode).word("gap"),
        _ => {
            again(&Heartbeat::decode(body), Heartbeat::encode, Heartbeat::decode).word("heartbeat")
        }
    }
}

/// What was read, written and read again is the same.
fn again<T: PartialEq, E: std::fmt::Display>(
    read: &Result<T, E>,
    encode: fn(&T) -> Vec<u8>,
    decode: fn(&[u8]) -> Result<T, E>,
) -> Signature {
    if let Ok(body) = read {
        let same = decode(&encode(body)).is_ok_and(|second| second == *body);
        assert!(same, "a body changes when it is written and read");
    }
    Signature::of(read, |_| 0)
}

fn text_timestamp(input: &[u8]) -> Signature {
    let Ok(text) = text(input) else { return Signature::START };
    match parse_timestamp(text) {
        // The years 0 to 9999 with any offset, in microseconds.
        Some(micros) => {
            assert!((-62_167_305_600_000_000..=253_402_387_200_000_000).contains(&micros));
            Signature::START.word("ok").size(text.len())
        }
        None => Signature::START.word("no").size(text.len()),
    }
}

fn text_words(input: &[u8]) -> Signature {
    let Ok(text) = text(input) else { return Signature::START };
    let name = Name::new(text);
    let digest = text.parse::<Digest>();
    let ids = (text.parse::<DecisionId>(), text.parse::<ApiKeyId>(), text.parse::<PrincipalId>());
    if let Ok(name) = &name {
        assert_eq!(name.as_str(), text);
    }
    if let Ok(digest) = &digest {
        assert_eq!(digest.to_string(), text);
    }
    if let Ok(id) = &ids.0 {
        assert_eq!(id.to_string().parse::<DecisionId>().as_ref(), Ok(id));
    }
    Signature::of(&name, |name| name.as_str().len())
        .word(if digest.is_ok() { "digest" } else { "" })
        .word(if ids.0.is_ok() || ids.1.is_ok() || ids.2.is_ok() { "id" } else { "" })
}

/// The most rows and columns a fuzzed table may have: more than an input has bytes.
const TABLE: plimsoll_table::Limits =
    plimsoll_table::Limits { max_bytes: 1 << 20, max_rows: 1 << 17, max_columns: 4_096 };

fn table_csv(input: &[u8]) -> Signature {
    static FILE: LazyLock<Option<(TempDir, PathBuf)>> = LazyLock::new(|| {
        let folder = tempfile::tempdir().ok()?;
        let path = folder.path().join("table.csv");
        Some((folder, path))
    });
    let Some((_, path)) = &*FILE else { return Signature::START };
    if put(path, input).is_err() {
        return Signature::START;
    }
    let read = plimsoll_table::read(path, &TABLE, None);
    match &read {
        Ok(table) => Signature::START.word("ok").size(table.rows).size(table.columns.len()),
        // The words of an error may name a column.
        Err(error) => {
            Signature::START.word(error.to_string().split('`').next().unwrap_or_default())
        }
    }
}

/// Replaces a file's content. Not by emptying it first: ext4 syncs a file that was emptied and
/// written again when it is closed, which costs a hundred times the rest.
fn put(path: &Path, content: &[u8]) -> Result<(), std::io::Error> {
    let mut file =
        fs_err::OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    file.write_all(content)?;
    file.set_len(u64::try_from(content.len()).unwrap_or(u64::MAX))
}

/// A real ledger in a temporary folder, whose last segment every input takes the place of.
struct SampleLedger {
    _folder: TempDir,
    data: PathBuf,
    keys: PathBuf,
    segment: PathBuf,
    /// The segment as the ledger wrote it.
    written: Vec<u8>,
}

static LEDGER: LazyLock<Option<SampleLedger>> = LazyLock::new(|| sample_ledger().ok());

fn sample_ledger() -> Result<SampleLedger, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let (data, keys) = (folder.path().join("data"), folder.path().join("keys"));
    let clock = Arc::new(SystemClock::new());
    let tenant = TenantId::from_bytes([7; 16]);
    let mut config = LedgerConfig::new(data.clone(), keys.clone(), tenant);
    config.reserve_bytes = 0;
    let (ledger, _) = Ledger::open(config, Arc::clone(&clock) as Arc<dyn Clock>)?;
    for number in 0..4 {
        let now = clock.now();
        let draft =
            LeafDraft::new(Kind::Decision, *DecisionId::new(now).as_bytes(), tenant, now, number);
        let holder = Holder::Subject { tenant, subject: "C000001" };
        let body = ledger.seal(&[holder], b"a body")?;
        ledger.append(draft, body, Some([9; 16]))?.wait()?;
    }
    ledger.close()?;
    drop(ledger);
    let segment = last_segment(&data.join("ledger").join("segments"))?;
    let mut written = fs_err::read(&segment)?;
    let end = written.iter().rposition(|&byte| byte != 0).map_or(0, |place| place + 1);
    written.truncate(end);
    Ok(SampleLedger { _folder: folder, data, keys, segment, written })
}

fn last_segment(folder: &Path) -> Result<PathBuf, std::io::Error> {
    let mut paths = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "seg"));
    paths.sort();
    paths.pop().ok_or_else(|| std::io::Error::other("a ledger has a segment"))
}

fn ledger_segments() -> Vec<Vec<u8>> {
    LEDGER.iter().map(|ledger| ledger.written.clone()).collect()
}

fn ledger_segment(input: &[u8]) -> Signature {
    let Some(ledger) = &*LEDGER else { return Signature::START };
    if put(&ledger.segment, input).is_err() {
        return Signature::START;
    }
    let reader = LedgerReader::open(&ledger.data, Some(&ledger.keys));
    let Ok(reader) = &reader else {
        return Signature::of(&reader.map_err(|error| without_path(&error.to_string())), |_| 0);
    };
    let verified = reader.verify().map_err(|error| without_path(&error.to_string()));
    let mut signature =
        Signature::of(&verified, |verified| usize::try_from(verified.entries).unwrap_or(0));
    for entry in reader.entries(0).take(16) {
        let opened = entry.and_then(|entry| reader.open_body(&entry));
        signature = match opened {
            Ok(body) => signature.word("body").size(body.len()),
            Err(error) => signature.word(&without_path(&error.to_string())),
        };
    }
    signature
}

/// Paths of temporary folders differ from run to run.
fn without_path(error: &str) -> String {
    error.split_whitespace().filter(|word| !word.contains('/')).collect::<Vec<_>>().join(" ")
}

/// One body of every kind, each after the byte that chooses its kind.
fn sample_bodies() -> Vec<Vec<u8>> {
    let time = Time::from_micros(1_795_000_000_000_000);
    let principal = PrincipalId::from_bytes([3; 16]);
    let event = ControlEvent {
        stage: Stage::Completed,
        action: "CreateDeployment".into(),
        principal,
        resource: "deployment/credit".into(),
        intent: Some(EventId::from_bytes([5; 16])),
        payload: "{}".into(),
    };
    let count = RefusalCount {
        listener: "data".into(),
        phase: Phase::Authenticate,
        code: RefusalCode::Unauthenticated,
        count: 3,
    };
    let tally = RefusalTally { from: time, to: time, counts: vec![count] };
    let gap = Gap { from: time, to: time, reason: "a crash".into(), at_most: Some(4) };
    let beat = Heartbeat { complete_to: time, requests: 9, completions: 9 };
    let bodies =
        [sample_decision(principal), event.encode(), tally.encode(), gap.encode(), beat.encode()];
    (0..).zip(bodies).map(|(kind, body)| [vec![kind], body].concat()).collect()
}

fn sample_decision(principal: PrincipalId) -> Vec<u8> {
    let mut rows = Rows { width: 3, text: "a text".into(), ..Rows::default() };
    rows.cells.extend([Cell::Integer(35), Cell::Null, Cell::Text { start: 0, len: 6 }]);
    let refusal = Refusal::new(Phase::Validate, RefusalCode::OutOfRange).with_field("age");
    let decision = DecisionParts {
        principal,
        key: Some(ApiKeyId::from_bytes([4; 16])),
        deployment: "credit",
        version: 1,
        caller_id: Some("a"),
        idempotency: Some([6; 16]),
        request: Some([7; 16]),
        request_len: 20,
        rows: &rows,
        mapped: &[],
        flags: &[],
        outputs: &[],
        explanation: None,
        refusal: Some(&refusal),
        phases: &[(Phase::Accept, 900)],
        protocol: Some(plimsoll_types::Protocol::Oip),
    };
    let mut body = Vec::new();
    decision.encode(&mut body);
    body
}
