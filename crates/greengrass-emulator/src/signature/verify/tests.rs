//! Requests that the Rust SDK's own signer signs, and what happens to them on their way. Pure.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use http::{Method, Request};

use super::*;
use crate::access_keys::AccessKey;

const ACCOUNT: &str = "123456789012";
const NOW: &str = "2026-01-01T00:00:00Z";
const BODY: &[u8] = b"{\"targetArn\": \"x\"}";
const ANOTHER: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and \
                       signing method. Consult the service documentation for details.";

/// What a client signs with.
#[derive(Clone, Copy)]
struct Signer {
    id: &'static str,
    secret: &'static str,
    token: Option<&'static str>,
    region: &'static str,
    service: &'static str,
    host: &'static str,
    time: &'static str,
}

const SIGNER: Signer = Signer {
    id: ACCOUNT,
    secret: "secret",
    token: None,
    region: "eu-west-1",
    service: "greengrass",
    host: "127.0.0.1:4566",
    time: NOW,
};

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl Signer {
    /// A request as it comes over the wire.
    fn signed(self) -> Parts {
        let identity = Credentials::new(self.id, self.secret, self.token.map(ToOwned::to_owned), None, "test").into();
        let seconds = u64::try_from(time(self.time).as_second()).unwrap();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
            .settings(SigningSettings::default())
            .build()
            .unwrap();
        let path = "/tags/arn%3Aaws%3Agreengrass?tagKeys=b%2Fc&tagKeys=a%20d";
        let mut request = Request::builder()
            .method("POST")
            .uri(path)
            .header("host", self.host)
            .header("content-type", "application/json")
            .body(())
            .unwrap();
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let uri = format!("http://{}{path}", self.host);
        let signable = SignableRequest::new("POST", uri, headers, SignableBody::Bytes(BODY)).unwrap();
        let (instructions, _) = sign(signable, &parameters.into()).unwrap().into_parts();
        instructions.apply_to_request_http1x(&mut request);
        request.into_parts().0
    }
}

fn key(id: &str, secret: &str) -> AccessKey {
    AccessKey::new(id, secret, "210987654321").unwrap()
}

fn admitted_with(listed: Option<AccessKey>, parts: &Parts, body: &[u8]) -> Result<Caller, ServiceError> {
    let mut access_keys = AccessKeys::default();
    if let Some(key) = listed {
        access_keys.add(key);
    }
    let gate = Gate {
        signatures: Signatures::Verified,
        access_keys: &access_keys,
        default_account: ACCOUNT,
        now: time(NOW),
        machine_time: time(NOW),
    };
    Signature::of(&parts.headers).and_then(|signature| gate.admit(&signature, Some(Service::Greengrass), parts, body))
}

fn admitted(parts: &Parts) -> Result<Caller, ServiceError> {
    admitted_with(None, parts, BODY)
}

/// The words of a refusal as `InvalidSignatureException`.
fn refusal(parts: &Parts) -> String {
    match admitted(parts) {
        Err(ServiceError::InvalidSignature { message }) => message,
        other => panic!("{other:?}"),
    }
}

/// Changes a part of the `Authorization` header.
fn claiming(mut parts: Parts, from: &str, to: &str) -> Parts {
    let header = parts.headers[header::AUTHORIZATION].to_str().unwrap();
    assert!(header.contains(from), "{header}");
    let header = header.replace(from, to).parse().unwrap();
    parts.headers.insert(header::AUTHORIZATION, header);
    parts
}

fn with_header(mut parts: Parts, name: &'static str, value: &'static str) -> Parts {
    parts.headers.insert(name, HeaderValue::from_static(value));
    parts
}

fn with_uri(mut parts: Parts, uri: &str) -> Parts {
    parts.uri = uri.parse().unwrap();
    parts
}

#[test]
fn what_the_owner_of_a_known_key_signed_is_let_in() {
    let caller = Caller { scope: Scope::new(ACCOUNT, "eu-west-1"), principal: Principal::User };
    assert_eq!(admitted(&SIGNER.signed()), Ok(caller.clone()));
    assert_eq!(admitted(&Signer { id: "test", secret: "test", ..SIGNER }.signed()), Ok(caller));
    let listed = Signer { id: "AKID", secret: "a/b+c", ..SIGNER }.signed();
    let caller = Caller { scope: Scope::new("210987654321", "eu-west-1"), principal: Principal::User };
    assert_eq!(admitted_with(Some(key("AKID", "a/b+c")), &listed, BODY), Ok(caller));
}

