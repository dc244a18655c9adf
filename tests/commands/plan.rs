//! `plan` says what happens when its manifests are applied: with nothing else than the manifests and AWS.

use greengrass_emulator::{FaultAction, FaultRule, Operation};
use serde_json::{Value, json};

use super::{Said, command, run, run_with, shell};
use crate::world::{ACCOUNT, Manifest, REGION, World};

fn plan(world: &World, manifests: &[Value]) -> Said {
    plan_with(world, manifests, &["--output", "json"])
}

fn plan_with(world: &World, manifests: &[Value], arguments: &[&str]) -> Said {
    let text = manifests.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n");
    let mut all = vec!["plan", "-f", "-", "--namespace", world.namespace.as_str()];
    all.extend(arguments);
    run_with(world, &all, &text)
}

/// What the plan says of the only resource.
fn only(said: &Said) -> Value {
    said.json()["resources"][0].clone()
}

#[test]
fn a_plan_is_what_happens() {
    let mut world = World::without_operator("plan");
    let group = world.group("Presses");
    let merge = |value: Value| json!({"com.example.HelloWorld": {"componentVersion": "1.0.0", "configurationUpdate": {"merge": value}}});
    let first = Manifest::new("presses", &group).with("components", merge(json!({"a": 1, "gone": "x"})));
    let planned = only(&plan(&world, &[first.to_json()]).expect(2));
    assert_eq!((&planned["action"], &planned["targetArn"]), (&json!("create"), &json!(group)));
    assert_eq!(planned["difference"]["components"]["com.example.HelloWorld"]["change"], "added");
    assert!(world.deployments().is_empty(), "a plan changes nothing");

    world.start_operator();
    world.apply(&first);
    world.wait_ready("presses");
    let unchanged = only(&plan(&world, &[first.to_json()]).expect(0));
    assert_eq!((&unchanged["action"], &unchanged["current"]["revisionId"]), (&json!("none"), &json!(1)));

    let second = first.with("components", merge(json!({"a": 2})));
    let changed = only(&plan(&world, &[second.to_json()]).expect(2));
    assert_eq!(changed["action"], "revise");
    assert_eq!(
        changed["difference"]["components"]["com.example.HelloWorld"]["keys"],
        json!([
            {"field": "configurationUpdate.merge", "pointer": "/a", "before": 1, "after": 2},
            {"field": "configurationUpdate.merge", "pointer": "/gone", "before": "x"},
        ])
    );
    assert_eq!(changed["resets"], json!({"com.example.HelloWorld": ["/gone"]}));
    world.apply(&second);
    world.wait_until("presses", "at revision 2", |object| object["status"]["revisionId"] == "2");
    let sent = &world.deployments()[1].components["com.example.HelloWorld"]["configurationUpdate"];
    assert_eq!(sent["reset"], json!(["/gone"]), "what was planned");
    plan(&world, &[second.to_json()]).expect(0);
}

#[test]
fn a_plan_for_people_names_what_changes_and_hides_values_where_it_is_told_to() {
    let mut world = World::without_operator("plan");
    let group = world.group("Presses");
    world.start_operator();
    let before = json!({"com.example.HelloWorld": {"componentVersion": "1.0.0", "configurationUpdate": {"merge": {"Message": "before"}}}});
    world.apply(&Manifest::new("presses", &group).with("components", before));
    world.wait_ready("presses");
    let after = json!({"com.example.HelloWorld": {"componentVersion": "1.1.0", "configurationUpdate": {"merge": {"Message": "after"}}}});
    let manifest = Manifest::new("presses", &group).with("components", after);
    let said = plan_with(&world, &[manifest.to_json()], &[]).expect(2);
    let expected = format!(
        "~ {}/presses: thing group Presses in {ACCOUNT} {REGION}
    a new revision is made above revision 1 (ACTIVE)
    ~ component com.example.HelloWorld
        ~ componentVersion: 1.0.0 → 1.1.0
        ~ merge /Message: before → after

Plan: 1 to revise, 0 unchanged.
",
        world.namespace
    );
    assert_eq!(said.out, expected);
    let hidden = plan_with(&world, &[manifest.to_json()], &["--hide-values"]).expect(2);
    assert!(hidden.out.contains("~ merge /Message: (hidden) → (hidden)"), "{}", hidden.out);
    assert!(!hidden.out.contains("after"), "{}", hidden.out);
}

