//! What people's commands ask of AWS: reads alone, with the caller's own credentials or through an identity's role. I/O.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use greengrass_operator_core::api::devices::DeviceFailure;
use greengrass_operator_core::deployment::knowledge::{Details, Row, RowFilter};
use greengrass_operator_core::deployment::rollout::BadEnd;
use greengrass_operator_core::failure::{Failure, FailureKind, Operation};
use greengrass_operator_core::identity::status::Caller as Identified;
use greengrass_operator_core::identity::{DEFAULT, Identity, NamespaceRule, TargetRule};
use greengrass_operator_core::system_instance::SystemInstanceId;
use greengrass_operator_core::system_instance::knowledge::Instance;

use super::output::note;
use crate::aws::{
    ApiFamily, Aws, CallRequest, Caller, Class, ClientSettings, Connection, Execution, NoObserver, Permit, Quotas,
    Scope, Session, SingleReplica, ThingsGraph,
};

/// How often a call is made that AWS throttles or that does not get through.
const ATTEMPTS_AT_MOST: u32 = 6;
/// The first pause between two attempts; each is twice as long as the one before: 15 s in all.
const PAUSE: Duration = Duration::from_millis(500);
/// A wait that is longer is told.
const TOLD_FROM: Duration = Duration::from_secs(5);
/// A person waits no longer for quota, or because AWS asks for it, than this; other callers of the account would have to use all of it.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// A million devices, 250 on a page.
const EXECUTION_PAGES_AT_MOST: usize = 4_000;
/// A hundred pages of a hundred: a list that is longer has no end.
const PAGES_AT_MOST: usize = 100;

/// Calls at once: at a tenth of a second each, so many use the 20 calls a second that one caller takes of an account's 30.
pub(super) const AT_ONCE: usize = 4;

/// AWS, read by a person.
pub(super) struct Cloud {
    aws: Aws,
    caller: Caller,
}

impl Cloud {
    /// With the credentials that the AWS SDK finds.
    pub(super) fn of_process() -> Self {
        let aws = Aws::new(ClientSettings::default(), Quotas::default(), Arc::new(NoObserver));
        Self { aws, caller: Caller::new(Class::Change, "") }
    }

    /// Whose credentials they are.
    pub(super) async fn caller(&self, region: &str) -> Result<Identified, Failure> {
        let scope = own_scope("", region);
        self.again(&scope, ApiFamily::Sts, Operation::GetCallerIdentity, async |permit| {
            self.aws.sts().get_caller_identity(permit).await
        })
        .await
    }

    /// Deployments, every page.
    pub(super) async fn rows(&self, scope: &Scope, filter: &RowFilter) -> Result<Vec<Row>, Failure> {
        let mut rows = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..PAGES_AT_MOST {
            let page = self
                .again(scope, ApiFamily::Greengrass, Operation::ListDeployments, async |permit| {
                    self.aws.greengrass().list_deployments(permit, filter, next.as_deref()).await
                })
                .await?;
            rows.extend(page.rows);
            next = page.next_token;
            if next.is_none() {
                return Ok(rows);
            }
        }
        let words = "the list of deployments has no end: more than a hundred pages of a hundred";
        Err(Failure::new(Operation::ListDeployments, FailureKind::BadReply, words))
    }

