//! Sets up a model and its deployment through the API, as anybody else would. What is there
//! already stays as it is, so that a folder can be used again.

use super::assets::{Case, Embedded};
use crate::client::Client;
use crate::failure::Failure;
use plimsoll_api::{
    Artifact, ContractSummary, CreateDeployment, CreateModel, CreateVersion, Deployment,
    Environment, ManifestFile, ModelVersion, ProfileSummary, RegisteredModel, ReleaseVersion,
    UpdateDeployment,
};
use plimsoll_contract::Contract;
use plimsoll_explain::ExplainProfile;
use plimsoll_types::{Digest, Name};

/// Versions that are looked through for the one to add. More would be somebody's own work on
/// the demo's folder, and then another version of the same files does no harm.
const MAX_VERSIONS: u32 = 1000;

/// Makes what `case` needs and is not there; returns the number of the version that answers.
pub(super) fn set_up(client: &Client, case: &Case) -> Result<u32, Failure> {
    let version = version(client, case)?;
    let document = Contract::from_yaml(case.contract).map_err(|error| {
        Failure::ours("the demo's contract is not one").because(error.to_string())
    })?;
    let contract: ContractSummary = client.post("/api/v1/contracts", &document)?;
    let profile = profile(client, case)?;
    let deployment = deployment(client, case, contract.digest, profile)?;
    if deployment.released.is_none_or(|released| released.number != version) {
        let path = format!("/api/v1/deployments/{}/release", case.deployment);
        let _: Deployment = client.post(&path, &ReleaseVersion { version })?;
    }
    Ok(version)
}

/// The version with the files of `case`.
fn version(client: &Client, case: &Case) -> Result<u32, Failure> {
    let path = format!("/api/v1/models/{}/versions", case.model);
    let known = match client.list::<ModelVersion>(&path, &(), MAX_VERSIONS) {
        Ok(page) => page.items,
        Err(failure) if failure.status() == Some(404) => {
            register(client, case)?;
            Vec::new()
        }
        Err(failure) => return Err(failure),
    };
    let files: Vec<ManifestFile> =
        case.files.iter().map(|file| upload(client, file)).collect::<Result<_, _>>()?;
    let same = |version: &&ModelVersion| {
        version.files.len() == files.len() && files.iter().all(|file| version.files.contains(file))
    };
    if let Some(version) = known.iter().find(same) {
        return Ok(version.number);
    }
    let made: ModelVersion = client.post(&path, &CreateVersion { files })?;
    Ok(made.number)
}

fn register(client: &Client, case: &Case) -> Result<(), Failure> {
    let body = CreateModel {
        name: name(case.model)?,
        owner: None,
        description: Some(case.description.to_owned()),
    };
    client.post("/api/v1/models", &body).map(|_: RegisteredModel| ())
}

fn upload(client: &Client, file: &Embedded) -> Result<ManifestFile, Failure> {
    let mut bytes = file.text.as_bytes();
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let stored: Artifact = client.upload("/api/v1/artifacts", &mut bytes, length)?;
    let Artifact { digest, size } = stored;
    Ok(ManifestFile { path: file.path.to_owned(), digest, size, role: file.role })
}

/// The stored explain profile of `case`.
fn profile(client: &Client, case: &Case) -> Result<Option<Digest>, Failure> {
    let Some(text) = case.profile else { return Ok(None) };
    let document = ExplainProfile::from_yaml(text).map_err(|error| {
        Failure::ours("the demo's explain profile is not one").because(error.to_string())
    })?;
    let stored: ProfileSummary = client.post("/api/v1/explain-profiles", &document)?;
    Ok(Some(stored.digest))
}

/// The deployment of `case` under `contract`, explained with `profile`.
fn deployment(
    client: &Client,
    case: &Case,
    contract: Digest,
    profile: Option<Digest>,
) -> Result<Deployment, Failure> {
    let path = format!("/api/v1/deployments/{}", case.deployment);
    match client.get::<Deployment>(&path, &()) {
        Ok(found) if found.contract == contract && found.explain_profile == profile => Ok(found),
        Ok(_) => {
            let update = UpdateDeployment {
                contract: Some(contract),
                explain: Some(case.explain),
                explain_profile: Some(profile),
                ..Default::default()
            };
            client.patch(&path, &update)
        }
        Err(failure) if failure.status() == Some(404) => {
            client.post("/api/v1/deployments", &description(case, contract, profile)?)
        }
        Err(failure) => Err(failure),
    }
}

fn description(
    case: &Case,
    contract: Digest,
    profile: Option<Digest>,
) -> Result<CreateDeployment, Failure> {
    Ok(CreateDeployment {
        name: name(case.deployment)?,
        model: name(case.model)?,
        contract,
        // The one environment where `--dev` may release.
        environment: Environment::Development,
        owner: None,
        tier: None,
        mode: Some(case.mode),
        explain: Some(case.explain),
        explain_profile: profile,
        fallback: None,
        error_detail: None,
        deadline_ms: None,
        max_in_flight: None,
        retention_days: None,
        review: None,
        observe: false,
        signers: None,
    })
}

fn name(text: &str) -> Result<Name, Failure> {
    text.parse().map_err(|_| Failure::ours(format!("`{text}` is not a name")))
}
