//! The policy set: parsed and strictly validated once, sliced per action, then asked.
//!
//! Cedar evaluates every policy of the set it is given, so each action gets a set of its
//! own with only the policies whose scope can match it. Cedar also *skips* a policy that
//! fails to evaluate, so that a failing `forbid` does not forbid; here any error denies.

use crate::action::Action;
use crate::entity::Vocabulary;
use crate::principal::{Principal, PrincipalKind};
use crate::resource::Resource;
use crate::shape::{MAX_NESTING, MAX_OPERATORS, is_bounded};
use cedar_policy::ffi::DetailedError;
use cedar_policy::{
    ActionConstraint, Authorizer, Context, Decision, Entities, EntityUid, Policy, PolicyId,
    Request, Schema, ValidationMode, Validator,
};
use plimsoll_types::Name;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::str::FromStr;

/// The most policies a set may hold. The shipped set has about 30. Cedar takes about a
/// microsecond for each policy of a slice, so 256 that all match one action stay under a
/// millisecond.
pub const MAX_POLICIES: usize = 256;
/// The longest a policy file may be, in bytes. A file is a page to read, not a program.
pub const MAX_FILE_BYTES: usize = 16 * 1024;
/// The most text a set may hold, in bytes, comments included: 16 of the longest files.
pub const MAX_SOURCE_BYTES: usize = 16 * MAX_FILE_BYTES;
/// The most deployments a key may be limited to. Each is one string per evaluation.
pub const MAX_SCOPES: usize = 256;
/// The longest excerpt of one of Cedar's own messages that an error carries, in characters.
const MAX_DETAIL: usize = 300;
/// The longest `@why`, in bytes: one sentence, printed on one line.
const MAX_WHY_BYTES: usize = 200;

const SCHEMA: &str = include_str!("../schema.cedarschema");

macro_rules! shipped {
    ($($file:literal),+ $(,)?) => {
        &[$(($file, include_str!(concat!("../policies/", $file)))),+]
    };
}

const BUILTIN: &[(&str, &str)] = shipped![
    "admin.cedar",
    "approver.cedar",
    "auditor.cedar",
    "caller.cedar",
    "data-scientist.cedar",
    "dpo.cedar",
    "everyone.cedar",
    "labeler.cedar",
    "limits.cedar",
    "ml-engineer.cedar",
    "reviewer.cedar",
    "risk.cedar",
];

/// The shipped policy files, as `(file name, text)`, sorted by name.
#[must_use]
pub fn builtin_sources() -> &'static [(&'static str, &'static str)] {
    BUILTIN
}

/// The shipped schema.
#[must_use]
pub fn builtin_schema() -> &'static str {
    SCHEMA
}

/// Why a policy set cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A file is over [`MAX_FILE_BYTES`].
    #[error("policy file `{file}` is longer than {MAX_FILE_BYTES} bytes; split it")]
    FileTooLong {
        /// The file.
        file: Box<str>,
    },
    /// The files together are over [`MAX_SOURCE_BYTES`].
    #[error("the policy files are longer than {MAX_SOURCE_BYTES} bytes together; shorten them")]
    SourceTooLong,
    /// Two files have the same name.
    #[error("two policy files are called `{file}`; rename one")]
    DuplicateFile {
        /// The name.
        file: Box<str>,
    },
    /// More than [`MAX_POLICIES`] policies.
    #[error(
        "more than {MAX_POLICIES} policies; write policies about attributes, not one each per user or model"
    )]
    TooMany,
    /// Brackets nest deeper than [`MAX_NESTING`], or a policy is over [`MAX_OPERATORS`].
    #[error(
        "policy file `{file}` nests brackets deeper than {MAX_NESTING} or has a policy with more \
         than {MAX_OPERATORS} operators and brackets; write several policies"
    )]
    TooComplex {
        /// The file.
        file: Box<str>,
    },
    /// The text is not Cedar.
    #[error("policy file `{file}`, line {line}: {detail}")]
    Syntax {
        /// The file.
        file: Box<str>,
        /// The line, counted from 1.
        line: usize,
        /// What Cedar says.
        detail: Box<str>,
    },
    /// The file has a template, which nothing would ever link.
    #[error("policy file `{file}` has a template (`?principal` or `?resource`); write a policy")]
    Template {
        /// The file.
        file: Box<str>,
    },
    /// A policy lacks `@id` or `@why`, has another annotation, or one that is too long.
    #[error("policy file `{file}`, policy {number}: {rule}")]
    Annotation {
        /// The file.
        file: Box<str>,
        /// The place of the policy in the file, counted from 1.
        number: usize,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// Two policies have the same `@id`.
    #[error("two policies have the id `{id}`; rename one")]
    DuplicateId {
        /// The id.
        id: Box<str>,
    },
    /// A policy does not fit the schema, or can never apply.
    #[error("policy `{id}` does not fit the schema: {detail}")]
    Invalid {
        /// The id of the policy.
        id: Box<str>,
        /// What Cedar says.
        detail: Box<str>,
    },
    /// The shipped schema is broken: a fault of this build.
    #[error("the shipped schema is broken: {detail}")]
    Schema {
        /// What Cedar says.
        detail: Box<str>,
    },
}

