//! Roles: who gets a session of one, what the session may do, how it ends, and on whose behalf calls are entered; with the SDK in one process.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_greengrassv2::error::ProvideErrorMetadata;
use aws_sdk_sts::{
    Client,
    config::{BehaviorVersion, Config, Region, retry::RetryConfig},
    operation::assume_role::builders::AssumeRoleFluentBuilder,
    types::Tag,
};
use data_encoding::BASE64URL_NOPAD;
use greengrass_emulator::{
    Emulator, FaultAction, FaultRule, Fleet, FleetError, ManualClock, Operation, Role, WebIdentityTrust,
};
use serde_json::{Value, json};

use crate::{
    admin::admin,
    support::{ACCOUNT, REGION, config},
};

const OTHER: &str = "210987654321";
const ROLE: &str = "arn:aws:iam::210987654321:role/team/deployer";
const SESSION: &str = "arn:aws:sts::210987654321:assumed-role/deployer/operator";
const USER: &str = "arn:aws:iam::123456789012:user/emulator";

fn role() -> Role {
    Role::new(ROLE).unwrap()
}

fn emulator(role: Role) -> Emulator {
    let clock = ManualClock::starting_at("2026-01-01T00:00:00.75Z".parse().unwrap());
    Emulator::builder().clock(clock).role(role).build()
}

fn long_term(account: &str) -> Credentials {
    Credentials::new(account, "secret", None, None, "test")
}

fn sts(emulator: &Emulator, credentials: Credentials) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .http_client(emulator.http_client())
        .build();
    Client::from_conf(config)
}

fn assume(client: &Client) -> AssumeRoleFluentBuilder {
    client.assume_role().role_arn(ROLE).role_session_name("operator")
}

fn asking(emulator: &Emulator) -> AssumeRoleFluentBuilder {
    assume(&sts(emulator, long_term(ACCOUNT)))
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build().unwrap()
}

fn of(credentials: &aws_sdk_sts::types::Credentials) -> Credentials {
    let token = credentials.session_token().to_owned();
    Credentials::new(credentials.access_key_id(), credentials.secret_access_key(), Some(token), None, "test")
}

/// The credentials of a session.
async fn session(request: AssumeRoleFluentBuilder) -> Credentials {
    of(request.send().await.unwrap().credentials().unwrap())
}

/// Code and message of what refuses a session.
async fn refusal(request: AssumeRoleFluentBuilder) -> (String, String) {
    let error = request.send().await.unwrap_err();
    (error.code().unwrap().to_owned(), error.message().unwrap().to_owned())
}

fn greengrass(emulator: &Emulator, credentials: Credentials) -> aws_sdk_greengrassv2::Client {
    let config = config(emulator, ACCOUNT, REGION).credentials_provider(credentials);
    aws_sdk_greengrassv2::Client::from_conf(config.build())
}

/// Code and message of what refuses a list of deployments, or nothing.
async fn listing(emulator: &Emulator, credentials: &Credentials) -> Option<(String, String)> {
    let error = greengrass(emulator, credentials.clone()).list_deployments().send().await.err()?;
    Some((error.code().unwrap().to_owned(), error.message().unwrap().to_owned()))
}

fn denied(action: &str) -> (String, String) {
    ("AccessDenied".to_owned(), format!("User: {USER} is not authorized to perform: {action} on resource: {ROLE}"))
}

#[tokio::test]
async fn a_session_works_in_the_role_s_account_until_it_ends() {
    let emulator = emulator(role());
    let answer = asking(&emulator).duration_seconds(900).send().await.unwrap();
    let user = answer.assumed_role_user().unwrap();
    assert_eq!(user.arn(), SESSION);
    assert!(user.assumed_role_id().starts_with("AROA") && user.assumed_role_id().ends_with(":operator"));
    let credentials = answer.credentials().unwrap();
    assert_eq!((credentials.access_key_id().len(), &credentials.access_key_id()[..4]), (20, "ASIA"));
    assert_eq!(credentials.secret_access_key().len(), 40);
    // Whole seconds, on the emulator's clock.
    assert_eq!(credentials.expiration().to_string(), "2026-01-01T00:15:00Z");

    let credentials = of(credentials);
    let group = emulator.create_thing_group(OTHER, REGION, "fleet").unwrap();
    let created =
        greengrass(&emulator, credentials.clone()).create_deployment().target_arn(&group).send().await.unwrap();
    assert_eq!(emulator.deployments(OTHER, REGION)[0].deployment_id, created.deployment_id().unwrap());
    let identity = sts(&emulator, credentials.clone()).get_caller_identity().send().await.unwrap();
    assert_eq!((identity.arn(), identity.account()), (Some(SESSION), Some(OTHER)));
    assert_eq!(identity.user_id(), Some(user.assumed_role_id()));

    emulator.advance(Duration::from_millis(899_249)).unwrap();
    assert_eq!(listing(&emulator, &credentials).await, None);
    emulator.advance(Duration::from_millis(1)).unwrap();
    let expired = "The security token included in the request is expired".to_owned();
    assert_eq!(listing(&emulator, &credentials).await, Some(("ExpiredTokenException".to_owned(), expired.clone())));
    let asked = refusal(assume(&sts(&emulator, credentials))).await;
    assert_eq!(asked, ("ExpiredToken".to_owned(), expired));
}

