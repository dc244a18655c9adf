//! The operations, and which method and path means which. From the REST bindings of the botocore models
//! `greengrassv2/2020-11-30`, `iot/2015-05-28` and `iot-data/2015-05-28`, and by their names those of STS and of Things Graph. Pure.

mod effect;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{error::ServiceError, percent};

/// An emulated service, by the name that it is signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// AWS `IoT` Greengrass V2.
    Greengrass,
    /// AWS `IoT` Core.
    Iot,
    /// The data plane of AWS `IoT` Core.
    IotData,
    /// AWS Security Token Service.
    Sts,
    /// AWS `IoT` Things Graph.
    #[serde(rename = "iotthingsgraph")]
    ThingsGraph,
}

/// How a service is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Method and path name the operation; JSON.
    RestJson,
    /// A form names the operation; the answer is XML.
    Query,
    /// A header names the operation; JSON.
    AwsJson,
}

impl Service {
    /// The name that stands in the credential scope of a signature.
    #[must_use]
    pub const fn signing_name(self) -> &'static str {
        match self {
            Self::Greengrass => "greengrass",
            Self::Iot => "iot",
            Self::IotData => "iotdata",
            Self::Sts => "sts",
            Self::ThingsGraph => "iotthingsgraph",
        }
    }

    pub(crate) const fn protocol(self) -> Protocol {
        match self {
            Self::Greengrass | Self::Iot | Self::IotData => Protocol::RestJson,
            Self::Sts => Protocol::Query,
            Self::ThingsGraph => Protocol::AwsJson,
        }
    }
}

macro_rules! first {
    ($name:ident $($_other:ident)?) => {
        stringify!($name)
    };
}

macro_rules! operations {
    ($($service:ident: $($name:ident $(as $own:ident or $unique:literal)? $method:literal $path:literal,)+;)+) => {
        /// An operation that the emulator implements. Where two services have one of the same name, the later one is written with its service, as
        /// policies do: `iotthingsgraph:TagResource`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Operation {
            $($(
                #[doc = concat!("`", $method, " ", $path, "`")]
                $(#[serde(rename = $unique)])?
                $name,
            )+)+
        }

        impl Operation {
            /// The operation's name in the service model.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($(Self::$name => first!($($own)? $name),)+)+ }
            }

            /// The service it belongs to.
            #[must_use]
            pub const fn service(self) -> Service {
                match self { $($(Self::$name)|+ => Service::$service,)+ }
            }
        }

        const IMPLEMENTED: &[(&str, &str, Operation)] = &[$($(($method, $path, Operation::$name),)+)+];
    };
}

impl Operation {
    /// Whether it is for callers without a signature: what they bring stands in the request.
    pub(crate) const fn is_unsigned(self) -> bool {
        matches!(self, Self::AssumeRoleWithWebIdentity)
    }

    /// As policies name it: `greengrass:CreateDeployment`. Both planes of `IoT` Core are one there.
    pub(crate) fn action(self) -> String {
        let prefix = match self.service() {
            Service::Greengrass => "greengrass",
            Service::Iot | Service::IotData => "iot",
            Service::Sts => "sts",
            Service::ThingsGraph => "iotthingsgraph",
        };
        format!("{prefix}:{}", self.name())
    }

    /// Whether it is one of `IoT` Jobs, which has quotas of its own.
    pub(crate) const fn is_about_jobs(self) -> bool {
        matches!(
            self,
            Self::ListJobs
                | Self::DescribeJob
                | Self::DeleteJob
                | Self::CancelJob
                | Self::ListJobExecutionsForJob
                | Self::ListJobExecutionsForThing
                | Self::DescribeJobExecution
        )
    }
}

