//! Whether a walk shows a resource's newest deployment as it is known. Pure.

use greengrass_operator_core::deployment::assess::ownership::CREATE_SHOWS_WITHIN;
use greengrass_operator_core::deployment::knowledge::Row;
use jiff::Timestamp;
use serde::Deserialize;

use super::super::session::{Known, Newest};

/// What a status remembers of deployments: so much of it as a walk has to know of each resource, ten thousand times in turn.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Remembered {
    pub(super) deployment_id: Option<String>,
    pub(super) deployment_status: Option<String>,
    pub(super) resolved: Option<Resolved>,
}

/// What the deployment is for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Resolved {
    pub(super) target_arn: String,
    pub(super) parent_target_arn: Option<String>,
}

/// What a walk says of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Nothing: it is older than what is known.
    Nothing,
    /// AWS has what is known.
    Agrees,
    /// The resource deserves a look.
    Differs,
}

/// Compares the newest deployment of a key, as a page shows it that was asked for at a time, with what is known. No row: a
/// whole walk that began then did not show one.
pub(super) fn judge(known: &Known, remembered: &Remembered, shown: Option<&Row>, asked_at: Timestamp) -> Judgement {
    if known.as_of.is_some_and(|at| asked_at <= at) {
        return Judgement::Nothing;
    }
    let agrees = match (&known.newest, shown) {
        (Newest::AsRemembered, Some(row)) => {
            remembered.deployment_id.as_ref() == Some(&row.deployment_id)
                && remembered.deployment_status.as_deref() == Some(row.status.as_str())
        }
        (Newest::Other(newest), Some(row)) => (&newest.0, newest.1) == (&row.deployment_id, row.status),
        (Newest::Missing, None) => true,
        (Newest::AsRemembered | Newest::Other(_), None) | (Newest::Missing, Some(_)) => false,
    };
    if agrees {
        Judgement::Agrees
    } else if lags(known, remembered, shown, asked_at) {
        Judgement::Nothing
    } else {
        Judgement::Differs
    }
}

/// Lists lag behind a create: so long after one they may show what was there before it.
fn lags(known: &Known, remembered: &Remembered, shown: Option<&Row>, asked_at: Timestamp) -> bool {
    let Some(settled_at) = known.settled_at else { return false };
    let is_from_before = shown
        .is_none_or(|row| Some(&row.deployment_id) != remembered.deployment_id.as_ref() && row.created_at < settled_at);
    is_from_before && asked_at.duration_since(settled_at) < CREATE_SHOWS_WITHIN
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use greengrass_operator_core::deployment::knowledge::RowStatus;
    use rstest::rstest;

    use super::*;

    const OWN: (&str, RowStatus) = ("own", RowStatus::Active);

    fn start() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn row((id, status): (&str, RowStatus)) -> Row {
        Row {
            deployment_id: id.into(),
            revision_id: 1,
            created_at: start(),
            status,
            target_arn: "arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses".into(),
            parent_target_arn: None,
        }
    }

    fn remembered() -> Remembered {
        Remembered { deployment_id: Some("own".into()), deployment_status: Some("ACTIVE".into()), resolved: None }
    }

    fn other((id, status): (&str, RowStatus)) -> Newest {
        Newest::Other(Box::new((id.into(), status)))
    }

    #[rstest]
    #[case::as_it_was(Newest::AsRemembered, Some(OWN), Judgement::Agrees)]
    #[case::cancelled(Newest::AsRemembered, Some(("own", RowStatus::Canceled)), Judgement::Differs)]
    #[case::superseded(Newest::AsRemembered, Some(("own", RowStatus::Inactive)), Judgement::Differs)]
    #[case::carried_out(Newest::AsRemembered, Some(("own", RowStatus::Completed)), Judgement::Differs)]
    #[case::a_status_of_tomorrow(Newest::AsRemembered, Some(("own", RowStatus::Unknown)), Judgement::Differs)]
    #[case::somebody_elses(Newest::AsRemembered, Some(("foreign", RowStatus::Active)), Judgement::Differs)]
    #[case::gone(Newest::AsRemembered, None, Judgement::Differs)]
    #[case::somebody_elses_that_is_known(other(("foreign", RowStatus::Active)), Some(("foreign", RowStatus::Active)), Judgement::Agrees)]
    #[case::somebody_elses_has_ended(other(("foreign", RowStatus::Active)), Some(("foreign", RowStatus::Canceled)), Judgement::Differs)]
    #[case::somebody_elses_is_gone(other(("foreign", RowStatus::Active)), Some(OWN), Judgement::Differs)]
    #[case::still_gone(Newest::Missing, None, Judgement::Agrees)]
    #[case::back(Newest::Missing, Some(OWN), Judgement::Differs)]
    fn a_look_is_due_where_the_newest_deployment_is_another_or_in_another_state(
        #[case] newest: Newest,
        #[case] shown: Option<(&str, RowStatus)>,
        #[case] expected: Judgement,
    ) {
        let known = Known { newest, ..Known::default() };
        assert_eq!(judge(&known, &remembered(), shown.map(row).as_ref(), start()), expected);
    }

    #[test]
    fn a_page_from_before_the_last_write_says_nothing_not_even_that_all_is_well() {
        let known = Known { as_of: Some(start()), ..Known::default() };
        assert_eq!(judge(&known, &remembered(), Some(&row(OWN)), start()), Judgement::Nothing);
        assert_eq!(judge(&known, &remembered(), None, start()), Judgement::Nothing);
        let later = start() + Duration::from_millis(1);
        assert_eq!(judge(&known, &remembered(), None, later), Judgement::Differs);
    }

    #[test]
    fn for_two_minutes_after_a_create_a_list_may_show_what_was_there_before() {
        let settled_at = start() + Duration::from_secs(1);
        let known = Known { settled_at: Some(settled_at), ..Known::default() };
        let (soon, later) = (start() + Duration::from_mins(1), start() + Duration::from_secs(122));
        let before = row(("before", RowStatus::Active));
        for (asked_at, expected) in [(soon, Judgement::Nothing), (later, Judgement::Differs)] {
            assert_eq!(judge(&known, &remembered(), Some(&before), asked_at), expected);
            assert_eq!(judge(&known, &remembered(), None, asked_at), expected);
        }
        let newer = Row { created_at: settled_at, ..before };
        assert_eq!(judge(&known, &remembered(), Some(&newer), soon), Judgement::Differs, "made after ours");
        let canceled = row(("own", RowStatus::Canceled));
        assert_eq!(judge(&known, &remembered(), Some(&canceled), soon), Judgement::Differs, "ours itself shows");
    }

    #[test]
    fn a_status_that_does_not_say_in_which_state_it_was_gets_a_look() {
        let remembered = Remembered { deployment_status: None, ..remembered() };
        assert_eq!(judge(&Known::default(), &remembered, Some(&row(OWN)), start()), Judgement::Differs);
    }
}
