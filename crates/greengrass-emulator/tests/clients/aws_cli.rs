//! The AWS CLI drives groups, things and subdeployments through their life.

use serde_json::{Value, json};

use crate::{
    cli::Cli,
    program::Program,
    support::{ACCOUNT, REGION},
};

#[test]
fn the_aws_cli_learns_who_calls_unless_it_signs_wrongly() {
    let program = Program::start(&["--access-key", "AKIDEXAMPLE:of/the+cli:210987654321"]);
    let identity = |id: &str, secret: &str| {
        let mut command = program.client("aws");
        command.env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret);
        let output = command.args(["sts", "get-caller-identity"]).output().unwrap();
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        if output.status.success() { Ok(serde_json::from_str::<Value>(&printed).unwrap()) } else { Err(printed) }
    };
    for (id, secret, account) in
        [(ACCOUNT, "secret", ACCOUNT), ("test", "test", ACCOUNT), ("AKIDEXAMPLE", "of/the+cli", "210987654321")]
    {
        let answer = identity(id, secret).unwrap();
        assert_eq!(answer["Account"], account);
        assert_eq!(answer["Arn"], json!(format!("arn:aws:iam::{account}:user/emulator")));
    }
    let refused = identity(ACCOUNT, "wrong").unwrap_err();
    assert!(
        refused.contains("(SignatureDoesNotMatch)") && refused.contains("The request signature we calculated"),
        "{refused}"
    );
    let unknown = identity("AKIDUNKNOWN", "secret").unwrap_err();
    assert!(unknown.contains("(InvalidClientTokenId)"), "{unknown}");
}

