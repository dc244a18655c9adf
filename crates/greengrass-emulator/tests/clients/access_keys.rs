//! Access keys and what they sign: right and wrong ones, temporary ones, and their rotation, with the SDK.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sdk_greengrassv2::{Client, error::ProvideErrorMetadata};
use aws_smithy_async::time::StaticTimeSource;
use greengrass_emulator::{AccessKey, Clock, Emulator, ManualClock, Signatures, Switches};
use jiff::Timestamp;

use crate::support::{ACCOUNT, REGION, config};

fn client(emulator: &Emulator, id: &str, secret: &str, token: Option<&str>) -> Client {
    let credentials = Credentials::new(id, secret, token.map(ToOwned::to_owned), None, "test");
    Client::from_conf(config(emulator, ACCOUNT, REGION).credentials_provider(credentials).build())
}

/// Code and message of what refuses a call, or nothing.
async fn refusal(client: &Client) -> Option<(String, String)> {
    let error = client.list_deployments().send().await.err()?;
    Some((error.code().unwrap().to_owned(), error.message().unwrap().to_owned()))
}

fn code(refusal: Option<(String, String)>) -> String {
    refusal.map_or_else(String::new, |(code, _)| code)
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_key_are_refused_with_the_service_s_words() {
    let emulator = Emulator::default();
    assert_eq!(refusal(&client(&emulator, "test", "test", None)).await, None);
    let (code, message) = refusal(&client(&emulator, ACCOUNT, "wrong", None)).await.unwrap();
    assert_eq!(code, "InvalidSignatureException");
    assert!(message.starts_with("The request signature we calculated does not match"), "{message}");
    let (code, message) = refusal(&client(&emulator, "AKIDEXAMPLE", "secret", None)).await.unwrap();
    assert_eq!(code, "UnrecognizedClientException");
    assert_eq!(message, "The security token included in the request is invalid.");
    let calls = emulator.calls();
    let accounts: Vec<_> = calls.iter().map(|call| (call.account.as_deref(), call.status)).collect();
    assert_eq!(accounts, [(Some(ACCOUNT), Some(200)), (Some(ACCOUNT), Some(403)), (None, Some(403))]);
}

#[tokio::test]
async fn keys_are_rotated_at_run_time() {
    let key = |id, secret| AccessKey::new(id, secret, ACCOUNT).unwrap();
    let emulator = Emulator::builder().access_key(key("OLD", "old")).build();
    let (old, new) = (client(&emulator, "OLD", "old", None), client(&emulator, "NEW", "new", None));
    assert_eq!(
        (code(refusal(&old).await), code(refusal(&new).await)),
        (String::new(), "UnrecognizedClientException".to_owned())
    );
    emulator.add_access_key(key("NEW", "new"));
    assert_eq!((refusal(&old).await, refusal(&new).await), (None, None));
    assert!(emulator.remove_access_key("OLD"));
    assert!(!emulator.remove_access_key("OLD"));
    emulator.reset();
    assert_eq!(
        (code(refusal(&old).await), code(refusal(&new).await)),
        ("UnrecognizedClientException".to_owned(), String::new())
    );
}

#[tokio::test]
async fn a_temporary_key_needs_its_token_and_expires_on_the_emulator_s_clock() {
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let emulator = Emulator::builder().clock(ManualClock::starting_at(now)).build();
    let key = AccessKey::new("ASIA", "s", ACCOUNT).unwrap().with_session_token("t/o+k=");
    emulator.add_access_key(key.expiring_at("2026-01-01T01:00:00Z".parse().unwrap()));
    assert_eq!(refusal(&client(&emulator, "ASIA", "s", Some("t/o+k="))).await, None);
    for wrong in [None, Some("another")] {
        let refusal = refusal(&client(&emulator, "ASIA", "s", wrong)).await;
        assert_eq!(code(refusal), "UnrecognizedClientException", "{wrong:?}");
    }
    emulator.advance(Duration::from_hours(1)).unwrap();
    let (code, message) = refusal(&client(&emulator, "ASIA", "s", Some("t/o+k="))).await.unwrap();
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("ExpiredTokenException", "The security token included in the request is expired")
    );
}

#[tokio::test]
async fn a_client_on_the_emulator_s_time_is_as_welcome_as_one_on_the_machine_s() {
    let clock = ManualClock::starting_at("2001-01-01T00:00:00Z".parse().unwrap());
    let seconds = u64::try_from(clock.now().as_second()).unwrap();
    let emulator = Emulator::builder().clock(clock).build();
    let at = |seconds| {
        let time = StaticTimeSource::new(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        Client::from_conf(config(&emulator, ACCOUNT, REGION).time_source(time).build())
    };
    assert_eq!(refusal(&client(&emulator, ACCOUNT, "secret", None)).await, None);
    assert_eq!(refusal(&at(seconds + 299)).await, None);
    let (code, message) = refusal(&at(seconds + 301)).await.unwrap();
    assert_eq!(code, "InvalidSignatureException");
    assert!(
        message.starts_with("Signature not yet current: 20010101T000501Z is still later than 20010101T000500Z"),
        "{message}"
    );
}

#[tokio::test]
async fn with_the_switch_any_signature_will_do_but_there_must_be_one() {
    let emulator =
        Emulator::builder().switches(Switches { signatures: Signatures::Anything, ..Switches::default() }).build();
    for (id, account) in [("AKIDEXAMPLE", ACCOUNT), ("210987654321", "210987654321")] {
        assert_eq!(refusal(&client(&emulator, id, "whatever", None)).await, None);
        assert_eq!(emulator.calls().pop().unwrap().account.as_deref(), Some(account));
    }
}