/// What a policy does when it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Allows, unless something forbids.
    Permit,
    /// Denies, whatever permits.
    Forbid,
}

/// The answer to one question, and what decided it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Verdict {
    /// Whether the principal may.
    pub allowed: bool,
    /// The `@id`s of the policies that decided, sorted. Empty: nothing permits, the default.
    pub policies: Vec<Box<str>>,
    /// What went wrong while evaluating. Any error makes the verdict a denial.
    pub errors: Vec<Box<str>>,
}

impl Verdict {
    fn default_deny() -> Self {
        Self { allowed: false, policies: Vec::new(), errors: Vec::new() }
    }
    fn error(text: impl Into<Box<str>>) -> Self {
        Self { allowed: false, policies: Vec::new(), errors: vec![text.into()] }
    }
}

/// A policy of the set, in words.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PolicyInfo {
    /// Its `@id`.
    pub id: Box<str>,
    /// Whether it permits or forbids.
    pub effect: Effect,
    /// Its `@why`.
    pub why: Box<str>,
    /// The file it stands in.
    pub file: Box<str>,
}

/// A validated set of policies.
pub struct PolicySet {
    schema: Schema,
    vocabulary: Vocabulary,
    authorizer: Authorizer,
    /// One per action, in the order of [`Action::ALL`].
    slices: Vec<Slice>,
    policies: BTreeMap<Box<str>, PolicyInfo>,
    /// Sorted by file name.
    sources: BTreeMap<Box<str>, Box<str>>,
}

/// What is evaluated when one action is asked for.
struct Slice {
    action: EntityUid,
    policies: cedar_policy::PolicySet,
    /// The action with its groups, which `action in …` looks at.
    entities: Entities,
}

impl fmt::Debug for PolicySet {
    /// The ids only: Cedar's own form of a set is hundreds of kilobytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PolicySet").field(&self.policies.keys()).finish()
    }
}

impl PolicySet {
    /// The policies shipped with Plimsoll.
    ///
    /// # Errors
    /// None in a build that passed its tests.
    pub fn builtin() -> Result<Self, PolicyError> {
        Self::parse(BUILTIN)
    }

    /// Parses `(file name, text)` pairs and validates them strictly against the schema.
    /// Nothing is added to them: a set without a `permit` allows nothing.
    ///
    /// # Errors
    /// [`PolicyError`] names the file or policy and the rule it breaks.
    pub fn parse(sources: &[(&str, &str)]) -> Result<Self, PolicyError> {
        let sources = bounded(sources)?;
        let broken = |detail: String| PolicyError::Schema { detail: excerpt(&detail) };
        let schema = Schema::from_str(SCHEMA).map_err(|error| broken(error.to_string()))?;
        let vocabulary = Vocabulary::new().map_err(broken)?;
        let (set, policies) = parsed(&sources)?;
        let validator = Validator::new(schema);
        validated(&validator, &set)?;
        let schema = validator.schema().clone();
        let slices = sliced(&schema, &vocabulary, &set).map_err(broken)?;
        Ok(Self { schema, vocabulary, authorizer: Authorizer::new(), slices, policies, sources })
    }

    /// Whether `principal` may do `action` to `resource`: a pure function. Takes about 10 µs for
    /// `Infer` and up to 35 µs for one who holds every role, so the gateway keeps verdicts per
    /// policy generation.
    ///
    /// A resource of the wrong kind for the action is an error, hence a denial. An action
    /// that the schema does not open to the anonymous principal is a plain denial.
    #[must_use]
    pub fn authorize(&self, principal: &Principal, action: Action, resource: &Resource) -> Verdict {
        if resource.kind() != action.resource_kind() {
            let (is, wants) = (resource.kind().as_str(), action.resource_kind().as_str());
            return Verdict::error(format!("`{action}` is done to a {wants}, not to a {is}"));
        }
        if principal.kind == PrincipalKind::Anonymous && !action.is_open_to_anonymous() {
            return Verdict::default_deny();
        }
        if principal.scopes.as_ref().is_some_and(|scopes| scopes.len() > MAX_SCOPES) {
            return Verdict::error(format!(
                "the key is limited to more than {MAX_SCOPES} deployments"
            ));
        }
        match self.slices.get(action as usize) {
            Some(slice) => self.evaluate(slice, principal, resource),
            None => Verdict::error(format!("`{action}` has no slice")),
        }
    }

