//! The handlers of what governs releases: assessments, gates, approvals, exceptions.

use crate::handlers::{created, ok};
use crate::reply::Reply;
use crate::routes::{Route, control};
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_policy::Action;

pub(crate) fn routes() -> Vec<Route> {
    let mut routes = assessments();
    routes.extend(gates());
    routes.extend(approvals());
    routes.extend(exceptions());
    routes.extend(attestations());
    routes
}

fn attestations() -> Vec<Route> {
    use Action::{KeepApprovalKey, ReadDeployment};
    vec![
        control(
            "GET",
            "/api/v1/deployments/{name}/attestations",
            ReadDeployment,
            |app, ctx, input| ok(&app.control.list_attestations(ctx, &input.parsed("name")?)?),
        )
        .named("list_attestations", "What people stated of a deployment, and what they may state")
        .gives(200, schema_of::<api::Attestations>),
        control(
            "POST",
            "/api/v1/deployments/{name}/attestations",
            KeepApprovalKey,
            |app, ctx, input| {
                created(&app.control.attest(ctx, &input.parsed("name")?, &input.json()?)?)
            },
        )
        .named("attest", "State what only a person can know, signed")
        .reads(schema_of::<api::Attest>)
        .gives(201, schema_of::<api::Attestation>),
        control(
            "DELETE",
            "/api/v1/deployments/{name}/attestations/{id}",
            KeepApprovalKey,
            |app, ctx, input| {
                app.control.end_attestation(ctx, &input.parsed("name")?, input.parsed("id")?)?;
                Ok(Reply::empty(204))
            },
        )
        .named("end_attestation", "Take back what was stated")
        .gives_nothing(),
    ]
}

fn assessments() -> Vec<Route> {
    use Action::{AssessDeployment, ReadDeployment};
    vec![
        control(
            "PUT",
            "/api/v1/deployments/{name}/assessment",
            AssessDeployment,
            |app, ctx, input| {
                ok(&app.control.put_assessment(ctx, &input.parsed("name")?, &input.json()?)?)
            },
        )
        .named("put_assessment", "State the facts of a deployment's use, which give its tier")
        .reads(schema_of::<api::PutAssessment>)
        .gives(200, schema_of::<api::StoredAssessment>),
        control(
            "GET",
            "/api/v1/deployments/{name}/assessment",
            ReadDeployment,
            |app, ctx, input| ok(&app.control.read_assessment(ctx, &input.parsed("name")?)?),
        )
        .named("get_assessment", "What is owed for a deployment's use, as of now")
        .gives(200, schema_of::<api::StoredAssessment>),
        control(
            "POST",
            "/api/v1/deployments/{name}/interactions",
            AssessDeployment,
            |app, ctx, input| {
                ok(&app.control.post_interactions(ctx, &input.parsed("name")?, input.json()?)?)
            },
        )
        .named("post_interactions", "Say how many interactions with customers there were in all")
        .reads(schema_of::<api::PostInteractions>)
        .gives(200, schema_of::<api::MeasuredShare>),
        control(
            "PUT",
            "/api/v1/deployments/{name}/gate-plan",
            AssessDeployment,
            |app, ctx, input| {
                ok(&app.control.put_plan(ctx, &input.parsed("name")?, &input.json()?)?)
            },
        )
        .named("put_gate_plan", "Declare what a deployment's gate looks at, and its thresholds")
        .reads(schema_of::<api::GatePlan>)
        .gives(200, schema_of::<api::GatePlan>),
        control(
            "GET",
            "/api/v1/deployments/{name}/gate-plan",
            ReadDeployment,
            |app, ctx, input| ok(&app.control.read_plan(ctx, &input.parsed("name")?)?),
        )
        .named("get_gate_plan", "What a deployment's gate looks at")
        .gives(200, schema_of::<api::GatePlan>),
        control(
            "PUT",
            "/api/v1/deployments/{name}/evaluation",
            AssessDeployment,
            |app, ctx, input| {
                ok(&app.control.put_evaluation(ctx, &input.parsed("name")?, &input.json()?)?)
            },
        )
        .named("put_evaluation", "Keep rows with their outcomes, sealed, for checks to run on")
        .reads(schema_of::<api::PutEvaluation>)
        .gives(200, schema_of::<api::StoredEvaluation>),
    ]
}

fn gates() -> Vec<Route> {
    use Action::{ReadDeployment, RunGate};
    vec![
        control("GET", "/api/v1/deployments/{name}/gates", ReadDeployment, |app, ctx, input| {
            ok(&app.control.list_gates(ctx, &input.parsed("name")?, &input.query()?)?)
        })
        .named("list_gates", "Gate results of a deployment, newest first")
        .asks(schema_of::<api::PageQuery>)
        .gives(200, schema_of::<api::Page<api::GateRun>>),
        control("POST", "/api/v1/deployments/{name}/gates", RunGate, |app, ctx, input| {
            created(&app.control.run_gate(ctx, &input.parsed("name")?, input.json()?)?)
        })
        .named("run_gate", "Run every check of the build on a version, and judge its gate")
        .reads(schema_of::<api::RunGate>)
        .gives(201, schema_of::<api::GateRun>),
        control(
            "GET",
            "/api/v1/deployments/{name}/standing/{version}",
            ReadDeployment,
            |app, ctx, input| {
                ok(&app.control.release_standing(
                    ctx,
                    &input.parsed("name")?,
                    input.parsed("version")?,
                    input.query()?,
                )?)
            },
        )
        .named("get_release_standing", "Whether a version may be released now, and why not")
        .asks(schema_of::<api::StandingQuery>)
        .gives(200, schema_of::<api::ReleaseStanding>),
        control("POST", "/api/v1/deployments/{name}/check-results", RunGate, |app, ctx, input| {
            app.control.post_check_result(ctx, &input.parsed("name")?, &input.json()?)?;
            Ok(Reply::empty(204))
        })
        .named("post_check_result", "Say what a check of the team's own found of a version")
        .reads(schema_of::<api::PostCheckResult>)
        .gives_nothing(),
    ]
}

