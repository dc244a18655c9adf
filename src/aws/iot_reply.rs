//! From `IoT` Core's answers to what the core knows. Pure.

use std::collections::HashMap;

use aws_sdk_iot::operation::describe_job::DescribeJobOutput;
use aws_sdk_iot::operation::describe_job_execution::DescribeJobExecutionOutput;
use aws_sdk_iot::operation::list_job_executions_for_job::ListJobExecutionsForJobOutput;
use aws_sdk_iot::types::{JobExecutionStatus, JobExecutionSummaryForJob, JobProcessDetails, JobStatus};
use aws_sdk_iotdataplane::operation::get_thing_shadow::GetThingShadowOutput;
use greengrass_operator_core::api::devices::{DeviceCounts, DeviceFailure};
use greengrass_operator_core::deployment::knowledge::{Job, JobState};
use greengrass_operator_core::deployment::rollout::{BadEnd, MAX_CODES};
use greengrass_operator_core::failure::scrub;
use jiff::Timestamp;
use serde_json::Value;

use super::iot::{Execution, ExecutionPage};
use super::reply::Missing;

/// What a device says is shown up to here: the nucleus cuts at 1024, and ten of them must fit a status.
const LONGEST_REASON: usize = 300;

pub(super) fn job(output: DescribeJobOutput) -> Result<Job, Missing> {
    let job = output.job.ok_or(Missing("job"))?;
    let details = job.job_process_details;
    let is_spreading =
        details.as_ref().is_some_and(|details| details.processing_targets.as_ref().is_some_and(|all| !all.is_empty()));
    Ok(Job {
        state: match job.status {
            Some(JobStatus::Canceled | JobStatus::Completed) => JobState::Ended,
            Some(JobStatus::DeletionInProgress) => JobState::Gone,
            // The SDK's enum is open: AWS may add a status tomorrow. What it counts is counted all the same.
            Some(_) | None => JobState::Running,
        },
        counts: details.map(|details| counts(&details)).unwrap_or_default(),
        is_spreading,
    })
}

fn counts(details: &JobProcessDetails) -> DeviceCounts {
    let count = |number: Option<i32>| i64::from(number.unwrap_or_default().max(0));
    DeviceCounts {
        total: 0,
        queued: count(details.number_of_queued_things),
        in_progress: count(details.number_of_in_progress_things),
        succeeded: count(details.number_of_succeeded_things),
        failed: count(details.number_of_failed_things),
        rejected: count(details.number_of_rejected_things),
        timed_out: count(details.number_of_timed_out_things),
        canceled: count(details.number_of_canceled_things),
        removed: count(details.number_of_removed_things),
    }
    .totalled()
}

pub(super) fn executions(output: ListJobExecutionsForJobOutput) -> ExecutionPage {
    let summaries = output.execution_summaries.unwrap_or_default();
    let execution = |summary: JobExecutionSummaryForJob| {
        let thing = summary.thing_arn.as_deref().and_then(|arn| arn.rsplit_once(":thing/")).map(|(_, name)| name)?;
        let details = summary.job_execution_summary?;
        Some(Execution {
            thing: thing.to_owned(),
            state: details.status?.as_str().to_owned(),
            changed_at: details.last_updated_at.and_then(|at| Timestamp::from_second(at.secs()).ok()),
        })
    };
    ExecutionPage {
        executions: summaries.into_iter().filter_map(execution).collect(),
        next_token: output.next_token.filter(|token| !token.is_empty()),
    }
}

pub(super) fn things(output: ListJobExecutionsForJobOutput) -> Vec<String> {
    let executions = output.execution_summaries.unwrap_or_default();
    executions
        .into_iter()
        .filter_map(|execution| execution.thing_arn)
        .filter_map(|arn| arn.rsplit_once(":thing/").map(|(_, name)| name.to_owned()))
        .collect()
}

