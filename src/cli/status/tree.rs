//! A resource as a tree: what it says, its revision, its devices, its subdeployments. Pure.

use std::collections::BTreeMap;

use greengrass_operator_core::api::devices::{DeviceCounts, DeviceFailure, RevisionRecord};
use jiff::Timestamp;

use super::super::output::{Meaning, Node, Screen, age};
use super::super::resource::Resource;
use super::instance;
use super::view::{meaning, reason, subdeployments};

/// Old revisions that are shown; the rest is in the resource's status.
const HISTORY_AT_MOST: usize = 5;
/// Columns of the bar that shows how far devices are.
const BAR: i64 = 20;

/// The tree of a resource among all that were read.
pub(super) fn of(resource: &Resource, all: &[&Resource], screen: Screen, now: Timestamp) -> Node {
    let mut below = conditions(resource, screen);
    if let Some(status) = &resource.instance {
        below.extend(instance::lines(status, resource.target.as_deref()));
        return Node { line: format!("SystemInstance {}/{}", resource.namespace, resource.name), below };
    }
    below.push(Node::line(target(resource)));
    below.extend(pending(resource, screen));
    below.extend(revision(resource, screen, now));
    below.extend(history(resource, now));
    for sub in subdeployments(resource, all) {
        let ready = sub.condition("Ready").map_or("Unknown", |ready| &ready.status);
        let devices = sub.status.devices_summary.as_ref().map(|it| format!(", devices {it}")).unwrap_or_default();
        let said = screen.paint(meaning(sub), &format!("Ready={ready} {}", reason(sub)));
        below.push(Node::line(format!("subdeployment {}: {said}{devices}", sub.name)));
    }
    Node { line: format!("GreengrassDeployment {}/{}", resource.namespace, resource.name), below }
}

/// Those that are there; the message of Ready is not said again by those beside it.
fn conditions(resource: &Resource, screen: Screen) -> Vec<Node> {
    if resource.status.conditions.is_empty() {
        let words = "the operator has not looked at it yet: is it running, and does it watch this namespace?";
        return vec![Node::line(screen.paint(Meaning::Moving, words))];
    }
    let ready = resource.condition("Ready").map(|ready| ready.message.clone());
    let shown = resource.status.conditions.iter().filter(|condition| condition.type_ != "Reconciling");
    let line = |condition: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
        let is_ready = condition.type_ == "Ready";
        let colour = if is_ready { meaning(resource) } else { Meaning::Plain };
        let reason = if is_ready { reason(resource) } else { condition.reason.clone() };
        let head = screen.paint(colour, &format!("{}={} {reason}", condition.type_, condition.status));
        let repeats = !is_ready && Some(&condition.message) == ready.as_ref();
        if repeats || condition.message.is_empty() { head } else { format!("{head}: {}", condition.message) }
    };
    shown.map(|condition| Node::line(line(condition))).collect()
}

fn target(resource: &Resource) -> String {
    let Some(resolved) = &resource.status.resolved else {
        return format!("target {}", resource.target.as_deref().unwrap_or("unknown"));
    };
    let name = |arn: &str| arn.rsplit_once('/').map_or_else(|| arn.to_owned(), |(_, name)| name.to_owned());
    let kind = if resolved.target_arn.contains(":thinggroup/") { "thing group" } else { "thing" };
    let parent =
        resolved.parent_target_arn.as_ref().map(|arn| format!(", in place of {}", name(arn))).unwrap_or_default();
    let identity = resolved.identity.as_ref().map(|it| format!(", through AwsIdentity {it}")).unwrap_or_default();
    format!("{kind} {}{parent} in {} {}{identity}", name(&resolved.target_arn), resolved.account_id, resolved.region)
}

fn pending(resource: &Resource, screen: Screen) -> Option<Node> {
    let lines = &resource.status.pending_change;
    let below = lines.iter().map(|line| Node::line(screen.paint(Meaning::Moving, line))).collect();
    (!lines.is_empty()).then(|| Node { line: "a new revision would change".to_owned(), below })
}

fn revision(resource: &Resource, screen: Screen, now: Timestamp) -> Option<Node> {
    let status = &resource.status;
    let id = status.deployment_id.as_ref()?;
    let number = status.revision_id.as_deref().unwrap_or("?");
    let made = status.history.iter().find(|record| record.deployment_id == *id).and_then(|record| record.created_at);
    let made = made.map(|at| format!(", made {} ago", age(at, now))).unwrap_or_default();
    let word = status.deployment_status.as_deref().unwrap_or("UNKNOWN");
    let mut below = Vec::new();
    if let Some(counts) = &status.devices {
        below.push(Node::line(devices(counts, status.devices_summary.as_deref(), screen)));
    }
    if let Some(job) = &status.iot_job_id {
        below.push(Node::line(format!("job {job}")));
    }
    below.extend(failures(&status.failures, status.devices.as_ref(), screen));
    Some(Node { line: format!("revision {number} {word} (deployment {id}{made})"), below })
}

