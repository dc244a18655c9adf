//! How many deployments AWS deletes at a time. Pure: the time is an argument.
//!
//! "Only 10 jobs may have status `DELETION_IN_PROGRESS`" (AWS IoT API reference, `DeleteJob`), and each deployment is a job. The
//! eleventh is refused with a text that asks to wait for a minute. How long one takes, nobody says and no call tells: the operator
//! counts a deletion as going on for a while after it was sent.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::scope::Class;

/// Deletions that go on at a time, as far as the operator begins them: of AWS's ten, two are left to others of the account.
const AT_ONCE: usize = 8;
/// Of these the pruning of old revisions takes half at most: a person who deletes something does not wait for all of it.
const AT_ONCE_OF_HISTORY: usize = 4;
/// So long a deletion is believed to go on at first: 8 / 6 s = 1.3 deletions a second. AWS may take 10 / 1.3 = 7.5 s for each
/// before one is refused.
const BELIEVED: Duration = Duration::from_secs(6);
/// Twice as long with each refusal, at most as long as AWS asks to wait: 8 a minute.
const BELIEVED_AT_MOST: Duration = Duration::from_mins(1);
/// After so long without a refusal it is believed in half of that again.
const FORGOTTEN: Duration = Duration::from_mins(10);

#[derive(Debug, Default)]
pub(super) struct Deletions {
    /// When those were sent that may still go on; the oldest first, at most [`AT_ONCE`].
    sent: VecDeque<Instant>,
    paused_until: Option<Instant>,
    refused: Option<Refused>,
}

#[derive(Clone, Copy, Debug)]
struct Refused {
    at: Instant,
    believed: Duration,
}

impl Deletions {
    /// Until when nothing may be deleted because AWS says so.
    pub(super) fn pause(&self, now: Instant) -> Option<Instant> {
        self.paused_until.filter(|until| *until > now)
    }

    /// When one more may be sent for this class; none if now.
    pub(super) fn next(&self, class: Class, now: Instant) -> Option<Instant> {
        let at_once = if class == Class::History { AT_ONCE_OF_HISTORY } else { AT_ONCE };
        let ends = |sent: &Instant| *sent + self.believed(now);
        let next = self.sent.len().checked_sub(at_once).and_then(|index| self.sent.get(index)).map(ends);
        self.pause(now).max(next.filter(|end| *end > now))
    }

    /// How many go on.
    pub(super) fn going_on(&self, now: Instant) -> usize {
        let believed = self.believed(now);
        self.sent.iter().filter(|sent| **sent + believed > now).count()
    }

    /// One is sent.
    pub(super) fn send(&mut self, now: Instant) {
        if self.sent.len() >= AT_ONCE {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }

    /// AWS refused one, and nothing may be deleted until then. Those that were under way together are refused together, which
    /// counts once.
    pub(super) fn refused(&mut self, now: Instant, until: Instant) {
        if self.pause(now).is_none() {
            let believed = (self.believed(now) * 2).min(BELIEVED_AT_MOST);
            self.refused = Some(Refused { at: until, believed });
        }
        self.paused_until = self.paused_until.max(Some(until));
    }

    fn believed(&self, now: Instant) -> Duration {
        let Some(Refused { at, believed }) = self.refused else { return BELIEVED };
        let halvings = now.saturating_duration_since(at).as_secs() / FORGOTTEN.as_secs();
        let halves = 2_u32.saturating_pow(u32::try_from(halvings).unwrap_or(u32::MAX));
        (believed / halves).max(BELIEVED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// How many can be sent now.
    fn sent(deletions: &mut Deletions, class: Class, now: Instant) -> usize {
        let mut count = 0;
        while count < 100 && deletions.next(class, now).is_none() {
            deletions.send(now);
            count += 1;
        }
        count
    }

    #[test]
    fn eight_go_on_at_once_and_history_takes_half_of_them() {
        let now = Instant::now();
        let mut deletions = Deletions::default();
        assert_eq!(sent(&mut deletions, Class::History, now), 4);
        assert_eq!(sent(&mut deletions, Class::Deletion, now + seconds(1)), 4);
        assert_eq!(deletions.going_on(now + seconds(1)), 8);
        assert_eq!(deletions.next(Class::Deletion, now + seconds(1)), Some(now + BELIEVED));
        assert_eq!(deletions.next(Class::History, now + seconds(1)), Some(now + seconds(1) + BELIEVED));
        assert_eq!(sent(&mut deletions, Class::Change, now + BELIEVED), 4);
        assert_eq!(deletions.going_on(now + seconds(60)), 0);
    }

    #[test]
    fn each_refusal_makes_it_believe_in_longer_deletions_and_it_forgets() {
        let now = Instant::now();
        let mut deletions = Deletions::default();
        sent(&mut deletions, Class::Deletion, now);
        for _ in 0..8 {
            deletions.refused(now, now + seconds(60));
        }
        assert_eq!(deletions.next(Class::Deletion, now + seconds(1)), Some(now + seconds(60)));
        let later = now + seconds(60);
        assert_eq!(sent(&mut deletions, Class::Deletion, later), 8);
        assert_eq!(deletions.next(Class::Deletion, later), Some(later + 2 * BELIEVED));
        for _ in 0..9 {
            deletions.refused(later, later);
        }
        assert_eq!(deletions.next(Class::Deletion, later), Some(later + BELIEVED_AT_MOST));
        let much_later = later + seconds(3600);
        sent(&mut deletions, Class::Deletion, much_later);
        assert_eq!(deletions.next(Class::Deletion, much_later), Some(much_later + BELIEVED));
    }
}
