//! The account view: one walk over the newest deployments of an account and region tells which resources deserve a look. I/O.
//!
//! A walk concludes nothing: where it shows a resource's newest deployment as it is known, that counts as verified, and where
//! it does not, the resource gets a turn that looks. So a page that is late, or a row that is missing, costs a call at most.

mod compare;
mod members;
mod places;
mod schedule;
mod walk;
mod walker;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

pub(super) use places::{First, Places};
use tokio::task::{Id, JoinSet};
use tracing::error;

use super::Deployments;
use crate::controller::tally::Place;

/// How soon the walks of a place begin again after a defect has ended them.
const BROKEN_RETRY: Duration = Duration::from_mins(1);

/// Walks over every account and region in which there are resources, until dropped. A walk only reads, so it may end anywhere.
pub async fn run(all: Arc<Deployments>) {
    let mut walkers: JoinSet<()> = JoinSet::new();
    let mut places: HashMap<Id, Place> = HashMap::new();
    loop {
        let changed = all.places.changed();
        tokio::pin!(changed);
        // From here on no new place is missed.
        changed.as_mut().enable();
        for (place, first) in all.places.take_new() {
            attend(&all, &mut walkers, &mut places, (place, first), Duration::ZERO);
        }
        tokio::select! {
            () = changed => {}
            Some(ended) = walkers.join_next_with_id() => {
                let id = ended.as_ref().map_or_else(tokio::task::JoinError::id, |(id, ())| *id);
                let place = places.remove(&id);
                if let (Err(failed), Some(place)) = (ended, place) {
                    error!(account = place.account, region = place.region, "walks ended by a defect; they begin again: {failed}");
                    attend(&all, &mut walkers, &mut places, (place, First::Soon), BROKEN_RETRY);
                }
            }
        }
    }
}

fn attend(
    all: &Arc<Deployments>,
    walkers: &mut JoinSet<()>,
    places: &mut HashMap<Id, Place>,
    (place, first): (Place, First),
    delay: Duration,
) {
    let (all, of) = (Arc::clone(all), place.clone());
    let handle = walkers.spawn(async move {
        tokio::time::sleep(delay).await;
        walker::attend(&all, &of, first).await;
    });
    places.insert(handle.id(), place);
}

/// From now on the metrics show how old the view of each account and region is.
pub fn report(all: &Arc<Deployments>) {
    let (places, clock) = (all.places.clone(), all.parts.clock);
    all.parts.metrics.drift_interval(all.parts.look_interval.as_secs_f64());
    all.parts.metrics.before_scrape(move |metrics| {
        for (place, seconds) in places.ages(clock.now()) {
            metrics.account_view_age((&place.account, &place.region), seconds);
        }
    });
}
