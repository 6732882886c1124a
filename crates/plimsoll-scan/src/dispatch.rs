//! Tells content apart by its bytes, and hands it to who knows it. Names only add suspicion.

use crate::finding::Rule;
use crate::pickle::Loader;
use crate::scan::{Place, Scan};
use crate::{hdf5, json, numpy, onnx, packed, pickle, tarball, tensors, text, zip};

/// What content is, by its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Empty,
    Pickle,
    Zip,
    Tar,
    Packed(packed::Packing),
    /// A container that is known and not looked into.
    Opaque(&'static str),
    Npy,
    Hdf5,
    Safetensors,
    Gguf,
    Onnx,
    Executable(&'static str),
    /// Data that no loader runs.
    Data(&'static str),
    Json,
    Text,
    Unknown,
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Self::Empty => "nothing",
            Self::Pickle => "a pickle",
            Self::Zip => "a zip archive",
            Self::Tar => "a tar archive",
            Self::Packed(packing) => packing.words(),
            Self::Opaque(words) | Self::Executable(words) | Self::Data(words) => words,
            Self::Npy => "a NumPy array",
            Self::Hdf5 => "an HDF5 file",
            Self::Safetensors => "safetensors",
            Self::Gguf => "GGUF",
            Self::Onnx => "an ONNX model",
            Self::Json => "JSON",
            Self::Text => "text",
            Self::Unknown => "something unknown",
        }
    }
}

/// What the bytes begin with, and what that is.
const MAGICS: &[(&[u8], Kind)] = &[
    (b"PK\x03\x04", Kind::Zip),
    (b"PK\x05\x06", Kind::Zip),
    (&[0x1f, 0x8b], Kind::Packed(packed::Packing::Gzip)),
    (b"BZh", Kind::Packed(packed::Packing::Bzip2)),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], Kind::Packed(packed::Packing::Xz)),
    (&[0x5d, 0, 0], Kind::Packed(packed::Packing::Lzma)),
    (&[0x04, 0x22, 0x4d, 0x18], Kind::Packed(packed::Packing::Lz4)),
    (&[0x28, 0xb5, 0x2f, 0xfd], Kind::Opaque("Zstandard data")),
    (b"7z\xbc\xaf\x27\x1c", Kind::Opaque("a 7z archive")),
    (b"Rar!\x1a\x07", Kind::Opaque("a RAR archive")),
    (b"MSCF", Kind::Opaque("a cabinet archive")),
    (b"ZF0x", Kind::Opaque("a compressed array of joblib before 0.10")),
    (b"\x93NUMPY", Kind::Npy),
    (b"\x89HDF\r\n\x1a\n", Kind::Hdf5),
    (b"GGUF", Kind::Gguf),
    (b"\x7fELF", Kind::Executable("a program or library (ELF)")),
    (b"MZ", Kind::Executable("a program or library (Windows)")),
    (&[0xcf, 0xfa, 0xed, 0xfe], Kind::Executable("a program or library (macOS)")),
    (&[0xca, 0xfe, 0xba, 0xbe], Kind::Executable("a program or class (macOS, Java)")),
    (b"\0asm", Kind::Executable("a WebAssembly module")),
    (b"PAR1", Kind::Data("a Parquet file")),
    (b"ARROW1\0\0", Kind::Data("an Arrow file")),
    (b"\x89PNG\r\n\x1a\n", Kind::Data("a picture")),
    (&[0xff, 0xd8, 0xff], Kind::Data("a picture")),
    (b"{L\0\0\0\0\0\0\0", Kind::Data("an XGBoost model in UBJSON")),
];

/// Python's compiled modules: two bytes of version, then `\r\n`.
fn is_bytecode(bytes: &[u8]) -> bool {
    matches!(bytes, [_, 0x0c..=0x0e, b'\r', b'\n', ..])
}

/// What these bytes are.
pub(crate) fn kind(place: &Place, bytes: &[u8]) -> Kind {
    if bytes.is_empty() {
        return Kind::Empty;
    }
    if pickle::has_header(bytes) {
        return Kind::Pickle;
    }
    if let Some((_, kind)) = MAGICS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return *kind;
    }
    if is_bytecode(bytes) {
        return Kind::Executable("compiled Python");
    }
    if tarball::is_tar(bytes) {
        return Kind::Tar;
    }
    if tensors::is_safetensors(bytes) {
        return Kind::Safetensors;
    }
    if matches!(bytes, [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..]) {
        return Kind::Packed(packed::Packing::Zlib);
    }
    if hdf5::is_hdf5(bytes) {
        return Kind::Hdf5;
    }
    if onnx::is_onnx(place, bytes) {
        return Kind::Onnx;
    }
    if zip::has_directory(bytes) {
        return Kind::Zip;
    }
    if text::is_text(bytes) {
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        return if matches!(first, Some(b'{' | b'[')) { Kind::Json } else { Kind::Text };
    }
    Kind::Unknown
}