#[test]
fn what_would_be_refused_fails_a_pipeline_with_the_operators_own_words() {
    let world = World::without_operator("plan");
    let group = world.group("Presses");
    let request = json!({"targetArn": group, "components": {"com.example.Other": {"componentVersion": "1.0.0"}}});
    world.emulator.create_deployment(ACCOUNT, REGION, &request).unwrap();
    let foreign = only(&plan(&world, &[Manifest::new("presses", &group).to_json()]).expect(1));
    assert_eq!((&foreign["action"], &foreign["reason"]), (&json!("blocked"), &json!("ForeignRevision")));
    assert_eq!(foreign["difference"]["components"]["com.example.Other"]["change"], "removed");

    let invalid = only(&plan(&world, &[Manifest::new("presses", &group).version("latest").to_json()]).expect(1));
    assert_eq!((&invalid["action"], &invalid["reason"]), (&json!("invalid"), &json!("InvalidSpec")));
    assert!(invalid["message"].as_str().unwrap().contains("componentVersion"), "{invalid}");

    let rivals = [Manifest::new("a", &world.group("Paint")), Manifest::new("b", &World::group_arn("Paint"))];
    let said = plan(&world, &[rivals[0].to_json(), rivals[1].to_json()]).expect(1);
    let reasons: Vec<Value> =
        said.json()["resources"].as_array().unwrap().iter().map(|planned| planned["reason"].clone()).collect();
    assert!(reasons.contains(&json!("TargetConflict")), "{reasons:?}");

    let elsewhere = Manifest::new("c", "arn:aws:iot:eu-central-1:999999999999:thinggroup/There");
    let unknown = only(&plan(&world, &[elsewhere.to_json()]).expect(1));
    assert_eq!(unknown["action"], "unknown");
    assert!(
        unknown["message"].as_str().unwrap().starts_with("your credentials are for account 123456789012"),
        "{unknown}"
    );
}

#[test]
fn subdeployments_are_planned_after_their_parent() {
    let mut world = World::without_operator("plan");
    let (all, canaries) = (world.group("All"), world.group("Canaries"));
    let parent = Manifest::new("all", &all);
    let sub = Manifest::new("canary", &canaries).with("parent", json!({"name": "all"}));
    let actions = |said: Said| -> Vec<Value> {
        said.json()["resources"].as_array().unwrap().iter().map(|planned| planned["action"].clone()).collect()
    };
    assert_eq!(actions(plan(&world, &[sub.to_json(), parent.to_json()]).expect(2)), ["wait", "create"]);
    world.start_operator();
    world.apply(&parent);
    world.apply(&sub);
    world.wait_ready("canary");
    let both = |parent: &Manifest, sub: &Manifest| plan(&world, &[sub.to_json(), parent.to_json()]);
    assert_eq!(actions(both(&parent, &sub).expect(0)), ["none", "none"]);
    assert_eq!(actions(both(&parent, &sub.clone().version("1.1.0")).expect(2)), ["revise", "none"]);
    let revised = both(&parent.clone().version("1.1.0"), &sub).expect(2);
    assert_eq!(revised.json()["resources"][0]["cause"], "parent");
    assert_eq!(actions(revised), ["wait", "revise"]);
    let yielding = sub.with("onParentRevision", json!("Yield"));
    assert_eq!(actions(both(&parent.version("1.1.0"), &yielding).expect(2)), ["none", "revise"]);
}

