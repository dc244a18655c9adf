//! What calls show of jobs and executions. Pure.

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Execution, Job, Jobs, NAMESPACE};
use crate::{
    error::ServiceError,
    job::{ExecutionCounts, ExecutionStatus, JobStatus},
    scope::Scope,
    state::{
        Answer, Input,
        operations::epoch_seconds,
        paging::Paging,
        things::{PAGE_SIZE, invalid, not_found, without_nulls},
    },
    switches::{JobNamespace, Switches},
};

impl Jobs {
    /// A job that a call names.
    pub(in crate::state) fn named(&self, id: &str) -> Result<&Job, ServiceError> {
        self.seen(id, None)
    }

    /// A job that a call names, if it was there at a time; `None` for the present.
    fn seen(&self, id: &str, at: At) -> Result<&Job, ServiceError> {
        self.get(id).filter(|job| job.is_seen(at)).ok_or_else(|| not_found("job", id))
    }

    /// Status and counts of every job, for people and tests.
    pub(in crate::state) fn report(&self) -> Value {
        let jobs = self.all().map(|job| {
            let shown = json!({
                "thingGroup": &*job.group,
                "status": job.status,
                "executions": job.counts(),
                "rollingOut": !job.rollout.is_complete(),
            });
            (job.id.to_string(), shown)
        });
        Value::Object(jobs.collect())
    }

    pub(in crate::state) fn describe(
        &self,
        scope: &Scope,
        input: &Input,
        at: At,
        switches: &Switches,
        now: Timestamp,
    ) -> Result<Answer, ServiceError> {
        let job = self.seen(input.required("jobId"), at)?;
        Ok(Answer::ok(without_nulls(json!({"job": job.description(scope, at, switches, now)}))))
    }

    pub(in crate::state) fn list(
        &self,
        scope: &Scope,
        input: &Input,
        at: At,
        group_id: impl Fn(&str) -> Option<String>,
        switches: &Switches,
    ) -> Result<Answer, ServiceError> {
        let namespace = in_namespace(input, switches);
        let continuous = input.text("targetSelection").is_none_or(|selection| selection == "CONTINUOUS");
        let status = Wanted::<JobStatus>::of(input);
        let group = input.text("thingGroupName");
        let id = input.text("thingGroupId");
        let passes = |job: &Job| {
            namespace
                && continuous
                && job.is_seen(at)
                && status.includes(job.status_at(at))
                && group.is_none_or(|group| *job.group == *group)
                && id.is_none_or(|id| group_id(&job.group).as_deref() == Some(id))
        };
        // Newest first, as the console and the CLI's example show them.
        let mut jobs: Vec<&Job> = self.all().filter(|job| passes(job)).collect();
        jobs.sort_by_key(|job| std::cmp::Reverse(job.deployment));
        let description = [namespace_of(input), input.text("status"), input.text("targetSelection"), group, id];
        let description = description.map(Option::unwrap_or_default);
        let page = Paging::of(&[&["jobs"], &description[..]].concat()).page(
            jobs,
            input.page_size(PAGE_SIZE),
            input.text("nextToken"),
            |job| job.deployment.to_string(),
            |job, after| after.parse().is_ok_and(|after: u64| job.deployment < after),
        );
        let (page, next) = page.map_err(|_| invalid("invalid nextToken"))?;
        let page: Vec<Value> =
            page.into_iter().map(|job| job.summary(scope, at, group_id(&job.group).as_deref())).collect();
        Ok(Answer::ok(without_nulls(json!({"jobs": page, "nextToken": next}))))
    }

    pub(in crate::state) fn list_executions(
        &self,
        scope: &Scope,
        input: &Input,
        at: At,
    ) -> Result<Answer, ServiceError> {
        let job = self.seen(input.required("jobId"), at)?;
        let status = Wanted::of(input);
        let executions = job.executions.iter().filter(|(_, execution)| execution.passes(&status, at));
        let page = Paging::of(&["executions", &job.id, input.text("status").unwrap_or_default()]).page(
            executions,
            input.page_size(PAGE_SIZE),
            input.text("nextToken"),
            |(thing, _)| thing.to_string(),
            |(thing, _), after| ***thing > *after,
        );
        let (page, next) = page.map_err(|_| invalid("invalid nextToken"))?;
        let page: Vec<Value> = page
            .into_iter()
            .map(|(thing, execution)| {
                json!({"thingArn": scope.thing_arn(thing), "jobExecutionSummary": execution.summary(at)})
            })
            .collect();
        Ok(Answer::ok(without_nulls(json!({"executionSummaries": page, "nextToken": next}))))
    }

