//! The files that docs/gitops.md shows: what the tests apply (pure).

use std::collections::BTreeMap;

const DOCUMENT: &str = include_str!("../../docs/gitops.md");

/// The file of this name, which its first line says.
pub fn file(name: &str) -> String {
    let files = files();
    files.get(name).unwrap_or_else(|| panic!("docs/gitops.md shows {:?}, and no {name}", files.keys())).clone()
}

/// Each fenced block of YAML, by the name in its first line.
pub fn files() -> BTreeMap<String, String> {
    let named = blocks("yaml").into_iter().map(|block| {
        let (first, rest) = block.split_once('\n').unwrap();
        let name = first.strip_prefix("# ").unwrap_or_else(|| panic!("no name in the first line of:\n{block}"));
        (name.to_owned(), rest.to_owned())
    });
    named.collect()
}

/// The commands that begin with these words, each a fenced block.
pub fn command(begin: &str) -> String {
    let found = blocks("sh").into_iter().find(|block| block.starts_with(begin));
    found.unwrap_or_else(|| panic!("docs/gitops.md has no command {begin}"))
}

fn blocks(language: &str) -> Vec<String> {
    let begin = format!("\n```{language}\n");
    let of = |part: &str| part.split_once("\n```").unwrap().0.to_owned() + "\n";
    DOCUMENT.split(&begin).skip(1).map(of).collect()
}

#[test]
fn every_file_of_the_document_has_a_name_and_one_purpose() {
    let expected = [
        "clusters/plant-eu/application.yaml",
        "clusters/plant-eu/canary.yaml",
        "clusters/plant-eu/fleet.yaml",
        "clusters/plant-eu/line-after-canary.yaml",
        "clusters/plant-eu/line.yaml",
        "clusters/plant-eu/operator.yaml",
        "plant/canary/presses.yaml",
        "plant/line/presses.yaml",
        "plant/line/settings.yaml",
    ];
    assert_eq!(files().into_keys().collect::<Vec<_>>(), expected, "a file that no test applies may be wrong");
}
