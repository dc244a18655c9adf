//! Walks over one account and region, again and again, for as long as there are resources in it. I/O.

use std::collections::BTreeSet;
use std::time::Duration;

use greengrass_operator_core::deployment::knowledge::{Row, RowFilter, RowPage};
use greengrass_operator_core::failure::{Failure, FailureKind, Who};
use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::super::{Deployments, resolve};
use super::First;
use super::compare::{Judgement, judge};
use super::members::{key, members, remembered, watched};
use super::schedule::Schedule;
use super::walk::{Next, RowKey, Walk};
use crate::aws::{ApiFamily, Class, Permit, Scope, WaitReason};
use crate::controller::driver::Kind;
use crate::controller::failures::jitter;
use crate::controller::queue::{Reason, Wake};
use crate::controller::record::Record;
use crate::controller::store::Reference;
use crate::controller::tally::Place;
use crate::controller::wakes::spread;
use crate::telemetry::metrics::WalkOutcome;

/// How often a replica that does not lead asks whether it does: a walk that begins a second later harms nobody.
const STANDBY: Duration = Duration::from_secs(1);

/// Walks until no resource is there any more.
pub(super) async fn attend(all: &Deployments, place: &Place, mut first: First) {
    loop {
        while !all.parts.leadership.fence().valid() {
            all.places.seen(place, None);
            first = First::Soon;
            tokio::time::sleep(STANDBY).await;
        }
        let schedule = Schedule::new(all.parts.look_interval, first, &seed(place), all.parts.clock.now());
        let mut walker = Walker { all, place, schedule, walk: None, scopes: Vec::new(), allowed: None };
        match walker.lead().await {
            // What another one has done meanwhile nobody here has seen, also where it led for a moment only.
            Ended::NotLeading => first = First::Soon,
            Ended::NoResources => return,
        }
    }
}

fn seed(place: &Place) -> String {
    format!("{}/{}", place.account, place.region)
}

enum Ended {
    NotLeading,
    NoResources,
}

struct Walker<'a> {
    all: &'a Deployments,
    place: &'a Place,
    schedule: Schedule,
    walk: Option<Walk>,
    /// On whose behalf the walk goes on, the next one first.
    scopes: Vec<Scope>,
    /// On whose behalf the last page came: who was denied before is not asked first again.
    allowed: Option<Scope>,
}