/// Looks at a file or member, whatever it is called.
pub(crate) fn content(scan: &mut Scan, place: &Place, bytes: &[u8]) {
    if !scan.enter(place, bytes.len()) {
        return;
    }
    let kind = kind(place, bytes);
    check_name(scan, place, kind);
    // Loaders of pickles skip no magic of others, and others skip what is before their own.
    // (Of a zip's first bytes they make a persistent id, which they refuse.)
    let may_be = kind != Kind::Pickle && !bytes.starts_with(b"PK");
    let is_pickle = may_be && pickle::sniff(scan, place, bytes);
    if is_pickle && !matches!(kind, Kind::Text | Kind::Json | Kind::Unknown) {
        let why = format!("it is {} and a pickle at once", kind.words());
        scan.find(Rule::Polyglot, place, 0, why);
    }
    if kind != Kind::Zip && kind != Kind::Tar && zip::has_directory(bytes) {
        scan.find(Rule::Polyglot, place, 0, format!("it is {} and a zip at once", kind.words()));
        zip::scan(scan, place, bytes);
    }
    if !is_pickle || !matches!(kind, Kind::Text | Kind::Unknown) {
        of_kind(scan, place, bytes, kind);
    }
}

fn of_kind(scan: &mut Scan, place: &Place, bytes: &[u8], kind: Kind) {
    match kind {
        Kind::Empty | Kind::Data(_) => {}
        Kind::Pickle => drop(pickle::scan(scan, place, bytes, Loader::Any)),
        Kind::Zip => zip::scan(scan, place, bytes),
        Kind::Tar => tarball::scan(scan, place, bytes),
        Kind::Packed(packing) => packed::scan(scan, place, bytes, packing),
        Kind::Opaque(words) => {
            scan.find(Rule::Unopened, place, 0, format!("it is {words}, which is not looked into"));
        }
        Kind::Npy => numpy::scan(scan, place, bytes),
        Kind::Hdf5 => hdf5::scan(scan, place, bytes),
        Kind::Safetensors => tensors::safetensors(scan, place, bytes),
        Kind::Gguf => tensors::gguf(scan, place, bytes),
        Kind::Onnx => onnx::scan(scan, place, bytes),
        Kind::Executable(words) => scan.find(Rule::Executable, place, 0, format!("it is {words}")),
        Kind::Json => json::scan(scan, place, bytes),
        Kind::Text => text::scan(scan, place, bytes),
        Kind::Unknown => unknown(scan, place, bytes),
    }
}

/// Endings of files that are pickles, whatever else they begin with.
const PICKLES: &[&str] = &[".pkl", ".pickle", ".pk", ".joblib", ".dill"];

fn unknown(scan: &mut Scan, place: &Place, bytes: &[u8]) {
    if place.has_ending(PICKLES) {
        pickle::scan(scan, place, bytes, Loader::Any);
    } else if place.file_name() == "saved_model.pb" {
        onnx::saved_model(scan, place, bytes);
    } else {
        let why = "it is of no format that is known here, and no text";
        scan.find(Rule::UnknownContent, place, 0, why);
    }
}

/// Looks at bytes within a pickle. Most such bytes are data of no format.
pub(crate) fn embedded(scan: &mut Scan, place: &Place, bytes: &[u8]) {
    match kind(place, bytes) {
        Kind::Pickle if scan.enter(place, bytes.len()) => {
            pickle::sniff(scan, place, bytes);
        }
        Kind::Zip | Kind::Packed(_) => content(scan, place, bytes),
        _ => {}
    }
}

/// What an ending claims.
const ENDINGS: &[(&[&str], &[Kind])] = &[
    (&[".safetensors"], &[Kind::Safetensors]),
    (&[".gguf"], &[Kind::Gguf]),
    (&[".onnx"], &[Kind::Onnx]),
    (&[".npy"], &[Kind::Npy]),
    (&[".npz", ".skops"], &[Kind::Zip]),
    (&[".keras"], &[Kind::Zip, Kind::Hdf5]),
    (&[".h5", ".hdf5"], &[Kind::Hdf5]),
    (&[".tar"], &[Kind::Tar]),
    (
        &[".json", ".ipynb", ".yaml", ".yml", ".txt", ".md", ".csv", ".toml", ".jinja", ".py"],
        &[Kind::Json, Kind::Text, Kind::Empty],
    ),
    (&[".png", ".jpg", ".jpeg", ".parquet", ".ubj"], &[Kind::Data("")]),
];

fn check_name(scan: &mut Scan, place: &Place, kind: Kind) {
    let claimed = ENDINGS.iter().find(|(endings, _)| place.has_ending(endings));
    let Some((_, kinds)) = claimed else { return };
    let fits = |claim: &Kind| std::mem::discriminant(claim) == std::mem::discriminant(&kind);
    if !kinds.iter().any(fits) {
        let why = format!("by its name it is something else, and it holds {}", kind.words());
        scan.find(Rule::Mislabeled, place, 0, why);
    }
}
