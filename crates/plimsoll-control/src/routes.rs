//! Rules that send requests to a version by a header or a context attribute, as people write them:
//! `header:x-cohort=beta,staff -> canary`, `context:channel=branch -> 3`.

use crate::bootstrap::Control;
use crate::compile::settings_of;
use crate::context::RequestContext;
use crate::error::ControlError;
use plimsoll_contract::{CompiledContract, CompiledSource, Source};
use plimsoll_serving::{RouteTarget, ServedRoute, ServedVersion};
use plimsoll_store::DeploymentRow;
use std::sync::Arc;

/// The most rules of a deployment: each is looked at for every request.
const ROUTES_MAX: usize = 64;
/// The most values of a rule.
const VALUES_MAX: usize = 16;
/// The longest rule, in bytes: it is part of the records of what it sent.
const RULE_MAX: usize = 256;
/// Headers that say who somebody is are no cohorts, and their values no settings.
const SECRET: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "x-api-key"];

/// A rule, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    is_header: bool,
    name: String,
    values: Vec<String>,
    pub(crate) to: To,
}

/// Where a rule sends requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    Candidate,
    Incumbent,
    Version(u32),
}

/// Reads a rule.
pub(crate) fn route(text: &str) -> Result<Route, ControlError> {
    let wrong = |why: &str| ControlError::invalid("routes", why);
    if text.len() > RULE_MAX {
        return Err(wrong(&format!("a rule has at most {RULE_MAX} bytes")));
    }
    let shape = "a rule is `header:NAME=VALUE -> TARGET` or `context:NAME=VALUE -> TARGET`, with \
                 values separated by commas; TARGET is `canary`, `incumbent` or a version's number";
    let (when, to) = text.split_once("->").ok_or_else(|| wrong(shape))?;
    let (kind, asked) = when.trim().split_once(':').ok_or_else(|| wrong(shape))?;
    let (name, values) = asked.split_once('=').ok_or_else(|| wrong(shape))?;
    let is_header = match kind.trim() {
        "header" => true,
        "context" => false,
        _ => return Err(wrong(shape)),
    };
    let name = if is_header { name.trim().to_ascii_lowercase() } else { name.trim().to_owned() };
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || (is_header && !name.bytes().all(is_token)) {
        return Err(wrong(shape));
    }
    if is_header && SECRET.contains(&name.as_str()) {
        return Err(wrong("a header that says who somebody is cannot choose a version"));
    }
    let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
    if values.len() > VALUES_MAX || values.iter().any(String::is_empty) {
        return Err(wrong(&format!("a rule has 1 to {VALUES_MAX} values, none of them empty")));
    }
    let to = match to.trim() {
        "canary" => To::Candidate,
        "incumbent" => To::Incumbent,
        number => To::Version(number.parse().map_err(|_| wrong(shape))?),
    };
    Ok(Route { is_header, name, values, to })
}

/// The versions that rules name.
pub(crate) fn versions(routes: &[String]) -> Vec<u32> {
    let mut numbers: Vec<u32> = Vec::new();
    for read in routes.iter().filter_map(|text| route(text).ok()) {
        if let To::Version(number) = read.to
            && !numbers.contains(&number)
        {
            numbers.push(number);
        }
    }
    numbers
}

/// The settings of a deployment without the rules that name a version, as it is sent back.
pub(crate) fn settings_without(row: &DeploymentRow, number: u32) -> Result<String, ControlError> {
    let mut settings = settings_of(row)?;
    let kept = without(&settings.routes, number);
    if kept.len() == settings.routes.len() {
        return Ok(row.settings.clone());
    }
    settings.routes = kept;
    Ok(settings.json())
}

/// The rules without those that name a version.
pub(crate) fn without(routes: &[String], number: u32) -> Vec<String> {
    let is_other = |text: &&String| route(text).map_or(true, |read| read.to != To::Version(number));
    routes.iter().filter(is_other).cloned().collect()
}

/// Where a rule reads; `None` if the contract has no such context attribute.
fn source(route: &Route, contract: &CompiledContract) -> Option<CompiledSource> {
    let source = if route.is_header {
        Source::Header
    } else {
        let contract = contract.contract();
        let place = contract.context.iter().position(|field| *field.name == *route.name)?;
        Source::Field(contract.features.len() + place)
    };
    Some(CompiledSource { name: route.name.as_str().into(), source, required: false })
}

/// Rules as gateways follow them. One that cannot be followed is told of and left out: then the
/// incumbent answers.
pub(crate) fn served(
    routes: &[String],
    contract: &CompiledContract,
    mut version: impl FnMut(u32) -> Option<Arc<ServedVersion>>,
) -> Vec<ServedRoute> {
    let mut served = Vec::new();
    for text in routes {
        let followed = route(text).ok().and_then(|read| {
            let source = source(&read, contract)?;
            let target = match read.to {
                To::Candidate => RouteTarget::Candidate,
                To::Incumbent => RouteTarget::Incumbent,
                To::Version(number) => RouteTarget::Version(version(number)?),
            };
            let values = read.values.iter().map(|value| value.as_str().into()).collect();
            Some(ServedRoute { source, values, target, text: text.as_str().into() })
        });
        match followed {
            Some(route) => served.push(route),
            None => tracing::error!("a rule of a deployment cannot be followed; it is left out"),
        }
    }
    served
}

impl Control {
    /// Whether a deployment may have these rules: each can be read and followed, and each version
    /// that one names may be released there by who asks, gate and approvals included.
    pub(crate) fn check_routes(
        &self,
        ctx: &RequestContext,
        row: &DeploymentRow,
        routes: &[String],
    ) -> Result<(), ControlError> {
        if routes.len() > ROUTES_MAX {
            let detail = format!("a deployment has at most {ROUTES_MAX} rules");
            return Err(ControlError::invalid("routes", detail));
        }
        let contract = self.compiled(row.contract)?;
        for text in routes {
            if source(&route(text)?, &contract).is_none() {
                let detail = "`context:` names a context attribute of the contract";
                return Err(ControlError::invalid("routes", detail));
            }
        }
        let known = versions(&settings_of(row)?.routes);
        for number in versions(routes) {
            // What the rules name already was allowed when they were made.
            if !known.contains(&number) {
                self.release_allowed(ctx, row, number)?;
                self.check_usable(row, number)?;
            }
            self.check_fit(row, number)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rules_are_read_as_they_are_written() {
        let read = route("header:X-Cohort=beta, staff -> canary").expect("a rule");
        assert_eq!(
            (read.is_header, read.name.as_str(), read.to),
            (true, "x-cohort", To::Candidate)
        );
        assert_eq!(read.values, ["beta", "staff"]);
        let read = route("context:channel=branch->3").expect("a rule");
        assert_eq!((read.is_header, read.to), (false, To::Version(3)));
        assert_eq!(route("header:a=b -> incumbent").expect("a rule").to, To::Incumbent);
        for text in [
            "",
            "header:a=b",
            "header:a -> 1",
            "cookie:a=b -> 1",
            "header:=b -> 1",
            "header:a=b -> best",
            "header:a=,b -> 1",
            "header:Authorization=Bearer x -> 1",
            "header:a b=c -> 1",
            "context:channel=branch -> -1",
        ] {
            assert!(route(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rules_that_name_a_version_go_with_it() {
        let rules = ["header:a=b -> 3", "header:a=c -> canary", "context:x=y -> 4"];
        let rules: Vec<String> = rules.map(str::to_owned).to_vec();
        assert_eq!(versions(&rules), [3, 4]);
        assert_eq!(without(&rules, 3), rules[1..]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,300}") {
            drop(route(&text));
        }
    }
}
