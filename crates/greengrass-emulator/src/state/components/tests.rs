//! Component versions from their creation to their deletion, and what calls show of them. Pure.

mod devices;

use data_encoding::BASE64;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::{Call, Input, ReadAt, State};
use crate::{fleet::Fleet, operation::Operation, principal::Principal, scope::Scope, switches::Switches};

const FLEET: &str = "
accounts:
- account: '123456789012'
  region: eu-west-1
  groups: [{name: a}, {name: b}]
  devices: [{name: core, groups: [a, b], behaviour: {takes: {seconds: 1}}}]
";

/// An account with a device in two groups.
pub(super) struct World {
    pub(super) state: State,
    pub(super) now: Timestamp,
    read_at: ReadAt,
}

/// The answer, or the error's code.
pub(super) type Answered = Result<Value, String>;

fn scope() -> Scope {
    Scope::new("123456789012", "eu-west-1")
}

pub(super) fn arn(name: &str, version: &str) -> String {
    scope().component_version_arn(name, version)
}

/// A recipe with dependencies and a default configuration.
pub(super) fn recipe(name: &str, version: &str, dependencies: &[(&str, &str)], defaults: &Value) -> Value {
    let dependencies: serde_json::Map<String, Value> = dependencies
        .iter()
        .map(|(name, requirement)| ((*name).to_owned(), json!({"VersionRequirement": requirement})))
        .collect();
    json!({
        "RecipeFormatVersion": "2020-01-25",
        "ComponentName": name,
        "ComponentVersion": version,
        "ComponentDependencies": dependencies,
        "ComponentConfiguration": {"DefaultConfiguration": defaults},
        "Manifests": [{"Platform": {"os": "linux"}}],
    })
}

impl World {
    pub(super) fn new(switches: Switches) -> Self {
        let mut world =
            Self { state: State::new(1, switches), now: Timestamp::from_second(1000).unwrap(), read_at: ReadAt::Now };
        world.state.add_fleet(&Fleet::from_yaml(FLEET).unwrap(), 1, world.now).unwrap();
        world
    }

    pub(super) fn call(&mut self, operation: Operation, request: &Value) -> Answered {
        let refused = |error: crate::ServiceError| error.code().to_owned();
        let Value::Object(input) = operation.input().read(request).map_err(refused)? else {
            panic!("no object");
        };
        let call = Call { scope: scope(), principal: Principal::User, operation, input: Input(input) };
        let answer = self.state.execute(&call, self.now, self.read_at);
        answer.map(|answer| answer.body.into_value()).map_err(refused)
    }

    pub(super) fn pass(&mut self, milliseconds: i64) {
        self.now += SignedDuration::from_millis(milliseconds);
    }

    pub(super) fn create(&mut self, recipe: &Value) -> Answered {
        let recipe = BASE64.encode(recipe.to_string().as_bytes());
        self.call(Operation::CreateComponentVersion, &json!({"inlineRecipe": recipe}))
    }

    /// Versions that devices can get.
    pub(super) fn publish(&mut self, recipes: &[Value]) {
        for recipe in recipes {
            self.create(recipe).unwrap();
        }
        self.pass(2000);
    }

    fn about(&mut self, operation: Operation, name: &str, version: &str) -> Answered {
        self.call(operation, &json!({"arn": arn(name, version)}))
    }

    fn component_state(&mut self, name: &str, version: &str) -> String {
        match self.about(Operation::DescribeComponent, name, version) {
            Ok(answer) => answer["status"]["componentState"].as_str().unwrap().to_owned(),
            Err(code) => code,
        }
    }

    fn listed(&mut self) -> Vec<String> {
        let answer = self.call(Operation::ListComponents, &json!({})).unwrap();
        let shown = |component: &Value| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            format!("{} {}", text(&component["componentName"]), text(&component["latestVersion"]["componentVersion"]))
        };
        answer["components"].as_array().unwrap().iter().map(shown).collect()
    }
}

