//! docs/emulator-coverage.md says what of AWS's interface the emulator has and how that is tested: generated from the code and the tests.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use greengrass_emulator::Emulator;
use serde_json::Value;

use crate::{admin::admin, document::words};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/emulator-coverage.md");
const CRATE: &str = env!("CARGO_MANIFEST_DIR");

const HEAD: &str = "\
# What of AWS's interface the emulator has

<!-- Generated. After a change: UPDATE_DOCS=1 cargo test -p greengrass-emulator --test clients coverage -->

Each operation that [the emulator](emulator.md) implements, and each that it knows by name only. What is not implemented is
answered with status 501 and an error whose message ends with the operation's name, so that a tool that needs it fails where it
does and says why.

How an operation is tested:

- *unit*: the tests beside the code of the state machine call it;
- *AWS CLI*, *boto3*: the client itself calls it over HTTP, in scripts and walkthroughs;
- *Rust SDK*: the client calls it inside a test;
- *contract*: requests at and beyond each constraint of botocore's service model, whose answers are held to it. The same test calls
  every operation that botocore's models have and the emulator doesn't implement, and holds the answer to what is listed here.

Of AWS IoT Core itself only what is about things, thing groups, jobs and job templates is known by name; anything else of it is an
`UnknownOperationException`, status 404, with method and path.
";

/// The services by the names that they are signed with, and as people call them.
const SERVICES: [(&str, &str); 5] = [
    ("greengrass", "AWS IoT Greengrass V2 (`greengrassv2`)"),
    ("iot", "AWS IoT Core (`iot`)"),
    ("iotdata", "The data plane of AWS IoT Core (`iot-data`)"),
    ("iotthingsgraph", "AWS IoT Things Graph (`iotthingsgraph`)"),
    ("sts", "AWS STS (`sts`)"),
];

/// The texts of the files below a folder, with their paths.
fn files(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "py") {
            found.push((path.to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()));
        }
    }
}

/// What the tests hold, by the way in which they call.
struct Tests {
    unit: String,
    commands: BTreeSet<String>,
    scripts: String,
    rust: String,
    contract: String,
}

impl Tests {
    fn read() -> Self {
        let (mut sources, mut clients) = (Vec::new(), Vec::new());
        files(&Path::new(CRATE).join("src"), &mut sources);
        files(&Path::new(CRATE).join("tests/clients"), &mut clients);
        let is_test = |path: &str| path.ends_with("tests.rs") || path.ends_with("properties.rs");
        let below = |text: &str| text.split_once("#[cfg(test)]\nmod tests {").map(|(_, tests)| tests.to_owned());
        let unit =
            sources.iter().filter_map(|(path, text)| if is_test(path) { Some(text.clone()) } else { below(text) });
        let all = |passes: &dyn Fn(&str) -> bool| -> String {
            clients.iter().filter(|(path, _)| passes(path)).map(|(_, text)| text.as_str()).collect()
        };
        let is = |path: &str, kind: &str| Path::new(path).extension().is_some_and(|extension| extension == kind);
        let is_command = |character: char| character == '-' || character.is_ascii_alphanumeric();
        let shell =
            all(&|path| is(path, "rs")) + &fs::read_to_string(format!("{CRATE}/../../docs/emulator.md")).unwrap();
        Self {
            unit: unit.collect(),
            commands: shell.split(|character| !is_command(character)).map(ToOwned::to_owned).collect(),
            scripts: all(&|path| is(path, "py") && !path.contains("/contract/")),
            rust: all(&|path| is(path, "rs")),
            contract: all(&|path| path.contains("/contract/")),
        }
    }

    /// How an operation is tested.
    fn of(&self, operation: &str) -> Vec<&'static str> {
        let (kebab, snake) = (words(operation, '-'), words(operation, '_'));
        let by_script = [format!(".{snake}("), format!(".{snake},"), format!("(\"{snake}\")")];
        let ways = [
            ("unit", self.unit.contains(&format!("Operation::{operation}"))),
            ("AWS CLI", self.commands.contains(&kebab)),
            ("boto3", by_script.iter().any(|call| self.scripts.contains(call))),
            ("Rust SDK", self.rust.contains(&format!(".{snake}()"))),
            ("contract", self.contract.contains(&format!("\"{operation}\": Base"))),
        ];
        ways.into_iter().filter(|(_, is)| *is).map(|(way, _)| way).collect()
    }
}

async fn page() -> String {
    let emulator = Emulator::default();
    let (_, implemented) = admin(&emulator, "GET", "/_emulator/operations", &Value::Null).await;
    let (_, missing) = admin(&emulator, "GET", "/_emulator/operations/missing", &Value::Null).await;
    let tests = Tests::read();
    let mut page = HEAD.to_owned();
    assert_eq!(implemented.as_object().unwrap().len(), SERVICES.len(), "a service has no section");
    for (service, title) in SERVICES {
        let mut there: Vec<&str> =
            implemented[service].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        there.sort_unstable();
        let lacking: Vec<(&String, &Value)> = missing[service].as_object().into_iter().flatten().collect();
        let known = there.len() + lacking.len();
        write!(page, "\n## {title}\n\n{} of {known} operations.\n\n", there.len()).unwrap();
        page.push_str("| operation | | tested by |\n|---|---|---|\n");
        for operation in there {
            let ways = tests.of(operation);
            assert!(!ways.is_empty(), "nothing tests {operation}");
            writeln!(page, "| `{operation}` | implemented | {} |", ways.join(", ")).unwrap();
        }
        for (operation, error) in lacking {
            let code = error["errorCode"].as_str().unwrap();
            writeln!(page, "| `{operation}` | {} `{code}` | contract |", error["status"]).unwrap();
        }
    }
    page
}

#[tokio::test]
async fn the_coverage_is_that_of_the_code() {
    let page = page().await;
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(PATH, page).unwrap();
    } else {
        let written = fs::read_to_string(PATH).unwrap_or_default();
        assert!(written == page, "docs/emulator-coverage.md is stale: run what stands at its beginning");
    }
}
