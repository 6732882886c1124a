//! The files of the web console, as the binary carries them: what Vite built, each also in the
//! compressed forms that were made beside it (`x.js`, `x.js.br`, `x.js.gz`). Knows no HTTP
//! beyond media types.

/// A name below `console/dist`, and the bytes.
type File = (&'static str, &'static [u8]);

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The document that every page of the console begins with.
const INDEX: &str = "index.html";

/// A file of the console.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    name: &'static str,
    plain: &'static [u8],
}

/// How an asset's bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Brotli (RFC 7932).
    Brotli,
    /// Gzip (RFC 1952).
    Gzip,
}

impl Encoding {
    /// The suffix of the file that holds it.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gz",
        }
    }
    /// Its name in `content-encoding`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }
}

/// Whether this build carries a console at all.
#[must_use]
pub fn is_built() -> bool {
    index().is_some()
}

/// The document that every page of the console begins with.
#[must_use]
pub fn index() -> Option<Asset> {
    asset(INDEX)
}

/// The file `name`, without a leading slash. The compressed forms are no files of their own.
#[must_use]
pub fn asset(name: &str) -> Option<Asset> {
    let (name, plain) = *find(name)?;
    media(name).map(|_| Asset { name, plain })
}

impl Asset {
    /// The media type.
    #[must_use]
    pub fn media(&self) -> &'static str {
        media(self.name).unwrap_or("application/octet-stream")
    }
    /// The bytes as they are.
    #[must_use]
    pub const fn plain(&self) -> &'static [u8] {
        self.plain
    }
    /// The bytes in `encoding`, if that form was made: small files have none.
    #[must_use]
    pub fn encoded(&self, encoding: Encoding) -> Option<&'static [u8]> {
        let name = format!("{}.{}", self.name, encoding.suffix());
        find(&name).map(|&(_, bytes)| bytes)
    }
    /// Whether the name changes with the bytes, so that it can be kept for ever.
    #[must_use]
    pub fn is_immutable(&self) -> bool {
        self.name.starts_with("assets/")
    }
}

fn find(name: &str) -> Option<&'static File> {
    let at = FILES.binary_search_by(|(found, _)| (*found).cmp(name)).ok()?;
    FILES.get(at)
}

/// The media type by the name's ending. A closed list: what is not on it is not served.
fn media(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        "json" => "application/json",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_so_that_they_are_found() {
        assert!(FILES.is_sorted_by(|(a, _), (b, _)| a < b));
    }

    #[test]
    fn compressed_forms_are_no_files_of_their_own() {
        assert!(asset("index.html.br").is_none());
        assert!(asset("../index.html").is_none());
        assert!(asset("").is_none());
    }

    #[test]
    fn what_is_hashed_is_kept() {
        for (name, bytes) in FILES {
            let Some(found) = asset(name) else { continue };
            assert_eq!(found.plain(), *bytes);
            assert_eq!(found.is_immutable(), name.starts_with("assets/"), "{name}");
        }
    }
}
