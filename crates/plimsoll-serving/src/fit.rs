//! Whether a model can be fed from a contract, and how.

use plimsoll_contract::{BindError, Binding, Codes, CompiledContract};
use plimsoll_model::{Categories, Model, UnknownCategory};

/// Binds the inputs of a model to the fields of a contract: by name if the model names its
/// features, else in the contract's order. Texts become the model's own codes, so the contract may
/// list categories in another order than training, or fewer; one the model has no place for is
/// refused.
///
/// # Errors
/// [`BindError`] names the feature that does not fit.
pub fn fit(contract: &CompiledContract, model: &Model) -> Result<Binding, BindError> {
    let mut binding = match model.feature_names() {
        Some(names) => contract.bind(names)?,
        None => contract.bind_in_order(model.feature_count())?,
    };
    for feature in 0..model.feature_count() {
        // Files name an empty list for features that are not categories.
        let Some(trained) = model.categories(feature).filter(|trained| !trained.is_empty()) else {
            continue;
        };
        contract.encode(&mut binding, feature, codes(model, feature, trained))?;
    }
    contract.check_texts(&binding)?;
    Ok(binding)
}

fn codes(model: &Model, feature: usize, trained: &Categories) -> Codes {
    let places = (0_u32..).map(f64::from);
    let known = match trained {
        Categories::Texts(texts) => texts.iter().cloned().zip(places).collect(),
        Categories::Integers(integers) => {
            integers.iter().map(|integer| integer.to_string().into()).zip(places).collect()
        }
    };
    let unknown = match model.unknown_category(feature) {
        UnknownCategory::Refused => None,
        UnknownCategory::Missing => Some(f64::NAN),
        UnknownCategory::Coded => Some(Model::UNKNOWN_CODE),
    };
    Codes { known, unknown }
}
