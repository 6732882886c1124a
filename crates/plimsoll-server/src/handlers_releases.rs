//! The handlers of what undoes a release.

use crate::handlers::ok;
use crate::routes::{Route, control};
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_policy::Action;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        control(
            "POST",
            "/api/v1/deployments/{name}/rollback",
            Action::RollBack,
            |app, ctx, input| ok(&app.control.roll_back(ctx, &input.parsed("name")?)?),
        )
        .named("roll_back", "Let the version answer again that was released before")
        .gives(200, schema_of::<api::Deployment>),
    ]
}
