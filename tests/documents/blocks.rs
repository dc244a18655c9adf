//! Each block of every page says how it is tested, or shows by what it is.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::markdown::{Block, Page, pages, repository};

/// Pages, or sections of them, whose blocks are tested as a whole by a file that names the page.
const ELSEWHERE: [(&str, &str, &str); 5] = [
    ("docs/emulator.md", "", "crates/greengrass-emulator/tests/clients/document.rs"),
    ("docs/conditions.md", "Examples", "tests/readers/table.rs"),
    ("docs/gitops.md", "", "tests/gitops/document.rs"),
    ("docs/watching.md", "Alerts", "tests/watching/document.rs"),
    // What builds the image: the section says it, no test of this binary does it.
    ("docs/install.md", "An image", ""),
];

/// How a block is tested.
#[derive(Debug, PartialEq)]
pub enum Test {
    /// It is run in its page's world; whether it is refused.
    Run { fails: bool },
    /// It is what the one before it prints.
    Output,
    /// Its commands are given to their programs, which don't carry them out.
    Parsed,
    /// It is applied on trial.
    Manifest,
    /// It holds values of the chart.
    Values,
    /// It is a part of a `GreengrassDeployment`.
    Within(String),
    /// It is read as JSON.
    Json,
    /// Another file does it, or it only shows something.
    Elsewhere,
}

/// How a block is tested, or what is wrong with what the page says of it.
pub fn test_of(page: &Page, block: &Block) -> Result<Test, String> {
    let listed = ELSEWHERE.iter().find(|(path, section, _)| {
        page.path == Path::new(path) && (section.is_empty() || block.sections.iter().any(|heading| heading == section))
    });
    if listed.is_some() {
        return Ok(Test::Elsewhere);
    }
    let Some(mark) = block.mark.as_deref() else {
        return match block.language.as_str() {
            "json" => Ok(Test::Json),
            "yaml" if block.text.lines().any(|line| line.starts_with("apiVersion: ")) => Ok(Test::Manifest),
            _ => Err("no comment before it says how it is tested (tests/documents/mod.rs lists the ways)".to_owned()),
        };
    };
    let (way, rest) = mark.split_once([':', ' ']).unwrap_or((mark, ""));
    let why = |test: Test| match rest.trim().len() {
        // A word is no reason.
        0..10 => Err(format!("{mark} needs a reason")),
        _ => Ok(test),
    };
    let of_language = |languages: &[&str], test: Test| {
        if languages.contains(&block.language.as_str()) {
            Ok(test)
        } else {
            Err(format!("{mark} is for {languages:?}"))
        }
    };
    match (way, rest.trim()) {
        ("run", "") => of_language(&["sh"], Test::Run { fails: false }),
        ("run,", "fails") => of_language(&["sh"], Test::Run { fails: true }),
        ("output", "") => of_language(&["text"], Test::Output),
        ("parsed", _) => why(Test::Parsed).and_then(|test| of_language(&["sh"], test)),
        ("values", "") => of_language(&["yaml"], Test::Values),
        ("within", pointer) if pointer.starts_with('/') => of_language(&["yaml"], Test::Within(pointer.to_owned())),
        ("in", file) => {
            let text = fs::read_to_string(repository().join(file)).unwrap_or_default();
            let name = page.path.file_name().unwrap().to_str().unwrap();
            match (text.is_empty(), block.language.as_str()) {
                (true, _) => Err(format!("{file} is not there")),
                // Whatever that file does with such commands, the program understands these.
                (false, "sh") => Ok(Test::Parsed),
                (false, _) if text.contains(name) => Ok(Test::Elsewhere),
                (false, _) => Err(format!("{file} does not name {name}")),
            }
        }
        ("shown", _) => why(Test::Elsewhere),
        _ => Err(format!("{mark} is no way to test it (tests/documents/mod.rs lists them)")),
    }
}

/// Every block of every page that is tested in a way.
pub fn each_block(mut see: impl FnMut(&Page, &Block, Test)) {
    for page in pages() {
        for block in &page.blocks {
            if let Ok(test) = test_of(&page, block) {
                see(&page, block, test);
            }
        }
    }
}

#[test]
fn every_block_has_a_language_and_is_tested() {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for page in pages() {
        let mut before: Option<Test> = None;
        for block in &page.blocks {
            seen.insert(block.language.clone());
            if block.language.is_empty() {
                wrong.push(format!("{}: it names no language", page.at(block.line)));
            }
            match test_of(&page, block) {
                Err(what) => wrong.push(format!("{}: {what}", page.at(block.line))),
                Ok(Test::Output) if !matches!(before, Some(Test::Run { .. })) => {
                    wrong.push(format!("{}: no block before it is run", page.at(block.line)));
                }
                Ok(test) => before = Some(test),
            }
        }
    }
    assert!(["sh", "yaml", "json", "text"].iter().all(|language| seen.contains(*language)), "{seen:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_tests_a_page_elsewhere_names_it() {
    for (page, _, file) in ELSEWHERE.iter().filter(|(_, _, file)| !file.is_empty()) {
        let name = Path::new(page).file_name().unwrap().to_str().unwrap();
        assert!(fs::read_to_string(repository().join(file)).unwrap().contains(name), "{file} does not name {name}");
    }
}
