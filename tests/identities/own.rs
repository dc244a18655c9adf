//! The operator's own credentials, from each place where a program in a cluster finds some.

use data_encoding::BASE64URL_NOPAD;
use greengrass_emulator::{PodIdentityAssociation, Role, WebIdentityTrust};
use serde_json::{Value, json};

use crate::world::{ACCOUNT, Manifest, REGION, World};

fn own_role() -> Role {
    Role::new(format!("arn:aws:iam::{ACCOUNT}:role/operator")).unwrap()
}

/// A token as Kubernetes gives it to a pod.
fn token(audience: &str) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let now = jiff::Timestamp::now().as_second();
    let claims = json!({
        "iss": "https://kubernetes.default.svc", "aud": [audience], "sub": "system:serviceaccount:operators:operator",
        "iat": now, "exp": now + 3600,
        "kubernetes.io": {"namespace": "operators", "serviceaccount": {"name": "operator", "uid": "1"}},
    });
    format!(
        "{}.{}.{}",
        part(&json!({"alg": "RS256", "typ": "JWT"})),
        part(&claims),
        BASE64URL_NOPAD.encode(b"signature")
    )
}

/// Starts the operator with no access key but in this environment; by whom the deployment of a new resource is made.
fn deployed_by(world: &mut World, environment: &[(&str, &str)]) -> String {
    let mut all = vec![("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", ""), ("AWS_REGION", REGION)];
    all.extend(environment);
    world.start_operator_with(&all);
    let group = world.group("Presses");
    world.apply(&Manifest::new("presses", &group));
    world.wait_ready("presses");
    let calls = world.emulator.calls_of("CreateDeployment");
    calls[0].caller.as_ref().unwrap().role_arn.clone().unwrap_or_default()
}

#[test]
fn a_service_accounts_token_becomes_a_role() {
    let mut world = World::without_operator("web-identity");
    let trust = WebIdentityTrust { audience: Some("sts.amazonaws.com".into()), ..WebIdentityTrust::default() };
    world.emulator.add_role(own_role().trusting_web_identity(trust));
    let file = world.folder().join("token");
    std::fs::write(&file, token("sts.amazonaws.com")).unwrap();
    let arn = own_role().arn().to_owned();
    let file = file.to_str().unwrap().to_owned();
    let by = deployed_by(&mut world, &[("AWS_ROLE_ARN", &arn), ("AWS_WEB_IDENTITY_TOKEN_FILE", &file)]);
    assert_eq!(by, arn);
}

#[test]
fn eks_pod_identity_gives_a_role() {
    let mut world = World::without_operator("pod-identity");
    let pods = PodIdentityAssociation { namespace: "operators".into(), service_account: "operator".into() };
    world.emulator.add_role(own_role().for_pods_of(pods));
    let file = world.folder().join("token");
    std::fs::write(&file, token("pods.eks.amazonaws.com")).unwrap();
    let url = format!("{}/v1/credentials", world.endpoint());
    let file = file.to_str().unwrap().to_owned();
    let environment =
        [("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*url), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &*file)];
    assert_eq!(deployed_by(&mut world, &environment), own_role().arn());
}

#[test]
fn the_instance_metadata_service_gives_a_role() {
    let mut world = World::without_operator("instance");
    world.emulator.add_role(own_role());
    assert!(world.emulator.set_instance_role(Some(own_role().arn())));
    let endpoint = world.endpoint().to_owned();
    assert_eq!(deployed_by(&mut world, &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint)]), own_role().arn());
}
