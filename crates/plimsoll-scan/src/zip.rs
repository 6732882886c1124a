//! Zip archives (PKWARE APPNOTE): read by the central directory, as Python does, and held
//! against the local headers, as others do. Where the two disagree, loaders disagree.

use crate::dispatch;
use crate::finding::Rule;
use crate::packed;
use crate::pickle::{self, Loader};
use crate::reader::Reader;
use crate::scan::{Place, Scan};
use crate::tarball::check_path;
use std::collections::{HashMap, HashSet};

const END: &[u8] = b"PK\x05\x06";
const END_64: u32 = 0x0606_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;
/// The end of the directory with the longest comment.
const MAX_END: usize = 22 + 0xffff;
/// Bytes of a data descriptor, which may follow a member.
const MAX_DESCRIPTOR: usize = 24;
/// Members of one archive.
const MAX_MEMBERS: usize = 100_000;

const ENCRYPTED: u16 = 0x2041;
const STREAMED: u16 = 0x08;

/// What one of the two headers says.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Header<'a> {
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    name: &'a [u8],
}

#[derive(Debug)]
struct Member<'a> {
    header: Header<'a>,
    offset: u64,
    mode: u32,
}

/// Whether an end of a central directory is where readers look for it.
pub(crate) fn has_directory(bytes: &[u8]) -> bool {
    end(bytes).is_some_and(|at| directory(bytes, at).is_some())
}

/// The last end of a directory.
fn end(bytes: &[u8]) -> Option<usize> {
    let from = bytes.len().saturating_sub(MAX_END);
    let tail = bytes.get(from..)?;
    tail.windows(END.len()).rposition(|window| window == END).map(|at| from + at)
}

/// The members of the directory, where it begins, and how many bytes precede the archive.
fn directory(bytes: &[u8], end: usize) -> Option<(Vec<Member<'_>>, usize, usize)> {
    let mut reader = Reader::at(bytes, end.checked_add(10)?);
    let (mut count, mut size, mut offset) =
        (u64::from(reader.u16()?), u64::from(reader.u32()?), u64::from(reader.u32()?));
    let mut stop = end;
    if count == 0xffff || size == 0xffff_ffff || offset == 0xffff_ffff {
        let locator = end.checked_sub(20)?;
        let mut reader = Reader::at(bytes, locator);
        reader.take(8)?;
        let at = usize::try_from(reader.u64()?).ok()?;
        let mut reader = Reader::at(bytes, at);
        if reader.u32()? != END_64 {
            return None;
        }
        reader.take(28)?;
        (count, size, offset) = (reader.u64()?, reader.u64()?, reader.u64()?);
        stop = at;
    }
    // Readers take the directory to end here, and the archive to begin that much earlier.
    let start = stop.checked_sub(usize::try_from(size).ok()?)?;
    let before = start.checked_sub(usize::try_from(offset).ok()?)?;
    let mut reader = Reader::at(bytes.get(..stop)?, start);
    let mut members = Vec::new();
    while !reader.is_empty() && members.len() < MAX_MEMBERS {
        members.push(central(&mut reader)?);
    }
    let is_all = u64::try_from(members.len()).ok()? == count && reader.is_empty();
    is_all.then_some((members, start, before))
}

fn central<'a>(reader: &mut Reader<'a>) -> Option<Member<'a>> {
    if reader.u32()? != CENTRAL {
        return None;
    }
    reader.take(4)?;
    let (flags, method) = (reader.u16()?, reader.u16()?);
    reader.take(4)?;
    let (crc, packed, size) = (reader.u32()?, reader.u32()?, reader.u32()?);
    let (name, extra, comment) = (reader.u16()?, reader.u16()?, reader.u16()?);
    reader.take(4)?;
    let mode = reader.u32()? >> 16;
    let offset = reader.u32()?;
    let name = reader.take(name.into())?;
    let extra = reader.take(extra.into())?;
    reader.take(comment.into())?;
    let [size, packed, offset] = wide(extra, [size, packed, offset])?;
    let header = Header { flags, method, crc, packed, size, name };
    Some(Member { header, offset, mode })
}

