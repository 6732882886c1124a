//! Who is believed beside our own keys: wires issuers, certificates and the control plane to the
//! gateway, and fetches key sets through the one outgoing client.

use crate::accept::Life;
use crate::error::ServerError;
use plimsoll_control::Control;
use plimsoll_gateway::{Meet, Trust, TrustedIssuer};
use plimsoll_identity::{
    Identity, IdentityDocument, Issuer, KeySet, KeySource, MAX_DISCOVERY_BYTES, MAX_SET_BYTES,
    discovered, discovery_url,
};
use plimsoll_outbound::{Outbound, Request, Url};
use plimsoll_types::{Clock, PrincipalId, TenantId};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long an issuer has to answer: requests may be waiting.
const DEADLINE: Duration = Duration::from_secs(3);

/// What is believed, and whose keys have to be kept fresh.
pub(crate) struct Believed {
    pub(crate) trust: Trust,
    pub(crate) issuers: Vec<Arc<TrustedIssuer>>,
}

/// Compiles the declaration. An address that could never be asked is found now.
pub(crate) fn believed(
    document: IdentityDocument,
    tenant: TenantId,
    control: &Arc<Control>,
    outbound: &Outbound,
) -> Result<Believed, ServerError> {
    let wrong = |why: String| ServerError::Log { what: "identity.file", why };
    let compiled = document.compile(tenant).map_err(|error| wrong(error.to_string()))?;
    let (issuers, certificates) = compiled;
    for issuer in &issuers {
        let address = match &issuer.keys {
            KeySource::File(_) => continue,
            KeySource::Url(url) => url.clone(),
            KeySource::Discovery => discovery_url(&issuer.url),
        };
        let asked = address.parse::<Url>().and_then(|url| outbound.check(&url));
        asked.map_err(|error| wrong(format!("issuer `{}`: {error}", issuer.name)))?;
    }
    let issuers: Vec<_> =
        issuers.into_iter().map(|issuer| Arc::new(TrustedIssuer::new(issuer))).collect();
    let meet = Arc::new(Introductions(Arc::clone(control)));
    let trust = Trust::new(issuers.clone(), certificates, tenant, meet);
    Ok(Believed { trust, issuers })
}

#[derive(Debug)]
struct Introductions(Arc<Control>);

impl Meet for Introductions {
    fn has_met(&self, id: PrincipalId) -> Result<bool, Box<str>> {
        self.0.has_introduced(id).map_err(|error| error.to_string().into())
    }
    fn meet(&self, who: &Identity) -> Result<(), Box<str>> {
        self.0.introduce(who).map_err(|error| error.to_string().into())
    }
}

/// Keeps an issuer's keys fresh until the server drains.
pub(crate) async fn keep(
    trusted: Arc<TrustedIssuer>,
    outbound: Outbound,
    clock: Arc<dyn Clock>,
    mut life: watch::Receiver<Life>,
) {
    let mut was_good = true;
    loop {
        match fetch(&trusted.issuer, &outbound).await {
            Ok(keys) => {
                trusted.took(keys, &*clock);
                was_good = true;
            }
            Err(why) => {
                trusted.failed(&*clock);
                // Once, and not with every try: an issuer may be away for hours.
                if std::mem::take(&mut was_good) {
                    let issuer = trusted.issuer.name.as_str();
                    tracing::warn!(issuer, why, "an issuer's key set could not be had");
                }
            }
        }
        tokio::select! {
            () = trusted.due(&*clock) => {}
            _ = life.wait_for(|&life| life != Life::Serving) => return,
        }
    }
}

/// The issuer's key set as it is now, or why there is none.
async fn fetch(issuer: &Issuer, outbound: &Outbound) -> Result<KeySet, String> {
    let bytes = match &issuer.keys {
        KeySource::File(path) => {
            let path = path.clone();
            let read = tokio::task::spawn_blocking(move || read(&path)).await;
            read.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?
        }
        KeySource::Url(url) => get(outbound, url, MAX_SET_BYTES).await?,
        KeySource::Discovery => {
            let url = discovery_url(&issuer.url);
            let document = get(outbound, &url, MAX_DISCOVERY_BYTES).await?;
            let keys = discovered(&document, &issuer.url);
            let keys = keys.ok_or("its discovery document is not this issuer's, or not one")?;
            get(outbound, &keys, MAX_SET_BYTES).await?
        }
    };
    KeySet::read(&bytes, &issuer.algorithms).map_err(|error| error.to_string())
}

async fn get(outbound: &Outbound, url: &str, most: usize) -> Result<Vec<u8>, String> {
    let url: Url =
        url.parse().map_err(|error: plimsoll_outbound::OutboundError| error.to_string())?;
    let request = Request::get(url).within(DEADLINE).at_most(most);
    let reply = outbound.send(request).await.map_err(|error| error.to_string())?;
    if reply.status.as_u16() != 200 {
        return Err(format!("it answers {}", reply.status.as_u16()));
    }
    Ok(reply.body.to_vec())
}

/// One byte more than a set may have tells that it is too large.
fn read(path: &str) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(MAX_SET_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    fs_err::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
