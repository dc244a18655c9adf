//! What recipes make devices do: dependencies, default configuration, and what goes wrong. Pure.

use serde_json::{Value, json};

use super::{World, arn, recipe, scope};
use crate::{
    operation::Operation,
    switches::{DependencyVersions, Switches, UnknownComponents},
};

impl World {
    /// A deployment to a group, carried out; what the device says of it.
    pub(in crate::state::components) fn deploy(&mut self, group: &str, components: &Value) -> Value {
        let target = scope().thing_group_arn(group);
        self.call(Operation::CreateDeployment, &json!({"targetArn": target, "components": components})).unwrap();
        self.pass(5000);
        let list = json!({"coreDeviceThingName": "core"});
        let listed = self.call(Operation::ListEffectiveDeployments, &list).unwrap();
        let all = listed["effectiveDeployments"].as_array().unwrap();
        all.iter().find(|effective| effective["targetArn"] == target.as_str()).unwrap().clone()
    }

    fn succeeds(&mut self, group: &str, components: &Value) {
        let effective = self.deploy(group, components);
        assert_eq!(effective["coreDeviceExecutionStatus"], "SUCCEEDED", "{effective}");
    }

    /// The innermost error code, and the reason, of a deployment that must fail and change nothing.
    fn fails(&mut self, group: &str, components: &Value) -> (String, String) {
        let before = self.device()["components"].clone();
        let effective = self.deploy(group, components);
        assert_eq!(effective["coreDeviceExecutionStatus"], "FAILED", "{effective}");
        assert_eq!(effective["statusDetails"]["errorTypes"], json!(["REQUEST_ERROR"]));
        assert_eq!(self.device()["components"], before);
        let stack = effective["statusDetails"]["errorStack"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(stack.last().unwrap()), text(&effective["reason"]))
    }

    pub(in crate::state::components) fn device(&mut self) -> Value {
        self.state.run_until(self.now);
        self.state.device(&scope(), "core", self.now).unwrap()
    }

    /// `name version`, with a star behind roots.
    fn installed(&mut self) -> Vec<String> {
        let components = self.device()["components"].clone();
        let shown = |(name, component): (&String, &Value)| {
            let root = if component["isRoot"] == true { "*" } else { "" };
            format!("{name} {}{root}", component["version"].as_str().unwrap())
        };
        components.as_object().unwrap().iter().map(shown).collect()
    }
}

const UNMET: &str = "COMPONENT_VERSION_REQUIREMENTS_NOT_MET";

fn plain(name: &str, version: &str, dependencies: &[(&str, &str)]) -> Value {
    recipe(name, version, dependencies, &json!({}))
}

fn version(name: &str, version: &str) -> Value {
    json!({name: {"componentVersion": version}})
}

