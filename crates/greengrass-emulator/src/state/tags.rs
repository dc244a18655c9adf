//! Tags of deployments and of component versions. A change of tags is a write, so that a stale read shows the old ones. Pure.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Answer, Input, Partition, ReadAt, components::ComponentKey, deployments::View};
use crate::error::ServiceError;

/// Tags by their keys.
pub(super) type Tags = BTreeMap<String, String>;

/// The bound of the model's `TagMap`.
const MOST_TAGS: usize = 200;

/// What has tags.
enum Tagged {
    /// By the number of its row.
    Deployment(u64),
    Component(ComponentKey),
}

/// The tags in an input, which is a map of strings by its shape.
pub(super) fn from_input(tags: &Value) -> Tags {
    tags.as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// The `aws:` prefix is reserved in every service: <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>.
pub(super) fn check(tags: &Tags) -> Result<(), ServiceError> {
    tags.keys()
        .find(|key| key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")))
        .map_or(Ok(()), |key| {
            Err(ServiceError::field(&format!("tags.{key}"), "must not start with aws:, which is reserved"))
        })
}

impl Partition {
    /// The deployment or component version of this account and region that an ARN names, and its tags as a read sees them.
    fn tagged(&self, input: &Input, view: View, read_at: ReadAt) -> Result<(Tagged, &Tags), ServiceError> {
        let arn = input.required("resourceArn");
        let component = ComponentKey::within(&self.scope, arn).and_then(|key| {
            let tags = self.components.tags(&key, read_at)?;
            Some((Tagged::Component(key), tags))
        });
        let id = arn.rsplit(':').next().unwrap_or_default();
        let deployment = || {
            let found = self.deployments.get(id, view).filter(|_| self.scope.deployment_arn(id) == arn);
            found.map(|(row, version)| (Tagged::Deployment(row.number), version.tags.as_ref()))
        };
        component
            .or_else(deployment)
            .ok_or_else(|| ServiceError::ResourceNotFound { resource_id: arn.to_owned(), resource_type: "resource" })
    }

    fn set_tags(&mut self, tagged: &Tagged, tags: Tags, now: Timestamp) {
        match tagged {
            Tagged::Deployment(number) => {
                self.deployments.change(*number, now, |version| version.tags = Arc::new(tags));
            }
            Tagged::Component(key) => self.components.set_tags(key, tags, now),
        }
    }

    pub(super) fn tag(&mut self, input: &Input, view: View, now: Timestamp) -> Result<Answer, ServiceError> {
        let added = from_input(input.get("tags"));
        check(&added)?;
        let (tagged, tags) = self.tagged(input, view, ReadAt::Now)?;
        let mut tags = tags.clone();
        tags.extend(added);
        if tags.len() > MOST_TAGS {
            return Err(ServiceError::field("tags", format!("a resource has at most {MOST_TAGS} tags")));
        }
        self.set_tags(&tagged, tags, now);
        Ok(Answer::ok(json!({})))
    }

    pub(super) fn untag(&mut self, input: &Input, view: View, now: Timestamp) -> Result<Answer, ServiceError> {
        let (tagged, tags) = self.tagged(input, view, ReadAt::Now)?;
        let mut tags = tags.clone();
        for key in input.get("tagKeys").as_array().into_iter().flatten() {
            tags.remove(key.as_str().unwrap_or_default());
        }
        self.set_tags(&tagged, tags, now);
        Ok(Answer::ok(json!({})))
    }

    pub(super) fn list_tags(&self, input: &Input, view: View, read_at: ReadAt) -> Result<Answer, ServiceError> {
        let (_, tags) = self.tagged(input, view, read_at)?;
        Ok(Answer::ok(json!({"tags": tags})))
    }
}
