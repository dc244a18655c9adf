//! One 128-bit number for all states that no rule can tell apart. Pure.
//!
//! Times count relative to each other: sorted, with the time between two neighbours cut to a little more than two minutes, every comparison of
//! two times with a distance of up to two minutes comes out as before (10 s for a look and an object, 15 s and 40 s of AWS, 60 s
//! of doubt, 100 s after a start, 2 minutes after a create or the parent's revision). Of the 7 and 8 hours only stays whether
//! they are over: waits make up less than one hour, and the event that lets eight pass makes both be over. Times that no rule
//! looks at any more are left out. Ids are renamed in their order, versions and uids to whether they are the newest.

use std::collections::BTreeMap;

use greengrass_operator_core::deployment::knowledge::{Details, Row, RowStatus, later};
use greengrass_operator_core::deployment::memory::{Intent, Memory, OwnDeployment};
use greengrass_operator_core::deployment::revision::Digest;
use greengrass_operator_core::deployment::rollout::Verdict;
use greengrass_operator_core::names::{Key, TargetArn};
use jiff::{SignedDuration, Timestamp};

use crate::cloud::LONGEST_LAG;
use crate::fold::Canon;
use crate::invariants::{FORGOTTEN_WITHIN, Ghost};
use crate::world::{Object, View, World};

/// How long a look and an object are fresh, and how long the invariants excuse what happened before a send.
pub(crate) const FRESH_FOR: SignedDuration = SignedDuration::from_secs(10);

/// After so long a token may be forgotten.
const TOKEN_KNOWN_FOR: SignedDuration = SignedDuration::from_hours(7);

impl World {
    /// With everything that may still happen.
    pub(crate) fn canonical(&self) -> u128 {
        let mut canon = Canon::default();
        canon.world(self);
        let budget = self.budget;
        let b = [
            [
                budget.edits,
                budget.redeploys,
                budget.faults,
                budget.failing_reads,
                budget.lags,
                budget.crashes,
                budget.stale_reads,
                0,
            ],
            [budget.fail_overs, budget.losses, budget.restores, budget.deletions, budget.creations, 0, 0, 0],
            [budget.foreign, budget.removals, budget.cancellations, budget.pauses, budget.eight_hours, 0, 0, 0],
        ];
        for word in b {
            canon.plain(u64::from_le_bytes(word));
        }
        for ghost in &self.ghosts {
            canon.ghost(ghost, self.now);
        }
        canon.done(self.now)
    }

    /// Where nothing more happens: what was asked for before plays no part.
    pub(crate) fn canonical_at_peace(&self) -> u128 {
        let mut canon = Canon::default();
        canon.world(self);
        canon.done(self.now)
    }
}

impl Canon {
    fn status(&mut self, status: RowStatus) {
        self.plain(match status {
            RowStatus::Active => 0_u64,
            RowStatus::Completed => 1,
            RowStatus::Canceled => 2,
            RowStatus::Failed => 3,
            RowStatus::Inactive => 4,
            RowStatus::Unknown => 5,
        });
    }

    fn key(&mut self, key: &Key) {
        self.text(key.target.as_str());
        self.some_text(key.parent.as_ref().map(TargetArn::as_str));
    }

    fn world(&mut self, world: &World) {
        let now = world.now;
        self.len(world.processes.len());
        if world.processes.len() > 1 {
            self.time(world.zombie_until);
        }
        self.len(world.cloud.deployments.len());
        for deployment in &world.cloud.deployments {
            self.details(&deployment.details);
            self.plain(u64::from(deployment.listed) | u64::from(deployment.readable) << 1);
            let created_at = deployment.details.row.created_at;
            let is_young = later(created_at, LONGEST_LAG) > now && world.budget.stale_reads > 0;
            self.some_time(Some(created_at).filter(|_| deployment.is_hidden() || is_young));
            if deployment.maker().is_none() {
                self.time_within(deployment.shown_at, now, FRESH_FOR);
                self.plain(deployment.redeploys_before);
            }
        }
        self.len(world.cloud.late.len());
        for late in &world.cloud.late {
            self.text(&late.token);
            self.tags(&late.request.tags);
            self.time(late.arrives_by);
        }
        for known in &world.cloud.tokens {
            self.text(&known.text);
            self.tags(&known.request.tags);
            self.id(&known.deployment_id);
            self.plain(now.duration_since(known.at) > TOKEN_KNOWN_FOR);
        }
        for (object, past) in world.objects.iter().zip(&world.past) {
            self.object(object, now);
            if world.budget.restores > 0 {
                self.memory(past, object.generation, now);
            }
        }
        for view in world.processes.iter().flat_map(|process| &process.views) {
            self.view(view, world);
        }
        self.plain(world.creations);
    }

