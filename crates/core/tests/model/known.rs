//! What a process knows, as part of the one number for a state. Pure.

use std::collections::BTreeMap;

use greengrass_operator_core::deployment::knowledge::{Knowledge, OwnerFound, Reading, Sends, Trouble};
use greengrass_operator_core::deployment::subject::Claimant;
use greengrass_operator_core::names::ObjectName;
use jiff::{SignedDuration, Timestamp};

use crate::canonical::FRESH_FOR;
use crate::fold::Canon;
use crate::world::Object;

/// How long a deletion trusts what it has read.
const READING_IS_FRESH_FOR: SignedDuration = SignedDuration::from_secs(30);

impl Canon {
    fn owners(&mut self, owners: &BTreeMap<ObjectName, OwnerFound>) {
        self.len(owners.len());
        for (owner, found) in owners {
            self.text(&owner.name);
            self.plain(*found == OwnerFound::Gone);
        }
    }

    fn claimants(&mut self, claimants: Option<&Reading<Vec<Claimant>>>) {
        self.plain(claimants.is_some());
        let Some(Reading { at, value }) = claimants else { return };
        self.time(*at);
        for claimant in value {
            self.text(&claimant.object.name);
            self.plain(claimant.created_at.as_second().cast_unsigned());
            self.plain(u64::from(claimant.has_deployment) | u64::from(claimant.deleting) << 1);
        }
    }

    pub(crate) fn knowledge(&mut self, knowledge: &Knowledge, object: &Object, now: Timestamp) {
        let Knowledge {
            since,
            predecessor_until,
            look,
            details,
            sends,
            parent,
            parent_since,
            subdeployments,
            claimants,
            live_at,
            request_noticed: _,
            look_wanted_at,
            missing,
            settled_at,
            tagless_since,
            verified_at: _,
            trouble,
            obstacle: _,
            canceled,
            deleted,
            config_maps: _,
            missing_since: _,
            configured,
            owners,
            adopted: _,
            corrected_at: _,
            definition,
            history: _,
            rollout: _,
            rollout_wanted_at: _,
            tagged: _,
            untagged: _,
        } = knowledge;
        self.time(*since);
        self.some_id(configured.as_ref().map(|configured| configured.0.as_str()));
        self.owners(owners);
        let read_at = definition.as_ref().map(|reading| reading.at).filter(|_| object.deleting);
        self.time_within(read_at, now, READING_IS_FRESH_FOR);
        self.some_time(*predecessor_until);
        self.plain(look.is_some());
        if let Some(look) = look {
            self.time(look.began_at);
            self.plain(look.resource_version == object.version.to_string());
            self.rows(&look.rows);
        }
        self.len(details.len());
        for (id, Reading { at, value }) in details {
            self.id(id);
            self.plain(value.is_some());
            match value {
                None => self.time(*at),
                Some(details) => {
                    self.details(details);
                    self.time_within(object.deleting.then_some(*at), now, READING_IS_FRESH_FOR);
                }
            }
        }
        self.plain(sends.is_some());
        if let Some(sends) = sends {
            self.sends(sends);
        }
        self.plain(parent.is_some());
        if let Some(Reading { at, value }) = parent {
            self.time(*at);
            self.rows(value.as_slice());
        }
        self.some_id(parent_since.as_ref().map(|(id, _)| id.as_str()));
        self.some_time(parent_since.as_ref().map(|(_, at)| *at));
        self.plain(subdeployments.is_some());
        if let Some(Reading { at, value }) = subdeployments {
            self.time(*at);
            self.rows(value);
        }
        self.claimants(claimants.as_ref());
        self.time_within(*live_at, now, FRESH_FOR);
        self.some_time(*look_wanted_at);
        self.len(missing.len());
        for (id, at) in missing {
            self.id(id);
            self.time(*at);
        }
        self.some_time(*settled_at);
        self.some_time(*tagless_since);
        self.plain(trouble.is_some());
        if let Some(Trouble { failure, attempts: _, first_at: _, retry_at, request }) = trouble.as_deref() {
            self.text(failure.operation.name());
            self.text(failure.kind.name());
            self.time((*retry_at).max(now));
            self.plain((object.generation - request.generation).cast_unsigned());
            self.some_text(request.redeploy_at.as_deref());
        }
        for ids in [canceled, deleted] {
            self.len(ids.len());
            for id in ids {
                self.id(id);
            }
        }
    }

    fn sends(&mut self, sends: &Sends) {
        let Sends {
            ordinal,
            recorded_here,
            count,
            last_ended_at,
            last_doubtful_at,
            all_clearly_refused,
            refused_after_doubt,
            reply,
        } = sends;
        self.plain(*ordinal);
        self.plain((*count).min(2));
        let flags = [*recorded_here, *all_clearly_refused, *refused_after_doubt].map(u64::from);
        self.plain(flags[0] | flags[1] << 1 | flags[2] << 2);
        self.some_time(*last_ended_at);
        self.some_time(*last_doubtful_at);
        self.some_id(reply.as_ref().map(|(id, _)| id.as_str()));
        self.some_time(reply.as_ref().map(|(_, at)| *at));
    }
}
