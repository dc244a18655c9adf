//! AWS STS on the wire: XML, and who may ask.

use axum::{body::Body, response::Response};
use greengrass_emulator::{
    AccessKey, Emulator, FaultAction, FaultRule, Operation, Scope, Service, Signatures, Switches,
};
use http::Request;
use http_body_util::BodyExt;
use serde_json::json;

use crate::{
    http::send,
    support::{ACCOUNT, REGION},
};

const FORM: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// Nobody signs requests that are written by hand.
fn emulator() -> Emulator {
    Emulator::builder().switches(Switches { signatures: Signatures::Anything, ..Switches::default() }).build()
}

fn request(id: &str, service: &str, form: &str) -> Request<Body> {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={id}/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=00"
    );
    Request::post("/")
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        .header("x-amz-date", "20260101T000000Z")
        .header("authorization", authorization)
        .body(Body::from(form.to_owned()))
        .unwrap()
}

/// Status and text of an answer, which must be XML.
async fn xml(response: Response) -> (u16, String) {
    assert_eq!(response.headers()["content-type"], "text/xml");
    assert!(response.headers().get("x-amzn-errortype").is_none());
    let id = response.headers()["x-amzn-requestid"].to_str().unwrap().to_owned();
    let status = response.status().as_u16();
    let body = String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    assert!(body.contains(&format!("<RequestId>{id}</RequestId>")), "{body}");
    (status, body)
}

#[tokio::test]
async fn the_caller_s_account_is_told_in_xml_and_entered() {
    let emulator = emulator();
    emulator.add_access_key(AccessKey::new("ASIA", "s", "210987654321").unwrap().with_session_token("t"));
    let (status, user) = xml(send(&emulator, request(ACCOUNT, "sts", FORM)).await).await;
    assert_eq!(status, 200);
    assert!(user.contains("<Arn>arn:aws:iam::123456789012:user/emulator</Arn>"), "{user}");
    let (_, session) = xml(send(&emulator, request("ASIA", "sts", FORM)).await).await;
    assert!(session.contains("<Arn>arn:aws:sts::210987654321:assumed-role/emulator/session</Arn>"), "{session}");
    let call = emulator.calls_of("GetCallerIdentity").remove(0);
    assert_eq!((call.service, call.account.as_deref(), call.status), (Some(Service::Sts), Some(ACCOUNT), Some(200)));
    assert_eq!(call.request, json!({"Action": "GetCallerIdentity", "Version": "2011-06-15"}));

    let performed = emulator.perform(&Scope::new(ACCOUNT, REGION), Operation::GetCallerIdentity, &json!({})).unwrap();
    assert!(performed.as_str().unwrap().contains("<Account>123456789012</Account>"), "{performed}");
}

#[tokio::test]
async fn refusals_have_the_codes_of_sts_in_xml_and_in_the_ledger() {
    let emulator = emulator();
    let mut unsigned = request(ACCOUNT, "sts", FORM);
    unsigned.headers_mut().remove("authorization");
    for (request, status, code) in [
        (unsigned, 403, "MissingAuthenticationToken"),
        (request(ACCOUNT, "iot", FORM), 403, "SignatureDoesNotMatch"),
        (request(ACCOUNT, "", FORM), 400, "IncompleteSignature"),
        (request(ACCOUNT, "sts", "Action=Dance&Version=2011-06-15"), 400, "InvalidAction"),
        (request(ACCOUNT, "sts", "Action=GetSessionToken&Version=2011-06-15"), 501, "NotImplemented"),
    ] {
        let (answered, body) = xml(send(&emulator, request).await).await;
        assert_eq!(answered, status, "{body}");
        assert!(body.contains(&format!("<Code>{code}</Code>")), "{body}");
        assert_eq!(emulator.calls().pop().unwrap().error_code.as_deref(), Some(code));
    }
    emulator
        .faults()
        .add(FaultRule::on(Operation::GetCallerIdentity, FaultAction::Throttle { retry_after_seconds: Some(3) }));
    let throttled = send(&emulator, request(ACCOUNT, "sts", FORM)).await;
    assert_eq!(throttled.headers()["retry-after"], "3");
    let (status, body) = xml(throttled).await;
    assert!(status == 400 && body.contains("<Code>Throttling</Code><Message>Rate exceeded</Message>"), "{body}");
}
