//! The OpenAPI 3.1 document, generated from a list of routes and the wire types.

use crate::problem::{PROBLEM_MEDIA_TYPE, Problem};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// Makes a type's schema within the document.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// The schema of `T`, for a [`RouteDoc`].
pub fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// What the document says about one route.
#[derive(Clone, Copy, Debug)]
pub struct RouteDoc {
    /// The verb, in upper case.
    pub method: &'static str,
    /// The path, with `{parameters}`.
    pub path: &'static str,
    /// A unique name for the operation, in `snake_case`.
    pub operation_id: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// The action that policy is asked about; `None` for a route that asks nothing.
    pub action: Option<&'static str>,
    /// The kind of resource it acts on.
    pub resource: Option<&'static str>,
    /// Whether it answers without a credential.
    pub is_open: bool,
    /// The query parameters, as a type whose members they are.
    pub query: Option<SchemaOf>,
    /// The JSON body it reads.
    pub request: Option<SchemaOf>,
    /// The media type of the body it reads; JSON if `None` and there is a `request`.
    pub request_media: Option<&'static str>,
    /// The status of success.
    pub status: u16,
    /// The JSON body it answers with.
    pub response: Option<SchemaOf>,
    /// The media type of the answer; JSON if `None` and there is a `response`.
    pub response_media: Option<&'static str>,
    /// Other statuses it answers with, all problem details.
    pub problems: &'static [u16],
}

/// The document for `routes`, in their order.
#[must_use]
pub fn openapi(routes: &[RouteDoc]) -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<Problem>();

    let mut paths = Map::new();
    for route in routes {
        let operation = operation(route, &mut generator, &problem);
        // A parameter for the rest of a path is a parameter like others here.
        let path = paths.entry(route.path.replace("{*", "{")).or_insert_with(|| json!({}));
        if let Value::Object(verbs) = path {
            verbs.insert(route.method.to_ascii_lowercase(), operation);
        }
    }
    let mut schemas = generator.take_definitions(true);
    schemas.sort_keys();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Plimsoll",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A model risk control plane: every decision validated, authorized and recorded.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
            },
            "schemas": schemas,
        },
    })
}

fn operation(route: &RouteDoc, generator: &mut SchemaGenerator, problem: &Schema) -> Value {
    let mut operation = Map::new();
    operation.insert("operationId".into(), route.operation_id.into());
    operation.insert("summary".into(), route.summary.into());
    if let Some(action) = route.action {
        operation.insert("x-plimsoll-action".into(), action.into());
    }
    if let Some(resource) = route.resource {
        operation.insert("x-plimsoll-resource".into(), resource.into());
    }
    if route.is_open {
        operation.insert("security".into(), json!([]));
    }
    let parameters = parameters(route, generator);
    if !parameters.is_empty() {
        operation.insert("parameters".into(), parameters.into());
    }
    if let Some(content) = content(route.request, route.request_media, generator) {
        operation.insert("requestBody".into(), json!({"required": true, "content": content}));
    }
    operation.insert("responses".into(), responses(route, generator, problem));
    operation.into()
}

fn parameters(route: &RouteDoc, generator: &mut SchemaGenerator) -> Vec<Value> {
    let in_path =
        route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> = in_path
        .map(|name| name.trim_start_matches('*'))
        .map(|name| {
            json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})
        })
        .collect();
    let Some(query) = route.query else { return parameters };
    // The query's own schema must not become a component: only its members matter.
    let schema = query(generator);
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.rsplit('/').next());
    let whole = match name {
        Some(name) => generator.definitions_mut().remove(name).unwrap_or_default(),
        None => schema.to_value(),
    };
    let required: Vec<&str> = whole
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    for (name, schema) in whole.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let is_required = required.contains(&name.as_str());
        parameters
            .push(json!({"name": name, "in": "query", "required": is_required, "schema": schema}));
    }
    parameters
}

fn responses(route: &RouteDoc, generator: &mut SchemaGenerator, problem: &Schema) -> Value {
    let mut success = json!({"description": "done"});
    if let Some(content) = content(route.response, route.response_media, generator) {
        success["content"] = content;
    }
    let mut responses = Map::new();
    responses.insert(route.status.to_string(), success);
    for status in route.problems {
        let title = Problem::new(*status, "", "").title;
        let content = json!({PROBLEM_MEDIA_TYPE: {"schema": problem}});
        responses.insert(status.to_string(), json!({"description": title, "content": content}));
    }
    responses.into()
}

fn content(
    schema: Option<SchemaOf>,
    media: Option<&'static str>,
    generator: &mut SchemaGenerator,
) -> Option<Value> {
    match (schema, media) {
        (None, None) => None,
        (None, Some(media)) => Some(json!({media: {}})),
        (Some(schema), media) => {
            let schema = schema(generator);
            Some(json!({media.unwrap_or("application/json"): {"schema": schema}}))
        }
    }
}
