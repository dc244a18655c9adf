//! The emulator beside the operator, as values make it (does I/O: starts helm). No test cluster runs pods, so that what is rendered is judged,
//! and the program itself in `tests/image`.

use serde_json::{Value, json};

use super::{complaint, rendered, success, template, template_with};

const ON: &str = "emulator.enabled=true";
const NAME: &str = "operator-greengrass-operator-emulator";
const URL: &str = "http://operator-greengrass-operator-emulator.somewhere.svc:4566";

fn objects(text: &str) -> Vec<Value> {
    text.split("\n---\n").map(|object| serde_saphyr::from_str(object.trim_start_matches("---\n")).unwrap()).collect()
}

fn all_with(values: &[&str]) -> Vec<Value> {
    let values: Vec<&str> = [ON, "crds.enabled=false"].iter().chain(values).copied().collect();
    objects(&rendered(&values))
}

fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found = objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {kind} {name}"))
}

fn pod(objects: &[Value], name: &str) -> Value {
    object(objects, "Deployment", name)["spec"]["template"].clone()
}

#[test]
fn nothing_of_it_is_there_unless_it_is_asked_for() {
    let plain = rendered(&["crds.enabled=false", "networkPolicy.enabled=true"]);
    assert!(!plain.contains("emulator") && !plain.contains("AWS_"), "{plain}");
}