    pub(in crate::state) fn list_executions_of(
        &self,
        input: &Input,
        at: At,
        switches: &Switches,
    ) -> Result<Answer, ServiceError> {
        let thing = input.required("thingName");
        let status = Wanted::of(input);
        let id = input.text("jobId");
        let namespace = in_namespace(input, switches);
        let mut executions: Vec<(&Job, &Execution)> = self
            .all()
            .filter(|job| namespace && id.is_none_or(|id| *job.id == *id))
            .filter_map(|job| Some((job, job.executions.get(thing)?)))
            .filter(|(_, execution)| execution.passes(&status, at))
            .collect();
        executions.sort_by_key(|(job, _)| std::cmp::Reverse(job.deployment));
        let description = [Some(thing), namespace_of(input), input.text("status"), id].map(Option::unwrap_or_default);
        let page = Paging::of(&[&["executions of"], &description[..]].concat()).page(
            executions,
            input.page_size(PAGE_SIZE),
            input.text("nextToken"),
            |(job, _)| job.deployment.to_string(),
            |(job, _), after| after.parse().is_ok_and(|after: u64| job.deployment < after),
        );
        let (page, next) = page.map_err(|_| invalid("invalid nextToken"))?;
        let page: Vec<Value> = page
            .into_iter()
            .map(|(job, execution)| json!({"jobId": &*job.id, "jobExecutionSummary": execution.summary(at)}))
            .collect();
        Ok(Answer::ok(without_nulls(json!({"executionSummaries": page, "nextToken": next}))))
    }

    pub(in crate::state) fn describe_execution(
        &self,
        scope: &Scope,
        input: &Input,
        at: At,
        now: Timestamp,
    ) -> Result<Answer, ServiceError> {
        let thing = input.required("thingName");
        let job = self.seen(input.required("jobId"), at)?;
        let number = input.get("executionNumber").as_u64();
        let execution = job
            .execution(thing)
            .filter(|execution| {
                number.is_none_or(|number| number == execution.number) && execution.status_at(at).is_some()
            })
            .ok_or_else(|| not_found("job execution of thing", thing))?;
        let status = execution.status_at(at);
        let left = job
            .time_out
            .filter(|_| status == Some(ExecutionStatus::InProgress))
            .and_then(|time_out| execution.started?.checked_add(time_out).ok())
            .map(|end| end.duration_since(at.unwrap_or(now)).as_secs().max(0));
        Ok(Answer::ok(without_nulls(json!({"execution": {
            "jobId": &*job.id,
            "status": status,
            "forceCanceled": (status == Some(execution.status) && execution.forced).then_some(true),
            "statusDetails": execution.report.as_ref().filter(|_| status == Some(execution.status)).map(|report| json!({"detailsMap": report.details()})),
            "thingArn": scope.thing_arn(thing),
            "queuedAt": epoch_seconds(execution.queued),
            "startedAt": execution.started_at(at).map(epoch_seconds),
            "lastUpdatedAt": epoch_seconds(execution.updated),
            "executionNumber": execution.number,
            "versionNumber": execution.version,
            "approximateSecondsBeforeTimedOut": left,
        }}))))
    }
}

fn namespace_of(input: &Input) -> Option<&str> {
    input.text("namespaceId")
}

/// Whether a call that names a namespace, or none, is about Greengrass's jobs.
pub(in crate::state) fn in_namespace(input: &Input, switches: &Switches) -> bool {
    namespace_of(input).map_or(switches.job_namespace == JobNamespace::Optional, |namespace| namespace == NAMESPACE)
}

/// When a stale read looks; `None` for the present.
type At = Option<Timestamp>;

/// The status that a list is filtered by.
enum Wanted<T> {
    All,
    Only(T),
    /// One that the model knows and nothing here ever has.
    None,
}

impl<T: DeserializeOwned + PartialEq + Copy> Wanted<T> {
    fn of(input: &Input) -> Self {
        match input.get("status") {
            Value::Null => Self::All,
            status => serde_json::from_value(status.clone()).map_or(Self::None, Self::Only),
        }
    }

    fn includes(&self, status: T) -> bool {
        match self {
            Self::All => true,
            Self::Only(wanted) => *wanted == status,
            Self::None => false,
        }
    }
}

impl Execution {
    /// How it stood at a time; `None` when it was not there. Of executions before a thing came back nothing is known any more.
    fn status_at(&self, at: At) -> Option<ExecutionStatus> {
        match at {
            Some(at) if at < self.queued => None,
            Some(at) if at < self.updated => {
                let begun = self.started.is_some_and(|started| started <= at);
                Some(if begun { ExecutionStatus::InProgress } else { ExecutionStatus::Queued })
            }
            Some(_) | None => Some(self.status),
        }
    }

