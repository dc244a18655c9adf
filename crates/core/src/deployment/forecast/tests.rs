//! What is foreseen for a manifest, by what there is in AWS.

use std::collections::BTreeMap;

use rstest::rstest;
use serde_json::{Value, json};

use super::super::desired::Desired;
use super::super::knowledge::{DeployedContent, OwnerFound, Row, RowStatus};
use super::super::references::References;
use super::super::revision::{digest, request};
use super::super::subject::{Access, ParentPeer, Peers, Wanted};
use super::super::tags::OwnerTags;
use super::super::validate::validate;
use super::*;
use crate::api::GreengrassDeploymentSpec;
use crate::names::ObjectName;

const TARGET: &str = "arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses";
const NOW: Timestamp = Timestamp::constant(1_790_000_000, 0);

fn presses() -> ObjectName {
    ObjectName { namespace: "plant".into(), name: "presses".into() }
}

fn wanted(spec: &Value) -> Wanted {
    let mut spec = spec.clone();
    if spec.get("targetArn").is_none() {
        spec["targetArn"] = json!(TARGET);
    }
    let spec: GreengrassDeploymentSpec = serde_json::from_value(spec).unwrap();
    Wanted::present(validate(&presses(), &spec, &References::unrestricted()).unwrap())
}

fn with(components: &Value) -> Value {
    json!({ "components": components })
}

fn press(version: &str, merge: &Value) -> Value {
    json!({"com.example.Press": {"componentVersion": version, "configurationUpdate": {"merge": merge}}})
}

/// The tags of a deployment with that content that this resource has made as its so-manieth change.
fn owner(cluster: &str, resource: &str, ordinal: u64, desired: &Desired) -> OwnerTags {
    let (namespace, name) = resource.split_once('/').unwrap();
    OwnerTags {
        cluster: cluster.into(),
        resource: ObjectName { namespace: namespace.into(), name: name.into() },
        uid: "u".into(),
        ordinal,
        attempt: 0,
        digest: digest(desired),
        redeploy: None,
        cancel: None,
        parent: None,
        cause: Cause::Create,
    }
}

/// A deployment with that content, as its maker would have left it.
fn deployed(revision: u64, wanted: &Wanted, maker: Option<(&str, &str)>) -> Details {
    let Wanted::Present(desired, _) = wanted else { panic!("{wanted:?}") };
    let tags =
        maker.map(|(cluster, resource)| owner(cluster, resource, revision, desired).to_map()).unwrap_or_default();
    let any = owner("any", "plant/presses", revision, desired);
    let body = request(&presses(), desired, &BTreeMap::new(), &any);
    Details {
        row: Row {
            deployment_id: format!("d{revision}"),
            revision_id: revision,
            created_at: NOW,
            status: RowStatus::Active,
            target_arn: desired.key.target.to_string(),
            parent_target_arn: desired.key.parent.as_ref().map(ToString::to_string),
        },
        tags,
        iot_job_id: Some("job".into()),
        iot_job_arn: None,
        content: Some(Box::new(DeployedContent {
            name: Some(body.deployment_name),
            components: body.components,
            policies: body.deployment_policies,
            job: body.iot_job_configuration,
        })),
    }
}

struct Scene {
    redeploy_at: Option<String>,
    wanted: Wanted,
    peers: Peers,
    there: Vec<Details>,
}

impl Scene {
    fn of(spec: &Value) -> Self {
        Self { redeploy_at: None, wanted: wanted(spec), peers: Peers::default(), there: Vec::new() }
    }

    fn with(mut self, details: Details) -> Self {
        self.there.push(details);
        self
    }

