//! What happens by itself as time passes, and what calls set in motion: rollouts, devices at work, time-outs, deletions. Pure.
//!
//! Nothing runs in the background. Every call first lets happen what was due before it, in order and at its own time, so that hours pass in
//! milliseconds and a run can be repeated.

mod finish;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{
    Partition,
    agenda::Due,
    deployments::View,
    devices::{Work, resolution::Catalogue},
    document::{Document, Root},
    jobs::End,
};
use crate::{
    deployment::DeploymentStatus,
    job::ExecutionStatus,
    scope::Target,
    switches::{AbortedDeployment, RolloutQueues, Switches},
};
use finish::finish;

/// A rollout hands out executions once a second.
const ROLLOUT_STEP: SignedDuration = SignedDuration::from_secs(1);

/// What `DescribeJob` says of a job that an abort criterion stopped. The service's own words are not public.
const ABORTED: &str = "ABORT_CRITERIA_MET";

impl Partition {
    /// Lets everything happen that was due by now.
    pub(crate) fn run_until(&mut self, now: Timestamp, switches: &Switches) {
        while let Some((at, due)) = self.agenda.next(now) {
            match due {
                Due::RollOut { job } => self.roll_out(&job, at),
                Due::Wake { device } => self.work(&device, at),
                Due::Report { device, run } => self.device_reports(&device, run, at, switches),
                Due::TimeOut { job, thing, number } => self.time_out(&job, &thing, number, at, switches),
                Due::Deleted { job } => self.job_is_deleted(&job),
                Due::SystemInstance { name, write } => self.system_instance_goes_on(&name, write, at, switches),
            }
        }
    }

    /// A deployment was made: its job begins to roll out, or its document goes to the thing's shadow.
    pub(super) fn announce(&mut self, number: u64, switches: &Switches, now: Timestamp) {
        let Some((document, configuration)) = self.deployments.to_announce(number) else {
            return;
        };
        let target = Arc::clone(&document.target_arn);
        match Target::of(&target) {
            Some(Target::ThingGroup(group)) => {
                let members = self.things.members(group);
                let id = document.job_id.as_deref().unwrap_or_default();
                let at_once = switches.rollout_queues == RolloutQueues::AtOnce;
                let queued = if at_once { members.clone() } else { Vec::new() };
                let job = self.jobs.create(id, number, group, &configuration, members, now);
                if let Some(made) = self.jobs.get_mut(&job) {
                    for thing in &queued {
                        made.queue(thing, now);
                    }
                }
                self.agenda.note(now, Due::RollOut { job });
            }
            Some(Target::Thing(thing)) => {
                let thing: Arc<str> = Arc::from(thing);
                self.shadows.ask(&thing, &document, now);
                self.tell(&thing, Work::Shadow(number), &document, now);
            }
            None => {}
        }
    }

    /// A newer revision has taken the place of a deployment: its job ends. In a shadow the new document simply replaces the old one.
    pub(super) fn supersede(&mut self, number: u64, now: Timestamp) {
        if let Some(job) = self.deployments.document(number).and_then(|document| document.job_id.clone()) {
            self.jobs.cancel(&job, End::default(), now);
        }
    }

    /// A deployment was cancelled: devices that don't have it won't get it.
    pub(super) fn withdraw(&mut self, number: u64, end: End, now: Timestamp) {
        let Some(document) = self.deployments.document(number) else {
            return;
        };
        if let Some(job) = &document.job_id {
            self.jobs.cancel(job, end, now);
        } else if let Some(Target::Thing(thing)) = Target::of(&document.target_arn) {
            self.shadows.cancel(thing, &document, now);
            if let Some(device) = self.devices.get_mut(thing) {
                device.dismiss(&document, ExecutionStatus::Canceled, now);
            }
        }
    }

    /// The deletion of a job is complete. Devices remember how its executions ended, which nobody else can tell any more.
    fn job_is_deleted(&mut self, id: &str) {
        let Some(job) = self.jobs.remove(id) else {
            return;
        };
        if let Some(document) = self.deployments.document(job.deployment) {
            for (thing, execution) in job.executions() {
                // One that is still at work reports by itself.
                if let Some(device) = self.devices.get_mut(thing).filter(|_| !execution.status.is_open()) {
                    device.settle(&document, execution.status, execution.report.clone(), execution.updated);
                }
            }
        }
    }

    fn roll_out(&mut self, id: &Arc<str>, at: Timestamp) {
        let Some(job) = self.jobs.get_mut(id) else {
            return;
        };
        let told = job.rollout.next_second(job.counts().succeeded);
        let complete = job.rollout.is_complete();
        for thing in told {
            // A device that came when the execution was waiting for its turn may have done it before.
            let is_done =
                self.jobs.get(id).and_then(|job| job.execution(&thing)).is_some_and(|done| !done.status.is_open());
            if !is_done {
                self.hand_out(id, &thing, at);
            }
        }
        if !complete && let Ok(next) = at.checked_add(ROLLOUT_STEP) {
            self.agenda.note(next, Due::RollOut { job: Arc::clone(id) });
        }
    }

