//! A recipe: what the service and devices need to know of it, read from YAML or JSON. Pure.
//!
//! <https://docs.aws.amazon.com/greengrass/v2/developerguide/component-recipe-reference.html>

use std::{collections::BTreeMap, sync::Arc};

use semver::Version;
use serde_json::{Map, Value};

use super::{Platform, Requirement};

/// The only version of the format.
const FORMAT_VERSION: &str = "2020-01-25";

/// "Maximum size of a component recipe": <https://docs.aws.amazon.com/general/latest/gr/greengrassv2.html>.
const LARGEST: usize = 16 * 1024;

/// The model's bounds of `ComponentNameString` and `ComponentVersionString`.
const LONGEST_NAME: usize = 128;
const LONGEST_VERSION: usize = 64;

/// A recipe that was accepted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recipe {
    pub(crate) name: Arc<str>,
    pub(crate) version: Version,
    pub(crate) description: Option<String>,
    pub(crate) publisher: Option<String>,
    /// What it depends on. Whether a dependency is hard or soft says when a component restarts, and nothing about what is installed.
    pub(crate) dependencies: BTreeMap<Arc<str>, Requirement>,
    pub(crate) default_configuration: Map<String, Value>,
    /// Of its manifests, in their order; never empty.
    pub(crate) platforms: Vec<Platform>,
    text: String,
    format: RecipeFormat,
    document: Value,
}

/// Enum `RecipeOutputFormat` of the service model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecipeFormat {
    Json,
    Yaml,
}

/// What is wrong with a recipe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecipeError {
    #[error("is no UTF-8")]
    NotText,
    #[error("has more than {LARGEST} bytes")]
    TooLarge,
    #[error("is neither YAML nor JSON: {0}")]
    Unreadable(String),
    #[error("{0} {1}")]
    Field(String, String),
}

fn wrong<T>(field: impl Into<String>, problem: impl Into<String>) -> Result<T, RecipeError> {
    Err(RecipeError::Field(field.into(), problem.into()))
}

impl Recipe {
    /// Reads a recipe as the service does: what it needs must be there, and nobody looks at lifecycles and artifacts.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, RecipeError> {
        let text = std::str::from_utf8(bytes).map_err(|_| RecipeError::NotText)?;
        if text.len() > LARGEST {
            return Err(RecipeError::TooLarge);
        }
        let (format, document) = read(text)?;
        if *member(&document, "RecipeFormatVersion") != FORMAT_VERSION {
            return wrong("RecipeFormatVersion", format!("must be {FORMAT_VERSION}"));
        }
        Ok(Self {
            name: name(&document)?,
            version: version(&document)?,
            description: text_of(&document, "ComponentDescription")?,
            publisher: text_of(&document, "ComponentPublisher")?,
            dependencies: dependencies(member(&document, "ComponentDependencies"))?,
            default_configuration: default_configuration(member(&document, "ComponentConfiguration"))?,
            platforms: platforms(member(&document, "Manifests"))?,
            text: text.to_owned(),
            format,
            document,
        })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) const fn format(&self) -> RecipeFormat {
        self.format
    }

    /// The recipe in a format. In its own it is what was sent, to the letter.
    pub(crate) fn in_format(&self, format: RecipeFormat) -> String {
        let written = match format {
            _ if format == self.format => None,
            RecipeFormat::Json => serde_json::to_string_pretty(&self.document).ok(),
            RecipeFormat::Yaml => serde_saphyr::to_string(&self.document).ok(),
        };
        written.unwrap_or_else(|| self.text.clone())
    }

    /// Whether one of its manifests is for a device with these attributes.
    pub(crate) fn is_for(&self, device: &BTreeMap<String, String>) -> bool {
        self.platforms.iter().any(|platform| platform.is_met_by(device))
    }
}

/// JSON is tried first, so that a recipe in it is not taken for YAML, which it is as well.
fn read(text: &str) -> Result<(RecipeFormat, Value), RecipeError> {
    if let Ok(document) = serde_json::from_str(text) {
        return Ok((RecipeFormat::Json, document));
    }
    let document = serde_saphyr::from_str(text).map_err(|error| RecipeError::Unreadable(error.to_string()))?;
    Ok((RecipeFormat::Yaml, document))
}

fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).unwrap_or(&Value::Null)
}

fn text_of(document: &Value, field: &str) -> Result<Option<String>, RecipeError> {
    match member(document, field) {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => wrong(field, "must be a text"),
    }
}

