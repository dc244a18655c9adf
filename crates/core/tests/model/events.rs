//! Everything that can happen next in a state. Pure.

use std::rc::Rc;
use std::time::Duration;

use greengrass_operator_core::deployment::decide::{Change, Query, Step, Why};
use greengrass_operator_core::deployment::knowledge::{Row, RowStatus, later};
use greengrass_operator_core::names::TargetArn;

use crate::cloud::{LONGEST_LAG, Read};
use crate::model::{Budget, Fate, Model};
use crate::rules::DisabledRule;
use crate::world::World;

/// More than AWS keeps a token for.
const EIGHT_HOURS: Duration = Duration::from_mins(8 * 60 + 1);

/// What becomes of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Fine,
    /// It makes a deployment that does not show yet.
    Hidden,
    HiddenAndReplyLost,
    Fate(Fate),
    ReadFails,
    /// A read that does not show what is younger than the longest lag.
    Stale,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// A step of a process (0 leads, 1 led and goes on) for a resource.
    Step {
        process: usize,
        resource: usize,
        outcome: Outcome,
    },
    /// A cache catches up.
    Watch {
        process: usize,
        resource: usize,
    },
    /// Time passes until something is due.
    Wait,
    /// A request that was late arrives.
    Arrive {
        late: usize,
        hidden: bool,
    },
    /// A deployment shows in a read.
    Show {
        deployment: usize,
        read: Read,
    },
    Edit(usize),
    Redeploy(usize),
    Crash,
    FailOver,
    LoseStatus(usize),
    RestoreStatus(usize),
    Delete(usize),
    Create(usize),
    SomebodyDeploys(usize),
    SomebodyDeletesNewest(usize),
    SomebodyCancelsNewest(usize),
    Pause(u64),
    EightHours,
}

/// Of what another process may have sent of an intent that it recorded itself, a process can't know. So it has to be sure of its
/// leadership when it changes or closes one; the one that led before is not.
fn gives_up_an_intent(step: &Step) -> bool {
    matches!(step, Step::Write(Change::Remember(_, Why::Rebound | Why::Closed)))
}

impl World {
    /// All that can happen next, and what comes of it.
    pub(crate) fn successors(&self, model: &Model, visit: &mut dyn FnMut(Action, Self)) {
        self.steps(model, visit);
        for (process, resource) in self.views() {
            if self.is_behind(process, resource) {
                let mut next = self.clone();
                next.watch(process, resource);
                visit(Action::Watch { process, resource }, next);
            }
        }
        if self.leader_rests() {
            let mut next = self.clone();
            next.wait(model);
            visit(Action::Wait, next);
        }
        self.arrivals(model, visit);
        self.happenings(model, visit);
        for resource in 0..self.objects.len() {
            self.owner(model, resource, visit);
            self.others(model, resource, visit);
        }
    }

    pub(crate) fn views(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (processes, resources) = (self.processes.len(), self.objects.len());
        (0..processes).flat_map(move |process| (0..resources).map(move |resource| (process, resource)))
    }

    pub(crate) fn is_behind(&self, process: usize, resource: usize) -> bool {
        self.processes[process].views[resource].object.version != self.objects[resource].version
    }

    fn steps(&self, model: &Model, visit: &mut dyn FnMut(Action, Self)) {
        for (process, resource) in self.views() {
            if self.processes[process].views[resource].resting {
                continue;
            }
            let mut before = self.clone();
            let Some(decided) = before.decide(model, process, resource) else { continue };
            let fenced = !model.leaves_out(DisabledRule::OnlyTheLeaderGivesUpAnIntent);
            if process > 0 && fenced && gives_up_an_intent(&decided.step) {
                continue;
            }
            let mut go = |outcome: Outcome, spend: &dyn Fn(&mut Budget)| {
                let mut next = before.clone();
                spend(&mut next.budget);
                next.perform(model, (process, resource), &decided, outcome);
                visit(Action::Step { process, resource, outcome }, next);
            };
            go(Outcome::Fine, &|_| {});
            match &decided.step {
                Step::Ask(Query::Object | Query::Claimants) | Step::Rest(_) => {}
                Step::Ask(query) => {
                    if self.budget.failing_reads > 0 {
                        go(Outcome::ReadFails, &|budget| budget.failing_reads -= 1);
                    }
                    let is_young = |row: &Row| later(row.created_at, LONGEST_LAG) > self.now;
                    let may_miss = matches!(query, Query::Look | Query::Deployment(_))
                        && self.cloud.deployments.iter().any(|d| !d.is_hidden() && is_young(&d.details.row));
                    if self.budget.stale_reads > 0 && may_miss {
                        go(Outcome::Stale, &|budget| budget.stale_reads -= 1);
                    }
                }
                Step::Write(Change::Create { .. }) => {
                    let is_lagging = self.budget.lags > 0;
                    if is_lagging {
                        go(Outcome::Hidden, &|budget| budget.lags -= 1);
                    }
                    if self.budget.faults > 0 {
                        for fate in model.scenario.fates {
                            go(Outcome::Fate(*fate), &|budget| budget.faults -= 1);
                        }
                        if is_lagging && model.scenario.fates.contains(&Fate::ReplyLost) {
                            go(Outcome::HiddenAndReplyLost, &|budget| {
                                budget.faults -= 1;
                                budget.lags -= 1;
                            });
                        }
                    }
                }
                Step::Write(_) => {}
            }
        }
    }

