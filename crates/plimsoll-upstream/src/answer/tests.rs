//! What is believed of a reply, and what is not.

use super::*;
use proptest::prelude::*;

fn numbers(read: Value) -> Numbers {
    let labels = HashMap::from([("APPROVE".into(), 0.0), ("DECLINE".into(), 1.0)]);
    Numbers { read, labels, min: -1e6, max: 1e6 }
}

fn answer(reply: &str, pointer: &str, rows: usize, width: usize) -> Result<Vec<f64>, Lie> {
    answer_as(reply, pointer, rows, width, Value::Number)
}

fn answer_as(
    reply: &str,
    pointer: &str,
    rows: usize,
    width: usize,
    read_as: Value,
) -> Result<Vec<f64>, Lie> {
    let steps = Steps::parse(pointer).expect(pointer);
    let numbers = numbers(read_as);
    let mut out = Vec::new();
    read(reply.as_bytes(), &steps, &Asked { numbers: &numbers, width, rows }, &mut out)?;
    Ok(out)
}

fn oip(reply: &str, name: Option<&str>, rows: usize, width: usize) -> Result<Vec<f64>, Lie> {
    let numbers = numbers(Value::Number);
    let mut out = Vec::new();
    read_oip(reply.as_bytes(), name, &Asked { numbers: &numbers, width, rows }, &mut out)?;
    Ok(out)
}