#[tokio::test]
async fn the_ledger_says_on_whose_behalf_each_call_was_made_and_hides_the_external_id() {
    let emulator = emulator(role().requiring_external_id("f1/e2").unwrap());
    let tags = || asking(&emulator).tags(tag("namespace", "plant-1")).tags(tag("name", "pump"));
    let credentials = session(tags().external_id("f1/e2").source_identity("alice").duration_seconds(3600)).await;
    listing(&emulator, &credentials).await;
    let [assumed, listed] = &emulator.calls()[..] else {
        panic!("{:?}", emulator.calls());
    };
    let caller = serde_json::to_value([&assumed.caller, &listed.caller]).unwrap();
    let expected = json!([
        {"arn": USER, "roleArn": null, "sessionName": null, "sessionTags": {}, "sourceIdentity": null},
        {
            "arn": SESSION, "roleArn": ROLE, "sessionName": "operator",
            "sessionTags": {"namespace": "plant-1", "name": "pump"}, "sourceIdentity": "alice",
        },
    ]);
    assert_eq!(caller, expected);
    assert_eq!((assumed.account.as_deref(), listed.account.as_deref()), (Some(ACCOUNT), Some(OTHER)));
    assert_eq!(assumed.target_arn.as_deref(), Some(ROLE));
    let request = json!({
        "Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": ROLE, "RoleSessionName": "operator",
        "ExternalId": "HIDDEN_DUE_TO_SECURITY_REASONS", "SourceIdentity": "alice", "DurationSeconds": 3600,
        "Tags": [{"Key": "namespace", "Value": "plant-1"}, {"Key": "name", "Value": "pump"}],
    });
    assert_eq!(assumed.request, request);
}

#[tokio::test]
async fn who_is_not_trusted_brings_no_external_id_or_names_nothing_is_denied_in_aws_s_words() {
    let emulator = emulator(role());
    let set = |role: Role| emulator.add_role(role);
    assert_eq!(refusal(asking(&emulator).role_arn(format!("{ROLE}-2"))).await.1, denied("sts:AssumeRole").1 + "-2");
    set(role().trusting([OTHER]).unwrap());
    assert_eq!(refusal(asking(&emulator)).await, denied("sts:AssumeRole"));
    session(assume(&sts(&emulator, long_term(OTHER)))).await;
    set(role().trusting([USER]).unwrap());
    session(asking(&emulator)).await;

    set(role().requiring_external_id("f1e2").unwrap());
    assert_eq!(refusal(asking(&emulator)).await, denied("sts:AssumeRole"));
    assert_eq!(refusal(asking(&emulator).external_id("another")).await, denied("sts:AssumeRole"));
    session(asking(&emulator).external_id("f1e2")).await;

    let tagged = || asking(&emulator).tags(tag("namespace", "a"));
    set(role().allowing_session_tags::<&str>([]));
    assert_eq!(refusal(tagged()).await, denied("sts:TagSession"));
    session(asking(&emulator)).await;
    set(role().allowing_session_tags(["namespace"]).requiring_session_tags(["namespace"]));
    assert_eq!(refusal(asking(&emulator)).await, denied("sts:AssumeRole"));
    assert_eq!(refusal(tagged().tags(tag("name", "b"))).await, denied("sts:TagSession"));
    session(tagged()).await;
}