/// What the nucleus writes into an execution's details (aws-greengrass-nucleus, `DeploymentStatusKeeper`).
pub(super) fn device(output: &DescribeJobExecutionOutput, thing: &str, end: BadEnd) -> Option<DeviceFailure> {
    let execution = output.execution()?;
    let still = execution.status().is_some_and(|status| *status == JobExecutionStatus::from(end.as_str()));
    let details: HashMap<String, String> =
        execution.status_details().and_then(|details| details.details_map().cloned()).unwrap_or_default();
    let text = |key: &str| details.get(key).map(String::as_str).filter(|text| !text.is_empty());
    let stack = text("deployment-error-stack").and_then(|text| serde_json::from_str::<Vec<String>>(text).ok());
    still.then(|| {
        failure(
            thing,
            end.as_str(),
            text("deployment-failure-cause"),
            text("detailed-deployment-status"),
            stack.unwrap_or_default(),
        )
    })
}

/// What the nucleus reports in its shadow (aws-greengrass-nucleus, `ShadowDeploymentListener`).
pub(super) fn shadow(output: &GetThingShadowOutput, thing: &str, revision: &str) -> Option<DeviceFailure> {
    let document: Value = serde_json::from_slice(output.payload()?.as_ref()).ok()?;
    let reported = document.get("state")?.get("reported")?;
    let configuration = reported.get("fleetConfigurationArnForStatus")?.as_str()?;
    if configuration.rsplit(':').next() != Some(revision) {
        return None;
    }
    let status = reported.get("status")?.as_str()?;
    let details = reported.get("statusDetails");
    let text = |key: &str| details.and_then(|details| details.get(key)?.as_str()).filter(|text| !text.is_empty());
    let stack = details.and_then(|details| details.get("errorStack")?.as_array().cloned()).unwrap_or_default();
    let stack = stack.iter().filter_map(|code| code.as_str().map(ToOwned::to_owned)).collect();
    (status == BadEnd::Failed.as_str() || status == BadEnd::Rejected.as_str())
        .then(|| failure(thing, status, text("failureCause"), text("detailedStatus"), stack))
}

fn failure(
    thing: &str,
    status: &str,
    cause: Option<&str>,
    detailed: Option<&str>,
    mut stack: Vec<String>,
) -> DeviceFailure {
    for code in &mut stack {
        *code = cut(code, 64);
    }
    if stack.len() > MAX_CODES {
        // The first says what kind it is, the last ones what it is.
        let last = stack.split_off(stack.len() - (MAX_CODES - 1));
        stack.truncate(1);
        stack.extend(last);
    }
    let reason = match (cause, detailed) {
        (Some(cause), Some(detailed)) => Some(format!("{detailed}: {cause}")),
        (Some(text), None) | (None, Some(text)) => Some(text.to_owned()),
        (None, None) => None,
    };
    DeviceFailure {
        thing: thing.to_owned(),
        status: status.to_owned(),
        reason: reason.map(|reason| cut(&scrub(&reason), LONGEST_REASON)),
        error_codes: stack,
    }
}

fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_iot::types::{JobExecution, JobExecutionStatusDetails};
    use aws_sdk_iotdataplane::primitives::Blob;
    use serde_json::json;

    use super::*;

    fn described(status: &str, details: &[(&str, &str)]) -> DescribeJobExecutionOutput {
        let details = details.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let execution = JobExecution::builder()
            .status(JobExecutionStatus::from(status))
            .status_details(JobExecutionStatusDetails::builder().set_details_map(Some(details)).build())
            .build();
        DescribeJobExecutionOutput::builder().execution(execution).build()
    }

    #[test]
    fn a_device_is_quoted_with_its_status_cause_and_codes() {
        let output = described(
            "FAILED",
            &[
                ("detailed-deployment-status", "FAILED_NO_STATE_CHANGE"),
                ("deployment-failure-cause", "S3 says no"),
                ("deployment-error-stack", r#"["DEPLOYMENT_FAILURE","S3_ACCESS_DENIED"]"#),
            ],
        );
        let failure = device(&output, "press-1", BadEnd::Failed).unwrap();
        assert_eq!(failure.reason.as_deref(), Some("FAILED_NO_STATE_CHANGE: S3 says no"));
        assert_eq!(failure.error_codes, ["DEPLOYMENT_FAILURE", "S3_ACCESS_DENIED"]);
        assert_eq!(device(&output, "press-1", BadEnd::TimedOut), None, "it has ended in another way since");
    }

    #[test]
    fn what_a_device_says_is_bounded_and_never_a_secret() {
        let stack: Vec<String> = (0..50).map(|number| format!("CODE_{number}{}", "X".repeat(200))).collect();
        let stack = serde_json::to_string(&stack).unwrap();
        let cause = format!("key AKIAIOSFODNN7EXAMPLE {}", "é".repeat(2000));
        let output = described("REJECTED", &[("deployment-failure-cause", &cause), ("deployment-error-stack", &stack)]);
        let failure = device(&output, "press-1", BadEnd::Rejected).unwrap();
        assert!(failure.reason.as_ref().unwrap().chars().count() <= LONGEST_REASON + 1);
        assert!(!failure.reason.unwrap().contains("IOSFODNN7"));
        assert_eq!(failure.error_codes.len(), MAX_CODES);
        assert!(failure.error_codes[0].starts_with("CODE_0") && failure.error_codes[9].starts_with("CODE_49"));
        assert!(failure.error_codes.iter().all(|code| code.chars().count() <= 65));
    }

    #[test]
    fn details_that_are_none_are_left_out() {
        let output = described("FAILED", &[("deployment-error-stack", "{not json")]);
        let failure = device(&output, "press-1", BadEnd::Failed).unwrap();
        assert_eq!((failure.reason, failure.error_codes.len()), (None, 0));
        let empty = DescribeJobExecutionOutput::builder().build();
        assert_eq!(device(&empty, "press-1", BadEnd::Failed), None);
    }

    #[test]
    fn a_shadow_speaks_of_one_revision() {
        let document = json!({"state": {"reported": {
            "fleetConfigurationArnForStatus": "arn:aws:greengrass:r:a:configuration:thing/Press:7",
            "status": "FAILED",
            "statusDetails": {"failureCause": "no", "detailedStatus": "FAILED_ROLLBACK_COMPLETE", "errorStack": ["A", "B"]},
        }}});
        let output = GetThingShadowOutput::builder().payload(Blob::new(document.to_string())).build();
        let failure = shadow(&output, "Press", "7").unwrap();
        assert_eq!(failure.reason.as_deref(), Some("FAILED_ROLLBACK_COMPLETE: no"));
        assert_eq!(failure.error_codes, ["A", "B"]);
        assert_eq!(shadow(&output, "Press", "8"), None);
        let nonsense = GetThingShadowOutput::builder().payload(Blob::new("[]")).build();
        assert_eq!(shadow(&nonsense, "Press", "7"), None);
    }

    #[test]
    fn a_job_is_counted_and_spreads_while_it_names_targets() {
        let details = JobProcessDetails::builder()
            .number_of_queued_things(3)
            .number_of_succeeded_things(2)
            .number_of_removed_things(-1)
            .processing_targets("arn")
            .build();
        let described = |status: &str| {
            let job = aws_sdk_iot::types::Job::builder().status(status.into()).job_process_details(details.clone());
            job_of(DescribeJobOutput::builder().job(job.build()).build())
        };
        let running = described("IN_PROGRESS");
        assert_eq!((running.counts.total, running.counts.queued, running.counts.removed), (5, 3, 0));
        assert!(running.is_spreading);
        assert_eq!(
            ["IN_PROGRESS", "SCHEDULED", "HIBERNATING", "CANCELED", "DELETION_IN_PROGRESS"].map(|s| described(s).state),
            [JobState::Running, JobState::Running, JobState::Running, JobState::Ended, JobState::Gone]
        );
        assert_eq!(job(DescribeJobOutput::builder().build()), Err(Missing("job")));
    }

    fn job_of(output: DescribeJobOutput) -> Job {
        job(output).unwrap()
    }
}
