//! Tar archives: members, links, and names that lead out.

use crate::dispatch;
use crate::finding::Rule;
use crate::scan::{Place, Scan};
use tar::EntryType;

/// Bytes of a header.
const HEADER: usize = 512;

/// Whether a header of tar is at the beginning: its checksum holds, with or without `ustar`.
pub(crate) fn is_tar(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..HEADER) else { return false };
    let Some(field) = header.get(148..156) else { return false };
    let digits: Vec<u8> =
        field.iter().copied().filter(|byte| (b'0'..=b'7').contains(byte)).collect();
    let stated =
        std::str::from_utf8(&digits).ok().and_then(|text| u32::from_str_radix(text, 8).ok());
    let sum = header.iter().enumerate().map(|(at, &byte)| match at {
        148..156 => u32::from(b' '),
        _ => u32::from(byte),
    });
    header.first() != Some(&0) && stated == Some(sum.sum())
}

/// Looks at every member.
pub(crate) fn scan(scan: &mut Scan, place: &Place, bytes: &[u8]) {
    let mut archive = tar::Archive::new(bytes);
    let Ok(entries) = archive.entries() else {
        return scan.find(Rule::Unreadable, place, 0, "the archive cannot be read");
    };
    let mut seen = std::collections::HashSet::new();
    let mut end = 0;
    for entry in entries {
        let Ok(entry) = entry else {
            return scan.find(Rule::Unreadable, place, end, "a header is damaged, or a member cut");
        };
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let inner = place.member(&name);
        let start = usize::try_from(entry.raw_file_position()).unwrap_or(usize::MAX);
        let size = usize::try_from(entry.size()).unwrap_or(usize::MAX);
        check_path(scan, &inner, &name);
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                if !seen.insert(name) {
                    scan.find(Rule::DuplicateMember, &inner, 0, "its name is there twice");
                }
                match bytes.get(start..start.saturating_add(size)) {
                    Some(data) => dispatch::content(scan, &inner, data),
                    None => scan.find(Rule::Unreadable, &inner, 0, "the member is cut short"),
                }
            }
            EntryType::Directory => {}
            EntryType::Symlink | EntryType::Link => {
                let target = entry.link_name_bytes().unwrap_or_default();
                let target = String::from_utf8_lossy(&target).into_owned();
                scan.find(Rule::Link, &inner, 0, "the member is a link to another file");
                check_path(scan, &inner, &target);
            }
            _ => scan.find(Rule::Link, &inner, 0, "the member is a device or of no known kind"),
        }
        end = start.saturating_add(size).div_ceil(HEADER).saturating_mul(HEADER);
    }
    let rest = bytes.get(end..).unwrap_or_default();
    if rest.iter().any(|&byte| byte != 0) {
        scan.find(Rule::TrailingData, place, end, "there are bytes after the archive's end");
    }
}

/// A name must stay in the folder that it is unpacked into, on every system.
pub(crate) fn check_path(scan: &mut Scan, place: &Place, name: &str) {
    let is_absolute = name.starts_with(['/', '\\']) || name.chars().nth(1) == Some(':');
    if is_absolute || name.split(['/', '\\']).any(|part| part == "..") || name.contains('\0') {
        scan.find(Rule::PathEscape, place, 0, "its name, or what it links to, leads out");
    }
}
