//! `plimsoll identity`: who a declaration believes, tried out before a server runs with it.

use super::Context;
use crate::failure::Failure;
use crate::printer::Facts;
use crate::settings;
use clap::Subcommand;
use plimsoll_identity::{Issuer, KeySet, KeySource, MAX_SET_BYTES, MAX_TOKEN_BYTES, Token};
use plimsoll_types::{Clock, TenantId};
use serde::Serialize;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Verbs of identities.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Check a declaration of issuers and certificates, and what it makes of a token
    ///
    /// Nothing is fetched: the key set to judge a token by comes from a file. Exit code 2 if the
    /// token is refused; the reason is told here and to no caller.
    #[command(after_help = "\
Examples:
  plimsoll identity check identity.toml
  plimsoll identity check identity.toml --token token.txt --jwks jwks.json")]
    Check {
        /// The declaration, as in the setting `identity.file`
        file: PathBuf,
        /// A file with a token to judge now
        #[arg(long, value_name = "FILE", requires = "jwks")]
        token: Option<PathBuf>,
        /// A file with the key set of its issuer
        #[arg(long, value_name = "FILE")]
        jwks: Option<PathBuf>,
    },
}

#[derive(Serialize)]
struct Declared {
    issuers: Vec<DeclaredIssuer>,
    certificates: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<Judged>,
}

#[derive(Serialize)]
struct DeclaredIssuer {
    name: String,
    url: String,
    keys: String,
    algorithms: Vec<&'static str>,
}

#[derive(Serialize)]
struct Judged {
    is_believed: bool,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    roles: Vec<&'static str>,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: &Verb) -> Result<(), Failure> {
    let Verb::Check { file, token, jwks } = verb;
    let document = settings::identity(file)?;
    let tenant = TenantId::from_bytes([0; 16]);
    let compiled = document.compile(tenant).map_err(|error| Failure::user(error.to_string()))?;
    let (issuers, certificates) = compiled;
    let judged = match (token, jwks) {
        (Some(token), Some(jwks)) => {
            let token = read(token, MAX_TOKEN_BYTES)?;
            let keys = read(jwks, MAX_SET_BYTES)?;
            Some(judge(context, &issuers, token.trim(), keys.as_bytes()))
        }
        _ => None,
    };
    let why = judged.as_ref().and_then(|judged| judged.reason);
    let declared = Declared {
        issuers: issuers.iter().map(declared).collect(),
        certificates: certificates.iter().map(|rule| rule.subject().to_owned()).collect(),
        token: judged,
    };
    context.printer.show(&declared, |declared| facts(declared).to_string())?;
    match why {
        None => Ok(()),
        Some(why) => Err(Failure::no(format!("the token is refused: {why}"))),
    }
}

fn judge(context: &Context, issuers: &[Issuer], token: &str, keys: &[u8]) -> Judged {
    let judged = Token::read(token).map_err(|error| error.code()).and_then(|token| {
        let from = issuers.iter().find(|issuer| Some(issuer.url.as_str()) == token.issuer());
        let issuer = from.ok_or(plimsoll_identity::TokenError::Issuer.code())?;
        let keys = KeySet::read(keys, &issuer.algorithms).map_err(|_| "key_set")?;
        issuer.verify(token, &keys, context.clock.now()).map_err(|error| error.code())
    });
    match judged {
        Err(reason) => Judged {
            is_believed: false,
            reason: Some(reason),
            principal: None,
            issuer: None,
            subject: None,
            roles: Vec::new(),
        },
        Ok(verified) => Judged {
            is_believed: true,
            reason: None,
            principal: Some(verified.identity.id.to_string()),
            issuer: Some(verified.identity.issuer.into()),
            subject: Some(verified.identity.subject.into()),
            roles: verified.principal.roles.iter().map(|role| role.as_str()).collect(),
        },
    }
}

fn declared(issuer: &Issuer) -> DeclaredIssuer {
    DeclaredIssuer {
        name: issuer.name.to_string(),
        url: issuer.url.clone(),
        keys: match &issuer.keys {
            KeySource::Discovery => "discovery".to_owned(),
            KeySource::Url(url) => url.clone(),
            KeySource::File(path) => path.clone(),
        },
        algorithms: issuer.algorithms.iter().map(|algorithm| algorithm.as_str()).collect(),
    }
}

fn facts(declared: &Declared) -> Facts {
    let mut facts = Facts::default();
    for issuer in &declared.issuers {
        let algorithms = issuer.algorithms.join(", ");
        let text = format!("{} ({}), keys: {}, {algorithms}", issuer.name, issuer.url, issuer.keys);
        facts = facts.add("issuer", text);
    }
    for subject in &declared.certificates {
        facts = facts.add("certificate", subject);
    }
    let Some(judged) = &declared.token else { return facts };
    let roles = if judged.roles.is_empty() { "none".to_owned() } else { judged.roles.join(", ") };
    facts
        .add("token", if judged.is_believed { "believed" } else { "refused" })
        .maybe("reason", judged.reason)
        .maybe("principal", judged.principal.as_ref())
        .maybe("of issuer", judged.issuer.as_ref())
        .maybe("subject", judged.subject.as_ref())
        .maybe("roles", judged.is_believed.then_some(roles))
}

fn read(path: &Path, most: usize) -> Result<String, Failure> {
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    let mut text = String::new();
    fs_err::File::open(path)?.take(most.saturating_add(2)).read_to_string(&mut text)?;
    Ok(text)
}
