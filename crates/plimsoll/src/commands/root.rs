//! The root that settings name, made ready for the ledger, and the exchange of one for another.

use super::Context;
use crate::failure::Failure;
use crate::settings::{Layers, Secret, Settings};
use plimsoll_ledger::Root;
use plimsoll_outbound::{Network, Outbound, OutboundConfig, Roots};
use plimsoll_root::{Credentials, RootAddress, Service};
use plimsoll_types::Clock;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The largest file of a token, key or PIN.
const MAX_SECRET_BYTES: u64 = 16 << 10;
/// The largest file of root certificates.
const MAX_CA_BYTES: u64 = 1 << 20;
/// Networks of one's own. Who writes the settings may send the server there; whoever only has
/// a key to the API cannot name a root.
const PRIVATE: [&str; 4] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

/// What is needed beside the address to reach a root.
#[derive(Debug, Default)]
pub(super) struct Access<'a> {
    user: Option<&'a str>,
    secret: Option<&'a Secret>,
    secret_file: Option<&'a Path>,
    ca_file: Option<&'a Path>,
}

/// The root that the settings name; `None` for the file in the keys folder.
pub(super) fn open(
    context: &Context,
    settings: &Settings,
) -> Result<Option<Arc<dyn Root>>, Failure> {
    let access = Access {
        user: settings.root_user.value.as_deref(),
        secret: settings.root_secret.value.as_ref(),
        secret_file: settings.root_secret_file.value.as_deref(),
        ca_file: settings.root_ca_file.value.as_deref(),
    };
    open_at(context, &settings.root.value, &access, &settings.keys.value)
}

/// The root at `address`, for the exchange of roots.
pub(super) fn other(
    context: &Context,
    address: &RootAddress,
    user: Option<&str>,
    secret_file: Option<&Path>,
    keys: &Path,
) -> Result<Option<Arc<dyn Root>>, Failure> {
    let settings = Settings::resolve(&Layers::default())?;
    let ca_file = settings.root_ca_file.value.as_deref();
    open_at(context, address, &Access { user, secret: None, secret_file, ca_file }, keys)
}

fn open_at(
    context: &Context,
    address: &RootAddress,
    access: &Access<'_>,
    keys: &Path,
) -> Result<Option<Arc<dyn Root>>, Failure> {
    if *address == RootAddress::File {
        return Ok(None);
    }
    let clock: Arc<dyn Clock> = Arc::new(context.clock);
    let credentials = Credentials {
        user: access.user.map(str::to_owned),
        secret: secret(context, address, access)?,
    };
    let outbound = Outbound::new(outbound_config(address, access)?, Arc::clone(&clock));
    let outbound = outbound.map_err(|error| Failure::user(error.to_string()))?;
    let root = plimsoll_root::open(address, credentials, Service { outbound, clock }, keys);
    root.map(Some).map_err(|error| {
        Failure::user(format!("the root `{address}` cannot be used: {error}"))
            .hint("see `ledger.root` in `plimsoll config show`, and docs/erasure.md")
    })
}

/// The secret: for `env:` the variable itself, else the setting or the file.
fn secret(
    context: &Context,
    address: &RootAddress,
    access: &Access<'_>,
) -> Result<Zeroizing<String>, Failure> {
    if let RootAddress::Env(name) = address {
        let found = context.environment.variable(name);
        let found = found.ok_or_else(|| {
            Failure::user(format!("the root key should be in `{name}`, which is not set"))
        })?;
        return Ok(Zeroizing::new(found.to_owned()));
    }
    if let Some(secret) = access.secret {
        return Ok(Zeroizing::new(secret.0.clone()));
    }
    let Some(path) = access.secret_file else { return Ok(Zeroizing::default()) };
    let mut text = Zeroizing::new(String::new());
    fs_err::File::open(path)?.take(MAX_SECRET_BYTES).read_to_string(&mut text)?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// Networks of one's own, which a root or a bucket may stand in.
pub(super) fn private() -> impl Iterator<Item = Network> {
    PRIVATE.iter().filter_map(|text| text.parse::<Network>().ok())
}

fn outbound_config(address: &RootAddress, access: &Access<'_>) -> Result<OutboundConfig, Failure> {
    let mut config = OutboundConfig::default();
    config.allow.extend(Network::LOOPBACK);
    config.allow.extend(private());
    let (RootAddress::Vault { base: url, .. } | RootAddress::Kms { endpoint: url, .. }) = address
    else {
        return Ok(config);
    };
    // A stand-in on this machine may do without TLS.
    config.plain_http = url.host().parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if let Some(path) = access.ca_file {
        let mut pem = Vec::new();
        fs_err::File::open(path)?.take(MAX_CA_BYTES).read_to_end(&mut pem)?;
        config.roots = Roots::Own(pem.into());
    }
    Ok(config)
}
