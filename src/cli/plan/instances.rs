//! What manifests of the legacy kind come to, by the operator's own rules. I/O: reads AWS.

use std::collections::BTreeMap;

use greengrass_operator_core::api::{RECONCILE_AT, REDEPLOY_AT, SystemInstanceDeletionPolicy, SystemInstanceSpec};
use greengrass_operator_core::deployment::references::{ConfigMapFound, ParentFound, References};
use greengrass_operator_core::deployment::validate::lenient;
use greengrass_operator_core::failure::Failure;
use greengrass_operator_core::identity::Identity;
use greengrass_operator_core::system_instance::content::Desired;
use greengrass_operator_core::system_instance::forecast::{Ending, Forecast, Next, Outcome, Question};
use greengrass_operator_core::system_instance::knowledge::{Instance, OwnerFound};
use greengrass_operator_core::system_instance::subject::{Access, Rival, Subject, Wanted};
use greengrass_operator_core::system_instance::tags::OwnerTags;
use greengrass_operator_core::system_instance::validate::{Refused, read_leniently, validate};

use super::super::cloud::told;
use super::super::manifests::{Manifest, unknown_fields};
use super::foresee::Foreseer;
use super::planned::{Action, Planned};
use super::resolve::{identity, unreadable};
use crate::aws::Scope;

/// The kind's name in a plan.
pub(super) const SYSTEM_INSTANCE: &str = "SystemInstance";

/// What a manifest asks for, and through which identity.
struct Resolved {
    wanted: Result<Wanted, (Action, &'static str, String)>,
    identity: Option<Identity>,
    notes: Vec<String>,
}

impl Foreseer<'_> {
    /// What each manifest of the kind comes to, in the order in which they stand.
    pub(super) async fn instances(&self) -> Vec<Planned> {
        let resolved: Vec<(&Manifest, Resolved)> =
            self.manifests.instances.iter().map(|manifest| (manifest, self.resolve(manifest))).collect();
        let mut plans = Vec::new();
        for (manifest, one) in &resolved {
            let plan = Planned::of(SYSTEM_INSTANCE, manifest, &one.notes);
            plans.push(match &one.wanted {
                Err((action, reason, message)) => plan.stopped(*action, reason, message.clone()),
                Ok(wanted) => self.of_valid_instance(manifest, wanted, one.identity.as_ref(), &resolved, plan).await,
            });
        }
        plans
    }

    fn resolve(&self, manifest: &Manifest) -> Resolved {
        let mut notes = Vec::new();
        let raw = lenient(&manifest.spec);
        let (found, identity) = identity(&raw, &manifest.object.namespace, self.manifests, &self.own, &mut notes);
        let refused = |action, reason, message| Err((action, reason, message));
        let wanted = match serde_path_to_error::deserialize::<_, SystemInstanceSpec>(&manifest.spec) {
            Err(error) => refused(Action::Invalid, "InvalidSpec", unreadable(&error)),
            Ok(spec) => match unknown_fields(&manifest.spec, &spec).as_slice() {
                [] => {
                    let config_maps = self.config_maps_of(manifest);
                    let references = References { identity: found, parent: ParentFound::default(), config_maps };
                    match validate(&manifest.object, &spec, &references) {
                        Ok(desired) => Ok(Wanted::present(desired)),
                        Err(Refused::Invalid(invalid)) => refused(Action::Invalid, "InvalidSpec", invalid.to_string()),
                        Err(Refused::NotAllowed(message)) => refused(Action::Blocked, "IdentityNotAllowed", message),
                        Err(Refused::NoIdentity(message)) => refused(Action::Blocked, "IdentityNotFound", message),
                        Err(Refused::Missing(missing)) => refused(
                            Action::Blocked,
                            "ReferenceNotFound",
                            format!("{missing} (only what the manifests hold counts: add the file that has it)"),
                        ),
                        Err(Refused::Unread) => refused(Action::Unknown, "Unknown", String::new()),
                    }
                }
                unknown => refused(
                    Action::Invalid,
                    "InvalidSpec",
                    format!(
                        "spec has fields that there are not: {}: see kubectl explain ggsi.spec",
                        unknown.join(", ")
                    ),
                ),
            },
        };
        Resolved { wanted, identity, notes }
    }

    fn config_maps_of(&self, manifest: &Manifest) -> BTreeMap<String, ConfigMapFound> {
        let name = read_leniently(&manifest.spec).config_map;
        name.map(|name| {
            let key = (manifest.object.namespace.to_string(), name.clone());
            let found = self.manifests.config_maps.get(&key);
            (name, found.map_or(ConfigMapFound::Missing, |data| ConfigMapFound::Data(data.clone())))
        })
        .into_iter()
        .collect()
    }

