//! A first contract of a model version, drafted from the signature that MLflow stored with it. It
//! needs the right to read the version, and none to read its files: a signature is a fact of it.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use plimsoll_api as api;
use plimsoll_artifact::FilePath;
use plimsoll_contract::MAX_MLMODEL_BYTES;
use plimsoll_policy::{Action, Resource};
use plimsoll_types::{Digest, Name};

/// The file that MLflow stores the signature in.
const MLMODEL: &str = "MLmodel";

/// What a version is, and where its `MLmodel` is if it has one.
struct Place {
    action: Action,
    resource: Resource,
    exists: bool,
    mlmodel: Option<Digest>,
}

impl Control {
    /// The draft of an input contract for a version: one that deployments may use, or one of the
    /// catalogue, whose model may have any name.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] if the version is not there or has no `MLmodel` file;
    /// [`ControlError::Invalid`] if no contract can be made of its signature, with the reason.
    pub fn contract_draft(
        &self,
        ctx: &RequestContext,
        model: &str,
        number: u32,
    ) -> Result<api::ContractDraft, ControlError> {
        let place = self.draft_place(ctx, model, number)?;
        self.may_read(ctx, place.action, &place.resource)?;
        let version = || format!("{model}/{number}");
        if !place.exists {
            return Err(ControlError::not_found("model version", version()));
        }
        let mlmodel = place.mlmodel.ok_or_else(|| {
            ControlError::not_found("`MLmodel` file of the model version", version())
        })?;
        let bytes = self.artifacts.read(mlmodel, MAX_MLMODEL_BYTES)?;
        let refuse = |detail: String| ControlError::invalid("signature", detail);
        let draft = plimsoll_contract::draft(&bytes).map_err(|error| refuse(error.to_string()))?;
        let yaml = draft.to_yaml(model, number).map_err(|error| refuse(error.to_string()))?;
        let asked = |question: &plimsoll_contract::Question| api::DraftQuestion {
            path: format!("features[{}]", question.feature),
            question: question.asks.to_owned(),
        };
        Ok(api::ContractDraft {
            model: model.to_owned(),
            version: number,
            questions: draft.questions.iter().map(asked).collect(),
            contract: draft.contract,
            yaml,
        })
    }

    fn draft_place(
        &self,
        ctx: &RequestContext,
        model: &str,
        number: u32,
    ) -> Result<Place, ControlError> {
        if let Ok(name) = model.parse::<Name>() {
            let (found, resource) = self.version_resource(ctx, &name, number)?;
            if let Some((_, version)) = found {
                let files = self.store.read(|r| r.files(version.model, number))?;
                let own = files.iter().find(|file| file.path == MLMODEL).map(|file| file.digest);
                let mlmodel = match own {
                    Some(digest) => Some(digest),
                    // A version that was made of one file of the folder it was registered from.
                    None => self.catalogued_mlmodel(model, number)?,
                };
                let action = Action::ReadVersion;
                return Ok(Place { action, resource, exists: true, mlmodel });
            }
        }
        let (row, version) = self.store.read(|r| {
            let version = r.catalogued_version(model, number)?;
            Ok::<_, ControlError>((r.catalogued(model)?, version))
        })?;
        let author = version.as_ref().map(|v| plimsoll_types::PrincipalId::from_bytes(v.author));
        let author = author.map(|author| author.to_string());
        let resource = match &row {
            Some(row) => self.catalogued_resource(row, author.as_deref()),
            None => Resource::Catalogued {
                name: model.into(),
                owner: "".into(),
                author: "".into(),
                tenant: ctx.tenant(),
            },
        };
        let exists = version.is_some();
        let mlmodel = if exists { self.catalogued_mlmodel(model, number)? } else { None };
        Ok(Place { action: Action::ReadCatalogued, resource, exists, mlmodel })
    }

    /// The `MLmodel` of the folder that a version of the catalogue was registered from.
    fn catalogued_mlmodel(&self, model: &str, number: u32) -> Result<Option<Digest>, ControlError> {
        self.store.read(|r| {
            let Some(version) = r.catalogued_version(model, number)? else { return Ok(None) };
            let folder = FilePath::from_source(&version.location);
            let path = folder.and_then(|folder| folder.join(MLMODEL).ok());
            match path {
                Some(path) => Ok(r.file_at(path.as_str())?.map(|row| row.digest)),
                None => Ok(None),
            }
        })
    }
}
