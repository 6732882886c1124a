//! How one setting is written and read: addresses, durations, sizes, words.
//!
//! It knows no setting by name.

use plimsoll_outbound::{Network, NetworkError};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// A value that a setting can have.
pub(crate) trait Value: Sized {
    /// Reads it. The error says what a good value looks like; the caller names the setting.
    fn parse(text: &str) -> Result<Self, String>;
    /// Writes it, such that `parse` reads the same again.
    fn show(&self) -> String;
}

/// A size in bytes: `64MiB`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Size(pub(crate) u64);

/// A share of a whole, 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Share(pub(crate) f64);

/// Networks, with commas between.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Networks(pub(crate) Vec<Network>);

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// How logs are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogFormat {
    /// For people.
    Human,
    /// One JSON object per line.
    Json,
}

/// Which log events are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogLevel {
    /// What needs somebody.
    Error,
    /// What may need somebody.
    Warn,
    /// What happened.
    Info,
    /// How it happened.
    Debug,
    /// Everything.
    Trace,
}

impl Value for PathBuf {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("a path".into()) } else { Ok(text.into()) }
    }
    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl Value for String {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("a text".into()) } else { Ok(text.into()) }
    }
    fn show(&self) -> String {
        self.clone()
    }
}

impl Value for Secret {
    fn parse(text: &str) -> Result<Self, String> {
        let is_plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        if is_plain { Ok(Self(text.into())) } else { Err("an API key on one line".into()) }
    }
    fn show(&self) -> String {
        "(hidden)".into()
    }
}

/// Where people reach this server: scheme, host, port, and perhaps a path that a proxy takes away.
#[derive(Clone, Debug)]
pub(crate) struct PublicUrl(pub(crate) String);

impl Value for PublicUrl {
    fn parse(text: &str) -> Result<Self, String> {
        let bare = text.trim_end_matches('/');
        let url: Result<plimsoll_outbound::Url, _> = bare.parse();
        // A query would end up in the middle of every link.
        if url.is_ok() && !bare.contains(['?', '#']) {
            Ok(Self(bare.to_owned()))
        } else {
            Err("an address such as `https://plimsoll.example.org`".into())
        }
    }
    fn show(&self) -> String {
        self.0.clone()
    }
}

impl Value for plimsoll_root::RootAddress {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: plimsoll_root::AddressError| error.to_string())
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

/// A bucket, and a folder in it.
#[derive(Debug, Clone)]
pub(crate) struct BucketName(pub(crate) plimsoll_s3::Address);

impl Value for BucketName {
    fn parse(text: &str) -> Result<Self, String> {
        let named = |error: plimsoll_s3::AddressError| format!("a bucket ({error})");
        text.parse().map(Self).map_err(named)
    }
    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// Where buckets are asked for.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint(pub(crate) plimsoll_outbound::Url);

impl Value for Endpoint {
    fn parse(text: &str) -> Result<Self, String> {
        let url: plimsoll_outbound::Url = text
            .parse()
            .map_err(|_| "an address such as `https://minio.example:9000`".to_owned())?;
        // Its path would be left out without a word.
        let is_bare = url.expose().trim_end_matches('/') == url.to_string();
        if is_bare { Ok(Self(url)) } else { Err("an address without a path".into()) }
    }
    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// A folder, or a bucket.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket.
    Bucket(BucketName),
}

impl Place {
    /// The folder, if it is one.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        match self {
            Self::Folder(folder) => Some(folder.clone()),
            Self::Bucket(_) => None,
        }
    }
}

impl Value for Place {
    fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("s3:") {
            BucketName::parse(text).map(Self::Bucket)
        } else {
            PathBuf::parse(text).map(Self::Folder)
        }
    }
    fn show(&self) -> String {
        match self {
            Self::Folder(folder) => folder.show(),
            Self::Bucket(bucket) => bucket.show(),
        }
    }
}

