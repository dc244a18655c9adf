//! The candidate's decisions, one by one.

use jiff::Timestamp;

use super::super::candidate::{Answer, Candidate, Predecessor, Step};
use super::{Server, at, candidate, day, leads, round};

/// One that has taken a free Lease at that time.
fn leader(server: &mut Server, identity: &str, milliseconds: u64) -> Candidate {
    let mut leader = candidate(identity);
    round(&mut leader, server, at(milliseconds.saturating_sub(15_000)));
    round(&mut leader, server, at(milliseconds));
    assert!(leads(&leader, at(milliseconds)));
    leader
}

/// What a candidate wants to write now; its round is under way then.
fn begin_write(candidate: &mut Candidate, milliseconds: u64) -> k8s_openapi::api::coordination::v1::Lease {
    candidate.begin_round();
    match candidate.step(at(milliseconds), day(at(milliseconds))) {
        Step::Write(lease) => *lease,
        step @ (Step::Look | Step::Done) => panic!("{step:?}"),
    }
}

#[test]
fn a_lease_that_is_not_there_may_have_been_deleted_so_one_is_made_and_watched_first() {
    let (mut server, mut first) = (Server::default(), candidate("a"));
    for milliseconds in [20_000, 22_000, 34_999] {
        round(&mut first, &mut server, at(milliseconds));
        assert_eq!((server.holder(), server.versions), (None, 1), "at {milliseconds}");
    }
    assert_eq!(first.due(), Some(at(35_000)));
    round(&mut first, &mut server, at(35_000));
    assert_eq!(first.leads_until(), Some(at(45_000)));
    assert_eq!(first.predecessor(), Predecessor::Unknown);
    let spec = server.spec();
    assert_eq!((spec.holder_identity.as_deref(), spec.lease_duration_seconds), (Some("a"), Some(15)));
    assert_eq!((spec.lease_transitions, spec.acquire_time), (Some(1), spec.renew_time));
}

#[test]
fn a_lease_is_taken_when_it_has_not_changed_for_its_duration_whatever_time_of_day_it_names() {
    for skewed in ["1971-01-01T00:00:00Z", "2199-01-01T00:00:00Z"] {
        let (mut server, mut standby) = (Server::held_by("b", 15), candidate("a"));
        let renewed = skewed.parse::<Timestamp>().unwrap().into();
        server.edit(|spec| spec.renew_time = Some(renewed));
        round(&mut standby, &mut server, at(1_000));
        round(&mut standby, &mut server, at(15_999));
        assert_eq!(server.holder().as_deref(), Some("b"));
        round(&mut standby, &mut server, at(16_000));
        assert!(leads(&standby, at(16_000)));
        assert_eq!(server.spec().lease_transitions, Some(4));
    }
}

#[test]
fn a_lease_that_is_renewed_is_left_alone() {
    let (mut server, mut standby) = (Server::held_by("b", 15), candidate("a"));
    for second in 0..60 {
        server.edit(|spec| spec.renew_time = Some(day(at(second * 1_000)).into()));
        round(&mut standby, &mut server, at(second * 1_000 + 500));
    }
    assert_eq!(server.holder().as_deref(), Some("b"));
}

#[test]
fn whoever_promised_to_hold_it_longer_is_waited_for_and_a_shorter_promise_counts_for_nothing() {
    for (promised, free) in [(60, 60_000), (1, 15_000)] {
        let (mut server, mut standby) = (Server::held_by("b", promised), candidate("a"));
        round(&mut standby, &mut server, at(0));
        assert_eq!(standby.due(), Some(at(free)));
        round(&mut standby, &mut server, at(free - 1));
        assert_eq!(server.holder().as_deref(), Some("b"));
    }
}

#[test]
fn a_renewal_prolongs_from_before_it_was_asked_for_and_keeps_what_does_not_change() {
    let mut server = Server::default();
    let mut leader = leader(&mut server, "a", 20_000);
    let before = server.spec();
    let lease = begin_write(&mut leader, 22_000);
    leader.wrote(at(22_000), server.put(&lease), at(26_000));
    assert_eq!(leader.leads_until(), Some(at(32_000)));
    let after = server.spec();
    assert_eq!((&after.acquire_time, after.lease_transitions), (&before.acquire_time, before.lease_transitions));
    assert_eq!(after.renew_time, Some(day(at(22_000)).into()));
}

#[test]
fn an_answer_that_comes_after_the_deadline_prolongs_nothing() {
    let mut server = Server::default();
    let mut leader = leader(&mut server, "a", 20_000);
    let lease = begin_write(&mut leader, 22_000);
    // The process was stopped, or the machine slept.
    leader.wrote(at(22_000), server.put(&lease), at(32_000));
    assert_eq!(leader.leads_until(), None);
}

