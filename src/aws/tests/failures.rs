//! Every way to fail, by what is on the wire.

use std::time::Duration;

use greengrass_operator_core::failure::FailureKind;
use rstest::rstest;
use tokio::time::Instant;

use super::*;

const MESSAGE: &str = r#"{"message": "the service's words"}"#;

/// The exceptions of the model, with the bodies it gives them.
const MODELLED: [(&str, u16, &str, FailureKind); 8] = [
    ("AccessDeniedException", 403, MESSAGE, FailureKind::AccessDenied),
    (
        "ResourceNotFoundException",
        404,
        r#"{"message": "the service's words", "resourceId": "x", "resourceType": "deployment"}"#,
        FailureKind::NotFound,
    ),
    (
        "ValidationException",
        400,
        r#"{"message": "the service's words", "reason": "FIELD_VALIDATION_FAILED", "fields": [{"name": "a", "message": "b"}]}"#,
        FailureKind::Validation,
    ),
    (
        "ThrottlingException",
        429,
        r#"{"message": "the service's words", "quotaCode": null, "serviceCode": null}"#,
        FailureKind::Throttled,
    ),
    ("InternalServerException", 500, MESSAGE, FailureKind::Service),
    (
        "ConflictException",
        409,
        r#"{"message": "the service's words", "resourceId": "x", "resourceType": "deployment"}"#,
        FailureKind::Conflict,
    ),
    ("RequestAlreadyInProgressException", 400, MESSAGE, FailureKind::InProgress),
    (
        "ServiceQuotaExceededException",
        402,
        r#"{"message": "the service's words", "quotaCode": "L-1", "serviceCode": "greengrass"}"#,
        FailureKind::QuotaExceeded,
    ),
];

/// Those of the security token service, which words its errors in another protocol.
fn speaks_xml(operation: Operation) -> bool {
    matches!(operation, Operation::AssumeRole | Operation::GetCallerIdentity)
}

#[rstest]
#[case("AccessDenied", 403, FailureKind::AccessDenied)]
#[case("ExpiredToken", 403, FailureKind::Credentials)]
#[case("InvalidClientTokenId", 403, FailureKind::Credentials)]
#[case("ValidationError", 400, FailureKind::Validation)]
#[case("Throttling", 400, FailureKind::Throttled)]
#[case("InternalFailure", 500, FailureKind::Service)]
#[tokio::test(start_paused = true)]
async fn errors_of_the_security_token_service_are_known_with_code_and_words(
    #[case] code: &str,
    #[case] status: u16,
    #[case] kind: FailureKind,
) {
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>the service's words</Message></Error><RequestId>req-1</RequestId></ErrorResponse>"
    );
    let bench = Bench::answering(Answer::json(status, &body));
    let failure = bench.call(Operation::GetCallerIdentity).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (kind, Some(code)));
    assert_eq!(failure.message, "the service's words");
    assert!(failure.clearly_refused(), "it is asked before anything else is sent");
}

#[tokio::test(start_paused = true)]
async fn every_exception_of_every_call_is_known_with_code_words_and_request_id() {
    for operation in Operation::ALL.into_iter().filter(|operation| !speaks_xml(*operation)) {
        for (code, status, body, kind) in MODELLED {
            let bench = Bench::answering(Answer::exception(status, code, body));
            let answer = bench.call(operation).await;
            if operation == Operation::GetSystemInstance && kind == FailureKind::NotFound {
                // That nothing is there is what was asked.
                assert!(answer.is_ok(), "{answer:?}");
                continue;
            }
            let failure = answer.unwrap_err();
            let expected = Failure {
                code: Some(code.into()),
                request_id: Some("req-1".into()),
                ..Failure::new(operation, kind, "the service's words")
            };
            assert_eq!(failure, expected);
            let observed = bench.observed.take();
            assert_eq!(observed.len(), 1);
            assert_eq!((observed[0].0, observed[0].1), (operation, CallOutcome::Failed(kind)));
            assert_eq!(bench.wire.seen().len(), 1, "the SDK must not repeat: {operation} {code}");
        }
    }
}

#[rstest]
#[case("InvalidRequestException", 400, FailureKind::Validation)]
#[case("InternalFailureException", 500, FailureKind::Service)]
#[case("InternalException", 500, FailureKind::Service)]
#[case("ServiceUnavailableException", 503, FailureKind::Service)]
#[case("LimitExceededException", 410, FailureKind::QuotaExceeded)]
#[case("UnauthorizedException", 401, FailureKind::AccessDenied)]
#[case("ForbiddenException", 403, FailureKind::AccessDenied)]
#[tokio::test(start_paused = true)]
async fn the_exceptions_of_iot_core_are_known(#[case] code: &str, #[case] status: u16, #[case] kind: FailureKind) {
    for operation in [
        Operation::DescribeJob,
        Operation::ListJobExecutionsForJob,
        Operation::DescribeJobExecution,
        Operation::GetThingShadow,
    ] {
        let failure = Bench::answering(Answer::exception(status, code, MESSAGE)).call(operation).await.unwrap_err();
        assert_eq!((failure.kind, failure.code.as_deref()), (kind, Some(code)), "{operation}");
    }
}