impl Value for SocketAddr {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "an address such as `127.0.0.1:8080` or `[::1]:8080`".into())
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for IpAddr {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "an IP address such as `127.0.0.1`".into())
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for bool {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "`true` or `false`".into())
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for Networks {
    fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let networks = parts.map(str::parse).collect::<Result<_, NetworkError>>();
        networks.map(Self).map_err(|_| "networks such as `10.1.0.0/16, ::1`".into())
    }
    fn show(&self) -> String {
        self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl Value for usize {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "a whole number".into())
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for Share {
    fn parse(text: &str) -> Result<Self, String> {
        let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        share.map(Self).ok_or_else(|| "a number from 0 to 1".into())
    }
    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// The units of durations, in milliseconds, largest first.
const DURATIONS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Value for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        let millis = scaled(text, &DURATIONS).filter(|millis| *millis > 0);
        millis
            .map(Self::from_millis)
            .ok_or_else(|| "a duration such as `10s`, `250ms` or `2h`".into())
    }
    fn show(&self) -> String {
        unscaled(u64::try_from(self.as_millis()).unwrap_or(u64::MAX), &DURATIONS)
    }
}

/// The units of sizes, in bytes, largest first.
const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Value for Size {
    fn parse(text: &str) -> Result<Self, String> {
        scaled(text, &SIZES).map(Self).ok_or_else(|| "a size such as `64MiB`, `1GiB` or `0`".into())
    }
    fn show(&self) -> String {
        unscaled(self.0, &SIZES)
    }
}

/// A whole number with its unit right behind it; 0 needs none.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*scale)
}

/// The number in the largest unit that divides it.
fn unscaled(value: u64, units: &[(&str, u64)]) -> String {
    let fits = units.iter().find(|(_, scale)| value > 0 && value.is_multiple_of(*scale));
    fits.map_or_else(|| "0".to_owned(), |(name, scale)| format!("{}{name}", value / scale))
}

/// An absent value is written as nothing.
impl<T: Value> Value for Option<T> {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::parse(text).map(Some) }
    }
    fn show(&self) -> String {
        self.as_ref().map(T::show).unwrap_or_default()
    }
}

impl Value for LogFormat {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            _ => Err("`human` or `json`".into()),
        }
    }
    fn show(&self) -> String {
        match self {
            Self::Human => "human",
            Self::Json => "json",
        }
        .into()
    }
}

impl Value for LogLevel {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "error" => Ok(Self::Error),
            "warn" => Ok(Self::Warn),
            "info" => Ok(Self::Info),
            "debug" => Ok(Self::Debug),
            "trace" => Ok(Self::Trace),
            _ => Err("`error`, `warn`, `info`, `debug` or `trace`".into()),
        }
    }
    fn show(&self) -> String {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_written_as_they_are_read() {
        for text in ["10s", "250ms", "2h", "90s", "1d"] {
            assert_eq!(Duration::parse(text).expect(text).show(), text);
        }
        for text in ["64MiB", "1GiB", "1500B", "0"] {
            assert_eq!(Size::parse(text).expect(text).show(), text);
        }
        assert_eq!(Duration::parse("120s").expect("fits").show(), "2m");
    }

    #[test]
    fn numbers_without_unit_or_beyond_64_bits_are_no_amounts() {
        for text in
            ["", "0", "0s", "10", "s", "-1s", "1.5s", "10 s", "10S", "99999999999999999999s"]
        {
            assert!(Duration::parse(text).is_err(), "{text}");
        }
        for text in ["", "10", "MiB", "64MB", "18446744073709551615KiB"] {
            assert!(Size::parse(text).is_err(), "{text}");
        }
        for text in ["1.1", "-0.1", "NaN", "x"] {
            assert!(Share::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let secret = Secret::parse("plim_abc").expect("plain");
        assert!(!format!("{secret:?}{}", secret.show()).contains("abc"));
        assert!(Secret::parse("two\nlines").is_err());
    }
}
