//! A state file: what it gives back, which are refused, and the program killed amid writes.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    time::Duration,
};

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use greengrass_emulator::{
    ComponentState, DeploymentStatus, Emulator, EmulatorBuilder, FaultAction, FaultRule, Fleet, ManualClock, Operation,
    Quotas, Role, Scope, StateFileError, Switches, SystemInstanceId,
};

use crate::{program::Program, support::ACCOUNT};

const FLEET: &str = "
accounts:
- account: '123456789012'
  region: eu-west-1
  groups: [{name: plant}]
  devices: [{name: 'core-##', count: 20, groups: [plant], behaviour: {takes: {medianSeconds: 60, sigma: 1}}}]
  rules: [{component: bad, share: 0.5, outcome: componentBroken}]
";

/// A file that is gone after the test.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("state-file-{}", Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        Self(folder.join("state"))
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.0).unwrap()
    }

    fn open(&self) -> Emulator {
        self.open_with(builder()).unwrap()
    }

    fn open_with(&self, builder: EmulatorBuilder) -> Result<Emulator, StateFileError> {
        builder.open(&self.0)
    }

    /// What is said to one who opens it.
    fn refusal(&self) -> String {
        let error = self.open_with(builder()).unwrap_err().to_string();
        assert!(error.contains(self.0.to_str().unwrap()), "{error}");
        error
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.parent().unwrap());
    }
}

fn builder() -> EmulatorBuilder {
    Emulator::builder().clock(ManualClock::starting_at(Timestamp::UNIX_EPOCH)).quotas(Quotas::unlimited()).seed(7)
}

fn scope() -> Scope {
    Scope::new(ACCOUNT, "eu-west-1")
}

fn group(name: &str) -> String {
    scope().thing_group_arn(name)
}

/// What there is to be seen.
fn seen(emulator: &Emulator) -> serde_json::Value {
    let devices: Vec<_> =
        (1..=20).map(|number| emulator.device(ACCOUNT, "eu-west-1", &format!("core-{number:02}"))).collect();
    json!({
        "now": emulator.now(), "state": emulator.report(), "devices": devices,
        "components": emulator.components(ACCOUNT, "eu-west-1"),
        "instances": emulator.system_instances(ACCOUNT, "eu-west-1"),
        "roles": emulator.roles(), "instanceRole": emulator.instance_role(),
        "faults": emulator.faults().list(), "switches": emulator.switches(), "quotas": emulator.quotas(),
    })
}

#[test]
fn everything_is_there_again_in_the_middle_of_a_rollout_and_goes_on_in_the_same_way() {
    let place = Place::new();
    let uninterrupted = builder().build();
    let first = place.open();
    for emulator in [&uninterrupted, &first] {
        emulator.begin_with_fleet(&Fleet::from_yaml(FLEET).unwrap()).unwrap();
        let components =
            json!({"bad": {"componentVersion": "1.0.0"}, "com.example.Hello": {"componentVersion": "1.0.0"}});
        let request = json!({"targetArn": group("plant"), "components": components, "clientToken": "token-of-the-deployment-00000000000",
            "iotJobConfiguration": {"jobExecutionsRolloutConfig": {"maximumPerMinute": 12}}});
        let id = emulator.create_deployment(ACCOUNT, "eu-west-1", &request).unwrap();
        emulator.advance(Duration::from_secs(45)).unwrap();
        // A read lets happen what is due, and is not in the file.
        let _ = emulator.report();
        emulator.advance(Duration::from_secs(20)).unwrap();
        let recipe = "{RecipeFormatVersion: '2020-01-25', ComponentName: com.example.Hello, ComponentVersion: '1.0.0', Manifests: [{Platform: {os: linux}}]}";
        let component = emulator.create_component(ACCOUNT, "eu-west-1", recipe).unwrap();
        assert!(emulator.set_component_state(&component, ComponentState::Deprecated, &BTreeMap::new()));
        assert!(emulator.connect_device(ACCOUNT, "eu-west-1", "core-03", Some(false)));
        assert!(emulator.connect_device(ACCOUNT, "eu-west-1", "core-04", Some(false)));
        assert!(emulator.connect_device(ACCOUNT, "eu-west-1", "core-04", None));
        let thing = scope().thing_arn("core-05");
        let other = emulator.create_deployment(ACCOUNT, "eu-west-1", &json!({"targetArn": thing})).unwrap();
        assert!(emulator.set_deployment_status(&other, DeploymentStatus::Failed));
        let role = "arn:aws:iam::210987654321:role/deployer";
        emulator.add_role(Role::new(role).unwrap());
        emulator.perform(&scope(), Operation::AssumeRole, &json!({"RoleArn": role, "RoleSessionName": "me"})).unwrap();
        assert!(emulator.revoke_sessions(role) && emulator.set_instance_role(Some(role)));
        let urn = "urn:tdm:eu-west-1/123456789012/default:deployment:Room";
        let definition = format!("query Room @deployment(id: \"{urn}\") {{}}");
        let instance = json!({"target": "CLOUD", "flowActionsRoleArn": "arn:aws:iam::123456789012:role/flow",
            "definition": {"language": "GRAPHQL", "text": definition}});
        emulator.create_system_instance(ACCOUNT, "eu-west-1", &instance).unwrap();
        let urn = SystemInstanceId::parse(urn).unwrap();
        emulator.fail_system_instance_deployments(&urn, 1);
        emulator.deploy_system_instance(&urn).unwrap();
        emulator.faults().add(FaultRule::on(Operation::GetDeployment, FaultAction::ResetAfter));
        emulator.set_switches(Switches::default().with_flag("jobDeletionMs=1").unwrap());
        emulator
            .perform(
                &scope(),
                Operation::CancelDeployment,
                &json!({"deploymentId": "11111111-1111-4111-8111-111111111111"}),
            )
            .unwrap_err();
        assert!(emulator.deployment(&id).is_some());
    }
    assert_eq!(seen(&first), seen(&uninterrupted));
    drop(first);
    for _ in 0..2 {
        let again = place.open();
        assert_eq!(again.begin_with_fleet(&Fleet::from_yaml(FLEET).unwrap()), Ok(None));
        assert_eq!(seen(&again), seen(&uninterrupted));
    }
    let again = place.open();
    for emulator in [&uninterrupted, &again] {
        emulator.advance(Duration::from_mins(10)).unwrap();
    }
    assert_eq!(seen(&again), seen(&uninterrupted));
    let request =
        json!({"targetArn": group("plant"), "components": {}, "clientToken": "another-token-of-a-deployment-00000"});
    let [one, other] =
        [&uninterrupted, &again].map(|emulator| emulator.create_deployment(ACCOUNT, "eu-west-1", &request));
    assert_eq!(one, other);
}