    /// The thing gets an execution of the job, unless it has one that is open, and its device is told.
    pub(super) fn hand_out(&mut self, id: &Arc<str>, thing: &Arc<str>, at: Timestamp) {
        let open = self.jobs.open(id, thing).is_some();
        let Some(job) = self.jobs.get_mut(id) else {
            return;
        };
        if !open {
            job.queue(thing, at);
        }
        if let Some(document) = self.deployments.document(job.deployment) {
            self.tell(thing, Work::Job(Arc::clone(id)), &document, at);
        }
    }

    fn tell(&mut self, thing: &Arc<str>, work: Work, document: &Arc<Document>, at: Timestamp) {
        // A device that is away for months would keep a list of revisions that are long replaced.
        let waiting = self.devices.get(thing).map(|device| device.waiting().to_vec()).unwrap_or_default();
        let waiting = waiting.into_iter().filter(|work| self.is_to_be_done(thing, work)).collect();
        if let Some(device) = self.devices.get_mut(thing) {
            device.wait_for(waiting);
            // The lite nucleus doesn't look at the shadow: aws-greengrass-lite, ggdeploymentd.
            if device.is_lite() && matches!(work, Work::Shadow(_)) {
                return;
            }
            device.tell(work);
            device.note(document, ExecutionStatus::Queued, None, at);
            self.agenda.note(at, Due::Wake { device: Arc::clone(thing) });
        }
    }

    /// A new device asks what its thing was told before, the oldest first.
    pub(super) fn catch_up(&mut self, thing: &Arc<str>, now: Timestamp) {
        let jobs = self.jobs.queued_on(thing).into_iter().map(|(number, job)| (number, Work::Job(job)));
        let shadow = self.deployments.active_of(&self.scope.thing_arn(thing));
        let mut work: Vec<(u64, Work)> = jobs.chain(shadow.map(|number| (number, Work::Shadow(number)))).collect();
        work.sort_unstable_by_key(|(number, _)| *number);
        for (number, work) in work {
            if let Some(document) = self.deployments.document(number) {
                self.tell(thing, work, &document, now);
            }
        }
    }

    /// A device that has its hands free and a connection takes up the next thing to do.
    fn work(&mut self, name: &Arc<str>, at: Timestamp) {
        while let Some(device) = self.devices.get_mut(name) {
            match device.online_from(at) {
                Some(online) if online <= at => {}
                Some(later) => return self.agenda.note(later, Due::Wake { device: Arc::clone(name) }),
                None => return,
            }
            let Some(work) = device.next_work() else {
                return;
            };
            if let Some(document) = self.taken_up(name, &work, at) {
                return self.begin(name, work, &document, at);
            }
        }
    }

    /// The document of a piece of work that is still to be done; the service learns that the device has begun.
    fn taken_up(&mut self, name: &Arc<str>, work: &Work, at: Timestamp) -> Option<Arc<Document>> {
        match work {
            Work::Job(id) => {
                // A restarted device finds its execution in progress, and takes it up again.
                let begun = self.jobs.open(id, name)?.status == ExecutionStatus::InProgress;
                let job = self.jobs.get_mut(id)?;
                let number = job.deployment;
                if !begun && let Some((end, execution)) = job.start(name, at) {
                    let time_out = Due::TimeOut { job: Arc::clone(id), thing: Arc::clone(name), number: execution };
                    self.agenda.note(end, time_out);
                }
                self.deployments.document(number)
            }
            Work::Shadow(number) => self.deployments.document(*number).filter(|_| self.is_to_be_done(name, work)),
        }
    }

    /// Whether what a device was told is still asked of it.
    fn is_to_be_done(&self, name: &str, work: &Work) -> bool {
        match work {
            Work::Job(id) => self.jobs.open(id, name).is_some(),
            // The shadow goes with its thing.
            Work::Shadow(number) => self
                .deployments
                .document(*number)
                .is_some_and(|document| self.deployments.is_active(*number) && self.shadows.asks_for(name, &document)),
        }
    }

    fn begin(&mut self, name: &Arc<str>, work: Work, document: &Arc<Document>, at: Timestamp) {
        let to_thing = matches!(work, Work::Shadow(_));
        let Some(device) = self.devices.get_mut(name) else {
            return;
        };
        // The device asks which groups it is in: what a group that it has left asked for is booked no more. It goes by the names that it books under,
        // which for a subdeployment is the fleet's (aws-greengrass-nucleus, `DefaultDeploymentTask`).
        let things = &self.things;
        device.software_mut().leave(|root| match root {
            Root::Group(group) => *root == document.root || things.is_member(name, group),
            Root::Thing => true,
        });
        let ends = device.begin(work, document, at);
        device.note(document, ExecutionStatus::InProgress, None, at);
        let run = device.running().map_or(0, |run| run.number);
        if to_thing {
            let version = device.core_version();
            self.shadows.report(name, document, ExecutionStatus::InProgress, None, &version, at);
        }
        if let Some(end) = ends {
            self.agenda.note(end, Due::Report { device: Arc::clone(name), run });
        }
    }

