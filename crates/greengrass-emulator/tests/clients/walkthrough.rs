//! The AWS CLI does what AWS's documents walk through, with simulated devices and a clock that moves when it is told to.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{
    cli::Cli,
    support::{ACCOUNT, REGION},
};

fn group(name: &str) -> String {
    format!("arn:aws:iot:{REGION}:{ACCOUNT}:thinggroup/{name}")
}

fn thing(name: &str) -> String {
    format!("arn:aws:iot:{REGION}:{ACCOUNT}:thing/{name}")
}

/// The behaviour of devices on which a version of the component doesn't start.
fn breaking_on(version: &str) -> Value {
    json!({"rules": [{"component": "com.example.App", "version": version, "outcome": "componentBroken"}]})
}

/// A deployment of one version of a component; `rest` are further arguments. Its id and its job's.
fn deploy(cli: &Cli, target: &str, version: &str, rest: &str) -> (String, String) {
    let components = json!({"com.example.App": {"componentVersion": version}});
    let create = format!("greengrassv2 create-deployment --target-arn {target} --components {components}{rest}");
    let created = cli.aws(&create);
    let text = |member: &str| created[member].as_str().unwrap_or_default().to_owned();
    (text("deploymentId"), text("iotJobId"))
}

fn job(cli: &Cli, id: &str) -> Value {
    cli.aws(&format!("iot describe-job --job-id {id}"))["job"].clone()
}

/// The counts of a job that are not zero.
fn counts(job: &Value) -> Vec<(&str, u64)> {
    let details = job["jobProcessDetails"].as_object().unwrap();
    let counts = details.iter().filter_map(|(name, count)| Some((name.as_str(), count.as_u64()?)));
    counts.filter(|(_, count)| *count > 0).collect()
}

fn status(cli: &Cli, deployment: &str) -> Value {
    cli.aws(&format!("greengrassv2 get-deployment --deployment-id {deployment}"))["deploymentStatus"].clone()
}

/// The things whose execution of a job has a status.
fn things_with(cli: &Cli, job: &str, status: &str) -> Vec<String> {
    let executions = cli.aws(&format!("iot list-job-executions-for-job --job-id {job} --status {status}"));
    let summaries = executions["executionSummaries"].as_array().unwrap();
    summaries
        .iter()
        .map(|summary| {
            assert_eq!(summary["jobExecutionSummary"]["status"], status);
            summary["thingArn"].as_str().unwrap().rsplit_once('/').unwrap().1.to_owned()
        })
        .collect()
}

/// The components on a device with their versions.
fn components(cli: &Cli, device: &str) -> Vec<(String, String)> {
    let installed = cli.aws(&format!("greengrassv2 list-installed-components --core-device-thing-name {device}"));
    let text = |component: &Value, member: &str| component[member].as_str().unwrap().to_owned();
    let components = installed["installedComponents"].as_array().unwrap();
    components.iter().map(|item| (text(item, "componentName"), text(item, "componentVersion"))).collect()
}

fn with_app(version: &str) -> Vec<(String, String)> {
    let component = |name: &str, version: &str| (name.to_owned(), version.to_owned());
    vec![component("aws.greengrass.Nucleus", "2.14.3"), component("com.example.App", version)]
}

fn effective(cli: &Cli, device: &str) -> Value {
    let list = cli.aws(&format!("greengrassv2 list-effective-deployments --core-device-thing-name {device}"));
    assert_eq!(list["effectiveDeployments"].as_array().unwrap().len(), 1, "{list}");
    list["effectiveDeployments"][0].clone()
}

fn execution(cli: &Cli, job: &str, thing: &str) -> Value {
    cli.aws(&format!("iot describe-job-execution --job-id {job} --thing-name {thing}"))["execution"].clone()
}

