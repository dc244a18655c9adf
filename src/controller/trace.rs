//! What the log and traces say of a resource beside its name: recorded on the turn's span. Pure, but for the span.

use tracing::Span;

/// What the turn's span shows. Only what has changed is recorded: in the text format each value is appended, and a turn has
/// many steps.
#[derive(Default)]
pub struct Shown {
    generation: Option<i64>,
    intent: Option<u64>,
    deployment_id: Option<String>,
    account: Option<String>,
    region: Option<String>,
}

impl Shown {
    /// Shows where the resource stands; what was closed in this turn stays shown, because the rest of the turn is about it.
    pub fn show(&mut self, stand: &Stand<'_>) {
        let span = Span::current();
        if span.is_disabled() {
            return;
        }
        let Stand { generation, intent, deployment_id, place } = stand;
        if changes(&mut self.generation, Some(generation)) {
            span.record("generation", generation);
        }
        if changes(&mut self.intent, intent.as_ref()) {
            span.record("intent", intent);
        }
        if changes(&mut self.deployment_id, *deployment_id) {
            span.record("deployment_id", deployment_id);
        }
        let (account, region) = place.unzip();
        if changes(&mut self.account, account) {
            span.record("account", account);
        }
        if changes(&mut self.region, region) {
            span.record("region", region);
        }
    }
}

/// Where a resource stands.
pub struct Stand<'a> {
    /// The object's generation.
    pub generation: i64,
    /// The number of the open change.
    pub intent: Option<u64>,
    /// The newest deployment.
    pub deployment_id: Option<&'a str>,
    /// Account and region.
    pub place: Option<(&'a str, &'a str)>,
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