#[tokio::test]
async fn what_a_session_may_not_be_is_a_validation_error() {
    let emulator = emulator(role().with_max_session_duration(7200).unwrap());
    let validation = |message: &str| ("ValidationError".to_owned(), message.to_owned());
    for (request, expected) in [
        (asking(&emulator).duration_seconds(899), "DurationSeconds: must be between 900 and 43200"),
        (asking(&emulator).duration_seconds(43_201), "DurationSeconds: must be between 900 and 43200"),
        (
            asking(&emulator).duration_seconds(7201),
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ),
        (asking(&emulator).role_session_name("x"), "RoleSessionName: must have 2 to 64 characters"),
        (asking(&emulator).role_session_name("a b"), "RoleSessionName: must match [\\w+=,.@-]*"),
        (asking(&emulator).external_id("a b"), "ExternalId: must match [\\w+=,.@:\\/-]*"),
        (asking(&emulator).source_identity("x"), "SourceIdentity: must have 2 to 64 characters"),
        (asking(&emulator).tags(tag("#", "")), "Tags.0.Key: must match [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+"),
        (
            asking(&emulator).tags(tag("Team", "")).tags(tag("team", "")),
            "Tags: Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ),
        (asking(&emulator).tags(tag("aws:x", "")), "Tags: the key aws:x begins with aws:, which is reserved"),
        (asking(&emulator).transitive_tag_keys("team"), "TransitiveTagKeys: team is none of the keys of Tags"),
    ] {
        assert_eq!(refusal(request).await, validation(expected));
    }
    assert_eq!(refusal(asking(&emulator).policy("{")).await.0, "MalformedPolicyDocument");
    session(asking(&emulator).duration_seconds(7200).policy("{\"Version\": \"2012-10-17\"}")).await;
}

#[tokio::test]
async fn a_session_hands_its_transitive_tags_to_the_next_role_for_an_hour_at_most() {
    let emulator = emulator(role());
    let next = "arn:aws:iam::111122223333:role/next";
    emulator.add_role(Role::new(next).unwrap().with_max_session_duration(43_200).unwrap().trusting([ROLE]).unwrap());
    let tags = asking(&emulator).tags(tag("namespace", "a")).tags(tag("name", "b")).transitive_tag_keys("namespace");
    let first = session(tags.source_identity("alice")).await;
    let chained = || assume(&sts(&emulator, first.clone())).role_arn(next);
    assert_eq!(
        refusal(chained().duration_seconds(3601)).await.1,
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
    );
    assert_eq!(
        refusal(chained().tags(tag("Namespace", "c"))).await.1,
        "Tags: namespace is a transitive tag of the calling session"
    );
    let denied = refusal(chained().source_identity("bob")).await.1;
    assert!(denied.starts_with(&format!("User: {SESSION} is not authorized to perform: sts:SetSourceIdentity")));
    assert_eq!(refusal(asking(&emulator).role_arn(next)).await.0, "AccessDenied");
    let second = session(chained()).await;
    listing(&emulator, &second).await;
    let caller = emulator.calls().pop().unwrap().caller.unwrap();
    assert_eq!(caller.arn, "arn:aws:sts::111122223333:assumed-role/next/operator");
    assert_eq!(
        (json!(caller.session_tags), caller.source_identity.as_deref()),
        (json!({"namespace": "a"}), Some("alice"))
    );
}

#[tokio::test]
async fn a_role_that_is_changed_or_deleted_in_use_refuses_at_once() {
    let emulator = emulator(role().denying([Operation::CreateDeployment, Operation::GetCallerIdentity]));
    let credentials = session(asking(&emulator)).await;
    let create = || {
        greengrass(&emulator, credentials.clone())
            .create_deployment()
            .target_arn("arn:aws:iot:eu-west-1:210987654321:thing/x")
            .send()
    };
    let refused = create().await.unwrap_err();
    assert_eq!(
        (refused.code().unwrap(), refused.message().unwrap().to_owned()),
        (
            "AccessDeniedException",
            format!(
                "User: {SESSION} is not authorized to perform: greengrass:CreateDeployment on resource: * because no identity-based policy allows \
                 the greengrass:CreateDeployment action"
            )
        )
    );
    assert_eq!(listing(&emulator, &credentials).await, None);
    let identity = || async { sts(&emulator, credentials.clone()).get_caller_identity().send().await.is_ok() };
    assert!(identity().await, "nobody can be kept from it");

    emulator.add_role(role().trusting::<&str>([]).unwrap());
    assert_eq!(refusal(asking(&emulator)).await, denied("sts:AssumeRole"));
    assert_eq!(
        create().await.unwrap_err().code(),
        Some("ResourceNotFoundException"),
        "what the session may do is told anew"
    );

    emulator.add_role(role());
    assert!(emulator.revoke_sessions(ROLE) && !emulator.revoke_sessions("arn:aws:iam::210987654321:role/nobody"));
    let (code, message) = listing(&emulator, &credentials).await.unwrap();
    assert_eq!(code, "AccessDeniedException");
    assert!(
        message
            .ends_with("greengrass:ListDeployments on resource: * with an explicit deny in an identity-based policy")
    );
    let later = session(asking(&emulator)).await;
    assert_eq!(listing(&emulator, &later).await, None);

    assert!(emulator.remove_role(ROLE) && !emulator.remove_role(ROLE));
    assert_eq!(listing(&emulator, &later).await.unwrap().0, "UnrecognizedClientException");
    assert!(!identity().await);
    assert_eq!(refusal(asking(&emulator)).await, denied("sts:AssumeRole"));
    emulator.add_role(role());
    assert_eq!(listing(&emulator, &later).await.unwrap().0, "UnrecognizedClientException", "it is another role");
}

#[tokio::test]
async fn faults_meet_a_role_by_its_arn() {
    let emulator = emulator(role());
    let fault = |action| FaultRule::on(Operation::AssumeRole, action).target(ROLE);
    emulator.add_role(Role::new("arn:aws:iam::210987654321:role/spared").unwrap());
    emulator.faults().add(fault(FaultAction::Throttle { retry_after_seconds: None }));
    session(asking(&emulator).role_arn("arn:aws:iam::210987654321:role/spared")).await;
    assert_eq!(refusal(asking(&emulator)).await.0, "Throttling");
    emulator.faults().add(fault(FaultAction::AccessDenied));
    assert_eq!(refusal(asking(&emulator)).await.0, "AccessDenied");
    emulator.faults().add(fault(FaultAction::ResetAfter));
    assert!(asking(&emulator).send().await.unwrap_err().as_service_error().is_none());
    session(asking(&emulator)).await;

    let web = FaultRule::on(
        Operation::AssumeRoleWithWebIdentity,
        FaultAction::Error { status: 400, code: "IDPCommunicationError".to_owned(), message: String::new() },
    );
    emulator.faults().add(web.target(ROLE));
    let token = token(&json!({}));
    assert_eq!(with_token(&emulator, &token).await.unwrap_err().0, "IDPCommunicationError");
}

/// A token as Kubernetes makes them for service accounts, with other claims.
fn token(changes: &Value) -> String {
    let mut claims = json!({
        "iss": "https://oidc.example.com", "sub": "system:serviceaccount:greengrass:operator", "aud": ["sts.amazonaws.com"], "exp": 1_767_229_200,
    });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    format!("{}.{}.{}", part("{\"alg\":\"RS256\"}"), part(&claims.to_string()), part("signature"))
}

async fn with_token(emulator: &Emulator, token: &str) -> Result<Credentials, (String, String)> {
    let client = sts(emulator, Credentials::new("nobody", "x", None, None, "test"));
    let request =
        client.assume_role_with_web_identity().role_arn(ROLE).role_session_name("operator").web_identity_token(token);
    match request.send().await {
        Ok(answer) => {
            assert_eq!(answer.subject_from_web_identity_token(), Some("system:serviceaccount:greengrass:operator"));
            assert_eq!(
                (answer.audience(), answer.provider()),
                (Some("sts.amazonaws.com"), Some("https://oidc.example.com"))
            );
            Ok(of(answer.credentials().unwrap()))
        }
        Err(error) => Err((error.code().unwrap().to_owned(), error.message().unwrap().to_owned())),
    }
}

#[tokio::test]
async fn a_token_of_an_identity_provider_stands_in_for_a_signature() {
    let trust = WebIdentityTrust {
        issuer: Some("https://oidc.example.com".to_owned()),
        audience: Some("sts.amazonaws.com".to_owned()),
        subject: Some("system:serviceaccount:greengrass:operator".to_owned()),
    };
    let emulator = emulator(role().trusting_web_identity(trust));
    let credentials = with_token(&emulator, &token(&json!({}))).await.unwrap();
    assert_eq!(listing(&emulator, &credentials).await, None);
    let [assumed, listed] = &emulator.calls()[..] else {
        panic!("{:?}", emulator.calls());
    };
    assert_eq!((&assumed.caller, &assumed.account, assumed.target_arn.as_deref()), (&None, &None, Some(ROLE)));
    assert_eq!(assumed.request["WebIdentityToken"], "HIDDEN_DUE_TO_SECURITY_REASONS");
    assert_eq!(listed.caller.as_ref().unwrap().arn, SESSION);

    for (changes, code) in [
        (json!({"sub": "system:serviceaccount:other:operator"}), "AccessDenied"),
        (json!({"aud": "another"}), "AccessDenied"),
        (json!({"iss": null}), "AccessDenied"),
        (json!({"exp": 1_767_225_600}), "ExpiredTokenException"),
        (json!({"exp": null}), "InvalidIdentityToken"),
        (json!({"sub": 1}), "InvalidIdentityToken"),
    ] {
        assert_eq!(with_token(&emulator, &token(&changes)).await.unwrap_err().0, code, "{changes}");
    }
    for malformed in ["abcd", "YQ.e30", "....", "YQ.YQ.YQ", "YQ.e30=.YQ"] {
        assert_eq!(with_token(&emulator, malformed).await.unwrap_err().0, "InvalidIdentityToken", "{malformed}");
    }
    emulator.add_role(role());
    let refused = with_token(&emulator, &token(&json!({}))).await.unwrap_err();
    assert_eq!(refused.1, "Not authorized to perform sts:AssumeRoleWithWebIdentity");
}

#[tokio::test(start_paused = true)]
async fn sessions_end_in_virtual_time() {
    let emulator = Emulator::builder().role(role()).build();
    let credentials = session(asking(&emulator)).await;
    tokio::time::advance(Duration::from_mins(59)).await;
    assert_eq!(listing(&emulator, &credentials).await, None);
    tokio::time::advance(Duration::from_mins(1)).await;
    assert_eq!(listing(&emulator, &credentials).await.unwrap().0, "ExpiredTokenException");
}

#[tokio::test]
async fn roles_come_from_a_fleet_and_over_http() {
    let emulator = Emulator::default();
    let fleet =
        format!("roles: [{{arn: '{ROLE}', trustedPrincipals: ['{ACCOUNT}'], deniedOperations: [CreateDeployment]}}]");
    emulator.add_fleet(&Fleet::from_yaml(&fleet).unwrap()).unwrap();
    session(asking(&emulator)).await;
    let wrong = Fleet::from_yaml("roles: [{arn: deployer}]").unwrap_err();
    assert!(
        matches!(&wrong, FleetError::Unreadable(text) if text.contains("arn:aws:iam::ACCOUNT:role/NAME")),
        "{wrong}"
    );

    let encoded = ROLE.replace(':', "%3A").replace('/', "%2F");
    let call = async |method: &str, path: &str, body: Value| {
        admin(&emulator, method, &format!("/_emulator/{path}"), &body).await
    };
    let (status, roles) = call("GET", "roles", Value::Null).await;
    assert_eq!((status, &roles[0]["arn"], &roles[0]["maxSessionDuration"]), (200, &json!(ROLE), &json!(3600)));
    let none = json!({"arn": ROLE, "trustedPrincipals": []});
    assert_eq!(call("POST", "roles", none).await.0, 204);
    assert_eq!(refusal(asking(&emulator)).await, denied("sts:AssumeRole"));
    assert_eq!(call("POST", "roles", json!({"arn": ROLE})).await.0, 204);
    let credentials = session(asking(&emulator)).await;
    assert_eq!(call("DELETE", &format!("sessions?roleArn={encoded}"), Value::Null).await.0, 204);
    assert_eq!(listing(&emulator, &credentials).await.unwrap().0, "AccessDeniedException");
    assert_eq!(call("DELETE", &format!("roles?arn={encoded}"), Value::Null).await.0, 204);
    assert_eq!(call("DELETE", &format!("roles?arn={encoded}"), Value::Null).await.0, 404);
    assert_eq!(call("GET", "roles", Value::Null).await.1, json!([]));
    for (method, path, body) in [
        ("DELETE", "roles", Value::Null),
        ("DELETE", "sessions?arn=x", Value::Null),
        ("GET", "roles?arn=x", Value::Null),
        ("POST", "roles", json!({"arn": ROLE, "maxSessionDuration": 1})),
    ] {
        assert_eq!(call(method, path, body).await.0, 400, "{method} {path}");
    }
}
