//! Who may do what: the Cedar schema and policies for access, and their evaluation.
//!
//! [`PolicySet::authorize`] is a pure function from (principal, action, resource) to a
//! [`Verdict`]. Nothing is allowed unless a `permit` says so, a `forbid` outranks every
//! `permit`, and any error while evaluating is a denial. The rules themselves are text:
//! `schema.cedarschema` and `policies/*.cedar` in this crate's folder.
//!
//! **Architecture invariant:** this crate fetches no facts. Who the principal is and what
//! the resource looks like come in as typed values; it knows no store, no HTTP, no clock.

mod action;
mod entity;
mod principal;
mod report;
mod resource;
mod set;
mod shape;

pub use action::{Action, UnknownAction};
pub use principal::{Environment, Principal, PrincipalKind, Role, RoleSet, UnknownWord};
pub use report::{Explanation, Mark, Matrix, Row};
pub use resource::{Deployment, Resource, ResourceKind, Standing};
pub use set::{
    Effect, MAX_FILE_BYTES, MAX_POLICIES, MAX_SCOPES, MAX_SOURCE_BYTES, PolicyError, PolicyInfo,
    PolicySet, Verdict, builtin_schema, builtin_sources,
};
pub use shape::{MAX_NESTING, MAX_OPERATORS};

#[cfg(test)]
mod tests;
