//! The end of a piece of work on a device: what it does to the device, and what the device says of it. Pure.

use std::sync::Arc;

use super::super::devices::{Device, Run, RunEnd, failure::DeviceReport, resolution::Catalogue, software::Software};
use crate::{behaviour::Outcome, scope::Target};

/// What a run does to the device, and what the device says of it.
pub(super) fn finish(device: &mut Device, run: &Run, catalogue: Catalogue<'_>) -> Arc<DeviceReport> {
    let at = catalogue.now;
    let removed = catalogue.switches.removed_component_configuration;
    let document = &run.document;
    let (outcome, component) = match &run.end {
        RunEnd::Refused(report) => return Arc::clone(report),
        RunEnd::Scripted { outcome, component } => (*outcome, component),
    };
    let name = Arc::clone(&device.name);
    let version = || document.components.get(component).map_or("", |component| component.version.as_str());
    // Whatever comes of it, versions are resolved and artifacts fetched before anything changes.
    match outcome {
        Outcome::Reject => return Arc::new(DeviceReport::rejected()),
        Outcome::NoSuchVersion => {
            let constraint = format!("{} requires ={}", document.root.label(&name), version());
            return Arc::new(DeviceReport::no_version(component, &[constraint]));
        }
        Outcome::Succeed
        | Outcome::ComponentBroken
        | Outcome::UnableToRollback
        | Outcome::ArtifactDenied
        | Outcome::Hang => {}
    }
    let plan = match device.plan(document, catalogue) {
        Ok(plan) => plan,
        Err(report) => return Arc::new(report),
    };
    if let Some(objection) = Software::objection(document) {
        return Arc::new(objection);
    }
    match outcome {
        Outcome::ArtifactDenied => Arc::new(DeviceReport::artifact_denied(component, version())),
        Outcome::ComponentBroken => {
            if !document.rolls_back {
                device.software_mut().apply(document, &plan, at, removed);
                device.software_mut().leave_broken(component, version(), at);
            }
            Arc::new(DeviceReport::component_broken(component, document.rolls_back))
        }
        Outcome::UnableToRollback => {
            device.software_mut().leave_broken(component, version(), at);
            Arc::new(DeviceReport::unable_to_roll_back(component))
        }
        Outcome::Succeed | Outcome::Hang | Outcome::Reject | Outcome::NoSuchVersion => {
            device.software_mut().apply(document, &plan, at, removed);
            if let Some(Target::ThingGroup(_)) = Target::of(&document.target_arn) {
                device.serve(Arc::clone(&document.target_arn));
            }
            DeviceReport::success()
        }
    }
}
