//! docs/emulator.md says what the emulator does: its tables are held to the code, its examples are run.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io::Write as _,
    process::Stdio,
};

use greengrass_emulator::{Emulator, FaultAction, FaultMatch, FaultRule, Fleet, Limits, Outcome, Quotas, Switches};
use serde_json::{Value, json};

use crate::{
    admin::admin,
    program::Program,
    support::{ACCOUNT, REGION, World},
};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/emulator.md");
const FLEET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/fleet.yaml");
const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");

const BEGIN: &str = "<!-- Switches: generated. After a change: UPDATE_DOCS=1 cargo test -p greengrass-emulator --test clients document -->\n";
const END: &str = "<!-- Switches: generated until here. -->\n";

/// The names of the services in the AWS CLI that are signed with another one.
const CLI_NAMES: [(&str, &str); 2] = [("greengrassv2", "greengrass"), ("iot-data", "iotdata")];

fn document() -> String {
    std::fs::read_to_string(PATH).unwrap()
}

/// The text below a heading, up to the next one.
fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let (_, below) = document.split_once(&format!("\n## {heading}\n")).unwrap();
    below.split_once("\n## ").map_or(below, |(section, _)| section)
}

/// The code blocks of a language, in their order.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let begin = format!("\n```{language}\n");
    let blocks = document.split(&begin).skip(1);
    blocks.map(|rest| rest.split_once("\n```").unwrap().0.to_owned() + "\n").collect()
}

/// The rows of all tables, without their headings.
fn rows(section: &str) -> Vec<Vec<String>> {
    let lines: Vec<&str> = section.lines().collect();
    let is_row = |line: &&str| line.starts_with("| ");
    let heading = |index: usize| lines.get(index + 1).is_some_and(|below| below.starts_with("|---"));
    let rows = lines.iter().enumerate().filter(|(index, line)| is_row(line) && !heading(*index));
    rows.map(|(_, line)| {
        let row = line.trim_start_matches('|').trim_end_matches('|');
        row.split('|').map(|cell| cell.trim().to_owned()).collect()
    })
    .collect()
}

/// What stands between backticks.
fn codes(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The variants that serde names when it meets another one.
fn variants<T: serde::de::DeserializeOwned>(value: Value) -> Vec<String> {
    let error = serde_json::from_value::<T>(value).err().unwrap().to_string();
    codes(error.split_once("expected one of").unwrap().1).into_iter().map(ToOwned::to_owned).collect()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The keys of all objects below.
fn all_keys(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            keys.extend(members.keys().cloned());
            members.values().for_each(|below| all_keys(below, keys));
        }
        Value::Array(items) => items.iter().for_each(|below| all_keys(below, keys)),
        _ => {}
    }
}

/// `CreateDeployment` as the AWS CLI and, with underscores, boto3 and the Rust SDK write it.
pub(crate) fn words(name: &str, between: char) -> String {
    let mut words = String::new();
    for character in name.chars() {
        if character.is_uppercase() && !words.is_empty() {
            words.push(between);
        }
        words.extend(character.to_lowercase());
    }
    words
}

async fn operations() -> BTreeMap<String, Vec<String>> {
    let (_, operations) = admin(&Emulator::default(), "GET", "/_emulator/operations", &Value::Null).await;
    serde_json::from_value(operations).unwrap()
}

fn switch_table() -> String {
    let mut table = "| switch | positions, the default first | about |\n|---|---|---|\n".to_owned();
    for switch in Switches::descriptions() {
        let positions: Vec<String> =
            switch.positions.iter().map(|(name, about)| format!("`{name}`: {about}")).collect();
        let milliseconds = switch.milliseconds.map(|default| format!("a number; {default}"));
        let positions = milliseconds.unwrap_or_else(|| positions.join("<br>"));
        writeln!(table, "| `{}` | {positions} | {} |", switch.name, switch.about).unwrap();
    }
    table
}

#[test]
fn the_switches_are_those_of_the_code() {
    let document = document();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    let table = switch_table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PATH, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert_eq!(written, table, "docs/emulator.md is stale: run what stands above the table");
    }
}

