//! Every operation, from its input to its answer. Pure.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    Answer, Call, Input, Partition, Parts, ReadAt, State,
    deployments::{Row, Version, View},
    identity::get_caller_identity,
    jobs::End,
    paging::Paging,
    things::Things,
};
use crate::{
    error::ServiceError,
    operation::Operation,
    switches::{LatestForTarget, ListOrder, PlainList, Switches},
};

/// The documented default of ListDeployments.
pub(super) const PAGE_SIZE: usize = 50;

#[expect(clippy::too_many_lines, reason = "a line or two for each operation that there is")]
pub(super) fn execute(state: &mut State, call: &Call, now: Timestamp, read_at: ReadAt) -> Result<Answer, ServiceError> {
    state.identities.authorize(call)?;
    let Parts { partition, identities, ids, switches } = state.parts(&call.scope);
    partition.run_until(now, switches);
    let Partition {
        scope,
        deployments,
        things,
        devices,
        jobs,
        shadows,
        system_instances,
        components: _,
        tokens: _,
        agenda: _,
    } = &mut *partition;
    let asked = match read_at {
        ReadAt::Now => View::now(),
        ReadAt::Time(time) => deployments.view_at(time),
        ReadAt::WritesAgo(writes) => deployments.view_before(writes),
    };
    let get_view = delayed(asked, switches.get_visibility_delay_ms, now);
    // What is wrong with a stale read is what it shows; a write works on what is.
    let write_view = delayed(View::now(), switches.get_visibility_delay_ms, now);
    let input = &call.input;
    let id = input.required("deploymentId");
    let jobs_at = match read_at {
        ReadAt::Now => None,
        ReadAt::Time(time) => Some(time),
        ReadAt::WritesAgo(_) => deployments.time_of(asked),
    };
    match call.operation {
        Operation::CreateDeployment => partition.create_deployment(input, ids, switches, now),
        Operation::GetDeployment => partition.get_deployment(id, get_view, switches),
        Operation::ListDeployments => {
            let view = delayed(asked, switches.list_visibility_delay_ms, now);
            partition.list_deployments(input, view, switches)
        }
        Operation::CancelDeployment => {
            let number = deployments.cancel(id, write_view, switches, now)?;
            partition.withdraw(number, End::default(), now);
            Ok(Answer::ok(json!({"message": "SUCCESS"})))
        }
        Operation::DeleteDeployment => {
            let number = deployments.deletable(id, write_view, switches)?;
            partition.delete_deployment(number, switches, now)
        }
        Operation::ListCoreDevices => devices.list(input),
        Operation::GetCoreDevice => devices.describe(input),
        Operation::ListEffectiveDeployments => devices.list_effective(scope, jobs, input),
        Operation::ListInstalledComponents => devices.list_installed(input),
        Operation::CreateComponentVersion => partition.create_component_version(input, switches, now),
        Operation::DescribeComponent => partition.describe_component(input, read_at, switches, now),
        Operation::GetComponent => partition.get_component(input, read_at),
        Operation::ListComponents => partition.list_components(input, read_at),
        Operation::ListComponentVersions => partition.list_component_versions(input, read_at),
        Operation::DeleteComponent => partition.delete_component(input, now),
        Operation::ResolveComponentCandidates => partition.resolve_component_candidates(input, switches, now),
        Operation::TagResource => partition.tag(input, write_view, now),
        Operation::UntagResource => partition.untag(input, write_view, now),
        Operation::ListTagsForResource => partition.list_tags(input, get_view, read_at),
        Operation::CreateThing => things.create_thing(scope, input, ids),
        Operation::DescribeThing => things.describe_thing(scope, input),
        Operation::DeleteThing => {
            let groups = things.delete_thing(input)?;
            partition.forget_thing(input.required("thingName"), &groups, now);
            Ok(Answer::ok(json!({})))
        }
        Operation::ListThings => things.list_things(scope, input),
        Operation::ListThingGroupsForThing => things.list_groups_of(scope, input),
        Operation::AddThingToThingGroup => {
            let (thing, group) = Things::membership(scope, input)?;
            partition.join(thing, group, now)?;
            Ok(Answer::ok(json!({})))
        }
        Operation::RemoveThingFromThingGroup => {
            let (thing, group) = Things::membership(scope, input)?;
            partition.leave(thing, group, now)?;
            Ok(Answer::ok(json!({})))
        }
        Operation::UpdateThingGroupsForThing => partition.update_groups(input, now),
        Operation::CreateThingGroup => things.create_group(scope, input, ids, now),
        Operation::DescribeThingGroup => things.describe_group(scope, input),
        Operation::DeleteThingGroup => {
            let name = input.required("thingGroupName");
            let above = things.with_ancestors(name);
            for thing in things.delete_group(input)? {
                partition.left(&thing, &above, now);
            }
            Ok(Answer::ok(json!({})))
        }
        Operation::ListThingGroups => things.list_groups(scope, input),
        Operation::ListThingsInThingGroup => things.list_members(input),
        Operation::DescribeJob => jobs.describe(scope, input, jobs_at, switches, now),
        Operation::ListJobs => jobs.list(scope, input, jobs_at, |group| things.group_id(group), switches),
        Operation::ListJobExecutionsForJob => jobs.list_executions(scope, input, jobs_at),
        Operation::ListJobExecutionsForThing => jobs.list_executions_of(input, jobs_at, switches),
        Operation::DescribeJobExecution => jobs.describe_execution(scope, input, jobs_at, now),
        Operation::CancelJob => partition.cancel_job(input, now),
        Operation::DeleteJob => partition.delete_job(input, switches, now),
        Operation::GetThingShadow => shadows.get(input),
        Operation::ListNamedShadowsForThing => shadows.list(input, now),
        Operation::GetCallerIdentity => Ok(get_caller_identity(scope, &call.principal)),
        Operation::AssumeRole => identities.assume_role(scope, &call.principal, input, ids, now),
        Operation::AssumeRoleWithWebIdentity => identities.assume_role_with_web_identity(input, ids, now),
        Operation::CreateSystemInstance => partition.create_system_instance(input, now),
        Operation::GetSystemInstance => partition.get_system_instance(input, read_at),
        Operation::DeploySystemInstance => partition.deploy_system_instance(input, ids, switches, now),
        Operation::UndeploySystemInstance => partition.undeploy_system_instance(input, switches, now),
        Operation::DeleteSystemInstance => partition.delete_system_instance(input, switches, now),
        Operation::SearchSystemInstances => system_instances.search(input, read_at, switches),
        Operation::ThingsGraphTagResource => partition.tag_system_instance(input, now),
        Operation::ThingsGraphUntagResource => partition.untag_system_instance(input, now),
        Operation::ThingsGraphListTagsForResource => partition.list_tags_of_system_instance(input, read_at),
    }
}

