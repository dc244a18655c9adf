//! In which order calls come that wait for one quota, and at which speed, in virtual time.

#![allow(clippy::print_stdout, reason = "what was measured is shown with --nocapture")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rstest::rstest;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::*;

/// What a call to AWS takes.
const CALL: Duration = Duration::from_millis(60);
const WAIT: Duration = Duration::from_secs(5);

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn here() -> Scope {
    Scope { connection: Connection::own(), account: "123456789012".into(), region: "eu-central-1".into() }
}

fn keeper() -> Arc<QuotaKeeper> {
    Arc::new(QuotaKeeper::new(Quotas::default()))
}

async fn permit(keeper: &QuotaKeeper, caller: &Caller, longest: Duration) -> Result<Permit, Wait> {
    let request = CallRequest { scope: &here(), family: ApiFamily::Greengrass, caller, is_deletion: false };
    keeper.permit(request, longest, &SingleReplica).await
}

async fn deletion(keeper: &QuotaKeeper, class: Class, longest: Duration) -> Result<Permit, Wait> {
    let caller = Caller::new(class, "press");
    let request = CallRequest { scope: &here(), family: ApiFamily::Greengrass, caller: &caller, is_deletion: true };
    keeper.permit(request, longest, &SingleReplica).await
}

/// Turns without end, each of four calls.
fn flood(keeper: &Arc<QuotaKeeper>, class: Class, namespace: &'static str, turns_at_once: usize) -> JoinSet<()> {
    let mut turns = JoinSet::new();
    for _ in 0..turns_at_once {
        let keeper = Arc::clone(keeper);
        turns.spawn(async move {
            loop {
                let caller = Caller::new(class, namespace);
                for _ in 0..4 {
                    let _ = permit(&keeper, &caller, WAIT).await;
                    sleep(CALL).await;
                }
            }
        });
    }
    turns
}