    fn arrivals(&self, model: &Model, visit: &mut dyn FnMut(Action, Self)) {
        for late in 0..self.cloud.late.len() {
            for hidden in [false, true] {
                if hidden && self.budget.lags == 0 {
                    continue;
                }
                let mut next = self.clone();
                next.budget.lags -= u8::from(hidden);
                next.cloud.arrive(late, model.reuse, hidden, next.now);
                next.judge(model);
                visit(Action::Arrive { late, hidden }, next);
            }
        }
        for (index, deployment) in self.cloud.deployments.iter().enumerate() {
            for (read, shown) in [(Read::List, deployment.listed), (Read::Get, deployment.readable)] {
                if !shown {
                    let mut next = self.clone();
                    next.cloud.show(index, read, next.now);
                    visit(Action::Show { deployment: index, read }, next);
                }
            }
        }
    }

    /// What happens to processes and time.
    fn happenings(&self, model: &Model, visit: &mut dyn FnMut(Action, Self)) {
        if self.budget.crashes > 0 {
            let mut next = self.clone();
            next.budget.crashes -= 1;
            next.crash();
            visit(Action::Crash, next);
        }
        if self.budget.fail_overs > 0 {
            let mut next = self.clone();
            next.budget.fail_overs -= 1;
            next.fail_over();
            visit(Action::FailOver, next);
        }
        if self.budget.pauses > 0 {
            for seconds in model.scenario.pauses {
                let mut next = self.clone();
                next.budget.pauses -= 1;
                next.advance(model, later(next.now, Duration::from_secs(*seconds)));
                visit(Action::Pause(*seconds), next);
            }
        }
        if self.budget.eight_hours > 0 {
            let mut next = self.clone();
            next.budget.eight_hours -= 1;
            next.advance(model, later(next.now, EIGHT_HOURS));
            visit(Action::EightHours, next);
        }
    }

    /// What the object's owner does, and what happens to the object.
    fn owner(&self, model: &Model, resource: usize, visit: &mut dyn FnMut(Action, Self)) {
        let object = &self.objects[resource];
        let budget = &self.budget;
        let mut go = |action: Action, change: &dyn Fn(&mut Self)| {
            let mut next = self.clone();
            change(&mut next);
            visit(action, next);
        };
        if budget.creations > 0 && (object.gone || !object.finalizer) {
            go(Action::Create(resource), &|next| {
                next.budget.creations -= 1;
                next.create(model, resource);
            });
        }
        if object.gone {
            return;
        }
        if budget.edits > 0 && !object.deleting {
            go(Action::Edit(resource), &|next| {
                next.budget.edits -= 1;
                next.request(resource, |object| {
                    object.content = 1 - object.content;
                    object.generation += 1;
                });
            });
        }
        if budget.redeploys > 0 && !object.deleting {
            go(Action::Redeploy(resource), &|next| {
                next.budget.redeploys -= 1;
                Rc::make_mut(&mut next.ghosts[resource]).redeploys += 1;
                next.request(resource, |object| object.redeploy += 1);
            });
        }
        if budget.deletions > 0 && !object.deleting {
            go(Action::Delete(resource), &|next| {
                next.budget.deletions -= 1;
                Rc::make_mut(&mut next.ghosts[resource]).deleted_at = Some(next.now);
                next.change(resource, |object| {
                    object.deleting = true;
                    object.gone = !object.finalizer;
                });
            });
        }
        if budget.losses > 0 {
            go(Action::LoseStatus(resource), &|next| {
                next.budget.losses -= 1;
                next.set_memory(model, resource, greengrass_operator_core::deployment::memory::Memory::default());
            });
        }
        if budget.restores > 0 {
            go(Action::RestoreStatus(resource), &|next| {
                next.budget.restores -= 1;
                let past = (*next.past[resource]).clone();
                next.set_memory(model, resource, past);
            });
        }
    }

    /// What others do in AWS.
    fn others(&self, model: &Model, resource: usize, visit: &mut dyn FnMut(Action, Self)) {
        let key = &model.specs[resource].key;
        if model.specs[..resource].iter().any(|spec| spec.key == *key) {
            return;
        }
        let budget = &self.budget;
        if budget.foreign > 0 {
            let mut next = self.clone();
            next.budget.foreign -= 1;
            let parent = key.parent.as_ref().map(TargetArn::as_str);
            next.cloud.add(key.target.as_str(), parent, [].into(), Some(next.now), next.now);
            let made = next.cloud.deployments.last_mut().unwrap();
            Rc::make_mut(made).redeploys_before = next.ghosts[resource].redeploys;
            visit(Action::SomebodyDeploys(resource), next);
        }
        let Some(newest) = self.cloud.newest(key) else { return };
        if budget.removals > 0 {
            let mut next = self.clone();
            next.budget.removals -= 1;
            for (maker, spec) in model.specs.iter().enumerate() {
                if newest.maker() == Some(spec.label.as_str()) {
                    // If nothing is remembered of it, it is made again.
                    Rc::make_mut(&mut next.ghosts[maker]).excuses += 1;
                }
            }
            next.cloud.remove(newest.id());
            visit(Action::SomebodyDeletesNewest(resource), next);
        }
        if budget.cancellations > 0 && newest.details.row.status == RowStatus::Active {
            let mut next = self.clone();
            next.budget.cancellations -= 1;
            next.cloud.set_status(newest.id(), RowStatus::Canceled);
            visit(Action::SomebodyCancelsNewest(resource), next);
        }
    }
}