/// Every operation has its row, and a row's words on how it is tested are true.
#[tokio::test]
async fn the_operations_are_those_of_the_code() {
    let document = document();
    let read = |file: &str| std::fs::read_to_string(format!("{TESTS}/{file}")).unwrap();
    let files = std::fs::read_dir(TESTS).unwrap().map(|entry| entry.unwrap().path());
    // Things Graph has operations with the names of Greengrass's, and files of its own.
    let rust: String = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let words_of = |text: &str| -> BTreeSet<String> {
        let words = text.split(|character: char| character != '-' && !character.is_ascii_alphanumeric());
        words.map(ToOwned::to_owned).collect()
    };
    let clis = [
        words_of(&(read("aws_cli.rs") + &read("walkthrough.rs") + &read("components.rs"))),
        words_of(&read("things_graph.rs")),
    ];
    let scripts = [
        read("lifecycle.py") + &read("fleet.py") + &read("roles.py") + &read("components.py"),
        read("things_graph.py"),
    ];
    let contract = read("contract/world.py");
    let commands: BTreeSet<(String, String)> = commands(&document).into_iter().collect();
    let mut expected = Vec::new();
    for (service, operations) in operations().await {
        let things_graph = service == "iotthingsgraph";
        let (cli, script) = (&clis[usize::from(things_graph)], &scripts[usize::from(things_graph)]);
        for operation in operations {
            let (kebab, snake) = (words(&operation, '-'), words(&operation, '_'));
            let yes = |yes: bool| if yes { "yes" } else { "–" }.to_owned();
            let by_cli = cli.contains(kebab.as_str()) || commands.contains(&(service.clone(), kebab.clone()));
            let by_script = script.contains(&format!(".{snake}(")) || script.contains(&format!(".{snake},"));
            let by_script = by_script || script.contains(&format!("(\"{snake}\")"));
            let by_rust = !things_graph && rust.contains(&format!(".{snake}()"));
            let by_contract = contract.contains(&format!("\"{operation}\": Base"));
            let row = [service.clone(), format!("`{operation}`"), yes(by_cli), yes(by_script), yes(by_rust)];
            expected.push(row.into_iter().chain([yes(by_contract)]).collect::<Vec<_>>());
        }
    }
    let mut written = rows(section(&document, "Operations"));
    for row in &mut written {
        // Which operations boto3 has a paginator for, its models say, and the contract test uses them all.
        let by_boto3: Vec<&str> = row[3].split(", ").filter(|word| *word != "paginator").collect();
        row[3] = if by_boto3 == ["script"] { "yes" } else { "–" }.to_owned();
    }
    assert_eq!(written, expected);
}

/// The service and the operation of every command of the AWS CLI.
fn commands(document: &str) -> Vec<(String, String)> {
    let mut commands = Vec::new();
    for block in blocks(document, "sh") {
        let mut words = block.split_whitespace().peekable();
        while let Some(word) = words.next() {
            if word.ends_with("aws") && ["aws", "$(aws", "`aws"].contains(&word.rsplit('=').next().unwrap()) {
                let service = words.next().unwrap();
                let name = CLI_NAMES.iter().find(|(cli, _)| *cli == service).map_or(service, |(_, name)| name);
                commands.push((name.to_owned(), words.peek().unwrap().trim_end_matches(')').to_owned()));
            }
        }
    }
    commands
}

#[tokio::test]
async fn commands_are_of_operations_that_there_are() {
    let commands = commands(&document());
    assert!(commands.len() > 10, "{commands:?}");
    let operations = operations().await;
    for (service, command) in commands {
        let known = operations.get(&service).is_some_and(|names| names.iter().any(|name| words(name, '-') == command));
        assert!(known, "aws {service} {command}");
    }
}

#[tokio::test]
async fn every_rule_that_is_shown_is_accepted_and_every_kind_is_shown() {
    let document = document();
    let faults = section(&document, "Faults");
    let emulator = Emulator::default();
    let mut shown = BTreeSet::new();
    for line in blocks(faults, "json").iter().flat_map(|block| block.lines()) {
        let rule: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        shown.insert(rule["action"]["type"].as_str().unwrap().to_owned());
        let (status, answer) = admin(&emulator, "POST", "/_emulator/faults", &rule).await;
        assert_eq!(status, 200, "{line}: {answer}");
    }
    let kinds = variants::<FaultAction>(json!({"type": "nonsense"}));
    assert_eq!(shown, kinds.iter().cloned().collect());

    let described: Vec<String> =
        rows(faults).iter().flat_map(|row| codes(&row[0]).into_iter().map(ToOwned::to_owned)).collect();
    let conditions = serde_json::to_value(FaultMatch::default()).unwrap();
    let rule = serde_json::to_value(FaultRule::new(FaultAction::AccessDenied)).unwrap();
    let conditions = keys(&conditions).into_iter().map(|name| format!("match.{name}"));
    let expected = conditions.chain(keys(&rule).into_iter().map(ToOwned::to_owned)).chain(kinds);
    assert_eq!(described.into_iter().collect::<BTreeSet<_>>(), expected.collect::<BTreeSet<_>>());
}

