//! The handlers of lineage, of what is said about model versions, and of scans.

use crate::app::App;
use crate::handlers::{created, ok};
use crate::reply::Reply;
use crate::routes::{Fail, Input, Route, control};
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_control::RequestContext;
use plimsoll_policy::Action;

pub(crate) fn routes() -> Vec<Route> {
    use Action::{OverrideScan, ReadLineage, ReadScans, WriteLineage};
    let mut routes = versions();
    routes.extend([
        control("GET", "/api/v1/lineage/{kind}/{*id}", ReadLineage, lineage)
            .named("get_lineage", "What a thing came from, and what came of it")
            .asks(schema_of::<api::LineageQuery>)
            .gives(200, schema_of::<api::Graph>)
            .refuses(&[400, 401, 403, 404, 422, 503]),
        control("POST", "/api/v1/lineage", WriteLineage, |app, ctx, input| {
            app.control.accept_lineage(ctx, &input.body)?;
            Ok(Reply::empty(201))
        })
        .named("tell_lineage", "Take in an event of OpenLineage's: a RunEvent of spec 2-0-2")
        .reads_media("application/json")
        .refuses(&[401, 403, 409, 413, 422, 503]),
        control("GET", "/api/v1/scans/blocks", ReadScans, |app, ctx, _| {
            ok(&app.control.list_blocks(ctx)?)
        })
        .named("list_scan_blocks", "Files that scans blocked, and what was let pass")
        .gives(200, schema_of::<api::ScanBlocks>),
        control("POST", "/api/v1/scans/overrides", OverrideScan, |app, ctx, input| {
            created(&app.control.create_override(ctx, &input.json()?)?)
        })
        .named("override_scan", "Let a file pass that a scan blocked, for a time")
        .reads(schema_of::<api::CreateOverride>)
        .gives(201, schema_of::<api::ScanOverride>),
    ]);
    routes
}

fn versions() -> Vec<Route> {
    use Action::{AdoptCatalogued, ArchiveVersion, DescribeVersion, ReadVersion};
    const CARD: &str = "/api/v1/models/{model}/versions/{number}/card";
    vec![
        control("GET", CARD, ReadVersion, |app, ctx, input| {
            ok(&app.control.read_card(ctx, &input.parsed("model")?, input.parsed("number")?)?)
        })
        .named("get_card", "What is said about a model version")
        .gives(200, schema_of::<api::CardOfVersion>),
        control("PATCH", CARD, DescribeVersion, |app, ctx, input| {
            let (model, number) = (input.parsed("model")?, input.parsed("number")?);
            ok(&app.control.set_card(ctx, &model, number, &input.json()?)?)
        })
        .named("set_card", "Say something about a model version")
        .reads(schema_of::<api::VersionCard>)
        .gives(200, schema_of::<api::CardOfVersion>),
        control(
            "POST",
            "/api/v1/models/{model}/versions/{number}/archive",
            ArchiveVersion,
            |app, ctx, input| {
                let (model, number) = (input.parsed("model")?, input.parsed("number")?);
                ok(&app.control.archive_version(ctx, &model, number, &input.json()?)?)
            },
        )
        .named("archive_version", "Archive a model version: no deployment gets it any more")
        .reads(schema_of::<api::ArchiveVersion>)
        .gives(200, schema_of::<api::CardOfVersion>),
        control(
            "POST",
            "/api/v1/models/{model}/versions/{number}/adopt",
            AdoptCatalogued,
            |app, ctx, input| {
                let (model, number) = (input.parsed("model")?, input.parsed("number")?);
                created(&app.control.adopt_version(ctx, &model, number, &input.json()?)?)
            },
        )
        .named("adopt_version", "Make a version of the catalogue one that deployments may use")
        .reads(schema_of::<api::AdoptVersion>)
        .gives(201, schema_of::<api::ModelVersion>),
        control(
            "GET",
            "/api/v1/models/{model}/versions/{number}/contract-draft",
            ReadVersion,
            |app, ctx, input| {
                let number = input.parsed("number")?;
                ok(&app.control.contract_draft(ctx, input.param("model"), number)?)
            },
        )
        .named(
            "get_contract_draft",
            "A first contract of the signature that MLflow stored with a model version",
        )
        .gives(200, schema_of::<api::ContractDraft>),
        control(
            "GET",
            "/api/v1/models/{model}/versions/{number}/provenance",
            ReadVersion,
            |app, ctx, input| {
                let (model, number) = (input.parsed("model")?, input.parsed("number")?);
                ok(&app.control.version_provenance(ctx, &model, number)?)
            },
        )
        .named("get_provenance", "How a model version was made: SLSA's provenance, not signed"),
    ]
}

fn lineage(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let malformed = |error: api::NodeIdError| Fail::bad("malformed_path", error.to_string());
    let kind = input.param("kind").parse().map_err(malformed)?;
    let id = api::NodeId::new(kind, input.param("id")).map_err(malformed)?;
    ok(&app.control.lineage(ctx, &id, &input.query()?)?)
}
