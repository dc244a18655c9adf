//! Which identity a resource uses. Pure.

use std::collections::BTreeMap;

use super::{DEFAULT, Defaults, Identity, Match, Namespace, Parsed, selects};

/// What a resource says of its identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum IdentityReference {
    /// Nothing: the default of its namespace.
    #[default]
    Absent,
    /// This one.
    Named(String),
    /// Something that is no name.
    Unreadable,
}

/// Which identity a resource uses.
#[derive(Clone, Debug, PartialEq)]
pub enum Picked<'a> {
    /// This one, and its namespace may use it.
    Usable(&'a Identity),
    /// There is none, or it can't be used as it is: it may be on its way. What is wrong and what to do.
    Missing(String),
    /// It does not allow this.
    NotAllowed(String),
}

/// Which identity a resource in that namespace uses.
#[must_use]
pub fn pick<'a>(
    reference: &IdentityReference,
    namespace: Namespace<'_>,
    identities: &'a BTreeMap<String, Parsed>,
) -> Picked<'a> {
    let name = match reference {
        IdentityReference::Named(name) => name.clone(),
        IdentityReference::Absent => match default_of(namespace, identities) {
            Ok(name) => name,
            Err(picked) => return picked,
        },
        IdentityReference::Unreadable => {
            return Picked::NotAllowed(
                "spec.identityRef can't be read: write {name: NAME} with the name of an AwsIdentity".to_owned(),
            );
        }
    };
    match identities.get(&name).map(|parsed| &parsed.identity) {
        None => Picked::Missing(match reference {
            IdentityReference::Absent => format!(
                "AwsIdentity {name} is not there, and no other one is the default for namespace {}: create it, or name one in spec.identityRef",
                namespace.name
            ),
            IdentityReference::Named(_) | IdentityReference::Unreadable => {
                format!("AwsIdentity {name} is not there: create it, or name another one in spec.identityRef")
            }
        }),
        Some(Err(invalid)) => Picked::Missing(format!("AwsIdentity {name} can't be used: {invalid}")),
        Some(Ok(identity)) => match identity.allowed_namespaces.matches(namespace) {
            Match::Yes => Picked::Usable(identity),
            Match::No => Picked::NotAllowed(format!(
                "AwsIdentity {name} does not allow namespace {}: add it to the identity's allowedNamespaces, or name another identity in spec.identityRef",
                namespace.name
            )),
            Match::LabelsUnknown => Picked::NotAllowed(labels_unknown(&name, namespace)),
        },
    }
}

/// The name of the one that is the default for the namespace.
fn default_of<'a>(namespace: Namespace<'_>, identities: &BTreeMap<String, Parsed>) -> Result<String, Picked<'a>> {
    let mut names = Vec::new();
    for (name, identity) in identities {
        let selected = match &identity.default_for {
            Defaults::Nobody => Match::No,
            Defaults::In(selector) => selects(selector, namespace),
            // It may be for this namespace, and another one in its place could be one of another account.
            Defaults::Unreadable => {
                return Err(Picked::NotAllowed(format!(
                    "whether AwsIdentity {name} is the default for namespace {} can't be said, because it can't be read: correct it, or name an identity in spec.identityRef",
                    namespace.name
                )));
            }
        };
        match selected {
            Match::Yes => names.push(name.clone()),
            Match::No => {}
            Match::LabelsUnknown => return Err(Picked::NotAllowed(labels_unknown(name, namespace))),
        }
    }
    match names.as_slice() {
        [] => Ok(DEFAULT.to_owned()),
        [name] => Ok(name.clone()),
        [_, ..] => Err(Picked::NotAllowed(format!(
            "AwsIdentities {} are all the default for namespace {}: change defaultFor of all but one, or name one in spec.identityRef",
            names.join(", "),
            namespace.name
        ))),
    }
}

fn labels_unknown(identity: &str, namespace: Namespace<'_>) -> String {
    format!(
        "whether AwsIdentity {identity} is for namespace {} can't be said, because the namespace's labels can't be read: allow get, list and watch of namespaces to the operator, or name the namespace in the identity's allowedNamespaces.names",
        namespace.name
    )
}