    fn foreseen(&self) -> Ending {
        let object = presses();
        let subject = Subject {
            cluster: "plant-eu",
            object: &object,
            uid: "",
            resource_version: "",
            generation: 1,
            created_at: NOW,
            has_finalizer: false,
            reconcile_at: None,
            redeploy_at: self.redeploy_at.clone(),
            cancel_at: None,
            access: Access::unrestricted(),
            wanted: &self.wanted,
            peers: &self.peers,
        };
        let mut forecast = Forecast::new(NOW);
        for _ in 0..50 {
            match forecast.advance(&subject) {
                Next::Ended(ending) => return *ending,
                Next::Read(Question::Look) => {
                    let rows = self.there.iter().map(|details| details.row.clone()).collect();
                    forecast.looked(&subject, rows);
                }
                Next::Read(Question::Deployment(id)) => {
                    let found = self.there.iter().find(|details| details.row.deployment_id == id);
                    forecast.read(&subject, &id, found.cloned());
                }
                Next::Read(Question::Owner(owner)) => forecast.read_owner(owner, OwnerFound::Exists),
                Next::Read(Question::Subdeployments) => forecast.read_subdeployments(Vec::new()),
                Next::Read(question @ Question::Parent) => panic!("{question:?}"),
            }
        }
        panic!("it comes to no end")
    }
}

fn ready(ending: &Ending) -> &str {
    let condition = ending.status.conditions.iter().find(|condition| condition.type_ == "Ready").unwrap();
    &condition.reason
}

const OWN: Option<(&str, &str)> = Some(("plant-eu", "plant/presses"));

#[test]
fn where_nothing_is_a_first_revision_is_made() {
    let ending = Scene::of(&with(&press("1.0.0", &json!({"a": 1})))).foreseen();
    let Outcome::Revision { cause, request } = ending.outcome else { panic!("{:?}", ending.outcome) };
    assert_eq!((cause, request.target_arn.as_str()), (Cause::Create, TARGET));
    assert!(ending.newest.is_none());
}

#[test]
fn what_is_there_already_is_not_made_again() {
    let spec = with(&press("1.0.0", &json!({"a": 1})));
    let ending = Scene::of(&spec).with(deployed(3, &wanted(&spec), OWN)).foreseen();
    assert_eq!(ending.outcome, Outcome::Nothing);
    assert_eq!(ending.newest.unwrap().row.deployment_id, "d3");
}

#[test]
fn a_change_carries_the_resets_that_the_operator_would_send() {
    let before = wanted(&with(&press("1.0.0", &json!({"a": 1, "gone": {"b": 2}}))));
    let ending = Scene::of(&with(&press("1.1.0", &json!({"a": 1})))).with(deployed(3, &before, OWN)).foreseen();
    let Outcome::Revision { cause, request } = ending.outcome else { panic!("{:?}", ending.outcome) };
    assert_eq!(cause, Cause::Change);
    assert_eq!(request.components["com.example.Press"].reset, ["/gone/b"]);
}

#[test]
fn the_same_content_of_nobody_is_adopted() {
    let spec = with(&press("1.0.0", &json!({"a": 1})));
    let ending = Scene::of(&spec).with(deployed(3, &wanted(&spec), None)).foreseen();
    assert_eq!(ending.outcome, Outcome::Adoption);
}

#[rstest]
#[case::never("Never", None)]
#[case::of_another_cluster("IfUnmanaged", Some(("other", "plant/presses")))]
#[case::of_a_neighbour("IfUnmanaged", Some(("plant-eu", "plant/others")))]
fn somebody_elses_deployment_blocks(#[case] policy: &str, #[case] maker: Option<(&str, &str)>) {
    let other = wanted(&with(&press("0.9.0", &json!({}))));
    let mut spec = with(&press("1.0.0", &json!({})));
    spec["adoptionPolicy"] = json!(policy);
    let ending = Scene::of(&spec).with(deployed(3, &other, maker)).foreseen();
    assert_eq!(ending.outcome, Outcome::Blocked);
    assert_eq!(ready(&ending), "ForeignRevision");
    assert_eq!(ending.status.pending_change, ["component com.example.Press: 0.9.0 becomes 1.0.0"]);
}

