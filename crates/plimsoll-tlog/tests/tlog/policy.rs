//! Policies: the example of C2SP tlog-policy, every rule it states, and what a quorum is.

use crate::kit::{Log, cosigner, signer, with_a_bit_flipped};
use plimsoll_tlog::Policy;
use plimsoll_tlog::cosignature::Cosigner;
use plimsoll_tlog::note::{Note, NoteError, Signer};
use plimsoll_tlog::policy::PolicyError;

/// Six witnesses in two groups, as in the specification; spaces, tabs and comments besides.
fn example() -> String {
    let mut text = format!("# who\n\n\tlog  {}\thttps://example.com/ \n", signer().vkey());
    for (name, number) in [("X1", 1), ("X2", 2), ("X3", 3), ("Y1", 4), ("Y2", 5), ("Y3", 6)] {
        text.push_str(&format!("witness {name} {} https://w{number}/\n", cosigner(number).vkey()));
    }
    text.push_str("group X-witnesses 2 X1 X2 X3\n  # how many\ngroup Y-witnesses any Y1 Y2 Y3\n");
    text.push_str("group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n");
    text
}

fn cosigned(log: &Log, by: &[u8]) -> String {
    let mut note = log.signed();
    for &number in by {
        note.add(cosigner(number).cosign(note.text(), 1_000 + u64::from(number))).expect("room");
    }
    note.to_string()
}

#[test]
fn the_example_of_the_specification() {
    let policy = Policy::parse(example().as_bytes()).expect("a policy");
    assert_eq!(policy.logs()[0].url.as_deref(), Some("https://example.com/"));
    assert_eq!(policy.witnesses()[5].name, "Y3");
    let log = Log::of(5, 1);
    for (by, enough) in [
        (&[][..], false),
        (&[1, 2], false),
        (&[1, 4], false),
        (&[4, 5, 6], false),
        (&[1, 2, 4], true),
        (&[2, 3, 6], true),
        (&[1, 2, 3, 4, 5, 6], true),
        (&[1, 4, 7, 8, 9], false),
    ] {
        let verdict = policy.accept(cosigned(&log, by).as_bytes());
        match verdict {
            Ok(accepted) => {
                assert!(enough, "{by:?}");
                assert_eq!(accepted.checkpoint, log.checkpoint());
                assert_eq!(&accepted.log, signer().vkey());
                assert_eq!(accepted.witnesses.len(), by.len());
                assert!(accepted.witnesses.iter().all(|(_, time)| (1_001..=1_006).contains(time)));
            }
            Err(error) => {
                assert!(!enough, "{by:?}: {error}");
                let known = by.iter().filter(|&&number| number < 7).count();
                assert_eq!(error, PolicyError::Quorum(known));
            }
        }
    }
}

#[test]
fn a_checkpoint_must_be_a_log_s_own() {
    let log = Log::of(5, 1);
    let policy = Policy::of_log(signer().vkey().clone());
    assert_eq!(policy.accept(cosigned(&log, &[9]).as_bytes()).map(|a| a.witnesses), Ok(vec![]));
    // Signed by a stranger.
    let stranger = Signer::from_seed("example.com/other", &[1; 32]).expect("a name");
    let note = log.checkpoint().sign(&stranger).expect("signed").to_string();
    assert_eq!(policy.accept(note.as_bytes()), Err(PolicyError::Note(NoteError::Unsigned)));
    // Signed by a log of the policy, in the name of another one of it.
    let both = format!("log {}\nlog {}\nquorum none\n", signer().vkey(), stranger.vkey());
    let both = Policy::parse(both.as_bytes()).expect("a policy");
    assert_eq!(both.accept(note.as_bytes()), Err(PolicyError::Origin));
    assert!(both.accept(log.signed().to_string().as_bytes()).is_ok());
    // A witness alone is no log.
    let mut note = Note::new(log.signed().text()).expect("a text");
    note.add(cosigner(1).cosign(note.text(), 1)).expect("room");
    let policy = Policy::parse(example().as_bytes()).expect("a policy");
    assert_eq!(
        policy.accept(note.to_string().as_bytes()),
        Err(PolicyError::Note(NoteError::Unsigned))
    );
}

