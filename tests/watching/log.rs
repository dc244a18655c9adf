//! JSON logs of a running operator, as a log collector reads them.

use std::collections::BTreeMap;
use std::fs;

use greengrass_emulator::{AccessKey, FaultAction, FaultRule, Operation};
use serde_json::Value;

use crate::world::{ACCOUNT, Manifest, REGION, World};

const SECRET: &str = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "FwoGZXIvYXdzEXAMPLETOKEN";

/// A field of a line: its own, or that of the innermost span that has it.
fn field<'a>(line: &'a Value, name: &str) -> &'a Value {
    let spans = line["spans"].as_array().into_iter().flatten().rev();
    std::iter::once(line).chain(spans).map(|place| &place[name]).find(|value| !value.is_null()).unwrap_or(&Value::Null)
}

fn is_in(line: &Value, span: &str) -> bool {
    line["spans"].as_array().into_iter().flatten().any(|one| one["name"] == span)
}

fn of_object<'a>(lines: &'a [Value], object: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| field(line, "object") == object).collect()
}

fn one<'a>(lines: &[&'a Value], message: &str, holds: impl Fn(&Value) -> bool) -> &'a Value {
    let mut found =
        lines.iter().filter(|line| line["message"].as_str().unwrap_or_default().contains(message) && holds(line));
    found.next().unwrap_or_else(|| panic!("no line says {message}: {lines:#?}"))
}

#[test]
fn every_line_is_one_object_with_the_ids_to_follow_a_change_by_and_no_secret() {
    let mut world = World::without_operator("log");
    let key = AccessKey::new("AKIDEXAMPLE", SECRET, ACCOUNT).unwrap().with_session_token(TOKEN);
    world.emulator.add_access_key(key);
    world.start_operator_with(&[
        ("GREENGRASS_OPERATOR_LOG_FORMAT", "json"),
        // All that there is: what libraries say of requests, too.
        ("RUST_LOG", "trace"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_SESSION_TOKEN", TOKEN),
    ]);
    let (presses, lathes) = (world.group("Presses"), world.group("Lathes"));
    let denied = FaultRule::on(Operation::CreateDeployment, FaultAction::AccessDenied).target(&lathes).always();
    world.emulator.faults().add(denied);
    world.apply(&Manifest::new("presses", &presses));
    world.apply(&Manifest::new("lathes", &lathes));
    let ready = world.wait_ready("presses");
    world.wait_for("lathes", "False", "ProgressingWithRetry");
    world.stop_operator();

    let text = fs::read_to_string(world.folder().join("operator.log")).unwrap();
    let bearer = fs::read_to_string(world.kubeconfig()).unwrap();
    let bearer =
        bearer.split("token").nth(1).unwrap().split(['"', '\'', ':', ' ', '\n']).find(|word| word.len() > 40).unwrap();
    for secret in [SECRET, TOKEN, bearer] {
        assert_eq!(text.lines().find(|line| line.contains(secret)), None, "a secret in the log");
    }
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    for line in &lines {
        let common = ["timestamp", "level", "target"];
        assert!(line.is_object() && common.iter().all(|name| line[name].is_string()), "{line}");
    }

    // The SDK's own trace of signatures has the header's name, and in place of its value that it is redacted.
    let above_trace = lines.iter().filter(|line| line["level"] != "TRACE").map(Value::to_string);
    let named = above_trace.map(|line| line.to_lowercase()).find(|line| line.contains("x-amz-security-token"));
    assert_eq!(named, None, "what carries a secret in the log");

    let name = |object: &str| format!("{}/{object}", world.namespace);
    let ours = |line: &&Value| line["target"].as_str().unwrap().starts_with("greengrass_operator");
    // An identity of the whole cluster may be another test's.
    let of_deployment = |line: &&Value| field(line, "kind") == "GreengrassDeployment";
    let turns: Vec<&Value> =
        lines.iter().filter(ours).filter(|line| is_in(line, "turn")).filter(of_deployment).collect();
    assert!(turns.len() > 20, "{turns:#?}");
    for line in turns.iter().filter(|line| line["message"] != "turn begins") {
        assert!(
            [name("presses"), name("lathes")].contains(&field(line, "object").as_str().unwrap().to_owned()),
            "{line}"
        );
        assert_eq!(field(line, "generation"), 1, "{line}");
        assert_eq!((field(line, "account"), field(line, "region")), (&ACCOUNT.into(), &REGION.into()), "{line}");
    }

    let requests: BTreeMap<String, String> =
        world.emulator.calls().into_iter().map(|call| (call.request_id, call.operation)).collect();
    let ended = |line: &&Value| is_in(line, "aws") && line["target"] == "greengrass_operator::aws::calls";
    let calls: Vec<&Value> = lines.iter().filter(ended).collect();
    assert_eq!(calls.len(), requests.len(), "each call has one line: {calls:#?}");
    for line in calls {
        let id = field(line, "request_id").as_str().unwrap_or_default();
        assert_eq!(requests.get(id).map(String::as_str), field(line, "operation").as_str(), "{line}");
        if of_deployment(&line) {
            assert_eq!((field(line, "account"), field(line, "region")), (&ACCOUNT.into(), &REGION.into()), "{line}");
        }
    }

    let made = of_object(&lines, &name("presses"));
    let recorded = one(&made, "status recorded", |line| line["why"] == "Intent");
    assert_eq!(field(recorded, "intent"), 1);
    let sent = one(&made, "AWS answered", |line| field(line, "operation") == "CreateDeployment");
    assert_eq!(field(sent, "intent"), 1);
    let deployment = &ready["status"]["deploymentId"];
    let created = one(&made, "deployment created", |_| true);
    assert_eq!((field(created, "intent"), field(created, "deployment_id")), (&1.into(), deployment));
    let last = made.iter().rev().find(|line| line["message"] == "decided").unwrap();
    assert_eq!(field(last, "deployment_id"), deployment, "{last}");

    let refused = of_object(&lines, &name("lathes"));
    let denied = one(&refused, "AccessDeniedException", |line| line["outcome"] == "AccessDenied" && is_in(line, "aws"));
    assert_eq!((field(denied, "operation"), field(denied, "intent")), (&"CreateDeployment".into(), &1.into()));
    assert_eq!(field(denied, "level"), "INFO");
    let warned = one(&refused, "AWS call failed", |line| line["level"] == "WARN");
    assert!(requests.contains_key(field(warned, "request_id").as_str().unwrap()), "{warned}");
}
