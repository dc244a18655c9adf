//! Least privilege: what the chart grants beside what operators asked for in a whole test run (pure but for reading the
//! audit logs, and helm, which renders the roles).
//!
//! Every cluster of a test run writes its audit log into the folder that `TESTCLUSTER_AUDIT_LOGS` names. When all suites are
//! over, `tools/run-tests` runs the one test here that judges them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde_json::Value;
use testcluster::{AUDIT_LOGS_VARIABLE, AuditEvent};

use super::release::{HOME, NAME};
use super::{success, template};

/// Where the operator itself is installed, in what is rendered here.
const INSTALLED: &str = "installed";
/// The namespace that it looks after, where it does not look after all.
const WATCHED: &str = "watched";

/// A verb that a role grants for a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    role: String,
    /// Empty: in the whole cluster.
    namespace: String,
    group: String,
    /// With its subresource, as in `awsidentities/status`.
    resource: String,
    verb: String,
    /// Empty: objects of whatever name.
    name: String,
}

/// A kind of request of an operator.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Request {
    /// The namespace of the account that it was made by.
    home: String,
    group: String,
    resource: String,
    verb: String,
    namespace: String,
    name: String,
    is_forbidden: bool,
}

/// A refusal that a test provokes.
struct Provoked {
    /// What the account's namespace begins with: the name of a test's world.
    home: &'static str,
    verb: &'static str,
    resource: &'static str,
    why: &'static str,
}

const API_SERVER_ENDS: &str =
    "the API server is ended, and refuses everybody until it has read roles and bindings again";

/// All that may be refused.
const PROVOKED: &[Provoked] = &[
    Provoked {
        home: "rights-",
        verb: "patch",
        resource: "greengrassdeployments",
        why: "trouble.rs takes the right away, to see that it is named",
    },
    Provoked { home: "load-", verb: "*", resource: "*", why: API_SERVER_ENDS },
    Provoked { home: "restarted-", verb: "*", resource: "*", why: API_SERVER_ENDS },
];

impl Provoked {
    fn covers(&self, request: &Request) -> bool {
        let is = |expected: &str, actual: &str| expected == "*" || expected == actual;
        request.home.starts_with(self.home) && is(self.verb, &request.verb) && is(self.resource, &request.resource)
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, namespace, group, resource, verb, name } = self;
        write!(formatter, "{role} grants {verb} {resource}.{group} {name:?}")?;
        if namespace.is_empty() { Ok(()) } else { write!(formatter, " in the namespace {namespace}") }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { home, group, resource, verb, namespace, name, is_forbidden: _ } = self;
        write!(formatter, "{home}/{NAME}: {verb} {resource}.{group} {name:?} in {namespace:?}")
    }
}

impl Grant {
    fn is_used_by(&self, request: &Request) -> bool {
        let named = self.name.is_empty() || self.name == request.name;
        // An installation for the whole cluster needs no role in a namespace; one in "default" would use another.
        let by_role = || request.home != HOME && request.home != request.namespace;
        let there = match self.namespace.as_str() {
            INSTALLED => request.home == request.namespace,
            WATCHED | "" => true,
            namespace => request.namespace == namespace && by_role(),
        };
        let Self { role: _, namespace: _, group, resource, verb, name: _ } = self;
        let asked = (&request.group, &request.resource, &request.verb);
        named && there && asked == (group, resource, verb)
    }
}

