//! The signature that a request ought to have: canonical request, string to sign, signing key. Pure.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use http::{
    header,
    request::Parts,
    uri::{Scheme, Uri},
};
use sha2::{Digest, Sha256};

use super::{CONTENT_SHA256, Signature, in_basic_format};
use crate::percent;

/// The value of `x-amz-content-sha256` that leaves the body out of the signature.
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Whether the signature is the one that the owner of the secret makes over this request.
pub(super) fn is_signed_with(secret: &str, signature: &Signature<'_>, parts: &Parts, body: &[u8]) -> bool {
    let verified = || {
        let request = canonical_request(&signature.signed_headers, parts, body)?;
        let Signature { day, region, service, time, .. } = signature;
        let time = in_basic_format(*time);
        let request = hash(&request);
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{day}/{region}/{service}/aws4_request\n{request}");
        let first = format!("AWS4{secret}").into_bytes();
        let key = [day, region, service, "aws4_request"]
            .into_iter()
            .try_fold(first, |key, part| Some(keyed(&key, part)?.finalize().into_bytes().to_vec()))?;
        let given = HEXLOWER_PERMISSIVE.decode(signature.hex.as_bytes()).ok()?;
        keyed(&key, &to_sign)?.verify_slice(&given).ok()
    };
    verified().is_some()
}

fn keyed(key: &[u8], data: &str) -> Option<Hmac<Sha256>> {
    // HMAC takes keys of every length; only the trait knows of ciphers that don't.
    Some(Hmac::new_from_slice(key).ok()?.chain_update(data))
}

fn hash(data: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(data))
}

/// `None` when the request names another hash than its body has.
fn canonical_request(signed_headers: &[String], parts: &Parts, body: &[u8]) -> Option<Vec<u8>> {
    let payload = payload(parts, body)?;
    let path = canonical_path(parts.uri.path());
    let query = canonical_query(parts.uri.query().unwrap_or_default());
    let mut request = format!("{}\n{path}\n{query}\n", parts.method).into_bytes();
    for name in signed_headers {
        request.extend(name.as_bytes());
        request.push(b':');
        request.extend(canonical_value(name, parts));
        request.push(b'\n');
    }
    request.extend(format!("\n{}\n{payload}", signed_headers.join(";")).into_bytes());
    Some(request)
}

fn payload(parts: &Parts, body: &[u8]) -> Option<String> {
    let hash = hash(body);
    match parts.headers.get(CONTENT_SHA256).map(|value| value.to_str().unwrap_or_default()) {
        None => Some(hash),
        Some(UNSIGNED_PAYLOAD) => Some(UNSIGNED_PAYLOAD.to_owned()),
        Some(named) => (named == hash).then_some(hash),
    }
}

/// The path without dot segments and empty ones, and encoded once more than on the wire: as every service has it but S3.
fn canonical_path(wire: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in wire.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    let encoded: Vec<String> = segments.iter().map(|segment| percent::encoded(segment.as_bytes())).collect();
    let end = if wire.ends_with('/') && !encoded.is_empty() { "/" } else { "" };
    format!("/{}{end}", encoded.join("/"))
}

/// The parameters in the order of their encoded names and values.
fn canonical_query(wire: &str) -> String {
    // No form decoding: a plus stands for itself here.
    let encoded = |text: &str| percent::encoded(&percent::decoded(text));
    let mut pairs: Vec<(String, String)> = wire
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encoded(name), encoded(value))
        })
        .collect();
    pairs.sort_unstable();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// All values of a header, each without superfluous white space.
fn canonical_value(name: &str, parts: &Parts) -> Vec<u8> {
    let values: Vec<Vec<u8>> = parts
        .headers
        .get_all(name)
        .iter()
        .map(|value| {
            let words: Vec<&[u8]> =
                value.as_bytes().split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
            words.join(&b' ')
        })
        .collect();
    if values.is_empty() && name == header::HOST.as_str() {
        return authority(&parts.uri).into_bytes();
    }
    values.join(&b',')
}