    async fn of_valid_instance(
        &self,
        manifest: &Manifest,
        wanted: &Wanted,
        identity: Option<&Identity>,
        all: &[(&Manifest, Resolved)],
        mut plan: Planned,
    ) -> Planned {
        let Wanted::Present(desired, _) = wanted else { return plan };
        let id = &desired.content.definition.id;
        plan.target_arn = Some(id.arn());
        let scope = match self.scope((id.account(), id.region()), identity) {
            Ok(scope) => scope,
            Err(message) => return plan.stopped(Action::Unknown, "Unknown", message),
        };
        let rivals = self.rivals(manifest, desired, all);
        match self.foresee_instance(manifest, wanted, desired, &rivals, &scope, &mut plan).await {
            Ok(ending) => described(plan, &ending, desired),
            Err(failure) => plan.stopped(Action::Unknown, "Unknown", told(&failure)),
        }
    }

    /// Others among the manifests with the same id. Which of them was there first is not known: the name decides.
    fn rivals(&self, manifest: &Manifest, desired: &Desired, all: &[(&Manifest, Resolved)]) -> Vec<Rival> {
        let has_id = |resolved: &Resolved| match &resolved.wanted {
            Ok(Wanted::Present(other, _)) => other.content.definition.id == desired.content.definition.id,
            Ok(_) | Err(_) => false,
        };
        let others = all.iter().filter(|(other, resolved)| other.object != manifest.object && has_id(resolved));
        others
            .map(|(other, _)| Rival { object: other.object.clone(), created_at: self.now, has_instance: false })
            .collect()
    }

    async fn foresee_instance(
        &self,
        manifest: &Manifest,
        wanted: &Wanted,
        desired: &Desired,
        rivals: &[Rival],
        scope: &Scope,
        plan: &mut Planned,
    ) -> Result<Ending, Failure> {
        let id = &desired.content.definition.id;
        let found = self.cloud.system_instance(scope, id).await?;
        let tags = match &found {
            Some(instance) => self.cloud.instance_tags(scope, instance).await?,
            None => BTreeMap::new(),
        };
        // Without it, it is what the system instance says it is called.
        let named = OwnerTags::read(&tags).map(|owner| owner.cluster);
        let cluster = self.cluster_name.clone().or(named).unwrap_or_default();
        let annotation = |name: &str| manifest.annotations.get(name).cloned();
        let subject = Subject {
            cluster: &cluster,
            object: &manifest.object,
            uid: "",
            generation: 1,
            created_at: self.now,
            // What comes first in a cluster, and says nothing of AWS.
            has_finalizer: desired.deletion_policy == SystemInstanceDeletionPolicy::Delete,
            reconcile_at: annotation(RECONCILE_AT),
            redeploy_at: annotation(REDEPLOY_AT),
            access: Access::unrestricted(),
            wanted,
            rivals,
        };
        let mut forecast = Forecast::new(self.now);
        loop {
            match forecast.advance(&subject) {
                Next::Ended(ending) => return Ok(*ending),
                Next::Read(Question::Look(asked)) => {
                    let there =
                        if asked == *id { found.clone() } else { self.cloud.system_instance(scope, &asked).await? };
                    forecast.looked(&asked, there);
                }
                Next::Read(Question::Tags(instance)) => forecast.read_tags(&instance, comparable(&tags)),
                Next::Read(Question::Owner(owner)) => {
                    plan.notes.push(format!(
                        "the system instance names {owner} as its resource, which is taken to be in the cluster still"
                    ));
                    forecast.read_owner(owner, OwnerFound::Exists);
                }
            }
        }
    }
}

/// Without the object's uid, which a manifest has not.
fn comparable(tags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut tags = tags.clone();
    if let Some(uid) = tags.get_mut(OwnerTags::UID) {
        uid.clear();
    }
    tags
}

fn described(mut plan: Planned, ending: &Ending, desired: &Desired) -> Planned {
    let (action, cause) = match ending.outcome {
        Outcome::Create => (Action::Create, None),
        Outcome::Deploy => (Action::Revise, Some("deploy")),
        Outcome::Undeploy => (Action::Revise, Some("undeploy")),
        Outcome::Replace => (Action::Revise, Some("replace")),
        Outcome::Adopt => (Action::Adopt, None),
        Outcome::Tags => (Action::Retag, None),
        Outcome::Moving => (Action::Wait, None),
        Outcome::Held => (Action::Hold, None),
        Outcome::Blocked => (Action::Blocked, None),
        Outcome::Nothing => (Action::None, None),
    };
    (plan.action, plan.cause) = (action, cause);
    let ready = ending.status.conditions.iter().find(|condition| condition.type_ == "Ready");
    let is_explained = matches!(action, Action::Wait | Action::Hold | Action::Blocked);
    if let Some(ready) = ready.filter(|_| is_explained) {
        (plan.reason, plan.message) = (Some(ready.reason.clone()), Some(ready.message.clone()));
    }
    let differences = ending.differences(&desired.content);
    if action == Action::Revise && !differences.is_empty() {
        plan.notes.push(format!("what changes: {}", differences.join(", ")));
    }
    if let Some(Instance { status, .. }) = ending.current.as_deref() {
        plan.notes.push(format!("it is {} now", status.as_str()));
    }
    plan
}