#[test]
fn the_aws_cli_assumes_a_role_and_works_with_its_session() {
    let cli = Cli::start(&["--seed", "1"]);
    let program = cli.program();
    let arn = "arn:aws:iam::210987654321:role/deployer";
    let role = json!({"arn": arn, "trustedPrincipals": [ACCOUNT], "externalId": "f1e2", "deniedOperations": ["CreateDeployment"]});
    program.admin("POST", "roles", &role);
    let command = format!("sts assume-role --role-arn {arn} --role-session-name cli --tags Key=team,Value=edge");
    let refused = cli.refused(&command);
    let expected = format!(
        "(AccessDenied) when calling the AssumeRole operation: User: arn:aws:iam::{ACCOUNT}:user/emulator is not authorized to perform: \
         sts:AssumeRole on resource: {arn}"
    );
    assert!(refused.contains(&expected), "{refused}");
    let assumed = cli.aws(&format!("{command} --external-id f1e2"));
    let session = |arguments: &[&str]| {
        let mut command = program.client("aws");
        for (name, member) in [
            ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
            ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
            ("AWS_SESSION_TOKEN", "SessionToken"),
        ] {
            command.env(name, assumed["Credentials"][member].as_str().unwrap());
        }
        let output = command.args(arguments).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let identity: Value = serde_json::from_str(&session(&["sts", "get-caller-identity"])).unwrap();
    assert_eq!(identity["Arn"], "arn:aws:sts::210987654321:assumed-role/deployer/cli");
    assert_eq!(identity["UserId"], assumed["AssumedRoleUser"]["AssumedRoleId"]);
    assert_eq!(
        serde_json::from_str::<Value>(&session(&["greengrassv2", "list-deployments"])).unwrap(),
        json!({"deployments": []})
    );
    let target = "arn:aws:iot:eu-west-1:210987654321:thing/x";
    let denied = session(&["greengrassv2", "create-deployment", "--target-arn", target]);
    assert!(denied.contains("(AccessDeniedException)") && denied.contains("greengrass:CreateDeployment"), "{denied}");
    program.admin("DELETE", &format!("roles?arn={arn}"), &Value::Null);
    let gone = session(&["greengrassv2", "list-deployments"]);
    assert!(gone.contains("(UnrecognizedClientException)"), "{gone}");
}

#[test]
fn the_aws_cli_deploys_to_a_group_a_thing_and_a_subgroup() {
    let cli = Cli::start(&["--seed", "1"]);
    let create_group = ["iot", "create-thing-group", "--thing-group-name"];
    let group = cli.text(&[&create_group[..], &["MyGreengrassCoreGroup"]].concat(), "thingGroupArn");
    let canary = cli.text(&[&create_group[..], &["Canary"]].concat(), "thingGroupArn");
    let thing = cli.text(&["iot", "create-thing", "--thing-name", "MyGreengrassCore"], "thingArn");
    assert_eq!(thing, format!("arn:aws:iot:{REGION}:{ACCOUNT}:thing/MyGreengrassCore"));
    let add = ["iot", "add-thing-to-thing-group", "--thing-name", "MyGreengrassCore", "--thing-group-name", "Canary"];
    cli.ok(&add);
    let members = cli.ok(&["iot", "list-things-in-thing-group", "--thing-group-name", "Canary"]);
    assert_eq!(members, json!({"things": ["MyGreengrassCore"]}));

    // The request of the CLI's own reference, for this group.
    let request = json!({
        "targetArn": group,
        "deploymentName": "Deployment for MyGreengrassCoreGroup",
        "components": {"aws.greengrass.Nucleus": {
            "componentVersion": "2.0.3",
            "configurationUpdate": {
                "reset": ["/networkProxy", "/mqtt"],
                "merge": "{\"jvmOptions\":\"-Xmx64m\",\"logging\":{\"level\":\"WARN\"}}",
            },
        }},
        "deploymentPolicies": {
            "failureHandlingPolicy": "ROLLBACK",
            "componentUpdatePolicy": {"timeoutInSeconds": 60, "action": "NOTIFY_COMPONENTS"},
            "configurationValidationPolicy": {"timeoutInSeconds": 60},
        },
        "iotJobConfiguration": {},
        "tags": {"team": "edge"},
    });
    let input = request.to_string();
    let created = cli.ok(&["greengrassv2", "create-deployment", "--cli-input-json", &input]);
    let first = created["deploymentId"].as_str().unwrap();
    assert!(created["iotJobArn"].as_str().unwrap().ends_with(created["iotJobId"].as_str().unwrap()));
    let got = cli.ok(&["greengrassv2", "get-deployment", "--deployment-id", first]);
    for member in ["targetArn", "deploymentName", "components", "deploymentPolicies", "tags"] {
        assert_eq!(got[member], request[member], "{member}");
    }
    assert_eq!((&got["revisionId"], &got["deploymentStatus"]), (&json!("1"), &json!("ACTIVE")));

    let create = ["greengrassv2", "create-deployment", "--target-arn"];
    let second = cli.text(&[&create[..], &[&group]].concat(), "deploymentId");
    let to_thing = cli.ok(&[&create[..], &[&thing]].concat());
    assert!(to_thing.get("iotJobId").is_none());
    let sub = cli.text(&[&create[..], &[&canary, "--parent-target-arn", &group]].concat(), "deploymentId");

    let list = ["greengrassv2", "list-deployments"];
    let history = cli.ok(&[&list[..], &["--target-arn", &group, "--history-filter", "ALL"]].concat());
    let statuses: Vec<_> = history["deployments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["revisionId"].as_str().unwrap(), row["deploymentStatus"].as_str().unwrap()))
        .collect();
    assert_eq!(statuses, [("2", "ACTIVE"), ("1", "INACTIVE")]);
    let subs = cli.ok(&[&list[..], &["--parent-target-arn", &group]].concat());
    assert_eq!(subs["deployments"][0]["deploymentId"], json!(sub));
    let paged = cli.ok(&[&list[..], &["--page-size", "1"]].concat());
    assert_eq!(paged["deployments"].as_array().unwrap().len(), 3);

    let arn = format!("arn:aws:greengrass:{REGION}:{ACCOUNT}:deployments:{first}");
    let tags =
        |operation: &str, rest: &[&str]| cli.ok(&[&["greengrassv2", operation, "--resource-arn", &arn], rest].concat());
    tags("tag-resource", &["--tags", "Owner=richard-roe,stage=canary one"]);
    tags("untag-resource", &["--tag-keys", "team", "stage"]);
    assert_eq!(tags("list-tags-for-resource", &[]), json!({"tags": {"Owner": "richard-roe"}}));

    let by_id = |operation: &str, id: &str| cli.run(&["greengrassv2", operation, "--deployment-id", id]);
    let too_early = by_id("delete-deployment", &second).unwrap_err();
    assert!(too_early.contains("ValidationException") && too_early.contains("must be canceled before deletion"));
    assert_eq!(by_id("cancel-deployment", &second), Ok(json!({"message": "SUCCESS"})));
    assert_eq!(by_id("delete-deployment", &second), Ok(Value::Null));
    let gone = by_id("get-deployment", &second).unwrap_err();
    assert!(gone.contains("ResourceNotFoundException"), "{gone}");
    let nobody = format!("{group}-of-nobody");
    let missing = cli.run(&[&create[..], &[&nobody]].concat()).unwrap_err();
    assert!(missing.contains("ResourceNotFoundException"), "{missing}");
}
