//! The check can fail: with each rule left out it finds a story that breaks a promise, and with the rule none. Pure.
//!
//! Not here, because no promise broke without them in the searches that were tried (20,000 to 2,000,000 states): that a look fits the object's version, that a process
//! ends 40 seconds after it lost leadership (every send reads the object first), that status writes are conditional (tags heal
//! them), and the two looks after 7 hours (what is as old as a forgotten token has long shown).

use greengrass_operator_core::api::DeletionPolicy;
use rstest::rstest;

use crate::cloud::Reuse;
use crate::invariants::Invariant;
use crate::model::{Budget, Fate, Model, Resource, Scenario};
use crate::rules::DisabledRule;
use crate::scenarios::{MADE, NONE, ONE, TWINS};
use crate::search::search;
use crate::story::tell;

/// Stories are short: whoever needs more has the wrong scenario.
const AT_MOST: usize = 200_000;

const RETAIN: DeletionPolicy = DeletionPolicy::Retain;
const DELETE: DeletionPolicy = DeletionPolicy::Delete;

#[rstest]
#[case::token_without_uid(DisabledRule::TokenWithoutUid, ONE, RETAIN, Reuse::Cached, &[], Budget { lags: 1, creations: 1, ..NONE }, Invariant::OneRevisionPerChange)]
#[case::token_without_digest(DisabledRule::TokenWithoutDigest, ONE, RETAIN, Reuse::Cached, &[Fate::Late], Budget { edits: 1, faults: 1, losses: 1, ..NONE }, Invariant::OneRevisionPerChange)]
#[case::edit_rebinds(DisabledRule::EditRebinds, ONE, RETAIN, Reuse::Cached, &[Fate::Late], Budget { edits: 1, faults: 1, ..NONE }, Invariant::OneRevisionPerChange)]
#[case::ordinal_only_grows(DisabledRule::OrdinalOnlyGrows, ONE, RETAIN, Reuse::Cached, &[], Budget { edits: 2, ..NONE }, Invariant::ComesLiveOrSaysWhyNot)]
#[case::no_ordinal_is_skipped(DisabledRule::NoOrdinalIsSkipped, MADE, RETAIN, Reuse::Cached, &[Fate::Late], Budget { edits: 3, faults: 1, losses: 1, ..NONE }, Invariant::OneRevisionPerChange)]
#[case::intent_comes_first(DisabledRule::IntentComesFirst, ONE, RETAIN, Reuse::CreatedAnew, &[Fate::Late], Budget { edits: 1, faults: 1, crashes: 1, ..NONE }, Invariant::OneRevisionPerChange)]
#[case::doubt_is_waited_for(DisabledRule::DoubtIsWaitedFor, ONE, RETAIN, Reuse::CreatedAnew, &[Fate::Late], Budget { edits: 1, faults: 1, ..NONE }, Invariant::OneRevisionPerChange)]
#[case::predecessor_may_send(DisabledRule::PredecessorMaySend, ONE, RETAIN, Reuse::CreatedAnew, &[Fate::Late], Budget { edits: 1, faults: 1, crashes: 1, ..NONE }, Invariant::OneRevisionPerChange)]
#[case::refusal_is_known_to_the_sender(DisabledRule::RefusalIsKnownToTheSender, ONE, RETAIN, Reuse::CreatedAnew, &[Fate::Late], Budget { edits: 1, faults: 1, crashes: 1, ..NONE }, Invariant::OneRevisionPerChange)]
#[case::resend_looks(DisabledRule::ResendLooks, ONE, RETAIN, Reuse::Cached, &[Fate::Throttled], Budget { faults: 1, foreign: 1, pauses: 1, ..NONE }, Invariant::NothingForeignIsOverwritten)]
#[case::look_sees_all_rows(DisabledRule::LookSeesAllRows, MADE, DELETE, Reuse::Cached, &[], Budget { edits: 1, deletions: 1, ..NONE }, Invariant::DeletionClearsOursAndNothingElse)]
#[case::pages_are_no_look(DisabledRule::PagesAreNoLook, ONE, RETAIN, Reuse::Cached, &[], Budget { edits: 1, foreign: 1, pauses: 1, ..NONE }, Invariant::NothingForeignIsOverwritten)]
#[case::inactive_is_not_live(DisabledRule::InactiveIsNotLive, ONE, RETAIN, Reuse::Cached, &[], Budget { edits: 2, removals: 1, ..NONE }, Invariant::ComesLiveOrSaysWhyNot)]
#[case::foreign_is_no_base(DisabledRule::ForeignIsNoBase, ONE, RETAIN, Reuse::Cached, &[], Budget { foreign: 1, ..NONE }, Invariant::NothingForeignIsOverwritten)]
#[case::reply_is_a_hint(DisabledRule::ReplyIsAHint, ONE, RETAIN, Reuse::Cached, &[], Budget { edits: 1, losses: 1, lags: 1, ..NONE }, Invariant::ComesLiveOrSaysWhyNot)]
#[case::spent_token_is_left(DisabledRule::SpentTokenIsLeft, ONE, DELETE, Reuse::Cached, &[], Budget { deletions: 1, creations: 1, ..NONE }, Invariant::ComesLiveOrSaysWhyNot)]
#[case::old_intent_goes_out(DisabledRule::OldIntentGoesOut, ONE, RETAIN, Reuse::Cached, &[Fate::Denied], Budget { faults: 1, eight_hours: 1, ..NONE }, Invariant::ComesLiveOrSaysWhyNot)]
#[case::absence_is_seen_twice(DisabledRule::AbsenceIsSeenTwice, ONE, DELETE, Reuse::Cached, &[], Budget { stale_reads: 2, deletions: 1, ..NONE }, Invariant::DeletionClearsOursAndNothingElse)]
#[case::object_is_read_before_a_send(DisabledRule::ObjectIsReadBeforeASend, ONE, RETAIN, Reuse::Cached, &[], Budget { deletions: 1, pauses: 1, ..NONE }, Invariant::DeletionClearsOursAndNothingElse)]
#[case::only_the_leader_gives_up_an_intent(DisabledRule::OnlyTheLeaderGivesUpAnIntent, ONE, RETAIN, Reuse::CreatedAnew, &[Fate::Late], Budget { fail_overs: 1, edits: 1, faults: 1, ..NONE }, Invariant::OneRevisionPerChange)]
#[case::requests_time_out(DisabledRule::RequestsTimeOut, ONE, RETAIN, Reuse::Cached, &[Fate::Late], Budget { faults: 1, eight_hours: 1, ..NONE }, Invariant::OneRevisionPerChange)]
#[case::uid_is_information(DisabledRule::UidIsInformation, ONE, RETAIN, Reuse::Cached, &[], Budget { creations: 1, ..NONE }, Invariant::ComesLiveOrSaysWhyNot)]
#[case::claimants_are_read_live(DisabledRule::ClaimantsAreReadLive, TWINS, RETAIN, Reuse::CreatedAnew, &[], Budget { creations: 2, lags: 1, ..NONE }, Invariant::NothingForeignIsOverwritten)]
#[case::finalizer_waits_for_intent(DisabledRule::FinalizerWaitsForIntent, ONE, DELETE, Reuse::Cached, &[Fate::Late], Budget { faults: 1, deletions: 1, ..NONE }, Invariant::DeletionClearsOursAndNothingElse)]
#[case::deletion_leaves_foreign(DisabledRule::DeletionLeavesForeign, ONE, DELETE, Reuse::Cached, &[], Budget { foreign: 1, deletions: 1, ..NONE }, Invariant::DeletionClearsOursAndNothingElse)]
#[case::tags_are_read_before_deletion(DisabledRule::TagsAreReadBeforeDeletion, ONE, DELETE, Reuse::Cached, &[], Budget { foreign: 1, deletions: 1, ..NONE }, Invariant::DeletionClearsOursAndNothingElse)]
fn without_a_rule_a_promise_breaks_and_with_it_none(
    #[case] rule: DisabledRule,
    #[case] resources: &'static [Resource],
    #[case] policy: DeletionPolicy,
    #[case] reuse: Reuse,
    #[case] fates: &'static [Fate],
    #[case] budget: Budget,
    #[case] expected: Invariant,
) {
    let scenario = Scenario { resources, policy, fates, pauses: &[11, 61], budget };
    let without = Model::new(scenario, reuse, Some(rule));
    let found = search(&without, AT_MOST);
    let (violation, story) =
        found.violation.unwrap_or_else(|| panic!("nothing breaks in {} states ({})", found.states, found.complete));
    assert_eq!(violation.invariant, expected, "{}", tell(&without, &violation, &story));
    let with = Model::new(scenario, reuse, None);
    if let Some((violation, story)) = search(&with, 4 * found.states).violation {
        panic!("with the rule: {}", tell(&with, &violation, &story));
    }
}
