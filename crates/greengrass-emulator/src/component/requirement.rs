//! Version requirements of recipes: npm's ranges, as <https://github.com/npm/node-semver#ranges> has them. Pure.

use std::fmt;

use semver::{Prerelease, Version};

/// Which versions of a component will do: `>=1.0.0 <2.0.0`, `^1.2`, `~1.2.3`, `1.x`, `1.2.3 - 2`, `1 || 3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requirement {
    text: String,
    /// One of these must hold, with all of its comparators.
    alternatives: Vec<Vec<Comparator>>,
}

/// A text that is no range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no version requirement in the style of npm, like >=1.0.0 <2.0.0, ^1.2 or 1.x")]
pub(crate) struct NotARequirement(String);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Comparator {
    operator: Operator,
    version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

/// A version with parts left out, or an x in their place.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Partial {
    Any,
    Major(u64),
    Minor(u64, u64),
    Full(Version),
}

impl fmt::Display for Requirement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Requirement {
    /// Reads a range.
    pub(crate) fn parse(text: &str) -> Result<Self, NotARequirement> {
        let alternatives: Option<Vec<_>> = text.split("||").map(alternative).collect();
        let alternatives = alternatives.ok_or_else(|| NotARequirement(text.to_owned()))?;
        Ok(Self { text: text.to_owned(), alternatives })
    }

    /// Whether a version will do. A pre-release does only where a comparator names one of the same version.
    pub(crate) fn allows(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|comparators| {
            let released = version.pre.is_empty()
                || comparators.iter().any(|comparator| {
                    let Version { major, minor, patch, pre, .. } = &comparator.version;
                    !pre.is_empty() && (*major, *minor, *patch) == (version.major, version.minor, version.patch)
                });
            released && comparators.iter().all(|comparator| comparator.holds(version))
        })
    }

    /// Versions of which one is the lowest that it allows, if there is one.
    pub(crate) fn lower_bounds(&self) -> impl Iterator<Item = Version> {
        self.alternatives.iter().flatten().filter_map(|Comparator { operator, version }| match operator {
            Operator::GreaterOrEqual | Operator::Equal => Some(version.clone()),
            Operator::Greater => Some(Version::new(version.major, version.minor, version.patch.saturating_add(1))),
            Operator::Less | Operator::LessOrEqual => None,
        })
    }
}

impl Comparator {
    fn holds(&self, version: &Version) -> bool {
        let order = version.cmp_precedence(&self.version);
        match self.operator {
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => order.is_le(),
            Operator::Equal => order.is_eq(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::Greater => order.is_gt(),
        }
    }
}

/// What stands between two `||`: a hyphen range, or comparators that must all hold.
fn alternative(text: &str) -> Option<Vec<Comparator>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if let [low, "-", high] = words.as_slice() {
        return Some(both(at_least(&Partial::parse(low)?), up_to(&Partial::parse(high)?)));
    }
    let mut comparators = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let (operator, rest) = split(word);
        // There may be spaces between an operator and its version.
        let rest = if rest.is_empty() { words.next()? } else { rest };
        comparators.extend(desugared(operator, &Partial::parse(rest)?));
    }
    Some(comparators)
}

fn split(word: &str) -> (&'static str, &str) {
    let operators = [">=", "<=", "~>", ">", "<", "=", "~", "^"];
    operators.into_iter().find_map(|operator| Some((operator, word.strip_prefix(operator)?))).unwrap_or(("", word))
}

/// The comparators that an operator before a version stands for.
fn desugared(operator: &str, partial: &Partial) -> Vec<Comparator> {
    match operator {
        ">=" => at_least(partial),
        "<=" => up_to(partial),
        ">" => match (partial, above(partial)) {
            (Partial::Full(version), _) => vec![comparator(Operator::Greater, version.clone())],
            (_, Some(next)) => vec![comparator(Operator::GreaterOrEqual, next)],
            // Nothing is above everything.
            (_, None) => vec![comparator(Operator::Less, before(Version::new(0, 0, 0)))],
        },
        "<" => match partial {
            Partial::Full(version) => vec![comparator(Operator::Less, version.clone())],
            Partial::Any | Partial::Major(_) | Partial::Minor(..) => {
                vec![comparator(Operator::Less, before(partial.lowest()))]
            }
        },
        "~" | "~>" => {
            let bound = match partial {
                Partial::Full(version) => above(&Partial::Minor(version.major, version.minor)),
                Partial::Any | Partial::Major(_) | Partial::Minor(..) => above(partial),
            };
            both(at_least(partial), below(bound))
        }
        "^" => both(at_least(partial), below(above_compatible(partial))),
        _ => match partial {
            Partial::Full(version) => vec![comparator(Operator::Equal, version.clone())],
            Partial::Any | Partial::Major(_) | Partial::Minor(..) => both(at_least(partial), below(above(partial))),
        },
    }
}