fn delayed(view: View, milliseconds: u64, now: Timestamp) -> View {
    if milliseconds == 0 {
        return view;
    }
    let delay = SignedDuration::from_millis(i64::try_from(milliseconds).unwrap_or(i64::MAX));
    View { created_until: now.checked_sub(delay).unwrap_or(Timestamp::MIN), ..view }
}

/// Timestamps of the rest-json protocol are seconds since 1970 with a fraction; the service sends milliseconds.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "milliseconds of this era are far below 2^53")]
pub(super) fn epoch_seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}

impl Partition {
    /// What `isLatestForTarget` says of a row.
    fn is_latest(&self, row: &Row, view: View, switches: &Switches) -> bool {
        switches.latest_for_target == LatestForTarget::Truth && self.deployments.is_latest(row, view)
    }

    fn get_deployment(&self, id: &str, view: View, switches: &Switches) -> Result<Answer, ServiceError> {
        let (row, version) = self.deployments.get(id, view).ok_or_else(|| ServiceError::deployment_not_found(id))?;
        // Unset members are explicit nulls in real answers: the log in https://github.com/aws/aws-cli/issues/6185.
        Ok(Answer::ok(json!({
            "targetArn": &*row.key.target,
            "revisionId": row.revision.to_string(),
            "deploymentId": row.id,
            "deploymentName": row.name,
            "deploymentStatus": version.status,
            "iotJobId": row.job_id,
            "iotJobArn": row.job_id.as_ref().map(|id| self.scope.job_arn(id)),
            "components": row.content.components,
            "deploymentPolicies": row.content.policies,
            "iotJobConfiguration": row.content.job_configuration,
            "creationTimestamp": epoch_seconds(row.created),
            "isLatestForTarget": self.is_latest(row, view, switches),
            "parentTargetArn": row.key.parent.as_deref(),
            "tags": &*version.tags,
        })))
    }

    fn list_deployments(&self, input: &Input, view: View, switches: &Switches) -> Result<Answer, ServiceError> {
        let target = input.text("targetArn");
        let parent = input.text("parentTargetArn");
        let history = input.text("historyFilter").unwrap_or("LATEST_ONLY");
        let mut rows = self.deployments.listed(target, history == "LATEST_ONLY", view, |key| match parent {
            Some(parent) => key.parent.as_deref() == Some(parent),
            None => key.parent.is_none() || switches.plain_list == PlainList::ShowsSubdeployments,
        });
        let newest_first = switches.list_order == ListOrder::NewestFirst;
        if newest_first {
            rows.reverse();
        }
        let list = [target, parent, Some(history)].map(Option::unwrap_or_default);
        let page = Paging::of(&list).page(
            rows,
            input.page_size(PAGE_SIZE),
            input.text("nextToken"),
            |row| row.number.to_string(),
            |row, after| {
                after.parse().is_ok_and(|after: u64| if newest_first { row.number < after } else { row.number > after })
            },
        );
        let (page, next) = page.map_err(|_| ServiceError::field("nextToken", "is not a token of this list"))?;
        let page: Vec<Value> =
            page.into_iter().filter_map(|row| Some(self.list_item(row, row.seen(view)?, view, switches))).collect();
        Ok(Answer::ok(json!({"deployments": page, "nextToken": next})))
    }

    /// The model's shape `Deployment`: no tags, no job.
    fn list_item(&self, row: &Row, version: &Version, view: View, switches: &Switches) -> Value {
        json!({
            "targetArn": &*row.key.target,
            "revisionId": row.revision.to_string(),
            "deploymentId": row.id,
            "deploymentName": row.name,
            "creationTimestamp": epoch_seconds(row.created),
            "deploymentStatus": version.status,
            "isLatestForTarget": self.is_latest(row, view, switches),
            "parentTargetArn": row.key.parent.as_deref(),
        })
    }
}