    /// One deployment; none where there is no such deployment.
    pub(super) async fn deployment(&self, scope: &Scope, id: &str) -> Result<Option<Details>, Failure> {
        let found = self
            .again(scope, ApiFamily::Greengrass, Operation::GetDeployment, async |permit| {
                self.aws.greengrass().get_deployment(permit, id).await
            })
            .await;
        match found {
            Ok(details) => Ok(Some(details)),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// One system instance; none where there is no such.
    pub(super) async fn system_instance(
        &self,
        scope: &Scope,
        id: &SystemInstanceId,
    ) -> Result<Option<Instance>, Failure> {
        self.again(scope, ApiFamily::ThingsGraph, Operation::GetSystemInstance, async |permit| {
            self.aws.things_graph().get_system_instance(permit, id).await
        })
        .await
    }

    /// The tags of a system instance, every page.
    pub(super) async fn instance_tags(
        &self,
        scope: &Scope,
        instance: &Instance,
    ) -> Result<BTreeMap<String, String>, Failure> {
        let mut all = BTreeMap::new();
        let mut next: Option<String> = None;
        for _ in 0..ThingsGraph::pages_of_tags() {
            let (tags, page) = self
                .again(scope, ApiFamily::ThingsGraph, Operation::ListTagsForResource, async |permit| {
                    self.aws.things_graph().list_tags(permit, &instance.arn, next.as_deref()).await
                })
                .await?;
            all.extend(tags);
            next = page;
            if next.is_none() {
                break;
            }
        }
        Ok(all)
    }

    /// The ids of all system instances of an account and region, every page.
    pub(super) async fn system_instances(&self, scope: &Scope) -> Result<Vec<SystemInstanceId>, Failure> {
        let mut ids = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..PAGES_AT_MOST {
            let (found, page) = self
                .again(scope, ApiFamily::ThingsGraph, Operation::SearchSystemInstances, async |permit| {
                    self.aws.things_graph().search_system_instances(permit, next.as_deref()).await
                })
                .await?;
            ids.extend(found);
            next = page;
            if next.is_none() {
                return Ok(ids);
            }
        }
        let words = "the list of system instances has no end: more than a hundred pages";
        Err(Failure::new(Operation::SearchSystemInstances, FailureKind::BadReply, words))
    }

    /// What the devices of a job did, every page.
    pub(super) async fn executions(
        &self,
        scope: &Scope,
        job: &str,
        state: Option<&str>,
    ) -> Result<Vec<Execution>, Failure> {
        let mut all = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..EXECUTION_PAGES_AT_MOST {
            let page = self
                .again(scope, ApiFamily::IotJobs, Operation::ListJobExecutionsForJob, async |permit| {
                    self.aws.iot().list_executions(permit, job, state, next.as_deref()).await
                })
                .await?;
            all.extend(page.executions);
            next = page.next_token;
            if next.is_none() {
                return Ok(all);
            }
        }
        let words = "the list of devices has no end";
        Err(Failure::new(Operation::ListJobExecutionsForJob, FailureKind::BadReply, words))
    }

    /// Why a device of a job does not run the revision.
    pub(super) async fn failure(
        &self,
        scope: &Scope,
        job: &str,
        thing: &str,
        end: BadEnd,
    ) -> Result<Option<DeviceFailure>, Failure> {
        self.again(scope, ApiFamily::IotJobs, Operation::DescribeJobExecution, async |permit| {
            self.aws.iot().describe_job_execution(permit, job, thing, end).await
        })
        .await
    }

    /// Why a thing does not run the revision of its own deployment.
    pub(super) async fn failure_of_thing(
        &self,
        scope: &Scope,
        thing: &str,
        revision: &str,
    ) -> Result<Option<DeviceFailure>, Failure> {
        self.again(scope, ApiFamily::IotJobs, Operation::GetThingShadow, async |permit| {
            self.aws.iot().get_deployment_shadow(permit, thing, revision).await
        })
        .await
    }

    /// A read is made again where AWS is busy or can't be reached; what a person must mend is told at once.
    async fn again<T>(
        &self,
        scope: &Scope,
        family: ApiFamily,
        operation: Operation,
        call: impl AsyncFn(Permit) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut pause = PAUSE;
        let mut attempt = 1;
        loop {
            let request = CallRequest { scope, family, caller: &self.caller, is_deletion: false };
            let Ok(permit) = self.aws.permit(request, LONGEST_WAIT, &SingleReplica).await else {
                let words = "AWS has throttled this account for too long: try again later";
                return Err(Failure::new(operation, FailureKind::Throttled, words));
            };
            match call(permit).await {
                Err(failure)
                    if attempt < attempts(failure.kind)
                        && failure.retry_after.is_none_or(|wait| wait <= LONGEST_WAIT) =>
                {
                    let wait = failure.retry_after.unwrap_or(pause);
                    if wait > TOLD_FROM {
                        note(&format!("AWS asks to wait {} s before {operation}", wait.as_secs()));
                    }
                    tokio::time::sleep(wait).await;
                    pause *= 2;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }
}

/// How often a call is made that fails so.
fn attempts(kind: FailureKind) -> u32 {
    match kind {
        FailureKind::Throttled | FailureKind::Service | FailureKind::TimedOut => ATTEMPTS_AT_MOST,
        // Nobody waits long to learn that an address is wrong.
        FailureKind::Unreachable => 3,
        FailureKind::AccessDenied
        | FailureKind::Credentials
        | FailureKind::NotFound
        | FailureKind::Validation
        | FailureKind::QuotaExceeded
        | FailureKind::DeletionLimit
        | FailureKind::Conflict
        | FailureKind::InProgress
        | FailureKind::BadReply
        | FailureKind::Construction
        | FailureKind::Fenced => 1,
    }
}

/// A failure in words for the person whose call it was.
pub(super) fn told(failure: &Failure) -> String {
    match (failure.kind, &failure.code) {
        // The SDK names every place where it has looked.
        (FailureKind::Credentials, None) => {
            "no AWS credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned()
        }
        (FailureKind::Construction, _) => format!("{}: check AWS_REGION and AWS_ENDPOINT_URL", failure.happening()),
        _ => failure.happening().to_string(),
    }
}

/// With the caller's own credentials, as they are.
pub(super) fn own_scope(account: &str, region: &str) -> Scope {
    let own = Identity {
        name: DEFAULT.to_owned(),
        role: None,
        region: None,
        endpoint_url: None,
        allowed_namespaces: NamespaceRule::default(),
        allowed_targets: TargetRule::default(),
        drift_interval: None,
        tags: BTreeMap::new(),
    };
    Scope { connection: connection(&own, ""), account: account.to_owned(), region: region.to_owned() }
}

/// Through an identity, on behalf of no namespace.
pub(super) fn connection(identity: &Identity, cluster: &str) -> Connection {
    Connection::through(identity, Session { cluster: cluster.to_owned(), namespace: None })
}
