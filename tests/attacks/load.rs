//! Dozens of changes are under way when the leader dies or stops, when the API server is restarted, and when etcd is slow.

use std::fs::read_to_string;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use testcluster::Cluster;

use super::failover::{PATIENCE, two};
use super::is_soak;
use crate::world::{Manifest, World, install_definitions_on};

/// Each takes four calls: the quota of twenty a second is used up for a fifth of them in seconds.
const RESOURCES: usize = 24;
const RESOURCES_OF_A_SOAK: usize = 400;

/// A world full of changes.
struct Load {
    world: World,
    cluster: &'static Cluster,
    resources: usize,
    rounds: usize,
}

impl Load {
    fn apply(&self) {
        let item = |number: usize| {
            let group = World::group_arn(&format!("Presses{number}"));
            Manifest::new(&name(number), &group).version(&format!("1.0.{}", self.rounds)).to_json()
        };
        let items: Vec<_> = (0..self.resources).map(item).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
        let arguments = ["--namespace", self.world.namespace.as_str(), "apply", "--filename=-"];
        self.cluster.kubectl_with_input(&arguments, &list).unwrap().success().unwrap();
    }

    fn creates(&self) -> usize {
        self.world.count("CreateDeployment")
    }

    /// Changes all resources, lets something happen while they are under way, and waits until each has its revision.
    fn while_all_change(&mut self, what: &str, disaster: impl FnOnce(&Self)) {
        self.rounds += 1;
        let begun = Instant::now();
        self.apply();
        let some = self.resources * (self.rounds - 1) + self.resources / 4;
        self.world.wait_patiently("a quarter of the changes", PATIENCE, || self.creates() >= some);
        disaster(self);
        for number in 0..self.resources {
            let version = format!("1.0.{}", self.rounds);
            let has_it = || {
                let object = self.world.object(&name(number)).unwrap();
                object["spec"]["components"]["com.example.HelloWorld"]["componentVersion"] == version.as_str()
                    && crate::world::is_ready(&object)
            };
            self.world.wait_patiently("every change to be deployed", PATIENCE, has_it);
        }
        println!("{} changes, {what}: {:.1} s", self.resources, begun.elapsed().as_secs_f64());
        let (made, wanted) = (self.world.deployments().len(), self.resources * self.rounds);
        assert_eq!(made, wanted, "one revision for each change: {what}");
    }
}

fn name(number: usize) -> String {
    format!("presses-{number}")
}

#[test]
fn whatever_dies_stops_or_is_slow_at_full_load_each_change_is_one_revision() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start().unwrap()));
    install_definitions_on(cluster);
    let world = World::without_operator_on(cluster, "load");
    let resources = if is_soak() { RESOURCES_OF_A_SOAK } else { RESOURCES };
    for number in 0..resources {
        world.group(&format!("Presses{number}"));
    }
    let (mut leader, mut standby) = two(&world);
    let mut load = Load { world, cluster, resources, rounds: 0 };

    load.while_all_change("nothing happens", |_| {});

    load.while_all_change("etcd is slow", |load| stutter(pid_of(load.cluster, "etcd"), Duration::from_secs(10)));

    load.while_all_change("the API server is restarted", |load| {
        load.cluster.stop_api_server().unwrap();
        sleep(Duration::from_secs(3));
        load.cluster.start_api_server().unwrap();
    });

    load.while_all_change("the leader stops and wakes", |load| {
        leader.operator.signal(Signal::STOP);
        load.world.wait_patiently("the other one to lead", PATIENCE, || standby.leads());
        let woken = Instant::now();
        leader.operator.signal(Signal::CONT);
        sleep(Duration::from_secs(5));
        assert_eq!(leader.relay.sent_since(woken), 0, "it sends nothing when it wakes");
    });
    std::mem::swap(&mut leader, &mut standby);

    load.while_all_change("the leader is killed", |load| {
        leader.operator.kill();
        load.world.wait_patiently("the other one to lead", PATIENCE, || standby.leads());
    });
}

fn pid_of(cluster: &Cluster, server: &str) -> Pid {
    let text = read_to_string(cluster.folder().join(format!("logs/{server}.pid"))).unwrap();
    Pid::from_raw(text.trim().parse().unwrap()).unwrap()
}

/// Lets a server run for a fifth of the time.
fn stutter(server: Pid, time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        kill_process(server, Signal::STOP).unwrap();
        sleep(Duration::from_millis(400));
        kill_process(server, Signal::CONT).unwrap();
        sleep(Duration::from_millis(100));
    }
}
