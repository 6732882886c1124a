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
            |app, ctx, input| {
                let api::RollBack { reason } = input.json()?;
                let name = input.parsed("name")?;
                ok(&app.control.roll_back_because(ctx, &name, reason.as_deref())?)
            },
        )
        .named("roll_back", "Let the version answer again that was released before")
        .reads(schema_of::<api::RollBack>)
        .gives(200, schema_of::<api::Deployment>),
    ]
}
