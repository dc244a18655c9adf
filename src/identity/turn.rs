//! One look at an identity: asks AWS who it is and says so. I/O.

use std::time::Duration;

use greengrass_operator_core::api::AwsIdentityStatus;
use greengrass_operator_core::failure::Failure;
use greengrass_operator_core::identity::status::{Checked, TYPES, summarise};
use greengrass_operator_core::pace::{Streak, pace};
use tracing::{info, warn};

use super::Identities;
use crate::aws::{ApiFamily, Class, Scope};
use crate::controller::failures::jittered;
use crate::controller::json::Json;
use crate::controller::objects::ApiError;
use crate::controller::publish::Published;
use crate::controller::queue::{Rest, Turn};
use crate::controller::record::Record;
use crate::controller::wakes::spread;

/// The account in metrics as long as AWS has not said which it is.
const UNKNOWN_ACCOUNT: &str = "unknown";
/// Where the security token service is asked when nobody has named a region: its oldest one.
const FALLBACK_REGION: &str = "us-east-1";
/// Waits when the API server refuses, does not answer, or somebody else wrote first.
const KUBERNETES_RETRY: Duration = Duration::from_secs(2);
const RETRY_LONGEST: Duration = Duration::from_mins(2);

pub(super) async fn run(all: &Identities, turn: Turn) -> Rest {
    let Some(record) = all.store.get(&turn.name) else { return Rest::until_woken() };
    let name = &record.name.name;
    if record.is_deleting() || !all.registry.concerns(name) {
        return Rest::until_woken();
    }
    let next = match all.registry.connection(name) {
        // It can't be used: a person must change it.
        None => Rest::until_woken(),
        Some(connection) => {
            let region = connection.region().map(str::to_owned).or_else(|| all.registry.region_of(None));
            let account = connection.role().map_or(UNKNOWN_ACCOUNT, |role| role.arn.account()).to_owned();
            let region = region.unwrap_or_else(|| FALLBACK_REGION.to_owned());
            let scope = Scope { connection, account, region };
            match all.aws.try_permit(&scope, turn.class, ApiFamily::Sts, &all.leadership.fence()) {
                Err(wait) => return Rest::at(wait.until, turn.class),
                Ok(permit) => {
                    let answer = all.aws.sts().get_caller_identity(permit).await;
                    learnt(all, &record, answer)
                }
            }
        }
    };
    match publish(all, &record).await {
        Ok(()) => next,
        Err(ApiError::Gone) => Rest::until_woken(),
        Err(ApiError::Conflict | ApiError::Fenced) => Rest::back_off(KUBERNETES_RETRY, turn.class),
        Err(ApiError::Denied(message) | ApiError::Other(message)) => {
            warn!(message, "the API server refused or did not answer");
            let wait = KUBERNETES_RETRY.saturating_mul(2_u32.saturating_pow(turn.failures.min(10)));
            Rest::back_off(wait.min(RETRY_LONGEST), turn.class)
        }
    }
}

fn learnt(
    all: &Identities,
    record: &Record,
    answer: Result<greengrass_operator_core::identity::status::Caller, Failure>,
) -> Rest {
    let now = all.clock.now();
    let name = &record.name.name;
    let seed = format!("{}{now}", record.uid);
    let (rest, is_changed) = match answer {
        Ok(caller) => {
            let is_changed = all.registry.checked(record, |checked| checked.accepted(caller, now));
            (Rest::after(jittered(all.check_interval, &seed), Class::Sweep), is_changed)
        }
        Err(failure) => {
            let mut wait = KUBERNETES_RETRY;
            let is_changed = all.registry.checked(record, |checked: &mut Checked| {
                checked.failed(failure.clone(), now);
                if let Some(trouble) = &checked.trouble {
                    let streak = Streak { attempts: trouble.attempts, first_failed_at: trouble.first_at };
                    let jitter = spread(&seed, Duration::from_secs(1)).as_secs_f64();
                    wait = pace(&failure, streak, now, jitter);
                }
            });
            (Rest::back_off(wait, Class::Recovery), is_changed)
        }
    };
    if is_changed {
        info!(identity = &**name, "what AWS says to the credentials has changed");
        all.dependants.wake_users(name);
    }
    rest
}

async fn publish(all: &Identities, record: &Record) -> Result<(), ApiError> {
    let Some((parsed, checked)) = all.registry.state_of(&record.name.name) else { return Ok(()) };
    let before: AwsIdentityStatus = record.decode_status().ok().flatten().unwrap_or_default();
    let region = all.registry.region_of(parsed.identity.as_ref().ok());
    let status = summarise(record.generation, &parsed.identity, region.as_deref(), &checked, &before, all.clock.now());
    let json = Json::of(&status).map_err(|error| ApiError::Other(error.to_string()))?;
    if let Published::Written(written) = all.objects.publish(record, &json, &TYPES).await? {
        all.store.observe_own_write(*written);
        let ready =
            |status: &AwsIdentityStatus| status.conditions.iter().find(|condition| condition.type_ == "Ready").cloned();
        let (then, now) = (ready(&before), ready(&status));
        if let Some(now) = now
            && then.is_none_or(|then| (then.status, then.reason) != (now.status.clone(), now.reason.clone()))
        {
            let is_normal = now.status != "False";
            all.events.transition(record, is_normal, &now.reason, &now.message).await;
        }
    }
    Ok(())
}