#[test]
fn a_deployment_to_a_group_is_watched_until_every_device_has_it() {
    let cli = Cli::with_fleet(&json!([
        {"name": "core-#", "count": 2},
        {"name": "core-3", "behaviour": {"availability": "never"}},
    ]));
    let (deployment, id) = deploy(&cli, &group("fleet"), "1.0.0", "");

    let begun = job(&cli, &id);
    assert_eq!(counts(&begun), []);
    assert_eq!(begun["jobArn"], format!("arn:aws:iot:{REGION}:{ACCOUNT}:job/{id}"));
    assert_eq!((&begun["targets"], &begun["targetSelection"]), (&json!([group("fleet")]), &json!("CONTINUOUS")));
    cli.pass(2);
    assert_eq!(counts(&job(&cli, &id)), [("numberOfInProgressThings", 2), ("numberOfQueuedThings", 1)]);
    cli.pass(10);
    assert_eq!(counts(&job(&cli, &id)), [("numberOfQueuedThings", 1), ("numberOfSucceededThings", 2)]);
    assert_eq!(things_with(&cli, &id, "SUCCEEDED"), ["core-1", "core-2"]);
    assert_eq!(effective(&cli, "core-3")["coreDeviceExecutionStatus"], "QUEUED");
    cli.program().admin("POST", "devices/core-3", &json!({"online": true}));
    cli.pass(10);
    let done = job(&cli, &id);
    assert_eq!(counts(&done), [("numberOfSucceededThings", 3)]);
    // It goes on for those who join later.
    assert_eq!((&done["status"], status(&cli, &deployment)), (&json!("IN_PROGRESS"), json!("ACTIVE")));

    let jobs = cli.aws("iot list-jobs --namespace-id aws-gg-deployment")["jobs"].clone();
    assert_eq!((&jobs[0]["jobId"], &jobs[0]["status"], &jobs[1]), (&json!(id), &json!("IN_PROGRESS"), &Value::Null));
    let of_thing = cli.aws("iot list-job-executions-for-thing --thing-name core-3")["executionSummaries"][0].clone();
    assert_eq!((&of_thing["jobId"], &of_thing["jobExecutionSummary"]["status"]), (&json!(id), &json!("SUCCEEDED")));
    let executed = execution(&cli, &id, "core-3");
    assert_eq!((&executed["status"], &executed["thingArn"]), (&json!("SUCCEEDED"), &json!(thing("core-3"))));
    assert_eq!(executed["statusDetails"]["detailsMap"], json!({"detailed-deployment-status": "SUCCESSFUL"}));

    let shown = effective(&cli, "core-3");
    assert_eq!((&shown["deploymentId"], &shown["iotJobId"]), (&json!(deployment), &json!(id)));
    assert_eq!((&shown["coreDeviceExecutionStatus"], &shown["reason"]), (&json!("SUCCEEDED"), &json!("SUCCESSFUL")));
    let devices = cli.aws(&format!("greengrassv2 list-core-devices --thing-group-arn {}", group("fleet")));
    let names: Vec<_> =
        devices["coreDevices"].as_array().unwrap().iter().map(|device| &device["coreDeviceThingName"]).collect();
    assert_eq!(names, ["core-1", "core-2", "core-3"]);
    let device = cli.aws("greengrassv2 get-core-device --core-device-thing-name core-3");
    assert_eq!((&device["status"], &device["coreVersion"]), (&json!("HEALTHY"), &json!("2.14.3")));
    assert_eq!(components(&cli, "core-3"), with_app("1.0.0"));
}

