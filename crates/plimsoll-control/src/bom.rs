//! The bill of materials of a model version, as CycloneDX 1.7 (ECMA-424): what it is made of, for
//! whoever must list what they run. The same version gives the same bytes.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use plimsoll_api as api;
use plimsoll_types::Name;
use serde_json::{Value, json};

impl Control {
    /// The bill of materials of a model version.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn version_bom(
        &self,
        ctx: &RequestContext,
        model: &Name,
        number: u32,
    ) -> Result<Value, ControlError> {
        let version = self.read_version(ctx, model, number)?;
        let row = self.store.read(|r| r.model_named(model.as_str()))?;
        let row = row.ok_or_else(|| ControlError::not_found("registered model", model))?;
        Ok(bom(&version, &row.owner, row.description.as_deref()))
    }
}

/// CycloneDX of a version, its owner and what the model is for.
fn bom(version: &api::ModelVersion, owner: &str, description: Option<&str>) -> Value {
    let reference = format!("{}/{}", version.model, version.number);
    let files = version.files.iter().map(|file| file_component(&reference, file));
    let files: Vec<Value> = files.collect();
    let parts: Vec<&Value> = files.iter().filter_map(|file| file.get("bom-ref")).collect();
    let mut model = json!({
        "type": "machine-learning-model",
        "bom-ref": reference,
        "name": version.model,
        "version": version.number.to_string(),
        "authors": [{"name": version.author_name}],
        "supplier": {"name": owner},
        "hashes": [{"alg": "SHA-256", "content": version.digest}],
        "modelCard": {"modelParameters": {
            "task": version.facts.objective,
            "modelArchitecture": version.facts.format,
        }},
        "properties": [
            {"name": "plimsoll:hashed", "value": "the manifest of its files"},
            {"name": "plimsoll:features", "value": version.facts.features.to_string()},
            {"name": "plimsoll:outputs", "value": version.facts.outputs.to_string()},
            {"name": "plimsoll:trees", "value": version.facts.trees.to_string()},
        ],
    });
    if let Some(description) = description {
        model["description"] = description.into();
    }
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": serial(version),
        "version": 1,
        "metadata": {
            "timestamp": version.created_at,
            "tools": {"components": [{
                "type": "application", "name": "plimsoll", "version": env!("CARGO_PKG_VERSION"),
            }]},
            "component": model,
        },
        "components": files,
        "dependencies": [{"ref": reference, "dependsOn": parts}],
    })
}

/// Background rows are data; everything else is a file.
fn file_component(version: &str, file: &api::ManifestFile) -> Value {
    let is_data = file.role == api::FileRole::Background;
    json!({
        "type": if is_data { "data" } else { "file" },
        "bom-ref": format!("{version}#{}", file.path),
        "name": file.path,
        "hashes": [{"alg": "SHA-256", "content": file.digest}],
        "properties": [
            {"name": "plimsoll:role", "value": file.role},
            {"name": "plimsoll:bytes", "value": file.size.to_string()},
        ],
    })
}

/// A UUID of version 8 (RFC 9562 §5.8) made of the manifest's digest and the version's number: the
/// same files may be versions of two models.
fn serial(version: &api::ModelVersion) -> String {
    let text = format!("{}/{}/{}", version.model, version.number, version.digest);
    let digest = crate::artifact::sha256(text.as_bytes()).to_string();
    let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
    format!(
        "urn:uuid:{}-{}-8{}-a{}-{}",
        part(0, 8),
        part(8, 12),
        part(13, 16),
        part(17, 20),
        part(20, 32)
    )
}
