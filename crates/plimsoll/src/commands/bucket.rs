//! The buckets that settings name, made ready for the server. Nothing is asked of them here.

use super::Context;
use crate::failure::Failure;
use crate::settings::{Place, Settings};
use plimsoll_outbound::{Network, Outbound, OutboundConfig, Roots};
use plimsoll_s3::{Access, Address, Config, S3};
use plimsoll_server::ServerConfig;
use plimsoll_types::Clock;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The largest file of a secret access key.
const MAX_SECRET_BYTES: u64 = 16 << 10;
/// The largest file of root certificates.
const MAX_CA_BYTES: u64 = 1 << 20;

/// Gives the server the buckets that the settings name.
pub(super) fn open(
    context: &Context,
    settings: &Settings,
    config: &mut ServerConfig,
) -> Result<(), Failure> {
    let artifacts = settings.artifacts.value.as_ref().map(|name| &name.0);
    let log = match &settings.ledger_copy.value {
        Some(Place::Bucket(name)) => Some(&name.0),
        _ => None,
    };
    if artifacts.is_none() && log.is_none() {
        return Ok(());
    }
    let clock: Arc<dyn Clock> = Arc::new(context.clock);
    let outbound = Outbound::new(outbound_config(settings)?, Arc::clone(&clock));
    let outbound = outbound.map_err(|error| Failure::user(error.to_string()))?;
    let access = Access {
        id: settings.s3_key_id.value.clone().unwrap_or_default(),
        secret: secret(settings)?,
        token: settings.s3_token.value.as_ref().map(|token| Zeroizing::new(token.0.clone())),
    };
    let bucket = |address: &Address| {
        let config = Config {
            address: address.clone(),
            endpoint: settings.s3_endpoint.value.as_ref().map(|endpoint| endpoint.0.clone()),
            region: settings.s3_region.value.as_str().into(),
            path_style: settings.s3_path_style.value,
            access: access.clone(),
        };
        S3::new(config, &outbound, Arc::clone(&clock)).map_err(|error| {
            Failure::user(error.to_string()).hint(
                "see `s3.key_id`, `s3.secret_file` and `s3.endpoint` in `plimsoll config show`",
            )
        })
    };
    config.artifacts = artifacts.map(bucket).transpose()?;
    config.log_bucket = log.map(bucket).transpose()?;
    Ok(())
}

fn secret(settings: &Settings) -> Result<Zeroizing<String>, Failure> {
    if let Some(secret) = &settings.s3_secret.value {
        return Ok(Zeroizing::new(secret.0.clone()));
    }
    let Some(path) = &settings.s3_secret_file.value else { return Ok(Zeroizing::default()) };
    let mut text = Zeroizing::new(String::new());
    fs_err::File::open(path)?.take(MAX_SECRET_BYTES).read_to_string(&mut text)?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// Who writes the settings may send the server to networks of their own, as for roots; whoever only
/// has a key to the API cannot name a bucket.
fn outbound_config(settings: &Settings) -> Result<OutboundConfig, Failure> {
    let mut config = OutboundConfig::default();
    config.allow.extend(Network::LOOPBACK);
    config.allow.extend(super::root::private());
    if let Some(endpoint) = &settings.s3_endpoint.value {
        // A stand-in on this machine may do without TLS.
        let address = endpoint.0.host().parse::<IpAddr>();
        config.plain_http = address.is_ok_and(|address| address.is_loopback());
    }
    if let Some(path) = &settings.s3_ca_file.value {
        config.roots = Roots::Own(certificates(path)?.into());
    }
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut pem = Vec::new();
    fs_err::File::open(path)?.take(MAX_CA_BYTES).read_to_end(&mut pem)?;
    Ok(pem)
}
