//! Components of a spec: names, versions, resets, users and limits. Pure.

use std::collections::BTreeMap;

use semver::Version;

use super::sources::{self, Needs};
use super::{Problems, merge, shown};
use crate::api::{ComponentDeploymentSpecification, ConfigurationUpdate, RunWith, SystemResourceLimits, rules};
use crate::deployment::desired::Component;
use crate::deployment::references::References;

/// The components that are right; what is wrong is in `problems`.
pub(super) fn check(
    components: &BTreeMap<String, ComponentDeploymentSpecification>,
    references: &References,
    problems: &mut Problems,
    needs: &mut Needs,
) -> BTreeMap<String, Component> {
    problems.unless(
        components.len() <= rules::MAX_COMPONENTS,
        "spec.components",
        "components must have at most 1000 entries: spread them over more than one target",
    );
    let mut checked = BTreeMap::new();
    for (name, component) in components {
        let field = format!("spec.components[{}]", shown(name));
        let length = name.chars().count();
        problems.unless((1..=rules::MAX_COMPONENT_NAME).contains(&length), field.as_str(), rules::COMPONENT_NAME);
        if let Some(component) = check_one(&field, component, references, problems, needs) {
            checked.insert(name.clone(), component);
        }
    }
    checked
}

fn check_one(
    field: &str,
    component: &ComponentDeploymentSpecification,
    references: &References,
    problems: &mut Problems,
    needs: &mut Needs,
) -> Option<Component> {
    let ComponentDeploymentSpecification { component_version, configuration_update, run_with } = component;
    let version = exact_version(component_version);
    problems.unless(version.is_some(), format!("{field}.componentVersion"), rules::COMPONENT_VERSION);
    let ConfigurationUpdate { merge, merge_from, reset } = configuration_update.clone().unwrap_or_default();
    let update_field = format!("{field}.configurationUpdate");
    let own = match merge.as_ref().map(merge::parse).transpose() {
        Ok(merge) => merge,
        Err(message) => {
            problems.add(format!("{update_field}.merge"), message);
            None
        }
    };
    let from = format!("{update_field}.mergeFrom");
    let merge = sources::merged(&from, &merge_from.unwrap_or_default(), own, references, problems, needs);
    if let Some((one, other)) = merge.as_ref().and_then(|merge| merge::one_key_twice(&merge.value)) {
        let message = format!(
            "{one} and {other} are one key to a device, which doesn't tell upper from lower case: keep one of them"
        );
        problems.add(format!("{update_field}.merge"), message);
    }
    let reset = reset.unwrap_or_default();
    check_reset(&format!("{update_field}.reset"), &reset, problems);
    if let Some(run_with) = run_with {
        check_run_with(&format!("{field}.runWith"), run_with, problems);
    }
    Some(Component { version: version?, merge, reset, run_with: run_with.clone() })
}

/// The version, where a device takes it: Semantic Versioning, with a pre-release that begins with a letter or hyphen.
fn exact_version(text: &str) -> Option<Version> {
    let version = Version::parse(text).ok()?;
    let fits = text.len() <= rules::MAX_COMPONENT_VERSION;
    (fits && !version.pre.starts_with(|c: char| c.is_ascii_digit())).then_some(version)
}

fn check_reset(field: &str, reset: &[String], problems: &mut Problems) {
    problems.unless(
        reset.len() <= rules::MAX_RESETS,
        field,
        "reset must have at most 256 entries: name what they have in common, or '' for the whole configuration",
    );
    for (index, pointer) in reset.iter().enumerate() {
        let field = || format!("{field}[{index}]");
        problems.unless(pointer.is_empty() || pointer.starts_with('/'), field(), rules::RESET);
        problems.unless(
            pointer.chars().count() <= rules::MAX_RESET,
            field(),
            "each entry of reset must have at most 256 characters: name what stands above it",
        );
        // RFC 6901: '~' begins '~0' for itself or '~1' for '/'.
        let escapes_well = pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        problems.unless(
            escapes_well,
            field(),
            "each '~' in an entry of reset must be written as ~0, and a '/' inside a key as ~1",
        );
    }
}

fn check_run_with(field: &str, run_with: &RunWith, problems: &mut Problems) {
    let RunWith { posix_user, windows_user, system_resource_limits } = run_with;
    for (name, user) in [("posixUser", posix_user), ("windowsUser", windows_user)] {
        problems.unless(
            user.as_ref().is_none_or(|user| user.chars().count() <= rules::MAX_USER),
            format!("{field}.{name}"),
            "the user must have at most 256 characters: write a name that exists on the devices",
        );
    }
    if let Some(SystemResourceLimits { cpus, memory }) = system_resource_limits {
        let field = format!("{field}.systemResourceLimits");
        let positive = cpus.is_none_or(|cpus| cpus.is_finite() && cpus > 0.0);
        problems.unless(positive, format!("{field}.cpus"), rules::CPUS);
        problems.unless(memory.is_none_or(|memory| memory > 0), format!("{field}.memory"), rules::MEMORY);
    }
}
