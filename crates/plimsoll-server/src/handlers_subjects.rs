//! The routes of what people may ask for. A subject's name travels in bodies, never in a
//! path or a query: those end up in logs.

use crate::handlers::ok;
use crate::routes::{Route, control};
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_policy::Action::{EraseSubject, ExportSubject, HoldSubject, ReadSubject, RotateKeys};

/// Its routes.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        control("POST", "/api/v1/subjects/status", ReadSubject, |app, ctx, input| {
            ok(&app.control.subject_status(ctx, &input.json()?)?)
        })
        .named("subject_status", "Whether anything is held about a subject, its hold, its erasures")
        .reads(schema_of::<api::SubjectQuestion>)
        .gives(200, schema_of::<api::SubjectStatus>),
        control("POST", "/api/v1/subjects/export", ExportSubject, |app, ctx, input| {
            ok(&app.control.export_subject(ctx, &input.json()?)?)
        })
        .named("export_subject", "Everything held about a subject, in parts")
        .reads(schema_of::<api::ExportSubject>)
        .gives(200, schema_of::<api::SubjectExport>),
        control("POST", "/api/v1/subjects/erase", EraseSubject, |app, ctx, input| {
            let erasure = app.control.erase_subject(ctx, &input.json()?)?;
            // What cannot be done now is done by the next step beside requests: the keys are
            // gone, and what is personal in the tables with them.
            if let Err(error) = app.lake.erase() {
                tracing::error!(%error, "the decision tables could not be erased from yet");
            }
            ok(&erasure)
        })
        .named(
            "erase_subject",
            "Destroy a subject's key; what was recorded stays provable and opens no more",
        )
        .reads(schema_of::<api::EraseSubject>)
        .gives(200, schema_of::<api::Erasure>),
        control("POST", "/api/v1/subjects/hold", HoldSubject, |app, ctx, input| {
            ok(&app.control.hold_subject(ctx, &input.json()?)?)
        })
        .named("hold_subject", "Place a legal hold on a subject: it is not erased")
        .reads(schema_of::<api::HoldSubject>)
        .gives(200, schema_of::<api::Hold>),
        control("POST", "/api/v1/subjects/release", HoldSubject, |app, ctx, input| {
            ok(&app.control.release_subject(ctx, &input.json()?)?)
        })
        .named("release_subject", "Release the hold on a subject")
        .reads(schema_of::<api::SubjectQuestion>)
        .gives(200, schema_of::<api::Hold>),
        control("POST", "/api/v1/holds/deployment", HoldSubject, |app, ctx, input| {
            ok(&app.control.hold_deployment(ctx, &input.json()?)?)
        })
        .named(
            "hold_deployment",
            "Place a legal hold on a deployment: its records outlive their retention",
        )
        .reads(schema_of::<api::HoldDeployment>)
        .gives(200, schema_of::<api::Hold>),
        control("POST", "/api/v1/holds/deployment/release", HoldSubject, |app, ctx, input| {
            ok(&app.control.release_deployment(ctx, &input.json()?)?)
        })
        .named("release_deployment", "Release the hold on a deployment")
        .reads(schema_of::<api::DeploymentQuestion>)
        .gives(200, schema_of::<api::Hold>),
        control("GET", "/api/v1/erasures", ReadSubject, |app, ctx, input| {
            ok(&app.control.list_erasures(ctx, &input.query()?)?)
        })
        .named("list_erasures", "Erasures, oldest first, without whom they were about")
        .asks(schema_of::<api::PageQuery>)
        .gives(200, schema_of::<api::Page<api::Erasure>>),
        control("POST", "/api/v1/ledger/rotate-keys", RotateKeys, |app, ctx, _| {
            ok(&app.control.rotate_keys(ctx)?)
        })
        .named("rotate_keys", "Begin a new epoch of keys and destroy the one before")
        .gives(200, schema_of::<api::KeyRotation>),
    ]
}