fn name(document: &Value) -> Result<Arc<str>, RecipeError> {
    let name = text_of(document, "ComponentName")?.unwrap_or_default();
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return wrong("ComponentName", format!("must have 1 to {LONGEST_NAME} characters"));
    }
    // It is a part of ARNs, whose patterns in the model have no colon there.
    if name.contains([':', '/']) || name.chars().any(char::is_whitespace) {
        return wrong("ComponentName", "must have no colon, slash or space");
    }
    Ok(Arc::from(name))
}

fn version(document: &Value) -> Result<Version, RecipeError> {
    let text = text_of(document, "ComponentVersion")?.unwrap_or_default();
    match Version::parse(&text) {
        Ok(version) if text.len() <= LONGEST_VERSION => Ok(version),
        Ok(_) => wrong("ComponentVersion", format!("must have at most {LONGEST_VERSION} characters")),
        Err(_) => wrong("ComponentVersion", format!("{text:?} is no semantic version")),
    }
}

/// The members of an object; none where there is none.
fn object<'a>(value: &'a Value, field: &str) -> Result<Vec<(&'a String, &'a Value)>, RecipeError> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Object(members) => Ok(members.iter().collect()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => wrong(field, "must be an object"),
    }
}

fn dependencies(value: &Value) -> Result<BTreeMap<Arc<str>, Requirement>, RecipeError> {
    let mut dependencies = BTreeMap::new();
    for (name, dependency) in object(value, "ComponentDependencies")? {
        let field = format!("ComponentDependencies.{name}");
        object(dependency, &field)?;
        let kind = text_of(dependency, "DependencyType")?.unwrap_or_else(|| "HARD".to_owned());
        if !["HARD", "SOFT"].contains(&kind.as_str()) {
            return wrong(format!("{field}.DependencyType"), "must be HARD or SOFT");
        }
        let text = text_of(dependency, "VersionRequirement")?.unwrap_or_default();
        if text.is_empty() {
            return wrong(format!("{field}.VersionRequirement"), "is required");
        }
        match Requirement::parse(&text) {
            Ok(requirement) => dependencies.insert(Arc::from(name.as_str()), requirement),
            Err(error) => return wrong(format!("{field}.VersionRequirement"), error.to_string()),
        };
    }
    Ok(dependencies)
}

