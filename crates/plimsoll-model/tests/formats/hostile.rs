//! Hostile and broken model files are refused with a message that names the place, and nothing
//! that loads can panic.

use std::fmt::Write as _;

use plimsoll_model::{Limits, Model, Node, PredictError, TreeRange, TreesUsed};
use proptest::prelude::*;
use serde_json::Value;

const SMALL: &str = include_str!("../golden/small.json");

#[test]
fn the_small_model_is_evaluated_as_it_reads() {
    let model = Model::load(SMALL.as_bytes(), &Limits::default()).unwrap();
    let margin = |row: [f64; 3]| {
        let mut out = [f64::NAN];
        model.margins(&row, &mut out).unwrap();
        out[0] as f32
    };
    let missing = f64::NAN;
    assert_eq!(margin([49.0, 0.0, 29.0]), 0.5 - 0.15 + 0.1);
    assert_eq!(margin([50.0, 0.0, 30.0]), 0.5 + 0.25 - 0.1);
    assert_eq!(margin([50.0, 1.0, 30.0]), 0.5 + 0.75 - 0.1);
    assert_eq!(margin([50.0, 3.9, 30.0]), 0.5 + 0.75 - 0.1);
    assert_eq!(margin([50.0, -1.0, 30.0]), 0.5 + 0.25 - 0.1);
    assert_eq!(margin([50.0, 1e30, 30.0]), 0.5 + 0.25 - 0.1);
    assert_eq!(margin([missing, 1.0, missing]), 0.5 - 0.15 - 0.1);
    assert_eq!(margin([50.0, missing, f64::NEG_INFINITY]), 0.5 + 0.75 + 0.1);
}

#[test]
fn the_best_iteration_is_used_when_asked_for() {
    let without_starts = SMALL.replace("iteration_indptr", "x");
    let without_best = SMALL.replace("best_iteration", "x");
    for (file, range, used, best) in [
        (SMALL, TreeRange::All, 2, Some(0)),
        (SMALL, TreeRange::BestIteration, 1, Some(0)),
        (&without_starts, TreeRange::BestIteration, 1, Some(0)),
        (&without_best, TreeRange::BestIteration, 2, None),
    ] {
        let model = Model::load_range(file.as_bytes(), &Limits::default(), range).unwrap();
        let expected = TreesUsed { used, total: 2, best_iteration: best };
        assert_eq!((model.trees_used(), model.trees().len()), (expected, used));
    }
}