    fn object(&mut self, object: &Object, now: Timestamp) {
        let Object {
            version: _,
            generation,
            uid,
            created,
            content,
            redeploy,
            deleting,
            finalizer,
            gone,
            memory,
            ready,
            synced,
            status_edits,
        } = object;
        let flags = [*deleting, *finalizer, *gone, *synced].map(u8::from);
        let [a, b, c, d] = flags;
        let content = u8::try_from(*content).unwrap_or(u8::MAX);
        self.plain(u64::from_le_bytes([a, b, c, d, *uid, *created, content, *redeploy]));
        self.plain(*status_edits);
        self.text(ready);
        self.memory(memory, *generation, now);
    }

    fn view(&mut self, view: &View, world: &World) {
        let index =
            world.processes.iter().flat_map(|process| &process.views).position(|other| std::ptr::eq(other, view));
        let truth = &world.objects[index.unwrap_or(0) % world.objects.len()];
        let is_same = truth.version == view.object.version;
        self.plain(is_same);
        if !is_same {
            self.object(&view.object, world.now);
            self.plain((truth.generation - view.object.generation).cast_unsigned());
        }
        self.plain(view.resting);
        self.some_time(view.wake_at);
        if !view.object.gone {
            self.knowledge(&view.knowledge, &view.object, world.now);
        }
    }

    fn memory(&mut self, memory: &Memory, generation: i64, now: Timestamp) {
        let Memory {
            observed_generation,
            ordinal,
            intent,
            deployment,
            key,
            deletion_policy,
            applied_tags,
            dropped,
            foreign,
            reconcile_at,
            redeploy_at,
            cancel_at,
            remove_timeout: _,
            progress,
            // What is only shown.
            identity: _,
            history: _,
        } = memory;
        self.plain(observed_generation.map_or(u64::MAX, |observed| (generation - observed).cast_unsigned()));
        self.plain(*ordinal);
        self.plain(intent.is_some());
        if let Some(intent) = intent {
            self.intent(intent, now);
        }
        self.plain(deployment.is_some());
        if let Some(own) = deployment {
            let OwnDeployment {
                deployment_id,
                revision_id: _,
                iot_job_id,
                iot_job_arn,
                digest,
                generation: of,
                status,
            } = own;
            self.id(deployment_id);
            self.some_text(iot_job_id.as_deref());
            self.some_text(iot_job_arn.as_deref());
            self.some_text(digest.as_ref().map(Digest::as_str));
            self.plain(of.map_or(u64::MAX, |of| (generation - of).cast_unsigned()));
            self.some_text(status.as_deref());
        }
        self.plain(key.is_some());
        if let Some(key) = key {
            self.key(key);
        }
        self.plain(u64::from(deletion_policy.is_some()) | u64::from(applied_tags.is_some()) << 1);
        // The model's deployments configure nothing: only whether that is known counts.
        self.plain(dropped.is_some());
        self.some_id(foreign.as_ref().map(|foreign| foreign.deployment_id.as_str()));
        self.some_text(foreign.as_ref().and_then(|foreign| foreign.redeploy_at.as_deref()));
        self.some_text(reconcile_at.as_deref());
        self.some_text(redeploy_at.as_deref());
        self.some_text(cancel_at.as_deref());
        self.some_text(progress.verdict.map(Verdict::as_str));
    }

    fn intent(&mut self, intent: &Intent, now: Timestamp) {
        let Intent { ordinal, attempt, digest, redeploy, cancel, parent, cause, request, base, started_at } = intent;
        self.plain(*ordinal);
        self.plain(*attempt);
        self.text(digest.as_str());
        self.some_text(redeploy.as_deref());
        self.some_text(cancel.as_deref());
        self.some_id(parent.as_deref());
        self.text(cause.as_str());
        self.text(request);
        self.some_id(base.as_deref());
        self.time(*started_at);
        self.plain(now.duration_since(*started_at) > TOKEN_KNOWN_FOR);
    }

    pub(crate) fn rows(&mut self, rows: &[Row]) {
        self.len(rows.len());
        for row in rows {
            self.id(&row.deployment_id);
            self.status(row.status);
        }
    }

    pub(crate) fn details(&mut self, details: &Details) {
        self.id(&details.row.deployment_id);
        self.status(details.row.status);
        self.text(&details.row.target_arn);
        self.tags(&details.tags);
    }

    fn tags(&mut self, tags: &BTreeMap<String, String>) {
        self.len(tags.len());
        for (key, value) in tags {
            // The last letters tell the operator's keys apart.
            self.text(&key[key.len().saturating_sub(8)..]);
            self.text(value);
        }
    }

    fn ghost(&mut self, ghost: &Ghost, now: Timestamp) {
        let Ghost { owed, excuses, lost_track, last_send_at, last_made, last_edit_of_status, redeploys, deleted_at } =
            ghost;
        self.len(owed.len());
        for (content, redeploy) in owed {
            self.len(*content);
            self.plain(*redeploy);
        }
        self.plain(u64::from(*excuses) | u64::from(*lost_track) << 8 | u64::from(*last_edit_of_status) << 16);
        self.plain(*redeploys);
        self.time_within(*last_send_at, now, FORGOTTEN_WITHIN);
        self.some_id(last_made.as_deref());
        self.plain(deleted_at.is_some());
        self.time_within(*deleted_at, now, FRESH_FOR);
    }
}