#[test]
fn a_leader_whose_renewals_are_not_answered_stops_at_its_deadline() {
    let mut server = Server::default();
    let mut leader = leader(&mut server, "a", 20_000);
    for milliseconds in [22_000, 24_000, 26_000, 28_000] {
        let _ = begin_write(&mut leader, milliseconds);
        leader.wrote(at(milliseconds), Answer::Unknown, at(milliseconds + 1_000));
        assert_eq!(leader.leads_until(), Some(at(30_000)));
    }
    leader.begin_round();
    assert_eq!(leader.step(at(30_000), day(at(30_000))), Step::Done);
    assert_eq!(leader.leads_until(), None);
}

#[test]
fn a_renewal_whose_answer_was_lost_costs_no_leadership() {
    let mut server = Server::default();
    let mut leader = leader(&mut server, "a", 20_000);
    let lease = begin_write(&mut leader, 22_000);
    server.put(&lease);
    leader.wrote(at(22_000), Answer::Unknown, at(24_000));
    round(&mut leader, &mut server, at(25_000));
    assert_eq!(leader.leads_until(), Some(at(35_000)));
}

#[test]
fn a_take_over_whose_answer_was_lost_is_found_at_the_next_look() {
    let (mut server, mut standby) = (Server::held_by("b", 15), candidate("a"));
    round(&mut standby, &mut server, at(0));
    standby.begin_round();
    assert_eq!(standby.step(at(15_000), day(at(15_000))), Step::Look);
    standby.looked(server.lease.clone(), at(15_000));
    let Step::Write(lease) = standby.step(at(15_000), day(at(15_000))) else { panic!() };
    server.put(&lease);
    standby.wrote(at(15_000), Answer::Unknown, at(20_000));
    assert_eq!(standby.leads_until(), None);
    round(&mut standby, &mut server, at(22_000));
    assert_eq!(standby.leads_until(), Some(at(32_000)));
    assert_eq!(server.spec().lease_transitions, Some(4), "one transition");
}

#[test]
fn of_two_that_want_a_free_lease_the_api_server_picks_one() {
    let mut server = Server::held_by("gone", 15);
    let (mut one, mut other) = (candidate("a"), candidate("b"));
    for candidate in [&mut one, &mut other] {
        round(candidate, &mut server, at(0));
        candidate.begin_round();
        candidate.looked(server.lease.clone(), at(15_000));
    }
    let (Step::Write(first), Step::Write(second)) =
        (one.step(at(15_000), day(at(15_000))), other.step(at(15_000), day(at(15_000))))
    else {
        panic!("both want it")
    };
    one.wrote(at(15_000), server.put(&first), at(15_001));
    other.wrote(at(15_000), server.put(&second), at(15_001));
    assert!(leads(&one, at(15_001)) && !leads(&other, at(15_001)));
    round(&mut other, &mut server, at(17_000));
    assert_eq!(server.holder().as_deref(), Some("a"));
}

#[test]
fn a_leader_that_ends_leaves_the_lease_as_client_go_does_and_the_next_one_takes_it_at_once() {
    let mut server = Server::default();
    let (mut leader, mut standby) = (leader(&mut server, "a", 20_000), candidate("b"));
    round(&mut standby, &mut server, at(20_500));
    let released = leader.release(at(21_000), day(at(21_000))).unwrap();
    assert_eq!(leader.leads_until(), None);
    server.put(&released);
    let spec = server.spec();
    assert_eq!((spec.holder_identity, spec.lease_duration_seconds), (None, Some(1)));
    assert_eq!((spec.acquire_time, spec.renew_time.clone()), (spec.renew_time, Some(day(at(21_000)).into())));
    assert_eq!(spec.lease_transitions, Some(1));
    round(&mut standby, &mut server, at(21_100));
    assert!(leads(&standby, at(21_100)));
    assert_eq!(standby.predecessor(), Predecessor::Released);
    assert_eq!(server.spec().lease_transitions, Some(2));
}

#[test]
fn who_leads_no_more_has_nothing_to_release() {
    let mut server = Server::default();
    let mut leader = leader(&mut server, "a", 20_000);
    assert_eq!(leader.release(at(30_000), day(at(30_000))), None);
    assert_eq!(candidate("b").release(at(0), day(at(0))), None);
}

#[test]
fn a_leader_whose_lease_is_deleted_makes_it_again_and_others_give_it_the_time() {
    let mut server = Server::default();
    let (mut leader, mut standby) = (leader(&mut server, "a", 20_000), candidate("b"));
    round(&mut leader, &mut server, at(22_000));
    let acquired = server.spec().acquire_time;
    server.delete();
    round(&mut standby, &mut server, at(22_100));
    round(&mut standby, &mut server, at(23_900));
    assert_eq!(server.holder(), None);
    round(&mut leader, &mut server, at(24_000));
    assert_eq!((server.holder().as_deref(), server.spec().acquire_time), (Some("a"), acquired));
    assert_eq!(leader.leads_until(), Some(at(34_000)));
    server.delete();
    round(&mut leader, &mut server, at(26_000));
    assert_eq!(server.holder().as_deref(), Some("a"), "nor does it matter who comes first");
}

