//! Which root, written as one setting.

use plimsoll_outbound::Url;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The longest part of an address: names of keys and mounts.
const MAX_PART: usize = 256;

/// Which root. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootAddress {
    /// `root.key` in the keys folder.
    File,
    /// A variable of the environment, read by whoever reads settings.
    Env(Box<str>),
    /// A key of Vault's transit engine.
    Vault {
        /// The server.
        base: Url,
        /// Where the engine is mounted.
        mount: Box<str>,
        /// The key's name.
        key: Box<str>,
    },
    /// A key of AWS KMS, or of what speaks its API.
    Kms {
        /// The endpoint.
        endpoint: Url,
        /// The region that requests are signed for.
        region: Box<str>,
        /// The key's id, ARN or `alias/…`.
        key: Box<str>,
    },
    /// A secret key in a hardware module.
    Pkcs11 {
        /// The module's library.
        module: PathBuf,
        /// The token's label.
        token: Box<str>,
        /// The key's label.
        key: Box<str>,
    },
}

/// The text is no root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It begins with no provider.
    #[error(
        "a root is `file`, `env:NAME`, `vault:https://HOST/MOUNT/KEY`, \
         `kms:https://HOST/REGION/KEY` or `pkcs11:LIBRARY?token=LABEL&key=LABEL`"
    )]
    Provider,
    /// A part is missing or malformed.
    #[error("the root's {0} is missing or malformed")]
    Part(&'static str),
}

impl FromStr for RootAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text == "file" {
            return Ok(Self::File);
        }
        let (provider, rest) = text.split_once(':').ok_or(AddressError::Provider)?;
        match provider {
            "env" => {
                let good = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
                let is_ours = rest.starts_with("PLIMSOLL_") && rest.bytes().all(good);
                let name = Some(rest).filter(|_| is_ours && rest.len() <= MAX_PART);
                Ok(Self::Env(name.ok_or(AddressError::Part("variable (`PLIMSOLL_…`)"))?.into()))
            }
            "vault" => {
                let (base, mount, key) = service(rest, "mount")?;
                Ok(Self::Vault { base, mount: mount.into(), key: part(key, "key", b"")?.into() })
            }
            "kms" => {
                let (endpoint, region, key) = service(rest, "region")?;
                // `alias/name`, `arn:aws:kms:…:key/…`
                let key = part(key, "key", b"/:")?.into();
                Ok(Self::Kms { endpoint, region: region.into(), key })
            }
            "pkcs11" => {
                let (module, query) =
                    rest.split_once('?').ok_or(AddressError::Part("token and key"))?;
                let find = |name: &str| {
                    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
                };
                let module = Some(module).filter(|module| module.starts_with('/'));
                Ok(Self::Pkcs11 {
                    module: module.ok_or(AddressError::Part("library (an absolute path)"))?.into(),
                    token: part(find("token").unwrap_or_default(), "token", b" ")?.into(),
                    key: part(find("key").unwrap_or_default(), "key", b" ")?.into(),
                })
            }
            _ => Err(AddressError::Provider),
        }
    }
}

/// Server, first part of the path, and the rest of it.
fn service<'a>(text: &'a str, what: &'static str) -> Result<(Url, &'a str, &'a str), AddressError> {
    let wrong = AddressError::Part("address");
    let (scheme, rest) = text.split_once("://").ok_or(wrong.clone())?;
    let (host, path) = rest.split_once('/').ok_or(AddressError::Part(what))?;
    let url = format!("{scheme}://{host}/").parse().map_err(|_| wrong)?;
    let (first, key) = path.split_once('/').ok_or(AddressError::Part("key"))?;
    Ok((url, part(first, what, b"")?, key))
}

/// A name that needs no escaping wherever it goes.
fn part<'a>(text: &'a str, what: &'static str, also: &[u8]) -> Result<&'a str, AddressError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b) || also.contains(&b);
    let is_good = !text.is_empty() && text.len() <= MAX_PART && text.bytes().all(plain);
    let is_good = is_good && !text.split('/').any(|part| matches!(part, "" | "." | ".."));
    if is_good { Ok(text) } else { Err(AddressError::Part(what)) }
}

impl fmt::Display for RootAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("file"),
            Self::Env(name) => write!(f, "env:{name}"),
            Self::Vault { base, mount, key } => write!(f, "vault:{base}/{mount}/{key}"),
            Self::Kms { endpoint, region, key } => write!(f, "kms:{endpoint}/{region}/{key}"),
            Self::Pkcs11 { module, token, key } => {
                write!(f, "pkcs11:{}?token={token}&key={key}", module.display())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_and_others_are_refused() {
        for text in [
            "file",
            "env:PLIMSOLL_ROOT_KEY",
            "vault:https://vault.example:8200/transit/plimsoll",
            "kms:https://kms.eu-central-1.amazonaws.com/eu-central-1/alias/plimsoll",
            "kms:http://127.0.0.1:5000/us-east-1/arn:aws:kms:us-east-1:1:key/1-2",
            "pkcs11:/usr/lib/softhsm/libsofthsm2.so?token=my token&key=root",
        ] {
            let address: RootAddress = text.parse().expect(text);
            assert_eq!(address.to_string(), text);
        }
        for text in [
            "",
            "files",
            "env:",
            "env:HOME",
            "env:PLIMSOLL_a",
            "vault:https://vault.example",
            "vault:https://vault.example/transit",
            "vault:https://vault.example/transit/../secret",
            "vault:https://u:p@vault.example/transit/key",
            "vault:ftp://vault.example/transit/key",
            "vault:https://vault.example/transit/a?b",
            "kms:https://kms.example/region/",
            "kms:https://kms.example//key",
            "pkcs11:lib.so?token=a&key=b",
            "pkcs11:/lib.so?token=a",
            "aws:x",
        ] {
            assert!(text.parse::<RootAddress>().is_err(), "{text}");
        }
    }
}