    /// The schema and policies as one sequence of bytes, for a digest of what is in force:
    /// each text after its name, each with its length first, files in the order of names.
    #[must_use]
    pub fn source_bytes(&self) -> Vec<u8> {
        let schema = std::iter::once(("schema.cedarschema", SCHEMA));
        let files = self.sources.iter().map(|(file, text)| (&**file, &**text));
        let mut bytes = Vec::new();
        for text in schema.chain(files).flat_map(|(name, text)| [name, text]) {
            bytes.extend_from_slice(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    /// The policies of the set, sorted by id.
    pub fn policies(&self) -> impl Iterator<Item = &PolicyInfo> {
        self.policies.values()
    }

    /// The policies that can apply to `action`, sorted by id.
    pub(crate) fn slice(&self, action: Action) -> impl Iterator<Item = &PolicyInfo> {
        let slice = self.slices.get(action as usize);
        self.policies.values().filter(move |info| {
            slice.is_some_and(|slice| slice.policies.policy(&PolicyId::new(&info.id)).is_some())
        })
    }

    /// What is known of the policy with this id.
    pub(crate) fn policy(&self, id: &str) -> Option<&PolicyInfo> {
        self.policies.get(id)
    }

    fn evaluate(&self, slice: &Slice, principal: &Principal, resource: &Resource) -> Verdict {
        match self.question(slice, principal, resource) {
            Ok((request, entities)) => {
                verdict(&self.authorizer.is_authorized(&request, &slice.policies, &entities))
            }
            Err(detail) => Verdict::error(excerpt(&detail)),
        }
    }

    /// The request, validated against the schema, and the entities it speaks of.
    fn question(
        &self,
        slice: &Slice,
        principal: &Principal,
        resource: &Resource,
    ) -> Result<(Request, Entities), String> {
        let principal = self.vocabulary.principal(principal)?;
        let resource = self.vocabulary.resource(resource)?;
        let request = Request::new(
            principal.uid(),
            slice.action.clone(),
            resource.uid(),
            Context::empty(),
            Some(&self.schema),
        )
        .map_err(|error| error.to_string())?;
        let entities = slice.entities.clone().add_entities([principal, resource], None);
        Ok((request, entities.map_err(|error| error.to_string())?))
    }
}

/// Cedar's response in our words. Any error denies.
fn verdict(response: &cedar_policy::Response) -> Verdict {
    let diagnostics = response.diagnostics();
    let mut policies: Vec<Box<str>> =
        diagnostics.reason().map(|id| AsRef::<str>::as_ref(id).into()).collect();
    let mut errors: Vec<Box<str>> =
        diagnostics.errors().map(|error| excerpt(&error.to_string())).collect();
    policies.sort_unstable();
    errors.sort_unstable();
    let allowed = errors.is_empty() && response.decision() == Decision::Allow;
    if !errors.is_empty() && response.decision() == Decision::Allow {
        // What permitted did not decide: the error did.
        policies.clear();
    }
    Verdict { allowed, policies, errors }
}

fn bounded(sources: &[(&str, &str)]) -> Result<BTreeMap<Box<str>, Box<str>>, PolicyError> {
    if sources.iter().map(|(_, text)| text.len()).sum::<usize>() > MAX_SOURCE_BYTES {
        return Err(PolicyError::SourceTooLong);
    }
    let mut files = BTreeMap::new();
    for &(file, text) in sources {
        let file: Box<str> = excerpt(file);
        if text.len() > MAX_FILE_BYTES {
            return Err(PolicyError::FileTooLong { file });
        }
        if !is_bounded(text) {
            return Err(PolicyError::TooComplex { file });
        }
        if files.insert(file.clone(), Box::from(text)).is_some() {
            return Err(PolicyError::DuplicateFile { file });
        }
    }
    Ok(files)
}

type Parsed = (cedar_policy::PolicySet, BTreeMap<Box<str>, PolicyInfo>);

/// Every policy of every file under its own `@id`.
fn parsed(sources: &BTreeMap<Box<str>, Box<str>>) -> Result<Parsed, PolicyError> {
    let mut set = cedar_policy::PolicySet::new();
    let mut infos = BTreeMap::new();
    for (file, text) in sources {
        let own = cedar_policy::PolicySet::from_str(text)
            .map_err(|error| syntax(file, text, &DetailedError::from(&error)))?;
        if own.num_of_templates() > 0 {
            return Err(PolicyError::Template { file: file.clone() });
        }
        for (place, policy) in own.policies().enumerate() {
            let info = described(file, policy).map_err(|rule| PolicyError::Annotation {
                file: file.clone(),
                number: place + 1,
                rule,
            })?;
            if infos.len() == MAX_POLICIES {
                return Err(PolicyError::TooMany);
            }
            let id = info.id.clone();
            set.add(policy.new_id(PolicyId::new(&id)))
                .map_err(|_| PolicyError::DuplicateId { id: id.clone() })?;
            infos.insert(id, info);
        }
    }
    Ok((set, infos))
}

/// The annotations every policy must have, and no others.
fn described(file: &str, policy: &Policy) -> Result<PolicyInfo, &'static str> {
    if policy.annotations().any(|(key, _)| key != "id" && key != "why") {
        return Err("the only annotations are `@id` and `@why`");
    }
    let id = policy.annotation("id").ok_or("write `@id(\"…\")` before it")?;
    let why = policy.annotation("why").ok_or("write `@why(\"…\")` before it")?;
    Name::new(id).map_err(|_| "its `@id` is not a name: a-z, 0-9, `-`, at most 63")?;
    if why.is_empty() || why.len() > MAX_WHY_BYTES || why.chars().any(char::is_control) {
        return Err("its `@why` is not one line of at most 200 bytes");
    }
    let effect = match policy.effect() {
        cedar_policy::Effect::Permit => Effect::Permit,
        cedar_policy::Effect::Forbid => Effect::Forbid,
    };
    Ok(PolicyInfo { id: id.into(), effect, why: why.into(), file: file.into() })
}

/// Strict validation, warnings included: Cedar warns of policies that can never apply and
/// of text that does not read as it is evaluated (mixed scripts, bidirectional marks).
fn validated(validator: &Validator, set: &cedar_policy::PolicySet) -> Result<(), PolicyError> {
    let result = validator.validate(set, ValidationMode::Strict);
    let invalid = |id: &PolicyId, detail: String| PolicyError::Invalid {
        id: AsRef::<str>::as_ref(id).into(),
        detail: excerpt(&detail),
    };
    let errors = result.validation_errors().map(|e| (false, e.policy_id(), e.to_string()));
    let warnings = result.validation_warnings().map(|w| (true, w.policy_id(), w.to_string()));
    // Errors first, then by id, so that the same set always fails with the same message.
    match errors.chain(warnings).min() {
        Some((_, id, detail)) => Err(invalid(id, detail)),
        None => Ok(()),
    }
}

/// One slice per action: the policies whose action scope is the action or a group of it.
fn sliced(
    schema: &Schema,
    vocabulary: &Vocabulary,
    set: &cedar_policy::PolicySet,
) -> Result<Vec<Slice>, String> {
    let hierarchy = schema.action_entities().map_err(|error| error.to_string())?;
    let mut slices = Vec::with_capacity(Action::ALL.len());
    for action in Action::ALL {
        let uid = vocabulary.action(action.as_str());
        let entity = hierarchy.get(&uid).ok_or_else(|| format!("`{action}` is not in it"))?.clone();
        let groups: HashSet<_> = hierarchy.ancestors(&uid).into_iter().flatten().collect();
        let matches = |policy: &&Policy| match policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(only) => only == uid,
            ActionConstraint::In(any) => any.iter().any(|one| *one == uid || groups.contains(one)),
        };
        let policies = set.policies().filter(matches).cloned();
        let policies =
            cedar_policy::PolicySet::from_policies(policies).map_err(|error| error.to_string())?;
        let entities =
            Entities::from_entities([entity], None).map_err(|error| error.to_string())?;
        slices.push(Slice { action: uid, policies, entities });
    }
    Ok(slices)
}

fn syntax(file: &str, text: &str, error: &DetailedError) -> PolicyError {
    let offset = error.source_locations.first().map_or(0, |label| label.loc.start);
    let line = 1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count();
    PolicyError::Syntax { file: file.into(), line, detail: excerpt(&error.message) }
}

/// At most [`MAX_DETAIL`] characters of `text`, on one line.
fn excerpt(text: &str) -> Box<str> {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MAX_DETAIL).collect::<String>().into()
}