/// What roles that are bound to the operator grant.
fn grants(manifest: &str) -> BTreeSet<Grant> {
    let objects: Vec<Value> = manifest
        .split("\n---\n")
        .filter(|text| text.contains("\nkind: ") && text.contains("rbac.authorization.k8s.io"))
        .map(|text| serde_saphyr::from_str(text).unwrap())
        .collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let texts = |value: &Value| -> Vec<String> { value.as_array().into_iter().flatten().map(text).collect() };
    // Roles by kind and name, with the namespaces that they are bound in.
    let bound: BTreeMap<(String, String), String> = objects
        .iter()
        .filter(|object| text(&object["kind"]).ends_with("Binding"))
        .map(|binding| {
            let role = &binding["roleRef"];
            ((text(&role["kind"]), text(&role["name"])), text(&binding["metadata"]["namespace"]))
        })
        .collect();
    let mut grants = BTreeSet::new();
    for role in &objects {
        let name = text(&role["metadata"]["name"]);
        let Some(namespace) = bound.get(&(text(&role["kind"]), name.clone())) else { continue };
        for rule in role["rules"].as_array().into_iter().flatten() {
            let mut objects = texts(&rule["resourceNames"]);
            if objects.is_empty() {
                objects.push(String::new());
            }
            // A right to two objects is two: that to one of them may be used and the other not.
            for object in &objects {
                for group in texts(&rule["apiGroups"]) {
                    for resource in texts(&rule["resources"]) {
                        for verb in texts(&rule["verbs"]) {
                            grants.insert(Grant {
                                role: name.clone(),
                                namespace: namespace.clone(),
                                group: group.clone(),
                                resource: resource.clone(),
                                verb,
                                name: object.clone(),
                            });
                        }
                    }
                }
            }
        }
    }
    grants
}

/// What the chart grants in both of its modes, with Leases that are called as in tests, and with what is off by default:
/// the tests of system instances use the rights to them.
fn all_grants() -> BTreeSet<Grant> {
    let named = format!("fullnameOverride={NAME},thingsGraph.enabled=true");
    let watch = format!("watchNamespaces={{{WATCHED}}}");
    let everywhere = grants(&success(&template(INSTALLED, &[&named])));
    let somewhere = grants(&success(&template(INSTALLED, &[&named, &watch, "clusterName=factory"])));
    &everywhere | &somewhere
}

/// The requests of operators in one log, each kind once.
fn requests(log: &Path) -> BTreeSet<Request> {
    let account = format!(":{NAME}\"");
    let mut requests = BTreeSet::new();
    for line in BufReader::new(File::open(log).unwrap()).lines() {
        let line = line.unwrap();
        // Most lines are about others, and parsing is what takes time.
        if !line.contains(&account) {
            continue;
        }
        // A server that was killed has left half a line.
        let Ok(event) = serde_json::from_str::<AuditEvent>(&line) else { continue };
        requests.extend(request(event));
    }
    requests
}

/// A request, if an operator made it.
fn request(event: AuditEvent) -> Option<Request> {
    let (home, name) = event.user.username.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    let object = event.object_ref.filter(|_| name == NAME)?;
    let subresource = if object.subresource.is_empty() { String::new() } else { format!("/{}", object.subresource) };
    Some(Request {
        home: home.to_owned(),
        group: object.api_group,
        resource: object.resource + &subresource,
        verb: event.verb,
        namespace: object.namespace,
        name: object.name,
        is_forbidden: event.response_status.is_some_and(|status| status.code == 403),
    })
}

/// All that is wrong, a line each.
fn complaints(grants: &BTreeSet<Grant>, requests: &BTreeSet<Request>) -> Vec<String> {
    let (refused, served): (Vec<_>, Vec<_>) = requests.iter().partition(|request| request.is_forbidden);
    let unused = grants.iter().filter(|grant| !served.iter().any(|request| grant.is_used_by(request)));
    let unused = unused.map(|grant| format!("never used: {grant}: take it out of rbac.yaml, or test what needs it"));
    let unexpected = refused.iter().filter(|request| !PROVOKED.iter().any(|provoked| provoked.covers(request)));
    let unexpected = unexpected.map(|request| format!("forbidden: {request}: grant it in rbac.yaml, or don't ask"));
    unused.chain(unexpected).collect()
}

