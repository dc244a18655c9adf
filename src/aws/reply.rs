//! From the SDK's answers to what the core knows. Pure.
//!
//! The service writes `null` where a member is not set; the SDK reads that as absent, and so does everything here.

use aws_sdk_greengrassv2::operation::create_deployment::CreateDeploymentOutput;
use aws_sdk_greengrassv2::operation::get_deployment::GetDeploymentOutput;
use aws_sdk_greengrassv2::operation::list_deployments::ListDeploymentsOutput;
use aws_sdk_greengrassv2::primitives::DateTime;
use aws_sdk_greengrassv2::types::{Deployment, DeploymentStatus};
use greengrass_operator_core::deployment::knowledge::{Created, Details, Row, RowPage, RowStatus};
use jiff::{Timestamp, Unit};

use super::content::content;

/// What an answer lacks that can't be done without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missing(pub(super) &'static str);

pub(super) fn created(output: CreateDeploymentOutput) -> Result<Created, Missing> {
    Ok(Created { deployment_id: required(output.deployment_id, "deploymentId")? })
}

pub(super) fn details(output: GetDeploymentOutput) -> Result<Details, Missing> {
    Ok(Details {
        content: content(&output).map(Box::new),
        row: Row {
            deployment_id: required(output.deployment_id, "deploymentId")?,
            revision_id: revision(output.revision_id.as_deref()),
            created_at: timestamp(output.creation_timestamp),
            status: status(output.deployment_status.as_ref()),
            target_arn: required(output.target_arn, "targetArn")?,
            parent_target_arn: present(output.parent_target_arn),
        },
        tags: output.tags.unwrap_or_default().into_iter().collect(),
        iot_job_id: present(output.iot_job_id),
        iot_job_arn: present(output.iot_job_arn),
    })
}

pub(super) fn page(output: ListDeploymentsOutput) -> Result<RowPage, Missing> {
    let rows = output.deployments.unwrap_or_default().into_iter().map(row).collect::<Result<_, _>>()?;
    Ok(RowPage { rows, next_token: present(output.next_token) })
}

/// A row that lacks its id or target makes the whole page unreadable: leaving it out would claim that it isn't there.
fn row(deployment: Deployment) -> Result<Row, Missing> {
    Ok(Row {
        deployment_id: required(deployment.deployment_id, "deploymentId")?,
        revision_id: revision(deployment.revision_id.as_deref()),
        created_at: timestamp(deployment.creation_timestamp),
        status: status(deployment.deployment_status.as_ref()),
        target_arn: required(deployment.target_arn, "targetArn")?,
        parent_target_arn: present(deployment.parent_target_arn),
    })
}

fn required(value: Option<String>, name: &'static str) -> Result<String, Missing> {
    present(value).ok_or(Missing(name))
}

fn present(value: Option<String>) -> Option<String> {
    value.filter(|text| !text.is_empty())
}

/// A decimal number in a string; what is absent or unreadable counts as 0, below every revision.
fn revision(text: Option<&str>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// When absent, the beginning of time: older than every row that says when it was made.
///
/// The service counts milliseconds and writes them as a double of seconds, which is off by some nanoseconds: rounded
/// here, so that one deployment has one time wherever it is read.
pub(super) fn milliseconds(time: &DateTime) -> Option<Timestamp> {
    let exact = Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()?;
    exact.round(Unit::Millisecond).ok()
}

fn timestamp(time: Option<DateTime>) -> Timestamp {
    time.as_ref().and_then(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn status(status: Option<&DeploymentStatus>) -> RowStatus {
    match status {
        Some(DeploymentStatus::Active) => RowStatus::Active,
        Some(DeploymentStatus::Completed) => RowStatus::Completed,
        Some(DeploymentStatus::Canceled) => RowStatus::Canceled,
        Some(DeploymentStatus::Failed) => RowStatus::Failed,
        Some(DeploymentStatus::Inactive) => RowStatus::Inactive,
        // The SDK's enum is open: AWS may add a status tomorrow.
        Some(_) | None => RowStatus::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_nothing_but_its_names_is_read() {
        let deployment = Deployment::builder().deployment_id("d").target_arn("t").build();
        assert_eq!(
            row(deployment).unwrap(),
            Row {
                deployment_id: "d".into(),
                revision_id: 0,
                created_at: Timestamp::UNIX_EPOCH,
                status: RowStatus::Unknown,
                target_arn: "t".into(),
                parent_target_arn: None,
            }
        );
    }

    #[test]
    fn a_row_without_id_or_target_is_no_row() {
        assert_eq!(row(Deployment::builder().target_arn("t").build()), Err(Missing("deploymentId")));
        assert_eq!(row(Deployment::builder().deployment_id("d").build()), Err(Missing("targetArn")));
        assert_eq!(row(Deployment::builder().deployment_id("").target_arn("t").build()), Err(Missing("deploymentId")));
    }

    #[test]
    fn revisions_are_numbers_and_the_rest_is_below_them() {
        assert_eq!(revision(Some("14")), 14);
        for odd in [None, Some(""), Some("-1"), Some("v2"), Some("99999999999999999999999")] {
            assert_eq!(revision(odd), 0, "{odd:?}");
        }
    }

    #[test]
    fn milliseconds_stay_and_the_error_of_the_double_goes() {
        let time = timestamp(Some(DateTime::from_secs_and_nanos(1_621_884_415, 241_000_000)));
        assert_eq!(time.to_string(), "2021-05-24T19:26:55.241Z");
        assert_eq!(timestamp(Some(DateTime::from_secs(i64::MAX))), Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn statuses_are_read_by_name() {
        for (text, expected) in [
            ("ACTIVE", RowStatus::Active),
            ("COMPLETED", RowStatus::Completed),
            ("CANCELED", RowStatus::Canceled),
            ("FAILED", RowStatus::Failed),
            ("INACTIVE", RowStatus::Inactive),
            ("PAUSED", RowStatus::Unknown),
        ] {
            assert_eq!(status(Some(&DeploymentStatus::from(text))), expected);
        }
    }
}
