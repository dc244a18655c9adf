//! What the log and traces say of a resource beside its name: recorded on the turn's span. Pure, but for the span.

use greengrass_operator_core::deployment::memory::Memory;
use greengrass_operator_core::names::Key;
use tracing::Span;

use crate::controller::record::Record;

/// What the turn's span shows. Only what has changed is recorded: in the text format each value is appended, and a turn has
/// many steps.
#[derive(Default)]
pub(super) struct Shown {
    generation: Option<i64>,
    intent: Option<u64>,
    deployment_id: Option<String>,
    account: Option<String>,
    region: Option<String>,
}

impl Shown {
    /// Shows where the resource stands; what was closed in this turn stays shown, because the rest of the turn is about it.
    pub(super) fn show(&mut self, record: &Record, memory: &Memory, key: Option<&Key>) {
        let span = Span::current();
        if span.is_disabled() {
            return;
        }
        if changes(&mut self.generation, Some(&record.generation)) {
            span.record("generation", record.generation);
        }
        let intent = memory.intent.as_ref().map(|intent| &intent.ordinal);
        if changes(&mut self.intent, intent) {
            span.record("intent", intent);
        }
        let deployment_id = memory.deployment.as_ref().map(|own| own.deployment_id.as_str());
        if changes(&mut self.deployment_id, deployment_id) {
            span.record("deployment_id", deployment_id);
        }
        let (account, region) = key.map(|key| (key.target.account(), key.target.region())).unzip();
        if changes(&mut self.account, account) {
            span.record("account", account);
        }
        if changes(&mut self.region, region) {
            span.record("region", region);
        }
    }
}

/// Whether there is another value than the one that is shown; it is shown from now on.
fn changes<T, V>(shown: &mut Option<T>, value: Option<&V>) -> bool
where
    T: std::borrow::Borrow<V>,
    V: PartialEq + ToOwned<Owned = T> + ?Sized,
{
    let Some(value) = value else { return false };
    if shown.as_ref().is_some_and(|shown| shown.borrow() == value) {
        return false;
    }
    *shown = Some(value.to_owned());
    true
}
