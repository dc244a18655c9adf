//! What holds for system instances after any sequence of operations. Pure.

use proptest::prelude::*;

use super::tests::World;
use crate::{
    operation::Operation,
    switches::Switches,
    system_instance::{SystemInstanceRecord, SystemInstanceStatus as Status, SystemInstanceTarget as Target},
};

#[derive(Debug, Clone)]
enum Step {
    Create { name: usize, cloud: bool },
    Deploy(usize),
    Undeploy(usize),
    Delete(usize),
    Fail { name: usize, deployments: u32 },
    Tag(usize),
    Untag(usize),
    Wait(i64),
}

const NAMES: [&str; 3] = ["a", "b", "c/d"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = || 0..NAMES.len();
    let step = prop_oneof![
        4 => (name(), any::<bool>()).prop_map(|(name, cloud)| Step::Create { name, cloud }),
        6 => name().prop_map(Step::Deploy),
        4 => name().prop_map(Step::Undeploy),
        3 => name().prop_map(Step::Delete),
        1 => (name(), 0..3_u32).prop_map(|(name, deployments)| Step::Fail { name, deployments }),
        2 => name().prop_map(Step::Tag),
        1 => name().prop_map(Step::Untag),
        6 => (0..25_000_i64).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 0..60)
}

fn switches() -> impl Strategy<Value = Switches> {
    let time = || prop_oneof![Just(0_u64), 1..30_000_u64];
    (time(), time(), time(), time()).prop_map(|(bootstrap, deployment, undeployment, cloud)| Switches {
        system_instance_bootstrap_ms: bootstrap,
        system_instance_deployment_ms: deployment,
        system_instance_undeployment_ms: undeployment,
        system_instance_cloud_ms: cloud,
        ..Switches::default()
    })
}

/// Whether one status may follow another. What takes no time is left out.
fn may_follow(target: Target, from: Status, to: Status) -> bool {
    let deployed = matches!(to, Status::DeployedInTarget | Status::Failed);
    match from {
        Status::NotDeployed | Status::DeletedInTarget => {
            deployed || to == Status::DeployInProgress || (to == Status::Bootstrap && target == Target::Greengrass)
        }
        Status::Bootstrap => target == Target::Greengrass && (deployed || to == Status::DeployInProgress),
        Status::DeployInProgress => deployed,
        Status::DeployedInTarget | Status::Failed => to != Status::NotDeployed && to != Status::PendingDelete,
        Status::UndeployInProgress => to == Status::DeletedInTarget,
        Status::PendingDelete => false,
    }
}

fn check(record: &SystemInstanceRecord) {
    assert_eq!(record.history[0].status, Status::NotDeployed);
    assert_eq!(record.history[0].at, record.created_at);
    let last = record.history.last().unwrap();
    assert_eq!((last.status, last.at), (record.status, record.updated_at));
    for pair in record.history.windows(2) {
        assert!(pair[0].at <= pair[1].at, "{record:?}");
        assert!(may_follow(record.target, pair[0].status, pair[1].status), "{record:?}");
    }
    assert!(record.tags.iter().all(|(key, value)| key == "tag" && record.id.ends_with(value)), "{record:?}");
    let in_group = record.target == Target::Greengrass;
    assert_eq!(record.greengrass_group_id.is_some(), in_group && !record.deployments.is_empty());
    let mut ids: Vec<_> = record.deployments.iter().map(|deployment| &deployment.greengrass_deployment_id).collect();
    assert!(ids.iter().all(|id| id.is_some() == in_group));
    ids.sort();
    ids.dedup();
    assert!(!in_group || ids.len() == record.deployments.len(), "{record:?}");
}

fn run(world: &mut World, step: &Step) {
    let refusals = [
        "ResourceInUseException",
        "ResourceNotFoundException",
        "InvalidRequestException",
        "ResourceAlreadyExistsException",
    ];
    let answer = match step {
        Step::Create { name, cloud } => world.create(NAMES[*name], if *cloud { "CLOUD" } else { "GREENGRASS" }),
        Step::Deploy(name) => world.about(Operation::DeploySystemInstance, NAMES[*name]),
        Step::Undeploy(name) => world.about(Operation::UndeploySystemInstance, NAMES[*name]),
        Step::Delete(name) => world.about(Operation::DeleteSystemInstance, NAMES[*name]),
        Step::Tag(name) => world.tag(NAMES[*name], &[("tag", NAMES[*name])]),
        Step::Untag(name) => world.untag(NAMES[*name], &["tag"]),
        Step::Fail { name, deployments } => {
            let scope = super::tests::id(NAMES[*name]).scope().clone();
            world.state.partition_mut(&scope).system_instances.fail(NAMES[*name], *deployments);
            return;
        }
        Step::Wait(milliseconds) => {
            world.pass(*milliseconds);
            return;
        }
    };
    if let Err(code) = answer {
        assert!(refusals.contains(&code.as_str()), "{step:?}: {code}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_history_of_every_system_instance_is_one_that_there_is(steps in steps(), switches in switches()) {
        let mut world = World::new(switches);
        for step in &steps {
            run(&mut world, step);
            world.state.run_until(world.now);
            world.state.system_instances().iter().for_each(check);
        }
        // Whatever it was at, it comes to an end.
        world.pass(100_000);
        world.state.run_until(world.now);
        for record in world.state.system_instances() {
            let at_rest = [Status::NotDeployed, Status::DeployedInTarget, Status::Failed, Status::DeletedInTarget];
            prop_assert!(at_rest.contains(&record.status), "{record:?}");
        }
    }

    /// Two ways through the same minutes: at one go, and looking every second.
    #[test]
    fn it_makes_no_difference_when_somebody_looks(steps in steps(), switches in switches()) {
        let [mut at_once, mut step_by_step] = [0; 2].map(|_| World::new(switches.clone()));
        for step in &steps {
            run(&mut at_once, step);
            if let Step::Wait(milliseconds) = step {
                for _ in 0..milliseconds / 1000 {
                    step_by_step.pass(1000);
                    step_by_step.state.run_until(step_by_step.now);
                }
                step_by_step.pass(milliseconds % 1000);
            } else {
                run(&mut step_by_step, step);
            }
        }
        for world in [&mut at_once, &mut step_by_step] {
            world.state.run_until(world.now);
        }
        prop_assert_eq!(at_once.state.system_instances(), step_by_step.state.system_instances());
    }
}
