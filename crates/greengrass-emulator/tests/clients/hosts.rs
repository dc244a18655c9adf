//! Credentials from where a program runs: the instance metadata service and the endpoint of EKS Pod Identity, by raw HTTP.

use std::time::Duration;

use axum::{body::Body, response::Response};
use data_encoding::BASE64URL_NOPAD;
use greengrass_emulator::{Emulator, ManualClock, PodIdentityAssociation, Role};
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::{
    admin::admin,
    http::{json_of, send},
};

const ROLE: &str = "arn:aws:iam::210987654321:role/team/operator";
const PATH: &str = "/latest/meta-data/iam/security-credentials/";

fn emulator() -> Emulator {
    let clock = ManualClock::starting_at("2026-01-01T00:00:00Z".parse().unwrap());
    let pods = PodIdentityAssociation { namespace: "greengrass".to_owned(), service_account: "operator".to_owned() };
    Emulator::builder().clock(clock).role(Role::new(ROLE).unwrap().for_pods_of(pods)).build()
}

async fn text(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    (status, String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

async fn metadata(emulator: &Emulator, path: &str, token: &str) -> (u16, String) {
    let request = Request::get(path).header("x-aws-ec2-metadata-token", token).body(Body::empty()).unwrap();
    text(send(emulator, request).await).await
}

async fn token(emulator: &Emulator, seconds: &str) -> (u16, String) {
    let request = Request::put("/latest/api/token").header("x-aws-ec2-metadata-token-ttl-seconds", seconds);
    text(send(emulator, request.body(Body::empty()).unwrap()).await).await
}

#[tokio::test]
async fn the_instance_metadata_service_needs_a_token_that_lives() {
    let emulator = emulator();
    assert!(emulator.set_instance_role(Some(ROLE)));
    for wrong in ["0", "21601", "x"] {
        assert_eq!(token(&emulator, wrong).await.0, 400, "{wrong}");
    }
    let (status, given) = token(&emulator, "60").await;
    assert_eq!(status, 200);
    assert_eq!(metadata(&emulator, PATH, &given).await, (200, "operator".to_owned()));
    let guessed = format!("{}A", &given[..given.len() - 1]);
    for wrong in ["", "AAAA", if guessed == given { "x" } else { &guessed }] {
        assert_eq!(metadata(&emulator, PATH, wrong).await.0, 401, "{wrong}");
    }
    emulator.advance(Duration::from_mins(1)).unwrap();
    assert_eq!(metadata(&emulator, PATH, &given).await.0, 401);
}

#[tokio::test]
async fn an_instance_has_a_role_s_credentials_while_it_has_the_role() {
    let emulator = emulator();
    let (_, given) = token(&emulator, "21600").await;
    assert_eq!(metadata(&emulator, PATH, &given).await.0, 404);
    let put = async |arn: Value| admin(&emulator, "PUT", "/_emulator/instance-role", &json!({"arn": arn})).await;
    assert_eq!(put(json!("arn:aws:iam::210987654321:role/nobody")).await.0, 404);
    assert_eq!(put(json!(ROLE)).await, (200, json!({"arn": ROLE})));
    let (status, body) = metadata(&emulator, &format!("{PATH}operator"), &given).await;
    let credentials: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &credentials["Code"], &credentials["Type"]), (200, &json!("Success"), &json!("AWS-HMAC")));
    assert_eq!(credentials["Expiration"], "2026-01-01T06:00:00Z");
    assert_eq!(metadata(&emulator, &format!("{PATH}another"), &given).await.0, 404);
    assert_eq!(metadata(&emulator, "/latest/meta-data/hostname", &given).await.0, 404);
    assert!(emulator.remove_role(ROLE));
    assert_eq!(metadata(&emulator, &format!("{PATH}operator"), &given).await.0, 404);
    assert_eq!(put(Value::Null).await, (200, json!({"arn": null})));
    assert_eq!(emulator.calls(), [], "it is no service of AWS's that is called");
}

#[tokio::test]
async fn a_pod_gets_the_role_of_its_service_account_with_its_tags() {
    let emulator = emulator();
    let ask = async |changes: Value| {
        let mut claims = json!({
            "sub": "system:serviceaccount:greengrass:operator", "aud": ["pods.eks.amazonaws.com"], "exp": 1_767_229_200,
            "kubernetes.io": {"pod": {"name": "operator-0", "uid": "7d1f"}},
        });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        let token = format!("{}.{}.{}", part("{}"), part(&claims.to_string()), part("signature"));
        let request = Request::get("/v1/credentials").header("authorization", token).body(Body::empty()).unwrap();
        let response = send(&emulator, request).await;
        (response.status().as_u16(), json_of(response).await)
    };
    let (status, credentials) = ask(json!({})).await;
    assert_eq!((status, &credentials["AccountId"]), (200, &json!("210987654321")));
    assert_eq!(credentials["Expiration"], "2026-01-01T06:00:00Z");
    for (changes, status, code) in [
        (json!({"sub": "system:serviceaccount:greengrass:another"}), 403, "AccessDenied"),
        (json!({"sub": "operator"}), 403, "AccessDenied"),
        (json!({"aud": "sts.amazonaws.com"}), 400, "InvalidIdentityToken"),
        (json!({"exp": 1}), 400, "ExpiredTokenException"),
    ] {
        let (answered, body) = ask(changes).await;
        assert_eq!((answered, &body["code"]), (status, &json!(code)));
    }
    let request = Request::get("/v1/credentials").body(Body::empty()).unwrap();
    assert_eq!(send(&emulator, request).await.status(), 400);
}
