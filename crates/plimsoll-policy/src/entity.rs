//! Typed facts as Cedar entities. Entity types are parsed once with the schema; a call
//! only fills in ids and attributes, so no text of a caller is ever parsed as Cedar.

use crate::principal::{Environment, Principal, PrincipalKind, Role};
use crate::resource::{Deployment, Resource, ResourceKind, Standing};
use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use std::collections::{HashMap, HashSet};
use std::str::FromStr;

/// The names of the schema, parsed once.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    action: EntityTypeName,
    user: EntityTypeName,
    service: EntityTypeName,
    anonymous: EntityUid,
    /// In the order of [`Role::ALL`].
    roles: Vec<(Role, EntityUid)>,
    /// In the order of [`Environment::ALL`].
    environments: Vec<(Environment, RestrictedExpression)>,
    /// In the order of [`ResourceKind::ALL`].
    resources: Vec<(ResourceKind, EntityTypeName)>,
}

impl Vocabulary {
    /// Parses every name of the schema's namespace that Rust code speaks of.
    pub(crate) fn new() -> Result<Self, String> {
        let (role, environment) = (type_name("Role")?, type_name("Environment")?);
        let kinds = ResourceKind::ALL.iter();
        Ok(Self {
            action: type_name("Action")?,
            user: type_name("User")?,
            service: type_name("Service")?,
            anonymous: uid(&type_name("Anonymous")?, "anonymous"),
            roles: Role::ALL.iter().map(|&word| (word, uid(&role, word.as_str()))).collect(),
            environments: Environment::ALL
                .iter()
                .map(|&word| (word, uid(&environment, word.as_str())))
                .map(|(word, uid)| (word, RestrictedExpression::new_entity_uid(uid)))
                .collect(),
            resources: kinds
                .map(|&kind| type_name(kind.as_str()).map(|name| (kind, name)))
                .collect::<Result<_, _>>()?,
        })
    }

    /// The entity of an action.
    pub(crate) fn action(&self, name: &str) -> EntityUid {
        uid(&self.action, name)
    }

    /// The principal as an entity, its roles as parents.
    pub(crate) fn principal(&self, principal: &Principal) -> Result<Entity, String> {
        let kind = match principal.kind {
            PrincipalKind::User => &self.user,
            PrincipalKind::Service => &self.service,
            PrincipalKind::Anonymous => return Ok(Entity::with_uid(self.anonymous.clone())),
        };
        let held = self.roles.iter().filter(|(role, _)| principal.roles.contains(*role));
        let parents: HashSet<_> = held.map(|(_, uid)| uid.clone()).collect();
        let mut attributes = Attributes::new(self)
            .text("id", &principal.id)
            .text("tenant", &principal.tenant.to_string())
            .value("dev", RestrictedExpression::new_bool(principal.dev));
        if let Some(environment) = principal.environment {
            attributes = attributes.environment(environment);
        }
        if let Some(scopes) = &principal.scopes {
            let names = scopes.iter().map(|name| name.as_str().to_owned());
            let names = names.map(RestrictedExpression::new_string);
            attributes = attributes.value("scopes", RestrictedExpression::new_set(names));
        }
        entity(uid(kind, &principal.id), attributes.map, parents)
    }