#[test]
fn a_revision_that_fails_is_explained_by_the_device_and_not_by_the_deployment() {
    let cli = Cli::with_fleet(&json!([{"name": "core", "behaviour": breaking_on("1.1.0")}]));
    let (first, first_job) = deploy(&cli, &group("fleet"), "1.0.0", "");
    cli.pass(10);
    let (second, second_job) = deploy(&cli, &group("fleet"), "1.1.0", "");
    cli.pass(10);
    assert_eq!((status(&cli, &first), status(&cli, &second)), (json!("INACTIVE"), json!("ACTIVE")));
    let old = job(&cli, &first_job);
    assert_eq!((&old["status"], counts(&old)), (&json!("CANCELED"), vec![("numberOfSucceededThings", 1)]));
    assert_eq!(counts(&job(&cli, &second_job)), [("numberOfFailedThings", 1)]);

    let cause = "Service com.example.App in broken state after deployment";
    let stack = ["DEPLOYMENT_FAILURE", "COMPONENT_UPDATE_ERROR", "COMPONENT_BROKEN"];
    let failed = execution(&cli, &second_job, "core");
    assert_eq!(failed["status"], "FAILED");
    let details = &failed["statusDetails"]["detailsMap"];
    assert_eq!(details["detailed-deployment-status"], "FAILED_ROLLBACK_COMPLETE");
    assert_eq!(details["deployment-failure-cause"], cause);
    assert_eq!(details["deployment-error-stack"], json!(stack).to_string());
    assert_eq!(details["deployment-error-types"], r#"["USER_COMPONENT_ERROR"]"#);
    let shown = effective(&cli, "core");
    assert_eq!((&shown["deploymentId"], &shown["coreDeviceExecutionStatus"]), (&json!(second), &json!("FAILED")));
    assert_eq!(shown["reason"], format!("COMPONENT_BROKEN: FAILED_ROLLBACK_COMPLETE: {cause}"));
    assert_eq!(shown["statusDetails"], json!({"errorStack": stack, "errorTypes": ["USER_COMPONENT_ERROR"]}));
    assert_eq!(components(&cli, "core"), with_app("1.0.0"));
}

#[test]
fn a_deployment_is_cancelled_for_those_who_have_not_begun_and_then_deleted() {
    let cli = Cli::with_fleet(&json!([
        {"name": "online"},
        {"name": "offline", "behaviour": {"availability": "never"}},
    ]));
    let (deployment, id) = deploy(&cli, &group("fleet"), "1.0.0", "");
    let command = |verb: &str| format!("greengrassv2 {verb}-deployment --deployment-id {deployment}");
    let too_early = cli.refused(&command("delete"));
    assert!(too_early.contains("(ValidationException)") && too_early.contains("must be canceled before deletion"));
    cli.pass(2);
    assert_eq!(cli.aws(&command("cancel")), json!({"message": "SUCCESS"}));
    let again = cli.refused(&command("cancel"));
    assert!(again.contains("(ValidationException)") && again.contains("is already canceled"), "{again}");
    assert_eq!(status(&cli, &deployment), "CANCELED");
    assert_eq!(things_with(&cli, &id, "CANCELED"), ["offline"]);
    assert_eq!(things_with(&cli, &id, "IN_PROGRESS"), ["online"]);
    cli.pass(10);
    let ended = job(&cli, &id);
    let expected = [("numberOfCanceledThings", 1), ("numberOfSucceededThings", 1)];
    assert_eq!((&ended["status"], counts(&ended)), (&json!("CANCELED"), expected.to_vec()));

    assert_eq!(cli.aws(&command("delete")), Value::Null);
    assert_eq!(job(&cli, &id)["status"], "DELETION_IN_PROGRESS");
    let gone = cli.refused(&command("get"));
    assert!(gone.contains("(ResourceNotFoundException)"), "{gone}");
    cli.pass(6);
    let gone = cli.refused(&format!("iot describe-job --job-id {id}"));
    assert!(gone.contains("(ResourceNotFoundException)"), "{gone}");
}

/// Makes twelve revisions and deletes the first ten: in one process, since the CLI would take half a second for each.
const TEN_DELETIONS: &str = "
import boto3, sys
greengrass = boto3.client('greengrassv2')
ids = [greengrass.create_deployment(targetArn=sys.argv[1])['deploymentId'] for _ in range(12)]
for id in ids[:10]:
    greengrass.delete_deployment(deploymentId=id)
print(ids[10])
";

#[test]
fn the_eleventh_deletion_at_once_is_refused_in_the_service_s_words() {
    let cli = Cli::with_fleet(&json!([]));
    let mut python = cli.program().client("python3");
    let output = python.args(["-c", TEN_DELETIONS, &group("fleet")]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let eleventh = String::from_utf8(output.stdout).unwrap();
    let delete = format!("greengrassv2 delete-deployment --deployment-id {}", eleventh.trim_end());
    let refused = cli.refused(&delete);
    assert!(
        refused.contains("(ThrottlingException)")
            && refused.contains(
                "Exceeded the AWS IoT Jobs service quota for the number of jobs with status DELETION_IN_PROGRESS."
            ),
        "{refused}"
    );
    cli.pass(6);
    cli.aws(&delete);
}

#[test]
fn a_subdeployment_heals_the_devices_that_failed_until_the_parent_s_next_revision() {
    let cli = Cli::with_fleet(&json!([
        {"name": "sound-#", "count": 2},
        {"name": "sick", "behaviour": breaking_on("1.1.0")},
    ]));
    let (_, parent_job) = deploy(&cli, &group("fleet"), "1.1.0", "");
    cli.pass(10);
    let failed = things_with(&cli, &parent_job, "FAILED");
    assert_eq!(failed, ["sick"]);

    cli.aws("iot create-thing-group --thing-group-name fix");
    for name in &failed {
        cli.aws(&format!("iot add-thing-to-thing-group --thing-group-name fix --thing-name {name}"));
    }
    let parent = format!(" --parent-target-arn {}", group("fleet"));
    let (sub, sub_job) = deploy(&cli, &group("fix"), "1.1.1", &parent);
    cli.pass(10);
    assert_eq!(things_with(&cli, &sub_job, "SUCCEEDED"), ["sick"]);
    assert_eq!(components(&cli, "sick"), with_app("1.1.1"));
    assert_eq!(components(&cli, "sound-1"), with_app("1.1.0"));

    let (_, next_job) = deploy(&cli, &group("fleet"), "1.2.0", "");
    cli.pass(10);
    assert_eq!((status(&cli, &sub), &job(&cli, &sub_job)["status"]), (json!("INACTIVE"), &json!("CANCELED")));
    assert_eq!(things_with(&cli, &next_job, "SUCCEEDED"), ["sick", "sound-1", "sound-2"]);
    assert_eq!(components(&cli, "sick"), with_app("1.2.0"));
}

/// What the device and the service have written into the shadow by which a thing is told of its deployment.
fn shadow(cli: &Cli, name: &str) -> Value {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("shadow-of-{name}.json"));
    let get = format!("iot-data get-thing-shadow --thing-name {name} --shadow-name AWSManagedGreengrassV2Deployment");
    cli.ok(&get.split(' ').chain([file.to_str().unwrap()]).collect::<Vec<_>>());
    serde_json::from_str::<Value>(&fs::read_to_string(file).unwrap()).unwrap()["state"].clone()
}

#[test]
fn a_thing_s_deployment_goes_through_its_shadow_and_has_the_device_s_status() {
    let cli = Cli::with_fleet(&json!([{"name": "lone-core", "behaviour": breaking_on("1.1.0")}]));
    let arn = thing("lone-core");
    let (first, no_job) = deploy(&cli, &arn, "1.0.0", "");
    let configuration =
        |revision: u32| format!("arn:aws:greengrass:{REGION}:{ACCOUNT}:configuration:thing/lone-core:{revision}");
    let asked = shadow(&cli, "lone-core");
    assert_eq!(asked["desired"]["fleetConfigurationArn"], configuration(1));
    assert_eq!((asked["reported"]["status"].as_str(), no_job.as_str()), (Some("IN_PROGRESS"), ""));
    assert_eq!(status(&cli, &first), "ACTIVE");
    cli.pass(10);
    assert_eq!(status(&cli, &first), "COMPLETED");
    let done = shadow(&cli, "lone-core")["reported"].clone();
    assert_eq!(
        (&done["fleetConfigurationArnForStatus"], &done["status"]),
        (&json!(configuration(1)), &json!("SUCCEEDED"))
    );
    assert_eq!(effective(&cli, "lone-core")["coreDeviceExecutionStatus"], "COMPLETED");

    let (second, _) = deploy(&cli, &arn, "1.1.0", "");
    cli.pass(10);
    assert_eq!((status(&cli, &first), status(&cli, &second)), (json!("INACTIVE"), json!("FAILED")));
    let failed = shadow(&cli, "lone-core")["reported"].clone();
    assert_eq!(
        (&failed["fleetConfigurationArnForStatus"], &failed["status"]),
        (&json!(configuration(2)), &json!("FAILED"))
    );
    assert_eq!(failed["statusDetails"]["detailedStatus"], "FAILED_ROLLBACK_COMPLETE");
    assert_eq!(components(&cli, "lone-core"), with_app("1.0.0"));
}

#[test]
fn a_job_is_cancelled_and_deleted_by_force_and_takes_its_deployment_along() {
    let cli = Cli::with_fleet(&json!([{"name": "core"}]));
    let (first, first_job) = deploy(&cli, &group("fleet"), "1.0.0", "");
    cli.pass(2);
    cli.aws(&format!("iot cancel-job --job-id {first_job} --force --reason-code WRONG --comment oops"));
    let cancelled = job(&cli, &first_job);
    assert_eq!((&cancelled["status"], &cancelled["forceCanceled"]), (&json!("CANCELED"), &json!(true)));
    assert_eq!((&cancelled["reasonCode"], &cancelled["comment"]), (&json!("WRONG"), &json!("oops")));
    let executed = execution(&cli, &first_job, "core");
    assert_eq!((&executed["status"], &executed["forceCanceled"]), (&json!("CANCELED"), &json!(true)));
    assert_eq!(status(&cli, &first), "CANCELED");

    let (second, second_job) = deploy(&cli, &group("fleet"), "1.0.1", "");
    let delete = format!("iot delete-job --namespace-id aws-gg-deployment --job-id {second_job}");
    let refused = cli.refused(&delete);
    assert!(refused.contains("(InvalidStateTransitionException)"), "{refused}");
    cli.aws(&format!("{delete} --force"));
    assert_eq!(job(&cli, &second_job)["status"], "DELETION_IN_PROGRESS");
    assert_eq!(status(&cli, &second), "CANCELED");
    cli.pass(6);
    let jobs = cli.aws("iot list-jobs")["jobs"].clone();
    assert_eq!((&jobs[0]["jobId"], &jobs[1]), (&json!(first_job), &Value::Null));
}