/// With a quorum of all, nothing of a cosigned checkpoint can be altered.
#[test]
fn any_bit_of_what_a_full_quorum_signed() {
    let (a, b) = (cosigner(1), cosigner(2));
    let text = format!(
        "log {}\nwitness a {}\nwitness b {}\ngroup g all a b\nquorum g\n",
        signer().vkey(),
        a.vkey(),
        b.vkey()
    );
    let policy = Policy::parse(text.as_bytes()).expect("a policy");
    let note = cosigned(&Log::of(9, 1), &[1, 2]);
    assert!(policy.accept(note.as_bytes()).is_ok());
    for flipped in with_a_bit_flipped(note.as_bytes()) {
        assert!(policy.accept(&flipped).is_err(), "{}", String::from_utf8_lossy(&flipped));
    }
}

#[test]
fn what_is_no_policy() {
    let (log, a, b) = (signer(), cosigner(1), cosigner(2));
    let (log, a, b): (String, String, String) =
        (log.vkey().to_string(), a.vkey().to_string(), b.vkey().to_string());
    let known = format!("log {log}\nwitness a {a}\nwitness b {b}\n");
    let same_key = Cosigner::from_seed("another.name", &[1; 32]).expect("a name");
    for (line, why) in [
        ("", "no line `quorum`"),
        ("quorum c\n", "not defined"),
        ("quorum a\nquorum b\n", "a quorum already"),
        ("quorum none none\n", "no line of a policy"),
        ("quorum\n", "no line of a policy"),
        ("quorum a", "newline"),
        ("group g 3 a b\nquorum g\n", "threshold"),
        ("group g 0 a b\nquorum g\n", "threshold"),
        ("group g 01 a b\nquorum g\n", "threshold"),
        ("group g all\nquorum g\n", "threshold"),
        ("group g any\nquorum g\n", "threshold"),
        ("group g\nquorum g\n", "no line of a policy"),
        ("group g any a c\nquorum g\n", "not defined"),
        ("group g any g\nquorum g\n", "not defined"),
        ("group g any a a\nquorum g\n", "in a group already"),
        ("group g any a\ngroup h any a\nquorum g\n", "in a group already"),
        ("group g any none\nquorum g\n", "not defined"),
        ("group none any a\nquorum none\n", "`none` is taken"),
        ("group a any b\nquorum a\n", "name is taken"),
        (&format!("witness a {}\nquorum a\n", cosigner(3).vkey()), "name is taken"),
        (&format!("witness none {}\nquorum none\n", cosigner(3).vkey()), "`none` is taken"),
        (&format!("witness c {}\nquorum a\n", same_key.vkey()), "the same key"),
        (&format!("log {log}\nquorum a\n"), "the same key"),
        (&format!("log {a}\nquorum a\n"), "not one of a log"),
        (&format!("witness c {log}\nquorum a\n"), "not one of a witness"),
        ("log what\nquorum a\n", "no proper key"),
        ("Log what\nquorum a\n", "no line of a policy"),
        ("quorum a\r\n", "control character"),
        ("# \u{1}\nquorum a\n", "control character"),
        ("quorum a\u{7f}\n", "control character"),
        ("quorum\u{a0}a\n", "no line of a policy"),
    ] {
        let text = format!("{known}{line}");
        let error = Policy::parse(text.as_bytes()).expect_err(line).to_string();
        let source = if why == "no proper key" { why } else { "" };
        assert!(
            error.contains(why) || error.contains(source) && !source.is_empty(),
            "{line}: {error}"
        );
    }
    let many: String = (0..600)
        .map(|i| {
            format!(
                "group g{i} any {}\n",
                if i == 0 { "a".to_owned() } else { format!("g{}", i - 1) }
            )
        })
        .collect();
    let error = Policy::parse(format!("{known}{many}quorum a\n").as_bytes()).expect_err("too many");
    assert!(error.to_string().contains("too many"), "{error}");
    // 32 of each is the least that must be supported.
    let mut text = String::new();
    for number in 0..32 {
        let log = Signer::from_seed(&format!("log{number}"), &[number; 32]).expect("a name");
        text.push_str(&format!(
            "log {}\nwitness w{number} {}\n",
            log.vkey(),
            cosigner(number + 100).vkey()
        ));
        text.push_str(&format!("group g{number} any w{number}\n"));
    }
    assert!(Policy::parse(format!("{text}quorum g31\n").as_bytes()).is_ok());
}

/// Names are octets, not characters.
#[test]
fn names_need_not_be_text() {
    let mut text = format!("log {}\nwitness ", signer().vkey()).into_bytes();
    text.extend(b"\xff\xfe ");
    text.extend(cosigner(1).vkey().to_string().as_bytes());
    let with = |quorum: &[u8]| [&text[..], b"\nquorum ", quorum, b"\n"].concat();
    assert!(Policy::parse(&with(b"\xff\xfe")).is_ok());
    assert!(Policy::parse(&with(b"\xff\xff")).is_err());
}
