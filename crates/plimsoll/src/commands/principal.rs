//! `plimsoll principal`.

use super::Context;
use crate::cli::{Paged, Principal};
use crate::failure::Failure;
use crate::printer::Facts;
use plimsoll_api::{CreatePrincipal, Role};

const PATH: &str = "/api/v1/principals";

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Principal) -> Result<(), Failure> {
    match verb {
        Principal::Create { name, kind, roles } => {
            let body = CreatePrincipal { name, kind, roles };
            let made: plimsoll_api::Principal = context.client()?.post(PATH, &body)?;
            context.printer.show(&made, |made| facts(made).to_string())?;
            context.printer.hint(&format!(
                "give it a key with `plimsoll key create NAME --principal {}`",
                made.name
            ));
            Ok(())
        }
        Principal::List(paged) => list(context, &paged),
    }
}

fn list(context: &Context, paged: &Paged) -> Result<(), Failure> {
    let page = context.client()?.list::<plimsoll_api::Principal>(PATH, &(), paged.limit)?;
    let heads = ["name", "kind", "roles", "created", "elsewhere"];
    context.show_page(&page, &heads, |table, one| {
        table.row([
            one.name.to_string(),
            one.kind.to_string(),
            words(&one.roles),
            context.time(one.created_at),
            elsewhere(one).unwrap_or_else(|| "-".to_owned()),
        ]);
    })
}

fn facts(one: &plimsoll_api::Principal) -> Facts {
    Facts::default()
        .add("principal", &one.name)
        .add("id", one.id)
        .add("kind", one.kind)
        .add("roles", words(&one.roles))
        .maybe("elsewhere", elsewhere(one))
}

/// Who it is at its issuer.
fn elsewhere(one: &plimsoll_api::Principal) -> Option<String> {
    let identity = one.identity.as_ref()?;
    Some(format!("{} of {}", identity.subject, identity.issuer))
}

fn words(roles: &[Role]) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")
}