#[test]
fn a_reset_and_settings_that_changed_last_are_kept() {
    let place = Place::new();
    let first = place.open();
    first.create_thing(ACCOUNT, "eu-west-1", "gone").unwrap();
    first.reset();
    first.create_thing(ACCOUNT, "eu-west-1", "there").unwrap();
    let told = Switches::default().with_flag("jobDeletionMs=5").unwrap();
    first.set_switches(told.clone());
    drop(first);
    let again = place.open();
    assert_eq!(again.report()["accounts"][ACCOUNT]["eu-west-1"]["things"], json!(["there"]));
    // The builder says what it said before, so that what was told since counts.
    assert_eq!(again.switches(), told);
    drop(again);
    let other = Switches::default().with_flag("jobDeletionMs=6").unwrap();
    for _ in 0..2 {
        // The seed of the file counts: with another one the replay would be refused.
        let changed = place.open_with(builder().switches(other.clone()).seed(8)).unwrap();
        assert_eq!(changed.switches(), other);
    }
}

#[test]
fn a_change_that_a_crash_has_cut_is_left_out_and_the_next_one_is_whole() {
    let place = Place::new();
    let first = place.open();
    for name in ["a", "b"] {
        first.create_thing(ACCOUNT, "eu-west-1", name).unwrap();
    }
    drop(first);
    let whole = place.text();
    let last = whole.trim_end().rfind('\n').unwrap() + 1;
    for end in last..whole.len() {
        fs::write(&place.0, &whole[..end]).unwrap();
        let again = place.open();
        assert_eq!(again.report()["accounts"][ACCOUNT]["eu-west-1"]["things"], json!(["a"]), "{end}");
        again.create_thing(ACCOUNT, "eu-west-1", "c").unwrap();
        drop(again);
        assert_eq!(place.open().report()["accounts"][ACCOUNT]["eu-west-1"]["things"], json!(["a", "c"]));
    }
    let first_line = whole.find('\n').unwrap();
    for end in 0..=first_line {
        fs::write(&place.0, &whole[..end]).unwrap();
        assert_eq!(place.open().report(), json!({"accounts": {}}));
    }
}