fn devices(counts: &DeviceCounts, summary: Option<&str>, screen: Screen) -> String {
    let DeviceCounts { total: _, queued, in_progress, succeeded, failed, rejected, timed_out, canceled, removed } =
        counts;
    let named = [
        (*succeeded, "succeeded"),
        (*in_progress, "in progress"),
        (*queued, "queued"),
        (*failed, "failed"),
        (*rejected, "rejected"),
        (*timed_out, "timed out"),
        (*canceled, "cancelled"),
        (*removed, "left the group"),
    ];
    let words: Vec<String> =
        named.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let words = if words.is_empty() { "none yet".to_owned() } else { words.join(", ") };
    format!("devices {} {}: {words}", bar(counts, screen), summary.unwrap_or("0/0"))
}

/// How far devices are: those that have it, those that failed, and the rest.
fn bar(counts: &DeviceCounts, screen: Screen) -> String {
    let bad = counts.failed + counts.rejected + counts.timed_out;
    let present = counts.succeeded + bad + counts.queued + counts.in_progress;
    // Rounded down, but somebody who is there is shown.
    let columns = |count: i64| if count == 0 || present == 0 { 0 } else { (count * BAR / present).max(1) };
    let (bad, good) = (columns(bad), columns(counts.succeeded).min(BAR - columns(bad)));
    let rest = BAR - good - bad;
    let (full, failed, empty) = if screen.has_unicode { ("█", "▒", "░") } else { ("#", "x", ".") };
    let part = |letter: &str, count: i64| letter.repeat(usize::try_from(count).unwrap_or_default());
    format!(
        "[{}{}{}]",
        screen.paint(Meaning::Good, &part(full, good)),
        screen.paint(Meaning::Bad, &part(failed, bad)),
        screen.paint(Meaning::Aside, &part(empty, rest))
    )
}

/// Devices that failed alike are told together: on a fleet it is one cause more often than ten.
fn failures(failures: &[DeviceFailure], counts: Option<&DeviceCounts>, screen: Screen) -> Vec<Node> {
    let mut alike: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for DeviceFailure { thing, status, reason, error_codes } in failures {
        let code = error_codes.last().map(|code| format!(" {code}")).unwrap_or_default();
        let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        alike.entry(format!("{status}{code}{reason}")).or_default().push(thing);
    }
    let node = |(why, things): (&String, &Vec<&str>)| {
        let (who, below) = match things.as_slice() {
            [thing] => ((*thing).to_owned(), Vec::new()),
            several => (format!("{} things", several.len()), vec![Node::line(several.join(", "))]),
        };
        Node { line: format!("{} {why}", screen.paint(Meaning::Bad, &who)), below }
    };
    let mut nodes: Vec<Node> = alike.iter().map(node).collect();
    let bad = counts.map(|counts| counts.failed + counts.rejected + counts.timed_out).unwrap_or_default();
    let shown = i64::try_from(failures.len()).unwrap_or(i64::MAX);
    if !failures.is_empty() && bad > shown {
        nodes.push(Node::line(format!("and {} more: see the command devices", bad - shown)));
    }
    nodes
}

fn history(resource: &Resource, now: Timestamp) -> Option<Node> {
    let present = resource.status.deployment_id.as_ref();
    let older: Vec<&RevisionRecord> =
        resource.status.history.iter().filter(|record| Some(&record.deployment_id) != present).collect();
    let line = |record: &&RevisionRecord| {
        let number = record.revision_id.as_deref().unwrap_or("?");
        let made = record.created_at.map(|at| format!(", made {} ago", age(at, now))).unwrap_or_default();
        Node::line(format!("revision {number} {}{made}", record.outcome))
    };
    let below: Vec<Node> = older.iter().take(HISTORY_AT_MOST).map(line).collect();
    (!below.is_empty()).then(|| Node { line: "before".to_owned(), below })
}

#[cfg(test)]
mod tests {
    use greengrass_operator_core::api::GreengrassDeploymentStatus;
    use serde_json::{Value, json};

    use super::super::super::output::tree;
    use super::*;

    const PIPE: Screen = Screen { is_terminal: false, has_colours: false, has_unicode: true, width: None };
    const NOW: Timestamp = Timestamp::constant(1_790_000_000, 0);