/// How often it succeeds in so much time.
async fn count<Fut: Future<Output = bool>>(time: Duration, act: impl Fn() -> Fut) -> usize {
    let counted = AtomicUsize::new(0);
    let all = async {
        loop {
            if act().await {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let _: Result<(), _> = timeout(time, all).await;
    counted.load(Ordering::Relaxed)
}

/// An AWS that lets so many calls a second through, with bursts of a second's worth.
struct Limited {
    per_second: f64,
    tokens: f64,
    refilled_at: Instant,
    calls: usize,
    refused: usize,
}

impl Limited {
    fn to(per_second: f64) -> Arc<Mutex<Self>> {
        let refilled_at = Instant::now();
        Arc::new(Mutex::new(Self { per_second, tokens: per_second, refilled_at, calls: 0, refused: 0 }))
    }

    fn takes(&mut self) -> bool {
        let now = Instant::now();
        let refilled = self.tokens + (now - self.refilled_at).as_secs_f64() * self.per_second;
        self.tokens = refilled.min(self.per_second.max(1.0));
        self.refilled_at = now;
        self.calls += 1;
        let taken = self.tokens >= 1.0;
        if taken {
            self.tokens -= 1.0;
        } else {
            self.refused += 1;
        }
        taken
    }
}

/// Six turns without end call an AWS that refuses what is too much; a turn whose call was refused rests for a second.
fn work(keeper: &Arc<QuotaKeeper>, aws: &Arc<Mutex<Limited>>, retry_after: Option<Duration>) -> JoinSet<()> {
    let mut turns = JoinSet::new();
    for _ in 0..6 {
        let (keeper, aws) = (Arc::clone(keeper), Arc::clone(aws));
        turns.spawn(async move {
            loop {
                let caller = Caller::new(Class::Change, "press");
                for _ in 0..4 {
                    if let Err(wait) = permit(&keeper, &caller, WAIT).await {
                        sleep_until(wait.until).await;
                        break;
                    }
                    sleep(CALL / 2).await;
                    let taken = aws.lock().unwrap().takes();
                    sleep(CALL / 2).await;
                    if !taken {
                        keeper.throttled(&here(), ApiFamily::Greengrass, retry_after);
                        sleep(seconds(1)).await;
                        break;
                    }
                }
            }
        });
    }
    turns
}

#[rstest]
#[case::one_a_second(1.0, Some(1), 0.7)]
#[case::one_a_second_and_no_word_of_when_to_come_again(1.0, None, 0.7)]
#[case::three_a_second(3.0, Some(1), 0.7)]
#[case::ten_a_second(10.0, Some(1), 0.7)]
#[case::with_long_pauses(1.0, Some(5), 0.5)]
#[tokio::test(start_paused = true)]
async fn five_minutes_of_throttling_waste_few_calls_and_are_over_within_an_interval(
    #[case] limit: f64,
    #[case] retry_after: Option<u64>,
    #[case] used: f64,
) {
    let (keeper, aws) = (keeper(), Limited::to(limit));
    let _turns = work(&keeper, &aws, retry_after.map(seconds));
    sleep(seconds(300)).await;
    let (calls, refused) = {
        let aws = aws.lock().unwrap();
        (f64::from(u32::try_from(aws.calls).unwrap()), f64::from(u32::try_from(aws.refused).unwrap()))
    };
    let wasted = refused / calls;
    println!("{limit}/s: {calls} calls, {refused} refused ({:.1} %)", 100.0 * wasted);
    assert!(wasted <= 0.1, "{refused} of {calls}");
    assert!(calls - refused >= used * limit * 300.0, "{calls} calls, {refused} refused");
    aws.lock().unwrap().per_second = 30.0;
    let lifted = Instant::now();
    while keeper.standing()[0].calls_per_second < 20.0 {
        sleep(seconds(1)).await;
    }
    println!("{limit}/s: whole again after {:?}", lifted.elapsed());
    assert!(lifted.elapsed() <= seconds(150), "{:?}", lifted.elapsed());
    let before = aws.lock().unwrap().calls;
    sleep(seconds(10)).await;
    let after = aws.lock().unwrap().calls;
    assert!((190..=210).contains(&(after - before)), "{}", after - before);
}

#[tokio::test(start_paused = true)]
async fn where_more_urgent_calls_have_no_end_every_class_gets_its_share() {
    let keeper = keeper();
    let _changes = flood(&keeper, Class::Change, "press", 8);
    let mut counts = Vec::new();
    for class in Class::ALL.into_iter().skip(1) {
        let one = || async { permit(&keeper, &Caller::new(class, "paint"), seconds(60)).await.is_ok() };
        counts.push((class, count(seconds(100), one).await));
    }
    // Of 2,000 calls: four, two or one of 32, less what goes by between two calls of one who is alone.
    for (class, count) in counts {
        let (least, most) = match class {
            Class::Recovery | Class::Rollout | Class::Deletion => (220, 260),
            Class::Sweep => (115, 135),
            Class::Change | Class::History => (58, 70),
        };
        assert!((least..=most).contains(&count), "{class:?} {count}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_classes_without_end_at_once_leave_a_change_half_of_all() {
    let keeper = keeper();
    let _floods: Vec<_> = Class::ALL.into_iter().skip(1).map(|class| flood(&keeper, class, "press", 6)).collect();
    let change = || async {
        let caller = Caller::new(Class::Change, "paint");
        permit(&keeper, &caller, WAIT).await.is_ok()
    };
    let changes = count(seconds(100), change).await;
    assert!(changes >= 1000, "{changes}");
}

#[tokio::test(start_paused = true)]
async fn who_asks_without_waiting_gets_its_share_when_it_comes_as_it_is_told() {
    let keeper = keeper();
    let _changes = flood(&keeper, Class::Change, "press", 8);
    for class in [Class::Sweep, Class::History] {
        let one = || async {
            match keeper.try_permit(&here(), class, ApiFamily::Greengrass, &Fence::always()) {
                Ok(_) => true,
                Err(wait) => {
                    sleep_until(wait.until).await;
                    false
                }
            }
        };
        let count = count(seconds(100), one).await;
        assert!(count >= 50, "{class:?} {count}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_seldom_and_waits_for_two_calls_at_most_gets_its_share_all_the_same() {
    let keeper = keeper();
    let _changes = flood(&keeper, Class::Change, "press", 8);
    let prune = || async {
        let got = permit(&keeper, &Caller::new(Class::History, "press"), Duration::from_millis(100)).await.is_ok();
        sleep(seconds(10)).await;
        got
    };
    let count = count(seconds(100), prune).await;
    assert!(count >= 8, "{count}");
}

#[tokio::test(start_paused = true)]
async fn a_namespace_without_end_holds_up_the_single_turn_of_another_for_less_than_a_second() {
    for class in [Class::Change, Class::Recovery, Class::Sweep] {
        let keeper = keeper();
        let _press = flood(&keeper, class, "press", 30);
        for round in 0..50 {
            sleep(Duration::from_millis(730)).await;
            let begun = Instant::now();
            let caller = Caller::new(class, "paint");
            for _ in 0..4 {
                let _ = permit(&keeper, &caller, WAIT).await.unwrap();
                sleep(CALL).await;
            }
            let quota = Duration::from_millis(200) + 4 * CALL;
            assert!(begun.elapsed() <= quota + seconds(1), "{class:?} {round} {:?}", begun.elapsed());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_comes_alone_again_and_again_leaves_the_others_their_turns() {
    let keeper = keeper();
    let _paint = flood(&keeper, Class::Change, "paint", 1);
    let turn = || async {
        let caller = Caller::new(Class::Change, "press");
        for _ in 0..4 {
            let _ = permit(&keeper, &caller, WAIT).await.unwrap();
            sleep(CALL).await;
        }
        true
    };
    let _press = flood(&keeper, Class::Change, "press", 5);
    assert!(count(seconds(60), turn).await >= 10);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_has_begun_gets_its_other_calls_before_another_begins() {
    let keeper = keeper();
    for _ in 0..20 {
        let _ = permit(&keeper, &Caller::new(Class::Change, "press"), WAIT).await.unwrap();
    }
    let begun = Instant::now();
    let mut turns = JoinSet::new();
    for turn in 0..8 {
        let keeper = Arc::clone(&keeper);
        turns.spawn(async move {
            let caller = Caller::new(Class::Change, "press");
            for _ in 0..4 {
                let _ = permit(&keeper, &caller, seconds(60)).await.unwrap();
            }
            (turn, begun.elapsed())
        });
    }
    let mut ended = turns.join_all().await;
    ended.sort_unstable();
    // Four calls at 20 a second each, one after the other.
    for (turn, end) in ended {
        let expected = Duration::from_millis(200) * (turn + 1);
        assert!(end.abs_diff(expected) <= Duration::from_millis(20), "{turn} {end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn eight_deletions_go_on_at_a_time_and_other_calls_go_on_beside() {
    let keeper = keeper();
    for _ in 0..8 {
        let _ = deletion(&keeper, Class::Deletion, WAIT).await.unwrap();
    }
    assert_eq!(keeper.standing()[0].deletions, 8);
    let begun = Instant::now();
    let refused = deletion(&keeper, Class::Change, seconds(1)).await.unwrap_err();
    assert_eq!(refused.reason, WaitReason::DeletionLimit);
    assert!(begun.elapsed() < seconds(1), "told at once");
    for class in Class::ALL {
        let _ = permit(&keeper, &Caller::new(class, "press"), seconds(1)).await.unwrap();
    }
    let _ = deletion(&keeper, Class::Deletion, seconds(6)).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(5900), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_has_to_wait_holds_nobody_up() {
    let keeper = keeper();
    let deleting: Vec<_> = (0..30)
        .map(|_| {
            let keeper = Arc::clone(&keeper);
            tokio::spawn(async move { deletion(&keeper, Class::Deletion, seconds(60)).await.is_ok() })
        })
        .collect();
    let one = || async { permit(&keeper, &Caller::new(Class::Sweep, "press"), WAIT).await.is_ok() };
    let sweeps = count(seconds(10), one).await;
    assert!(sweeps >= 180, "{sweeps}");
    let begun = Instant::now();
    for deleting in deleting {
        assert!(deleting.await.unwrap());
    }
    // 30 deletions, eight at a time, are over after three rounds of six seconds.
    assert!(begun.elapsed() <= seconds(9), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_leaves_no_place_behind() {
    let keeper = keeper();
    while keeper.try_permit(&here(), Class::Change, ApiFamily::Greengrass, &Fence::always()).is_ok() {}
    for _ in 0..100 {
        let caller = Caller::new(Class::Change, "press");
        let _ = timeout(Duration::from_millis(1), permit(&keeper, &caller, WAIT)).await;
    }
    let begun = Instant::now();
    let _ = permit(&keeper, &Caller::new(Class::Recovery, "paint"), WAIT).await.unwrap();
    assert!(begun.elapsed() <= seconds(1), "{:?}", begun.elapsed());
}