fn local<'a>(reader: &mut Reader<'a>) -> Option<Header<'a>> {
    if reader.u32()? != LOCAL {
        return None;
    }
    reader.take(2)?;
    let (flags, method) = (reader.u16()?, reader.u16()?);
    reader.take(4)?;
    let (crc, packed, size) = (reader.u32()?, reader.u32()?, reader.u32()?);
    let (name, extra) = (reader.u16()?, reader.u16()?);
    let name = reader.take(name.into())?;
    let extra = reader.take(extra.into())?;
    let [size, packed] = wide(extra, [size, packed])?;
    Some(Header { flags, method, crc, packed, size, name })
}

/// Numbers, and in their stead those of the Zip64 field where they are full.
fn wide<const N: usize>(extra: &[u8], numbers: [u32; N]) -> Option<[u64; N]> {
    let mut fields = Reader::new(extra);
    let mut large = None;
    while let (Some(id), Some(length)) = (fields.u16(), fields.u16()) {
        let Some(field) = fields.take(length.into()) else { break };
        if id == 1 {
            large = Some(Reader::new(field));
        }
    }
    let mut wide = [0; N];
    for (wide, number) in wide.iter_mut().zip(numbers) {
        *wide = match number {
            u32::MAX => large.as_mut()?.u64()?,
            number => number.into(),
        };
    }
    Some(wide)
}

/// Looks at every member.
pub(crate) fn scan(scan: &mut Scan, place: &Place, bytes: &[u8]) {
    let read = end(bytes).and_then(|at| Some((at, directory(bytes, at)?)));
    let Some((end, (members, start, before))) = read else {
        scan.find(Rule::Unreadable, place, 0, "it has no central directory that can be read");
        return unlisted(scan, place, bytes);
    };
    let comment = Reader::at(bytes, end.saturating_add(20)).u16().map_or(0, usize::from);
    if end.saturating_add(22 + comment) != bytes.len() {
        scan.find(Rule::TrailingData, place, end, "there are bytes after the archive's end");
    }
    if before > 0 {
        scan.find(Rule::Polyglot, place, 0, "there are bytes before the archive");
    }
    let tensors = torch(scan, place, bytes, &members, before);
    let mut seen = HashSet::new();
    let mut spans = Vec::with_capacity(members.len());
    for member in &members {
        let name = String::from_utf8_lossy(member.header.name).into_owned();
        let inner = place.member(&name);
        check_path(scan, &inner, &name);
        if !seen.insert(member.header.name) {
            scan.find(Rule::DuplicateMember, &inner, 0, "its name is there twice");
        }
        if member.mode & 0o170_000 == 0o120_000 {
            scan.find(Rule::Link, &inner, 0, "the member is a link to another file");
        }
        let Some((span, data)) = open(scan, &inner, bytes, member, before) else { continue };
        spans.push(span);
        if name.ends_with('/') && data.is_empty() {
            continue;
        }
        let expected = tensors.get(&name).copied();
        if let Some(content) = unpack(scan, &inner, member, data) {
            look(scan, &inner, &content, expected);
        }
    }
    gaps(scan, place, bytes, spans, before, start);
}

/// A member's data by its local header, which must say what the directory says.
fn open<'a>(
    scan: &mut Scan,
    place: &Place,
    bytes: &'a [u8],
    member: &Member<'_>,
    before: usize,
) -> Option<((usize, usize), &'a [u8])> {
    let start = usize::try_from(member.offset).ok().and_then(|at| at.checked_add(before));
    let mut reader = Reader::at(bytes, start.unwrap_or(usize::MAX));
    let start = reader.position();
    let Some(local) = local(&mut reader) else {
        scan.find(
            Rule::ZipDisagreement,
            place,
            start,
            "the directory names a member that is not there",
        );
        return None;
    };
    let header = &member.header;
    if (local.flags | header.flags) & ENCRYPTED != 0 {
        scan.find(Rule::Encrypted, place, start, "it says that it is encrypted");
    }
    let is_streamed = local.flags & STREAMED != 0;
    let sizes = |header: &Header<'_>| (header.crc, header.packed, header.size);
    let agree = (local.name, local.method, local.flags)
        == (header.name, header.method, header.flags)
        && (sizes(&local) == sizes(header)
            || is_streamed && local.crc == 0
            || is_streamed && sizes(&local) == sizes(header));
    if !agree {
        let why = "its header and the directory's entry disagree";
        scan.find(Rule::ZipDisagreement, place, start, why);
    }
    let at = reader.position();
    let Some(data) = reader.take_u64(header.packed) else {
        scan.find(Rule::Unreadable, place, start, "the member is cut short");
        return None;
    };
    Some(((start, at + data.len()), data))
}