#[rstest]
#[case::in_the_body("__type")]
#[case::in_the_body_too("code")]
#[tokio::test(start_paused = true)]
async fn the_code_is_found_without_the_header(#[case] member: &str) {
    let body = format!(r#"{{"{member}": "com.amazonaws#AccessDeniedException", "Message": "no"}}"#);
    let failure = Bench::answering(Answer::json(403, &body)).call(Operation::GetDeployment).await.unwrap_err();
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::AccessDenied, "no"));
}

#[tokio::test(start_paused = true)]
async fn the_code_in_the_header_counts_even_if_the_body_cant_be_read() {
    for body in ["", "<html>", "[]", r#"{"message": 7}"#, "null"] {
        let answer = Answer::exception(404, "ResourceNotFoundException:http://internal.amazon.com/", body);
        let failure = Bench::answering(answer).call(Operation::GetDeployment).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotFound, "{body}");
        assert_eq!(failure.code.as_deref(), Some("ResourceNotFoundException"), "{body}");
        assert_eq!(failure.request_id.as_deref(), Some("req-1"), "{body}");
    }
}

#[rstest]
#[case("ExpiredTokenException", 403)]
#[case("UnrecognizedClientException", 403)]
#[case("InvalidSignatureException", 403)]
#[case("SignatureDoesNotMatch", 403)]
#[case("IncompleteSignature", 400)]
#[case("MissingAuthenticationToken", 403)]
#[case("MissingAuthenticationTokenException", 403)]
#[case("InvalidClientTokenId", 403)]
#[case("OptInRequired", 403)]
#[case("RequestExpired", 400)]
#[tokio::test(start_paused = true)]
async fn who_aws_does_not_know_has_no_credentials(#[case] code: &str, #[case] status: u16) {
    let failure =
        Bench::answering(Answer::exception(status, code, MESSAGE)).call(Operation::CreateDeployment).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (FailureKind::Credentials, Some(code)));
}

#[rstest]
#[case::a_name_of_other_services("TooManyRequestsException", 429, FailureKind::Throttled)]
#[case::an_old_name("Throttling", 400, FailureKind::Throttled)]
#[case::by_status_alone("NeverHeardOf", 429, FailureKind::Throttled)]
#[case::unavailable("ServiceUnavailable", 503, FailureKind::Service)]
#[case::unknown("NeverHeardOf", 400, FailureKind::Service)]
#[case::unknown_and_forbidden("NeverHeardOf", 403, FailureKind::Service)]
#[tokio::test(start_paused = true)]
async fn other_codes(#[case] code: &str, #[case] status: u16, #[case] kind: FailureKind) {
    let failure =
        Bench::answering(Answer::exception(status, code, MESSAGE)).call(Operation::ListDeployments).await.unwrap_err();
    assert_eq!(failure.kind, kind);
}

#[rstest]
#[case::a_proxys_404(404, "<html>not found</html>", FailureKind::BadReply)]
#[case::a_proxys_403(403, "", FailureKind::BadReply)]
#[case::a_gateways_502(502, "<html>bad gateway</html>", FailureKind::Service)]
#[case::a_gateways_429(429, "slow down", FailureKind::Throttled)]
#[case::a_redirect(302, "", FailureKind::BadReply)]
#[case::success_that_is_no_json(200, "<html>welcome to the hotel's wifi</html>", FailureKind::BadReply)]
#[case::success_cut_short(200, r#"{"deploymentId": "d-"#, FailureKind::BadReply)]
#[case::success_without_id(200, r#"{"deploymentId": null}"#, FailureKind::BadReply)]
#[case::success_without_body(200, "", FailureKind::BadReply)]
#[tokio::test(start_paused = true)]
async fn what_is_no_answer_of_aws(#[case] status: u16, #[case] body: &str, #[case] kind: FailureKind) {
    for operation in [Operation::CreateDeployment, Operation::GetDeployment] {
        let failure = Bench::answering(Answer::json(status, body)).call(operation).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{failure}");
        assert_eq!(failure.request_id.as_deref(), Some("req-1"), "{failure}");
    }
}

