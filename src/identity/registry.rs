//! All identities, as the last news has them, and what each gives to whom. Pure, behind a lock that is never held across an await.
//!
//! A change takes effect with the event that brings it, not with a turn: who was allowed something a moment ago is not any more.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use greengrass_operator_core::api::AwsIdentitySpec;
use greengrass_operator_core::deployment::references::{Grant, IdentityFound};
use greengrass_operator_core::deployment::subject::Access;
use greengrass_operator_core::failure::Who;
use greengrass_operator_core::identity::status::Checked;
use greengrass_operator_core::identity::{Identity, IdentityReference, Namespace, Parsed, Picked, parse, pick};
use greengrass_operator_core::names::Key;
use jiff::Timestamp;

use super::selector::IdentitySelector;
use crate::aws::{Connection, Session};
use crate::controller::objects::Namespaces;
use crate::controller::record::Record;

/// What is the same for all identities.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The cluster's name, for the tags of sessions.
    pub cluster: String,
    /// The operator's own region, for targets that are named without their ARN.
    pub region: Option<String>,
    /// Whether endpoints without TLS are admitted.
    pub allow_insecure_endpoints: bool,
    /// The namespaces that the operator looks at.
    pub namespaces: Namespaces,
    /// The identities that this process looks after; none: all.
    pub selector: Option<IdentitySelector>,
}

/// All identities.
pub struct Registry {
    surroundings: Surroundings,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    parsed: BTreeMap<String, Parsed>,
    known: BTreeMap<String, Known>,
    labels: Labels,
}

/// What is known of an identity beside its spec.
#[derive(Clone, Debug)]
struct Known {
    uid: Box<str>,
    generation: i64,
    checked: Checked,
    /// How often it began to work again: what failed while it did not is tried again at once.
    recoveries: u64,
    /// Whether this process looks after it.
    is_mine: bool,
}

/// The labels of namespaces.
#[derive(Default)]
enum Labels {
    /// They can't be read, or were not read yet.
    #[default]
    Unknown,
    /// All of them.
    Known(BTreeMap<String, BTreeMap<String, String>>),
}

/// What an identity gives to a namespace, at this moment.
#[derive(Clone, Debug)]
pub struct Given {
    /// It, as validation wants it.
    pub found: IdentityFound,
    /// How AWS is reached through it.
    pub connection: Option<Connection>,
    /// What tells this state of it from a later one.
    version: String,
    /// AWS was not asked yet, or can't be asked at the moment, whose account it is.
    pub is_pending: bool,
    /// How often what is deployed through it is compared with AWS.
    pub drift_interval: Option<Duration>,
    /// Another group of processes looks after whatever uses it.
    pub is_elsewhere: bool,
}

impl Given {
    /// Through what AWS may be called about all of these keys.
    #[must_use]
    pub fn access<'a>(&self, keys: impl IntoIterator<Item = &'a Key>) -> Access {
        self.access_unless(|grant| keys.into_iter().find_map(|key| grant.refuses(key)))
    }

    /// Through what AWS may be called, unless this refuses it.
    #[must_use]
    pub fn access_unless(&self, refuses: impl FnOnce(&Grant) -> Option<String>) -> Access {
        let granted = match &self.found {
            IdentityFound::Missing(message) | IdentityFound::NotAllowed(message) => {
                return Access::Barred(message.clone());
            }
            IdentityFound::Granted(grant) => grant,
        };
        match refuses(granted) {
            Some(message) => Access::Barred(message),
            None => Access::Granted { identity: granted.identity.clone(), version: self.version.clone() },
        }
    }
}

impl Registry {
    /// Without identities.
    #[must_use]
    pub fn new(surroundings: Surroundings) -> Self {
        Self { surroundings, state: Mutex::default() }
    }

    /// Whether other processes look after other identities.
    #[must_use]
    pub fn is_one_of_groups(&self) -> bool {
        self.surroundings.selector.is_some()
    }

    /// What the identity that a resource names, or the default of its namespace, gives to that namespace.
    #[must_use]
    pub fn given(&self, reference: &IdentityReference, namespace: &str) -> Given {
        let state = self.lock();
        let namespace = state.namespace(namespace);
        match pick(reference, namespace, &state.parsed) {
            Picked::Missing(message) => {
                Given::nothing(IdentityFound::Missing(message), self.is_elsewhere(&state, reference))
            }
            Picked::NotAllowed(message) => {
                Given::nothing(IdentityFound::NotAllowed(message), self.is_elsewhere(&state, reference))
            }
            Picked::Usable(identity) => self.granted(&state, identity, namespace.name),
        }
    }