#[test]
fn two_absences_are_not_taken_for_one() {
    let mut server = Server::default();
    let mut standby = candidate("b");
    // It sees that there is none, and its answer to that gets nowhere.
    standby.begin_round();
    standby.looked(None, at(1_000));
    let Step::Write(_) = standby.step(at(1_000), day(at(1_000))) else { panic!() };
    standby.wrote(at(1_000), Answer::Unknown, at(2_000));
    let leader = leader(&mut server, "a", 16_500);
    server.delete();
    round(&mut standby, &mut server, at(17_000));
    assert!(leads(&leader, at(17_000)) && !leads(&standby, at(17_000)));
}

#[test]
fn a_lease_without_a_holder_that_no_leader_left_is_watched_like_any_other() {
    let mut server = Server::default();
    let (mut leader, mut standby) = (leader(&mut server, "a", 20_000), candidate("b"));
    server.edit(|spec| spec.holder_identity = None);
    round(&mut standby, &mut server, at(20_100));
    assert_eq!(standby.due(), Some(at(35_100)));
    round(&mut leader, &mut server, at(22_000));
    assert_eq!(server.holder().as_deref(), Some("a"), "the leader goes on");
    server.edit(|spec| spec.holder_identity = Some(String::new()));
    round(&mut standby, &mut server, at(22_100));
    assert!(!leads(&standby, at(22_100)), "an empty name is none");
}

#[test]
fn a_person_who_names_another_holder_ends_a_term_and_begins_none_before_its_time() {
    let mut server = Server::default();
    let (mut leader, mut standby) = (leader(&mut server, "a", 20_000), candidate("b"));
    round(&mut standby, &mut server, at(20_100));
    server.edit(|spec| spec.holder_identity = Some("b".to_owned()));
    round(&mut standby, &mut server, at(21_000));
    assert!(!leads(&standby, at(21_000)), "the one that led may not have noticed");
    round(&mut leader, &mut server, at(22_000));
    assert_eq!(leader.leads_until(), None);
    round(&mut standby, &mut server, at(36_000));
    assert!(leads(&standby, at(36_000)));
}

#[test]
fn a_leader_that_slept_takes_its_lease_again_in_a_new_term_unless_another_one_has_it() {
    let mut server = Server::default();
    let mut leader = leader(&mut server, "a", 20_000);
    leader.begin_round();
    assert_eq!(leader.step(at(90_000), day(at(90_000))), Step::Done);
    assert_eq!(leader.leads_until(), None, "first the term ends");
    round(&mut leader, &mut server, at(90_001));
    assert!(leads(&leader, at(90_001)), "nobody has followed");

    let mut standby = candidate("b");
    round(&mut standby, &mut server, at(91_000));
    round(&mut standby, &mut server, at(106_000));
    assert!(leads(&standby, at(106_000)));
    round(&mut leader, &mut server, at(107_000));
    round(&mut leader, &mut server, at(107_001));
    assert!(!leads(&leader, at(107_001)));
    assert_eq!(server.holder().as_deref(), Some("b"));
}

#[test]
fn what_others_put_on_the_lease_stays_and_costs_no_leadership() {
    let mut server = Server::default();
    let mut leader = leader(&mut server, "a", 20_000);
    let mut lease = server.lease.clone().unwrap();
    lease.metadata.annotations = Some([("example.com/team".to_owned(), "press".to_owned())].into());
    server.store(lease);
    round(&mut leader, &mut server, at(22_000));
    assert!(leads(&leader, at(31_999)));
    assert!(server.lease.unwrap().metadata.annotations.unwrap().contains_key("example.com/team"));
}

#[test]
fn a_lease_that_others_keep_changing_costs_a_round_two_tries() {
    let mut server = Server::default();
    let mut leader = leader(&mut server, "a", 20_000);
    leader.begin_round();
    let mut writes = 0;
    loop {
        match leader.step(at(22_000), day(at(22_000))) {
            Step::Done => break,
            Step::Look => leader.looked(server.lease.clone(), at(22_000)),
            Step::Write(lease) => {
                writes += 1;
                server.edit(|spec| spec.preferred_holder = Some(writes.to_string()));
                leader.wrote(at(22_000), server.put(&lease), at(22_000));
            }
        }
    }
    assert_eq!((writes, leader.leads_until()), (2, Some(at(30_000))));
}