    fn started_at(&self, at: At) -> Option<Timestamp> {
        self.started.filter(|started| at.is_none_or(|at| *started <= at))
    }

    fn passes(&self, wanted: &Wanted<ExecutionStatus>, at: At) -> bool {
        self.status_at(at).is_some_and(|status| wanted.includes(status))
    }

    fn summary(&self, at: At) -> Value {
        json!({
            "status": self.status_at(at),
            "queuedAt": epoch_seconds(self.queued),
            "startedAt": self.started_at(at).map(epoch_seconds),
            "lastUpdatedAt": epoch_seconds(self.updated),
            "executionNumber": self.number,
            "retryAttempt": 0,
        })
    }
}

impl Job {
    fn is_seen(&self, at: At) -> bool {
        at.is_none_or(|at| self.created <= at)
    }

    fn status_at(&self, at: At) -> JobStatus {
        let before = |end: Option<Timestamp>| at.is_some_and(|at| end.is_none_or(|end| at < end));
        if before(self.ended) {
            JobStatus::InProgress
        } else if before(self.deletion_began) {
            JobStatus::Canceled
        } else {
            self.status
        }
    }

    /// The counts as a call sees them: all zero for a while after the creation.
    fn visible_counts(&self, at: At, switches: &Switches, now: Timestamp) -> ExecutionCounts {
        let delay = SignedDuration::from_millis(i64::try_from(switches.job_counts_delay_ms).unwrap_or(i64::MAX));
        if at.unwrap_or(now).duration_since(self.created) < delay {
            return ExecutionCounts::default();
        }
        if at.is_none() {
            return self.counts;
        }
        let mut counts = ExecutionCounts::default();
        for status in self.executions.values().filter_map(|execution| execution.status_at(at)) {
            *counts.of(status) += 1;
        }
        counts
    }

    fn description(&self, scope: &Scope, at: At, switches: &Switches, now: Timestamp) -> Value {
        let counts = self.visible_counts(at, switches, now);
        let has_ended = self.status_at(at) != JobStatus::InProgress;
        let configuration = |name: &str| {
            // An empty one is as good as none: AWS's own CLI example sends it.
            let part = self.configuration.get(name).cloned().map(without_nulls);
            part.filter(|part| part.as_object().is_some_and(|members| !members.is_empty()))
        };
        let targets = [scope.thing_group_arn(&self.group)];
        json!({
            "jobArn": scope.job_arn(&self.id),
            "jobId": &*self.id,
            "targetSelection": "CONTINUOUS",
            "status": self.status_at(at),
            "forceCanceled": (has_ended && self.end.forced).then_some(true),
            "reasonCode": self.end.reason_code.as_ref().filter(|_| has_ended),
            "comment": self.end.comment.as_ref().filter(|_| has_ended),
            "targets": targets,
            "jobExecutionsRolloutConfig": configuration("jobExecutionsRolloutConfig"),
            "abortConfig": configuration("abortConfig"),
            "timeoutConfig": configuration("timeoutConfig"),
            "createdAt": epoch_seconds(self.created),
            "lastUpdatedAt": epoch_seconds(self.updated),
            "completedAt": self.ended.filter(|_| has_ended).map(epoch_seconds),
            "jobProcessDetails": {
                // "This value will be null after the job execution has finished rolling out to all the target devices."
                "processingTargets": (!self.rollout.is_complete()).then_some(targets),
                "numberOfCanceledThings": counts.canceled,
                "numberOfSucceededThings": counts.succeeded,
                "numberOfFailedThings": counts.failed,
                "numberOfRejectedThings": counts.rejected,
                "numberOfQueuedThings": counts.queued,
                "numberOfInProgressThings": counts.in_progress,
                "numberOfRemovedThings": counts.removed,
                "numberOfTimedOutThings": counts.timed_out,
            },
            "namespaceId": NAMESPACE,
            "isConcurrent": self.is_concurrent(),
        })
    }

    /// "Will be true when a job is rolling out new job executions or canceling previously created executions": API reference, `JobSummary`.
    fn is_concurrent(&self) -> bool {
        self.status == JobStatus::InProgress && !self.rollout.is_complete()
    }

    fn summary(&self, scope: &Scope, at: At, group_id: Option<&str>) -> Value {
        json!({
            "jobArn": scope.job_arn(&self.id),
            "jobId": &*self.id,
            "thingGroupId": group_id,
            "targetSelection": "CONTINUOUS",
            "status": self.status_at(at),
            "createdAt": epoch_seconds(self.created),
            "lastUpdatedAt": epoch_seconds(self.updated),
            "completedAt": self.ended.filter(|_| self.status_at(at) != JobStatus::InProgress).map(epoch_seconds),
            "isConcurrent": self.is_concurrent(),
        })
    }
}