#[test]
fn the_fleet_is_the_example_which_is_applied_and_has_every_field() {
    let document = document();
    let (text, section) = (std::fs::read_to_string(FLEET).unwrap(), section(&document, "The fleet"));
    assert_eq!(blocks(section, "yaml"), [text.as_str()]);
    let fleet = Fleet::from_yaml(&text).unwrap();
    let emulator = Emulator::default();
    assert_eq!(emulator.add_fleet(&fleet).unwrap(), 223);
    assert_eq!(emulator.devices(Some("Plant")).len(), 223);
    assert_eq!(emulator.devices(Some("Canary")).len(), 20);
    let online = |name: &str| emulator.device(ACCOUNT, REGION, name).unwrap()["online"].clone();
    assert_eq!((online("press-201"), online("press-spare")), (json!(true), json!(false)));

    let mut fields = BTreeSet::new();
    all_keys(&serde_json::to_value(&fleet).unwrap(), &mut fields);
    let table = rows(section);
    let described: BTreeSet<&str> = table
        .iter()
        .flat_map(|row| codes(&row[0]))
        .flat_map(|path| path.split('.').map(|name| name.trim_end_matches("[]")))
        .collect();
    for field in &fields {
        assert!(text.contains(&format!("{field}:")), "{field} is not in the example");
        assert!(described.contains(field.as_str()), "{field} is not described");
    }
    for outcome in variants::<Outcome>(json!("nonsense")) {
        assert!(described.contains(outcome.as_str()), "{outcome}");
    }
}

#[tokio::test]
async fn quotas_ledger_and_admin_interface_are_described_as_they_are() {
    let document = document();
    let described = |heading: &str| -> BTreeSet<String> {
        let rows = rows(section(&document, heading));
        rows.iter().flat_map(|row| codes(&row[0]).into_iter().map(ToOwned::to_owned)).collect()
    };
    let of = |value: Value| keys(&value).into_iter().map(ToOwned::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(described("Quotas"), of(json!(Quotas::default())));
    let world = World::new();
    world.client.list_deployments().send().await.unwrap();
    assert_eq!(described("The ledger"), of(json!(world.emulator.calls()[0])));

    for row in rows(section(&document, "The admin interface")) {
        for method in row[0].split('`').next().unwrap().split(',') {
            for path in codes(&row[0]) {
                let (_, answer) = admin(&world.emulator, method.trim(), path, &Value::Null).await;
                let message = answer["message"].as_str().unwrap_or_default();
                assert!(!message.contains("is not part of"), "{message}");
            }
        }
    }
}

#[test]
fn the_limits_are_those_of_the_code() {
    let described: BTreeMap<String, Value> = rows(section(&document(), "Limits"))
        .iter()
        .map(|row| (codes(&row[0])[0].to_owned(), row[1].parse::<u32>().unwrap().into()))
        .collect();
    assert_eq!(json!(described), json!(Limits::default()));
}

#[test]
fn the_rust_example_is_a_test() {
    let source = include_str!("in_process.rs").split_once("\n\n").unwrap().1;
    assert_eq!(blocks(&document(), "rust"), [source]);
}

#[test]
fn the_example_for_pytest_is_the_files_which_pass() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/pytest");
    let read = |file: &str| std::fs::read_to_string(format!("{folder}/{file}")).unwrap();
    assert_eq!(blocks(&document(), "python")[1..], [read("conftest.py"), read("test_rollout.py")]);
    // Another program than the fixture's gives the client its surroundings, so that what the fixture forgets would show.
    let other = Program::start(&[]);
    let mut pytest = other.client("python3");
    pytest.args(["-B", "-m", "pytest", "-p", "no:cacheprovider", "--quiet", folder]);
    let output = pytest.env("GREENGRASS_EMULATOR", env!("CARGO_BIN_EXE_greengrass-emulator")).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("2 passed"), "{said}");
    assert_eq!(other.admin("GET", "calls", &Value::Null), json!([]));
}

/// The commands from top to bottom in one shell, and then the example for boto3.
#[test]
fn the_commands_and_the_python_example_do_what_they_say() {
    let document = document();
    let program = Program::start(&["--seed", "1", "--fleet", FLEET]);
    // The program runs already, and its image takes minutes: `make e2e-image` builds and runs that.
    let starts_one = |block: &str| block.starts_with("cargo run") || block.starts_with("make emulator-image");
    let commands = blocks(&document, "sh").into_iter().filter(|block| !starts_one(block)).collect::<String>();
    let commands = commands.replace("http://127.0.0.1:4566", &program.url);
    let run = |interpreter: &str, input: &str| {
        let mut shell = program.shell();
        let shell = shell.args(["-euo", "pipefail", "-c", interpreter]);
        let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{interpreter}: {error}");
        String::from_utf8(output.stdout).unwrap()
    };
    let printed = run("eval \"$(cat)\" </dev/null", &commands);
    for expected in ["\"numberOfSucceededThings\": 222", "\"numberOfQueuedThings\": 1", "throttled, as it should be"] {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
    let printed = run("exec python3 -", &blocks(&document, "python")[0]);
    assert!(printed.contains("thing/core-without-device 1 ACTIVE"), "{printed}");
}