fn approvals() -> Vec<Route> {
    use Action::{AllowException, ApproveRelease, BreakGlass, KeepApprovalKey, ReadDeployment};
    vec![
        control("GET", "/api/v1/approval-keys", KeepApprovalKey, |app, ctx, _| {
            ok(&app.control.list_approval_keys(ctx)?)
        })
        .named("list_approval_keys", "The caller's own keys that approvals are signed with")
        .gives(200, schema_of::<api::Page<api::ApprovalKey>>),
        control("POST", "/api/v1/approval-keys", KeepApprovalKey, |app, ctx, input| {
            created(&app.control.register_approval_key(ctx, &input.json()?)?)
        })
        .named("register_approval_key", "Register the caller's own public key")
        .reads(schema_of::<api::RegisterApprovalKey>)
        .gives(201, schema_of::<api::ApprovalKey>),
        control("DELETE", "/api/v1/approval-keys/{id}", KeepApprovalKey, |app, ctx, input| {
            app.control.end_approval_key(ctx, input.parsed("id")?)?;
            Ok(Reply::empty(204))
        })
        .named("end_approval_key", "End one of the caller's own keys")
        .gives_nothing(),
        control("POST", "/api/v1/approval-challenges", KeepApprovalKey, |app, ctx, _| {
            created(&app.control.approval_challenge(ctx)?)
        })
        .named("make_approval_challenge", "Something new to sign, to prove who one is now")
        .gives(201, schema_of::<api::ApprovalChallenge>),
        control(
            "POST",
            "/api/v1/deployments/{name}/approvals",
            ApproveRelease,
            |app, ctx, input| {
                created(&app.control.approve_release(
                    ctx,
                    &input.parsed("name")?,
                    &input.json()?,
                )?)
            },
        )
        .named("approve_release", "Consent to a version with its gate result, signed")
        .reads(schema_of::<api::ApproveRelease>)
        .gives(201, schema_of::<api::ReleaseStanding>),
        control(
            "GET",
            "/api/v1/deployments/{name}/break-glass",
            ReadDeployment,
            |app, ctx, input| ok(&app.control.list_glasses(ctx, &input.parsed("name")?)?),
        )
        .named("list_broken_glasses", "When the glass was broken, by whom and why")
        .gives(200, schema_of::<api::Page<api::BrokenGlass>>),
        control("POST", "/api/v1/deployments/{name}/break-glass", BreakGlass, |app, ctx, input| {
            created(&app.control.break_glass(ctx, &input.parsed("name")?, &input.json()?)?)
        })
        .named(
            "break_glass",
            "Let a version be released past its gate for a while, in an emergency",
        )
        .reads(schema_of::<api::BreakGlass>)
        .gives(201, schema_of::<api::BrokenGlass>),
        control(
            "POST",
            "/api/v1/deployments/{name}/break-glass/{id}/review",
            AllowException,
            |app, ctx, input| {
                app.control.review_glass(ctx, &input.parsed("name")?, input.parsed("id")?)?;
                Ok(Reply::empty(204))
            },
        )
        .named("review_broken_glass", "Say that what was done behind a broken glass was looked at")
        .gives_nothing(),
    ]
}

fn exceptions() -> Vec<Route> {
    use Action::{AllowException, AssessDeployment, ReadDeployment};
    vec![
        control(
            "GET",
            "/api/v1/deployments/{name}/exceptions",
            ReadDeployment,
            |app, ctx, input| ok(&app.control.list_exceptions(ctx, &input.parsed("name")?)?),
        )
        .named("list_exceptions", "Demands that are put off for a time")
        .gives(200, schema_of::<api::Page<api::GateException>>),
        control(
            "POST",
            "/api/v1/deployments/{name}/exceptions",
            AssessDeployment,
            |app, ctx, input| {
                created(&app.control.request_exception(
                    ctx,
                    &input.parsed("name")?,
                    &input.json()?,
                )?)
            },
        )
        .named("request_exception", "Ask that a demand is put off for a time")
        .reads(schema_of::<api::RequestException>)
        .gives(201, schema_of::<api::GateException>),
        control(
            "POST",
            "/api/v1/deployments/{name}/exceptions/{id}/allow",
            AllowException,
            |app, ctx, input| {
                ok(&app.control.allow_exception(
                    ctx,
                    &input.parsed("name")?,
                    input.parsed("id")?,
                )?)
            },
        )
        .named("allow_exception", "Allow an exception that somebody else asked for")
        .gives(200, schema_of::<api::GateException>),
        control(
            "DELETE",
            "/api/v1/deployments/{name}/exceptions/{id}",
            AllowException,
            |app, ctx, input| {
                app.control.end_exception(ctx, &input.parsed("name")?, input.parsed("id")?)?;
                Ok(Reply::empty(204))
            },
        )
        .named("end_exception", "End an exception before its time")
        .gives_nothing(),
    ]
}