#[test]
fn a_policy_lets_it_be_superseded() {
    let other = wanted(&with(&press("0.9.0", &json!({}))));
    let mut spec = with(&press("1.0.0", &json!({})));
    spec["adoptionPolicy"] = json!("IfUnmanaged");
    let ending = Scene::of(&spec).with(deployed(3, &other, None)).foreseen();
    let Outcome::Revision { cause, .. } = ending.outcome else { panic!("{:?}", ending.outcome) };
    assert_eq!(cause, Cause::Adopt);
}

#[test]
fn drift_blocks_unless_it_is_to_be_corrected() {
    let spec = with(&press("1.0.0", &json!({})));
    let other = wanted(&with(&press("0.9.0", &json!({}))));
    let scene = |spec: &Value| {
        Scene::of(spec)
            .with(deployed(3, &wanted(&with(&press("1.0.0", &json!({})))), OWN))
            .with(deployed(4, &other, None))
    };
    let ending = scene(&spec).foreseen();
    assert_eq!((ending.outcome.clone(), ready(&ending)), (Outcome::Blocked, "Drifted"));
    let mut correcting = spec;
    correcting["driftPolicy"] = json!("Correct");
    let Outcome::Revision { cause, .. } = scene(&correcting).foreseen().outcome else { panic!() };
    assert_eq!(cause, Cause::Correct);
}

#[test]
fn a_new_redeploy_at_takes_a_drifted_target_back() {
    let spec = with(&press("1.0.0", &json!({})));
    let other = wanted(&with(&press("0.9.0", &json!({}))));
    let mut scene = Scene::of(&spec).with(deployed(3, &wanted(&spec), OWN)).with(deployed(4, &other, None));
    scene.redeploy_at = Some("now".into());
    let Outcome::Revision { cause, .. } = scene.foreseen().outcome else { panic!() };
    assert_eq!(cause, Cause::Redeploy);
    // One that the resource's own revision was made for is none any more.
    let own = scene.there.first_mut().unwrap();
    own.tags.insert("greengrass-operator.dev/redeploy".into(), crate::deployment::hash::short_hash("now"));
    assert_eq!(scene.foreseen().outcome, Outcome::Blocked);
}

#[test]
fn tags_alone_make_no_revision() {
    let spec = with(&press("1.0.0", &json!({})));
    let mut tagged = spec.clone();
    tagged["tags"] = json!({"team": "press"});
    let ending = Scene::of(&tagged).with(deployed(3, &wanted(&spec), OWN)).foreseen();
    assert_eq!(ending.outcome, Outcome::Tags);
}

#[test]
fn a_suspended_resource_holds_its_change_back() {
    let before = wanted(&with(&press("1.0.0", &json!({}))));
    let mut spec = with(&press("1.1.0", &json!({})));
    spec["suspend"] = json!(true);
    let ending = Scene::of(&spec).with(deployed(3, &before, OWN)).foreseen();
    assert_eq!(ending.outcome, Outcome::Held);
    assert_eq!(ending.status.pending_change, ["component com.example.Press: 1.0.0 becomes 1.1.0"]);
}

#[test]
fn a_subdeployment_waits_for_a_parent_that_is_not_there_yet() {
    let mut spec = with(&press("1.1.0", &json!({})));
    spec["parentTargetArn"] = json!("arn:aws:iot:eu-central-1:123456789012:thinggroup/All");
    let mut scene = Scene::of(&spec);
    let object = ObjectName { namespace: "plant".into(), name: "all".into() };
    scene.peers.parent = Some(ParentPeer { object, synced: false, deployment_id: None });
    assert_eq!(scene.foreseen().outcome, Outcome::Waiting);
}

#[test]
fn a_finalizer_that_comes_first_is_taken_as_done() {
    let mut spec = with(&press("1.0.0", &json!({})));
    spec["deletionPolicy"] = json!("Delete");
    assert!(matches!(Scene::of(&spec).foreseen().outcome, Outcome::Revision { cause: Cause::Create, .. }));
}
