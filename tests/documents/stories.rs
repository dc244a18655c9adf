//! Pages that are followed word by word: their blocks are run in order, against a real API server, the operator and an
//! emulated AWS, and print what the page shows (does I/O: starts processes).

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use greengrass_emulator::Fleet;
use serde_json::{Value, json};

use super::blocks::{Test, test_of};
use super::markdown::{Page, pages, repository};
use crate::world::{ACCOUNT, World};

/// Where the pages deploy to.
const PAGES_REGION: &str = "us-west-2";

/// A page that is followed, and what it takes for granted.
struct Story {
    page: &'static str,
    /// Devices: how they are called, how many, and their thing groups.
    devices: &'static [(&'static str, usize, &'static [&'static str])],
    /// What somebody has done before.
    before: &'static str,
}

const STORIES: [Story; 7] = [
    Story { page: "README.md", devices: &[("first-##", 10, &["FirstSteps"])], before: "" },
    Story { page: "docs/first-deployment.md", devices: &[], before: "" },
    Story {
        page: "docs/guides/adopting.md",
        devices: &[("lathe-#", 3, &["Lathes"])],
        before: r#"aws greengrassv2 create-deployment --deployment-name 'by hand' \
          --target-arn arn:aws:iot:us-west-2:123456789012:thinggroup/Lathes \
          --components '{"com.example.Lathe":{"componentVersion":"2.3.0","configurationUpdate":{"merge":"{\"feed\":{\"limit\":40}}"}}}'"#,
    },
    Story {
        page: "docs/guides/canaries.md",
        devices: &[("mill-#", 4, &["Mills"]), ("canary-#", 2, &["Mills", "MillsCanary"])],
        before: "",
    },
    Story { page: "docs/guides/configuration.md", devices: &[("oven-#", 3, &["Ovens"])], before: "" },
    Story { page: "docs/guides/upgrading.md", devices: &[], before: "" },
    Story { page: "docs/guides/removing.md", devices: &[("drill-#", 3, &["Drills"])], before: "" },
];

/// The world of a page: what `make demo` leaves in `.demo/`, and devices that take a second.
fn world(story: &Story) -> World {
    let stem = Path::new(story.page).file_stem().unwrap().to_str().unwrap().to_lowercase();
    let world = World::new(&stem);
    for (name, count, groups) in story.devices {
        let named: Vec<Value> = groups.iter().map(|group| json!({"name": group})).collect();
        let devices = json!({"name": name, "count": count, "groups": groups, "behaviour": {"takes": {"seconds": 1}}});
        let account = json!({"account": ACCOUNT, "region": PAGES_REGION, "groups": named, "devices": [devices]});
        world.emulator.add_fleet(&Fleet::from_yaml(&json!({"accounts": [account]}).to_string()).unwrap()).unwrap();
    }
    let folder = world.folder().join("clone");
    let demo = folder.join(".demo");
    fs::create_dir_all(&demo).unwrap();
    for part in ["charts", "crds", "docs", "examples"] {
        symlink(repository().join(part), folder.join(part)).unwrap();
    }
    let port = world.endpoint().rsplit(':').next().unwrap();
    fs::write(demo.join("emulator.port"), port).unwrap();
    let text = fs::read_to_string(world.cluster.kubeconfig()).unwrap();
    let mut kubeconfig: Value = serde_saphyr::from_str(&text).unwrap();
    kubeconfig["contexts"][0]["context"]["namespace"] = world.namespace.clone().into();
    fs::write(demo.join("kubeconfig"), kubeconfig.to_string()).unwrap();
    world
}

