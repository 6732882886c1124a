//! A hardware module by PKCS#11 (OASIS, version 2.40): an AES key that never leaves it wraps
//! with `CKM_AES_GCM`, the use of the secret as associated data. The unsafe part is the
//! library's (`cryptoki`).

use crate::{Credentials, OpenError};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use plimsoll_ledger::{Root, RootError, RootState};
use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

const NONCE: usize = 12;
const TAG: usize = 16;
const TAG_BITS: u64 = 128;
/// How a wrapped secret begins.
const MARK: &[u8] = b"p11:";

/// A key in a token. A session may be used by one thread at a time.
pub(crate) struct Module {
    name: Box<str>,
    key: Box<str>,
    session: Mutex<Session>,
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Module {
    pub(crate) fn open(
        module: &Path,
        token: &str,
        key: &str,
        credentials: &Credentials,
    ) -> Result<Self, OpenError> {
        let name = format!("pkcs11:{}?token={token}&key={key}", module.display()).into();
        let failed = |error: Error| OpenError::Module(error.to_string().into());
        let context = Pkcs11::new(module).map_err(failed)?;
        let threads = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        match context.initialize(threads) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(failed(error)),
        }
        let slots = context.get_slots_with_token().map_err(failed)?;
        let slot = slots.into_iter().find(|slot| {
            context.get_token_info(*slot).is_ok_and(|info| info.label().trim() == token)
        });
        let slot = slot.ok_or_else(|| OpenError::Module("no token has this label".into()))?;
        let session = context.open_ro_session(slot).map_err(failed)?;
        let pin = AuthPin::new(credentials.secret.as_str().into());
        session.login(UserType::User, Some(&pin)).map_err(failed)?;
        Ok(Self { name, key: key.into(), session: Mutex::new(session) })
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&Session, ObjectHandle) -> Result<T, RootError>,
    ) -> Result<T, RootError> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let key = find(&session, &self.key)?;
        work(&session, key.ok_or_else(|| RootError::Refused("there is no such key".into()))?)
    }
}

fn find(session: &Session, label: &str) -> Result<Option<ObjectHandle>, RootError> {
    let wanted =
        [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Label(label.as_bytes().to_vec())];
    Ok(session.find_objects(&wanted).map_err(|e| refused(&e))?.first().copied())
}

fn refused(error: &Error) -> RootError {
    RootError::Refused(error.to_string().into())
}

fn random() -> Result<[u8; NONCE], RootError> {
    let mut nonce = [0; NONCE];
    aws_lc_rs::rand::fill(&mut nonce)
        .map_err(|_| RootError::Refused("no random numbers".into()))?;
    Ok(nonce)
}

impl Root for Module {
    fn name(&self) -> Box<str> {
        self.name.clone()
    }

    fn wrap(&self, context: &[u8], secret: &[u8; 32]) -> Result<Vec<u8>, RootError> {
        let nonce = random()?;
        let sealed = self.with(|session, key| {
            let mut iv = nonce;
            let params =
                GcmParams::new(&mut iv, context, TAG_BITS.into()).map_err(|e| refused(&e))?;
            session.encrypt(&Mechanism::AesGcm(params), key, secret).map_err(|e| refused(&e))
        })?;
        Ok([MARK, &nonce, &sealed].concat())
    }

    fn unwrap(&self, context: &[u8], wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, RootError> {
        let rest = wrapped.strip_prefix(MARK).ok_or(RootError::NotIts)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(RootError::NotIts)?;
        if sealed.len() != 32 + TAG {
            return Err(RootError::NotIts);
        }
        let opened = self.with(|session, key| {
            let mut iv = *nonce;
            let params =
                GcmParams::new(&mut iv, context, TAG_BITS.into()).map_err(|e| refused(&e))?;
            // Modules tell a wrong tag with different codes.
            session.decrypt(&Mechanism::AesGcm(params), key, sealed).map_err(|_| RootError::NotIts)
        });
        let opened = Zeroizing::new(opened?);
        let secret: &[u8; 32] = opened.as_slice().try_into().map_err(|_| RootError::NotIts)?;
        Ok(Zeroizing::new(*secret))
    }

    fn state(&self) -> Result<RootState, RootError> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let there = find(&session, &self.key)?.is_some();
        Ok(if there { RootState::Usable } else { RootState::Destroyed })
    }
}