    /// A device is done. Without a connection it keeps its report until it has one.
    fn device_reports(&mut self, name: &Arc<str>, run: u64, at: Timestamp, switches: &Switches) {
        let Some(device) = self.devices.get_mut(name) else {
            return;
        };
        if device.running().is_none_or(|running| running.number != run) {
            return;
        }
        match device.online_from(at) {
            Some(online) if online <= at => {}
            Some(later) => return self.agenda.note(later, Due::Report { device: Arc::clone(name), run }),
            // Looked at again when somebody connects it.
            None => return,
        }
        let Some(run) = device.put_down() else {
            return;
        };
        let catalogue = Catalogue { components: &self.components, switches, now: at };
        let report = finish(device, &run, catalogue);
        device.note(&run.document, report.status, Some(Arc::clone(&report)), at);
        device.report_health(report.detailed == "FAILED_UNABLE_TO_ROLLBACK", at);
        let version = device.core_version();
        match &run.work {
            Work::Job(id) => {
                if let Some(job) = self.jobs.get_mut(id) {
                    job.report(name, &report, at);
                }
                self.abort_if_too_bad(id, switches, at);
            }
            Work::Shadow(number) => {
                self.shadows.report(name, &run.document, report.status, Some(&report), &version, at);
                let status = match report.status {
                    ExecutionStatus::Succeeded => DeploymentStatus::Completed,
                    _ => DeploymentStatus::Failed,
                };
                if self.is_to_be_done(name, &run.work) {
                    self.deployments.set_status(*number, status, at);
                }
            }
        }
        self.work(name, at);
    }

    fn time_out(&mut self, id: &Arc<str>, thing: &str, number: u64, at: Timestamp, switches: &Switches) {
        let Some(job) = self.jobs.get_mut(id) else {
            return;
        };
        let is_same = |job: &super::jobs::Job| {
            let execution = job.execution(thing);
            execution.is_some_and(|found| found.number == number && found.status == ExecutionStatus::InProgress)
        };
        if is_same(job) {
            job.close(thing, ExecutionStatus::TimedOut, at);
            self.abort_if_too_bad(id, switches, at);
        }
    }

    fn abort_if_too_bad(&mut self, id: &Arc<str>, switches: &Switches, at: Timestamp) {
        let Some(job) = self.jobs.get(id).filter(|job| job.must_abort()) else {
            return;
        };
        let number = job.deployment;
        let end = End {
            reason_code: Some(ABORTED.to_owned()),
            comment: Some("Abort criteria of the job are met".to_owned()),
            forced: false,
        };
        self.jobs.cancel(id, end, at);
        let status = match switches.aborted_deployment {
            AbortedDeployment::Canceled => DeploymentStatus::Canceled,
            AbortedDeployment::Failed => DeploymentStatus::Failed,
        };
        self.deployments.set_status(number, status, at);
    }

    /// Somebody says how a deployment ended, in place of its devices. `None` when there is no such deployment.
    pub(super) fn force_status(&mut self, id: &str, status: DeploymentStatus, now: Timestamp) -> Option<()> {
        let number = self.deployments.get(id, View::now())?.0.number;
        match status {
            DeploymentStatus::Canceled | DeploymentStatus::Inactive => self.withdraw(number, End::default(), now),
            DeploymentStatus::Failed => self.supersede(number, now),
            DeploymentStatus::Active | DeploymentStatus::Completed => {}
        }
        self.deployments.set_status(number, status, now);
        let told = match status {
            DeploymentStatus::Completed => ExecutionStatus::Succeeded,
            DeploymentStatus::Failed => ExecutionStatus::Failed,
            DeploymentStatus::Active | DeploymentStatus::Canceled | DeploymentStatus::Inactive => return Some(()),
        };
        let document = self.deployments.document(number)?;
        if let Some(Target::Thing(thing)) = Target::of(&document.target_arn)
            && let Some(device) = self.devices.get_mut(thing)
        {
            device.dismiss(&document, told, now);
        }
        Some(())
    }

    /// Somebody has changed a device: it looks anew at what there is to do and to report.
    pub(super) fn nudge(&mut self, name: &Arc<str>, now: Timestamp) {
        if let Some(run) = self.devices.get(name).and_then(|device| device.running())
            && let Some(end) = run.ends
        {
            let run = run.number;
            self.agenda.note(end.max(now), Due::Report { device: Arc::clone(name), run });
        }
        self.agenda.note(now, Due::Wake { device: Arc::clone(name) });
    }
}