impl Walker<'_> {
    async fn lead(&mut self) -> Ended {
        let mut terms = self.all.terms.subscribe();
        loop {
            self.all.places.seen(self.place, Some(self.schedule.seen_at()));
            let due = self.all.parts.clock.instant_of(self.schedule.due());
            tokio::select! {
                biased;
                // The sender lives as long as what is walked for.
                _ = terms.changed() => {
                    if self.walk.is_some() {
                        self.count(WalkOutcome::Abandoned);
                    }
                    return Ended::NotLeading;
                }
                () = tokio::time::sleep_until(due) => {}
            }
            let Some(walk) = &self.walk else {
                if self.begin() {
                    continue;
                }
                return Ended::NoResources;
            };
            match walk.next() {
                Next::Complete => self.complete(),
                Next::TooLong => self.too_long(),
                Next::Page { filter, token } => {
                    let Some(permit) = self.permit().await else {
                        self.count(WalkOutcome::Abandoned);
                        return Ended::NotLeading;
                    };
                    self.read(permit, &filter, token.as_deref()).await;
                }
            }
            if self.schedule.hands_over(self.all.parts.clock.now()) {
                warn!(
                    account = self.place.account,
                    region = self.place.region,
                    "walks over the account's deployments fail; its resources look themselves"
                );
                self.hand_over(None);
            }
        }
    }

    /// Begins the next walk, if it is one for a walk. False: no resource is there any more.
    fn begin(&mut self) -> bool {
        let now = self.all.parts.clock.now();
        let noted = self.all.places.noted(self.place);
        let members = members(self.all, self.place);
        if !members.any {
            return !self.all.places.forget(self.place, noted);
        }
        let nobody_may = members.scopes.is_empty();
        if !nobody_may {
            self.schedule.every(members.interval);
        }
        self.ask_for(members.scopes);
        if members.keys.is_empty() || nobody_may {
            self.schedule.postpone(now);
        } else if self.schedule.begin(now) {
            self.walk = Some(Walk::new(members.keys));
        } else {
            self.hand_over(None);
            self.schedule.looked_alone(&seed(self.place), now);
            self.count(WalkOutcome::OwnLooks);
        }
        true
    }

    fn ask_for(&mut self, scopes: BTreeSet<Scope>) {
        self.scopes = scopes.into_iter().collect();
        self.scopes.sort_by_key(|scope| Some(scope) != self.allowed.as_ref());
    }

    /// Waits until its class has quota; what is more urgent goes first. None: this replica does not lead any more.
    async fn permit(&self) -> Option<Permit> {
        let all = self.all;
        let begun = Instant::now();
        loop {
            let fence = all.parts.leadership.fence();
            let place = (self.place.account.as_str(), self.place.region.as_str());
            match all.parts.aws.try_permit(self.scopes.first()?, Class::Sweep, ApiFamily::Greengrass, &fence) {
                Ok(permit) => {
                    all.parts.metrics.limiter_waited(ApiFamily::Greengrass, place, begun.elapsed().as_secs_f64());
                    return Some(permit);
                }
                Err(wait) if wait.reason == WaitReason::NotLeading => return None,
                Err(wait) => tokio::time::sleep_until(wait.until).await,
            }
        }
    }

    async fn read(&mut self, permit: Permit, filter: &RowFilter, token: Option<&str>) {
        let asked_at = self.all.parts.clock.now();
        let size = self.schedule.size();
        let listed = self.all.parts.aws.greengrass().list_some_deployments(permit, filter, token, size.get()).await;
        match listed {
            Ok(page) => {
                self.all.parts.metrics.account_view_page((&self.place.account, &self.place.region));
                self.schedule.page_came();
                self.allowed = self.scopes.first().cloned();
                self.compare(&page, asked_at);
                if let Some(walk) = &mut self.walk {
                    walk.took(&page, size);
                }
            }
            Err(failure) => self.failed(&failure),
        }
    }

    fn failed(&mut self, failure: &Failure) {
        let now = self.all.parts.clock.now();
        let jitter = jitter(&seed(self.place), now.as_second());
        if failure.kind == FailureKind::Validation
            && let Some(walk) = self.walk.as_mut().filter(|walk| walk.has_token())
        {
            debug!("AWS does not know the page's token any more; the list begins anew");
            walk.begin_list_anew();
            self.schedule.token_refused(failure, now, jitter);
            self.count(WalkOutcome::BegunAnew);
            return;
        }
        // Another identity of the account may be allowed what this one is not.
        if failure.rule().who == Who::Person && self.scopes.len() > 1 {
            self.scopes.remove(0);
            return;
        }
        info!(
            account = self.place.account,
            region = self.place.region,
            outcome = failure.kind.name(),
            request_id = failure.request_id,
            "the walk over the account's deployments goes on later: {failure}"
        );
        self.schedule.failed(failure, now, jitter);
        self.ask_for(members(self.all, self.place).scopes);
        self.count(WalkOutcome::Interrupted);
    }

    /// What was not seen in a whole list deserves a look.
    fn complete(&mut self) {
        let Some(walk) = self.walk.take() else { return };
        for missing in walk.unseen() {
            self.consider(missing, None, self.schedule.began_at());
        }
        self.schedule.completed(&seed(self.place), self.all.parts.clock.now());
        self.count(WalkOutcome::Complete);
    }

    fn too_long(&mut self) {
        let Some(walk) = self.walk.take() else { return };
        self.hand_over(Some(walk.unseen()));
        self.schedule.too_long(&seed(self.place), self.all.parts.clock.now());
        self.count(WalkOutcome::OwnLooks);
    }

    fn compare(&self, page: &RowPage, asked_at: Timestamp) {
        for row in &page.rows {
            self.consider(&RowKey::of(row), Some(row), asked_at);
        }
    }

    fn consider(&self, of: &RowKey, shown: Option<&Row>, asked_at: Timestamp) {
        let all = self.all;
        let reference = Reference::Key(resolve::key_words(&of.target, of.parent.as_deref()).into());
        for name in all.parts.store.referrers(&reference) {
            let Some(record) = all.parts.store.get(&name) else { continue };
            let remembered = remembered(&record);
            let is_of = remembered.resolved.as_ref().is_some_and(|resolved| {
                (&resolved.target_arn, &resolved.parent_target_arn) == (&of.target, &of.parent)
            });
            let Some(known) = watched(all, &record).filter(|_| is_of && remembered.deployment_id.is_some()) else {
                continue;
            };
            match judge(&known, &remembered, shown, asked_at) {
                Judgement::Nothing => {}
                Judgement::Agrees => all.sessions.verified(&name, &record.uid, asked_at),
                Judgement::Differs => {
                    debug!(object = %name, shown = shown.map(|row| &row.deployment_id), "the account view shows a change");
                    self.wake(&record, Class::Recovery, Duration::ZERO);
                }
            }
        }
    }

    /// The resources look themselves within an interval: all that rest, or those of them.
    fn hand_over(&self, only: Option<&BTreeSet<RowKey>>) {
        let now = self.all.parts.clock.now();
        for record in self.all.parts.store.records() {
            let remembered = remembered(&record);
            let Some(key) = key(&remembered).filter(|key| super::super::place(key) == *self.place) else { continue };
            let row_key =
                RowKey { target: key.target.to_string(), parent: key.parent.as_ref().map(ToString::to_string) };
            if watched(self.all, &record).is_some() && only.is_none_or(|only| only.contains(&row_key)) {
                let delay = spread(&format!("{}{now}", record.uid), self.all.parts.look_interval);
                self.wake(&record, Class::Sweep, delay);
            }
        }
    }

    fn wake(&self, record: &Record, class: Class, delay: Duration) {
        let wake = Wake::now(class, Reason::AccountView).after(delay).in_lane(self.all.lane(record));
        self.all.parts.queue.wake(record.name.clone(), wake);
    }

    fn count(&self, outcome: WalkOutcome) {
        self.all.parts.metrics.account_view_walk(outcome, (&self.place.account, &self.place.region));
    }
}