    /// Where no identity serves: the group that looks after the named one says so, and where that is none, the group of the rest.
    fn is_elsewhere(&self, state: &State, reference: &IdentityReference) -> bool {
        let Some(selector) = &self.surroundings.selector else { return false };
        let named = match reference {
            IdentityReference::Named(name) => state.known.get(name),
            IdentityReference::Absent | IdentityReference::Unreadable => None,
        };
        !named.map_or_else(|| selector.selects_the_rest(), |known| known.is_mine)
    }

    /// The name of the identity that a resource uses, where there is one.
    #[must_use]
    pub fn name_of(&self, reference: &IdentityReference, namespace: &str) -> Option<String> {
        if let IdentityReference::Named(name) = reference {
            return Some(name.clone());
        }
        match self.given(reference, namespace).found {
            IdentityFound::Granted(grant) => Some(grant.identity),
            IdentityFound::Missing(_) | IdentityFound::NotAllowed(_) => None,
        }
    }

    /// The identities that look at labels of namespaces.
    #[must_use]
    pub fn names_that_select(&self) -> Vec<String> {
        let needs_labels =
            |parsed: &Parsed| parsed.identity.as_ref().is_ok_and(|identity| identity.allowed_namespaces.needs_labels());
        self.lock().parsed.iter().filter(|(_, parsed)| needs_labels(parsed)).map(|(name, _)| name.clone()).collect()
    }

    /// How AWS is reached through an identity for no resource in particular.
    #[must_use]
    pub fn connection(&self, name: &str) -> Option<Connection> {
        let state = self.lock();
        let identity = state.parsed.get(name)?.identity.as_ref().ok()?;
        Some(Connection::through(identity, self.session(None)))
    }

    /// What was read of an identity, and what AWS said to it.
    #[must_use]
    pub fn state_of(&self, name: &str) -> Option<(Parsed, Checked)> {
        let state = self.lock();
        Some((state.parsed.get(name)?.clone(), state.known.get(name)?.checked.clone()))
    }

    /// The region of targets that an identity's resources name without their ARN.
    #[must_use]
    pub fn region_of(&self, identity: Option<&Identity>) -> Option<String> {
        identity.and_then(|identity| identity.region.clone()).or_else(|| self.surroundings.region.clone())
    }

    /// Whether the identity can be of use to any namespace that the operator looks at. An operator that looks at some namespaces
    /// leaves the others' identities to others.
    #[must_use]
    pub fn concerns(&self, name: &str) -> bool {
        let state = self.lock();
        if state.known.get(name).is_none_or(|known| !known.is_mine) {
            return false;
        }
        let Namespaces::Only(names) = &self.surroundings.namespaces else { return true };
        match state.parsed.get(name).map(|parsed| &parsed.identity) {
            Some(Ok(identity)) => names.iter().any(|namespace| {
                let rule = &identity.allowed_namespaces;
                rule.matches(state.namespace(namespace)) != greengrass_operator_core::identity::Match::No
            }),
            Some(Err(_)) => true,
            None => false,
        }
    }

    /// The identity that serves whoever says this in that namespace, or why none does.
    pub fn serving(&self, reference: &IdentityReference, namespace: &str) -> Result<Identity, String> {
        let state = self.lock();
        match pick(reference, state.namespace(namespace), &state.parsed) {
            Picked::Usable(identity) => Ok(identity.clone()),
            Picked::Missing(message) | Picked::NotAllowed(message) => Err(message),
        }
    }

    /// An identity was made or changed.
    pub fn set(&self, record: &Record) {
        let is_mine = self.surroundings.selector.as_ref().is_none_or(|selector| selector.selects(&record.labels));
        let name = record.name.name.to_string();
        let parsed = match record.decode_spec::<AwsIdentitySpec>() {
            Ok(spec) => parse(&name, &spec, self.surroundings.allow_insecure_endpoints),
            Err(error) => Parsed::unreadable(format!("spec can't be read: {error}")),
        };
        let mut state = self.lock();
        let fresh = Known {
            uid: record.uid.clone(),
            generation: record.generation,
            checked: Checked::default(),
            recoveries: 0,
            is_mine,
        };
        let known = state.known.entry(name.clone()).or_insert_with(|| fresh.clone());
        if known.uid != record.uid || known.generation != record.generation {
            *known = fresh;
        }
        known.is_mine = is_mine;
        state.parsed.insert(name, parsed);
    }