// Literal segments stand before those with a parameter where both fit.
operations! {
    Greengrass:
        CreateDeployment "POST" "/greengrass/v2/deployments",
        ListDeployments "GET" "/greengrass/v2/deployments",
        GetDeployment "GET" "/greengrass/v2/deployments/{deploymentId}",
        DeleteDeployment "DELETE" "/greengrass/v2/deployments/{deploymentId}",
        CancelDeployment "POST" "/greengrass/v2/deployments/{deploymentId}/cancel",
        TagResource "POST" "/tags/{resourceArn}",
        UntagResource "DELETE" "/tags/{resourceArn}",
        ListTagsForResource "GET" "/tags/{resourceArn}",
        ListCoreDevices "GET" "/greengrass/v2/coreDevices",
        GetCoreDevice "GET" "/greengrass/v2/coreDevices/{coreDeviceThingName}",
        ListEffectiveDeployments "GET" "/greengrass/v2/coreDevices/{coreDeviceThingName}/effectiveDeployments",
        ListInstalledComponents "GET" "/greengrass/v2/coreDevices/{coreDeviceThingName}/installedComponents",
        CreateComponentVersion "POST" "/greengrass/v2/createComponentVersion",
        DescribeComponent "GET" "/greengrass/v2/components/{arn}/metadata",
        GetComponent "GET" "/greengrass/v2/components/{arn}",
        ListComponents "GET" "/greengrass/v2/components",
        ListComponentVersions "GET" "/greengrass/v2/components/{arn}/versions",
        DeleteComponent "DELETE" "/greengrass/v2/components/{arn}",
        ResolveComponentCandidates "POST" "/greengrass/v2/resolveComponentCandidates",;
    Iot:
        CreateThing "POST" "/things/{thingName}",
        DescribeThing "GET" "/things/{thingName}",
        DeleteThing "DELETE" "/things/{thingName}",
        ListThings "GET" "/things",
        ListThingGroupsForThing "GET" "/things/{thingName}/thing-groups",
        AddThingToThingGroup "PUT" "/thing-groups/addThingToThingGroup",
        RemoveThingFromThingGroup "PUT" "/thing-groups/removeThingFromThingGroup",
        UpdateThingGroupsForThing "PUT" "/thing-groups/updateThingGroupsForThing",
        CreateThingGroup "POST" "/thing-groups/{thingGroupName}",
        DescribeThingGroup "GET" "/thing-groups/{thingGroupName}",
        DeleteThingGroup "DELETE" "/thing-groups/{thingGroupName}",
        ListThingGroups "GET" "/thing-groups",
        ListThingsInThingGroup "GET" "/thing-groups/{thingGroupName}/things",
        ListJobs "GET" "/jobs",
        DescribeJob "GET" "/jobs/{jobId}",
        DeleteJob "DELETE" "/jobs/{jobId}",
        CancelJob "PUT" "/jobs/{jobId}/cancel",
        ListJobExecutionsForJob "GET" "/jobs/{jobId}/things",
        ListJobExecutionsForThing "GET" "/things/{thingName}/jobs",
        DescribeJobExecution "GET" "/things/{thingName}/jobs/{jobId}",;
    IotData:
        GetThingShadow "GET" "/things/{thingName}/shadow",
        ListNamedShadowsForThing "GET" "/api/things/shadow/ListNamedShadowsForThing/{thingName}",;
    Sts:
        GetCallerIdentity "POST" "/",
        AssumeRole "POST" "/",
        AssumeRoleWithWebIdentity "POST" "/",;
    ThingsGraph:
        CreateSystemInstance "POST" "/",
        GetSystemInstance "POST" "/",
        DeploySystemInstance "POST" "/",
        UndeploySystemInstance "POST" "/",
        DeleteSystemInstance "POST" "/",
        SearchSystemInstances "POST" "/",
        ThingsGraphTagResource as TagResource or "iotthingsgraph:TagResource" "POST" "/",
        ThingsGraphUntagResource as UntagResource or "iotthingsgraph:UntagResource" "POST" "/",
        ThingsGraphListTagsForResource as ListTagsForResource or "iotthingsgraph:ListTagsForResource" "POST" "/",;
}

impl Operation {
    /// Every operation, in the order of the table.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        IMPLEMENTED.iter().map(|(_, _, operation)| *operation)
    }

    /// The operation of a service that is called by its name.
    pub(crate) fn named(service: Service, name: &str) -> Option<Self> {
        Self::all().find(|operation| operation.service() == service && operation.name() == name)
    }
}

