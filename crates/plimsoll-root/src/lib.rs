//! Roots that are not a file of ours: a setting, Vault's transit engine, AWS KMS (or what
//! speaks its API), a hardware module by PKCS#11. All implement [`plimsoll_ledger::Root`]:
//! they wrap the epoch's key and the base secret, and nothing else.
//!
//! ```text
//! file
//! env:PLIMSOLL_ROOT_KEY                                     32 bytes in base64
//! vault:https://vault.example:8200/transit/plimsoll         mount and key
//! kms:https://kms.eu-central-1.amazonaws.com/eu-central-1/alias/plimsoll
//! pkcs11:/usr/lib/softhsm/libsofthsm2.so?token=plimsoll&key=root
//! ```
//!
//! **Architecture invariant:** knows no settings file and no environment; what it needs to
//! authenticate comes in with [`Credentials`]. Speaks HTTP through `plimsoll-outbound` only.

mod address;
mod kms;
mod pkcs11;
mod service;
mod vault;

pub use address::{AddressError, RootAddress};
pub use service::Service;

use plimsoll_ledger::{LedgerError, LocalRoot, Root};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What a provider asks for before it wraps. Shows no secret.
#[derive(Clone, Default)]
pub struct Credentials {
    /// Vault: unused. KMS: the access key's id. PKCS#11: unused.
    pub user: Option<String>,
    /// Vault: the token. KMS: the secret access key. PKCS#11: the user's PIN.
    pub secret: Zeroizing<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

/// Why a root could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What is needed to authenticate is missing or malformed.
    #[error("{0}")]
    Credentials(&'static str),
    /// The key itself is in no shape to be used.
    #[error("the root key must be 32 bytes in base64")]
    Key,
    /// The hardware module cannot be used.
    #[error("the PKCS#11 module cannot be used: {0}")]
    Module(Box<str>),
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] LedgerError),
}

/// The root at `address`. Nothing is asked of a key service yet.
///
/// # Errors
/// [`OpenError`].
pub fn open(
    address: &RootAddress,
    credentials: Credentials,
    service: Service,
    keys: &Path,
) -> Result<Arc<dyn Root>, OpenError> {
    Ok(match address {
        RootAddress::File => Arc::new(LocalRoot::file(keys)?),
        RootAddress::Env(name) => Arc::new(local(name, &credentials)?),
        RootAddress::Vault { base, mount, key } => {
            Arc::new(vault::Vault::new(service, base, mount, key, credentials)?)
        }
        RootAddress::Kms { endpoint, region, key } => {
            Arc::new(kms::Kms::new(service, endpoint, region, key, credentials)?)
        }
        RootAddress::Pkcs11 { module, token, key } => {
            Arc::new(pkcs11::Module::open(module, token, key, &credentials)?)
        }
    })
}

/// A root of 32 bytes in base64, as a setting has it.
fn local(name: &str, credentials: &Credentials) -> Result<LocalRoot, OpenError> {
    use base64::Engine;
    let text = credentials.secret.trim();
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).map(Zeroizing::new);
    let bytes = bytes.map_err(|_| OpenError::Key)?;
    let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| OpenError::Key)?;
    Ok(LocalRoot::new(format!("env:{name}"), bytes)?)
}
