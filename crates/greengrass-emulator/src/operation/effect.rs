//! Which operations change something. Pure.

use super::Operation;

impl Operation {
    /// Whether it may change something: those that only read leave nothing behind.
    pub(crate) const fn changes_state(self) -> bool {
        match self {
            Self::CreateDeployment
            | Self::DeleteDeployment
            | Self::CancelDeployment
            | Self::TagResource
            | Self::UntagResource
            | Self::CreateComponentVersion
            | Self::DeleteComponent
            | Self::CreateThing
            | Self::DeleteThing
            | Self::AddThingToThingGroup
            | Self::RemoveThingFromThingGroup
            | Self::UpdateThingGroupsForThing
            | Self::CreateThingGroup
            | Self::DeleteThingGroup
            | Self::DeleteJob
            | Self::CancelJob
            | Self::AssumeRole
            | Self::AssumeRoleWithWebIdentity
            | Self::CreateSystemInstance
            | Self::DeploySystemInstance
            | Self::UndeploySystemInstance
            | Self::DeleteSystemInstance
            | Self::ThingsGraphTagResource
            | Self::ThingsGraphUntagResource => true,
            Self::ListDeployments
            | Self::GetDeployment
            | Self::ListTagsForResource
            | Self::ListCoreDevices
            | Self::GetCoreDevice
            | Self::ListEffectiveDeployments
            | Self::ListInstalledComponents
            | Self::DescribeComponent
            | Self::GetComponent
            | Self::ListComponents
            | Self::ListComponentVersions
            | Self::ResolveComponentCandidates
            | Self::DescribeThing
            | Self::ListThings
            | Self::ListThingGroupsForThing
            | Self::DescribeThingGroup
            | Self::ListThingGroups
            | Self::ListThingsInThingGroup
            | Self::ListJobs
            | Self::DescribeJob
            | Self::ListJobExecutionsForJob
            | Self::ListJobExecutionsForThing
            | Self::DescribeJobExecution
            | Self::GetThingShadow
            | Self::ListNamedShadowsForThing
            | Self::GetCallerIdentity
            | Self::GetSystemInstance
            | Self::SearchSystemInstances
            | Self::ThingsGraphListTagsForResource => false,
        }
    }
}
