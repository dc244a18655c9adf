//! What stands in the definition of a system instance: GraphQL with the directive `@deployment`. Pure.
//!
//! Of GraphQL only what is needed to find that directive where it is one, and not within a string or a comment:
//! <https://spec.graphql.org/October2021/#sec-Language.Source-Text>.

use super::id::{SystemInstanceId, is_urn};
use crate::scope::Scope;

/// A definition that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Definition {
    pub(crate) id: SystemInstanceId,
    /// The system that it is an instance of.
    pub(crate) system_id: Option<String>,
}

/// What is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DefinitionError {
    #[error("is no GraphQL: {0}")]
    Unreadable(&'static str),
    #[error("has no directive @deployment(id: \"urn:tdm:REGION/ACCOUNT/default:deployment:NAME\")")]
    NoDirective,
    #[error("has more than one directive @deployment")]
    SeveralDirectives,
    #[error("{0:?} is no urn:tdm:REGION/ACCOUNT/default:deployment:NAME")]
    NoId(String),
    #[error("{0} is of another account or region than the caller's")]
    Elsewhere(SystemInstanceId),
    #[error("systemId: {0:?} is no id of a system")]
    NoSystem(String),
}

impl Definition {
    /// Reads a definition.
    pub(crate) fn parse(text: &str) -> Result<Self, DefinitionError> {
        let tokens = tokens(text)?;
        let mut directives = directives(&tokens);
        let arguments = directives.next().ok_or(DefinitionError::NoDirective)?;
        if directives.next().is_some() {
            return Err(DefinitionError::SeveralDirectives);
        }
        let argument = |name: &str| string_argument(arguments, name);
        let id = argument("id").ok_or(DefinitionError::NoDirective)?;
        let id = SystemInstanceId::parse(id).ok_or_else(|| DefinitionError::NoId(id.to_owned()))?;
        let system_id = argument("systemId").map(ToOwned::to_owned);
        match system_id {
            Some(system) if !is_urn(&system) => Err(DefinitionError::NoSystem(system)),
            system_id => Ok(Self { id, system_id }),
        }
    }

    /// Reads the definition of somebody's own system instance.
    pub(crate) fn of(scope: &Scope, text: &str) -> Result<Self, DefinitionError> {
        let definition = Self::parse(text)?;
        if definition.id.scope() == scope { Ok(definition) } else { Err(DefinitionError::Elsewhere(definition.id)) }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    String(String),
    /// One character of anything else.
    Other(char),
}

/// The arguments of each `@deployment`, without their parentheses.
fn directives(tokens: &[Token]) -> impl Iterator<Item = &[Token]> {
    let starts = tokens.windows(3).enumerate().filter(|(_, window)| {
        matches!(window, [Token::Other('@'), Token::Name(name), Token::Other('(')] if name == "deployment")
    });
    starts.filter_map(|(start, _)| {
        let arguments = tokens.get(start.saturating_add(3)..)?;
        let end = arguments.iter().position(|token| *token == Token::Other(')'))?;
        arguments.get(..end)
    })
}

fn string_argument<'a>(arguments: &'a [Token], wanted: &str) -> Option<&'a str> {
    arguments.windows(3).find_map(|window| match window {
        [Token::Name(name), Token::Other(':'), Token::String(value)] if name == wanted => Some(value.as_str()),
        _ => None,
    })
}

/// The tokens of a text whose brackets are in order.
fn tokens(text: &str) -> Result<Vec<Token>, DefinitionError> {
    let mut tokens = Vec::new();
    let mut open = Vec::new();
    let mut rest = text;
    while let Some(character) = next(&mut rest) {
        match character {
            '"' => tokens.push(Token::String(string(&mut rest)?)),
            '#' => {
                take_while(&mut rest, |next| !['\n', '\r'].contains(&next));
            }
            // A comma, and the byte order mark, are as good as a space.
            ',' | '\u{feff}' => {}
            _ if character.is_whitespace() => {}
            _ if character.is_ascii_alphabetic() || character == '_' => {
                let more = take_while(&mut rest, |next| next.is_ascii_alphanumeric() || next == '_');
                tokens.push(Token::Name(format!("{character}{more}")));
            }
            _ => {
                match character {
                    '(' => open.push(')'),
                    '[' => open.push(']'),
                    '{' => open.push('}'),
                    ')' | ']' | '}' if open.pop() != Some(character) => {
                        return Err(DefinitionError::Unreadable("a bracket is closed that is not open"));
                    }
                    _ => {}
                }
                tokens.push(Token::Other(character));
            }
        }
    }
    if open.is_empty() { Ok(tokens) } else { Err(DefinitionError::Unreadable("a bracket is not closed")) }
}

fn next(rest: &mut &str) -> Option<char> {
    let mut characters = rest.chars();
    let character = characters.next();
    *rest = characters.as_str();
    character
}

fn take_while<'a>(rest: &mut &'a str, belongs: impl Fn(char) -> bool) -> &'a str {
    let end = rest.find(|character| !belongs(character)).unwrap_or(rest.len());
    let (taken, after) = rest.split_at_checked(end).unwrap_or_default();
    *rest = after;
    taken
}

/// Whether the text begins so; then it is read over.
fn takes(rest: &mut &str, prefix: &str) -> bool {
    rest.strip_prefix(prefix).map(|after| *rest = after).is_some()
}

