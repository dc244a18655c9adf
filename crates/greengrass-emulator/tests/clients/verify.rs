//! `tools/verify-on-aws` finds out what it is there for: the position of each switch, wherever it is.

use serde_json::Value;

use crate::program::Program;

/// What can't be found out without devices, or is about the emulator alone. That of Things Graph, neither: nobody can try what the service does any more.
const OUT_OF_REACH: [&str; 6] = [
    "abortedDeployment",
    "rolloutQueues",
    "removedComponentConfiguration",
    "dependencyVersions",
    "unknownComponents",
    "signatures",
];

/// Runs it, and compares each line of its report with the program's switches.
fn finds_every_switch_of(program: &Program) {
    let output = program.shell().args(["-c", "python3 -B tools/verify-on-aws"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let switches = program.admin("GET", "switches", &Value::Null);
    let positions =
        switches.as_object().unwrap().iter().filter_map(|(name, position)| Some((name, position.as_str()?)));
    let mut found = 0;
    let in_reach = |name: &str| !OUT_OF_REACH.contains(&name) && !name.starts_with("systemInstance");
    for (name, position) in positions.filter(|(name, _)| in_reach(name)) {
        assert!(said.contains(&format!("| `{name}` | {position} |")), "{name} is {position}:\n{said}");
        found += 1;
    }
    assert_eq!(found, 16);
    let state = program.admin("GET", "state", &Value::Null).to_string();
    assert!(!state.contains(r#""deploymentId""#), "nothing is left: {state}");
}

#[test]
fn what_aws_does_is_found_out_where_it_does_what_the_operator_assumes() {
    finds_every_switch_of(&Program::start(&["--quota", "greengrass=unlimited"]));
}

#[test]
fn what_aws_does_is_found_out_where_it_does_everything_in_the_other_way() {
    let switches = "cancelInactive=alreadyCanceled,deleteBeforeCancel=conflict,tokenReuse=createAnew,\
                    thingJobConfiguration=rejected,versionRanges=accepted,boundToOtherParent=validation,\
                    endedSubdeployment=canceled,parentWithoutDeployment=rejected,revisionsAfterDelete=restart,\
                    plainList=hidesSubdeployments,listOrder=oldestFirst,missingTarget=validation,\
                    supersededRevision=canceled,revisionCounter=target,latestForTarget=alwaysFalse,jobNamespace=required";
    let mut arguments = vec!["--quota", "greengrass=unlimited"];
    for switch in switches.split(',') {
        arguments.extend(["--switch", switch]);
    }
    finds_every_switch_of(&Program::start(&arguments));
}
