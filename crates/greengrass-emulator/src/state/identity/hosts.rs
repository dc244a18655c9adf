//! Credentials that a program gets from where it runs: from Amazon EC2 for the instance's role, from Amazon EKS for its pod's. Pure.

use jiff::Timestamp;

use super::{Identities, NewSession, SessionCredentials, token::Claims};
use crate::{
    error::{ServiceError, StsErrorCode},
    ids::Ids,
    role::Role,
};

/// How long they last: six hours, as EKS Pod Identity has it, and as EC2's are seen to.
/// <https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html>
const SECONDS: u32 = 6 * 3600;

/// The instance in the names of sessions: the id that AWS's own documentation uses.
const INSTANCE: &str = "i-1234567890abcdef0";

/// The cluster in the names and tags of sessions.
const CLUSTER: &str = "emulator";

/// Whom the tokens of pods are for.
const POD_AUDIENCE: &str = "pods.eks.amazonaws.com";

/// The longest name of a session.
const LONGEST_NAME: usize = 64;

impl Identities {
    /// For the instance's role. `None` when there is no such role.
    pub(crate) fn instance_credentials(
        &mut self,
        role: &str,
        ids: &mut Ids,
        now: Timestamp,
    ) -> Option<SessionCredentials> {
        let new = NewSession { chains: false, ..NewSession::plain(self.role(role)?, INSTANCE) };
        Some(self.issue(new, SECONDS, ids, now))
    }

    /// For the role that is associated with the service account of a token, with the account that it is of. The session's tags, all of them transitive, are
    /// those of <https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html>, without the cluster's ARN.
    pub(crate) fn pod_credentials(
        &mut self,
        token: &str,
        ids: &mut Ids,
        now: Timestamp,
    ) -> Result<(SessionCredentials, String), ServiceError> {
        let claims = Claims::of(token, now)?;
        if !claims.audiences().iter().any(|audience| audience == POD_AUDIENCE) {
            let message = format!("the token's audience must be {POD_AUDIENCE}");
            return Err(ServiceError::Sts { code: StsErrorCode::InvalidIdentityToken, message });
        }
        let account = claims.subject.strip_prefix("system:serviceaccount:").and_then(|name| name.split_once(':'));
        let is_for = |role: &&Role, (namespace, name): (&str, &str)| {
            role.pod_identity().is_some_and(|pod| pod.namespace == namespace && pod.service_account == name)
        };
        let (namespace, name, role) = account
            .and_then(|account| Some((account.0, account.1, self.roles().find(|role| is_for(role, account))?)))
            .ok_or_else(|| ServiceError::AccessDenied {
                message: format!("no role is associated with {}", claims.subject),
            })?;
        let pod = claims.kubernetes.and_then(|kubernetes| kubernetes.pod);
        let of_pod = pod.as_ref().map_or(name, |pod| &pod.name);
        let session = format!("eks-{CLUSTER}-{of_pod}").chars().take(LONGEST_NAME).collect::<String>();
        let mut new = NewSession::plain(role, &session);
        let mut tag = |key: &str, value: &str| {
            new.tags.insert(key.to_owned(), value.to_owned());
            new.transitive.push(key.to_owned());
        };
        tag("eks-cluster-name", CLUSTER);
        tag("kubernetes-namespace", namespace);
        tag("kubernetes-service-account", name);
        if let Some(pod) = &pod {
            tag("kubernetes-pod-name", &pod.name);
            tag("kubernetes-pod-uid", &pod.uid);
        }
        let account = role.parsed_arn().account().to_owned();
        Ok((self.issue(new, SECONDS, ids, now), account))
    }
}