/// The rest of a string, whose first quotation mark is read. Escapes stay as they are, because no id has one.
fn string(rest: &mut &str) -> Result<String, DefinitionError> {
    // Two more begin a block, one more ends an empty string.
    let is_block = takes(rest, "\"\"");
    let (end, escape) = if is_block { ("\"\"\"", "\\\"\"\"") } else { ("\"", "\\") };
    let mut text = String::new();
    loop {
        if takes(rest, end) {
            return Ok(text);
        }
        if takes(rest, escape) {
            text.push_str(escape);
            // What is escaped in a block is in the escape itself.
            text.extend((!is_block).then(|| next(rest)).flatten());
            continue;
        }
        match next(rest) {
            Some('\n' | '\r') if !is_block => break,
            Some(character) => text.push(character),
            None => break,
        }
    }
    Err(DefinitionError::Unreadable("a string has no end"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the AWS CLI's example of get-system-instance.
    const EXAMPLE: &str = "{\r\nquery Room218 @deployment(id: \"urn:tdm:us-west-2/123456789012/default:Deployment:Room218\", systemId: \
        \"urn:tdm:us-west-2/123456789012/default:System:SecurityFlow\") {\r\n    motionSensor(deviceId: \"MotionSensorName\")\r\n    screen(deviceId: \
        \"ScreenName\")\r\n    camera(deviceId: \"CameraName\") \r\n    triggers {MotionEventTrigger(description: \"a trigger\") {  \r\n    \
        condition(expr: \"devices[name == 'motionSensor'].events[name == 'StateChanged'].lastEvent\") \r\n    action(expr: \
        \"ThingsGraph.startFlow('SecurityFlow', bindings[name == 'camera'].deviceId, bindings[name == 'screen'].deviceId)\")\r\n    }\r\n   }\r\n  \
        }\r\n  }";

    const ID: &str = "urn:tdm:us-west-2/123456789012/default:deployment:Room218";

    fn scope() -> Scope {
        Scope::new("123456789012", "us-west-2")
    }

    #[test]
    fn the_example_of_the_aws_cli_is_understood() {
        let definition = Definition::of(&scope(), EXAMPLE).unwrap();
        assert_eq!(definition.id.to_string(), "urn:tdm:us-west-2/123456789012/default:Deployment:Room218");
        assert_eq!(definition.system_id.as_deref(), Some("urn:tdm:us-west-2/123456789012/default:System:SecurityFlow"));
        let elsewhere = Scope::new("123456789012", "us-east-1");
        assert!(matches!(Definition::of(&elsewhere, EXAMPLE), Err(DefinitionError::Elsewhere(_))));
    }

    #[test]
    fn a_directive_is_found_wherever_it_is_one() {
        for text in [
            format!("@deployment(id:\"{ID}\")"),
            format!(
                "{{query R\n@deployment\n(\nsystemId: \"urn:tdm:a:System:b\",,\nid \u{feff}: \"{ID}\" other: 1) {{}} }}"
            ),
            format!("# @deployment(id: \"no\")\r@deployment(id: \"\"\"{ID}\"\"\")"),
            format!("query(text: \"@deployment(id: \\\"no\\\")\") @deployment(id: \"{ID}\")"),
            format!("query(text: \"\"\"@deployment(id: \"no\") \\\"\"\" \" \"\"\") @deployment(id: \"{ID}\")"),
            format!("query(text: \"\") @deployment(id: \"{ID}\") @deployments(id: \"no\") deployment(id: \"no\")"),
        ] {
            let definition = Definition::of(&scope(), &text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(definition.id.to_string(), ID, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_definition_is_said() {
        let error = |text: &str| Definition::of(&scope(), text).unwrap_err().to_string();
        for (text, expected) in [
            ("", "no directive"),
            ("query R {}", "no directive"),
            ("@deployment", "no directive"),
            ("@deployment(systemId: \"urn:tdm:a:System:b\")", "no directive"),
            (&format!("# @deployment(id: \"{ID}\")"), "no directive"),
            (&format!("\"@deployment(id: '{ID}')\""), "no directive"),
            ("@deployment(id: \"Room218\")", "\"Room218\" is no urn:tdm:"),
            ("@deployment(id: \"urn:tdm:us-west-2/1/default:System:a\")", "is no urn:tdm:"),
            ("@deployment(id: \"urn:tdm:us-west-2/1/default:deployment:a\")", "another account or region"),
            (&format!("@deployment(id: \"{ID}\", systemId: \"x y\")"), "systemId: \"x y\" is no id"),
            (&format!("@deployment(id: \"{ID}\") @deployment(id: \"{ID}\")"), "more than one"),
            (&format!("@deployment(id: \"{ID}\""), "a bracket is not closed"),
            (&format!("@deployment(id: \"{ID}\")}}"), "closed that is not open"),
            (&format!("@deployment(id: \"{ID}\"]"), "closed that is not open"),
            (&format!("@deployment(id: \"{ID})"), "a string has no end"),
            (&format!("@deployment(id: \"{ID}\n\")"), "a string has no end"),
            (&format!("@deployment(id: \"\"\"{ID}\"\")"), "a string has no end"),
            ("\"\\", "a string has no end"),
        ] {
            assert!(error(text).contains(expected), "{text}: {}", error(text));
        }
    }
}
