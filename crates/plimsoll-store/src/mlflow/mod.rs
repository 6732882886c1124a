//! What MLflow clients write and read. Ids and names are text, times are milliseconds since
//! 1970: they are the client's own.

mod catalogue;
mod experiment;
mod logged;
mod metric;
mod pair;
mod run;
mod search;
mod webhook;

pub use catalogue::{CatalogueRow, CatalogueVersion};
pub use experiment::ExperimentRow;
pub use logged::LoggedRow;
pub use pair::PairKind;
pub use run::{RunDatasetRow, RunRow};
pub use search::{Audience, Search};
pub use webhook::{DeliveryRow, WebhookRow};

type Result<T> = std::result::Result<T, crate::error::StoreError>;

#[cfg(test)]
mod tests;