const fn comparator(operator: Operator, version: Version) -> Comparator {
    Comparator { operator, version }
}

fn both(mut low: Vec<Comparator>, high: Vec<Comparator>) -> Vec<Comparator> {
    low.extend(high);
    low
}

fn at_least(partial: &Partial) -> Vec<Comparator> {
    match partial {
        Partial::Any => Vec::new(),
        Partial::Major(_) | Partial::Minor(..) | Partial::Full(_) => {
            vec![comparator(Operator::GreaterOrEqual, partial.lowest())]
        }
    }
}

fn up_to(partial: &Partial) -> Vec<Comparator> {
    match partial {
        Partial::Full(version) => vec![comparator(Operator::LessOrEqual, version.clone())],
        Partial::Any | Partial::Major(_) | Partial::Minor(..) => below(above(partial)),
    }
}

fn below(bound: Option<Version>) -> Vec<Comparator> {
    bound.map(|version| comparator(Operator::Less, before(version))).into_iter().collect()
}

/// The lowest pre-release of a version: whoever is below it is of an earlier version.
fn before(version: Version) -> Version {
    Version { pre: Prerelease::new("0").unwrap_or(Prerelease::EMPTY), ..version }
}

/// The first version that a partial one doesn't stand for; `None` when it stands for all.
fn above(partial: &Partial) -> Option<Version> {
    match partial {
        Partial::Any => None,
        Partial::Major(major) => Some(Version::new(major.saturating_add(1), 0, 0)),
        Partial::Minor(major, minor) => Some(Version::new(*major, minor.saturating_add(1), 0)),
        Partial::Full(version) => Some(Version::new(version.major, version.minor, version.patch.saturating_add(1))),
    }
}

/// The first version with another leftmost number than zero.
fn above_compatible(partial: &Partial) -> Option<Version> {
    match partial {
        Partial::Any | Partial::Major(_) | Partial::Minor(0, _) | Partial::Full(Version { major: 0, minor: 0, .. }) => {
            above(partial)
        }
        Partial::Full(Version { major: 0, minor, .. }) => above(&Partial::Minor(0, *minor)),
        Partial::Minor(major, _) | Partial::Full(Version { major, .. }) => above(&Partial::Major(*major)),
    }
}

