//! Tells a story that breaks a promise, step by step. Pure.

use std::fmt::Write as _;

use greengrass_operator_core::deployment::decide::{Change, Query, Step};

use crate::events::Action;
use crate::invariants::Violation;
use crate::model::Model;
use crate::world::World;

/// What happened, one line a step.
pub(crate) fn tell(model: &Model, violation: &Violation, story: &[Action]) -> String {
    let mut text = format!("{:?} is broken in {} steps: {}\n", violation.invariant, story.len(), violation.what);
    let mut world = World::new(model);
    let start = world.now;
    for (number, action) in story.iter().enumerate() {
        let what = line(model, &world, *action);
        let mut next = None;
        world.successors(model, &mut |by, after| {
            if by == *action {
                next = Some(after);
            }
        });
        world = next.expect("the story was possible");
        let rows: Vec<String> = world.cloud.deployments.iter().map(|deployment| row(deployment)).collect();
        let seconds = world.now.duration_since(start).as_secs();
        writeln!(text, "{:>3}. {what}\n       {seconds} s, AWS [{}]", number + 1, rows.join(", ")).unwrap();
    }
    let objects: Vec<_> = world.objects.iter().map(|object| (&object.ready, &object.memory)).collect();
    writeln!(text, "In the end: {objects:#?}").unwrap();
    text
}

fn row(deployment: &crate::cloud::Deployment) -> String {
    let tag = |name: &str| deployment.details.tags.get(&format!("greengrass-operator.dev/{name}")).map(String::as_str);
    let maker = deployment.maker().map_or_else(
        || "somebody's".to_owned(),
        |maker| format!("{maker} {} of {}", tag("intent").unwrap_or_default(), &tag("digest").unwrap_or_default()[..6]),
    );
    let hidden = if deployment.is_hidden() { ", hidden" } else { "" };
    format!("{} {maker} {}{hidden}", deployment.id(), deployment.details.row.status.as_str())
}

fn line(model: &Model, world: &World, action: Action) -> String {
    let Action::Step { process, resource, outcome } = action else { return format!("{action:?}") };
    let who = if process == 0 { "leader" } else { "old leader" };
    let name = &model.specs[resource].name.name;
    let step = world.clone().decide(model, process, resource).map(|decided| short(&decided.step)).unwrap_or_default();
    format!("{who}, {name}: {step} ({outcome:?})")
}

fn short(step: &Step) -> String {
    match step {
        Step::Ask(Query::Deployment(id)) => format!("reads {id}"),
        Step::Ask(query) => format!("asks for {query:?}"),
        Step::Rest(until) => format!("rests until {until:?}"),
        Step::Write(Change::Remember(memory, why)) => {
            let intent = memory.intent.as_ref().map(|intent| (intent.ordinal, intent.attempt, &intent.base));
            format!("remembers {why:?}, ordinal {}, intent {intent:?}", memory.ordinal)
        }
        Step::Write(Change::Create { ordinal, request, .. }) => {
            let digest = request.tags.get("greengrass-operator.dev/digest").map(|digest| &digest[..6]);
            format!("sends ordinal {ordinal}, {digest:?}")
        }
        Step::Write(change) => format!("{change:?}"),
    }
}