/// The logs of a folder.
fn logs(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
#[allow(clippy::print_stdout, reason = "what was judged is shown")]
#[ignore = "judges a whole test run: tools/run-tests runs it last"]
fn operators_used_every_right_that_the_chart_grants_and_asked_for_no_other() {
    let folder = std::env::var_os(AUDIT_LOGS_VARIABLE).expect("TESTCLUSTER_AUDIT_LOGS names the folder of audit logs");
    let logs = logs(Path::new(&folder));
    let requests: BTreeSet<Request> = logs.iter().flat_map(|log| requests(log)).collect();
    println!("{} kinds of requests in {} logs", requests.len(), logs.len());
    for Provoked { home, verb, resource, why } in PROVOKED {
        println!("may be refused: {verb} {resource} of {home}…: {why}");
    }
    let complaints = complaints(&all_grants(), &requests);
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// Requests that use every grant.
fn requests_for(grants: &BTreeSet<Grant>) -> BTreeSet<Request> {
    let request = |grant: &Grant| Request {
        home: INSTALLED.to_owned(),
        group: grant.group.clone(),
        resource: grant.resource.clone(),
        verb: grant.verb.clone(),
        namespace: grant.namespace.clone(),
        name: grant.name.clone(),
        is_forbidden: false,
    };
    grants.iter().map(request).collect()
}

#[test]
fn a_right_that_nobody_used_and_a_request_that_was_refused_are_complained_about() {
    let grants = all_grants();
    let all = requests_for(&grants);
    assert_eq!(complaints(&grants, &all), Vec::<String>::new());
    for grant in &grants {
        let less: BTreeSet<Request> = all.iter().filter(|request| !grant.is_used_by(request)).cloned().collect();
        let expected = format!("never used: {grant}: ");
        let complaints = complaints(&grants, &less);
        assert!(complaints.iter().any(|complaint| complaint.starts_with(&expected)), "{expected} {complaints:?}");
    }
    let secret = Request { resource: "secrets".to_owned(), is_forbidden: true, ..all.first().unwrap().clone() };
    let more = &all | &BTreeSet::from([secret.clone()]);
    assert!(complaints(&grants, &more)[0].starts_with("forbidden: installed/greengrass-operator: "));
    let provoked = Request { home: "load-1".to_owned(), ..secret };
    assert_eq!(complaints(&grants, &(&all | &BTreeSet::from([provoked]))), Vec::<String>::new());
}

#[test]
fn the_rights_to_system_instances_and_to_their_definition_are_judged_by_themselves() {
    let grants = all_grants();
    let of = |resource: &str| -> BTreeSet<&str> {
        grants.iter().filter(|grant| grant.resource == resource).map(|grant| grant.verb.as_str()).collect()
    };
    assert_eq!(of("systeminstances"), ["get", "list", "patch", "watch"].into());
    assert_eq!(of("systeminstances/status"), ["update"].into());
    let names: Vec<&str> = grants
        .iter()
        .filter(|grant| grant.resource == "customresourcedefinitions")
        .map(|grant| grant.name.as_str())
        .collect();
    assert_eq!(names, ["greengrassdeployments.greengrass-operator.dev", "systeminstances.greengrass-operator.dev"]);
}

#[test]
fn a_request_with_another_name_uses_no_right_to_one_object() {
    let grants = all_grants();
    let lease = grants.iter().find(|grant| grant.resource == "leases" && grant.verb == "get").unwrap();
    let all = requests_for(&BTreeSet::from([lease.clone()]));
    let request = all.first().unwrap();
    assert!(lease.is_used_by(request));
    assert!(!lease.is_used_by(&Request { name: "another".to_owned(), ..request.clone() }));
    assert!(!lease.is_used_by(&Request { namespace: "another".to_owned(), ..request.clone() }));
    assert!(
        lease
            .to_string()
            .contains(r#"get leases.coordination.k8s.io "greengrass-operator" in the namespace installed"#)
    );
}