/// Known by name only, so that the answer can say which operation is missing.
const UNIMPLEMENTED: &[(&str, &str, &str)] = &[
    ("GET", "/greengrass/v2/components/{arn}/artifacts/{artifactName+}", "GetComponentVersionArtifact"),
    ("DELETE", "/greengrass/v2/coreDevices/{coreDeviceThingName}", "DeleteCoreDevice"),
    (
        "GET",
        "/greengrass/v2/coreDevices/{coreDeviceThingName}/associatedClientDevices",
        "ListClientDevicesAssociatedWithCoreDevice",
    ),
    (
        "POST",
        "/greengrass/v2/coreDevices/{coreDeviceThingName}/associateClientDevices",
        "BatchAssociateClientDeviceWithCoreDevice",
    ),
    (
        "POST",
        "/greengrass/v2/coreDevices/{coreDeviceThingName}/disassociateClientDevices",
        "BatchDisassociateClientDeviceFromCoreDevice",
    ),
    ("GET", "/greengrass/things/{thingName}/connectivityInfo", "GetConnectivityInfo"),
    ("PUT", "/greengrass/things/{thingName}/connectivityInfo", "UpdateConnectivityInfo"),
    ("GET", "/greengrass/servicerole", "GetServiceRoleForAccount"),
    ("PUT", "/greengrass/servicerole", "AssociateServiceRoleToAccount"),
    ("DELETE", "/greengrass/servicerole", "DisassociateServiceRoleFromAccount"),
    ("PUT", "/jobs/{jobId}", "CreateJob"),
    ("PATCH", "/jobs/{jobId}", "UpdateJob"),
    ("PATCH", "/things/{thingName}", "UpdateThing"),
    ("PATCH", "/thing-groups/{thingGroupName}", "UpdateThingGroup"),
    ("POST", "/dynamic-thing-groups/{thingGroupName}", "CreateDynamicThingGroup"),
    ("POST", "/jobs/{jobId}/targets", "AssociateTargetsWithJob"),
    ("PUT", "/things/{thingName}/principals", "AttachThingPrincipal"),
    ("PUT", "/things/{thingName}/jobs/{jobId}/cancel", "CancelJobExecution"),
    ("PUT", "/job-templates/{jobTemplateId}", "CreateJobTemplate"),
    ("DELETE", "/dynamic-thing-groups/{thingGroupName}", "DeleteDynamicThingGroup"),
    ("DELETE", "/things/{thingName}/jobs/{jobId}/executionNumber/{executionNumber}", "DeleteJobExecution"),
    ("DELETE", "/job-templates/{jobTemplateId}", "DeleteJobTemplate"),
    ("GET", "/job-templates/{jobTemplateId}", "DescribeJobTemplate"),
    ("DELETE", "/things/{thingName}/principals", "DetachThingPrincipal"),
    ("GET", "/jobs/{jobId}/job-document", "GetJobDocument"),
    ("POST", "/things/{thingName}/connectivity-data", "GetThingConnectivityData"),
    ("GET", "/job-templates", "ListJobTemplates"),
    ("GET", "/things/{thingName}/principals", "ListThingPrincipals"),
    ("GET", "/things/{thingName}/principals-v2", "ListThingPrincipalsV2"),
    ("POST", "/things", "RegisterThing"),
    ("PATCH", "/dynamic-thing-groups/{thingGroupName}", "UpdateDynamicThingGroup"),
    ("DELETE", "/connections/{clientId}", "DeleteConnection"),
    ("DELETE", "/things/{thingName}/shadow", "DeleteThingShadow"),
    ("GET", "/retainedMessage/{topic}", "GetRetainedMessage"),
    ("GET", "/retainedMessage", "ListRetainedMessages"),
    ("POST", "/topics/{topic}", "Publish"),
    ("POST", "/things/{thingName}/shadow", "UpdateThingShadow"),
];

/// The operations of the REST protocol that are known by name only. Their paths tell whose they are.
pub(crate) fn unimplemented() -> impl Iterator<Item = (Service, &'static str)> {
    UNIMPLEMENTED.iter().map(|(_, path, name)| {
        let of_data = path.ends_with("/shadow")
            || ["/connections/", "/retainedMessage", "/topics/"].iter().any(|prefix| path.starts_with(prefix));
        match () {
            () if path.starts_with("/greengrass/") => (Service::Greengrass, *name),
            () if of_data => (Service::IotData, *name),
            () => (Service::Iot, *name),
        }
    })
}

/// The operation of a request and the parameters in its path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) operation: Operation,
    pub(crate) path_parameters: BTreeMap<&'static str, String>,
}

