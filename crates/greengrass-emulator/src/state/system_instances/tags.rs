//! Tags of system instances: `TagResource`, `UntagResource` and `ListTagsForResource` of Things Graph. A change of tags is a write, so that a stale read
//! shows the old ones; no status and no `updatedAt` changes by it, because nothing documents that. Pure.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    super::{
        Answer, Input,
        operations::PAGE_SIZE,
        paging::Paging,
        tags::{Tags, check},
    },
    Partition, ReadAt, SystemInstance,
};
use crate::{error::ServiceError, model::things_graph::MOST_TAGS};

/// A list of keys and values, by its shape; the last value of a key counts.
pub(super) fn of_list(list: &Value) -> Result<Tags, ServiceError> {
    let text = |tag: &Value, name: &str| tag.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    let tags = list.as_array().into_iter().flatten();
    let tags = tags.filter_map(|tag| Some((text(tag, "key")?, text(tag, "value")?))).collect();
    check(&tags)?;
    Ok(tags)
}

impl Partition {
    /// The name of the system instance whose ARN a request has, and how a read sees it. None of the three operations has a `ResourceNotFoundException` in
    /// the service model.
    fn tagged_system_instance(
        &self,
        input: &Input,
        read_at: ReadAt,
    ) -> Result<(String, &SystemInstance), ServiceError> {
        let name = input.required("resourceArn").strip_prefix(&self.scope.system_instance_arn(""));
        let found =
            name.and_then(|name| Some((name.to_owned(), self.system_instances.instances.get(name, read_at)?.as_ref())));
        found.ok_or_else(|| {
            ServiceError::field("resourceArn", "is the ARN of no system instance of this account and region")
        })
    }

    pub(in crate::state) fn tag_system_instance(
        &mut self,
        input: &Input,
        now: Timestamp,
    ) -> Result<Answer, ServiceError> {
        let added = of_list(input.get("tags"))?;
        let (name, instance) = self.tagged_system_instance(input, ReadAt::Now)?;
        let mut tags = instance.tags.clone();
        tags.extend(added);
        if tags.len() > MOST_TAGS {
            return Err(ServiceError::field("tags", format!("a resource has at most {MOST_TAGS} tags")));
        }
        self.set_system_instance_tags(&name, tags, now);
        Ok(Answer::ok(json!({})))
    }

    pub(in crate::state) fn untag_system_instance(
        &mut self,
        input: &Input,
        now: Timestamp,
    ) -> Result<Answer, ServiceError> {
        let (name, instance) = self.tagged_system_instance(input, ReadAt::Now)?;
        let mut tags = instance.tags.clone();
        for key in input.get("tagKeys").as_array().into_iter().flatten() {
            tags.remove(key.as_str().unwrap_or_default());
        }
        self.set_system_instance_tags(&name, tags, now);
        Ok(Answer::ok(json!({})))
    }

    fn set_system_instance_tags(&mut self, name: &str, tags: Tags, now: Timestamp) {
        self.system_instances.instances.change(name, now, |instance| instance.tags = tags);
    }

    pub(in crate::state) fn list_tags_of_system_instance(
        &self,
        input: &Input,
        read_at: ReadAt,
    ) -> Result<Answer, ServiceError> {
        let (name, instance) = self.tagged_system_instance(input, read_at)?;
        let page = Paging::of(&["tags of a system instance", &name]).page(
            &instance.tags,
            input.page_size(PAGE_SIZE),
            input.text("nextToken"),
            |(key, _)| (*key).clone(),
            |(key, _), after| key.as_str() > after,
        );
        let (page, next) = page.map_err(|_| ServiceError::field("nextToken", "is not a token of this list"))?;
        let tags: Vec<Value> = page.into_iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
        let mut answer = json!({"tags": tags});
        if let (Some(members), Some(next)) = (answer.as_object_mut(), next) {
            members.insert("nextToken".to_owned(), Value::from(next));
        }
        Ok(Answer::ok(answer))
    }
}
