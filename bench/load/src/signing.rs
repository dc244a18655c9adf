//! Requests as they go over the wire, signed as the AWS SDKs sign them. Reads the clock, else pure.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use http::Request;

use crate::fill::Filled;

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "eu-west-1";

/// The text of a request that is signed for a service.
pub(crate) fn signed(service: &str, method: &str, path: &str, body: &str) -> Vec<u8> {
    let identity = Credentials::new(ACCOUNT, "secret", None, None, "bench").into();
    let settings = SigningSettings::default();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name(service)
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let host = format!("{service}.test");
    let mut request = Request::builder().method(method).uri(format!("http://{host}{path}")).body(()).unwrap();
    let headers = [("host", host.as_str()), ("content-type", "application/json")];
    let uri = request.uri().to_string();
    let signable =
        SignableRequest::new(method, uri, headers.into_iter(), SignableBody::Bytes(body.as_bytes())).unwrap();
    sign(signable, &parameters).unwrap().into_parts().0.apply_to_request_http1x(&mut request);
    let added = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let lines: String =
        headers.into_iter().chain(added).flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\ncontent-length: {length}\r\n{lines}\r\n{body}").into_bytes()
}

/// What an operator and a person's tool ask for all day, of deployments and devices all over the fleet.
pub(crate) fn mix(filled: &Filled) -> Vec<Vec<u8>> {
    let of = |number: usize| {
        let deployment = filled.deployments.get(number * 7 % filled.deployments.len()).unwrap();
        let device = filled.devices.get(number * 97 % filled.devices.len()).unwrap();
        [
            signed("greengrass", "GET", &format!("/greengrass/v2/deployments/{deployment}"), ""),
            signed("iot", "GET", &format!("/things/{device}"), ""),
            signed("greengrass", "GET", &format!("/greengrass/v2/coreDevices/{device}"), ""),
            signed("greengrass", "GET", "/greengrass/v2/coreDevices?maxResults=10", ""),
        ]
    };
    (0..500).flat_map(of).collect()
}
