//! The image at work, with the rights that the chart gives it (does I/O: podman, a cluster).

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::container::Container;
use crate::world::{Manifest, World};

/// A lease duration, what comes before and after it, and the start of two containers on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

fn lease(world: &World) -> Value {
    let get = ["get", "lease", "greengrass-operator", "--output=json"];
    serde_json::from_str(&world.kubectl(&get).success().unwrap()).unwrap()
}

#[test]
#[ignore = "needs the image and podman: make e2e-image"]
fn of_two_containers_one_leads_and_the_other_one_follows_when_it_is_killed() {
    let world = World::without_operator("containers");
    let (one, other) = (Container::start(&world, "one"), Container::start(&world, "other"));
    world.wait_patiently("both to be ready and one to lead", PATIENCE, || {
        (one.leads() || other.leads()) && one.is_ready() && other.is_ready()
    });
    let (leader, standby) = if one.leads() { (one, other) } else { (other, one) };
    assert!(!standby.leads());
    let holder = lease(&world)["spec"]["holderIdentity"].as_str().unwrap().to_owned();
    assert!(holder.starts_with(&format!("{}_", leader.name())), "{holder}");

    let group = world.group("Presses");
    let manifest = Manifest::new("presses", &group);
    world.apply(&manifest);
    world.wait_ready("presses");
    assert_eq!(world.deployments().len(), 1);

    let begun = Instant::now();
    let status = leader.end("KILL");
    assert_eq!(status.code(), Some(128 + 9), "{status}");
    world.wait_patiently("the other one to lead", PATIENCE, || standby.leads());
    println!("SIGKILL to another leader: {} ms", begun.elapsed().as_millis());
    world.apply(&manifest.version("1.0.1"));
    world.wait_ready("presses");
    assert_eq!(world.deployments().len(), 2);

    let status = standby.end("TERM");
    assert!(status.success(), "SIGTERM ends it well: {status}");
    let spec = &lease(&world)["spec"];
    assert_eq!(spec["holderIdentity"], Value::Null, "it gives up its Lease: {spec}");
}

/// A line of `/proc/PID/status`.
fn line<'a>(status: &'a str, name: &str) -> &'a str {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
    line.unwrap_or_else(|| panic!("no {name} in {status}"))
}

#[test]
#[ignore = "needs the image and podman: make e2e-image"]
fn the_kernel_gives_the_container_no_more_than_the_chart_says() {
    let world = World::without_operator("confined");
    let container = Container::start(&world, "confined");
    world.wait_patiently("it to lead", PATIENCE, || container.leads() && container.is_ready());

    let process = container.process_id();
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    assert_eq!(line(&status, "Uid"), "65532\t65532\t65532\t65532");
    assert_eq!(line(&status, "Gid"), "65532\t65532\t65532\t65532");
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(line(&status, set), "0000000000000000", "{set}");
    }
    assert_eq!(line(&status, "NoNewPrivs"), "1");
    assert_eq!(line(&status, "Seccomp"), "2", "a filter");
    let mounts = fs::read_to_string(format!("/proc/{process}/mountinfo")).unwrap();
    let root = mounts.lines().find(|mount| mount.split(' ').nth(4) == Some("/")).unwrap();
    assert!(root.split(' ').nth(5).unwrap().split(',').any(|option| option == "ro"), "{root}");
    let places = mounts.lines().map(|mount| mount.split(' ').collect::<Vec<_>>());
    let writable = places.filter(|mount| mount[5].split(',').any(|option| option == "rw")).map(|mount| mount[4]);
    let of_the_kernel = |place: &&str| ["/proc", "/dev", "/sys"].iter().any(|folder| place.starts_with(folder));
    let others: Vec<&str> = writable.filter(|place| !of_the_kernel(place)).collect();
    assert!(others.is_empty(), "mounted for writing: {others:?}");

    assert!(container.end("TERM").success());
}
