//! Model files of strangers, and signatures over them: both are judged, whatever they are.

use crate::signature::Signature;
use plimsoll_scan::{Limits, Report, Scanner};
use plimsoll_sign::{PublicKey, verify};
use std::sync::LazyLock;

/// What containers and formats begin with.
pub(crate) const WORDS: &[&str] = &[
    "PK\u{3}\u{4}",
    "PK\u{1}\u{2}",
    "PK\u{5}\u{6}",
    "BZh9",
    "GGUF",
    "{\"class_name\": \"Lambda\"}",
    "{\"__metadata__\":{}}",
    "tokenizer.chat_template",
    "{{ x.__class__ }}",
    "ustar",
    "!!python/object",
    "data.pkl",
    "../",
];
/// Opcodes of pickles that do something.
pub(crate) const OPCODES: &[&str] = &[
    "cos\nsystem\n",
    "(",
    "tR",
    ".",
    "b",
    "o",
    "i",
    "q\u{0}",
    "h\u{0}",
    "p0\n",
    "g0\n",
    "I1\n",
    "S'os'\n",
    "Vos\n",
    "}",
    "]",
    ")",
    "0",
    "1",
    "2",
    "Q",
    "P0\n",
    "s",
    "u",
    "a",
    "e",
    "l",
    "d",
    "ccollections\nOrderedDict\n",
    "cnumpy\ndtype\n",
    "cjoblib.numpy_pickle\nNumpyArrayWrapper\n",
];
/// Members of a bundle.
pub(crate) const BUNDLE: &[&str] =
    &["mediaType", "publicKey", "hint", "x509CertificateChain", "rawBytes", "signatures", "sig"];

/// Less than anybody would scan, so that a run is short.
const LIMITS: Limits =
    Limits { max_unpacked: 1 << 20, max_member: 1 << 18, max_depth: 4, max_members: 64 };

fn scan(name: &str, bytes: &[u8]) -> Report {
    let mut scanner = Scanner::new(LIMITS);
    scanner.file(name, bytes);
    let report = scanner.finish();
    // One for the file, and one each for what the bounds allow.
    assert!(report.looked_at <= LIMITS.max_members, "more was looked at than may be");
    report
}

fn print_of(report: &Report) -> Signature {
    let start = Signature::START.size(report.findings.len());
    report.findings.iter().take(4).fold(start, |print, finding| print.word(finding.rule.id()))
}

/// A file of any kind.
pub(crate) fn content(bytes: &[u8]) -> Signature {
    print_of(&scan("file", bytes))
}

/// A file that says it is a pickle: what it imports does not depend on what it is called.
pub(crate) fn pickle(bytes: &[u8]) -> Signature {
    let named = scan("model.pkl", bytes);
    if matches!(bytes, [0x80, 0..=5, ..]) {
        let renamed = scan("model", bytes);
        let rules = |report: &Report| report.findings.iter().map(|f| f.rule).collect::<Vec<_>>();
        assert_eq!(rules(&named), rules(&renamed), "a name hides something");
    }
    print_of(&named)
}

/// An archive.
pub(crate) fn zip(bytes: &[u8]) -> Signature {
    print_of(&scan("model.pt", bytes))
}

/// A bundle: no change of one verifies that says something else.
pub(crate) fn bundle(bytes: &[u8]) -> Signature {
    static KEY: LazyLock<Option<PublicKey>> =
        LazyLock::new(|| PublicKey::from_pem(KEY_PEM.as_bytes()).ok());
    let Some(key) = &*KEY else { return Signature::START };
    Signature::of(&verify(bytes, key), |verified| verified.manifest.resources().len())
}

const KEY_PEM: &str = include_str!("../../crates/plimsoll-sign/tests/data/key.pub");
