//! Compressed files, as joblib and archivers write them: one content, unpacked within bounds.

use crate::dispatch;
use crate::finding::Rule;
use crate::scan::{Place, Scan};
use std::io::Read;

/// How it is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Packing {
    Gzip,
    Zlib,
    Bzip2,
    Xz,
    Lzma,
    Lz4,
}

/// Memory of an LZMA dictionary: `xz -9` takes 64 MiB.
const MAX_DICTIONARY_KIB: u32 = 128 << 10;

impl Packing {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Gzip => "gzip data",
            Self::Zlib => "zlib data",
            Self::Bzip2 => "bzip2 data",
            Self::Xz => "xz data",
            Self::Lzma => "LZMA data",
            Self::Lz4 => "LZ4 data",
        }
    }
}

/// Unpacks and looks at what comes out.
pub(crate) fn scan(scan: &mut Scan, place: &Place, bytes: &[u8], packing: Packing) {
    let inner = place.member(inner_name(place));
    let mut rest = bytes;
    let unpacked = match packing {
        Packing::Gzip => {
            let reader = flate2::bufread::MultiGzDecoder::new(&mut rest);
            scan.unpack(&inner, bytes.len(), reader)
        }
        Packing::Zlib => {
            let reader = flate2::bufread::ZlibDecoder::new(&mut rest);
            scan.unpack(&inner, bytes.len(), reader)
        }
        Packing::Bzip2 => {
            let reader = bzip2::bufread::MultiBzDecoder::new(&mut rest);
            scan.unpack(&inner, bytes.len(), reader)
        }
        Packing::Xz => {
            let reader = lzma_rust2::XzReader::new_mem_limit(&mut rest, true, MAX_DICTIONARY_KIB);
            scan.unpack(&inner, bytes.len(), reader)
        }
        Packing::Lzma => {
            match lzma_rust2::LzmaReader::new_mem_limit(&mut rest, MAX_DICTIONARY_KIB, None) {
                Ok(reader) => scan.unpack(&inner, bytes.len(), reader),
                Err(_) => return unreadable(scan, place, packing),
            }
        }
        Packing::Lz4 => {
            let reader = lz4_flex::frame::FrameDecoder::new(&mut rest);
            scan.unpack(&inner, bytes.len(), reader)
        }
    };
    if let Some(unpacked) = unpacked {
        dispatch::content(scan, &inner, &unpacked);
        if packing == Packing::Zlib && !rest.is_empty() {
            scan.find(Rule::TrailingData, place, bytes.len() - rest.len(), "bytes follow its end");
        }
    }
}

fn unreadable(scan: &mut Scan, place: &Place, packing: Packing) {
    scan.find(Rule::Unreadable, place, 0, format!("its {} cannot be read", packing.words()));
}

/// The name without the compression's ending: what the content claims to be.
fn inner_name(place: &Place) -> &str {
    let name = place.members.last().unwrap_or(&place.path);
    let name = name.rsplit('/').next().unwrap_or(name);
    let endings = [".gz", ".tgz", ".bz2", ".xz", ".lzma", ".lz4", ".z", ".zlib"];
    endings.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or("unpacked")
}

/// Unpacks one member of a zip; `None` if the method is not known here.
pub(crate) fn member<'a>(method: u16, data: &'a [u8]) -> Option<Box<dyn Read + 'a>> {
    Some(match method {
        0 => Box::new(data),
        8 => Box::new(flate2::read::DeflateDecoder::new(data)),
        12 => Box::new(bzip2::read::BzDecoder::new(data)),
        14 => {
            // The properties that zip puts before LZMA data: version, length, then 5 bytes.
            let properties = *data.get(4)?;
            let dictionary = data.get(5..9)?.try_into().ok().map(u32::from_le_bytes)?;
            if dictionary > MAX_DICTIONARY_KIB << 10 {
                return None;
            }
            let reader = lzma_rust2::LzmaReader::new_with_props(
                data.get(9..)?,
                u64::MAX,
                properties,
                dictionary,
                None,
            );
            Box::new(reader.ok()?)
        }
        _ => return None,
    })
}