#[test]
fn a_version_is_requested_then_deployable_and_gone_after_its_deletion() {
    let mut world = World::new(Switches::default());
    let recipe = recipe("com.example.Press", "1.0.0", &[], &json!({}));
    let created = world.create(&recipe).unwrap();
    let expected = json!({
        "arn": "arn:aws:greengrass:eu-west-1:123456789012:components:com.example.Press:versions:1.0.0",
        "componentName": "com.example.Press", "componentVersion": "1.0.0", "creationTimestamp": 1000.0,
        "status": {"componentState": "REQUESTED", "message": "NONE", "errors": {}},
    });
    assert_eq!(created, expected);
    world.pass(1999);
    assert_eq!(world.component_state("com.example.Press", "1.0.0"), "REQUESTED");
    world.pass(1);
    let described = world.about(Operation::DescribeComponent, "com.example.Press", "1.0.0").unwrap();
    assert_eq!(
        described["status"],
        json!({"componentState": "DEPLOYABLE", "message": "NONE", "errors": {}, "vendorGuidance": "ACTIVE"})
    );
    assert_eq!(described["platforms"], json!([{"attributes": {"os": "linux"}}]));
    assert_eq!((&described["tags"], &described["publisher"]), (&Value::Null, &Value::Null));

    assert_eq!(world.create(&recipe), Err("ConflictException".to_owned()));
    assert_eq!(world.about(Operation::DeleteComponent, "com.example.Press", "1.0.0"), Ok(Value::Null));
    for operation in [Operation::DescribeComponent, Operation::GetComponent, Operation::DeleteComponent] {
        let answer = world.about(operation, "com.example.Press", "1.0.0");
        assert_eq!(answer, Err("ResourceNotFoundException".to_owned()), "{operation:?}");
    }
    assert_eq!(world.listed(), Vec::<String>::new());
    world.create(&recipe).unwrap();
    assert_eq!(world.component_state("com.example.Press", "1.0.0"), "REQUESTED");
}

#[test]
fn a_state_that_somebody_has_set_stays() {
    let mut world = World::new(Switches::default());
    world.create(&recipe("x", "1.0.0", &[], &json!({}))).unwrap();
    let errors = [("s3://bucket/x".to_owned(), "Specified artifact resource cannot be accessed".to_owned())].into();
    let now = world.now;
    let mut tell = |name| world.state.tell_component(&arn(name, "1.0.0"), crate::ComponentState::Failed, &errors, now);
    assert!(tell("x") && !tell("y"));
    world.pass(1_000_000);
    let status = world.about(Operation::DescribeComponent, "x", "1.0.0").unwrap()["status"].clone();
    assert_eq!((&status["componentState"], &status["vendorGuidance"]), (&json!("FAILED"), &Value::Null));
    assert_eq!(status["errors"], json!({"s3://bucket/x": "Specified artifact resource cannot be accessed"}));
}

