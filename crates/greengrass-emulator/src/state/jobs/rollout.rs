//! How fast a job reaches the things of its group: constant or exponential rate. Pure.
//!
//! <https://docs.aws.amazon.com/iot/latest/developerguide/jobs-configurations-details.html>

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

/// "The default is 1000": the quota on the rollout rate of a job, which is its default too.
const DEFAULT_PER_MINUTE: u32 = 1000;

/// A whole thing, but for what sixtieths lose when they are added up.
const WHOLE: f64 = 1.0 - 1e-6;

/// The things that have no execution yet, and how many get one when.
#[derive(Debug)]
pub(crate) struct Rollout {
    /// By their places in the queue.
    waiting: BTreeMap<u64, Arc<str>>,
    places: BTreeMap<Arc<str>, u64>,
    per_minute: f64,
    most_per_minute: f64,
    increase: Option<Increase>,
    /// The part of a thing that the seconds before have left over.
    credit: f64,
    notified: u64,
}

#[derive(Debug)]
struct Increase {
    factor: f64,
    every: u64,
    by: Progress,
    /// How many increases there were.
    times: u64,
}

#[derive(Debug, Clone, Copy)]
enum Progress {
    Notified,
    Succeeded,
}

impl Rollout {
    /// The rollout of `iotJobConfiguration.jobExecutionsRolloutConfig` to these things.
    pub(crate) fn new(configuration: &Value, things: impl IntoIterator<Item = Arc<str>>) -> Self {
        let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
        let most = configuration.get("maximumPerMinute").and_then(number).unwrap_or(DEFAULT_PER_MINUTE);
        let exponential = configuration.get("exponentialRate").filter(|rate| rate.is_object());
        let base = exponential.and_then(|rate| number(rate.get("baseRatePerMinute")?)).unwrap_or(most).min(most);
        let increase = exponential.and_then(|rate| {
            let criteria = rate.get("rateIncreaseCriteria")?;
            let every = |name: &str| criteria.get(name).and_then(Value::as_u64);
            let (every, by) = every("numberOfNotifiedThings")
                .map(|every| (every, Progress::Notified))
                .or_else(|| Some((every("numberOfSucceededThings")?, Progress::Succeeded)))?;
            let factor = rate.get("incrementFactor").and_then(Value::as_f64)?;
            Some(Increase { factor, every, by, times: 0 })
        });
        let per_minute = f64::from(base);
        let waiting: BTreeMap<u64, Arc<str>> = (0..).zip(things).collect();
        Self {
            places: waiting.iter().map(|(place, thing)| (Arc::clone(thing), *place)).collect(),
            waiting,
            per_minute,
            most_per_minute: f64::from(most),
            increase,
            // The first thing of even the slowest rollout is told at once.
            credit: (1.0 - per_minute / 60.0).max(0.0),
            notified: 0,
        }
    }

    /// The things whose turn comes in the next second.
    pub(crate) fn next_second(&mut self, succeeded: u64) -> Vec<Arc<str>> {
        self.speed_up(succeeded);
        self.credit += self.per_minute / 60.0;
        let mut told = Vec::new();
        while self.credit >= WHOLE
            && let Some((_, thing)) = self.waiting.pop_first()
        {
            self.places.remove(&thing);
            self.credit -= 1.0;
            self.notified += 1;
            told.push(thing);
            self.speed_up(succeeded);
        }
        told
    }

    fn speed_up(&mut self, succeeded: u64) {
        let Some(increase) = &mut self.increase else {
            return;
        };
        let reached = match increase.by {
            Progress::Notified => self.notified,
            Progress::Succeeded => succeeded,
        };
        while increase.times < reached / increase.every.max(1) && self.per_minute < self.most_per_minute {
            increase.times += 1;
            self.per_minute = (self.per_minute * increase.factor).min(self.most_per_minute);
        }
    }

    /// Whether it has reached everybody.
    pub(crate) fn is_complete(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether it has not reached this thing.
    pub(crate) fn awaits(&self, thing: &str) -> bool {
        self.places.contains_key(thing)
    }

    pub(crate) fn leave_out(&mut self, thing: &str) {
        if let Some(place) = self.places.remove(thing) {
            self.waiting.remove(&place);
        }
    }

    pub(crate) fn stop(&mut self) {
        self.waiting.clear();
        self.places.clear();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told_by_second(configuration: &Value, seconds: usize) -> Vec<usize> {
        let things = (0..10_000).map(|number| Arc::from(number.to_string()));
        let mut rollout = Rollout::new(configuration, things);
        let mut told = 0;
        (0..seconds)
            .map(|_| {
                told += rollout.next_second(0).len();
                told
            })
            .collect()
    }

    #[test]
    fn the_default_is_a_thousand_a_minute() {
        let told = told_by_second(&Value::Null, 60);
        assert_eq!((told[0], told[59]), (16, 1000));
    }

    #[test]
    fn a_constant_rate_is_kept_and_the_first_thing_is_told_at_once() {
        let told = told_by_second(&json!({"maximumPerMinute": 6}), 61);
        assert_eq!((told[0], told[9], told[10], told[60]), (1, 1, 2, 7));
    }

    /// The numbers of AWS's own example: 50, then twice as much after each thousand, up to a maximum.
    #[test]
    fn an_exponential_rate_doubles_with_every_thousand_that_were_told() {
        let configuration = json!({
            "exponentialRate": {
                "baseRatePerMinute": 50,
                "incrementFactor": 2.0,
                "rateIncreaseCriteria": {"numberOfNotifiedThings": 1000, "numberOfSucceededThings": null},
            },
            "maximumPerMinute": 200,
        });
        let told = told_by_second(&configuration, 41 * 60);
        let minute = |number: usize| told[number * 60] - told[(number - 1) * 60];
        assert_eq!((minute(10), minute(25), minute(40)), (50, 100, 200));
        assert!(told[20 * 60] >= 1000 && told[30 * 60 + 5] >= 2000);
    }

    #[test]
    fn a_rate_can_follow_the_things_that_succeeded() {
        let configuration = json!({"exponentialRate": {
            "baseRatePerMinute": 60,
            "incrementFactor": 3,
            "rateIncreaseCriteria": {"numberOfSucceededThings": 10},
        }});
        let mut rollout = Rollout::new(&configuration, (0..100).map(|number| Arc::from(number.to_string())));
        assert_eq!((rollout.next_second(0).len(), rollout.next_second(9).len()), (1, 1));
        assert_eq!(rollout.next_second(10).len(), 3);
        assert_eq!(rollout.next_second(20).len(), 9);
    }

    #[test]
    fn a_thing_that_left_is_not_told() {
        let mut rollout = Rollout::new(&Value::Null, ["a", "b"].map(Arc::from));
        assert!(rollout.awaits("a"));
        rollout.leave_out("a");
        assert_eq!(rollout.next_second(0), [Arc::from("b")]);
        assert!(rollout.is_complete());
    }
}
