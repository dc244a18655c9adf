//! `SearchSystemInstances`: filters and pages. Pure.

use serde_json::{Value, json};

use super::{
    super::{Answer, Input, operations::PAGE_SIZE, paging::Paging},
    ReadAt, SystemInstance, SystemInstances,
};
use crate::{
    error::ServiceError,
    switches::{Switches, SystemInstanceFilters},
};

/// A filter: "Multiple values function as AND criteria in the search."
fn meets(filter: &Value, instance: &SystemInstance) -> bool {
    let status = json!(instance.status());
    let own = match filter.get("name").and_then(Value::as_str) {
        Some("SYSTEM_TEMPLATE_ID") => instance.made.definition.system_id.as_deref(),
        Some("STATUS") => status.as_str(),
        Some("GREENGRASS_GROUP_NAME") => instance.made.group_name.as_deref(),
        // Without a name it says nothing.
        _ => return true,
    };
    let mut values = filter.get("value").and_then(Value::as_array).into_iter().flatten();
    values.all(|value| value.as_str() == own)
}

impl SystemInstances {
    pub(in crate::state) fn search(
        &self,
        input: &Input,
        read_at: ReadAt,
        switches: &Switches,
    ) -> Result<Answer, ServiceError> {
        let filters = input.get("filters").as_array().map(Vec::as_slice).unwrap_or_default();
        let found = |instance: &SystemInstance| {
            filters.is_empty()
                || match switches.system_instance_filters {
                    SystemInstanceFilters::Any => filters.iter().any(|filter| meets(filter, instance)),
                    SystemInstanceFilters::All => filters.iter().all(|filter| meets(filter, instance)),
                }
        };
        let page = Paging::of(&["system instances", &json!(filters).to_string()]).page(
            self.instances.all(read_at).filter(|(_, instance)| found(instance)),
            input.page_size(PAGE_SIZE),
            input.text("nextToken"),
            |(name, _)| name.to_string(),
            |(name, _), after| &***name > after,
        );
        let (page, next) = page.map_err(|_| ServiceError::field("nextToken", "is not a token of this list"))?;
        let summaries: Vec<Value> = page.into_iter().map(|(_, instance)| instance.summary()).collect();
        let mut answer = json!({"summaries": summaries});
        if let (Some(members), Some(next)) = (answer.as_object_mut(), next) {
            members.insert("nextToken".to_owned(), Value::from(next));
        }
        Ok(Answer::ok(answer))
    }
}
