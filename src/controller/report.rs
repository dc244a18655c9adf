//! Brings the gauges of a kind up to date when they are read. Pure.

use std::sync::Arc;

use tokio::time::Instant;

use super::queue::Queue;
use super::store::Store;
use crate::aws::{ApiFamily, Class, Leadership, QuotaKeeper, Standing};
use crate::telemetry::metrics::Metrics;

/// From now on the metrics show whether this process may write.
pub fn report_leadership(leadership: Arc<dyn Leadership>, metrics: &Metrics) {
    metrics.before_scrape(move |metrics| metrics.leads(leadership.fence().valid()));
}

/// From now on the metrics show how fast AWS is called and how much is being deleted.
pub fn report_quotas(keeper: Arc<QuotaKeeper>, metrics: &Metrics) {
    metrics.before_scrape(move |metrics| {
        for standing in keeper.standing() {
            let Standing { account, region, family, calls_per_second, deletions } = standing;
            metrics.limiter_stands(family, (&account, &region), calls_per_second);
            // The jobs API deletes nothing.
            if family == ApiFamily::Greengrass {
                metrics.deletions((&account, &region), deletions);
            }
        }
    });
}

/// From now on the metrics show how many resources of a kind there are, what their devices do and how its queue stands.
///
/// A process that stands by knows the same resources, and shows none: the sum over the processes that elect one leader is what
/// there is. Of several groups that share identities each leader shows all: which are its own changes with every identity, and is
/// known to turns alone.
pub fn report(
    kind: &'static str,
    store: &Arc<Store>,
    queue: &Queue,
    leadership: Arc<dyn Leadership>,
    metrics: &Metrics,
) {
    let (store, queue) = (Arc::clone(store), queue.clone());
    metrics.knows_kind(kind);
    metrics.before_scrape(move |metrics| {
        let (tally, leads) = (store.tally(), leadership.fence().valid());
        for (readiness, reason, count) in tally.ready() {
            metrics.resources(kind, readiness, reason, if leads { count } else { 0 });
        }
        for (place, states) in tally.places() {
            let place = (place.account.as_str(), place.region.as_str());
            metrics.knows_place(place);
            states.for_each(|(state, count)| metrics.devices(state, place, if leads { count } else { 0 }));
        }
        let now = Instant::now();
        let ready = queue.ready();
        for class in Class::ALL {
            let (count, age) = ready
                .iter()
                .find(|ready| ready.class == class)
                .map_or((0, 0.0), |ready| (ready.count, now.duration_since(ready.oldest).as_secs_f64()));
            metrics.queue(kind, class.name(), count, age);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::super::queue::{Reason, Wake};
    use serde_json::json;

    use super::super::json::Json;
    use super::super::record::Record;
    use super::super::record::tests::record;
    use super::*;
    use crate::aws::{BootTime, Fence, SingleReplica, SystemBootClock};
    use crate::telemetry::exposition::Format;

    #[tokio::test(start_paused = true)]
    async fn a_scrape_shows_what_waits_and_what_is_not_ready() {
        let (metrics, store, queue) = (Metrics::new(), Store::new(), Queue::new(8));
        let leads = Arc::new(AtomicBool::new(true));
        report("GreengrassDeployment", &store, &queue, Arc::new(Switch(Arc::clone(&leads))), &metrics);
        report_leadership(Arc::new(SingleReplica), &metrics);
        store.apply(record("a", 1));
        let status = Json::of(&json!({
            "conditions": [{"type": "Ready", "status": "False", "reason": "RolloutFailed"}],
            "resolved": {"targetArn": "arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses"},
            "devices": {"total": 3, "queued": 0, "inProgress": 0, "succeeded": 1, "failed": 2, "rejected": 0,
                        "timedOut": 0, "canceled": 0, "removed": 0},
        }));
        store.apply(Record { status: Some(status.unwrap()), ..record("b", 2) });
        queue.wake(record("a", 0).name, Wake::now(Class::Change, Reason::Listed));
        tokio::time::advance(Duration::from_secs(7)).await;
        let text = metrics.encode(Format::Text).unwrap();
        for line in [
            r#"greengrass_operator_resources{kind="GreengrassDeployment",ready="unknown",reason="none"} 1"#,
            r#"greengrass_operator_resources{kind="GreengrassDeployment",ready="false",reason="RolloutFailed"} 1"#,
            r#"greengrass_operator_devices{state="failed",account="123456789012",region="eu-central-1"} 2"#,
            r#"greengrass_operator_devices{state="queued",account="123456789012",region="eu-central-1"} 0"#,
            r#"greengrass_operator_rollouts_total{verdict="Failed",account="123456789012",region="eu-central-1"} 0"#,
            "greengrass_operator_leading 1",
            r#"greengrass_operator_queue_ready{kind="GreengrassDeployment",class="change"} 1"#,
            r#"greengrass_operator_queue_oldest_seconds{kind="GreengrassDeployment",class="change"} 7.0"#,
            r#"greengrass_operator_queue_ready{kind="GreengrassDeployment",class="sweep"} 0"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        leads.store(false, Ordering::SeqCst);
        let text = metrics.encode(Format::Text).unwrap();
        for line in [
            r#"greengrass_operator_resources{kind="GreengrassDeployment",ready="false",reason="RolloutFailed"} 0"#,
            r#"greengrass_operator_devices{state="failed",account="123456789012",region="eu-central-1"} 0"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    /// Leads or does not.
    struct Switch(Arc<AtomicBool>);

    impl Leadership for Switch {
        fn fence(&self) -> Fence {
            if self.0.load(Ordering::SeqCst) {
                Fence::always()
            } else {
                Fence::until(BootTime::since_boot(Duration::ZERO), Arc::new(SystemBootClock))
            }
        }
    }
}
