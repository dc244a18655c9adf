//! Brings the gauges of a kind up to date when they are read. Pure.

use std::sync::Arc;

use tokio::time::Instant;

use super::queue::Queue;
use super::store::Store;
use crate::aws::Class;
use crate::telemetry::metrics::{Metrics, Readiness};

/// From now on the metrics show how many resources of a kind there are and how its queue stands.
pub fn report(kind: &'static str, store: &Arc<Store>, queue: &Queue, metrics: &Metrics) {
    let (store, queue) = (Arc::clone(store), queue.clone());
    metrics.before_scrape(move |metrics| {
        for readiness in Readiness::ALL {
            metrics.resources(kind, readiness, store.count(readiness));
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
    use std::time::Duration;

    use super::super::queue::{Reason, Wake};
    use super::super::record::tests::record;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_scrape_shows_what_waits_and_what_is_not_ready() {
        let (metrics, store, queue) = (Metrics::new(), Store::new(), Queue::new(8));
        report("GreengrassDeployment", &store, &queue, &metrics);
        store.apply(record("a", 1));
        queue.wake(record("a", 0).name, Wake::now(Class::Change, Reason::Listed));
        tokio::time::advance(Duration::from_secs(7)).await;
        let text = metrics.encode().unwrap();
        for line in [
            r#"greengrass_operator_resources{kind="GreengrassDeployment",ready="unknown"} 1"#,
            r#"greengrass_operator_queue_ready{kind="GreengrassDeployment",class="change"} 1"#,
            r#"greengrass_operator_queue_oldest_seconds{kind="GreengrassDeployment",class="change"} 7.0"#,
            r#"greengrass_operator_queue_ready{kind="GreengrassDeployment",class="sweep"} 0"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