#[test]
fn answers_are_found_where_they_are_declared() {
    assert_eq!(
        answer(r#"{"result":{"score":0.25,"x":[1]}}"#, "/result/score", 1, 1),
        Ok(vec![0.25])
    );
    assert_eq!(answer("7", "", 1, 1), Ok(vec![7.0]));
    assert_eq!(answer("[0.5,0.25]", "/*", 2, 1), Ok(vec![0.5, 0.25]));
    assert_eq!(answer("[[0.5],[0.25]]", "/*", 2, 1), Ok(vec![0.5, 0.25]), "a list of one");
    assert_eq!(answer("[[1,2],[3,4]]", "/*", 2, 2), Ok(vec![1.0, 2.0, 3.0, 4.0]));
    assert_eq!(answer("[[1,2],[3,4]]", "/*/1", 2, 1), Ok(vec![2.0, 4.0]));
    assert_eq!(answer(r#"{"p":[{"s":1},{"s":2}]}"#, "/p/*/s", 2, 1), Ok(vec![1.0, 2.0]));
    assert_eq!(answer(r#"{"a/b":{"~":3}}"#, "/a~1b/~0", 1, 1), Ok(vec![3.0]));
    assert_eq!(answer(r#"{"0":3}"#, "/0", 1, 1), Ok(vec![3.0]), "a member called as a place");
    assert_eq!(answer(r#"{"\u0061":3}"#, "/a", 1, 1), Ok(vec![3.0]));
    assert_eq!(answer_as(r#"{"s":"0.5"}"#, "/s", 1, 1, Value::Text), Ok(vec![0.5]));
    assert_eq!(answer_as("[true,false]", "/*", 2, 1, Value::Boolean), Ok(vec![1.0, 0.0]));
    assert_eq!(answer_as(r#""DECLINE""#, "", 1, 1, Value::Label), Ok(vec![1.0]));
}

#[test]
fn lies_are_told_apart() {
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let deep_beside = format!(r#"{{"x":{deep},"s":1}}"#);
    for (reply, pointer, rows, width, lie) in [
        ("", "/s", 1, 1, Lie::NotJson),
        ("<html>busy</html>", "/s", 1, 1, Lie::NotJson),
        (r#"{"s":1"#, "/s", 1, 1, Lie::NotJson),
        (r#"{"s":1} x"#, "/s", 1, 1, Lie::NotJson),
        (r#"{"s":NaN}"#, "/s", 1, 1, Lie::NotJson),
        (r#"{"s":Infinity}"#, "/s", 1, 1, Lie::NotJson),
        (r#"{"s":1e999}"#, "/s", 1, 1, Lie::NotJson),
        (&deep, "/s", 1, 1, Lie::Missing),
        (r#"{"t":1}"#, "/s", 1, 1, Lie::Missing),
        (r#"{"s":{}}"#, "/s/t", 1, 1, Lie::Missing),
        (r#"{"s":5}"#, "/s/t", 1, 1, Lie::Missing),
        ("[1]", "/1", 1, 1, Lie::Missing),
        ("[1]", "/-1", 1, 1, Lie::Missing),
        (r#"{"s":1,"s":2}"#, "/s", 1, 1, Lie::Twice),
        (r#"{"s":"1"}"#, "/s", 1, 1, Lie::WrongKind),
        (r#"{"s":null}"#, "/s", 1, 1, Lie::WrongKind),
        (r#"{"s":true}"#, "/s", 1, 1, Lie::WrongKind),
        (r#"{"s":{"t":1}}"#, "/s", 1, 1, Lie::WrongKind),
        (r#"{"s":[[1]]}"#, "/s", 1, 1, Lie::WrongKind),
        (r#"{"s":[1,2]}"#, "/s", 1, 1, Lie::WrongCount),
        (r#"{"s":[]}"#, "/s", 1, 1, Lie::WrongCount),
        (r#"{"s":1}"#, "/s", 1, 2, Lie::WrongCount),
        ("[1,2,3]", "/*", 2, 1, Lie::WrongCount),
        ("[1]", "/*", 2, 1, Lie::WrongCount),
        ("[[1,2,3],[4]]", "/*", 2, 2, Lie::WrongCount),
        (r#"{"s":1e7}"#, "/s", 1, 1, Lie::OutOfRange),
        (r#"{"s":-1000001}"#, "/s", 1, 1, Lie::OutOfRange),
    ] {
        assert_eq!(answer(reply, pointer, rows, width), Err(lie), "{reply:.60} {pointer}");
    }
    for text in ["inf", "nan", "0x1", "", "+1", " 1"] {
        let reply = format!(r#""{text}""#);
        assert_eq!(answer_as(&reply, "", 1, 1, Value::Text), Err(Lie::WrongKind), "{text}");
    }
    assert_eq!(answer_as(r#""1e999""#, "", 1, 1, Value::Text), Err(Lie::OutOfRange));
    assert_eq!(answer_as(r#""MAYBE""#, "", 1, 1, Value::Label), Err(Lie::UnknownLabel));
    assert_eq!(answer(&deep_beside, "/s", 1, 1), Ok(vec![1.0]), "passed over");
    assert!(Steps::parse("s").is_err() && Steps::parse(&"/s".repeat(33)).is_err());
}

#[test]
fn tensors_are_read_in_either_order_nested_or_flat() {
    let one = r#"{"model_name":"m","outputs":[{"data":[0.5,1],"name":"p","shape":[2],"datatype":"FP64"}]}"#;
    assert_eq!(oip(one, None, 2, 1), Ok(vec![0.5, 1.0]));
    assert_eq!(oip(one, Some("p"), 2, 1), Ok(vec![0.5, 1.0]));
    assert_eq!(oip(one, Some("q"), 2, 1), Err(Lie::Missing));
    assert_eq!(oip(one, None, 1, 2), Err(Lie::WrongCount), "the shape's rows");
    let two = r#"{"outputs":[{"name":"label","shape":[1],"datatype":"BYTES","data":["x"]},
        {"name":"p","shape":[1,2],"datatype":"FP32","data":[[0.25,0.75]]}]}"#;
    assert_eq!(oip(two, Some("p"), 1, 2), Ok(vec![0.25, 0.75]));
    assert_eq!(oip(two, None, 1, 2), Err(Lie::Twice), "which of the two?");
    assert_eq!(oip(two, Some("label"), 1, 1), Err(Lie::OutOfRange), "a text is no number");
    for (reply, lie) in [
        ("{}", Lie::Missing),
        (r#"{"outputs":[]}"#, Lie::Missing),
        (r#"{"outputs":{}}"#, Lie::WrongKind),
        (r#"{"outputs":[{"name":"p","shape":[1]}]}"#, Lie::WrongKind),
        (r#"{"outputs":[{"name":"p","shape":[-1],"data":[1]}]}"#, Lie::WrongKind),
        (r#"{"outputs":[{"name":"p","shape":[1,1,1,1,1,1,1,1,1],"data":[1]}]}"#, Lie::WrongKind),
        (r#"{"outputs":[{"name":"p","shape":[1],"data":[[[[[[[[[1]]]]]]]]]}]}"#, Lie::WrongKind),
        (r#"{"outputs":[{"name":"p","shape":[2],"data":[1]}]}"#, Lie::WrongCount),
        (
            r#"{"outputs":[{"name":"p","shape":[16,1152921504606846978],"data":[1]}]}"#,
            Lie::WrongCount,
        ),
        (r#"{"outputs":[{"name":"p","shape":[1],"data":[null]}]}"#, Lie::OutOfRange),
        (r#"{"outputs":[{"name":"p","shape":[1],"data":[1]}],"outputs":[]}"#, Lie::Twice),
        ("[]", Lie::WrongKind),
        ("", Lie::NotJson),
    ] {
        assert_eq!(oip(reply, None, 1, 1), Err(lie), "{reply}");
    }
}

proptest! {
    /// Whatever comes, there is an answer of the declared size within the range, or a lie.
    #[test]
    fn anything_is_an_answer_or_a_lie(
        reply in r#"[\[\]{}",:0-9a-c.eE+ -]{0,60}"#,
        pointer in r"(/[ab0-2*]){0,3}",
        rows in 1_usize..4, width in 1_usize..3,
    ) {
        if let Ok(found) = answer(&reply, &pointer, rows, width) {
            prop_assert_eq!(found.len(), rows * width);
            prop_assert!(found.iter().all(|number| number.abs() <= 1e6));
        }
        if let Ok(found) = oip(&reply, None, rows, width) {
            prop_assert_eq!(found.len(), rows * width);
        }
    }

    /// What was written is read back, wherever it stands.
    #[test]
    fn a_written_answer_reads_back(
        values in proptest::collection::vec(-1e6_f64..1e6, 1..9), beside in "[a-z]{1,4}",
    ) {
        let items: Vec<String> = values.iter().map(|v| format!(r#"{{"s":[{v:?}],"n":null}}"#)).collect();
        let reply = format!(r#"{{"{beside}x":[],"rows":[{}]}}"#, items.join(","));
        prop_assert_eq!(answer(&reply, "/rows/*/s", values.len(), 1), Ok(values));
    }
}