#[test]
fn an_absolute_uri_stands_for_the_host_header() {
    let mut parts = Signer { host: "greengrass.eu-west-1.amazonaws.com", ..SIGNER }.signed();
    parts.headers.remove("host");
    parts.uri = format!("https://greengrass.eu-west-1.amazonaws.com{}", parts.uri).parse().unwrap();
    assert!(admitted(&parts).is_ok());
    parts.uri = parts.uri.to_string().replace("https://greengrass", "https://other").parse().unwrap();
    assert_eq!(refusal(&parts), ANOTHER);
}

#[test]
fn whatever_is_changed_on_the_way_is_noticed() {
    let method = {
        let mut parts = SIGNER.signed();
        parts.method = Method::DELETE;
        parts
    };
    for (what, changed) in [
        ("method", method),
        ("path", with_uri(SIGNER.signed(), "/tags/arn%3Aaws%3Aother?tagKeys=b%2Fc&tagKeys=a%20d")),
        ("query", with_uri(SIGNER.signed(), "/tags/arn%3Aaws%3Agreengrass?tagKeys=b%2Fc")),
        ("header", with_header(SIGNER.signed(), "content-type", "text/plain")),
        ("host", with_header(SIGNER.signed(), "host", "127.0.0.1:4567")),
        ("time", with_header(SIGNER.signed(), "x-amz-date", "20260101T000001Z")),
        ("region", claiming(SIGNER.signed(), "eu-west-1", "eu-west-2")),
        ("signature", claiming(SIGNER.signed(), "Signature=", "Signature=00")),
        ("no signature", claiming(SIGNER.signed(), "Signature=", "Signature=xyz")),
        ("secret", Signer { secret: "Secret", ..SIGNER }.signed()),
        ("payload", with_header(SIGNER.signed(), "x-amz-content-sha256", "UNSIGNED-PAYLOAD")),
    ] {
        assert_eq!(refusal(&changed), ANOTHER, "{what}");
    }
    let body = admitted_with(None, &SIGNER.signed(), b"{\"targetArn\": \"y\"}").unwrap_err();
    assert_eq!((body.code(), body.status()), ("InvalidSignatureException", 403));
}

#[test]
fn what_was_not_signed_is_named() {
    for (unsigned, name) in [("host", "'Host' or ':authority'"), ("x-amz-date", "'X-Amz-Date'")] {
        let parts = SIGNER.signed();
        let header = parts.headers[header::AUTHORIZATION].to_str().unwrap();
        let (_, names) = header.split_once("SignedHeaders=").unwrap();
        let (names, _) = names.split_once(',').unwrap();
        let names = names.to_owned();
        let fewer: Vec<&str> = names.split(';').filter(|name| *name != unsigned).collect();
        let parts = claiming(parts, &names, &fewer.join(";"));
        assert_eq!(refusal(&parts), format!("{name} must be a 'SignedHeader' in the AWS Authorization."));
    }
    let token = with_header(SIGNER.signed(), "x-amz-security-token", "t");
    assert_eq!(refusal(&token), "'X-Amz-Security-Token' must be a 'SignedHeader' in the AWS Authorization.");
}

#[test]
fn the_region_is_one_and_that_of_the_host() {
    for region in ["eu-west-1", "us-gov-west-1", "ap-southeast-2", "cn-north-1", "us-isob-east-1"] {
        assert!(admitted(&Signer { region, ..SIGNER }.signed()).is_ok(), "{region}");
    }
    for region in ["eu", "eu-west", "west-1", "EU-WEST-1", "eu-west-x", "eu-west-123", "e-west-1"] {
        assert_eq!(refusal(&Signer { region, ..SIGNER }.signed()), "Credential should be scoped to a valid region.");
    }
    for host in [
        "greengrass.eu-west-1.amazonaws.com",
        "abc-ats.iot.eu-west-1.amazonaws.com:8443",
        "greengrass.eu-west-1.api.aws",
        "x.greengrass.eu-west-1.vpce.amazonaws.com",
        "sts.amazonaws.com",
        "greengrass.eu-west-2.example.com",
    ] {
        assert!(admitted(&Signer { host, ..SIGNER }.signed()).is_ok(), "{host}");
    }
    for host in ["greengrass.eu-west-2.amazonaws.com", "greengrass.cn-north-1.amazonaws.com.cn"] {
        let refusal = refusal(&Signer { host, ..SIGNER }.signed());
        assert_eq!(refusal, "Credential should be scoped to a valid region.", "{host}");
    }
}

#[test]
fn the_service_is_that_of_the_operation() {
    let iot = Signer { service: "iot", ..SIGNER }.signed();
    assert_eq!(refusal(&iot), "Credential should be scoped to correct service: 'greengrass'.");
}

