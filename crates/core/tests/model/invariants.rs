//! What must hold in every state and at every step, each by its name. Pure.

use greengrass_operator_core::api::DeletionPolicy;
use greengrass_operator_core::deployment::decide::{Change, Step};
use greengrass_operator_core::deployment::knowledge::{RowStatus, later};
use jiff::{SignedDuration, Timestamp};

use crate::cloud::{Cloud, Deployment, LONGEST_LAG, RESOURCE, Reuse};
use crate::model::Model;
use crate::world::{Object, World};

const DIGEST: &str = "greengrass-operator.dev/digest";
const REDEPLOY: &str = "greengrass-operator.dev/redeploy";
const INTENT: &str = "greengrass-operator.dev/intent";

/// A look, and a reading of the object, serve a send for so long: what somebody does in between may be overlooked.
const BEFORE_A_SEND: std::time::Duration = std::time::Duration::from_secs(10);

/// A status that is lost so soon after a send takes the knowledge of it along.
pub(crate) const FORGOTTEN_WITHIN: SignedDuration = SignedDuration::from_secs(60);

/// The promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invariant {
    /// I1: a change makes one revision that takes effect.
    OneRevisionPerChange,
    /// I2: nothing of others is overwritten unless a person asked for it.
    NothingForeignIsOverwritten,
    /// I3: when the faults have stopped the spec comes live, or the status says why not.
    ComesLiveOrSaysWhyNot,
    /// I4: an ordinal never stands for two contents.
    OneContentPerOrdinal,
    /// I5: a deletion touches nothing of others and leaves nothing of ours in force.
    DeletionClearsOursAndNothingElse,
}

#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) invariant: Invariant,
    pub(crate) what: String,
}

/// What was asked of a resource and what came of it.
#[derive(Clone, Default)]
pub(crate) struct Ghost {
    /// Content and `redeploy-at` of the changes that no deployment was made for, in their order.
    pub(crate) owed: Vec<(usize, u8)>,
    /// Revisions too many that the documents allow for what has happened (docs/reliability.md, What remains).
    pub(crate) excuses: u8,
    /// The status was lost while a request was on its way: who goes on can't know of it.
    pub(crate) lost_track: bool,
    pub(crate) last_send_at: Option<Timestamp>,
    pub(crate) last_made: Option<String>,
    pub(crate) last_edit_of_status: u8,
    pub(crate) redeploys: u8,
    pub(crate) deleted_at: Option<Timestamp>,
}

impl Ghost {
    /// The owner asks for something.
    pub(crate) fn requested(&mut self, object: &Object) {
        self.owed.push((object.content, object.redeploy));
        self.deleted_at = None;
    }

    /// The status is lost, or becomes an older one.
    pub(crate) fn forgotten(&mut self, recorded: Option<&str>, cloud: &Cloud, reuse: Reuse, now: Timestamp) {
        // Where AWS tells from the token that it knows the request, the same ordinal comes to the same deployment again.
        if reuse != Reuse::CreatedAnew {
            return;
        }
        let unrecorded = self.last_made.as_deref() != recorded || self.last_made.is_none();
        let hidden = cloud.deployments.iter().any(|deployment| deployment.is_hidden());
        let lately = self.last_send_at.is_some_and(|at| now.duration_since(at) <= FORGOTTEN_WITHIN);
        if lately && (unrecorded || hidden || !cloud.late.is_empty()) {
            self.lose_track(1 + cloud.late.len());
        }
    }

    /// Each forgotten one may come, and be followed by what is wanted if it comes last with other content.
    fn lose_track(&mut self, forgotten: usize) {
        self.excuses += 2 * u8::try_from(forgotten).unwrap();
        self.lost_track = true;
    }
}

impl World {
    fn violate(&mut self, invariant: Invariant, what: String) {
        self.wrong.get_or_insert(Violation { invariant, what });
    }

    /// A step is about to be taken by a process that believes `object`.
    pub(crate) fn judge_step(
        &mut self,
        model: &Model,
        (process, resource): (usize, usize),
        object: &Object,
        step: &Step,
    ) {
        match step {
            Step::Write(Change::Create { .. }) => self.judge_send(model, (process, resource), object),
            Step::Write(Change::Cancel(id) | Change::Delete(id)) => {
                let label = model.specs[resource].label.as_str();
                let named = self.cloud.deployments.iter().find(|deployment| deployment.id() == id);
                if named.is_some_and(|deployment| deployment.maker() != Some(label)) {
                    self.violate(Invariant::DeletionClearsOursAndNothingElse, format!("{id} is somebody else's"));
                }
            }
            Step::Write(Change::RemoveFinalizer { abandoned: false })
                if object.deleting && model.scenario.policy != DeletionPolicy::Retain =>
            {
                self.judge_release(model, resource);
            }
            Step::Ask(_) | Step::Write(_) | Step::Rest(_) => {}
        }
    }