impl Partial {
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        if let Ok(version) = Version::parse(text) {
            return Some(Self::Full(version));
        }
        let is_any = |part: &&str| ["x", "X", "*"].contains(part);
        let number = |part: &str| part.parse::<u64>().ok().filter(|number| number.to_string() == part);
        let parts: Vec<&str> = text.split('.').collect();
        if parts.len() > 3 {
            return None;
        }
        // After an x there are no numbers.
        let given: Vec<&str> = parts.iter().copied().take_while(|part| !is_any(part)).collect();
        if !parts.iter().skip(given.len()).all(is_any) {
            return None;
        }
        match given.as_slice() {
            [] => Some(Self::Any),
            [major] => Some(Self::Major(number(major)?)),
            [major, minor] => Some(Self::Minor(number(major)?, number(minor)?)),
            _ => None,
        }
    }

    fn lowest(&self) -> Version {
        match self {
            Self::Any => Version::new(0, 0, 0),
            Self::Major(major) => Version::new(*major, 0, 0),
            Self::Minor(major, minor) => Version::new(*major, *minor, 0),
            Self::Full(version) => version.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn allows(range: &str, version: &str) -> bool {
        Requirement::parse(range).unwrap().allows(&Version::parse(version).unwrap())
    }

    /// From the documentation of node-semver: what each form is the same as.
    const SAME: [(&str, &str); 28] = [
        ("1.2.3 - 2.3.4", ">=1.2.3 <=2.3.4"),
        ("1.2 - 2.3.4", ">=1.2.0 <=2.3.4"),
        ("1.2.3 - 2.3", ">=1.2.3 <2.4.0-0"),
        ("1.2.3 - 2", ">=1.2.3 <3.0.0-0"),
        ("*", ">=0.0.0"),
        ("", ">=0.0.0"),
        ("1.x", ">=1.0.0 <2.0.0-0"),
        ("1.2.x", ">=1.2.0 <1.3.0-0"),
        ("1", "1.x.x"),
        ("1.2", "1.2.X"),
        ("2.0.*", ">=2.0.0 <2.1.0"),
        ("~1.2.3", ">=1.2.3 <1.3.0-0"),
        ("~1.2", ">=1.2.0 <1.3.0-0"),
        ("~1", ">=1.0.0 <2.0.0-0"),
        ("~0.2.3", ">=0.2.3 <0.3.0-0"),
        ("~1.2.3-beta.2", ">=1.2.3-beta.2 <1.3.0-0"),
        ("^1.2.3", ">=1.2.3 <2.0.0-0"),
        ("^0.2.3", ">=0.2.3 <0.3.0-0"),
        ("^0.0.3", ">=0.0.3 <0.0.4-0"),
        ("^1.2.x", ">=1.2.0 <2.0.0-0"),
        ("^0.0.x", ">=0.0.0 <0.1.0-0"),
        ("^0.0", ">=0.0.0 <0.1.0-0"),
        ("^1.x", ">=1.0.0 <2.0.0-0"),
        ("^0.x", ">=0.0.0 <1.0.0-0"),
        (">1.2", ">=1.3.0"),
        ("<=1.2", "<1.3.0-0"),
        (">= 1.0.0   < 2.0.0", ">=1.0.0 <2.0.0"),
        ("=v1.0.0", "1.0.0"),
    ];

    #[test]
    fn each_form_is_the_same_as_its_comparators() {
        for (short, long) in SAME {
            let [short, long] = [short, long].map(|range| Requirement::parse(range).unwrap());
            for number in 0..125 {
                let version = Version::new(number / 25, number / 5 % 5, number % 5);
                assert_eq!(short.allows(&version), long.allows(&version), "{short} and {long}: {version}");
            }
        }
    }

    #[test]
    fn a_version_is_allowed_or_not() {
        for (range, allowed, refused) in [
            (">=1.0.0 <2.0.0", vec!["1.0.0", "1.9.9", "1.2.3+build"], vec!["0.9.9", "2.0.0", "1.5.0-rc.1"]),
            ("1.0.0 || >=2.1.0", vec!["1.0.0", "2.1.0", "9.0.0"], vec!["1.0.1", "2.0.9"]),
            (">1.2.3-alpha.3", vec!["1.2.3-alpha.7", "3.4.5"], vec!["3.4.5-alpha.9", "1.2.3-alpha.3"]),
            ("^1.2.3", vec!["1.2.3", "1.3.0"], vec!["2.0.0", "2.0.0-rc.1", "1.2.2"]),
            ("<1.0.0", vec!["0.9.9"], vec!["1.0.0", "1.0.0-rc.1"]),
            (">*", vec![], vec!["0.0.0", "9.9.9"]),
        ] {
            for version in allowed {
                assert!(allows(range, version), "{range} allows {version}");
            }
            for version in refused {
                assert!(!allows(range, version), "{range} refuses {version}");
            }
        }
    }

    #[test]
    fn what_is_no_range_is_named() {
        for text in
            ["latest", "1.2.3.4", ">=", "1.x.3", "^", "a.b.c", "01.2.3", "1 - ", "=>1.0.0", "1.-1", ">=1.0.0,<2.0.0"]
        {
            let error = Requirement::parse(text).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }

    proptest! {
        /// A lower bound that is allowed is the lowest version that is.
        #[test]
        fn nothing_below_every_lower_bound_is_allowed(
            range in "([~^]|>=|>|<|<=|)[0-3](\\.[0-3x](\\.[0-3])?)?( (<|<=)[0-4]\\.[0-4])?",
            version in (0_u64..4, 0_u64..4, 0_u64..4),
        ) {
            let Ok(requirement) = Requirement::parse(&range) else { return Ok(()); };
            let version = Version::new(version.0, version.1, version.2);
            let lowest = requirement.lower_bounds().filter(|bound| requirement.allows(bound)).min();
            if requirement.allows(&version) && let Some(lowest) = lowest {
                prop_assert!(lowest <= version, "{} {} {}", range, lowest, version);
            }
        }
    }
}
