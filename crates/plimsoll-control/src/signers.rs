//! Deployments that ask for a signature: what is released into them must carry one, of somebody
//! whom the deployment names, over every file of the version.

use crate::act::Permit;
use crate::bootstrap::Control;
use crate::compile::settings_of;
use crate::error::ControlError;
use crate::version::role_word;
use plimsoll_api::{FileRole, Signer};
use plimsoll_sign::{BUNDLE_NAME, PublicKey, Resource, SignError, Verified, verify};
use plimsoll_store::{DeploymentRow, FileRow};
use plimsoll_types::record::Stage;
use serde_json::json;

/// Signers of one deployment: the builders of one team.
const MAX_SIGNERS: usize = 32;
/// Bytes of a key in PEM.
const MAX_KEY: usize = 4096;
/// Bytes of a signature over the few files of a version.
const MAX_SIGNATURE: usize = 1 << 20;

/// Where the server tells what a version was trained on.
const LINEAGE: &str = "lineage.json";

/// Whether every signer has a name of its own and a key that can be read.
pub(crate) fn check(signers: &[Signer]) -> Result<(), ControlError> {
    let refuse = |detail: String| Err(ControlError::invalid("signers", detail));
    if signers.len() > MAX_SIGNERS {
        return refuse(format!("must be at most {MAX_SIGNERS}"));
    }
    for (place, signer) in signers.iter().enumerate() {
        let is_key = signer.public_key.len() <= MAX_KEY
            && PublicKey::from_pem(signer.public_key.as_bytes()).is_ok();
        if !is_key {
            return refuse(format!(
                "the key of `{}` is no public key in PEM of P-256, P-384 or P-521",
                signer.name
            ));
        }
        if signers.iter().take(place).any(|other| other.name == signer.name) {
            return refuse(format!("the signer `{}` is there twice", signer.name));
        }
    }
    Ok(())
}

impl Control {
    /// Whether a version carries a signature that its deployment accepts, and whose it is; `None`
    /// if the deployment asks for none. A refusal is recorded.
    pub(crate) fn check_signature(
        &self,
        permit: &Permit<'_>,
        row: &DeploymentRow,
        number: u32,
    ) -> Result<Option<String>, ControlError> {
        let signers = settings_of(row)?.signers;
        if signers.is_empty() {
            return Ok(None);
        }
        let files = self.store.read(|r| r.files(row.model, number))?;
        match self.signer(&signers, &files)? {
            Ok(name) => Ok(Some(name)),
            Err(why) => {
                let payload = json!({"reason": "signature", "version": number, "why": why});
                self.note(permit.who(), Stage::Failed, permit.payload(payload))?;
                let detail = format!("version {number} may not be released here: {why}");
                Err(ControlError::invalid("version", detail))
            }
        }
    }

    /// The name of who signed the files, or why nobody did that counts.
    pub(crate) fn signer(
        &self,
        signers: &[Signer],
        files: &[FileRow],
    ) -> Result<Result<String, String>, ControlError> {
        let Some(signature) = files.iter().find(|file| file.path == BUNDLE_NAME) else {
            return Ok(Err(format!("it has no file `{BUNDLE_NAME}`")));
        };
        let bundle = self.artifacts.read(signature.digest, MAX_SIGNATURE)?;
        let mut why = SignError::Key("it is signed by nobody whom the deployment names");
        for signer in signers {
            let key = PublicKey::from_pem(signer.public_key.as_bytes())
                .map_err(|_| ControlError::Internal("a stored key cannot be read"))?;
            match verify(&bundle, &key) {
                Ok(verified) => {
                    return Ok(covers(&verified, files).map(|()| signer.name.to_string()));
                }
                Err(SignError::Key(_) | SignError::Signature) => {}
                Err(other) => why = other,
            }
        }
        Ok(Err(why.to_string()))
    }
}

/// Whether a file is the lineage that the server itself adds to what a trainer made and signed. No
/// loader reads it.
fn is_ours(file: &FileRow, verified: &Verified) -> bool {
    file.path == LINEAGE
        && file.role == role_word(FileRole::Metadata)
        && !verified.manifest.resources().iter().any(|one| one.name == LINEAGE)
}

/// Whether a signature is over exactly the files of a version.
fn covers(verified: &Verified, files: &[FileRow]) -> Result<(), String> {
    let manifest = &verified.manifest;
    if !manifest.leaves_out_only(&[BUNDLE_NAME]) {
        return Err("its signer left out paths of the model".into());
    }
    // A model that was signed as a file by itself has no path there.
    let alone = matches!(manifest.resources(), [only] if only.name == ".");
    let at_hand: Vec<Resource> = files
        .iter()
        .filter(|file| file.path != BUNDLE_NAME && !is_ours(file, verified))
        .map(|file| {
            let is_model = file.role == role_word(FileRole::Model);
            let name = if alone && is_model { ".".to_owned() } else { file.path.clone() };
            Resource { name, digest: file.digest }
        })
        .collect();
    match manifest.differences(&at_hand).first() {
        None => Ok(()),
        Some(difference) => Err(difference.to_string()),
    }
}
