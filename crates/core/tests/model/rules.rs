//! The rules of the protocol that can be left out, by changing what goes into the real functions or comes out of them. Pure.

use std::rc::Rc;

use greengrass_operator_core::deployment::assess::Assessment;
use greengrass_operator_core::deployment::decide::Step;
use greengrass_operator_core::deployment::knowledge::{Created, Knowledge, Row};
use greengrass_operator_core::deployment::memory::Memory;
use greengrass_operator_core::deployment::request::DeploymentRequest;
use greengrass_operator_core::deployment::subject::Subject;
use greengrass_operator_core::failure::Failure;
use jiff::Timestamp;

/// A rule that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DisabledRule {
    /// Other resources with the key are read from the API server before a first create.
    ClaimantsAreReadLive,
    /// Writes name the version that they were decided on.
    WritesAreConditional,
}

pub(crate) fn see_instead(
    _rule: DisabledRule,
    _subject: &Subject<'_>,
    _memory: &mut Memory,
    _knowledge: &mut Knowledge,
    _now: Timestamp,
) {
}

pub(crate) fn judge_instead(
    _rule: DisabledRule,
    _subject: &Subject<'_>,
    _memory: &Memory,
    _knowledge: &Knowledge,
    _assessment: &mut Assessment,
) {
}

pub(crate) fn do_instead(
    _rule: DisabledRule,
    step: Step,
    _subject: &Subject<'_>,
    _memory: &Memory,
    _knowledge: &Knowledge,
    _now: Timestamp,
) -> Step {
    step
}

pub(crate) fn token_instead(_rule: Option<DisabledRule>, token: &str, _request: &DeploymentRequest) -> String {
    token.to_owned()
}

pub(crate) fn list_instead(_rule: Option<DisabledRule>, _rows: &mut Vec<Row>, _before: Option<&[Row]>) {}

pub(crate) fn reply_instead(
    _rule: Option<DisabledRule>,
    _knowledge: &mut Knowledge,
    _result: &Result<Created, Failure>,
    _body: &Rc<DeploymentRequest>,
    _now: Timestamp,
) {
}
