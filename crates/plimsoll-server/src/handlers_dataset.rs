//! The handlers of datasets.

use crate::app::App;
use crate::handlers::{created, ok};
use crate::handlers_artifact::stream;
use crate::reply::Reply;
use crate::routes::{Fail, Input, Route, control};
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_artifact::FilePath;
use plimsoll_control::RequestContext;
use plimsoll_policy::Action;

pub(crate) fn routes() -> Vec<Route> {
    use Action::{CreateDataset, DescribeDataset, GrantDataset, ListDatasets, ReadDataset};
    vec![
        control("GET", "/api/v1/datasets", ListDatasets, |app, ctx, input| {
            ok(&app.control.list_datasets(ctx, &input.query()?)?)
        })
        .named("list_datasets", "Datasets")
        .asks(schema_of::<api::PageQuery>)
        .gives(200, schema_of::<api::Page<api::Dataset>>),
        control("GET", "/api/v1/datasets/{name}", DescribeDataset, |app, ctx, input| {
            ok(&app.control.read_dataset(ctx, &input.parsed("name")?)?)
        })
        .named("get_dataset", "A dataset, and who may use it for what")
        .gives(200, schema_of::<api::Dataset>),
        control("POST", "/api/v1/datasets/{name}/versions", CreateDataset, |app, ctx, input| {
            created(&app.control.create_dataset(ctx, &input.parsed("name")?, &input.json()?)?)
        })
        .named("create_dataset", "Register a dataset, or another version of it")
        .reads(schema_of::<api::CreateDataset>)
        .gives(201, schema_of::<api::DatasetVersion>),
        control(
            "GET",
            "/api/v1/datasets/{name}/versions/{number}",
            DescribeDataset,
            |app, ctx, input| {
                let (name, number) = (input.parsed("name")?, input.parsed("number")?);
                ok(&app.control.read_dataset_version(ctx, &name, number)?)
            },
        )
        .named("get_dataset_version", "A version of a dataset: its manifest")
        .gives(200, schema_of::<api::DatasetVersion>),
        control("POST", "/api/v1/datasets/{name}/grants", GrantDataset, |app, ctx, input| {
            ok(&app.control.grant_dataset(ctx, &input.parsed("name")?, &input.json()?)?)
        })
        .named("grant_dataset", "Let somebody use a dataset for a purpose")
        .reads(schema_of::<api::GrantDataset>)
        .gives(200, schema_of::<api::Dataset>),
        control("POST", "/api/v1/datasets/{name}/revocations", GrantDataset, |app, ctx, input| {
            ok(&app.control.revoke_dataset(ctx, &input.parsed("name")?, &input.json()?)?)
        })
        .named("revoke_dataset", "Take such leave back")
        .reads(schema_of::<api::GrantDataset>)
        .gives(200, schema_of::<api::Dataset>),
        // The door is `ReadDataset`; the use that the query states is what policy is asked.
        control(
            "GET",
            "/api/v1/datasets/{name}/versions/{number}/files/{*path}",
            ReadDataset,
            fetch,
        )
        .named("fetch_dataset", "A file of a dataset, for a stated use and purpose; recorded")
        .asks(schema_of::<api::DatasetQuery>)
        .gives_media("application/octet-stream"),
    ]
}

fn fetch(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let (name, number) = (input.parsed("name")?, input.parsed("number")?);
    let path: FilePath = input.parsed("path")?;
    let reader = app.control.fetch_dataset(ctx, &name, number, &path, &input.query()?)?;
    stream(reader, &input.range)
}
