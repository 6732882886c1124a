//! Wire types as clients see them: their JSON, and the document that describes them.

use super::*;
use plimsoll_types::Time;
use serde_json::{Value, json};

#[test]
fn timestamps_round_trip_with_microseconds() {
    let time = Timestamp(Time::from_micros(1_782_894_600_000_001));
    assert_eq!(time.to_string(), "2026-07-01T08:30:00.000001Z");
    assert_eq!("2026-07-01T10:30:00.000001+02:00".parse(), Ok(time));
    assert_eq!(Timestamp(Time::EPOCH).to_string(), "1970-01-01T00:00:00.000000Z");
    assert_eq!(Timestamp(Time::from_micros(u64::MAX)).to_string().len(), 27);
    for bad in ["", "2026-07-01", "1969-12-31T23:59:59Z", "10:30", "2026-07-01T08:30:00"] {
        assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
    }
}

#[test]
fn requests_refuse_unknown_members() {
    let refused = |error: serde_json::Error| assert!(error.to_string().contains("unknown field"));
    refused(
        serde_json::from_value::<CreateModel>(json!({"name": "a", "colour": 1})).expect_err("x"),
    );
    refused(serde_json::from_value::<RotateKey>(json!({"overlap": 1})).expect_err("x"));
    refused(serde_json::from_value::<DecisionFilter>(json!({"limits": 1})).expect_err("x"));
    refused(serde_json::from_value::<UpdateDeployment>(json!({"tier": "low"})).expect_err("x"));
}

#[test]
fn an_update_tells_null_from_absent() {
    let update = |v: Value| serde_json::from_value::<UpdateDeployment>(v).expect("an update");
    assert_eq!(update(json!({})).fallback, None);
    assert_eq!(update(json!({"fallback": null})).fallback, Some(None));
    let fallback = Fallback { outputs: vec![0.5], ..Fallback::default() };
    let told = update(json!({"fallback": {"outputs": [0.5]}}));
    assert_eq!(told.fallback, Some(Some(fallback)));
    assert_eq!(serde_json::to_value(&told).expect("json"), json!({"fallback": {"outputs": [0.5]}}));
}

#[test]
fn a_secret_is_not_in_debug_output() {
    let key = ApiKey {
        id: plimsoll_types::ApiKeyId::from_bytes([1; 16]),
        name: "k".parse().expect("name"),
        prefix: "plim_any_abc".into(),
        principal: plimsoll_types::PrincipalId::from_bytes([2; 16]),
        principal_name: "p".parse().expect("name"),
        environment: None,
        scopes: None,
        created_at: Timestamp(Time::EPOCH),
        expires_at: None,
        revoked_at: None,
        replaced_by: None,
    };
    let secret = KeySecret { secret: "plim_any_abc_hidden".into(), key };
    assert!(!format!("{secret:?}").contains("hidden"));
}

const ROUTE: RouteDoc = RouteDoc {
    method: "GET",
    path: "/api/v1/status",
    operation_id: "read_status",
    summary: "How the running server stands",
    action: Some("ReadStatus"),
    resource: Some("Server"),
    is_open: false,
    query: None,
    request: None,
    request_media: None,
    status: 200,
    response: Some(schema_of::<Status>),
    response_media: None,
    problems: &[401, 403],
};

const ROUTES: &[RouteDoc] = &[
    ROUTE,
    RouteDoc {
        method: "POST",
        path: "/api/v1/deployments",
        operation_id: "create_deployment",
        action: Some("CreateDeployment"),
        resource: Some("Deployment"),
        request: Some(schema_of::<CreateDeployment>),
        status: 201,
        response: Some(schema_of::<Deployment>),
        problems: &[400, 409],
        ..ROUTE
    },
    RouteDoc {
        path: "/api/v1/deployments",
        operation_id: "list_deployments",
        query: Some(schema_of::<PageQuery>),
        response: Some(schema_of::<Page<Deployment>>),
        ..ROUTE
    },
    RouteDoc {
        path: "/api/v1/access/why",
        operation_id: "why",
        query: Some(schema_of::<AccessQuestion>),
        response: Some(schema_of::<AccessVerdict>),
        ..ROUTE
    },
    RouteDoc {
        path: "/api/v1/decisions/{id}",
        operation_id: "read_decision",
        response: Some(schema_of::<Decision>),
        ..ROUTE
    },
    RouteDoc {
        method: "POST",
        path: "/api/v1/artifacts",
        operation_id: "upload_artifact",
        request_media: Some("application/octet-stream"),
        status: 201,
        response: Some(schema_of::<Artifact>),
        ..ROUTE
    },
    RouteDoc {
        path: "/health/live",
        operation_id: "live",
        action: None,
        resource: None,
        is_open: true,
        response: None,
        response_media: Some("text/plain"),
        problems: &[],
        ..ROUTE
    },
];

#[test]
fn golden_openapi() {
    insta::assert_json_snapshot!(openapi(ROUTES));
}

/// Every `$ref` of the document leads somewhere.
#[test]
fn openapi_has_no_dangling_reference() {
    let document = openapi(ROUTES);
    let mut seen = 0;
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(to)) = members.get("$ref") {
                    let pointer = to.strip_prefix('#').expect("local");
                    assert!(document.pointer(pointer).is_some(), "{to}");
                    seen += 1;
                }
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    assert!(seen > 10);
}