/// What a client that sends an absolute URI signs in the place of `Host`: without the scheme's own port.
fn authority(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    let own = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    match uri.port_u16().filter(|port| *port != own) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    /// `get-vanilla` of AWS's test suite for Signature Version 4.
    const GET_VANILLA: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                               SignedHeaders=host;x-amz-date, \
                               Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let request =
            headers.iter().fold(Request::builder().uri(uri), |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    fn canonical(uri: &str, headers: &[(&str, &str)], signed: &[&str]) -> Option<String> {
        let signed: Vec<String> = signed.iter().map(|name| (*name).to_owned()).collect();
        canonical_request(&signed, &parts(uri, headers), b"").map(|request| String::from_utf8(request).unwrap())
    }

    #[test]
    fn the_signature_of_the_published_example_is_the_published_one() {
        let date = ("x-amz-date", "20150830T123600Z");
        let signed = ("authorization", GET_VANILLA);
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        for request in [
            parts("/", &[("host", "example.amazonaws.com"), date, signed]),
            parts("https://example.amazonaws.com", &[date, signed]),
        ] {
            let signature = Signature::of(&request.headers).unwrap();
            assert!(is_signed_with(secret, &signature, &request, b""));
            assert!(!is_signed_with("another", &signature, &request, b""));
            assert!(!is_signed_with(secret, &signature, &request, b"x"));
        }
    }

    #[test]
    fn a_path_is_normalised_and_encoded_twice() {
        for (wire, expected) in [
            ("/", "/"),
            ("//", "/"),
            ("/./example", "/example"),
            ("/a//b/", "/a/b/"),
            ("/a/b/../../c", "/c"),
            ("/../..", "/"),
            ("/tags/arn%3Aaws%3Ax", "/tags/arn%253Aaws%253Ax"),
            ("/a:b~c", "/a%3Ab~c"),
        ] {
            assert_eq!(canonical_path(wire), expected, "{wire}");
        }
    }

    #[test]
    fn a_query_is_encoded_anew_and_sorted_by_name_then_value() {
        for (wire, expected) in [
            ("", ""),
            ("b=2&a=x&a=%2F&&c", "a=%2F&a=x&b=2&c="),
            ("a-=1&a=2", "a=2&a-=1"),
            ("k=a+b%20c%7e%c3%bc", "k=a%2Bb%20c~%C3%BC"),
        ] {
            assert_eq!(canonical_query(wire), expected, "{wire}");
        }
    }

    #[test]
    fn headers_are_trimmed_and_repeated_ones_joined() {
        let request =
            canonical("/", &[("host", "h"), ("my-header", "  a   b "), ("my-header", "c")], &["host", "my-header"]);
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(request, Some(format!("GET\n/\n\nhost:h\nmy-header:a b,c\n\nhost;my-header\n{empty}")));
    }

    #[test]
    fn the_host_of_an_absolute_uri_goes_without_the_port_of_its_scheme() {
        for (uri, expected) in [
            ("https://x.example:443/", "x.example"),
            ("http://x.example:80/", "x.example"),
            ("http://x.example:443/", "x.example:443"),
            ("http://127.0.0.1:4566/", "127.0.0.1:4566"),
        ] {
            assert_eq!(authority(&uri.parse().unwrap()), expected, "{uri}");
        }
    }

    #[test]
    fn a_named_payload_hash_must_be_that_of_the_body_unless_it_is_left_out() {
        let of = |value: &str| canonical("/", &[("host", "h"), ("x-amz-content-sha256", value)], &["host"]);
        assert!(of(&hash(b"")).is_some());
        assert_eq!(of(&hash(b"x")), None);
        assert_eq!(of("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), None);
        assert!(of(UNSIGNED_PAYLOAD).is_some_and(|request| request.ends_with("\nhost\nUNSIGNED-PAYLOAD")));
    }
}
