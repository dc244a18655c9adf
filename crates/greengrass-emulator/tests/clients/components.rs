//! Components as the AWS CLI sees them, and as a test in one process makes and reads them.

use aws_sdk_greengrassv2::{
    primitives::Blob,
    types::{CloudComponentState, RecipeOutputFormat},
};
use greengrass_emulator::{
    ComponentState, DelayAt, DependencyVersions, Emulator, FaultAction, FaultRule, Fleet, ManualClock, Operation,
    Switches, UnknownComponents,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    admin::admin,
    cli::Cli,
    support::{ACCOUNT, REGION, World},
};

const RECIPE: &str = "
RecipeFormatVersion: '2020-01-25'
ComponentName: com.example.HelloWorld
ComponentVersion: '1.0.0'
ComponentDescription: My first AWS IoT Greengrass component.
ComponentConfiguration: {DefaultConfiguration: {Message: world}}
Manifests: [{Platform: {os: linux}, Lifecycle: {Run: \"echo 'Hello {configuration:/Message}'\"}}]
";

const HELLO: &str = "arn:aws:greengrass:eu-west-1:123456789012:components:com.example.HelloWorld";

fn emulator() -> Emulator {
    let clock = ManualClock::starting_at(Timestamp::from_second(1_600_000_000).unwrap());
    Emulator::builder().clock(clock).build()
}

#[test]
fn the_aws_cli_creates_a_component_from_a_file_and_deletes_it() {
    let cli = Cli::start(&["--seed", "1", "--manual-clock", "2026-01-01T00:00:00Z"]);
    let folder = std::env::temp_dir().join(format!("greengrass-emulator-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("recipe.yaml");
    std::fs::write(&file, RECIPE).unwrap();
    let created = cli.aws(&format!("greengrassv2 create-component-version --inline-recipe fileb://{}", file.display()));
    std::fs::remove_dir_all(&folder).unwrap();
    let arn = format!("{HELLO}:versions:1.0.0");
    assert_eq!((&created["arn"], &created["status"]["componentState"]), (&json!(arn), &json!("REQUESTED")));
    cli.pass(2);
    let one = |operation: &str| cli.aws(&format!("greengrassv2 {operation} --arn {arn}"));
    assert_eq!(one("describe-component")["status"]["componentState"], "DEPLOYABLE");
    let recipe = data_encoding::BASE64.decode(one("get-component")["recipe"].as_str().unwrap().as_bytes()).unwrap();
    assert_eq!(String::from_utf8(recipe).unwrap(), RECIPE);
    let listed = cli.aws("greengrassv2 list-components --scope PRIVATE");
    assert_eq!(listed["components"][0]["latestVersion"]["arn"], arn);
    let versions = cli.aws(&format!("greengrassv2 list-component-versions --arn {HELLO}"));
    assert_eq!(versions["componentVersions"].as_array().unwrap().len(), 1);
    let candidates =
        json!([{"componentName": "com.example.HelloWorld", "versionRequirements": {"thinggroup/a": "^1.0.0"}}]);
    let resolved = cli.ok(&[
        "greengrassv2",
        "resolve-component-candidates",
        "--platform",
        r#"{"attributes": {"os": "linux"}}"#,
        "--component-candidates",
        &candidates.to_string(),
    ]);
    assert_eq!(resolved["resolvedComponentVersions"][0]["componentVersion"], "1.0.0");
    assert_eq!(one("delete-component"), Value::Null);
    let gone = cli.refused(&format!("greengrassv2 describe-component --arn {arn}"));
    assert!(gone.contains("(ResourceNotFoundException)"), "{gone}");
}

#[tokio::test(start_paused = true)]
async fn the_rust_sdk_creates_components_and_reads_them() {
    let world = World::new();
    let client = &world.client;
    let created = client.create_component_version().inline_recipe(Blob::new(RECIPE)).send().await.unwrap();
    let arn = created.arn().unwrap();
    assert_eq!(created.status().unwrap().component_state(), Some(&CloudComponentState::Requested));
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let described = client.describe_component().arn(arn).send().await.unwrap();
    assert_eq!(described.status().unwrap().component_state(), Some(&CloudComponentState::Deployable));
    let got = client.get_component().arn(arn).send().await.unwrap();
    assert_eq!((got.recipe_output_format(), got.recipe().as_ref()), (&RecipeOutputFormat::Yaml, RECIPE.as_bytes()));
    let listed = client.list_components().send().await.unwrap();
    assert_eq!(listed.components()[0].latest_version().unwrap().arn(), Some(arn));
    let versions = client.list_component_versions().arn(HELLO).send().await.unwrap();
    assert_eq!(versions.component_versions()[0].arn(), Some(arn));
    client.delete_component().arn(arn).send().await.unwrap();
    let gone = client.describe_component().arn(arn).send().await.unwrap_err().into_service_error();
    assert!(gone.is_resource_not_found_exception(), "{gone:?}");
}

#[tokio::test(start_paused = true)]
async fn a_token_whose_component_is_being_created_is_refused_and_one_of_a_deployment_is_not() {
    let world = World::new();
    let delay = FaultAction::Delay { milliseconds: 5000, at: DelayAt::Processing };
    world.emulator.faults().add(FaultRule::on(Operation::CreateComponentVersion, delay));
    let create = || world.client.create_component_version().inline_recipe(Blob::new(RECIPE)).client_token("t").send();
    let meanwhile = async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let deployment = world.client.create_deployment().target_arn(&world.group).client_token("t").send().await;
        (create().await, deployment)
    };
    let (first, (second, deployment)) = tokio::join!(create(), meanwhile);
    assert!(second.unwrap_err().into_service_error().is_request_already_in_progress_exception());
    assert!(deployment.is_ok());
    // One a second.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(create().await.unwrap().arn(), first.unwrap().arn());
}

#[test]
fn a_test_makes_components_and_reads_them() {
    let emulator = emulator();
    let arn = emulator.create_component(ACCOUNT, REGION, RECIPE).unwrap();
    let states = || -> Vec<ComponentState> {
        emulator.components(ACCOUNT, REGION).into_iter().map(|record| record.state).collect()
    };
    assert_eq!(states(), [ComponentState::Requested]);
    emulator.advance(std::time::Duration::from_secs(2)).unwrap();
    assert_eq!(states(), [ComponentState::Deployable]);
    let record = emulator.components(ACCOUNT, REGION).remove(0);
    assert_eq!((record.arn.as_str(), record.recipe.as_str()), (arn.as_str(), RECIPE));
    assert!(emulator.set_component_state(&arn, ComponentState::Deprecated, &[].into()));
    assert_eq!(states(), [ComponentState::Deprecated]);
    assert!(!emulator.set_component_state(&format!("{arn}-1"), ComponentState::Failed, &[].into()));
    let error = emulator.create_component(ACCOUNT, REGION, "nonsense").unwrap_err();
    assert!(error.to_string().contains("inlineRecipe"), "{error}");
    assert!(emulator.components(ACCOUNT, "us-east-1").is_empty() && emulator.calls().is_empty());
    emulator.reset();
    assert!(states().is_empty());
}

#[test]
fn every_switch_of_components_makes_the_difference_that_it_is_for() {
    let fleet = json!({"accounts": [{"account": ACCOUNT, "region": REGION, "devices": [{"name": "core"}]}]});
    // The versions that a device has of `lib` and of `stranger` after three deployments; and the state of a new component version.
    let told = |switches: Switches| {
        let emulator = emulator();
        emulator.set_switches(switches);
        emulator.add_fleet(&Fleet::from_yaml(&fleet.to_string()).unwrap()).unwrap();
        let publish = |name: &str, version: &str, dependencies: Value| {
            let recipe = json!({
                "RecipeFormatVersion": "2020-01-25", "ComponentName": name, "ComponentVersion": version,
                "ComponentDependencies": dependencies, "Manifests": [{}],
            });
            emulator.create_component(ACCOUNT, REGION, &recipe.to_string()).unwrap();
            emulator.advance(std::time::Duration::from_secs(2)).unwrap();
        };
        let deploy = |components: Value| {
            let target = format!("arn:aws:iot:{REGION}:{ACCOUNT}:thing/core");
            let request = json!({"targetArn": target, "components": components});
            emulator.create_deployment(ACCOUNT, REGION, &request).unwrap();
            emulator.advance(std::time::Duration::from_mins(1)).unwrap();
        };
        let app = json!({"app": {"componentVersion": "1.0.0"}});
        publish("app", "1.0.0", json!({"lib": {"VersionRequirement": "^1.0.0"}}));
        publish("lib", "1.0.0", json!({}));
        deploy(app.clone());
        publish("lib", "1.1.0", json!({}));
        let state = json!(emulator.components(ACCOUNT, REGION).last().unwrap().state);
        deploy(app.clone());
        deploy(json!({"app": {"componentVersion": "1.0.0"}, "stranger": {"componentVersion": "3.0.0"}}));
        let device = emulator.device(ACCOUNT, REGION, "core").unwrap();
        let version = |name: &str| device.pointer(&format!("/components/{name}/version")).cloned();
        [version("lib"), version("stranger"), Some(state)]
            .map(|found| found.map(|found| found.as_str().unwrap().to_owned()))
    };
    let text = |text: &str| Some(text.to_owned());
    let plain = Switches::default();
    assert_eq!(told(plain.clone()), [text("1.0.0"), text("3.0.0"), text("DEPLOYABLE")]);
    let missing = Switches { unknown_components: UnknownComponents::Missing, ..plain.clone() };
    assert_eq!(told(missing), [text("1.0.0"), None, text("DEPLOYABLE")]);
    let newest = Switches { dependency_versions: DependencyVersions::Newest, ..plain.clone() };
    assert_eq!(told(newest), [text("1.1.0"), text("3.0.0"), text("DEPLOYABLE")]);
    let slow = Switches { component_creation_ms: 10_000, ..plain };
    assert_eq!(told(slow), [text("1.0.0"), text("3.0.0"), text("REQUESTED")]);
}

#[tokio::test]
async fn the_admin_interface_shows_components_and_changes_their_state() {
    let emulator = emulator();
    let arn = emulator.create_component(ACCOUNT, REGION, RECIPE).unwrap();
    let (status, all) = admin(&emulator, "GET", "/_emulator/components", &Value::Null).await;
    assert_eq!((status, &all), (200, &json!(emulator.components(ACCOUNT, REGION))));
    let elsewhere = admin(&emulator, "GET", "/_emulator/components?region=us-east-1", &Value::Null).await;
    assert_eq!(elsewhere, (200, json!([])));
    let change = |arn: &str, body: Value| {
        let (path, emulator) = (format!("/_emulator/components?arn={arn}"), &emulator);
        async move { admin(emulator, "POST", &path, &body).await }
    };
    let (status, changed) = change(&arn, json!({"state": "FAILED", "errors": {"s3://a": "b"}})).await;
    assert_eq!((status, &changed["state"], &changed["errors"]), (200, &json!("FAILED"), &json!({"s3://a": "b"})));
    for (arn, body, expected) in [
        (HELLO, json!({"state": "FAILED"}), 404),
        (arn.as_str(), json!({"state": "GONE"}), 400),
        (&arn, json!({"errors": {}}), 400),
        (&arn, json!({"state": "FAILED", "errors": {"": "b"}}), 400),
        (&arn, json!({"state": "FAILED", "nonsense": 1}), 400),
    ] {
        assert_eq!(change(arn, body.clone()).await.0, expected, "{arn} {body}");
    }
    assert_eq!(admin(&emulator, "POST", "/_emulator/components", &json!({"state": "FAILED"})).await.0, 400);
    assert_eq!(admin(&emulator, "DELETE", "/_emulator/components", &Value::Null).await.0, 404);
}
