//! What is believed of a message, and what is not.

use super::*;
use crate::answer::Numbers;
use crate::declaration;
use proptest::prelude::*;
use std::collections::HashMap;

fn numbers() -> Numbers {
    Numbers { read: declaration::Value::Number, labels: HashMap::new(), min: -1e6, max: 1e6 }
}

/// A frame with a message in it.
fn framed(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut message = Vec::new();
    write(&mut Writer(&mut message));
    frame(&message)
}

fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("short");
    [&[0], length.to_be_bytes().as_slice(), message].concat()
}

fn tensor(
    w: &mut Writer<'_>,
    name: &str,
    datatype: &str,
    shape: &[i64],
    contents: &[(u64, &[u8])],
) {
    w.message(5, |w| {
        w.text(1, name);
        w.text(2, datatype);
        w.integers(3, shape.iter().copied());
        for (list, packed) in contents {
            w.message(5, |w| w.bytes(*list, packed));
        }
    });
}

fn answer(reply: &[u8], name: Option<&str>, rows: usize, width: usize) -> Result<Vec<f64>, Lie> {
    let numbers = numbers();
    let mut out = Vec::new();
    read(reply, name, &Asked { numbers: &numbers, width, rows }, &mut out)?;
    Ok(out)
}

fn doubles(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn numbers_of_every_type_are_read_raw_and_typed() {
    for (datatype, list, raw, packed, want) in [
        ("BOOL", 1, vec![1, 0], vec![1, 0], [1.0, 0.0]),
        ("INT8", 2, vec![0xff, 2], vec![0xff; 9].into_iter().chain([1, 2]).collect(), [-1.0, 2.0]),
        ("UINT8", 4, vec![0xff, 2], vec![0xff, 1, 2], [255.0, 2.0]),
        ("INT16", 2, vec![0, 1, 1, 0], vec![0x80, 2, 1], [256.0, 1.0]),
        ("UINT32", 4, vec![0, 1, 0, 0, 1, 0, 0, 0], vec![0x80, 2, 1], [256.0, 1.0]),
        (
            "INT64",
            3,
            [256_i64.to_le_bytes(), 1_i64.to_le_bytes()].concat(),
            vec![0x80, 2, 1],
            [256.0, 1.0],
        ),
        (
            "FP32",
            6,
            [0.5_f32.to_le_bytes(), 0.25_f32.to_le_bytes()].concat(),
            [0.5_f32.to_le_bytes(), 0.25_f32.to_le_bytes()].concat(),
            [0.5, 0.25],
        ),
        ("FP64", 7, doubles(&[0.5, 0.25]), doubles(&[0.5, 0.25]), [0.5, 0.25]),
    ] {
        let typed = framed(|w| tensor(w, "p", datatype, &[2, 1], &[(list, &packed)]));
        assert_eq!(answer(&typed, None, 2, 1).as_deref(), Ok(&want[..]), "{datatype}, typed");
        let binary = framed(|w| {
            tensor(w, "p", datatype, &[2], &[]);
            w.bytes(6, &raw);
        });
        assert_eq!(answer(&binary, Some("p"), 2, 1).as_deref(), Ok(&want[..]), "{datatype}, raw");
    }
}

#[test]
fn the_declared_output_is_found_among_others() {
    let reply = framed(|w| {
        w.text(1, "model");
        tensor(w, "label", "BYTES", &[2], &[]);
        tensor(w, "p", "FP64", &[2, 2], &[]);
        w.bytes(6, b"\x01\0\0\0a\x01\0\0\0b");
        w.bytes(6, &doubles(&[0.1, 0.9, 0.2, 0.8]));
        w.text(99, "a member of a later version");
    });
    assert_eq!(answer(&reply, Some("p"), 2, 2), Ok(vec![0.1, 0.9, 0.2, 0.8]));
    assert_eq!(answer(&reply, None, 2, 2), Err(Lie::Twice), "which of them?");
    assert_eq!(answer(&reply, Some("q"), 2, 2), Err(Lie::Missing));
    assert_eq!(answer(&reply, Some("label"), 2, 1), Err(Lie::WrongKind));
}

#[test]
fn lies_are_told_apart() {
    let half = doubles(&[0.5]);
    let one = |shape: &[i64], raw: &[&[u8]]| {
        framed(|w| {
            tensor(w, "p", "FP64", shape, &[]);
            raw.iter().for_each(|raw| w.bytes(6, raw));
        })
    };
    let good = one(&[1], &[&half]);
    assert_eq!(answer(&good, None, 1, 1), Ok(vec![0.5]));
    let mut compressed = good.clone();
    compressed[0] = 1;
    let mut longer = good.clone();
    longer[4] += 1;
    for (reply, lie) in [
        (Vec::new(), Lie::NotMessage),
        (b"<html>maintenance</html>".to_vec(), Lie::NotMessage),
        (compressed, Lie::NotMessage),
        (longer, Lie::NotMessage),
        (good[..good.len() - 1].to_vec(), Lie::NotMessage),
        ([good.as_slice(), &good].concat(), Lie::NotMessage),
        (frame(b"\x2a\xff\xff\xff\xff\x0f"), Lie::NotMessage),
        (frame(b""), Lie::Missing),
        (one(&[], &[&half]), Lie::WrongCount),
        (one(&[2], &[&half]), Lie::WrongCount),
        (one(&[-1], &[&half]), Lie::WrongCount),
        (one(&[i64::MAX, 2], &[&half]), Lie::WrongCount),
        (one(&[1; 9], &[&half]), Lie::WrongCount),
        (one(&[1], &[]), Lie::WrongCount),
        (one(&[1], &[&half[..7]]), Lie::WrongCount),
        (one(&[1], &[&doubles(&[0.5; 1000])]), Lie::WrongCount),
        (one(&[1], &[&doubles(&[f64::NAN])]), Lie::OutOfRange),
        (one(&[1], &[&doubles(&[f64::INFINITY])]), Lie::OutOfRange),
        (one(&[1], &[&doubles(&[1e7])]), Lie::OutOfRange),
        (framed(|w| tensor(w, "p", "FP64", &[1], &[(6, &[0; 8])])), Lie::WrongKind),
        (framed(|w| tensor(w, "p", "FP16", &[1], &[(6, &[0; 4])])), Lie::WrongKind),
        (framed(|w| tensor(w, "p", "BOOL", &[1], &[(1, &[2])])), Lie::WrongKind),
        (framed(|w| tensor(w, "p", "FP64", &[1], &[(7, &[0; 9])])), Lie::NotMessage),
        (framed(|w| tensor(w, "p", "FP64", &[1], &[(7, &half), (7, &half)])), Lie::Twice),
        (
            framed(|w| {
                tensor(w, "p", "FP64", &[1], &[(7, &half)]);
                w.bytes(6, &half);
            }),
            Lie::Twice,
        ),
    ] {
        assert_eq!(answer(&reply, None, 1, 1), Err(lie), "{reply:?}");
    }
}

proptest! {
    /// No reply makes the reader panic or keep more than was asked for, and nothing is believed
    /// that is outside what was declared.
    #[test]
    fn any_reply_is_an_answer_or_a_lie(
        at in 0_usize..80,
        with in prop::collection::vec(any::<u8>(), 0..6),
        rows in 0_usize..4,
    ) {
        let mut reply = framed(|w| {
            tensor(w, "p", "FP64", &[2, 1], &[]);
            w.bytes(6, &doubles(&[0.5, 0.25]));
        });
        let at = at.min(reply.len());
        reply.splice(at..at, with);
        let length = u32::try_from(reply.len().saturating_sub(FRAME)).expect("short");
        if let Some(place) = reply.get_mut(1..FRAME) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        if let Ok(found) = answer(&reply, None, rows, 1) {
            prop_assert_eq!(found.len(), rows);
            prop_assert!(found.iter().all(|number| number.abs() <= 1e6));
        }
    }
}