fn default_configuration(value: &Value) -> Result<Map<String, Value>, RecipeError> {
    object(value, "ComponentConfiguration")?;
    let defaults = member(value, "DefaultConfiguration");
    let defaults = object(defaults, "ComponentConfiguration.DefaultConfiguration")?;
    Ok(defaults.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// A recipe without manifests is one that the nucleus can't load (aws-greengrass-nucleus, `RecipeLoader`).
fn platforms(manifests: &Value) -> Result<Vec<Platform>, RecipeError> {
    let manifests = manifests.as_array().filter(|manifests| !manifests.is_empty());
    let Some(manifests) = manifests else {
        return wrong("Manifests", "must be a list with one manifest or more");
    };
    let platform = |(index, manifest): (usize, &Value)| {
        let field = format!("Manifests[{index}]");
        object(manifest, &field)?;
        let mut attributes = BTreeMap::new();
        for (key, value) in object(member(manifest, "Platform"), &format!("{field}.Platform"))? {
            let Value::String(value) = value else {
                return wrong(format!("{field}.Platform.{key}"), "must be a text");
            };
            attributes.insert(key.clone(), value.clone());
        }
        Ok(Platform { name: text_of(manifest, "Name")?, attributes })
    };
    manifests.iter().enumerate().map(platform).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const YAML: &str = "
# A comment.
RecipeFormatVersion: '2020-01-25'
ComponentName: com.example.Press
ComponentVersion: '1.0.0'
ComponentPublisher: Example
ComponentConfiguration:
  DefaultConfiguration: {speed: 3, limits: {high: 10}}
ComponentDependencies:
  com.example.Motor: {VersionRequirement: '>=1.0.0 <2.0.0', DependencyType: SOFT}
Manifests:
  - Platform: {os: linux}
    Lifecycle: {Run: press}
  - Name: anywhere
";

    fn recipe() -> Value {
        json!({
            "RecipeFormatVersion": "2020-01-25", "ComponentName": "a", "ComponentVersion": "1.0.0", "Manifests": [{}],
        })
    }

    fn parsed(document: &Value) -> Result<Recipe, RecipeError> {
        Recipe::parse(document.to_string().as_bytes())
    }

    #[test]
    fn what_is_needed_of_a_recipe_is_read() {
        let recipe = Recipe::parse(YAML.as_bytes()).unwrap();
        assert_eq!((&*recipe.name, recipe.version.to_string().as_str()), ("com.example.Press", "1.0.0"));
        assert_eq!((recipe.publisher.as_deref(), recipe.description.as_deref()), (Some("Example"), None));
        assert_eq!(json!(recipe.default_configuration), json!({"speed": 3, "limits": {"high": 10}}));
        let dependencies: Vec<_> =
            recipe.dependencies.iter().map(|(name, requirement)| format!("{name} {requirement}")).collect();
        assert_eq!(dependencies, ["com.example.Motor >=1.0.0 <2.0.0"]);
        let names: Vec<_> = recipe.platforms.iter().map(|platform| platform.name.as_deref()).collect();
        assert_eq!(names, [None, Some("anywhere")]);
        assert_eq!(recipe.platforms[0].attributes["os"], "linux");
    }

    /// As the nucleus's own documentation writes recipes: <https://github.com/aws-greengrass/aws-greengrass-component-common>, `RECIPE_REFERENCE.md`.
    #[test]
    fn what_yaml_could_take_for_a_date_or_a_number_is_a_text() {
        let text = "---\r\nRecipeFormatVersion: 2020-01-25\r\nComponentName: a\r\nComponentVersion: 1.0.0\r\nComponentDependencies:\r\n  \
                    foo.bar:\r\n    VersionRequirement: 2.0.*\r\n    DependencyType: SOFT\r\nManifests:\r\n  - Lifecycle:\r\n      Run: |-\r\n        \
                    one\r\n        two\r\n";
        let recipe = Recipe::parse(text.as_bytes()).unwrap();
        assert_eq!(
            (recipe.version, recipe.dependencies["foo.bar"].to_string()),
            (Version::new(1, 0, 0), "2.0.*".to_owned())
        );
        assert_eq!(recipe.document["Manifests"][0]["Lifecycle"]["Run"], "one\ntwo");
    }

    #[test]
    fn its_own_format_is_kept_to_the_letter_and_the_other_says_the_same() {
        let recipe = Recipe::parse(YAML.as_bytes()).unwrap();
        assert_eq!(recipe.format(), RecipeFormat::Yaml);
        assert_eq!(recipe.in_format(RecipeFormat::Yaml), YAML);
        let json = Recipe::parse(recipe.in_format(RecipeFormat::Json).as_bytes()).unwrap();
        assert_eq!((json.format(), &json.document), (RecipeFormat::Json, &recipe.document));
        let back = Recipe::parse(json.in_format(RecipeFormat::Yaml).as_bytes()).unwrap();
        assert_eq!((back.format(), back.document), (RecipeFormat::Yaml, recipe.document));
    }

    #[test]
    fn what_is_wrong_with_a_recipe_is_named() {
        parsed(&recipe()).unwrap();
        for (field, value) in [
            ("RecipeFormatVersion", json!("2021-01-01")),
            ("RecipeFormatVersion", Value::Null),
            ("ComponentName", Value::Null),
            ("ComponentName", json!(1)),
            ("ComponentName", json!("a:b")),
            ("ComponentName", json!("a b")),
            ("ComponentName", json!("x".repeat(129))),
            ("ComponentVersion", json!(1.0)),
            ("ComponentVersion", json!("1.0")),
            ("ComponentVersion", json!(format!("1.0.0-{}", "x".repeat(59)))),
            ("ComponentDescription", json!([])),
            ("ComponentDependencies", json!(["b"])),
            ("ComponentDependencies.b", json!("1.0.0")),
            ("ComponentDependencies.b.VersionRequirement", json!({})),
            ("ComponentDependencies.b.VersionRequirement", json!({"VersionRequirement": "latest"})),
            ("ComponentDependencies.b.DependencyType", json!({"VersionRequirement": "*", "DependencyType": "FIRM"})),
            ("ComponentConfiguration", json!("x")),
            ("ComponentConfiguration.DefaultConfiguration", json!({"DefaultConfiguration": []})),
            ("Manifests", json!([])),
            ("Manifests", Value::Null),
            ("Manifests[0]", json!(["x"])),
            ("Manifests[0].Platform", json!([{"Platform": "linux"}])),
            ("Manifests[0].Platform.os", json!([{"Platform": {"os": 1}}])),
        ] {
            let mut recipe = recipe();
            let member = field.split(['.', '[']).next().unwrap();
            recipe[member] = if field.starts_with("ComponentDependencies.b") { json!({"b": value}) } else { value };
            let error = parsed(&recipe).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{field} ")), "{field}: {error}");
        }
        for (bytes, expected) in [
            (&b"\xff"[..], "UTF-8"),
            (b"a: [", "neither YAML nor JSON"),
            (b"", "RecipeFormatVersion"),
            (b"[]", "RecipeFormatVersion"),
            (b"\"x\"", "RecipeFormatVersion"),
            (&vec![b' '; LARGEST + 1], "16384 bytes"),
        ] {
            let error = Recipe::parse(bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
