//! Which fault befalls a call: the rules in their order, and how often each has fired. Pure.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    fault::{FaultAction, FaultMatch, FaultRule},
    operation::{Operation, Service},
};

/// What rules look at.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) service: Option<Service>,
    pub(crate) operation: Option<Operation>,
    pub(crate) account: Option<&'a str>,
    pub(crate) region: Option<&'a str>,
    pub(crate) target_arn: Option<String>,
    pub(crate) request: &'a Value,
}

impl FaultMatch {
    fn matches(&self, subject: &Subject<'_>) -> bool {
        // Destructured, so that a new condition can't be forgotten.
        let Self { service, operation, account, region, target_arn, contains } = self;
        (service.is_none() || *service == subject.service)
            && operation
                .is_none_or(|operation| subject.operation.is_some_and(|called| is_meant(operation, *service, called)))
            && (account.is_none() || account.as_deref() == subject.account)
            && (region.is_none() || region.as_deref() == subject.region)
            && (target_arn.is_none() || *target_arn == subject.target_arn)
            && contains.as_ref().is_none_or(|text| subject.request.to_string().contains(text))
    }
}

/// Whether a rule's operation is the one that is called. With a service beside it, its name is that of one of the service's: Things Graph has a
/// `TagResource` as Greengrass has.
fn is_meant(operation: Operation, service: Option<Service>, called: Operation) -> bool {
    operation == called || (service == Some(called.service()) && operation.name() == called.name())
}

/// A rule that was added, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActiveFault {
    /// By which it can be removed.
    pub id: u64,
    /// How many calls matched, those that were let pass included.
    pub matched: u64,
    /// How many calls it befell.
    pub fired: u64,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// The rule.
    pub rule: FaultRule,
}

/// The rules, in the order in which they were added.
#[derive(Debug, Default)]
pub(crate) struct FaultRules {
    rules: Vec<ActiveFault>,
    last_id: u64,
}

