//! Two replicas with a leader election, of which the leader dies, ends, stops or can't reach the API server.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use greengrass_emulator::{DelayAt, FaultAction, FaultRule, Operation};
use rustix::process::Signal;
use serde_json::Value;

use super::relay::Relay;
use crate::world::operator::Operator;
use crate::world::{ACCOUNT, Manifest, World, install_definitions_on};

/// A lease duration, what comes before and after it, and a machine on which a dozen other tests run.
pub(super) const PATIENCE: Duration = Duration::from_mins(2);

/// One of the processes.
pub(super) struct Replica {
    name: &'static str,
    pub(super) operator: Operator,
    pub(super) relay: Relay,
}

impl Replica {
    pub(super) fn start(world: &World, name: &'static str) -> Self {
        let relay = Relay::to(world.endpoint());
        let endpoint = relay.endpoint();
        let settings = BTreeMap::from([
            ("KUBECONFIG", world.kubeconfig().to_str().unwrap()),
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", ACCOUNT),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("GREENGRASS_OPERATOR_LEADER_ELECT", "true"),
            ("HOSTNAME", name),
        ]);
        let operator = Operator::start(&settings, &world.namespace, world.folder());
        Self { name, operator, relay }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.operator.page("/readyz").is_some_and(|(status, _)| status == 200)
    }

    /// Whether it says that it may write. A process that is stopped says nothing.
    pub(super) fn leads(&self) -> bool {
        self.operator.page("/metrics").is_some_and(|(_, text)| text.contains("greengrass_operator_leading 1\n"))
    }
}