/// Runs the blocks of a page in one shell; what each printed.
fn followed(page: &Page, world: &World, before: &str) -> Vec<(usize, String)> {
    let folder = world.folder().join("clone");
    let mut script = format!("set -euo pipefail\n{before}\n");
    let mut run = Vec::new();
    for block in &page.blocks {
        let Ok(Test::Run { fails }) = test_of(page, block) else { continue };
        let file = format!("{}/output-{}", world.folder().display(), block.line);
        writeln!(script, "echo {} >&2", page.at(block.line)).unwrap();
        if fails {
            writeln!(script, "if {{\n{}\n}} >{file} 2>&1; then echo it is not refused >&2; exit 1; fi", block.text)
                .unwrap();
        } else {
            writeln!(script, "{{\n{}\n}} >{file} 2>{file}.err || {{ cat {file}.err >&2; exit 1; }}", block.text)
                .unwrap();
        }
        run.push((block.line, file));
    }
    let clients = testcluster::tools::clients().unwrap();
    let own = Path::new(env!("CARGO_BIN_EXE_greengrass-operator")).parent().unwrap().to_owned();
    let path = [clients, super::commands::aws_programs(), own].map(|folder| folder.display().to_string()).join(":");
    let bash = Command::new("timeout")
        .args(["900", "bash", "-c", &script])
        .current_dir(&folder)
        .env_clear()
        .env("PATH", format!("{path}:/usr/local/bin:/usr/bin:/bin"))
        .env("HOME", world.folder())
        .env("KUBECONFIG", folder.join(".demo/kubeconfig"))
        .env("AWS_ENDPOINT_URL", world.endpoint())
        .env("AWS_ACCESS_KEY_ID", ACCOUNT)
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_DEFAULT_REGION", PAGES_REGION)
        .output()
        .unwrap();
    assert!(
        bash.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&bash.stderr),
        world.kubectl(&["get", "ggd", "--output=yaml"]).stdout
    );
    run.into_iter().map(|(line, file)| (line, fs::read_to_string(file).unwrap())).collect()
}

/// What is another one each time: ids, ages, times of day.
fn settled(text: &str) -> Vec<String> {
    let word = |word: &str| {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        let is_id = bare.len() == 36 && bare.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        let is_age = !bare.is_empty()
            && bare.split_inclusive(['s', 'm', 'h']).all(|part| part.strip_suffix(['s', 'm', 'h']).is_some_and(digits));
        let is_time = bare.len() >= 10 && bare.starts_with("20") && bare.contains(['T', ':', '-']);
        let stands_for = if is_id {
            "ID"
        } else if is_age {
            "AGE"
        } else if is_time {
            "TIME"
        } else {
            return word.to_owned();
        };
        word.replace(bare, stands_for)
    };
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    lines.map(|line| line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn only_what_differs_each_time_is_left_out_of_a_comparison() {
    let printed = "presses   True   Deployed   1   12s\nrevision 2 (deployment 0a1b2c3d-4e5f-6789-abcd-ef0123456789)";
    let shown = "presses True  Deployed 1   1m30s\nrevision 2 (deployment ffffffff-4e5f-6789-abcd-ef0123456789)\n";
    assert_eq!(settled(printed), settled(shown));
    assert_ne!(settled(printed), settled(&shown.replace("Deployed", "RolledOut")));
    assert_ne!(settled("10/10 2"), settled("9/10 2"));
}

#[test]
fn every_page_whose_blocks_are_run_has_a_world() {
    for page in pages() {
        let runs = page.blocks.iter().any(|block| matches!(test_of(&page, block), Ok(Test::Run { .. })));
        let has_world = STORIES.iter().any(|story| page.path == Path::new(story.page));
        assert_eq!(runs, has_world, "{}", page.path.display());
    }
}

/// Follows a page and compares what it shows.
fn follow(path: &str) {
    let story = STORIES.iter().find(|story| story.page == path).unwrap();
    let page = Page::read(Path::new(path));
    let world = world(story);
    let printed = followed(&page, &world, story.before);
    let mut before = 0;
    for block in &page.blocks {
        match test_of(&page, block) {
            Ok(Test::Run { .. }) => before = block.line,
            Ok(Test::Output) => {
                let (_, said) = printed.iter().find(|(line, _)| *line == before).unwrap();
                // A page may show only how it begins.
                let (said, shown) = (settled(said), settled(&block.text));
                assert_eq!(said.get(..shown.len().min(said.len())).unwrap(), shown, "{}", page.at(block.line));
            }
            _ => {}
        }
    }
}

#[test]
fn the_readme_is_right_word_by_word() {
    follow("README.md");
}

#[test]
fn a_first_deployment_is_right_word_by_word() {
    follow("docs/first-deployment.md");
}

#[test]
fn the_guide_to_adopt_a_fleet_is_right_word_by_word() {
    follow("docs/guides/adopting.md");
}

#[test]
fn the_guide_to_canaries_is_right_word_by_word() {
    follow("docs/guides/canaries.md");
}

#[test]
fn the_guide_to_configuration_is_right_word_by_word() {
    follow("docs/guides/configuration.md");
}

#[test]
fn the_guide_to_removing_software_is_right_word_by_word() {
    follow("docs/guides/removing.md");
}

#[test]
fn the_guide_to_upgrades_is_right_word_by_word() {
    follow("docs/guides/upgrading.md");
}