    fn judge_send(&mut self, model: &Model, (process, resource): (usize, usize), believed: &Object) {
        let (now, truth) = (self.now, std::rc::Rc::clone(&self.objects[resource]));
        let ghost = std::rc::Rc::make_mut(&mut self.ghosts[resource]);
        ghost.last_send_at = Some(now);
        let is_anew = model.reuse == Reuse::CreatedAnew;
        if is_anew && believed.status_edits != truth.status_edits && ghost.last_edit_of_status != truth.status_edits {
            // It began before the status was lost and could not see it.
            ghost.last_edit_of_status = truth.status_edits;
            ghost.lose_track(1);
        }
        if ghost.deleted_at.is_some_and(|at| later(at, BEFORE_A_SEND) < now) {
            let what = "sent for an object that was deleted".to_owned();
            self.violate(Invariant::DeletionClearsOursAndNothingElse, what);
        }
        let Some(newest) = self.cloud.newest(&model.specs[resource].key).cloned() else { return };
        if newest.maker() == Some(model.specs[resource].label.as_str())
            || newest.details.row.status == RowStatus::Inactive
        {
            return;
        }
        let id = newest.id();
        let rival = model.specs.iter().position(|spec| newest.maker() == Some(spec.label.as_str()));
        let lives = rival.is_some_and(|rival| !self.objects[rival].gone && !self.objects[rival].deleting);
        let look = self.processes[process].views[resource].knowledge.look.as_ref();
        let was_seen = look.is_some_and(|look| look.rows.iter().any(|row| row.deployment_id == id));
        if !was_seen && !lives && newest.shown_at.is_none_or(|at| later(at, BEFORE_A_SEND) >= now) {
            return;
        }
        let base = believed.memory.intent.as_ref().and_then(|intent| intent.base.as_deref());
        let ghost = &self.ghosts[resource];
        let asked = base == Some(id) && ghost.redeploys > newest.redeploys_before && ghost.last_made.is_some();
        if !asked {
            let known = if was_seen { "seen" } else { "there to be seen" };
            let what = format!("{id} is somebody else's, was {known}, and is overwritten");
            self.violate(Invariant::NothingForeignIsOverwritten, what);
        }
    }

    fn judge_release(&mut self, model: &Model, resource: usize) {
        let spec = &model.specs[resource];
        let is_ours = |maker: Option<&str>| maker == Some(spec.label.as_str());
        let live = self.cloud.newest(&spec.key).filter(|newest| newest.details.row.status == RowStatus::Active);
        let live = live.filter(|live| is_ours(live.maker())).map(|live| live.id().to_owned());
        let late = self.cloud.late.iter().any(|late| {
            is_ours(late.request.tags.get(RESOURCE).map(String::as_str)) && self.cloud.would_make(model.reuse, late)
        });
        let kept = self.cloud.deployments.iter().find(|deployment| {
            // One that was cancelled and does not show a moment later is taken for deleted, and a list may miss a young one.
            let is_old = later(deployment.details.row.created_at, LONGEST_LAG) < self.now;
            let is_superseded = deployment.details.row.status == RowStatus::Inactive && !deployment.is_hidden();
            model.scenario.policy == DeletionPolicy::Delete && is_ours(deployment.maker()) && is_superseded && is_old
        });
        let left = match (live, kept) {
            (Some(live), _) => Some(format!("{live} in force")),
            (None, Some(kept)) => Some(format!("{} not deleted", kept.id())),
            (None, None) => late.then(|| "a request on its way".to_owned()),
        };
        let Some(what) = left.filter(|_| !self.ghosts[resource].lost_track) else { return };
        self.violate(Invariant::DeletionClearsOursAndNothingElse, format!("released with {what}"));
    }

    /// Every deployment that a request made since the last time is one that was asked for.
    pub(crate) fn judge(&mut self, model: &Model) {
        for made in std::mem::take(&mut self.cloud.fresh) {
            let maker = model.specs.iter().position(|spec| made.maker() == Some(spec.label.as_str()));
            let resource = maker.expect("the model's objects make the requests");
            self.was_asked_for(model, resource, &made);
            self.stands_for_one_content(resource, &made);
            for (sub, spec) in model.specs.iter().enumerate() {
                if spec.key.parent.as_ref() == Some(&model.specs[resource].key.target) && !self.objects[sub].gone {
                    // The parent's new revision has ended it.
                    std::rc::Rc::make_mut(&mut self.ghosts[sub]).requested(&self.objects[sub]);
                }
            }
        }
    }