fn unpack(scan: &mut Scan, place: &Place, member: &Member<'_>, data: &[u8]) -> Option<Vec<u8>> {
    let header = &member.header;
    let Some(reader) = packed::member(header.method, data) else {
        let why = format!("it is compressed with method {}", header.method);
        scan.find(Rule::Unopened, place, 0, why);
        return None;
    };
    let content = scan.unpack(place, data.len(), reader)?;
    let size = u64::try_from(content.len()).unwrap_or(u64::MAX);
    if size != header.size || crc32fast::hash(&content) != header.crc {
        let why = "its bytes are not those that its checksum and size are of";
        scan.find(Rule::ZipDisagreement, place, 0, why);
    }
    Some(content)
}

fn look(scan: &mut Scan, place: &Place, content: &[u8], tensor: Option<u64>) {
    let is_tensor =
        tensor.is_some_and(|size| u64::try_from(content.len()).is_ok_and(|n| n == size));
    if is_torch_pickle(&place.name()) {
        // Looked at before, for what it says of the tensors.
    } else if !is_tensor {
        dispatch::content(scan, place, content);
    } else if scan.enter(place, content.len()) {
        // Raw values: only what acts as a pickle is worth a word.
        pickle::sniff(scan, place, content);
    }
}

fn is_torch_pickle(name: &str) -> bool {
    name == "data.pkl" || name.ends_with("/data.pkl")
}

/// The pickle of PyTorch's format, and the members that it says are raw tensors, with their bytes.
fn torch(
    scan: &mut Scan,
    place: &Place,
    bytes: &[u8],
    members: &[Member<'_>],
    before: usize,
) -> HashMap<String, u64> {
    let mut tensors = HashMap::new();
    for member in members {
        let name = String::from_utf8_lossy(member.header.name).into_owned();
        if !is_torch_pickle(&name.to_ascii_lowercase()) {
            continue;
        }
        let inner = place.member(&name);
        let Some((_, data)) = open(scan, &inner, bytes, member, before) else { continue };
        let Some(content) = unpack(scan, &inner, member, data) else { continue };
        if !scan.enter(&inner, content.len()) {
            continue;
        }
        let root = name.strip_suffix("data.pkl").unwrap_or_default().to_owned();
        let found = pickle::scan(scan, &inner, &content, Loader::Torch);
        tensors.extend(found.into_iter().map(|(key, size)| (format!("{root}data/{key}"), size)));
    }
    tensors
}

/// Every byte before the directory belongs to a member that the directory names.
fn gaps(
    scan: &mut Scan,
    place: &Place,
    bytes: &[u8],
    mut spans: Vec<(usize, usize)>,
    before: usize,
    start: usize,
) {
    spans.sort_unstable();
    let mut at = before;
    for (from, to) in spans.into_iter().chain([(start, start)]) {
        if from < at {
            scan.find(Rule::ZipDisagreement, place, from, "two members lie in the same bytes");
        } else if from - at > MAX_DESCRIPTOR {
            scan.find(
                Rule::ZipDisagreement,
                place,
                at,
                "there are bytes that the directory does not name",
            );
            let hidden = bytes.get(at..from).unwrap_or_default();
            unlisted(scan, place, hidden);
        }
        at = at.max(to);
    }
}

/// Members that no directory names, by their local headers.
fn unlisted(scan: &mut Scan, place: &Place, bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    for _ in 0..MAX_MEMBERS {
        let Some(header) = local(&mut reader) else { return };
        let name = String::from_utf8_lossy(header.name).into_owned();
        let inner = place.member(&name);
        let rest = reader.rest();
        let size = usize::try_from(header.packed).unwrap_or(usize::MAX);
        let data = if header.packed == 0 { rest } else { rest.get(..size).unwrap_or(rest) };
        let member = Member { header, offset: 0, mode: 0 };
        if let Some(content) = unpack(scan, &inner, &member, data) {
            dispatch::content(scan, &inner, &content);
        }
        if reader.take(data.len()).is_none() {
            return;
        }
    }
}
