//! Condition `Advisory`: what works but deserves a look. Pure.

use super::super::assess::Blocked;
use super::super::configuration::stuck;
use super::{Reason, Saying, Scene, Truth};

/// Keys that a message names.
const NAMED_AT_MOST: usize = 5;

pub(super) fn advisory(scene: &Scene<'_>) -> Option<Saying> {
    let say = |reason, message: String| Saying { truth: Truth::True, reason, message };
    // What passes by itself is not worth a word.
    let refused = match &scene.assessment.untaggable {
        Some(Blocked::Person { trouble, .. } | Blocked::Service { retrying: true, trouble, .. }) => {
            Some(&trouble.failure)
        }
        Some(Blocked::Service { retrying: false, .. }) | None => None,
    };
    if let Some(failure) = refused {
        let message = format!("the deployment has not got the tags of the spec: {failure}; it is tried again");
        return Some(say(Reason::TagsNotApplied, message));
    }
    if let Some(failure) = &scene.assessment.prune_failure {
        let message = format!(
            "old revisions beyond spec.revisionHistoryLimit can't be deleted: {failure}; it is tried again with the next look"
        );
        return Some(say(Reason::HistoryNotPruned, message));
    }
    let stuck = stuck(scene.memory.dropped.as_ref()?, &scene.subject.desired()?.content);
    if stuck.is_empty() {
        return None;
    }
    let shown: Vec<String> =
        stuck.iter().take(NAMED_AT_MOST).map(|(component, pointer)| format!("{pointer} of {component}")).collect();
    let more = match stuck.len().saturating_sub(NAMED_AT_MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "configuration keys that an earlier revision merged stay on devices, because Greengrass can't reset keys that look like \
         numbers: {}{more}; to take them away, name what stands above them in reset",
        shown.join(", ")
    );
    Some(say(Reason::KeysNotReset, message))
}