/// The weights of dropped-out trees stand in three places, depending on the release.
#[test]
fn weights_of_every_release_are_applied() {
    let weights = r#""weight_drop":[0.5,2]"#;
    let inside = SMALL.replace(r#""tree_info""#, &format!(r#"{weights},"tree_info""#));
    let beside = SMALL.replace(r#""name":"gbtree""#, &format!(r#""name":"dart",{weights}"#));
    let around = SMALL
        .replace(r#""gradient_booster":{"#, r#""gradient_booster":{"gbtree":{"#)
        .replace(r#""name":"gbtree"}"#, &format!(r#""name":"gbtree"}},"name":"dart",{weights}}}"#));
    for file in [inside, beside, around] {
        let model = Model::load(file.as_bytes(), &Limits::default()).unwrap();
        let mut out = [f64::NAN];
        model.margins(&[49.0, 0.0, 30.0], &mut out).unwrap();
        assert_eq!(out, [f64::from(0.5_f32 - 0.5 * 0.15 - 2.0 * 0.1)]);
    }
}

#[test]
fn buffers_of_the_wrong_size_are_refused() {
    let model = Model::load(SMALL.as_bytes(), &Limits::default()).unwrap();
    let rows = PredictError::RowLength { found: 2, expected: 3 };
    let room = PredictError::OutputLength { found: 2, expected: 1 };
    assert_eq!(model.margins(&[0.0; 2], &mut [0.0]), Err(rows));
    assert_eq!(model.predict(&[0.0; 2], &mut [0.0]), Err(rows));
    assert_eq!(model.margins(&[0.0; 3], &mut [0.0; 2]), Err(room));
    assert_eq!(model.predict(&[0.0; 3], &mut [0.0; 2]), Err(room));
    assert_eq!(model.margins_batch(&[0.0; 2], 1, &mut [0.0]), Err(rows));
    assert_eq!(model.predict_batch(&[0.0; 3], 1, &mut [0.0; 2]), Err(room));
    assert_eq!(model.margins_batch(&[], 0, &mut []), Ok(()));
}

/// Every mutation and what is said about it: `golden/hostile.txt`.
#[test]
fn broken_files_are_refused_with_their_place() {
    let mut found = String::new();
    for (name, from, to) in JSON_MUTATIONS {
        assert!(SMALL.contains(from), "{name} mutates nothing");
        let mutated = SMALL.replacen(from, to, 1);
        writeln!(found, "json   {name}: {}", verdict(mutated.as_bytes())).unwrap();
    }
    for (name, bytes) in json_files() {
        writeln!(found, "json   {name}: {}", verdict(&bytes)).unwrap();
    }
    for (name, bytes) in ubjson_files() {
        writeln!(found, "ubjson {name}: {}", verdict(&bytes)).unwrap();
    }
    let late = SMALL.replace(r#""best_iteration":"0""#, r#""best_iteration":"2""#);
    for (name, file) in [
        ("best iteration past the end", late.clone()),
        ("best iteration past the end, no indptr", late.replace("iteration_indptr", "x")),
    ] {
        let error =
            Model::load_range(file.as_bytes(), &Limits::default(), TreeRange::BestIteration);
        writeln!(found, "range  {name}: {}", error.unwrap_err()).unwrap();
    }
    for (name, limits) in tight_limits() {
        let error = Model::load(SMALL.as_bytes(), &limits).unwrap_err();
        writeln!(found, "limit  {name}: {error}").unwrap();
    }
    assert_eq!(found, include_str!("../golden/hostile.txt"), "new content:\n{found}");
}

fn verdict(bytes: &[u8]) -> String {
    match Model::load(bytes, &Limits::default()) {
        Ok(_) => "loads".into(),
        Err(error) => error.to_string(),
    }
}

/// Name, text of the small model, what replaces its first occurrence.
const JSON_MUTATIONS: &[(&str, &str, &str)] = &[
    ("unchanged", "learner", "learner"),
    ("unknown member", r#""tree_info""#, r#""new":{"a":[1,{"b":null}]},"tree_info""#),
    ("cycle", "[1,-1,3,-1,-1]", "[1,-1,0,-1,-1]"),
    ("self loop", "[2,-1,4,-1,-1]", "[2,-1,2,-1,-1]"),
    ("two parents", "[2,-1,4,-1,-1]", "[2,-1,1,-1,-1]"),
    ("same child twice", "[2,-1,4,-1,-1]", "[1,-1,4,-1,-1]"),
    ("child past the end", "[1,-1,3,-1,-1]", "[1,-1,5,-1,-1]"),
    ("negative child", "[2,-1,4,-1,-1]", "[-7,-1,4,-1,-1]"),
    ("huge child", "[1,-1,3,-1,-1]", "[99999999999,-1,3,-1,-1]"),
    ("no nodes", "[1,-1,3,-1,-1]", "[]"),
    ("feature past the end", "[0,0,1,0,0]", "[3,0,1,0,0]"),
    ("negative feature", "[0,0,1,0,0]", "[-1,0,1,0,0]"),
    ("fraction as feature", "[0,0,1,0,0]", "[0.5,0,1,0,0]"),
    ("short split_indices", "[0,0,1,0,0]", "[0,0,1,0]"),
    ("long right_children", "[2,-1,4,-1,-1]", "[2,-1,4,-1,-1,-1]"),
    ("short default_left", "[1,0,0,0,0]", "[1]"),
    ("odd default_left", "[1,0,0,0,0]", "[2,0,0,0,0]"),
    ("boolean default_left", "[1,0,0,0,0]", "[true,false,false,false,false]"),
    ("short split_type", r#""split_type":[0,0,1,0,0]"#, r#""split_type":[0]"#),
    ("odd split_type", r#""split_type":[0,0,1"#, r#""split_type":[2,0,1"#),
    ("no split_type", r#""split_type":[0,0,1,0,0]"#, r#""split_type":[]"#),
    ("NaN threshold", "[5E1,", "[NaN,"),
    ("infinite threshold", "[5E1,", "[Infinity,"),
    ("NaN leaf", "-1.5E-1", "NaN"),
    ("infinite leaf", "-1.5E-1", "-Infinity"),
    ("overflowing leaf", "-1.5E-1", "1E39"),
    ("NaN cover", "[1E1,4E0,6E0,1E0,5E0]", "[NaN,4E0,6E0,1E0,5E0]"),
    ("hexadecimal number", "-1.5E-1", "0x1p3"),
    ("word as number", "-1.5E-1", "inf"),
    ("number with a bare point", "-1.5E-1", "1."),
    ("number of 40 digits", "-1.5E-1", "0.1234567890123456789012345678901234567890"),
    ("text as number", "-1.5E-1", "\"-1.5E-1\""),
    ("num_nodes lies", r#""num_nodes":"5""#, r#""num_nodes":"4""#),
    ("num_trees lies", r#""num_trees":"2""#, r#""num_trees":"3""#),
    ("num_trees negative", r#""num_trees":"2""#, r#""num_trees":"-2""#),
    ("tree_info too short", r#""tree_info":[0,0]"#, r#""tree_info":[0]"#),
    ("tree_info names no output", r#""tree_info":[0,0]"#, r#""tree_info":[0,1]"#),
    ("iteration_indptr falls", "[0,1,2],\"tree", "[0,2,1],\"tree"),
    ("iteration_indptr ends early", "[0,1,2],\"tree", "[0,1],\"tree"),
    ("category set outside", r#""categories_sizes":[2]"#, r#""categories_sizes":[3]"#),
    (
        "category set overflow",
        r#""categories_segments":[0]"#,
        r#""categories_segments":[4294967295]"#,
    ),
    ("category node outside", r#""categories_nodes":[2]"#, r#""categories_nodes":[5]"#),
    ("category node elsewhere", r#""categories_nodes":[2]"#, r#""categories_nodes":[0]"#),
    (
        "category node twice",
        r#""categories_nodes":[2],"categories_segments":[0],"categories_sizes":[2]"#,
        r#""categories_nodes":[2,2],"categories_segments":[0,0],"categories_sizes":[2,2]"#,
    ),
    ("category lists disagree", r#""categories_sizes":[2]"#, r#""categories_sizes":[2,0]"#),
    ("category of 2^24", r#""categories":[1,3]"#, r#""categories":[1,16777216]"#),
    ("category below 2^24", r#""categories":[1,3]"#, r#""categories":[1,16777215]"#),
    ("negative category", r#""categories":[1,3]"#, r#""categories":[1,-3]"#),
    ("category names cut wrongly", "[0,1,2,3,4]", "[0,1,2,3,5]"),
    ("category names backwards", "[0,1,2,3,4]", "[0,3,2,3,4]"),
    ("category names of too few features", r#",{"type":15,"values":[]}"#, ""),
    ("no feature", r#""num_feature":"3","num_target""#, r#""num_feature":"0","num_target""#),
    ("too few features", r#""num_feature":"3","num_target""#, r#""num_feature":"2","num_target""#),
    (
        "absurd num_feature",
        r#""num_feature":"3","num_target""#,
        r#""num_feature":"4294967296","num_target""#,
    ),
    ("absurd num_class", r#""num_class":"0""#, r#""num_class":"1000000000""#),
    ("num_class overflow", r#""num_class":"0""#, r#""num_class":"99999999999999999999""#),
    (
        "classes and targets",
        r#""num_class":"0","num_feature":"3","num_target":"1""#,
        r#""num_class":"2","num_feature":"3","num_target":"2""#,
    ),
    ("multi without classes", "binary:logitraw", "multi:softprob"),
    ("feature name missing", r#","age"]"#, "]"),
    ("feature name twice", r#""age""#, r#""income""#),
    ("feature name with escape", r#""age""#, r#""\u0061ge\n""#),
    ("feature name with half a surrogate", r#""age""#, r#""\ud800""#),
    ("feature type unknown", r#""int""#, r#""int4""#),
    ("base_score word", r#""[5E-1]""#, r#""half""#),
    ("base_score empty", r#""[5E-1]""#, r#""""#),
    ("base_score NaN", r#""[5E-1]""#, r#""NaN""#),
    ("base_score of two", r#""[5E-1]""#, r#""[5E-1,5E-1]""#),
    ("base_score unclosed", r#""[5E-1]""#, r#""[5E-1""#),
    ("base_score list without brackets", r#""[5E-1]""#, r#""5E-1,5E-1""#),
    ("base_score in round brackets", r#""[5E-1]""#, r#""(5E-1)""#),
    ("base_score bare", r#""[5E-1]""#, r#""0.5""#),
    ("gblinear", r#""name":"gbtree""#, r#""name":"gblinear""#),
    ("unknown booster", r#""name":"gbtree""#, r#""name":"forest""#),
    ("dart without weights", r#""name":"gbtree""#, r#""name":"dart""#),
    ("dart with too few weights", r#""name":"gbtree""#, r#""name":"dart","weight_drop":[1]"#),
    ("dart with NaN weight", r#""name":"gbtree""#, r#""name":"dart","weight_drop":[1,NaN]"#),
    ("booster in a booster", r#""name":"gbtree""#, r#""gbtree":{"gbtree":{}},"name":"dart""#),
    ("quantile objective", "binary:logitraw", "reg:quantileerror"),
    ("expectile objective", "binary:logitraw", "reg:expectileerror"),
    ("aft objective", "binary:logitraw", "survival:aft"),
    ("unknown objective", "binary:logitraw", "binary:secret"),
    (
        "logistic with impossible base",
        r#"[5E-1]","boost_from_average":"1","num_class":"0","num_feature":"3","num_target":"1"},
"objective":{"name":"binary:logitraw""#,
        r#"[-5E-1]","num_feature":"3"},"objective":{"name":"count:poisson""#,
    ),
    ("no objective", r#""objective""#, r#""objectives""#),
    ("no learner", r#""learner""#, r#""teacher""#),
    ("no trees", r#""trees""#, r#""bushes""#),
    ("no tree_info", r#""tree_info""#, r#""info""#),
    ("no parameters", r#""learner_model_param""#, r#""param""#),
    ("no num_feature", r#""num_feature":"3","num_target""#, r#""num_target""#),
    ("no base_score", r#""base_score":"[5E-1]","#, ""),
    ("same key twice", r#""tree_info""#, r#""tree_info":[0,0],"tree_info""#),
    ("array as object", r#""trees":["#, r#""trees":{"#),
    ("object as array", r#""tree_param":{"#, r#""tree_param":["#),
    ("number as parameter", r#""num_class":"0""#, r#""num_class":0"#),
    ("comma missing", r#","name":"gbtree""#, r#" "name":"gbtree""#),
    ("comma too many", "[1,3]", "[1,3,]"),
    ("colon missing", r#""version":"#, r#""version""#),
    ("control character in a text", "income", "in\u{1}come"),
    ("bytes after the end", "[3,2,0]}", "[3,2,0]}}"),
];

fn json_files() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |levels| format!(r#"{{"new":{}{}"#, "[".repeat(levels), "]".repeat(levels));
    let many = |item: &str| {
        let list = vec![item; 200_000].join(",");
        SMALL.replacen(r#""trees":["#, &format!(r#""trees":[{list},"#), 1)
    };
    vec![
        ("empty file", Vec::new()),
        ("empty object", b"{}".to_vec()),
        ("text file", b"hello".to_vec()),
        ("old binary format", b"binf\0\0\0".to_vec()),
        ("first byte only", b"{".to_vec()),
        ("truncated", SMALL.as_bytes()[..900].to_vec()),
        ("truncated in a text", SMALL.as_bytes()[..8].to_vec()),
        ("nested 32 deep", (deep(32) + "}").into_bytes()),
        ("nested 33 deep", (deep(33) + "}").into_bytes()),
        ("nested 1,000,000 deep", deep(1_000_000).into_bytes()),
        ("200,000 empty trees", many("{}").into_bytes()),
        (
            "feature name not UTF-8",
            SMALL
                .replace("age", "\u{80}")
                .replace('\u{80}', "ab")
                .into_bytes()
                .into_iter()
                .map(|byte| if byte == b'a' { 0xff } else { byte })
                .collect(),
        ),
        (
            "long feature name",
            SMALL.replace("\"age\"", &format!("\"{}\"", "x".repeat(5_000))).into_bytes(),
        ),
    ]
}

/// The small model as UBJSON, changed in one place each.
fn ubjson_files() -> Vec<(&'static str, Vec<u8>)> {
    let whole = small_ubjson();
    let replaced = |from: &[u8], to: &[u8]| replace_first(&whole, from, to);
    let huge = i64::MAX.to_be_bytes();
    let count = |n: i64| [b"#L", n.to_be_bytes().as_slice()].concat();
    let key =
        |name: &str| [b"L", (name.len() as i64).to_be_bytes().as_slice(), name.as_bytes()].concat();
    let with_key = |name: &str, value: &[u8]| [key(name), value.to_vec()].concat();
    let mut nested = b"{".to_vec();
    nested.extend(with_key("new", &b"[".repeat(100_000)));
    vec![
        ("unchanged", whole.clone()),
        ("truncated", whole[..700].to_vec()),
        ("first bytes only", b"{L".to_vec()),
        (
            "typed array length bomb",
            replaced(
                &[b"[$d".as_slice(), &count(5)].concat(),
                &[b"[$d#L".as_slice(), &huge].concat(),
            ),
        ),
        (
            "typed array slightly too long",
            replaced(
                &[b"[$d".as_slice(), &count(5)].concat(),
                &[b"[$d".as_slice(), &count(whole.len() as i64 / 4)].concat(),
            ),
        ),
        (
            "negative length",
            replaced(
                &[b"[$d".as_slice(), &count(5)].concat(),
                &[b"[$d".as_slice(), &count(-1)].concat(),
            ),
        ),
        (
            "untyped array length bomb",
            replaced(
                &with_key("trees", &[b"[".as_slice(), &count(2)].concat()),
                &with_key("trees", &[b"[#L".as_slice(), &huge].concat()),
            ),
        ),
        (
            "key length bomb",
            replaced(&key("tree_info"), &[b"L".as_slice(), &huge, b"tree_info"].concat()),
        ),
        (
            "text length bomb",
            replaced(
                &[b"S".as_slice(), &key("age")].concat(),
                &[b"SL".as_slice(), &huge, b"age"].concat(),
            ),
        ),
        ("array of nulls", replaced(b"[$d", b"[$Z")),
        ("array of objects by type", replaced(b"[$d", b"[${")),
        ("array type without count", replaced(&[b"[$d".as_slice(), &count(5)].concat(), b"[$d")),
        ("high precision number", replaced(b"[$d", b"[$H")),
        ("length of one byte", replaced(&key("learner"), b"Li\x07learner")),
        ("unknown marker", replaced(&with_key("tree_info", b"["), &with_key("tree_info", b"?"))),
        ("text not UTF-8", replaced(&key("age"), b"L\0\0\0\0\0\0\0\x03a\xffe")),
        ("nested 100,000 deep", nested),
        ("bytes after the end", [whole.clone(), b"N".to_vec()].concat()),
        (
            "unknown member of every kind",
            replaced(
                &key("tree_info"),
                &[
                    with_key("new", b"{L\0\0\0\0\0\0\0\x01a[TFZi\x01U\x01I\0\x01l\0\0\0\x01Cx]}"),
                    key("tree_info"),
                ]
                .concat(),
            ),
        ),
    ]
}

fn tight_limits() -> Vec<(&'static str, Limits)> {
    let limits = Limits::default();
    vec![
        ("bytes", Limits { bytes_max: SMALL.len() - 1, ..limits }),
        ("trees", Limits { trees_max: 1, ..limits }),
        ("nodes", Limits { nodes_max: 7, ..limits }),
        ("depth", Limits { depth_max: 1, ..limits }),
        ("features", Limits { features_max: 2, ..limits }),
        ("outputs", Limits { outputs_max: 0, ..limits }),
        ("categories", Limits { categories_max: 3, ..limits }),
    ]
}

fn replace_first(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from);
    let at = at.unwrap_or_else(|| panic!("nothing to replace: {from:?}"));
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

/// XGBoost's way of writing UBJSON: lists of fractions as `d`, of integers as `l`.
fn small_ubjson() -> Vec<u8> {
    fn write(value: &Value, out: &mut Vec<u8>) {
        let length = |out: &mut Vec<u8>, n: usize| {
            out.push(b'L');
            out.extend((n as i64).to_be_bytes());
        };
        match value {
            Value::Object(members) => {
                out.push(b'{');
                for (key, value) in members {
                    length(out, key.len());
                    out.extend(key.as_bytes());
                    write(value, out);
                }
                out.push(b'}');
            }
            Value::Array(items) if items.first().is_some_and(Value::is_number) => {
                let real = items.iter().any(Value::is_f64);
                out.extend(if real { b"[$d#" } else { b"[$l#" });
                length(out, items.len());
                for item in items {
                    match item.as_i64().filter(|_| !real) {
                        Some(item) => out.extend(i32::try_from(item).unwrap().to_be_bytes()),
                        None => out.extend(item.to_string().parse::<f32>().unwrap().to_be_bytes()),
                    }
                }
            }
            Value::Array(items) => {
                out.extend(b"[#");
                length(out, items.len());
                items.iter().for_each(|item| write(item, out));
            }
            Value::String(text) => {
                out.push(b'S');
                length(out, text.len());
                out.extend(text.as_bytes());
            }
            Value::Number(number) => {
                out.push(b'i');
                out.push(number.as_u64().unwrap().try_into().unwrap());
            }
            Value::Null | Value::Bool(_) => panic!("the small model has none"),
        }
    }
    let mut out = Vec::new();
    write(&serde_json::from_str(&SMALL.replace("NaN", "0.5")).unwrap(), &mut out);
    out
}

/// Loads, and uses whatever loaded in every way.
pub(crate) fn use_all(bytes: &[u8]) {
    let Ok(model) = Model::load(bytes, &Limits::default()) else { return };
    let (features, outputs) = (model.feature_count(), model.output().count);
    let specials = [0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e9, -1.0, 2.5];
    let rows: Vec<f64> = specials.into_iter().cycle().take(features * 20).collect();
    let mut batch = vec![0.0; 20 * outputs];
    let whole = model.predict_batch(&rows, 20, &mut batch);
    let mut single = vec![0.0; outputs];
    for (row, batch) in rows.chunks(features).zip(batch.chunks(outputs)) {
        // Encoders may refuse what they do not know; then the batch is refused, too.
        if model.predict(row, &mut single).is_err() {
            assert!(whole.is_err() && model.pipeline().is_none_or(|p| p.column_count() > 0));
            return;
        }
        if whole.is_err() {
            continue;
        }
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&single), bits(batch));
    }
    for tree in model.trees() {
        for index in 0..tree.len() {
            if let Some(Node::Split { feature, left, right, .. }) = tree.node(index) {
                assert!(feature < model.column_count());
                assert!(index < left.min(right) && left.max(right) < tree.len());
            }
        }
    }
    assert!((0..features + 1).filter_map(|feature| model.categories(feature)).count() <= features);
}

#[test]
fn every_prefix_is_refused() {
    let ubjson = small_ubjson();
    for whole in [SMALL.trim_end().as_bytes(), &ubjson] {
        for length in 0..whole.len() {
            assert!(Model::load(&whole[..length], &Limits::default()).is_err(), "{length} bytes");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bytes_never_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        for mut bytes in [SMALL.as_bytes().to_vec(), small_ubjson()] {
            for (index, byte) in &flips {
                let at = index.index(bytes.len());
                bytes[at] = *byte;
            }
            use_all(&bytes);
        }
    }

    /// Digits stay digits, so that most files parse and the checks behind parsing are reached.
    #[test]
    fn changed_digits_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), b'0'..=b'9'), 1..4)) {
        let digits: Vec<usize> = (0..SMALL.len()).filter(|at| SMALL.as_bytes()[*at].is_ascii_digit()).collect();
        let mut bytes = SMALL.as_bytes().to_vec();
        for (index, digit) in &changes {
            bytes[digits[index.index(digits.len())]] = *digit;
        }
        use_all(&bytes);
    }

    #[test]
    fn spliced_files_never_panic(from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), length in 0_usize..200) {
        for mut bytes in [SMALL.as_bytes().to_vec(), small_ubjson()] {
            let start = from.index(bytes.len());
            let piece: Vec<u8> = bytes[start..].iter().copied().take(length).collect();
            let at = to.index(bytes.len());
            bytes.splice(at..at, piece);
            use_all(&bytes);
        }
    }
}