#[test]
fn what_is_deleted_while_it_is_read_and_aws_when_it_is_busy_are_no_trouble() {
    let world = World::without_operator("plan");
    let group = world.group("Presses");
    let request = json!({"targetArn": group, "components": {"com.example.Other": {"componentVersion": "1.0.0"}}});
    let id = world.emulator.create_deployment(ACCOUNT, REGION, &request).unwrap();
    // The list still shows what can't be read any more.
    let missing = FaultAction::Error { status: 404, code: "ResourceNotFoundException".into(), message: id };
    world.emulator.faults().add(FaultRule::on(Operation::GetDeployment, missing));
    let throttled = FaultAction::Throttle { retry_after_seconds: None };
    world.emulator.faults().add(FaultRule::on(Operation::ListDeployments, throttled).times(2));
    let planned = only(&plan(&world, &[Manifest::new("presses", &group).to_json()]).expect(2));
    assert_eq!(planned["action"], "create");
    let denied = FaultRule::on(Operation::ListDeployments, FaultAction::AccessDenied);
    world.emulator.faults().add(denied);
    let unknown = only(&plan(&world, &[Manifest::new("presses", &group).to_json()]).expect(1));
    assert_eq!(unknown["action"], "unknown");
    assert!(unknown["message"].as_str().unwrap().contains("AccessDeniedException"), "{unknown}");
}

#[test]
fn who_has_read_enough_and_an_aws_that_asks_to_wait_for_an_hour_end_it() {
    let world = World::without_operator("plan");
    let manifests: Vec<Value> = (0..200)
        .map(|at| Manifest::new(&format!("presses-{at}"), &World::group_arn(&format!("G{at}"))).to_json())
        .collect();
    let text = manifests.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n");
    std::fs::write(world.folder().join("many.yaml"), text).unwrap();
    let line =
        format!("{} plan -f many.yaml | head -1; echo ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_greengrass-operator"));
    let output = shell(&world, &line).output().unwrap();
    assert_eq!((String::from_utf8_lossy(&output.stdout).lines().last(), output.stderr.len()), (Some("0"), 0));
    let later = FaultRule::on(Operation::ListDeployments, FaultAction::Throttle { retry_after_seconds: Some(3_600) });
    world.emulator.faults().add(later);
    let unknown = only(&plan(&world, &manifests[..1]).expect(1));
    assert!(unknown["message"].as_str().unwrap().contains("ThrottlingException"), "{unknown}");
}

#[test]
fn a_mistyped_flag_is_not_taken_for_a_change() {
    let world = World::without_operator("plan");
    let said = run(&world, &["plan", "--filenames", "x"]).expect(1);
    assert!(said.err.contains("a similar argument exists: '--filename'"), "{}", said.err);
    run(&world, &["plan", "--help"]).expect(0);
}

#[test]
fn kustomize_and_folders_are_read() {
    let world = World::without_operator("plan");
    let group = world.group("Presses");
    let base = world.folder().join("base");
    std::fs::create_dir(&base).unwrap();
    std::fs::write(base.join("presses.json"), Manifest::new("presses", &group).to_json().to_string()).unwrap();
    std::fs::write(base.join("kustomization.yaml"), "namespace: plant\nresources: [presses.json]\n").unwrap();
    let built = run(&world, &["plan", "-k", "base", "-o", "json"]).expect(2);
    assert_eq!(built.json()["resources"][0]["namespace"], "plant");
    std::fs::remove_file(base.join("kustomization.yaml")).unwrap();
    let read = run(&world, &["plan", "-f", "base", "-o", "yaml"]).expect(2);
    assert!(read.out.contains("action: create"), "{}", read.out);
    let empty = run(&world, &["plan", "-f", "."]).expect(1);
    assert_eq!(
        empty.err,
        "greengrass-operator: . holds no .yaml, .yml or .json file: name another folder, or add --recursive\n"
    );
    run(&world, &["plan", "-R", "-f", "."]).expect(2);

    // Where kubectl would apply them.
    let context = "current-context: c\ncontexts: [{name: c, context: {cluster: c, user: u, namespace: mill}}]\n";
    let kubeconfig = world.folder().join("kubeconfig");
    std::fs::write(&kubeconfig, context).unwrap();
    let output = command(&world, &["plan", "-f", "base", "-o", "json"]).env("KUBECONFIG", kubeconfig).output().unwrap();
    let planned: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(planned["resources"][0]["namespace"], "mill");
}
