//! docs/repairing.md has an entry for everything that the operator says, and none for what it never says (reads files).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use greengrass_operator_core::deployment::summarise::Reason;
use greengrass_operator_core::failure::Blocking;

use super::markdown::{Page, repository};

/// Every variant, by a match that a new one breaks until it is here.
macro_rules! every {
    ($name:ident: $kind:ident { $($variant:ident),* } $($rest:pat)?) => {
        fn $name() -> Vec<$kind> {
            let every = vec![$($kind::$variant),*];
            for one in &every {
                match one {
                    $($kind::$variant => {})*
                    $($rest => {})?
                }
            }
            every
        }
    };
}

every!(reasons: Reason {
    Deployed, NotDeployed, RolledOut, NoDevices, RollingOut, DeadlineExceeded, Completed, InProgress, DevicesFailed, Canceled, RemoveTimedOut,
    Progressing, ProgressingWithRetry, Unverified, Suspended, WaitingForParent, Removing, InvalidSpec, IdentityNotFound,
    IdentityNotAllowed, KeyChanged, TargetConflict, ForeignRevision, Drifted, CorrectionsExhausted, ReferenceNotFound, Yielded,
    KeysNotReset, TagsNotApplied, HistoryNotPruned, RolloutCanceled, RolloutFailed, DeletionBlocked, UpToDate, OutOfDate, Unknown
} Reason::Refused(_));

every!(refusals: Blocking { AccessDenied, TargetNotFound, InvalidSpec, QuotaExceeded, DeletionBlocked });

/// What `crates/core/src/identity/status.rs` says beside those.
const OF_IDENTITIES: [&str; 1] = ["Authenticated"];

/// Events that are named by a word of their own: what the code gives to `warning`.
fn events() -> BTreeSet<String> {
    fn find(folder: &Path, events: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_test = path.ends_with("tests") || path.ends_with("tests.rs");
            if path.is_dir() && !is_test {
                find(&path, events);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
                let text = fs::read_to_string(&path).unwrap();
                for call in text.split(".warning(").skip(1) {
                    events.insert(call.split('"').nth(1).unwrap().to_owned());
                }
            }
        }
    }
    let mut events = BTreeSet::new();
    find(&repository().join("src"), &mut events);
    events
}

/// The entries: headings of one word, or of several with commas, and the first cells of the last table.
fn entries(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter_map(|line| line.strip_prefix("## "));
    let of_headings = headings.flat_map(|heading| heading.split(", ").map(ToOwned::to_owned).collect::<Vec<_>>());
    let rows =
        text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(word, _)| word.to_owned());
    of_headings.filter(|entry| !entry.contains(' ')).chain(rows).collect()
}

#[test]
fn the_runbook_has_an_entry_for_everything_that_is_said_and_no_other() {
    let page = Page::read(Path::new("docs/repairing.md"));
    let text = fs::read_to_string(repository().join(&page.path)).unwrap();
    let said: BTreeSet<String> = reasons()
        .iter()
        .map(|reason| reason.as_str())
        .chain(refusals().iter().map(|refusal| refusal.reason()))
        .chain(OF_IDENTITIES)
        .map(ToOwned::to_owned)
        .chain(events())
        .collect();
    assert!(said.contains("Abandoned") && said.len() > 40, "{said:?}");
    let written = entries(&text);
    let lacking: Vec<_> = said.difference(&written).collect();
    let never_said: Vec<_> = written.difference(&said).collect();
    assert!(lacking.is_empty() && never_said.is_empty(), "without an entry: {lacking:?}; never said: {never_said:?}");
}

#[test]
fn what_an_identity_says_has_an_entry() {
    let status = fs::read_to_string(repository().join("crates/core/src/identity/status.rs")).unwrap();
    let code = status.split("#[cfg(test)]").next().unwrap();
    let literals: BTreeSet<&str> =
        code.split("reason: \"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let text = fs::read_to_string(repository().join("docs/repairing.md")).unwrap();
    let written = entries(&text);
    assert!(literals.contains("Authenticated"), "{literals:?}");
    assert!(literals.iter().all(|reason| written.contains(*reason)), "{literals:?}");
}
