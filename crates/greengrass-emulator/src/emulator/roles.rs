//! The roles of an emulator: made, changed, deleted, their sessions revoked. Pure.

use super::Emulator;
use crate::{role::Role, state_file::Change};

impl Emulator {
    /// Makes a role, or changes the one that has its ARN: from now on it is assumed on the new conditions, and the sessions that it has may do what the new
    /// one says.
    pub fn add_role(&self, role: Role) {
        let mut core = self.core();
        core.state.identities.add_role(role.clone());
        let now = self.now();
        core.note(now, || Change::Role(Box::new(role)));
    }

    /// All roles, by their ARNs.
    #[must_use]
    pub fn roles(&self) -> Vec<Role> {
        self.core().state.identities.roles().cloned().collect()
    }

    /// Deletes a role. Nobody knows its sessions any more: their calls are refused with `UnrecognizedClientException`, as in AWS, where deleting a role
    /// breaks what runs with it (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html>). False when there is no such role.
    #[must_use = "false means that there is no such role"]
    pub fn remove_role(&self, arn: &str) -> bool {
        let mut core = self.core();
        let removed = core.state.identities.remove_role(arn);
        if removed {
            let now = self.now();
            core.note(now, || Change::RemovedRole(arn.to_owned()));
        }
        removed
    }

    /// Revokes the sessions that a role has: their calls are refused with `AccessDeniedException`, as by the policy `AWSRevokeOlderSessions`. Those that are
    /// made later work. False when there is no such role.
    #[must_use = "false means that there is no such role"]
    pub fn revoke_sessions(&self, role_arn: &str) -> bool {
        let mut core = self.core();
        let revoked = core.state.identities.revoke_sessions(role_arn);
        if revoked {
            let now = self.now();
            core.note(now, || Change::RevokedSessions(role_arn.to_owned()));
        }
        revoked
    }
}