    fn was_asked_for(&mut self, model: &Model, resource: usize, made: &Deployment) {
        let tags = &made.details.tags;
        let content = model.specs[resource].digests.iter().position(|digest| tags.get(DIGEST) == Some(digest));
        let change = (content.expect("a content of the model"), Model::redeploy_of(tags.get(REDEPLOY)));
        let ghost = std::rc::Rc::make_mut(&mut self.ghosts[resource]);
        ghost.last_made = Some(made.id().to_owned());
        // Every change that a newer one has overtaken is done with; but each of the parent's revisions asks for one.
        let is_sub = model.specs[resource].key.parent.is_some();
        let mut owed = ghost.owed.iter();
        let index = if is_sub { owed.position(|owed| *owed == change) } else { owed.rposition(|owed| *owed == change) };
        if let Some(index) = index {
            ghost.owed.drain(..=index);
        } else if ghost.excuses > 0 {
            ghost.excuses -= 1;
        } else {
            let what = format!("{} was made for no change: {change:?} of {:?}", made.id(), ghost.owed);
            self.violate(Invariant::OneRevisionPerChange, what);
        }
    }

    fn stands_for_one_content(&mut self, resource: usize, made: &Deployment) {
        let ordinal = |of: &Deployment| of.details.tags.get(INTENT)?.split_once('.').map(|(n, _)| n.to_owned());
        let other = self.cloud.deployments.iter().find(|other| {
            other.maker() == made.maker()
                && ordinal(other) == ordinal(made)
                && other.details.tags.get(DIGEST) != made.details.tags.get(DIGEST)
        });
        if let Some(other) = other.filter(|_| !self.ghosts[resource].lost_track) {
            let what = format!("{} and {} have one ordinal and two contents", other.id(), made.id());
            self.violate(Invariant::OneContentPerOrdinal, what);
        }
    }

    /// At rest, with no more faults: the newest change is in force, or the status says why not.
    pub(crate) fn judge_rest(&mut self, model: &Model) {
        for resource in 0..self.objects.len() {
            if let Some(what) = self.verdict(model, resource) {
                self.violate(Invariant::ComesLiveOrSaysWhyNot, what);
            }
        }
    }

    fn verdict(&self, model: &Model, resource: usize) -> Option<String> {
        let (object, spec) = (&self.objects[resource], &model.specs[resource]);
        let is = |reason: &str| (object.ready != reason).then(|| format!("{:?} instead of {reason}", object.ready));
        if object.gone {
            return None;
        }
        if object.deleting {
            return Some("never released".into());
        }
        // Not found out yet: a re-created object begins again with the first token, and where AWS refuses one that it knows with
        // other parameters, that looks as if the spec were wrong, until AWS forgets the token.
        let refused = !self.cloud.tokens.is_empty() && object.memory.intent.is_some();
        if model.reuse == Reuse::Refused && object.uid > 0 && refused && object.ready == "InvalidSpec" {
            return None;
        }
        let Some(newest) = self.cloud.newest(&spec.key) else { return is("Drifted") };
        if newest.maker() != Some(spec.label.as_str()) {
            let says = matches!(object.ready.as_str(), "ForeignRevision" | "TargetConflict" | "Drifted");
            return (!says).then(|| format!("{:?} under somebody else's", object.ready));
        }
        let tags = &newest.details.tags;
        let redeploy = crate::model::REDEPLOYS[usize::from(object.redeploy)];
        let is_handled = object.redeploy == 0 || object.memory.redeploy_at.as_deref() == Some(redeploy);
        let has_it = tags.get(DIGEST) == Some(&spec.digests[object.content]) && is_handled;
        let recorded = object.memory.deployment.as_ref().map(|own| own.deployment_id.as_str());
        match newest.details.row.status {
            RowStatus::Inactive => is("Drifted"),
            _ if !has_it => Some(format!("{} is not what is wanted: {:?}", newest.id(), object.ready)),
            RowStatus::Canceled => is("RolloutCanceled"),
            _ if recorded != Some(newest.id()) => Some(format!("{} is not recorded", newest.id())),
            _ => is("Deployed"),
        }
    }
}
