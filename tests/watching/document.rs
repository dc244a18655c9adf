//! docs/watching.md against the program: every metric, every label, the alert rules, and that every link leads somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::rules::rules;
use crate::documents::markdown::Page;

const BEGIN: &str =
    "<!-- The rules. After a change: UPDATE_DOCS=1 cargo test --test operator watching::document -->\n```yaml\n";
const END: &str = "```\n<!-- The rules end here. -->\n";

fn docs(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
}

/// The metrics that the document names, with their labels, which are the words in code of the column.
pub(super) fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let in_code =
        |cell: &str| -> BTreeSet<String> { cell.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect() };
    let document = docs("watching.md");
    let rows = document.lines().filter(|line| line.starts_with("| `greengrass_operator_"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split(" | ").collect();
        assert_eq!(cells.len(), 4, "metric, what it is, labels, meaning: {row}");
        let name = cells[0].trim_start_matches("| ").trim_matches('`');
        (name.to_owned(), in_code(cells[2]))
    })
    .collect()
}

/// The metrics of a page in the text format and the labels of their samples; of a histogram the name that it is declared
/// under, without the label `le`.
pub(super) fn samples(text: &str) -> BTreeSet<(String, BTreeSet<String>)> {
    let declared = declared(text);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let name = line.split(['{', ' ']).next().unwrap();
            let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
            let name = histogram.filter(|name| declared.contains(*name)).unwrap_or(name);
            let labels = line.split_once('{').map_or("", |(_, rest)| rest.rsplit_once('}').unwrap().0);
            let labels = labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0.to_owned()));
            (name.to_owned(), labels.filter(|label| label != "le").collect())
        })
        .collect()
}

fn declared(text: &str) -> BTreeSet<String> {
    let words = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    words.map(|words| words.split_once(' ').unwrap().0.to_owned()).collect()
}

#[test]
fn the_document_shows_the_rules_that_the_chart_has() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/watching.md");
    let (before, rest) = docs("watching.md").split_once(BEGIN).map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    let rules = fs::read_to_string(rules()).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, format!("{before}{BEGIN}{rules}{END}{after}")).unwrap();
        return;
    }
    assert!(
        shown == rules,
        "docs/watching.md is stale: run UPDATE_DOCS=1 cargo test --test operator watching::document"
    );
}

#[test]
fn every_alert_says_what_to_do_and_where_to_read_on() {
    let rules: serde_json::Value = serde_saphyr::from_str(&fs::read_to_string(rules()).unwrap()).unwrap();
    let watching = docs("watching.md");
    for rule in rules["groups"][0]["rules"].as_array().unwrap() {
        let name = rule["alert"].as_str().unwrap();
        let annotation = |key: &str| rule["annotations"][key].as_str().unwrap_or_else(|| panic!("{name} has no {key}"));
        assert!(!annotation("summary").is_empty() && annotation("description").len() > 60, "{name}");
        assert!(["critical", "warning"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{name}");
        let base = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/");
        let link = annotation("runbook_url").strip_prefix(base).unwrap_or_else(|| panic!("{name} leads elsewhere"));
        let (file, wanted) = link.split_once('#').unwrap_or((link, ""));
        let anchors = Page::read(&Path::new("docs").join(file)).anchors;
        assert!(wanted.is_empty() || anchors.contains(wanted), "{name} leads to {link}, which is not there");
        assert!(watching.contains(&format!("`{name}`")) || watching.contains(&format!("### {name}\n")), "{name}");
    }
}