impl FaultRules {
    pub(crate) fn add(&mut self, rule: FaultRule, now: Timestamp) -> u64 {
        self.last_id += 1;
        let until = rule.lasts_milliseconds.map(|milliseconds| {
            let lasts = SignedDuration::from_millis(i64::try_from(milliseconds).unwrap_or(i64::MAX));
            now.checked_add(lasts).unwrap_or(Timestamp::MAX)
        });
        self.rules.push(ActiveFault { id: self.last_id, matched: 0, fired: 0, until, rule });
        self.last_id
    }

    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|fault| fault.id != id);
        self.rules.len() < before
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// How many calls the rules have counted.
    pub(crate) fn counted(&self) -> u64 {
        self.rules.iter().map(|fault| fault.matched).sum()
    }

    /// The number of the rule that was added last.
    pub(crate) const fn last_id(&self) -> u64 {
        self.last_id
    }

    /// The rules as they once were.
    pub(crate) fn restore(&mut self, rules: Vec<ActiveFault>, last_id: u64) {
        *self = Self { rules, last_id };
    }

    pub(crate) fn all(&self) -> &[ActiveFault] {
        &self.rules
    }

    /// What happens to a call: the first rule that is for it and not exhausted decides. Rules before it that let it pass have counted it.
    pub(crate) fn befall(&mut self, subject: &Subject<'_>, now: Timestamp) -> Option<FaultAction> {
        for fault in &mut self.rules {
            let exhausted = fault.rule.times.is_some_and(|times| fault.fired >= times);
            let over = fault.until.is_some_and(|until| now >= until);
            if exhausted || over || !fault.rule.matching.matches(subject) {
                continue;
            }
            fault.matched += 1;
            if fault.matched > fault.rule.skip {
                fault.fired += 1;
                return Some(fault.rule.action.clone());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    use crate::fault::{FaultKind, Staleness};

    fn befall(rules: &mut FaultRules, operation: Operation, request: &Value) -> Option<FaultKind> {
        let subject = Subject {
            service: Some(operation.service()),
            operation: Some(operation),
            account: Some("123456789012"),
            region: Some("eu-west-1"),
            target_arn: request.get("targetArn").and_then(Value::as_str).map(ToOwned::to_owned),
            request,
        };
        rules.befall(&subject, NOW).map(|action| action.kind())
    }

    #[test]
    fn a_rule_skips_then_fires_then_is_exhausted() {
        let mut rules = FaultRules::default();
        rules.add(FaultRule::on(Operation::GetDeployment, FaultAction::ResetAfter).skip(1).times(2), NOW);
        let fired: Vec<_> =
            (0..4).map(|_| befall(&mut rules, Operation::GetDeployment, &json!({})).is_some()).collect();
        assert_eq!(fired, [false, true, true, false]);
        assert_eq!(befall(&mut rules, Operation::ListDeployments, &json!({})), None);
        assert_eq!(rules.all()[0].fired, 2);
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let mut rules = FaultRules::default();
        let id = rules.add(FaultRule::new(FaultAction::AccessDenied).containing("canary").always(), NOW);
        rules.add(FaultRule::new(FaultAction::ResetBefore).target("arn:x").always(), NOW);
        rules.add(FaultRule::new(FaultAction::HangAfter).account("210987654321").always(), NOW);
        let create = Operation::CreateDeployment;
        let request = json!({"targetArn": "arn:x", "deploymentName": "a canary"});
        assert_eq!(befall(&mut rules, create, &request), Some(FaultKind::AccessDenied));
        assert!(rules.remove(id));
        assert_eq!(befall(&mut rules, create, &request), Some(FaultKind::ResetBefore));
        assert_eq!(befall(&mut rules, create, &json!({"targetArn": "arn:y"})), None);
    }

    #[test]
    fn a_name_that_two_services_have_is_greengrass_s_unless_the_rule_names_the_other_one() {
        let befallen = |matching: Value| {
            let matching: FaultMatch = serde_json::from_value(matching).unwrap();
            [Operation::TagResource, Operation::ThingsGraphTagResource].map(|operation| {
                let mut rules = FaultRules::default();
                rules.add(FaultRule { matching: matching.clone(), ..FaultRule::new(FaultAction::AccessDenied) }, NOW);
                befall(&mut rules, operation, &json!({})).is_some()
            })
        };
        assert_eq!(befallen(json!({"operation": "TagResource"})), [true, false]);
        assert_eq!(befallen(json!({"operation": "iotthingsgraph:TagResource"})), [false, true]);
        assert_eq!(befallen(json!({"operation": "TagResource", "service": "greengrass"})), [true, false]);
        assert_eq!(befallen(json!({"operation": "TagResource", "service": "iotthingsgraph"})), [false, true]);
    }

    #[test]
    fn a_rule_in_json_fires_once_unless_it_says_otherwise() {
        let rule = |text: &str| serde_json::from_str::<FaultRule>(text);
        let once = rule(
            r#"{"match": {"operation": "CreateDeployment"}, "action": {"type": "throttle", "retryAfterSeconds": 7}}"#,
        );
        let action = FaultAction::Throttle { retry_after_seconds: Some(7) };
        assert_eq!(once.unwrap(), FaultRule::on(Operation::CreateDeployment, action));
        let always = rule(r#"{"times": null, "action": {"type": "stale", "writesAgo": 1}}"#).unwrap();
        let action = FaultAction::Stale(Staleness::WritesAgo(1));
        assert_eq!(always, FaultRule::new(action).always());
        assert!(rule(r#"{"match": {"operaton": "x"}, "action": {"type": "resetAfter"}}"#).is_err());
        assert!(rule(r#"{"action": {"type": "delay", "milliseconds": 5, "at": "reply"}}"#).is_ok());
    }

    #[test]
    fn a_rule_can_end_by_itself() {
        let mut rules = FaultRules::default();
        rules.add(FaultRule::new(FaultAction::AccessDenied).always().lasting(5000), NOW);
        let request = json!({});
        let subject = Subject {
            service: None,
            operation: None,
            account: None,
            region: None,
            target_arn: None,
            request: &request,
        };
        let mut befalls = |millisecond| rules.befall(&subject, Timestamp::from_millisecond(millisecond).unwrap());
        assert_eq!(befalls(4999), Some(FaultAction::AccessDenied));
        assert_eq!(befalls(5000), None);
    }
}
