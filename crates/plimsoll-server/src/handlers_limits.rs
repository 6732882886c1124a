//! The handlers of limits.

use crate::handlers::ok;
use crate::reply::Reply;
use crate::routes::{Route, control};
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_policy::Action;

pub(crate) fn routes() -> Vec<Route> {
    use Action::{ReadLimits, SetLimit};
    vec![
        control("GET", "/api/v1/limits", ReadLimits, |app, ctx, input| {
            ok(&app.control.list_limits(ctx, &input.query()?)?)
        })
        .named("list_limits", "How much may be asked, and by whom")
        .asks(schema_of::<api::PageQuery>)
        .gives(200, schema_of::<api::Page<api::LimitSet>>),
        control("POST", "/api/v1/limits", SetLimit, |app, ctx, input| {
            ok(&app.control.set_limit(ctx, &input.json()?)?)
        })
        .named("set_limit", "Set a limit, in place of the one before")
        .reads(schema_of::<api::SetLimit>)
        .gives(200, schema_of::<api::LimitSet>),
        control("GET", "/api/v1/limits/{of}", ReadLimits, |app, ctx, input| {
            ok(&app.control.read_limit(ctx, input.param("of"))?)
        })
        .named("get_limit", "A limit")
        .gives(200, schema_of::<api::LimitSet>),
        control("DELETE", "/api/v1/limits/{of}", SetLimit, |app, ctx, input| {
            app.control.remove_limit(ctx, input.param("of"))?;
            Ok(Reply::empty(204))
        })
        .named("remove_limit", "Take a limit away")
        .gives_nothing(),
    ]
}
