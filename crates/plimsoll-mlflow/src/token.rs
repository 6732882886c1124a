//! Page tokens: opaque to clients, checked when they come back.

use crate::error::Error;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The longest token: ten digits in JSON in base64.
const MAX_TOKEN: usize = 64;
/// The furthest offset. Further back than a search ever gives results.
const MAX_OFFSET: u32 = 100_000_000;

/// The token of the page that begins at `offset`.
pub(crate) fn write(offset: u32) -> String {
    STANDARD.encode(format!("{{\"offset\":{offset}}}"))
}

/// The offset that a token means.
pub(crate) fn parse(token: &str) -> Result<u32, Error> {
    let bytes = (token.len() <= MAX_TOKEN).then(|| STANDARD.decode(token).ok()).flatten();
    let bytes =
        bytes.ok_or_else(|| Error::invalid("Invalid page token, could not base64-decode"))?;
    let value: serde_json::Value = serde_json::from_slice(&bytes)
        .map_err(|_| Error::invalid("Invalid page token, it is not one of this server"))?;
    let offset = value.get("offset").and_then(serde_json::Value::as_u64);
    offset
        .and_then(|offset| u32::try_from(offset).ok())
        .filter(|offset| *offset <= MAX_OFFSET)
        .ok_or_else(|| Error::invalid("Invalid page token, it has no offset"))
}