#[test]
fn another_format_damage_and_other_files_are_refused_and_left_as_they_are() {
    let place = Place::new();
    let first = place.open();
    for name in ["a", "b"] {
        first.create_thing(ACCOUNT, "eu-west-1", name).unwrap();
    }
    let in_use = place.refusal();
    assert!(in_use.contains("in use by another process"), "{in_use}");
    drop(first);
    let whole = place.text();
    for (text, expected) in [
        (
            whole.replacen("State\":1", "State\":2", 1),
            "has format 2, and this version of greengrass-emulator reads format 1",
        ),
        (
            whole.replacen("\"thingName\":\"a\"", "\"thingName\":\"x\"", 1),
            "damaged in line 3: its checksum is another one",
        ),
        (whole.replacen('\n', "\n\n", 1), "damaged in line 2: it is too short"),
        ("diary".to_owned(), "is no state file"),
        ("diary\n".to_owned(), "is no state file"),
        ("{\"greengrassEmulatorState\":1}\n".to_owned(), "is no state file"),
    ] {
        fs::write(&place.0, &text).unwrap();
        let error = place.refusal();
        assert!(error.contains(expected), "{error}");
        assert_eq!(place.text(), text);
    }
}

#[test]
fn a_file_whose_calls_come_out_otherwise_is_refused() {
    let place = Place::new();
    let first = place.open();
    first.create_thing(ACCOUNT, "eu-west-1", "a").unwrap();
    drop(first);
    // With another seed the thing gets another id.
    fs::write(&place.0, place.text().replacen("\"seed\":7", "\"seed\":8", 1)).unwrap();
    let error = place.refusal();
    assert!(error.contains("answered the call in line 3 otherwise"), "{error}");
}

#[test]
fn nobody_else_may_read_it_and_signatures_of_tokens_are_not_in_it() {
    use std::os::unix::fs::PermissionsExt;

    use data_encoding::BASE64URL_NOPAD;

    let place = Place::new();
    let emulator = place.open();
    assert_eq!(fs::metadata(&place.0).unwrap().permissions().mode() & 0o777, 0o600);
    let arn = "arn:aws:iam::210987654321:role/pod";
    let role = json!({"arn": arn, "webIdentity": {}});
    emulator.add_role(serde_json::from_value(role).unwrap());
    let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let signature = part("a signature that somebody else would accept");
    let token =
        format!("{}.{}.{signature}", part("{}"), part("{\"sub\": \"me\", \"aud\": \"x\", \"exp\": 4000000000}"));
    let request = json!({"RoleArn": arn, "RoleSessionName": "me", "WebIdentityToken": token});
    emulator.perform(&scope(), Operation::AssumeRoleWithWebIdentity, &request).unwrap();
    drop(emulator);
    assert!(!place.text().contains(&signature));
    place.open();
}

fn program(place: &Place) -> Program {
    let file = place.0.to_str().unwrap();
    Program::start(&["--state", file, "--quota", "greengrass=unlimited", "--switch", "signatures=anything"])
}

#[test]
fn whatever_was_answered_is_there_after_the_process_was_killed_amid_writes() {
    let place = Place::new();
    let mut answered: Vec<String> = Vec::new();
    for round in 0..12_u64 {
        let mut running = program(&place);
        let address = running.address().to_owned();
        let there = running.things();
        let lost: Vec<_> = answered.iter().filter(|name| !there.contains(*name)).collect();
        assert!(lost.is_empty(), "{round}: {lost:?}");
        // Four clients write without a pause, until the process is gone.
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let address = address.clone();
                std::thread::spawn(move || {
                    (0..100_000)
                        .map(|number| format!("t-{round}-{writer}-{number}"))
                        .take_while(|name| creates(&address, name))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(40 + 37 * round));
        running.kill();
        for writer in writers {
            answered.extend(writer.join().unwrap());
        }
    }
    assert!(answered.len() > 12, "{}", answered.len());
}

/// Whether a thing was made, as far as the caller knows.
fn creates(address: &str, name: &str) -> bool {
    let credential = "AWS4-HMAC-SHA256 Credential=123456789012/20260101/eu-west-1/iot/aws4_request, SignedHeaders=host, Signature=00";
    let request = format!(
        "POST /things/{name} HTTP/1.1\r\nhost: {address}\r\nx-amz-date: 20260101T000000Z\r\nauthorization: {credential}\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    let mut answer = String::new();
    let asked = TcpStream::connect(address).and_then(|mut stream| {
        stream.write_all(request.as_bytes())?;
        stream.read_to_string(&mut answer)
    });
    // The first bytes of an answer are an answer.
    let _ = asked;
    answer.starts_with("HTTP/1.1 200")
}

#[test]
fn two_programs_do_not_share_a_file_and_the_second_one_says_so() {
    let place = Place::new();
    let _first = program(&place);
    let mut second = std::process::Command::new(env!("CARGO_BIN_EXE_greengrass-emulator"));
    let output = second.args(["--listen", "127.0.0.1:0", "--state", place.0.to_str().unwrap()]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("in use by another process"), "{error}");
}
