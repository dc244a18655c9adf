//! Tags of system instances: what changes them, and what they don't change. Pure.

use serde_json::{Value, json};

use super::{Answered, World, id};
use crate::{operation::Operation, state::ReadAt, switches::Switches};

impl World {
    fn tagged(&mut self, operation: Operation, name: &str, rest: &Value) -> Answered {
        let mut request = json!({"resourceArn": id(name).arn()});
        request.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        self.call(operation, &request)
    }

    pub(in crate::state::system_instances) fn tag(&mut self, name: &str, tags: &[(&str, &str)]) -> Answered {
        let tags: Vec<_> = tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
        self.tagged(Operation::ThingsGraphTagResource, name, &json!({"tags": tags}))
    }

    pub(in crate::state::system_instances) fn untag(&mut self, name: &str, keys: &[&str]) -> Answered {
        self.tagged(Operation::ThingsGraphUntagResource, name, &json!({"tagKeys": keys}))
    }

    /// The tags as `key=value`.
    fn tags(&mut self, name: &str) -> Result<Vec<String>, String> {
        let answer = self.tagged(Operation::ThingsGraphListTagsForResource, name, &json!({}))?;
        let text = |tag: &Value| format!("{}={}", tag["key"].as_str().unwrap(), tag["value"].as_str().unwrap());
        Ok(answer["tags"].as_array().unwrap().iter().map(text).collect())
    }
}

#[test]
fn tags_are_added_replaced_and_taken_away() {
    let mut world = World::new(Switches::default());
    world.create("a", "GREENGRASS").unwrap();
    world.create("b", "GREENGRASS").unwrap();
    assert_eq!(world.tags("a"), Ok(vec![]));
    world.tag("a", &[("team", "x"), ("site", "1"), ("team", "edge")]).unwrap();
    assert_eq!(world.tags("a").unwrap(), ["site=1", "team=edge"]);
    world.tag("a", &[("site", "2")]).unwrap();
    assert_eq!(world.untag("a", &["team", "nobody"]), Ok(json!({})));
    assert_eq!(world.tags("a").unwrap(), ["site=2"]);
    assert_eq!(world.tags("b"), Ok(vec![]));
    assert_eq!(world.tag("a", &[("AWS:x", "1")]), Err("InvalidRequestException".to_owned()));

    let many: Vec<String> = (0..50).map(|number| format!("k{number}")).collect();
    let many: Vec<_> = many.iter().map(|key| (key.as_str(), "v")).collect();
    assert_eq!(world.tag("a", &many), Err("InvalidRequestException".to_owned()));
    world.tag("a", &many[1..]).unwrap();
    assert_eq!(world.tags("a").unwrap().len(), 50);
    world.tag("a", &[("site", "3")]).unwrap();

    // Neither a stranger's nor one that is gone; and the next one of the name begins without.
    let stranger = json!({"resourceArn": id("a").arn().replace("123456789012", "210987654321")});
    let answer = world.call(Operation::ThingsGraphListTagsForResource, &stranger);
    assert_eq!(answer, Err("InvalidRequestException".to_owned()));
    world.about(Operation::DeleteSystemInstance, "a").unwrap();
    for answer in [world.tags("a").map(|_| json!({})), world.tag("a", &[("a", "b")]), world.untag("a", &["a"])] {
        assert_eq!(answer, Err("InvalidRequestException".to_owned()));
    }
    world.create("a", "CLOUD").unwrap();
    assert_eq!(world.tags("a"), Ok(vec![]));
}

#[test]
fn a_change_of_tags_is_a_write_that_changes_nothing_else() {
    let mut world = World::new(Switches::default());
    world.create("a", "GREENGRASS").unwrap();
    world.about(Operation::DeploySystemInstance, "a").unwrap();
    let before = world.state.system_instances().remove(0);
    world.pass(9_000);
    world.tag("a", &[("team", "edge")]).unwrap();
    let after = world.state.system_instances().remove(0);
    assert_eq!(after.tags, [("team".to_owned(), "edge".to_owned())].into());
    assert_eq!(after, crate::SystemInstanceRecord { tags: after.tags.clone(), ..before });
    world.read_at = ReadAt::WritesAgo(1);
    assert_eq!(world.tags("a"), Ok(vec![]));
    world.read_at = ReadAt::WritesAgo(3);
    assert_eq!(world.tags("a"), Err("InvalidRequestException".to_owned()));
    // What it was at goes on, and a write works on what is.
    world.read_at = ReadAt::WritesAgo(2);
    world.tag("a", &[("site", "1")]).unwrap();
    world.read_at = ReadAt::Now;
    assert_eq!(world.tags("a").unwrap(), ["site=1", "team=edge"]);
    world.pass(21_000);
    assert_eq!(world.status("a"), "DEPLOYED_IN_TARGET");
    assert_eq!(world.tags("a").unwrap(), ["site=1", "team=edge"]);
}