    fn resource(name: &str, status: Value) -> Resource {
        Resource {
            namespace: "plant".into(),
            name: name.into(),
            generation: 1,
            created_at: Some(NOW),
            status: serde_json::from_value::<GreengrassDeploymentStatus>(status).unwrap(),
            ..Resource::default()
        }
    }

    fn condition(name: &str, status: &str, reason: &str, message: &str) -> Value {
        json!({"type": name, "status": status, "reason": reason, "message": message, "lastTransitionTime": "2026-09-21T00:00:00Z"})
    }

    #[test]
    fn a_failing_rollout_is_told_from_the_resource_to_its_devices() {
        let presses = resource(
            "presses",
            json!({
                "observedGeneration": 1,
                "conditions": [
                    condition("Ready", "False", "RolloutFailed", "6 of 10 devices failed"),
                    condition("Stalled", "True", "RolloutFailed", "6 of 10 devices failed"),
                    condition("Synced", "True", "UpToDate", "AWS has it"),
                ],
                "resolved": {"accountId": "123456789012", "region": "eu-central-1", "targetArn": "arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses", "identity": "default"},
                "deploymentId": "d3", "deploymentStatus": "ACTIVE", "revisionId": "3", "iotJobId": "j3",
                "devices": {"total": 10, "queued": 1, "inProgress": 0, "succeeded": 3, "failed": 5, "rejected": 1, "timedOut": 0, "canceled": 0, "removed": 0},
                "devicesSummary": "3/10",
                "failures": [
                    {"thing": "press-1", "status": "FAILED", "reason": "S3 says 403", "errorCodes": ["DEPLOYMENT_FAILURE", "S3_ACCESS_DENIED"]},
                    {"thing": "press-2", "status": "REJECTED"},
                    {"thing": "press-3", "status": "FAILED", "reason": "S3 says 403", "errorCodes": ["DEPLOYMENT_FAILURE", "S3_ACCESS_DENIED"]},
                ],
                "history": [
                    {"revisionId": "3", "deploymentId": "d3", "createdAt": "2026-09-21T14:08:20Z", "outcome": "Failed"},
                    {"revisionId": "2", "deploymentId": "d2", "createdAt": "2026-09-20T14:13:20Z", "outcome": "Completed"},
                ],
            }),
        );
        let canary = resource(
            "canary",
            json!({
                "observedGeneration": 1,
                "conditions": [condition("Ready", "True", "Deployed", "")],
                "devicesSummary": "1/1",
                "resolved": {"accountId": "123456789012", "region": "eu-central-1", "targetArn": "arn:aws:iot:eu-central-1:123456789012:thinggroup/Canaries", "parentTargetArn": "arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses"},
            }),
        );
        assert_eq!(
            tree(&of(&presses, &[&presses, &canary], PIPE, NOW), PIPE),
            "GreengrassDeployment plant/presses
├── Ready=False RolloutFailed: 6 of 10 devices failed
├── Stalled=True RolloutFailed
├── Synced=True UpToDate: AWS has it
├── thing group Presses in 123456789012 eu-central-1, through AwsIdentity default
├── revision 3 ACTIVE (deployment d3, made 5m0s ago)
│   ├── devices [██████▒▒▒▒▒▒▒▒▒▒▒▒░░] 3/10: 3 succeeded, 1 queued, 5 failed, 1 rejected
│   ├── job j3
│   ├── 2 things FAILED S3_ACCESS_DENIED: S3 says 403
│   │   └── press-1, press-3
│   ├── press-2 REJECTED
│   └── and 3 more: see the command devices
├── before
│   └── revision 2 Completed, made 24h ago
└── subdeployment canary: Ready=True Deployed, devices 1/1
"
        );
    }

    #[test]
    fn a_resource_that_nobody_looks_after_says_so() {
        let text = tree(&of(&resource("presses", json!({})), &[], PIPE, NOW), PIPE);
        assert!(text.contains("the operator has not looked at it yet"), "{text}");
        assert!(text.contains("target unknown"), "{text}");
    }

    #[test]
    fn a_status_of_an_older_spec_is_marked() {
        let mut presses = resource(
            "presses",
            json!({"observedGeneration": 1, "conditions": [condition("Ready", "True", "Deployed", "")]}),
        );
        presses.generation = 2;
        let text = tree(&of(&presses, &[], PIPE, NOW), PIPE);
        assert!(text.contains("Ready=True Deployed (of an older spec)"), "{text}");
        assert_eq!(meaning(&presses), Meaning::Moving);
    }
}