/// How often it has written to the API server, its Lease left out.
fn writes(replica: &Replica) -> u64 {
    let (_, text) = replica.operator.page("/metrics").unwrap();
    let calls = text.lines().filter_map(|line| line.strip_prefix("greengrass_operator_kubernetes_calls_total{verb=\""));
    let writes = calls.filter(|call| ["update-status", "patch", "event"].iter().any(|verb| call.starts_with(verb)));
    writes.map(|call| call.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// The Lease as it stands.
fn lease(world: &World) -> Value {
    let get = ["get", "lease", "greengrass-operator", "--output=json"];
    serde_json::from_str(&world.kubectl(&get).success().unwrap()).unwrap()
}

/// Two replicas, the one that leads first.
pub(super) fn two(world: &World) -> (Replica, Replica) {
    let (one, other) = (Replica::start(world, "one"), Replica::start(world, "other"));
    world.wait_patiently("both to be ready and one to lead", PATIENCE, || {
        let leading = one.leads() || other.leads();
        leading && one.is_ready() && other.is_ready()
    });
    let lease = lease(world);
    let (leader, standby) = if one.leads() { (one, other) } else { (other, one) };
    assert!(!standby.leads());
    assert!(lease["spec"]["holderIdentity"].as_str().unwrap().starts_with(&format!("{}_", leader.name)), "{lease}");
    assert_eq!(lease["spec"]["leaseDurationSeconds"], 15);
    (leader, standby)
}

fn creates(world: &World) -> usize {
    world.count("CreateDeployment")
}

/// A change that is deployed by the leader; what a successor has to go on with.
fn deploy(world: &World, leader: &Replica, standby: &Replica) -> Manifest {
    let group = world.group("Presses");
    let manifest = Manifest::new("presses", &group);
    let begun = Instant::now();
    world.apply(&manifest);
    world.wait_ready("presses");
    assert!(leader.relay.sent_since(begun) > 0);
    assert_eq!(standby.relay.sent_since(begun), 0, "who stands by calls nobody");
    manifest
}

/// Applies a change and says how long it took until AWS got it.
fn change(world: &World, manifest: &Manifest, version: &str, since: Instant) -> Duration {
    let before = creates(world);
    world.apply(&manifest.clone().version(version));
    world.wait_patiently("the change to reach AWS", PATIENCE, || creates(world) > before);
    let took = since.elapsed();
    world.wait_ready("presses");
    took
}

#[test]
fn a_leader_that_is_killed_is_followed_within_a_lease_duration() {
    let world = World::without_operator("killed");
    let (leader, standby) = two(&world);
    let manifest = deploy(&world, &leader, &standby);
    let begun = Instant::now();
    leader.operator.kill();
    world.wait("the other one to lead", || standby.leads());
    println!("SIGKILL to another leader: {} ms", begun.elapsed().as_millis());
    let took = change(&world, &manifest, "1.0.1", begun);
    println!("SIGKILL to the next change in AWS: {} ms", took.as_millis());
    assert!(took < Duration::from_mins(1), "{took:?}");
    assert!(standby.leads());
    assert_eq!(world.deployments().len(), 2);
    assert_eq!(lease(&world)["spec"]["leaseTransitions"], 2, "first taken, then taken over");
}

#[test]
fn a_leader_that_ends_is_followed_at_once() {
    let world = World::without_operator("ended");
    let (leader, standby) = two(&world);
    let manifest = deploy(&world, &leader, &standby);
    let begun = Instant::now();
    leader.operator.signal(Signal::TERM);
    world.wait("the other one to lead", || standby.leads());
    println!("SIGTERM to another leader: {} ms", begun.elapsed().as_millis());
    let took = change(&world, &manifest, "1.0.1", begun);
    println!("SIGTERM to the next change in AWS: {} ms", took.as_millis());
    assert!(took < Duration::from_secs(12), "without a release it would take longer: {took:?}");
    leader.operator.stop();
    assert!(standby.leads());
    assert_eq!(world.deployments().len(), 2);
    standby.operator.stop();
    let spec = &lease(&world)["spec"];
    assert_eq!((&spec["holderIdentity"], &spec["leaseDurationSeconds"]), (&Value::Null, &1.into()), "{spec}");
}

#[test]
fn a_leader_that_ends_leads_until_its_last_turn_has_ended() {
    let world = World::without_operator("drained");
    let (leader, standby) = two(&world);
    let manifest = deploy(&world, &leader, &standby);
    let delay = FaultAction::Delay { milliseconds: 5_000, at: DelayAt::Reply };
    world.emulator.faults().add(FaultRule::on(Operation::CreateDeployment, delay));
    world.apply(&manifest.clone().version("1.0.1"));
    world.wait("the change to be under way", || creates(&world) == 2);
    leader.operator.signal(Signal::TERM);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(3) {
        assert!(!standby.leads(), "while the answer is on its way nobody else leads");
        sleep(Duration::from_millis(200));
    }
    leader.operator.wait_end();
    // It took its answer down itself.
    let object = world.object("presses").unwrap();
    assert_eq!((&object["status"]["revisionId"], &object["status"]["intent"]), (&"2".into(), &Value::Null), "{object}");
    world.wait("the other one to lead", || standby.leads());
    assert_eq!(world.deployments().len(), 2);
}

#[test]
fn a_leader_that_was_stopped_in_the_middle_of_a_change_sends_nothing_when_it_wakes() {
    let world = World::without_operator("stopped");
    let (leader, standby) = two(&world);
    let manifest = deploy(&world, &leader, &standby);
    // The answer to its look is on its way when it is stopped, and there when it wakes: it would send next.
    let looks = world.count("ListDeployments");
    let delay = FaultAction::Delay { milliseconds: 3_000, at: DelayAt::Reply };
    world.emulator.faults().add(FaultRule::on(Operation::ListDeployments, delay));
    world.apply(&manifest.clone().version("1.0.1"));
    world.wait("the look before the change", || world.count("ListDeployments") > looks);
    let written = writes(&leader);
    leader.operator.signal(Signal::STOP);
    let stopped = Instant::now();
    world.wait_patiently("the change to reach AWS", PATIENCE, || creates(&world) == 2);
    println!("SIGSTOP to the change in AWS: {} ms", stopped.elapsed().as_millis());
    world.wait_ready("presses");
    assert!(standby.leads());
    assert_eq!(leader.relay.sent_since(stopped), 0);

    let woken = Instant::now();
    leader.operator.signal(Signal::CONT);
    world.wait("the one that slept to stand by", || leader.is_ready() && !leader.leads());
    // Long enough for every timer of a turn to fire.
    sleep(Duration::from_secs(12));
    assert_eq!(leader.relay.sent_since(woken), 0, "it does not lead any more");
    assert_eq!(writes(&leader), written, "nor does it write a status");
    assert!(standby.leads() && !leader.leads());
    assert_eq!(world.deployments().len(), 2);

    // It has not ended: it stands by, and follows with nothing of what it knew.
    standby.operator.stop();
    let took = change(&world, &manifest, "1.0.2", Instant::now());
    println!("the one that slept leads again and makes the next change within {} ms", took.as_millis());
    assert!(leader.leads());
    assert_eq!(world.deployments().len(), 3);
}

#[test]
fn an_api_server_that_goes_and_comes_back_leaves_one_leader() {
    let cluster = Box::leak(Box::new(testcluster::Cluster::start().unwrap()));
    install_definitions_on(cluster);
    let world = World::without_operator_on(cluster, "restarted");
    let (leader, standby) = two(&world);
    let manifest = deploy(&world, &leader, &standby);
    cluster.stop_api_server().unwrap();
    let stopped = Instant::now();
    // Longer than the renew deadline: nobody may act.
    while stopped.elapsed() < Duration::from_secs(12) {
        assert!(!standby.leads());
        sleep(Duration::from_millis(200));
    }
    assert!(!leader.leads());
    cluster.start_api_server().unwrap();
    let begun = Instant::now();
    world.wait_patiently("one to lead", PATIENCE, || {
        let (first, second, again) = (leader.leads(), standby.leads(), leader.leads());
        assert!(!(first && second && again), "both lead");
        first != second
    });
    println!("API server ready to a leader: {} ms", begun.elapsed().as_millis());
    let took = change(&world, &manifest, "1.0.1", Instant::now());
    println!("a change after that reaches AWS within {} ms", took.as_millis());
    assert_eq!(world.deployments().len(), 2);
}

#[test]
fn a_lease_that_somebody_deletes_or_edits_never_makes_two_leaders() {
    let world = World::without_operator("edited");
    let (leader, standby) = two(&world);
    let manifest = deploy(&world, &leader, &standby);
    world.kubectl(&["delete", "lease", "greengrass-operator"]).success().unwrap();
    world.wait("the lease to be there again", || {
        let get = ["get", "lease", "greengrass-operator", "--output=jsonpath={.spec.holderIdentity}"];
        world.kubectl(&get).success().is_ok_and(|holder| holder.starts_with(leader.name))
    });
    assert!(leader.leads() && !standby.leads());
    let edit = r#"{"spec":{"holderIdentity":"somebody","leaseDurationSeconds":1}}"#;
    world.kubectl(&["patch", "lease", "greengrass-operator", "--type=merge", "--patch", edit]).success().unwrap();
    let begun = Instant::now();
    world.wait("the leader to stand by", || !leader.leads());
    world.wait_patiently("one to lead again", PATIENCE, || {
        let (first, second, again) = (leader.leads(), standby.leads(), leader.leads());
        assert!(!(first && second && again), "both lead");
        first || second
    });
    assert!(begun.elapsed() > Duration::from_secs(14), "{:?}", begun.elapsed());
    change(&world, &manifest, "1.0.1", Instant::now());
    assert_eq!(world.deployments().len(), 2);
}