#[test]
fn dependencies_come_with_what_needs_them_and_go_when_nothing_does() {
    let mut world = World::new(Switches::default());
    world.publish(&[
        plain("app", "1.0.0", &[("lib", "^1.0.0"), ("aws.greengrass.Nucleus", ">=2.0.0")]),
        plain("app", "2.0.0", &[]),
        plain("tool", "1.0.0", &[("lib", ">=1.0.0 <1.2.0")]),
        plain("lib", "1.0.0", &[("base", "~2.1")]),
        plain("lib", "1.2.0", &[("base", "~2.1")]),
        plain("base", "2.1.5", &[]),
        plain("base", "2.2.0", &[]),
    ]);
    world.succeeds("a", &version("app", "1.0.0"));
    assert_eq!(world.installed(), ["app 1.0.0*", "base 2.1.5", "lib 1.2.0"]);
    let request = |filter: &str| json!({"coreDeviceThingName": "core", "topologyFilter": filter});
    let mut listed = |filter: &str| {
        let answer = world.call(Operation::ListInstalledComponents, &request(filter)).unwrap();
        let names = answer["installedComponents"].as_array().unwrap().clone();
        names.iter().map(|item| item["componentName"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed("ALL"), ["app", "aws.greengrass.Nucleus", "base", "lib"]);
    assert_eq!(listed("ROOT"), ["app", "aws.greengrass.Nucleus"]);
    // Both together allow only the older one.
    world.succeeds("b", &version("tool", "1.0.0"));
    assert_eq!(world.installed(), ["app 1.0.0*", "base 2.1.5", "lib 1.0.0", "tool 1.0.0*"]);
    world.succeeds("a", &version("app", "2.0.0"));
    assert_eq!(world.installed(), ["app 2.0.0*", "base 2.1.5", "lib 1.0.0", "tool 1.0.0*"]);
    world.succeeds("b", &json!({"lib": {"componentVersion": "1.0.0"}, "tool": {"componentVersion": "1.0.0"}}));
    assert_eq!(world.installed(), ["app 2.0.0*", "base 2.1.5", "lib 1.0.0*", "tool 1.0.0*"]);
    world.succeeds("b", &json!({}));
    assert_eq!(world.installed(), ["app 2.0.0*"]);
}

#[test]
fn a_configuration_starts_from_the_default_of_the_recipe_and_a_reset_goes_back_to_it() {
    let mut world = World::new(Switches::default());
    world.publish(&[
        recipe("app", "1.0.0", &[("lib", "*")], &json!({"speed": 1, "limits": {"low": 1, "high": 9}})),
        recipe("app", "1.1.0", &[("lib", "*")], &json!({"speed": 2, "limits": {"low": 2, "high": 9}, "new": true})),
        recipe("lib", "1.0.0", &[], &json!({"port": 80})),
    ]);
    let mut configured = |version: &str, update: Value| {
        world.succeeds("a", &json!({"app": {"componentVersion": version, "configurationUpdate": update}}));
        world.device()["components"]["app"]["configuration"].clone()
    };
    assert_eq!(configured("1.0.0", Value::Null), json!({"speed": 1, "limits": {"low": 1, "high": 9}}));
    assert_eq!(
        configured("1.1.0", json!({"merge": "{\"limits\": {\"high\": 20}}"})),
        json!({"speed": 2, "limits": {"low": 2, "high": 20}, "new": true})
    );
    assert_eq!(
        configured("1.1.0", json!({"reset": ["/limits/high"], "merge": "{\"speed\": 7}"})),
        json!({"speed": 7, "limits": {"low": 2, "high": 9}, "new": true})
    );
    assert_eq!(
        configured("1.1.0", json!({"reset": [""]})),
        json!({"speed": 2, "limits": {"low": 2, "high": 9}, "new": true})
    );
    assert_eq!(world.device()["components"]["lib"]["configuration"], json!({"port": 80}));
}

#[test]
fn a_version_that_cannot_be_had_fails_the_deployment_with_the_constraints_of_everybody() {
    let mut world = World::new(Switches::default());
    world.publish(&[
        plain("app", "1.0.0", &[("lib", "^1.0.0")]),
        plain("tool", "1.0.0", &[("lib", ">=2.0.0")]),
        plain("lib", "1.0.0", &[]),
        plain("lib", "2.0.0", &[]),
        plain("lost", "1.0.0", &[("lib", "^3")]),
    ]);
    let (code, reason) = world.fails("a", &version("app", "9.0.0"));
    assert_eq!(code, UNMET);
    assert!(reason.ends_with("Component app version constraints: thinggroup/a requires =9.0.0."), "{reason}");
    world.succeeds("a", &version("app", "1.0.0"));
    let (code, reason) = world.fails("b", &version("tool", "1.0.0"));
    assert_eq!(code, UNMET);
    assert!(
        reason.ends_with("Component lib version constraints: app requires ^1.0.0, tool requires >=2.0.0."),
        "{reason}"
    );
    let (_, reason) = world.fails("b", &version("lost", "1.0.0"));
    assert!(reason.ends_with("app requires ^1.0.0, lost requires ^3."), "{reason}");
    // Known only since a moment, and not by devices yet.
    world.pass(10_000);
    world.create(&plain("late", "1.0.0", &[])).unwrap();
    world.state.switches.component_creation_ms = 1_000_000;
    assert_eq!(world.fails("b", &version("late", "1.0.0")).0, UNMET);
    world.state.switches.component_creation_ms = 0;
    world.succeeds("b", &version("late", "1.0.0"));
}

#[test]
fn a_deleted_version_stays_where_it_is_and_comes_nowhere_else() {
    let mut world = World::new(Switches::default());
    world.publish(&[plain("app", "1.0.0", &[("lib", "*")]), plain("lib", "1.0.0", &[])]);
    world.succeeds("a", &version("app", "1.0.0"));
    for name in ["app", "lib"] {
        world.call(Operation::DeleteComponent, &json!({"arn": arn(name, "1.0.0")})).unwrap();
    }
    world.succeeds("b", &version("other", "1.0.0"));
    world.succeeds("a", &version("app", "1.0.0"));
    assert_eq!(world.installed(), ["app 1.0.0*", "lib 1.0.0", "other 1.0.0*"]);
    world.succeeds("a", &json!({}));
    assert_eq!(world.fails("a", &version("app", "1.0.0")).0, UNMET);
}

#[test]
fn a_recipe_for_other_platforms_and_a_circle_fail() {
    let mut world = World::new(Switches::default());
    let mut windows = plain("win", "1.0.0", &[]);
    windows["Manifests"] = json!([{"Platform": {"os": "windows"}}]);
    world.publish(&[
        windows,
        plain("x", "1.0.0", &[("y", "1.0.0")]),
        plain("y", "1.0.0", &[("z", "1.0.0")]),
        plain("z", "1.0.0", &[("x", "1.0.0")]),
        plain("new", "1.0.0", &[("aws.greengrass.Nucleus", ">=3.0.0")]),
    ]);
    let (code, reason) = world.fails("a", &version("win", "1.0.0"));
    assert_eq!(code, UNMET);
    assert!(reason.contains("doesn't claim platform"), "{reason}");
    assert_eq!(world.fails("a", &version("x", "1.0.0")).0, "COMPONENT_CIRCULAR_DEPENDENCY_ERROR");
    let (code, reason) = world.fails("a", &version("new", "1.0.0"));
    assert_eq!(code, "UNAUTHORIZED_NUCLEUS_MINOR_VERSION_UPDATE");
    assert!(reason.contains("aws.greengrass.Nucleus-2.14.3 to aws.greengrass.Nucleus-3.0.0"), "{reason}");
    world.succeeds(
        "a",
        &json!({"new": {"componentVersion": "1.0.0"}, "aws.greengrass.Nucleus": {"componentVersion": "3.1.0"}}),
    );
    assert_eq!(world.installed(), ["aws.greengrass.Nucleus 3.1.0*", "new 1.0.0*"]);
    // It stays as long as something depends on it.
    world.succeeds("a", &version("new", "1.0.0"));
    assert_eq!(world.installed(), ["aws.greengrass.Nucleus 3.1.0", "new 1.0.0*"]);
    world.succeeds("a", &version("other", "1.0.0"));
    assert_eq!(world.installed(), ["other 1.0.0*"]);
}

#[test]
fn what_nobody_has_a_recipe_of_exists_unless_a_switch_says_otherwise() {
    let deployed = |unknown_components: UnknownComponents, components: Value| {
        let mut world = World::new(Switches { unknown_components, ..Switches::default() });
        world.publish(&[
            plain("app", "1.0.0", &[("stranger", ">=1.2.0 <2"), ("anything", "*")]),
            plain("known", "1.0.0", &[]),
        ]);
        let effective = world.deploy("a", &components);
        let succeeded = effective["coreDeviceExecutionStatus"] == "SUCCEEDED";
        (succeeded, world.installed())
    };
    let (accepted, missing) = (UnknownComponents::Accepted, UnknownComponents::Missing);
    let none = || Vec::<String>::new();
    let installed = ["anything 1.0.0", "app 1.0.0*", "stranger 1.2.0"].map(ToOwned::to_owned).to_vec();
    assert_eq!(deployed(accepted, version("app", "1.0.0")), (true, installed));
    assert_eq!(deployed(missing, version("app", "1.0.0")), (false, none()));
    assert_eq!(deployed(accepted, version("other", "7.0.0")), (true, vec!["other 7.0.0*".to_owned()]));
    assert_eq!(deployed(missing, version("other", "7.0.0")), (false, none()));
    assert_eq!(deployed(missing, version("known", "1.0.0")), (true, vec!["known 1.0.0*".to_owned()]));
    // A version of a component that is known exists only where it was created.
    assert_eq!(deployed(accepted, version("known", "1.0.1")), (false, none()));
    let nucleus = version("aws.greengrass.Nucleus", "2.15.0");
    assert_eq!(deployed(missing, nucleus), (true, vec!["aws.greengrass.Nucleus 2.15.0*".to_owned()]));
}

#[test]
fn a_dependency_stays_or_is_renewed_as_the_switch_says() {
    for (dependency_versions, expected) in
        [(DependencyVersions::Installed, "lib 1.0.0"), (DependencyVersions::Newest, "lib 1.1.0")]
    {
        let mut world = World::new(Switches { dependency_versions, ..Switches::default() });
        world.publish(&[plain("app", "1.0.0", &[("lib", "^1")]), plain("lib", "1.0.0", &[])]);
        world.succeeds("a", &version("app", "1.0.0"));
        world.publish(&[plain("lib", "1.1.0", &[])]);
        world.succeeds("a", &version("app", "1.0.0"));
        assert_eq!(world.installed(), ["app 1.0.0*", expected]);
    }
}