#[test]
fn the_day_of_the_scope_is_that_of_the_request() {
    let parts = claiming(SIGNER.signed(), "/20260101/", "/20251231/");
    assert_eq!(
        refusal(&parts),
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20251231' != '20260101', from \
         '20260101T000000Z'."
    );
}

#[test]
fn a_request_is_fresh_for_five_minutes_around_the_emulator_s_time_or_the_machine_s() {
    let admitted = |now: &str, machine_time: &str| {
        let gate = Gate {
            signatures: Signatures::Verified,
            access_keys: &AccessKeys::default(),
            default_account: ACCOUNT,
            now: time(now),
            machine_time: time(machine_time),
        };
        let parts = SIGNER.signed();
        let signature = Signature::of(&parts.headers).unwrap();
        match gate.admit(&signature, Some(Service::Greengrass), &parts, BODY) {
            Err(ServiceError::InvalidSignature { message }) => Err(message),
            other => Ok(other.unwrap()),
        }
    };
    let far = "2001-01-01T00:00:00Z";
    for near in [NOW, "2026-01-01T00:05:00Z", "2025-12-31T23:55:00Z"] {
        assert!(admitted(near, far).is_ok(), "{near}");
        assert!(admitted(far, near).is_ok(), "{near}");
    }
    assert_eq!(
        admitted("2026-01-01T00:05:01Z", far),
        Err("Signature expired: 20260101T000000Z is now earlier than 20260101T000001Z (20260101T000501Z - 5 min.)"
            .to_owned())
    );
    assert_eq!(
        admitted("2025-12-31T23:54:59Z", far),
        Err("Signature not yet current: 20260101T000000Z is still later than 20251231T235959Z (20251231T235459Z + 5 min.)".to_owned())
    );
}

#[test]
fn a_key_that_nobody_knows_is_refused() {
    let error = admitted(&Signer { id: "AKIDEXAMPLE", ..SIGNER }.signed()).unwrap_err();
    assert_eq!(error, ServiceError::UnrecognizedClient);
    assert_eq!((error.code(), error.status()), ("UnrecognizedClientException", 403));
}

#[test]
fn a_temporary_key_needs_its_own_token_and_has_an_end() {
    let temporary = key("ASIA", "s").with_session_token("t");
    let signed = |token| Signer { id: "ASIA", secret: "s", token, ..SIGNER }.signed();
    let caller = admitted_with(Some(temporary.clone()), &signed(Some("t")), BODY).unwrap();
    assert_eq!(caller.principal, Principal::Session);
    for token in [None, Some("other")] {
        let refused = admitted_with(Some(temporary.clone()), &signed(token), BODY);
        assert_eq!(refused, Err(ServiceError::UnrecognizedClient), "{token:?}");
    }
    let with_needless_token = admitted(&Signer { token: Some("t"), ..SIGNER }.signed());
    assert_eq!(with_needless_token, Err(ServiceError::UnrecognizedClient));
    let ending = |end| admitted_with(Some(temporary.clone().expiring_at(time(end))), &signed(Some("t")), BODY);
    assert!(ending("2026-01-01T00:00:01Z").is_ok());
    assert_eq!(ending(NOW), Err(ServiceError::ExpiredToken));
    assert_eq!(
        (ServiceError::ExpiredToken.code(), ServiceError::ExpiredToken.status()),
        ("ExpiredTokenException", 403)
    );
}

#[test]
fn with_the_switch_anything_is_let_in_that_is_signed_for_the_service() {
    let mut access_keys = AccessKeys::default();
    access_keys.add(key("AKID", "s"));
    let gate = Gate {
        signatures: Signatures::Anything,
        access_keys: &access_keys,
        default_account: ACCOUNT,
        now: Timestamp::UNIX_EPOCH,
        machine_time: Timestamp::UNIX_EPOCH,
    };
    let admitted = |signer: Signer, service| {
        let parts = signer.signed();
        let signature = Signature::of(&parts.headers).unwrap();
        gate.admit(&signature, Some(service), &parts, b"").map(|caller| caller.scope.account)
    };
    for (id, account) in [("111122223333", "111122223333"), ("AKID", "210987654321"), ("AKIDEXAMPLE", ACCOUNT)] {
        let signer = Signer { id, secret: "whatever", region: "nowhere", ..SIGNER };
        assert_eq!(admitted(signer, Service::Greengrass), Ok(account.to_owned()), "{id}");
        assert_eq!(admitted(signer, Service::Iot).unwrap_err().code(), "InvalidSignatureException");
    }
}