#[test]
fn the_operator_calls_it_with_credentials_that_only_it_takes() {
    let objects = all_with(&[]);
    let operator = pod(&objects, "operator-greengrass-operator");
    let env = json!([
        {"name": "AWS_ENDPOINT_URL", "value": URL},
        {"name": "AWS_REGION", "value": "eu-west-1"},
        {"name": "AWS_ACCESS_KEY_ID", "value": "123456789012"},
        {"name": "AWS_SECRET_ACCESS_KEY", "value": "secret"},
    ]);
    assert_eq!(operator["spec"]["containers"][0]["env"], env);
    // The name in the URL is that of a Service with this port, whose pods the emulator's are, and not the operator's.
    let service = &object(&objects, "Service", NAME)["spec"];
    assert_eq!((&service["type"], &service["ports"][0]["port"]), (&json!("ClusterIP"), &json!(4566)));
    let emulator = pod(&objects, NAME);
    let has = |pod: &Value, selector: &Value| {
        selector.as_object().unwrap().iter().all(|(name, value)| pod["metadata"]["labels"][name] == *value)
    };
    assert!(has(&emulator, &service["selector"]) && !has(&operator, &service["selector"]), "{service}");
    for kind in ["Deployment", "PodDisruptionBudget"] {
        let selector = &object(&objects, kind, "operator-greengrass-operator")["spec"]["selector"]["matchLabels"];
        assert!(has(&operator, selector) && !has(&emulator, selector), "{kind}: {selector}");
    }

    // An account's number is text.
    let values = ["--set", ON, "--set", "crds.enabled=false", "--set", "aws.region=eu-central-1"];
    let options = [&values[..], &["--set-string", "emulator.account=210987654321"]].concat();
    let elsewhere = self::objects(&success(&template_with(&options)));
    let env = pod(&elsewhere, "operator-greengrass-operator")["spec"]["containers"][0]["env"].to_string();
    assert!(env.contains("eu-central-1") && !env.contains("eu-west-1"), "{env}");
    assert!(env.contains(r#""210987654321""#), "{env}");
}

#[test]
fn its_pod_has_the_operators_security_context_and_no_rights() {
    let objects = all_with(&[]);
    let (operator, emulator) = (pod(&objects, "operator-greengrass-operator"), pod(&objects, NAME));
    let (operator, emulator) = (&operator["spec"], &emulator["spec"]);
    assert_eq!(emulator["securityContext"]["runAsNonRoot"], true);
    assert_eq!(emulator["securityContext"], operator["securityContext"]);
    let container = &emulator["containers"][0];
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"], operator["containers"][0]["securityContext"]);
    assert_eq!(emulator["automountServiceAccountToken"], false);
    assert_eq!(emulator["serviceAccountName"], Value::Null);
    for probe in ["livenessProbe", "readinessProbe"] {
        assert_eq!(container[probe]["httpGet"], json!({"path": "/_emulator/health", "port": "aws"}));
    }
    // What may be done is as it is without it.
    let rights = |objects: &[Value]| {
        let of_rights = |object: &&Value| object["apiVersion"] == "rbac.authorization.k8s.io/v1";
        objects.iter().filter(of_rights).cloned().collect::<Vec<_>>()
    };
    let without = self::objects(&rendered(&["crds.enabled=false"]));
    assert!(!rights(&without).is_empty());
    assert_eq!(rights(&objects), rights(&without));
}

#[test]
fn a_fleet_is_mounted_and_another_one_takes_another_pod() {
    let fleet = |group: &str| {
        let fleet = format!(
            r#"emulator.fleet={{"accounts": [{{"account": "123456789012", "region": "eu-west-1", "groups": [{{"name": "{group}"}}]}}]}}"#
        );
        let options = ["--namespace", "somewhere", "--set", ON, "--set", "crds.enabled=false", "--set-json", &fleet];
        objects(&success(&template_with(&options)))
    };
    let objects = fleet("Plant");
    let text = object(&objects, "ConfigMap", NAME)["data"]["fleet.yaml"].as_str().unwrap();
    let emulator = greengrass_emulator::Emulator::default();
    emulator.add_fleet(&greengrass_emulator::Fleet::from_yaml(text).unwrap()).unwrap();
    assert!(emulator.report().to_string().contains("Plant"), "{text}");

    let pod = pod(&objects, NAME);
    let container = &pod["spec"]["containers"][0];
    assert!(container["args"].as_array().unwrap().contains(&json!("--fleet=/etc/greengrass-emulator/fleet.yaml")));
    assert_eq!(container["volumeMounts"][0]["mountPath"], "/etc/greengrass-emulator");
    assert_eq!(pod["spec"]["volumes"][0]["configMap"]["name"], NAME);
    let sum = |objects: &[Value]| self::pod(objects, NAME)["metadata"]["annotations"]["checksum/fleet"].clone();
    assert_ne!(sum(&objects), sum(&fleet("Canary")));
    assert_eq!(self::pod(&all_with(&[]), NAME)["spec"]["volumes"], Value::Null);
}

#[test]
fn with_network_policies_only_the_operator_reaches_it_and_it_reaches_nobody() {
    let objects = all_with(&["networkPolicy.enabled=true"]);
    let labels = |name: &str| object(&objects, "Deployment", name)["spec"]["selector"]["matchLabels"].clone();
    let (operator, emulator) = (labels("operator-greengrass-operator"), labels(NAME));
    let of_emulator = &object(&objects, "NetworkPolicy", NAME)["spec"];
    assert_eq!(of_emulator["podSelector"]["matchLabels"], emulator);
    assert_eq!(of_emulator["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!(of_emulator["egress"], json!([]));
    let ingress =
        json!([{"from": [{"podSelector": {"matchLabels": operator}}], "ports": [{"port": "aws", "protocol": "TCP"}]}]);
    assert_eq!(of_emulator["ingress"], ingress);
    let of_operator = &object(&objects, "NetworkPolicy", "operator-greengrass-operator")["spec"];
    let way = json!({"to": [{"podSelector": {"matchLabels": emulator}}], "ports": [{"port": 4566, "protocol": "TCP"}]});
    assert!(of_operator["egress"].as_array().unwrap().contains(&way), "{of_operator}");
}

#[test]
fn what_would_not_work_is_refused() {
    for (values, name) in [
        (["emulator.enabled=yes", "replicas=2"], "enabled"),
        (["emulator.enabeld=true", "replicas=2"], "enabeld"),
        ([ON, "emulator.account=1234"], "account"),
        ([ON, "emulator.image.digest=latest"], "digest"),
        ([ON, "aws.endpointUrl=http://aws.example"], "emulator.enabled and aws.endpointUrl"),
    ] {
        let output = template("somewhere", &values);
        assert!(!output.status.success(), "{values:?} are accepted");
        assert!(complaint(&output).contains(name), "{values:?}: {}", complaint(&output));
    }
}
