//! Which identities a process looks after: a label selector, as `kubectl --selector` takes it. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use kube::core::{Expression, Selector, SelectorExt};
use thiserror::Error;

/// The identities of one of several groups of processes. A group owns whole identities, so no two groups do the same work.
#[derive(Clone, Debug, PartialEq)]
pub struct IdentitySelector {
    text: String,
    selector: Selector,
}

/// The text is no label selector.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "'{0}' is no label selector: write conditions as kubectl takes them, with commas in between, for example shard=north, shard!=north, 'shard in (north,south)', 'shard notin (north,south)', shard or !shard"
)]
pub struct InvalidSelector(String);

impl IdentitySelector {
    /// Whether it selects an identity with these labels.
    #[must_use]
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        self.selector.matches(labels)
    }

    /// Whether it selects what has no label: that group also says what is wrong where there is no identity.
    #[must_use]
    pub fn selects_the_rest(&self) -> bool {
        self.selects(&BTreeMap::new())
    }
}

impl fmt::Display for IdentitySelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for IdentitySelector {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<Self, InvalidSelector> {
        let invalid = || InvalidSelector(text.chars().take(100).collect());
        let mut expressions = Vec::new();
        for condition in conditions(text) {
            expressions.push(expression(condition.trim()).ok_or_else(invalid)?);
        }
        if expressions.is_empty() {
            return Err(invalid());
        }
        Ok(Self { text: text.trim().to_owned(), selector: expressions.into_iter().collect() })
    }
}

/// Splits at the commas that are not within parentheses.
fn conditions(text: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    text.split(|c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .collect()
}

fn expression(condition: &str) -> Option<Expression> {
    if let Some((key, values)) = condition.split_once('(') {
        let values: BTreeSet<String> =
            values.strip_suffix(')')?.split(',').map(|value| word(value.trim())).collect::<Option<_>>()?;
        let (key, operator) = key.trim().rsplit_once(char::is_whitespace)?;
        return match operator {
            "in" => Some(Expression::In(label(key.trim())?, values)),
            "notin" => Some(Expression::NotIn(label(key.trim())?, values)),
            _ => None,
        };
    }
    if let Some((key, value)) = condition.split_once("!=") {
        return Some(Expression::NotEqual(label(key.trim())?, word(value.trim())?));
    }
    if let Some((key, value)) = condition.split_once('=') {
        let value = value.strip_prefix('=').unwrap_or(value);
        return Some(Expression::Equal(label(key.trim())?, word(value.trim())?));
    }
    match condition.strip_prefix('!') {
        Some(key) => Some(Expression::DoesNotExist(label(key.trim())?)),
        None => Some(Expression::Exists(label(condition)?)),
    }
}

/// A label's key: a name of at most 63 characters, with a prefix of at most 253.
fn label(text: &str) -> Option<String> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    (!text.is_empty() && text.len() <= 317 && text.chars().all(is_fine)).then(|| text.to_owned())
}

/// A label's value.
fn word(text: &str) -> Option<String> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (text.len() <= 63 && text.chars().all(is_fine)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[rstest]
    #[case("shard=north", true, false)]
    #[case("shard==north", true, false)]
    #[case("shard!=north", false, true)]
    #[case("shard in (north, south)", true, false)]
    #[case("shard notin (south)", true, true)]
    #[case("shard notin (north,south)", false, true)]
    #[case("shard", true, false)]
    #[case("!shard", false, true)]
    #[case("shard=north,factory!=7", true, false)]
    #[case("greengrass.example.com/shard=north", false, false)]
    fn a_selector_reads_as_kubectls(#[case] text: &str, #[case] north: bool, #[case] rest: bool) {
        let selector: IdentitySelector = text.parse().unwrap();
        assert_eq!(selector.selects(&labels(&[("shard", "north")])), north);
        assert_eq!(selector.selects_the_rest(), rest);
        assert_eq!(selector.to_string(), text);
    }

    #[rstest]
    fn what_is_none_is_refused(
        #[values("", ",", "a b", "a in b", "a in (b", "a=b c", "=b", "a in (b),", "a~b", "in (a)")] text: &str,
    ) {
        assert!(text.parse::<IdentitySelector>().is_err(), "{text}");
    }

    #[test]
    fn each_identity_belongs_to_one_of_the_groups() {
        let groups: Vec<IdentitySelector> =
            ["shard=north", "shard=south", "shard notin (north,south)"].map(|text| text.parse().unwrap()).into();
        for pairs in [&[("shard", "north")][..], &[("shard", "south")], &[("shard", "west")], &[]] {
            assert_eq!(groups.iter().filter(|group| group.selects(&labels(pairs))).count(), 1, "{pairs:?}");
        }
    }
}