    /// The resource as an entity.
    pub(crate) fn resource(&self, resource: &Resource) -> Result<Entity, String> {
        let attributes = Attributes::new(self);
        let (id, attributes) = match resource {
            Resource::Server { tenant, public_ledger } => {
                let public_ledger = RestrictedExpression::new_bool(*public_ledger);
                let attributes = attributes.text("tenant", &tenant.to_string());
                ("server".to_owned(), attributes.value("publicLedger", public_ledger))
            }
            Resource::Deployment(deployment) => {
                (deployment.name.to_string(), attributes.deployment(deployment))
            }
            Resource::Release { model, number, author, into, standing } => (
                into.name.to_string(),
                attributes
                    .deployment(into)
                    .version(model.as_str(), *number, author)
                    .standing(standing),
            ),
            Resource::Model { name, owner, tenant } => {
                (name.to_string(), attributes.owned(name.as_str(), owner, &tenant.to_string()))
            }
            Resource::Dataset { name, owner, personal, granted, tenant } => {
                let granted = granted.iter().map(|&word| word.to_owned());
                let granted = granted.map(RestrictedExpression::new_string);
                let attributes = attributes
                    .owned(name.as_str(), owner, &tenant.to_string())
                    .value("personal", RestrictedExpression::new_bool(*personal))
                    .value("granted", RestrictedExpression::new_set(granted));
                (name.to_string(), attributes)
            }
            Resource::Version { model, number, author, tenant } => (
                format!("{model}/{number}"),
                attributes
                    .version(model.as_str(), *number, author)
                    .text("tenant", &tenant.to_string()),
            ),
            Resource::Catalogued { name, owner, author, tenant } => (
                name.to_string(),
                attributes
                    .text("name", name)
                    .text("owner", owner)
                    .text("author", author)
                    .text("tenant", &tenant.to_string()),
            ),
            Resource::Decision { id, deployment, environment, asker, tenant } => {
                let mut attributes = attributes
                    .text("deployment", deployment.as_str())
                    .environment(*environment)
                    .text("tenant", &tenant.to_string());
                if let Some(asker) = asker {
                    attributes = attributes.text("asker", asker);
                }
                (id.to_string(), attributes)
            }
            Resource::Policy => ("policy".to_owned(), attributes),
            Resource::Principal { id, tenant } => (
                id.to_string(),
                attributes.text("principal", id).text("tenant", &tenant.to_string()),
            ),
            Resource::Key { id, holder, environment, tenant } => {
                let attributes =
                    attributes.text("principal", holder).text("tenant", &tenant.to_string());
                let attributes = match environment {
                    Some(environment) => attributes.environment(*environment),
                    None => attributes,
                };
                (id.to_string(), attributes)
            }
            Resource::Contract { name, author, tenant } => (
                name.to_string(),
                attributes
                    .text("name", name)
                    .text("author", author)
                    .text("tenant", &tenant.to_string()),
            ),
        };
        entity(self.resource_uid(resource.kind(), &id), attributes.map, HashSet::new())
    }

    fn resource_uid(&self, kind: ResourceKind, id: &str) -> EntityUid {
        let named = self.resources.iter().find(|(named, _)| *named == kind);
        // Every kind is in the vocabulary. Were one not, the request would name an action
        // as its resource, which the schema refuses: a denial.
        named.map_or_else(|| self.action(id), |(_, name)| uid(name, id))
    }
}

/// Attributes under construction.
struct Attributes<'a> {
    vocabulary: &'a Vocabulary,
    map: HashMap<String, RestrictedExpression>,
}

impl<'a> Attributes<'a> {
    fn new(vocabulary: &'a Vocabulary) -> Self {
        // The largest entity, a release, has eight attributes.
        Self { vocabulary, map: HashMap::with_capacity(8) }
    }
    fn value(mut self, name: &str, value: RestrictedExpression) -> Self {
        self.map.insert(name.to_owned(), value);
        self
    }
    fn text(self, name: &str, text: &str) -> Self {
        self.value(name, RestrictedExpression::new_string(text.to_owned()))
    }
    fn environment(self, environment: Environment) -> Self {
        let words = &self.vocabulary.environments;
        // An environment left out would be a missing attribute: an error, thus a denial.
        match words.iter().find(|(word, _)| *word == environment) {
            Some((_, uid)) => self.value("environment", uid.clone()),
            None => self,
        }
    }
    fn deployment(self, deployment: &Deployment) -> Self {
        self.text("deployment", deployment.name.as_str())
            .environment(deployment.environment)
            .text("owner", &deployment.owner)
            .text("tier", &deployment.tier)
            .text("tenant", &deployment.tenant.to_string())
    }
    fn owned(self, name: &str, owner: &str, tenant: &str) -> Self {
        self.text("name", name).text("owner", owner).text("tenant", tenant)
    }
    fn version(self, model: &str, number: u32, author: &str) -> Self {
        self.text("model", model)
            .value("number", RestrictedExpression::new_long(i64::from(number)))
            .text("author", author)
    }
    fn standing(self, standing: &Standing) -> Self {
        self.value("gateAsked", RestrictedExpression::new_bool(standing.gate_asked))
            .value("gatePassed", RestrictedExpression::new_bool(standing.gate_passed))
            .value("approvals", RestrictedExpression::new_long(i64::from(standing.approvals)))
            .value("approved", RestrictedExpression::new_bool(standing.approved))
            .value("emergency", RestrictedExpression::new_bool(standing.emergency))
    }
}

fn type_name(name: &str) -> Result<EntityTypeName, String> {
    EntityTypeName::from_str(&format!("Plimsoll::{name}")).map_err(|error| error.to_string())
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn entity(
    uid: EntityUid,
    attributes: HashMap<String, RestrictedExpression>,
    parents: HashSet<EntityUid>,
) -> Result<Entity, String> {
    Entity::new(uid, attributes, parents).map_err(|error| error.to_string())
}