    /// An identity is gone.
    pub fn remove(&self, name: &str) {
        let mut state = self.lock();
        state.parsed.remove(name);
        state.known.remove(name);
    }

    /// AWS was asked who an identity of that generation is. True: what its resources see of it has changed.
    pub fn checked(&self, record: &Record, learn: impl FnOnce(&mut Checked)) -> bool {
        let mut state = self.lock();
        let Some(known) = state.known.get_mut(&*record.name.name) else { return false };
        if known.uid != record.uid || known.generation != record.generation {
            return false;
        }
        let before = known.checked.clone();
        learn(&mut known.checked);
        let recovered = before.trouble.is_some() && known.checked.trouble.is_none();
        known.recoveries += u64::from(recovered);
        recovered || before.caller != known.checked.caller
    }

    /// When AWS last said who an identity is.
    #[must_use]
    pub fn accepted_at(&self, name: &str) -> Option<Timestamp> {
        self.lock().known.get(name)?.checked.accepted_at
    }

    /// All namespaces with their labels; none where they can't be read.
    pub fn set_labels(&self, labels: Option<BTreeMap<String, BTreeMap<String, String>>>) {
        self.lock().labels = labels.map_or(Labels::Unknown, Labels::Known);
    }

    /// The labels of one namespace; none where it is gone.
    pub fn set_labels_of(&self, namespace: &str, labels: Option<BTreeMap<String, String>>) {
        let mut state = self.lock();
        let Labels::Known(known) = &mut state.labels else { return };
        match labels {
            Some(labels) => known.insert(namespace.to_owned(), labels),
            None => known.remove(namespace),
        };
    }

    /// Whether a namespace is known with these labels, or known to be none.
    #[must_use]
    pub fn knows_labels_of(&self, namespace: &str, labels: Option<&BTreeMap<String, String>>) -> bool {
        match &self.lock().labels {
            Labels::Known(known) => known.get(namespace) == labels,
            Labels::Unknown => false,
        }
    }

    fn granted(&self, state: &State, identity: &Identity, namespace: &str) -> Given {
        let known = state.known.get(&identity.name);
        let checked = known.map(|known| known.checked.clone()).unwrap_or_default();
        let caller = checked.caller.as_ref();
        let role = identity.role.as_ref();
        // What a role's account is, its ARN says; what the operator's own is, only AWS itself.
        let account =
            role.map(|role| role.arn.account().to_owned()).or_else(|| caller.map(|caller| caller.account.clone()));
        let partition = role
            .map(|role| role.arn.partition().to_owned())
            .or_else(|| caller.and_then(|caller| caller.arn.split(':').nth(1).map(str::to_owned)))
            .unwrap_or_else(|| "aws".to_owned());
        let cant_be_asked = checked.trouble.as_ref().is_none_or(|trouble| trouble.failure.rule().who == Who::Service);
        let version =
            known.map_or_else(String::new, |known| format!("{}/{}/{}", known.uid, known.generation, known.recoveries));
        Given {
            is_pending: account.is_none() && cant_be_asked,
            connection: Some(Connection::through(identity, self.session(Some(namespace)))),
            version,
            is_elsewhere: known.is_none_or(|known| !known.is_mine),
            drift_interval: identity.drift_interval.and_then(|interval| Duration::try_from(interval).ok()),
            found: IdentityFound::Granted(Grant {
                identity: identity.name.clone(),
                account,
                partition,
                region: self.region_of(Some(identity)),
                targets: identity.allowed_targets.clone(),
                tags: identity.tags.clone(),
            }),
        }
    }

    fn session(&self, namespace: Option<&str>) -> Session {
        Session { cluster: self.surroundings.cluster.clone(), namespace: namespace.map(str::to_owned) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn namespace<'a>(&'a self, name: &'a str) -> Namespace<'a> {
        let labels = match &self.labels {
            Labels::Unknown => None,
            Labels::Known(known) => known.get(name),
        };
        Namespace { name, labels }
    }
}

impl Given {
    fn nothing(found: IdentityFound, is_elsewhere: bool) -> Self {
        Self { found, connection: None, version: String::new(), is_pending: false, drift_interval: None, is_elsewhere }
    }
}
