//! Rule: what earlier revisions have set on devices must be known before a revision that may no longer set it. Pure.

use super::super::configuration::{Configured, Keys};
use super::super::knowledge::{Row, RowStatus};
use super::{Case, Query, Step};

/// Rows that are read for it after a loss of the status; what lies beyond has been superseded fifty times.
const ROWS_READ_AT_MOST: usize = 50;

/// What is to be remembered as set once the next revision is made; or what must be read first.
pub(super) fn dropped(case: &Case<'_>) -> Result<Option<Keys>, Step> {
    if case.subject.desired().is_none() {
        // A revision without components sets and resets nothing.
        return Ok(case.memory.dropped.clone());
    }
    let mut dropped = case.memory.dropped.clone().unwrap_or_default();
    // Ours that somebody has deleted in AWS has left its keys on devices all the same.
    let own = case.memory.deployment.as_ref().map(|own| own.deployment_id.as_str());
    let is_carried_out = case.memory.progress.all_have_it();
    if let Some(known) = case.knowledge.configured.as_ref().filter(|known| Some(known.0.as_str()) == own) {
        note(&mut dropped, &known.1, is_carried_out);
    }
    let newest_first: Vec<&Row> = superseded(case).collect();
    for row in newest_first.into_iter().rev() {
        let known = case.knowledge.configured.as_ref().filter(|known| known.0 == row.deployment_id);
        let details = case.knowledge.details.get(&row.deployment_id);
        let configured = match (known, details) {
            (Some(known), _) => known.1.clone(),
            (None, None) => return Err(Step::Ask(Query::Deployment(row.deployment_id.clone()))),
            // What is gone, or can't be read in our words, is not found out by asking again.
            (None, Some(reading)) => {
                let content = reading.value.as_ref().and_then(|details| details.content.as_ref());
                content.map(|content| Configured::by(content)).unwrap_or_default()
            }
        };
        let is_own = Some(row.deployment_id.as_str()) == own;
        note(&mut dropped, &configured, row.status == RowStatus::Completed || (is_own && is_carried_out));
    }
    Ok(Some(dropped))
}

/// Devices that have carried a revision out have carried its resets out.
fn note(dropped: &mut Keys, configured: &Configured, is_carried_out: bool) {
    if is_carried_out {
        dropped.remove(&configured.reset);
    } else {
        dropped.add(&configured.reset);
    }
    dropped.add(&configured.set);
}

/// The rows whose doings the status does not know of: those down to the one that it names; where it knows nothing, all.
fn superseded<'a>(case: &'a Case<'_>) -> impl Iterator<Item = &'a Row> {
    let rows = case.knowledge.look.as_ref().map(|look| look.rows.as_slice()).unwrap_or_default();
    let own = case.memory.deployment.as_ref().map(|own| own.deployment_id.as_str());
    let last = rows.iter().position(|row| Some(row.deployment_id.as_str()) == own);
    let count = match (&case.memory.dropped, last) {
        (Some(_), Some(last)) => last + 1,
        (Some(_) | None, _) => rows.len(),
    };
    rows.iter().take(count.min(ROWS_READ_AT_MOST))
}
