//! What a spec's deployment is for: target and parent, by ARN or by name. Pure.

use super::super::references::{IdentityFound, ParentFound, References};
use super::sources::Needs;
use super::{Problems, is_object_name, shown};
use crate::api::{ParentReference, TargetReference, rules};
use crate::identity::Place;
use crate::names::{Key, TargetArn, TargetKind};

/// The fields that say it.
pub(super) struct Named<'a> {
    pub(super) target_arn: Option<&'a str>,
    pub(super) target: Option<&'a TargetReference>,
    pub(super) parent_target_arn: Option<&'a str>,
    pub(super) parent: Option<&'a ParentReference>,
}

/// What came of them.
#[derive(Default)]
pub(super) struct Resolved {
    /// What the target is.
    pub(super) kind: Option<TargetKind>,
    /// Both, where both are known.
    pub(super) key: Option<Key>,
    /// Why a target that is named without its ARN is nowhere.
    pub(super) homeless: Option<String>,
}

pub(super) fn resolve(
    named: &Named<'_>,
    references: &References,
    problems: &mut Problems,
    needs: &mut Needs,
) -> Resolved {
    let Named { target_arn, target, parent_target_arn, parent } = *named;
    problems.unless(parent_target_arn.is_none() || parent.is_none(), "spec.parent", rules::PARENT_TWICE);
    let mut resolved = Resolved::default();
    let place = place(&references.identity);
    let target = match (target_arn, target) {
        (Some(text), None) => {
            let arn = TargetArn::parse(text).ok();
            problems.unless(arn.is_some(), "spec.targetArn", rules::TARGET_ARN);
            resolved.kind = arn.as_ref().map(TargetArn::kind);
            arn
        }
        (None, Some(reference)) => {
            let named = by_name(reference, problems);
            resolved.kind = named.map(|(kind, _)| kind);
            named.and_then(|(kind, name)| short(kind, name, &place, &mut resolved.homeless))
        }
        (Some(_), Some(_)) | (None, None) => {
            problems.add("spec.targetArn", rules::TARGET_ONE);
            None
        }
    };
    // Beside an ARN, a short parent is where the ARN is.
    let place = target.as_ref().filter(|_| target_arn.is_some()).map_or(place, |arn| Ok(place_of(arn)));
    let parent = match (parent_target_arn, parent) {
        (Some(text), _) => Some((PARENT_ARN, parent_by_arn(text, problems))),
        (None, Some(parent)) => {
            Some((PARENT, parent_by_name(parent, references, &place, problems, needs, &mut resolved.homeless)))
        }
        (None, None) => None,
    };
    if let Some((field, _)) = parent
        && resolved.kind == Some(TargetKind::Thing)
    {
        let words = if field == PARENT { rules::PARENT_NAME_OF_THING } else { rules::PARENT_OF_THING };
        problems.add(field, words);
    }
    resolved.key = match (target, parent) {
        (Some(target), None) => Some(Key { target, parent: None }),
        (Some(target), Some((field, Some(parent)))) => {
            together(&target, &parent, field, problems);
            Some(Key { target, parent: Some(parent) })
        }
        // The target alone would be the key of another deployment.
        (Some(_), Some((_, None))) | (None, _) => None,
    };
    resolved
}

const PARENT_ARN: &str = "spec.parentTargetArn";
const PARENT: &str = "spec.parent";

/// Where targets are that are named without their ARN; not asked for where the identity itself is missing, which is said anyway.
fn place(identity: &IdentityFound) -> Result<Place, String> {
    match identity {
        IdentityFound::Granted(grant) => grant.place(),
        IdentityFound::Missing(message) | IdentityFound::NotAllowed(message) => Err(message.clone()),
    }
}

fn place_of(arn: &TargetArn) -> Place {
    Place { partition: arn.partition().to_owned(), region: arn.region().to_owned(), account: arn.account().to_owned() }
}

fn short(
    kind: TargetKind,
    name: &str,
    place: &Result<Place, String>,
    homeless: &mut Option<String>,
) -> Option<TargetArn> {
    match place {
        Ok(place) => place.target(kind, name),
        Err(message) => {
            *homeless = Some(message.clone());
            None
        }
    }
}

fn by_name<'a>(reference: &'a TargetReference, problems: &mut Problems) -> Option<(TargetKind, &'a str)> {
    let TargetReference { thing, thing_group } = reference;
    let (kind, name) = match (thing.as_deref(), thing_group.as_deref()) {
        (Some(name), None) => (TargetKind::Thing, name),
        (None, Some(name)) => (TargetKind::ThingGroup, name),
        (Some(_), Some(_)) | (None, None) => {
            problems.add("spec.target", rules::TARGET);
            return None;
        }
    };
    thing_name(name, "spec.target", problems).map(|name| (kind, name))
}

fn thing_name<'a>(name: &'a str, field: &str, problems: &mut Problems) -> Option<&'a str> {
    let fits = (1..=rules::MAX_THING_NAME).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-'));
    problems.unless(fits, field, rules::THING_NAME_WORDS);
    fits.then_some(name)
}

fn parent_by_arn(text: &str, problems: &mut Problems) -> Option<TargetArn> {
    let arn = TargetArn::parse(text).ok().filter(|arn| arn.kind() == TargetKind::ThingGroup);
    problems.unless(arn.is_some(), PARENT_ARN, rules::PARENT_ARN);
    arn
}

fn parent_by_name(
    parent: &ParentReference,
    references: &References,
    place: &Result<Place, String>,
    problems: &mut Problems,
    needs: &mut Needs,
    homeless: &mut Option<String>,
) -> Option<TargetArn> {
    let ParentReference { name, thing_group } = parent;
    match (name, thing_group) {
        (Some(name), None) => parent_resource(name, &references.parent, problems, needs),
        (None, Some(group)) => {
            let group = thing_name(group, "spec.parent.thingGroup", problems)?;
            short(TargetKind::ThingGroup, group, place, homeless)
        }
        (Some(_), Some(_)) | (None, None) => {
            problems.add(PARENT, rules::PARENT);
            None
        }
    }
}

fn parent_resource(name: &str, found: &ParentFound, problems: &mut Problems, needs: &mut Needs) -> Option<TargetArn> {
    problems.unless(
        is_object_name(name),
        "spec.parent.name",
        "name must be that of a GreengrassDeployment: 1 to 253 lower-case letters, digits, hyphens and dots",
    );
    let name = shown(name);
    match found {
        ParentFound::Target(arn) => return Some(arn.clone()),
        ParentFound::Missing => needs.miss(
            "spec.parent.name",
            format!("GreengrassDeployment {name} is not there: create it in this namespace"),
        ),
        ParentFound::Unfit => needs.miss(
            "spec.parent.name",
            format!(
                "GreengrassDeployment {name} can't be a parent: it must target a thing group and be no subdeployment itself"
            ),
        ),
    }
    None
}

fn together(target: &TargetArn, parent: &TargetArn, field: &str, problems: &mut Problems) {
    let place = |arn: &TargetArn| [arn.partition(), arn.region(), arn.account()].map(str::to_owned);
    if target.kind() == TargetKind::Thing {
        // Has been said.
    } else if target == parent {
        problems.add(field, rules::PARENT_IS_TARGET);
    } else if place(target) != place(parent) {
        problems.add(field, rules::PARENT_ELSEWHERE);
    }
}
