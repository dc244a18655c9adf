//! What runs: a GraphQL document that says which system instance it defines. Pure.

use graphql_parser::query::{Definition as Stated, Directive, Document, OperationDefinition, Value, parse_query};
use thiserror::Error;

use super::id::{InvalidId, SystemInstanceId};

/// The directive that makes an operation the definition of a system instance (AWS IoT Things Graph User Guide, "Creating and
/// deploying flow configurations").
const DIRECTIVE: &str = "deployment";

/// A definition that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The system instance that it defines.
    pub id: SystemInstanceId,
    /// The document as it was written: what AWS is given.
    pub text: String,
    /// The same without what does not matter: two definitions with the same are one.
    pub canonical: String,
}

/// Why a definition can't be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidDefinition {
    /// It is no GraphQL.
    #[error("definition is no GraphQL document: {0}: correct it there")]
    Unreadable(String),
    /// It defines no system instance.
    #[error(
        "definition has no operation with the directive @deployment(id: \"urn:tdm:REGION/ACCOUNT/default:deployment:NAME\"): add it to the query that defines the system instance"
    )]
    NoDirective,
    /// It defines several.
    #[error("definition has more than one operation with the directive @deployment: make a SystemInstance for each")]
    Several,
    /// Its id is none.
    #[error("definition: {0}")]
    Id(#[from] InvalidId),
}

impl Definition {
    /// Reads a definition.
    pub fn parse(text: &str) -> Result<Self, InvalidDefinition> {
        let document =
            parse_query::<String>(text).map_err(|error| InvalidDefinition::Unreadable(one_line(&error.to_string())))?;
        let mut directives = directives(&document);
        let directive = directives.next().ok_or(InvalidDefinition::NoDirective)?;
        if directives.next().is_some() {
            return Err(InvalidDefinition::Several);
        }
        let id = directive.arguments.iter().find_map(|(name, value)| match value {
            Value::String(text) if name == "id" => Some(text.as_str()),
            _ => None,
        });
        let id = SystemInstanceId::parse(id.ok_or(InvalidDefinition::NoDirective)?)?;
        Ok(Self { id, canonical: document.to_string(), text: text.to_owned() })
    }
}

fn directives<'a>(document: &'a Document<'a, String>) -> impl Iterator<Item = &'a Directive<'a, String>> {
    document.definitions.iter().flat_map(of_definition).filter(|directive| directive.name == DIRECTIVE)
}

fn of_definition<'a>(definition: &'a Stated<'a, String>) -> &'a [Directive<'a, String>] {
    match definition {
        Stated::Operation(OperationDefinition::SelectionSet(_)) | Stated::Fragment(_) => &[],
        Stated::Operation(OperationDefinition::Query(query)) => &query.directives,
        Stated::Operation(OperationDefinition::Mutation(mutation)) => &mutation.directives,
        Stated::Operation(OperationDefinition::Subscription(subscription)) => &subscription.directives,
    }
}

/// The parser's words, which stand on several lines.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").trim_start_matches("query parse error: ").chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ROOM: &str = r#"query Room218 @deployment(id: "urn:tdm:us-west-2/123456789012/default:deployment:Room218",
        systemId: "urn:tdm:us-west-2/123456789012/default:System:SecurityFlow") {
      motionSensor(deviceId: "MotionSensor218")
      camera(deviceId: "Camera218") { triggers { onMotion(description: "a person") {
        condition(expr: "devices[name == 'motionSensor'].events[name == 'StateChanged'].lastEvent")
        action(expr: "ThingsGraph.startFlow('SecurityFlow', bindings[name == 'camera'].deviceId)") } } }
    }"#;

    #[test]
    fn a_definition_says_which_system_instance_it_defines() {
        let definition = Definition::parse(ROOM).unwrap();
        assert_eq!(definition.id.name(), "Room218");
        assert_eq!(definition.text, ROOM);
    }

    #[test]
    fn spaces_and_comments_are_no_content_and_devices_are() {
        let canonical = |text: &str| Definition::parse(text).unwrap().canonical;
        let other = format!("# the third floor\n{}", ROOM.replace("      ", " ").replace("} } }", "}\n}\n}"));
        assert_eq!(canonical(&other), canonical(ROOM));
        assert_ne!(canonical(&ROOM.replace("Camera218", "Camera219")), canonical(ROOM));
    }

    #[rstest]
    #[case::no_graphql("query {", "no GraphQL document: Parse error at")]
    #[case::nothing("", "no GraphQL document")]
    #[case::no_directive("query Room218 { a }", "has no operation with the directive @deployment")]
    #[case::only_in_a_comment("query Room218 { a } # @deployment(id: \"x\")", "has no operation with")]
    #[case::no_id("query R @deployment(systemId: \"x\") { a }", "has no operation with")]
    #[case::a_placeholder(
        "query R @deployment(id: \"urn:tdm:REGION/ACCOUNT ID/default:deployment:R\") { a }",
        "'urn:tdm:REGION/ACCOUNT ID/default:deployment:R' is no id of a system instance"
    )]
    #[case::two("query A @deployment(id: \"a\") { a } query B @deployment(id: \"b\") { b }", "more than one operation")]
    fn what_defines_no_system_instance_is_refused_with_the_reason(#[case] text: &str, #[case] words: &str) {
        let error = Definition::parse(text).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains('\n'), "{error}");
    }
}
