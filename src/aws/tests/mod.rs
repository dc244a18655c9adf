//! The adapters against canned HTTP: what goes out byte by byte, what comes back for every answer of AWS.

mod canned;
mod clients;
mod credentials;
mod failures;
mod order;
mod quota;
mod replies;
mod requests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use greengrass_operator_core::api::SystemInstanceTarget;
use greengrass_operator_core::deployment::knowledge::RowFilter;
use greengrass_operator_core::deployment::request::DeploymentRequest;
use greengrass_operator_core::deployment::rollout::BadEnd;
use greengrass_operator_core::failure::{Failure, Operation};
use greengrass_operator_core::system_instance::content::Content;
use greengrass_operator_core::system_instance::{Definition, SystemInstanceId};

use self::canned::{Answer, Canned};
use super::*;

const ARN: &str = "arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses";

/// An operator's AWS whose other end is canned, and what was observed of it.
struct Bench {
    aws: Aws,
    wire: Canned,
    observed: Arc<Observed>,
}

/// Remembers what was observed.
#[derive(Default)]
struct Observed(Mutex<Vec<(Operation, CallOutcome, Scope, f64)>>);

impl Observed {
    fn take(&self) -> Vec<(Operation, CallOutcome, Scope, f64)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl CallObserver for Observed {
    fn observed(&self, operation: Operation, outcome: CallOutcome, scope: &Scope, seconds: f64) {
        self.0.lock().unwrap().push((operation, outcome, scope.clone(), seconds));
    }
}

impl Bench {
    /// Answers every call like this.
    fn answering(answer: Answer) -> Self {
        let wire = Canned::new(answer);
        Self::with(wire.clone(), settings(&wire))
    }

    fn with(wire: Canned, settings: ClientSettings) -> Self {
        let observed = Arc::new(Observed::default());
        let aws = Aws::new(settings, Quotas::default(), Arc::<Observed>::clone(&observed));
        Self { aws, wire, observed }
    }

    fn permit(&self) -> Permit {
        self.permit_for("eu-central-1")
    }

    fn permit_for(&self, region: &str) -> Permit {
        let scope = Scope { connection: Connection::own(), account: "123456789012".into(), region: region.into() };
        self.aws.try_permit(&scope, Class::Change, ApiFamily::Greengrass, &Fence::always()).unwrap()
    }

    /// Makes a call of this kind.
    async fn call(&self, operation: Operation) -> Result<(), Failure> {
        let (greengrass, things_graph) = (self.aws.greengrass(), self.aws.things_graph());
        let permit = self.permit();
        match operation {
            Operation::CreateDeployment => {
                greengrass.create_deployment(permit, &small_request(), "TOKEN").await.map(drop)
            }
            Operation::GetDeployment => greengrass.get_deployment(permit, "d-1").await.map(drop),
            Operation::ListDeployments => greengrass.list_deployments(permit, &everything(), None).await.map(drop),
            Operation::CancelDeployment => greengrass.cancel_deployment(permit, "d-1").await,
            Operation::DeleteDeployment => greengrass.delete_deployment(permit, "d-1").await,
            Operation::TagResource => {
                greengrass.tag_resource(permit, "arn:d", &BTreeMap::from([("a".into(), "b".into())])).await
            }
            Operation::UntagResource => greengrass.untag_resource(permit, "arn:d", &["a".to_owned()]).await,
            Operation::DescribeJob => self.aws.iot().describe_job(permit, "job-1").await.map(drop),
            Operation::ListJobExecutionsForJob => {
                self.aws.iot().list_job_executions(permit, "job-1", BadEnd::Failed).await.map(drop)
            }
            Operation::DescribeJobExecution => {
                self.aws.iot().describe_job_execution(permit, "job-1", "Press1", BadEnd::Failed).await.map(drop)
            }
            Operation::AssumeRole | Operation::GetCallerIdentity => {
                self.aws.sts().get_caller_identity(permit).await.map(drop)
            }
            Operation::CreateSystemInstance => {
                things_graph.create_system_instance(permit, &small_content(), &BTreeMap::new()).await.map(drop)
            }
            Operation::GetSystemInstance => things_graph.get_system_instance(permit, &id()).await.map(drop),
            Operation::SearchSystemInstances => things_graph.search_system_instances(permit, None).await.map(drop),
            Operation::DeploySystemInstance => things_graph.deploy_system_instance(permit, &id()).await.map(drop),
            Operation::UndeploySystemInstance => things_graph.undeploy_system_instance(permit, &id()).await.map(drop),
            Operation::DeleteSystemInstance => things_graph.delete_system_instance(permit, &id()).await,
            Operation::ListTagsForResource => things_graph.list_tags(permit, "arn:s", None).await.map(drop),
            Operation::TagSystemInstance => {
                things_graph.tag(permit, "arn:s", &BTreeMap::from([("a".into(), "b".into())])).await
            }
            Operation::UntagSystemInstance => things_graph.untag(permit, "arn:s", &["a".to_owned()]).await,
            Operation::GetThingShadow => self.aws.iot().get_deployment_shadow(permit, "Press1", "1").await.map(drop),
        }
    }
}

fn settings(wire: &Canned) -> ClientSettings {
    ClientSettings::default()
        .with_http_client(wire.clone())
        .with_access_key("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
        .with_endpoint_url("http://canned")
        .with_time(|| "2026-11-23T12:00:00Z".parse().unwrap())
}

fn everything() -> RowFilter {
    RowFilter { target_arn: None, parent_target_arn: None, latest_only: true }
}

fn id() -> SystemInstanceId {
    SystemInstanceId::parse("urn:tdm:eu-central-1/123456789012/default:deployment:Room218").unwrap()
}

fn small_content() -> Content {
    Content {
        definition: Definition::parse(&format!("query Room218 @deployment(id: \"{}\") {{ a }}", id())).unwrap(),
        target: SystemInstanceTarget::Cloud,
        group_name: None,
        bucket_name: None,
        flow_actions_role_arn: Some("arn:aws:iam::123456789012:role/FlowActions".into()),
        metrics: None,
    }
}

fn small_request() -> DeploymentRequest {
    DeploymentRequest {
        target_arn: ARN.into(),
        parent_target_arn: None,
        deployment_name: "plant/presses".into(),
        components: BTreeMap::new(),
        deployment_policies: None,
        iot_job_configuration: None,
        tags: BTreeMap::new(),
    }
}
