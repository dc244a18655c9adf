//! The platforms that a manifest is for, and whether a device's is one of them. Pure.
//!
//! <https://docs.aws.amazon.com/greengrass/v2/developerguide/component-recipe-reference.html>

use std::collections::BTreeMap;

/// A manifest's name and the attributes that it asks for; or those that a device has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Platform {
    pub(crate) name: Option<String>,
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Platform {
    /// Whether a device with these attributes meets everything that is asked for.
    pub(crate) fn is_met_by(&self, device: &BTreeMap<String, String>) -> bool {
        self.attributes.iter().all(|(key, wanted)| meets(wanted, device.get(key).map(String::as_str)))
    }
}

/// Of Java's regular expressions only those that documentation shows are understood: alternatives of plain words, and `.+` and `.*`.
fn meets(wanted: &str, actual: Option<&str>) -> bool {
    // Nuclei of the first versions called any operating system `all`, and recipes of that time still do.
    if wanted == "*" || wanted == "all" {
        return true;
    }
    let Some(expression) = wanted.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) else {
        return actual == Some(wanted);
    };
    expression.split('|').any(|alternative| match alternative {
        ".*" => actual.is_some(),
        ".+" => actual.is_some_and(|actual| !actual.is_empty()),
        word => actual == Some(word),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_met_when_every_attribute_is() {
        let attributes = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let device = attributes(&[("os", "linux"), ("architecture", "amd64")]);
        for (wanted, met) in [
            (&[][..], true),
            (&[("os", "linux")], true),
            (&[("os", "windows")], false),
            (&[("os", "linux"), ("architecture", "arm")], false),
            (&[("os", "/windows|linux/"), ("architecture", "/.+/")], true),
            (&[("os", "/windows|darwin/")], false),
            (&[("os", "all"), ("architecture", "*")], true),
            (&[("com.example.radio", "*")], true),
            (&[("com.example.radio", "/.+/")], false),
            (&[("com.example.radio", "lora")], false),
        ] {
            let platform = Platform { name: None, attributes: attributes(wanted) };
            assert_eq!(platform.is_met_by(&device), met, "{wanted:?}");
        }
    }
}
