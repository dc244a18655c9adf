//! The loop of a turn, for every kind: one step after the other, each on the object as the step before has left it. I/O.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::events::Events;
use super::objects::{ApiError, Objects};
use super::queue::{Rest, Turn};
use super::record::Record;
use super::store::Store;
use crate::aws::Class;

/// Steps of one turn. The longest turn there is, taking up a target with fifty foreign revisions, takes 60; a turn that runs
/// out of steps goes on in the next one.
const STEPS_AT_MOST: usize = 100;

/// A turn ends by itself after so long, before the driver breaks it off: what was learnt in a turn that is broken off is lost.
/// What is under way at that moment takes 40 s at most, a wait for quota and a send.
const TURN_ENDS_AFTER: Duration = Duration::from_mins(1);

/// Writes that were refused because somebody else's came in between. Three in one turn are no coincidence.
const CONFLICTS_AT_MOST: u32 = 3;

/// How soon a turn goes on that ran out of steps, of time or of conflicts; twice as long each time.
const CONTINUES_AFTER: Duration = Duration::from_millis(500);

/// How soon an object that the API server called gone, and the watch did not, is asked for again.
const GONE_ASKED_AGAIN: Duration = Duration::from_secs(30);

/// So long a resource rests at first when the API server refuses or does not answer, and at most.
const KUBERNETES_RETRY: Duration = Duration::from_secs(2);
const RETRY_LONGEST: Duration = Duration::from_mins(2);

/// What became of an operation.
pub enum Done {
    /// Something was learnt; the object is as it was.
    Learnt,
    /// The object has a new version.
    Wrote(Box<Record>),
    /// The object is gone.
    Gone,
    /// Quota: not before this.
    Wait(Instant),
}

/// What became of a step.
pub enum Stepped {
    /// Something was learnt; the object is as it was.
    Learnt,
    /// The object has a new version.
    Wrote(Box<Record>),
    /// Nothing more is to be done now.
    Ended(Rest),
}

/// The steps of a turn.
pub trait Steps {
    /// The incarnation of the object that the turn is about.
    fn uid(&self) -> &str;

    /// Does what is next; at most one operation on the outside.
    fn step(&mut self, record: &Record, step: usize) -> impl Future<Output = Result<Stepped, ApiError>> + Send;

    /// The object was read from the API server itself.
    fn read_live(&mut self);

    /// Another object has the name now.
    fn is_another(&mut self, record: &Record);
}

/// Where a turn takes place.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// The records.
    pub store: &'a Store,
    /// The objects in the API server.
    pub objects: &'a Objects,
    /// The publisher of events.
    pub events: &'a Events,
}

impl Site<'_> {
    /// Goes from step to step until there is nothing more to do now.
    pub async fn drive(self, turn: &Turn, mut record: Record, steps: &mut impl Steps) -> Rest {
        let begun = Instant::now();
        let mut conflicts = 0;
        for step in 0..STEPS_AT_MOST {
            if begun.elapsed() > TURN_ENDS_AFTER {
                break;
            }
            if *record.uid != *steps.uid() {
                // Its turn begins anew, with nothing that was learnt for this one.
                steps.is_another(&record);
                return Rest::after(Duration::ZERO, Class::Change);
            }
            match Box::pin(steps.step(&record, step)).await {
                Ok(Stepped::Learnt) => {}
                Ok(Stepped::Wrote(written)) => record = *written,
                Ok(Stepped::Ended(rest)) => return rest,
                // What was decided on a stale object was refused: it is decided again on the object itself.
                Err(ApiError::Conflict) if conflicts < CONFLICTS_AT_MOST => {
                    conflicts += 1;
                    match self.reread(&record).await {
                        Ok(Some(live)) => {
                            steps.read_live();
                            record = live;
                        }
                        Ok(None) => return self.gone(&record),
                        Err(error) => return self.refused(turn, &record, error).await,
                    }
                }
                Err(error) => return self.refused(turn, &record, error).await,
            }
        }
        // Never at once: a turn that does not end by itself must not become a loop without pause.
        Rest::back_off(growing(CONTINUES_AFTER, turn), turn.class)
    }

    /// The object as the API server itself has it.
    pub async fn reread(self, record: &Record) -> Result<Option<Record>, ApiError> {
        let live = self.objects.get_live(&record.name).await?;
        let known = self.store.observe_live(&record.name, Some(record.resource_version), live);
        Ok(known.map(|known| Record::clone(&known)))
    }

    /// The API server says that the object is gone. Where the watch has not said so too, it is asked again: not everything that
    /// answers 404 on the way speaks of the object.
    pub fn gone(self, record: &Record) -> Rest {
        match self.store.get(&record.name) {
            Some(known) if known.uid == record.uid => Rest::back_off(GONE_ASKED_AGAIN, Class::Recovery),
            Some(_) | None => Rest::until_woken(),
        }
    }

    /// The API server refuses or does not answer. Where it refuses the status itself nothing can be said on the resource, so the
    /// log and an event say it.
    async fn refused(self, turn: &Turn, record: &Record, error: ApiError) -> Rest {
        match error {
            ApiError::Gone => self.gone(record),
            ApiError::Conflict => Rest::back_off(growing(CONTINUES_AFTER, turn), turn.class),
            // The driver breaks off all turns in a moment.
            ApiError::Fenced => Rest::back_off(growing(KUBERNETES_RETRY, turn), turn.class),
            ApiError::Denied(message) | ApiError::Other(message) => {
                warn!(message, "the API server refused or did not answer");
                self.events.warning(record, "ApiServerRefused", &message).await;
                Rest::back_off(growing(KUBERNETES_RETRY, turn), turn.class)
            }
        }
    }
}

/// Twice as long with each turn in a row that ended so.
fn growing(first: Duration, turn: &Turn) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(turn.failures.min(10))).min(RETRY_LONGEST)
}