impl Route {
    /// Finds the operation that a method and a (still percent-encoded) path name.
    pub(crate) fn find(method: &str, path: &str) -> Result<Self, ServiceError> {
        for (operation_method, pattern, operation) in IMPLEMENTED {
            if *operation_method == method
                && operation.service().protocol() == Protocol::RestJson
                && let Some(path_parameters) = matches(pattern, path)
            {
                return Ok(Self { operation: *operation, path_parameters });
            }
        }
        for (operation_method, pattern, operation) in UNIMPLEMENTED {
            if *operation_method == method && matches(pattern, path).is_some() {
                return Err(ServiceError::NotImplemented { operation });
            }
        }
        Err(ServiceError::UnknownOperation { what: format!("{method} {path}") })
    }
}

fn matches(pattern: &'static str, path: &str) -> Option<BTreeMap<&'static str, String>> {
    let mut parameters = BTreeMap::new();
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        let segment = segments.next()?;
        if let Some(name) = expected.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            if segment.is_empty() {
                return None;
            }
            // A greedy label takes the rest of the path with its slashes.
            if let Some(name) = name.strip_suffix('+') {
                let rest: Vec<&str> = std::iter::once(segment).chain(segments).collect();
                parameters.insert(name, text_of(&rest.join("/"))?);
                return Some(parameters);
            }
            parameters.insert(name, text_of(segment)?);
        } else if expected != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(parameters)
}

/// The members of a query string in their order. `None` when it is no UTF-8.
pub(crate) fn query_parameters(query: &str) -> Option<Vec<(String, String)>> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((form_decoded(name)?, form_decoded(value)?))
        })
        .collect()
}

/// A part of a path.
pub(crate) fn text_of(segment: &str) -> Option<String> {
    String::from_utf8(percent::decoded(segment)).ok()
}

/// As a form is encoded: a plus is a space.
fn form_decoded(text: &str) -> Option<String> {
    String::from_utf8(percent::decoded(&text.replace('+', " "))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_implemented_operation_is_found_by_its_own_path_or_name() {
        for (method, path, operation) in IMPLEMENTED {
            let found = match operation.service().protocol() {
                Protocol::RestJson => Route::find(method, path).ok().map(|route| route.operation),
                Protocol::Query | Protocol::AwsJson => Operation::named(operation.service(), operation.name()),
            };
            assert_eq!(found, Some(*operation));
        }
    }

    #[test]
    fn an_operation_whose_name_another_service_has_is_written_with_its_own() {
        let mut written = BTreeMap::new();
        for operation in Operation::all() {
            let text = serde_json::to_value(operation).unwrap();
            assert_eq!(serde_json::from_value::<Operation>(text.clone()).unwrap(), operation);
            assert!(text == operation.name() || text == operation.action(), "{text}");
            assert_eq!(written.insert(text.to_string(), operation), None);
        }
        assert_eq!(Operation::ThingsGraphTagResource.name(), "TagResource");
        assert_eq!(written["\"iotthingsgraph:TagResource\""], Operation::ThingsGraphTagResource);
        assert_eq!(written["\"TagResource\""].service(), Service::Greengrass);
    }

    #[test]
    fn a_path_parameter_is_decoded_and_a_literal_segment_wins() {
        let route = Route::find("GET", "/tags/arn%3Aaws%3agreengrass%3Aeu-west-1%3A1%3Adeployments%3Ax").unwrap();
        assert_eq!(route.operation, Operation::ListTagsForResource);
        assert_eq!(route.path_parameters["resourceArn"], "arn:aws:greengrass:eu-west-1:1:deployments:x");
        let route = Route::find("PUT", "/thing-groups/addThingToThingGroup").unwrap();
        assert_eq!(route.operation, Operation::AddThingToThingGroup);
    }

    #[test]
    fn an_unknown_operation_is_named() {
        let error = Route::find("DELETE", "/greengrass/v2/coreDevices/core").unwrap_err();
        assert_eq!(error, ServiceError::NotImplemented { operation: "DeleteCoreDevice" });
        let error = Route::find("PUT", "/greengrass/v2/deployments").unwrap_err();
        assert!(error.to_string().contains("PUT /greengrass/v2/deployments"));
        assert!(Route::find("GET", "/greengrass/v2/deployments//").is_err());
    }

    #[test]
    fn a_query_is_decoded_and_broken_escapes_are_harmless() {
        let query = query_parameters("a=x%20y+z&b&tagKeys=k%2F1&tagKeys=%zz%").unwrap();
        let expected = [("a", "x y z"), ("b", ""), ("tagKeys", "k/1"), ("tagKeys", "%zz%")];
        assert_eq!(query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(query_parameters("a=%ff"), None);
    }
}
