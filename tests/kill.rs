//! The operator is killed between any two calls of a create and started again: one deployment.

use greengrass_emulator::{FaultAction, FaultRule, Operation};
use rstest::rstest;

use crate::world::{Manifest, World};

#[rstest]
#[case::before_the_first_list(Operation::ListDeployments, 0, FaultAction::HangBefore)]
#[case::before_the_second_list(Operation::ListDeployments, 1, FaultAction::HangBefore)]
#[case::before_the_create(Operation::CreateDeployment, 0, FaultAction::HangBefore)]
#[case::after_the_create(Operation::CreateDeployment, 0, FaultAction::HangAfter)]
#[case::before_the_get(Operation::GetDeployment, 0, FaultAction::HangBefore)]
fn killed_between_two_calls_it_makes_one_deployment(
    #[case] operation: Operation,
    #[case] skip: u64,
    #[case] action: FaultAction,
) {
    let mut world = World::new("kill");
    let group = world.group("Presses");
    world.emulator.faults().add(FaultRule::on(operation, action).skip(skip));
    world.apply(&Manifest::new("presses", &group));
    world.wait("the call at which it is killed", || {
        world.emulator.calls_of(operation.name()).iter().any(|call| call.fault.is_some())
    });
    world.kill_operator();
    world.start_operator();
    world.wait_ready("presses");
    assert_eq!(world.deployments().len(), 1);
}

#[test]
fn killed_again_and_again_while_contents_change_it_makes_one_revision_for_each() {
    let mut world = World::new("storm");
    let group = world.group("Presses");
    for round in 0..4_u64 {
        let manifest = Manifest::new("presses", &group).version(&format!("1.0.{round}"));
        world.apply(&manifest);
        std::thread::sleep(std::time::Duration::from_millis(40 * round));
        world.kill_operator();
        world.start_operator();
        world.wait_ready("presses");
    }
    assert_eq!(world.deployments().len(), 4);
}
