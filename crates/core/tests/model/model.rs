//! What a search is about: resources, what AWS does, how many things may happen, and which rule is left out. Pure.

use greengrass_operator_core::api::{DeletionPolicy, GreengrassDeploymentSpec};
use greengrass_operator_core::deployment::hash::short_hash;
use greengrass_operator_core::deployment::references::References;
use greengrass_operator_core::deployment::subject::Wanted;
use greengrass_operator_core::deployment::validate::validate;
use greengrass_operator_core::names::{Key, ObjectName, TargetArn};

use crate::cloud::Reuse;
use crate::rules::DisabledRule;

/// What can become of a `CreateDeployment`, beside that it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It works and its answer is lost.
    ReplyLost,
    /// It is still on its way when the sender gives up.
    Late,
    /// It never arrives, and the sender can't know.
    Lost,
    Denied,
    Throttled,
    Invalid,
    InProgress,
}

/// How many things of a kind may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Budget {
    /// The owner changes the content: A→B→A takes two.
    pub(crate) edits: u8,
    pub(crate) redeploys: u8,
    /// A create has one of the scenario's fates.
    pub(crate) faults: u8,
    /// A list or get fails.
    pub(crate) failing_reads: u8,
    /// A deployment does not show at once.
    pub(crate) lags: u8,
    /// A read misses what it showed before, while that is young.
    pub(crate) stale_reads: u8,
    /// The process dies and another starts.
    pub(crate) crashes: u8,
    /// Another process leads, and the old one does not notice for 40 seconds.
    pub(crate) fail_overs: u8,
    /// The status is lost.
    pub(crate) losses: u8,
    /// The status becomes what it was before its last change.
    pub(crate) restores: u8,
    /// The object is deleted.
    pub(crate) deletions: u8,
    /// The object is created, for the first time or again.
    pub(crate) creations: u8,
    /// Somebody else deploys to the target.
    pub(crate) foreign: u8,
    /// Somebody deletes the newest deployment.
    pub(crate) removals: u8,
    /// Somebody cancels the newest deployment.
    pub(crate) cancellations: u8,
    /// A process stops for a while in the middle of its turn.
    pub(crate) pauses: u8,
    /// Eight hours pass.
    pub(crate) eight_hours: u8,
}

impl Budget {
    /// So many more of each thing that happens at all.
    pub(crate) fn and_more(mut self, more: u8) -> Self {
        let all = [
            &mut self.edits,
            &mut self.redeploys,
            &mut self.faults,
            &mut self.failing_reads,
            &mut self.lags,
            &mut self.stale_reads,
            &mut self.crashes,
            &mut self.fail_overs,
            &mut self.losses,
            &mut self.restores,
            &mut self.deletions,
            &mut self.creations,
            &mut self.foreign,
            &mut self.removals,
            &mut self.cancellations,
            &mut self.pauses,
            &mut self.eight_hours,
        ];
        for count in all.into_iter().filter(|count| **count > 0) {
            *count += more;
        }
        self
    }
}

/// How an object is in the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtFirst {
    /// It comes later.
    Absent,
    /// It was created a moment ago.
    New,
    /// Its first deployment is made.
    Made,
}

/// One object in the cluster.
#[derive(Clone, Copy)]
pub(crate) struct Resource {
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    pub(crate) parent: Option<&'static str>,
    /// How it is in the beginning.
    pub(crate) at_first: AtFirst,
}

/// One scenario as it stands in the table.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) resources: &'static [Resource],
    pub(crate) policy: DeletionPolicy,
    pub(crate) fates: &'static [Fate],
    /// How long the pauses are, in seconds.
    pub(crate) pauses: &'static [u64],
    pub(crate) budget: Budget,
}

/// A scenario with all that is computed from it once.
pub(crate) struct Model {
    pub(crate) scenario: Scenario,
    pub(crate) reuse: Reuse,
    pub(crate) rule: Option<DisabledRule>,
    pub(crate) specs: Vec<Spec>,
}

/// What one object may ask for.
pub(crate) struct Spec {
    pub(crate) name: ObjectName,
    pub(crate) label: String,
    pub(crate) key: Key,
    /// By content.
    pub(crate) wanted: Vec<Wanted>,
    pub(crate) digests: Vec<String>,
    pub(crate) absent: Wanted,
}

const CONTENTS: [&str; 2] = ["A", "B"];

/// Values of `redeploy-at`; the first stands for none.
pub(crate) const REDEPLOYS: [&str; 4] = ["", "at-1", "at-2", "at-3"];

impl Model {
    pub(crate) fn new(scenario: Scenario, reuse: Reuse, rule: Option<DisabledRule>) -> Self {
        let specs = scenario.resources.iter().map(|resource| Spec::new(resource, scenario.policy)).collect();
        Self { scenario, reuse, rule, specs }
    }

    pub(crate) fn leaves_out(&self, rule: DisabledRule) -> bool {
        self.rule == Some(rule)
    }

    /// Which of the values of `redeploy-at` a tag stands for.
    pub(crate) fn redeploy_of(tag: Option<&String>) -> u8 {
        let found = tag.and_then(|tag| REDEPLOYS.iter().position(|at| short_hash(at) == *tag));
        u8::try_from(found.unwrap_or(0)).unwrap()
    }
}

impl Spec {
    fn new(resource: &Resource, policy: DeletionPolicy) -> Self {
        let name = ObjectName { namespace: "plant".into(), name: resource.name.into() };
        let parse = |arn: &str| TargetArn::parse(arn).unwrap();
        let key = Key { target: parse(resource.target), parent: resource.parent.map(parse) };
        let wanted: Vec<Wanted> = CONTENTS
            .iter()
            .map(|content| {
                let spec: GreengrassDeploymentSpec = serde_json::from_value(serde_json::json!({
                    "targetArn": resource.target,
                    "components": {"com.example.Press": {"componentVersion": "1.0.0",
                        "configurationUpdate": {"merge": {"content": content}}}},
                }))
                .unwrap();
                let mut desired = validate(&name, &spec, &References::unrestricted()).unwrap();
                desired.key = key.clone();
                desired.deletion_policy = policy;
                Wanted::present(desired)
            })
            .collect();
        let digests = wanted.iter().map(digest).collect();
        let absent = Wanted::Absent { policy, key: Some(key.clone()), suspended: false, removal: None };
        Self { label: name.to_string(), name, key, wanted, digests, absent }
    }
}

fn digest(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Present(_, digest) => digest.to_string(),
        Wanted::Invalid(_) | Wanted::Unread | Wanted::Missing(..) | Wanted::NotAllowed(_) | Wanted::Absent { .. } => {
            panic!("a spec of the model is valid")
        }
    }
}