#[rstest]
#[case("7", Some(7))]
#[case(" 7 ", Some(7))]
#[case("0", None)]
#[case("-1", None)]
#[case("Mon, 23 Nov 2026 12:00:00 GMT", None)]
#[tokio::test(start_paused = true)]
async fn retry_after_is_read_from_the_header(#[case] header: &str, #[case] seconds: Option<u64>) {
    for (code, status) in [("ThrottlingException", 429), ("InternalServerException", 500), ("Other", 503)] {
        let answer = Answer::exception(status, code, MESSAGE).header("Retry-After", header);
        let failure = Bench::answering(answer).call(Operation::CreateDeployment).await.unwrap_err();
        assert_eq!(failure.retry_after, seconds.map(Duration::from_secs), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_stops_the_next_permit_until_retry_after() {
    let answer = Answer::exception(429, "ThrottlingException", MESSAGE).header("Retry-After", "7");
    let bench = Bench::answering(answer);
    let scope = bench.permit().scope().clone();
    bench.call(Operation::GetDeployment).await.unwrap_err();
    let wait = bench.aws.try_permit(&scope, Class::Change, ApiFamily::Greengrass, &Fence::always()).unwrap_err();
    assert_eq!(wait.reason, WaitReason::Throttled);
    assert!(wait.until - Instant::now() >= Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn a_full_deletion_queue_is_told_from_too_many_calls_and_stops_deletions_only() {
    let body = r#"{"message": "Exceeded the AWS IoT Jobs service quota for the number of jobs with status DELETION_IN_PROGRESS. Please check number of jobs currently being deleted, wait at least one minute, and try again."}"#;
    let bench = Bench::answering(Answer::exception(429, "ThrottlingException", body));
    let scope = bench.permit().scope().clone();
    let failure = bench.call(Operation::DeleteDeployment).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::DeletionLimit);
    let ask = |class| bench.aws.try_permit(&scope, class, ApiFamily::Greengrass, &Fence::always());
    assert_eq!(ask(Class::Deletion).unwrap_err().reason, WaitReason::DeletionLimit);
    assert!(ask(Class::Change).is_ok());
}

#[tokio::test(start_paused = true)]
async fn silence_ends_after_thirty_seconds_for_create_and_ten_for_the_rest() {
    for operation in Operation::ALL {
        let bench = Bench::answering(Answer::Silence);
        let start = Instant::now();
        let failure = bench.call(operation).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::TimedOut, "{operation}");
        let limit = if operation == Operation::CreateDeployment { 30 } else { 10 };
        let took = start.elapsed();
        assert!(took >= Duration::from_secs(limit) && took < Duration::from_secs(limit + 1), "{operation} {took:?}");
        let observed = bench.observed.take();
        assert!((observed[0].3 - took.as_secs_f64()).abs() < 0.01);
        assert_eq!(bench.wire.seen().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_create_is_waited_for() {
    let answer = Answer::json(201, r#"{"deploymentId": "d-1"}"#);
    let bench = Bench::answering(Answer::After(Duration::from_secs(25), Box::new(answer)));
    bench.call(Operation::CreateDeployment).await.unwrap();
}

#[rstest]
#[case::refused(Answer::Broken("connection refused"), "connection refused")]
#[case::reset(Answer::Broken("connection reset by peer"), "connection reset by peer")]
#[case::not_made(Answer::NoConnection, "no connection within 3.1s")]
#[tokio::test(start_paused = true)]
async fn a_broken_connection_says_why(#[case] answer: Answer, #[case] words: &str) {
    let failure = Bench::answering(answer).call(Operation::GetDeployment).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.message.ends_with(words) && !failure.message.contains('{'), "{}", failure.message);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_no_address_is_named_without_the_request() {
    let wire = Canned::new(Answer::Silence);
    let bench = Bench::with(wire.clone(), settings(&wire).with_endpoint_url("nonsense"));
    let request = DeploymentRequest { deployment_name: "hunter2".into(), ..small_request() };
    let failure = bench.aws.greengrass().create_deployment(bench.permit(), &request, "TOKEN").await.unwrap_err();
    assert!(failure.message.contains("`nonsense`: endpoint must contain scheme"), "{}", failure.message);
    assert!(!failure.message.contains("hunter2") && !failure.message.contains("Request {"), "{}", failure.message);
}

#[tokio::test(start_paused = true)]
async fn an_id_that_makes_no_path_is_never_sent() {
    let bench = Bench::answering(Answer::Silence);
    let failure = bench.aws.greengrass().get_deployment(bench.permit(), "").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Construction);
    assert!(failure.message.contains("deployment_id"), "{}", failure.message);
    assert!(bench.wire.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_the_service_repeats_stays_out_of_the_failure() {
    let body = r#"{"message": "The Canonical String should have been\nx-amz-security-token:FwoGZXIvYXdz\nCredential=AKIAIOSFODNN7EXAMPLE/x"}"#;
    let failure = Bench::answering(Answer::exception(403, "InvalidSignatureException", body))
        .call(Operation::GetDeployment)
        .await
        .unwrap_err();
    let shown = format!("{failure} {failure:?}");
    assert!(!shown.contains("FwoGZXIvYXdz") && !shown.contains("IOSFODNN7"), "{shown}");
}

#[rstest]
#[case("Deployment d-1 is already canceled.", true)]
#[case("deployment ALREADY CANCELLED", true)]
#[case("1 validation error detected", false)]
#[tokio::test(start_paused = true)]
async fn canceling_twice_is_success(#[case] words: &str, #[case] success: bool) {
    let body = format!(r#"{{"message": "{words}", "reason": "OTHER"}}"#);
    let bench = Bench::answering(Answer::exception(400, "ValidationException", &body));
    assert_eq!(bench.call(Operation::CancelDeployment).await.is_ok(), success);
    assert!(bench.call(Operation::DeleteDeployment).await.is_err());
}