#[test]
fn lists_have_the_newest_version_of_each_component_and_greater_versions_first() {
    let mut world = World::new(Switches::default());
    for (name, version) in [("b", "1.9.0"), ("a", "2.0.0-rc.1"), ("b", "1.10.0"), ("b", "1.2.0")] {
        world.create(&recipe(name, version, &[], &json!({}))).unwrap();
    }
    assert_eq!(world.listed(), ["a 2.0.0-rc.1", "b 1.10.0"]);
    let public = world.call(Operation::ListComponents, &json!({"scope": "PUBLIC"})).unwrap();
    assert_eq!(public["components"], json!([]));
    let mut versions = |name: &str, token: Value| {
        let request = json!({"arn": scope().component_arn(name), "maxResults": 2, "nextToken": token});
        let answer = world.call(Operation::ListComponentVersions, &request)?;
        let versions: Vec<_> = answer["componentVersions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["componentVersion"].clone())
            .collect();
        Ok::<_, String>((json!(versions), answer["nextToken"].clone()))
    };
    let (first, token) = versions("b", Value::Null).unwrap();
    assert_eq!(first, json!(["1.10.0", "1.9.0"]));
    assert_eq!(versions("b", token).unwrap(), (json!(["1.2.0"]), Value::Null));
    assert_eq!(versions("c", Value::Null), Err("ResourceNotFoundException".to_owned()));
    assert_eq!(versions("b", json!("nonsense")), Err("ValidationException".to_owned()));
}

#[test]
fn a_stale_read_shows_what_was() {
    let mut world = World::new(Switches::default());
    world.publish(&[recipe("x", "1.0.0", &[], &json!({})), recipe("x", "2.0.0", &[], &json!({}))]);
    world.about(Operation::DeleteComponent, "x", "1.0.0").unwrap();
    for (read_at, state, listed) in [
        (ReadAt::Now, "ResourceNotFoundException", vec!["x 2.0.0"]),
        (ReadAt::WritesAgo(1), "DEPLOYABLE", vec!["x 2.0.0"]),
        (ReadAt::WritesAgo(2), "DEPLOYABLE", vec!["x 1.0.0"]),
        (ReadAt::WritesAgo(3), "ResourceNotFoundException", vec![]),
        (ReadAt::Time(world.now - SignedDuration::from_millis(1)), "DEPLOYABLE", vec!["x 2.0.0"]),
    ] {
        world.read_at = read_at;
        assert_eq!(world.component_state("x", "1.0.0"), state, "{read_at:?}");
        assert_eq!(world.listed(), listed, "{read_at:?}");
    }
}

#[test]
fn the_same_token_gives_the_same_answer_and_is_none_of_deployments() {
    let mut world = World::new(Switches::default());
    let recipe = BASE64.encode(recipe("x", "1.0.0", &[], &json!({})).to_string().as_bytes());
    let request = json!({"inlineRecipe": recipe, "clientToken": "t"});
    let first = world.call(Operation::CreateComponentVersion, &request).unwrap();
    world.pass(10_000);
    assert_eq!(world.call(Operation::CreateComponentVersion, &request).unwrap(), first);
    let deployment = json!({"targetArn": scope().thing_group_arn("a"), "clientToken": "t"});
    assert!(world.call(Operation::CreateDeployment, &deployment).unwrap()["deploymentId"].is_string());
    let other = json!({"inlineRecipe": recipe, "clientToken": "u"});
    assert_eq!(world.call(Operation::CreateComponentVersion, &other), Err("ConflictException".to_owned()));
}

#[test]
fn what_is_wrong_with_a_request_is_named() {
    let mut world = World::new(Switches::default());
    let recipe = BASE64.encode(recipe("x", "1.0.0", &[], &json!({})).to_string().as_bytes());
    let function = json!({"lambdaArn": "arn:aws:lambda:eu-west-1:123456789012:function:f:1"});
    for request in [
        json!({}),
        json!({"lambdaFunction": function}),
        json!({"inlineRecipe": recipe, "lambdaFunction": function}),
        json!({"inlineRecipe": ""}),
        json!({"inlineRecipe": recipe, "tags": {"aws:a": "b"}}),
    ] {
        let answer = world.call(Operation::CreateComponentVersion, &request);
        assert_eq!(answer, Err("ValidationException".to_owned()), "{request}");
    }
    assert_eq!(world.listed(), Vec::<String>::new());
}

#[test]
fn component_versions_have_tags() {
    let mut world = World::new(Switches::default());
    let recipe = BASE64.encode(recipe("x", "1.0.0", &[], &json!({})).to_string().as_bytes());
    let request = json!({"inlineRecipe": recipe, "tags": {"team": "edge"}});
    world.call(Operation::CreateComponentVersion, &request).unwrap();
    let arn = arn("x", "1.0.0");
    world.call(Operation::TagResource, &json!({"resourceArn": arn, "tags": {"site": "1"}})).unwrap();
    let tags = |world: &mut World| world.call(Operation::ListTagsForResource, &json!({"resourceArn": arn})).unwrap();
    assert_eq!(tags(&mut world), json!({"tags": {"site": "1", "team": "edge"}}));
    world.call(Operation::UntagResource, &json!({"resourceArn": arn, "tagKeys": ["team"]})).unwrap();
    assert_eq!(world.about(Operation::GetComponent, "x", "1.0.0").unwrap()["tags"], json!({"site": "1"}));
    world.read_at = ReadAt::WritesAgo(1);
    assert_eq!(tags(&mut world), json!({"tags": {"site": "1", "team": "edge"}}));
    world.read_at = ReadAt::Now;
    let other = json!({"resourceArn": arn.replace("1.0.0", "2.0.0")});
    assert_eq!(world.call(Operation::ListTagsForResource, &other), Err("ResourceNotFoundException".to_owned()));
}

#[test]
fn candidates_are_resolved_each_for_itself() {
    let mut world = World::new(Switches::default());
    world.publish(&["1.0.0", "1.1.0", "2.0.0"].map(|version| recipe("x", version, &[], &json!({}))));
    let mut resolved = |candidate: Value, os: Value| {
        let request = json!({"platform": {"attributes": os}, "componentCandidates": [candidate]});
        let answer = world.call(Operation::ResolveComponentCandidates, &request)?;
        Ok::<_, String>(answer["resolvedComponentVersions"][0]["componentVersion"].as_str().unwrap().to_owned())
    };
    let linux = json!({"os": "linux"});
    let candidate = |local: Value, requirements: Value| json!({"componentName": "x", "componentVersion": local, "versionRequirements": requirements});
    let (not_found, invalid) = (Err("ResourceNotFoundException".to_owned()), Err("ValidationException".to_owned()));
    for (candidate, platform, expected) in [
        (candidate(Value::Null, json!({"a": "^1.0.0"})), &linux, Ok("1.1.0".to_owned())),
        (candidate(json!("1.0.0"), json!({"a": "^1.0.0"})), &linux, Ok("1.0.0".to_owned())),
        (candidate(json!("1.0.0"), json!({"a": ">=1.0.0", "b": ">1.0.0"})), &linux, Ok("2.0.0".to_owned())),
        (candidate(Value::Null, json!({"a": "<2.0.0", "b": ">=2.0.0"})), &linux, not_found.clone()),
        (candidate(Value::Null, json!({"a": "*"})), &json!({"os": "windows"}), not_found.clone()),
        (candidate(Value::Null, json!({})), &Value::Null, Ok("2.0.0".to_owned())),
        (json!({"componentName": "y"}), &linux, not_found.clone()),
        (candidate(Value::Null, json!({"a": "latest"})), &linux, invalid.clone()),
        (candidate(json!("1"), json!({})), &linux, invalid),
        (json!({}), &linux, not_found),
    ] {
        assert_eq!(resolved(candidate.clone(), platform.clone()), expected, "{candidate}");
    }
}
