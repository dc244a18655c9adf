//! Simulated core devices: what they are told, what they work on, what they make of it. Pure.

mod chance;
mod configuration;
pub(in crate::state) mod failure;
mod reads;
pub(in crate::state) mod resolution;
pub(in crate::state) mod software;
pub(in crate::state) mod standing;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    behaviour::{Availability, Behaviour, Outcome, OutcomeRule},
    job::ExecutionStatus,
};

use super::document::Document;
pub(in crate::state) use configuration::Configuration;
use failure::DeviceReport;
use resolution::{Catalogue, Place, Plan, Resolution};
use software::Software;

/// Since this version the nucleus takes subdeployments: <https://docs.aws.amazon.com/greengrass/v2/developerguide/create-subdeployments.html>.
const FIRST_WITH_SUBDEPLOYMENTS: semver::Version = semver::Version::new(2, 9, 0);

/// The core devices of one account and region.
#[derive(Debug, Default)]
pub(crate) struct Devices {
    devices: BTreeMap<Arc<str>, Device>,
}

/// What devices of one kind have in common.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) nucleus: semver::Version,
    pub(crate) lite: bool,
    pub(crate) behaviour: Behaviour,
    pub(crate) seed: u64,
}

/// A core device.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) name: Arc<str>,
    profile: Arc<Profile>,
    since: Timestamp,
    /// What somebody has set, over what the profile says.
    connected: Option<bool>,
    waiting: Vec<Work>,
    running: Option<Run>,
    runs: u64,
    software: Software,
    /// The newest deployment of each target that it was told of, as `ListEffectiveDeployments` shows it.
    effective: BTreeMap<Arc<str>, Box<Effective>>,
    /// The groups whose deployment it applied once: what `ListCoreDevices` filters by.
    served: BTreeSet<Arc<str>>,
    status_changed: Timestamp,
    unhealthy: bool,
    /// How often each rule that is limited has befallen it.
    befallen: BTreeMap<usize, u32>,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// The execution of a job.
    Job(Arc<str>),
    /// The thing's shadow: the row number of the deployment.
    Shadow(u64),
}

/// What a device works on.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// Counts a device's runs: what was due for an earlier one is void.
    pub(crate) number: u64,
    pub(crate) work: Work,
    pub(crate) document: Arc<Document>,
    /// When it is done; `None` when it hangs.
    pub(crate) ends: Option<Timestamp>,
    pub(crate) end: RunEnd,
}

/// How a run ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunEnd {
    /// As one of the rules says, or well.
    Scripted { outcome: Outcome, component: Arc<str> },
    /// The device can't or won't take it.
    Refused(Arc<DeviceReport>),
}

/// A deployment as its device sees it.
#[derive(Debug)]
pub(crate) struct Effective {
    pub(crate) document: Arc<Document>,
    pub(crate) status: ExecutionStatus,
    pub(crate) report: Option<Arc<DeviceReport>>,
    pub(crate) modified: Timestamp,
}

impl Devices {
    pub(crate) fn get(&self, name: &str) -> Option<&Device> {
        self.devices.get(name)
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Device> {
        self.devices.get_mut(name)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// A new device, or an old one with a new profile. Whether it is new.
    pub(crate) fn set_up(&mut self, name: &Arc<str>, profile: &Arc<Profile>, now: Timestamp) -> bool {
        let is_new = !self.devices.contains_key(name);
        let device = self.devices.entry(Arc::clone(name)).or_insert_with(|| Device {
            name: Arc::clone(name),
            profile: Arc::clone(profile),
            since: now,
            connected: None,
            waiting: Vec::new(),
            running: None,
            runs: 0,
            software: Software::default(),
            effective: BTreeMap::new(),
            served: BTreeSet::new(),
            status_changed: now,
            unhealthy: false,
            befallen: BTreeMap::new(),
        });
        device.profile = Arc::clone(profile);
        device.befallen.clear();
        is_new
    }
}

impl Device {
    pub(crate) const fn running(&self) -> Option<&Run> {
        self.running.as_ref()
    }

    pub(crate) fn tell(&mut self, work: Work) {
        if !self.waiting.contains(&work) {
            self.waiting.push(work);
        }
    }

    /// What it was told and has not begun, in this order.
    pub(crate) fn waiting(&self) -> &[Work] {
        &self.waiting
    }

    pub(crate) fn wait_for(&mut self, waiting: Vec<Work>) {
        self.waiting = waiting;
    }

    /// The next thing to do, when it has its hands free.
    pub(crate) fn next_work(&mut self) -> Option<Work> {
        (self.running.is_none() && !self.waiting.is_empty()).then(|| self.waiting.remove(0))
    }

    /// Connects or disconnects it; `None` leaves that to its profile again.
    pub(crate) const fn connect(&mut self, connected: Option<bool>) {
        self.connected = connected;
    }

    /// When it is online next: at once, later, or never.
    pub(crate) fn online_from(&self, at: Timestamp) -> Option<Timestamp> {
        match (self.connected, self.profile.behaviour.availability) {
            (Some(true), _) | (None, Availability::Always) => Some(at),
            (Some(false), _) | (None, Availability::Never) => None,
            (None, Availability::Turns { online_seconds, offline_seconds }) => {
                let (online, turn) =
                    (i64::from(online_seconds), i64::from(online_seconds) + i64::from(offline_seconds));
                let (share, _) = chance::drawn(self.profile.seed, &[&self.name, "turn"]);
                let phase = SignedDuration::try_from_secs_f64(share * f64::from(online_seconds)).unwrap_or_default();
                let position = (at.duration_since(self.since) + phase).as_millis().rem_euclid(i128::from(turn) * 1000);
                let position = i64::try_from(position).unwrap_or_default();
                if position < online * 1000 {
                    return Some(at);
                }
                at.checked_add(SignedDuration::from_millis(turn * 1000 - position)).ok()
            }
        }
    }

    /// Takes up a deployment. When it will be done; `None` when it hangs.
    pub(crate) fn begin(&mut self, work: Work, document: &Arc<Document>, at: Timestamp) -> Option<Timestamp> {
        self.runs += 1;
        let (end, takes) = match self.refusal(document) {
            Some(report) => (RunEnd::Refused(Arc::new(report)), Some(SignedDuration::ZERO)),
            None => self.script(document),
        };
        let ends = takes.and_then(|takes| at.checked_add(takes).ok());
        self.running = Some(Run { number: self.runs, work, document: Arc::clone(document), ends, end });
        ends
    }

    /// What it objects to before it does anything.
    fn refusal(&self, document: &Document) -> Option<DeviceReport> {
        if let Some(newer) = self.software.newer_than(document) {
            let label = |document: &Document| document.configuration_arn.clone();
            return Some(DeviceReport::stale(&document.root.label(&self.name), &label(newer), &label(document)));
        }
        let is_old =
            semver::Version::parse(&self.core_version()).is_ok_and(|nucleus| nucleus < FIRST_WITH_SUBDEPLOYMENTS);
        let lacks = document.is_subdeployment && !self.profile.lite && is_old;
        lacks.then(|| DeviceReport::missing_capabilities("SUB_DEPLOYMENTS"))
    }

    /// How it ends by the rules, and how long it takes.
    fn script(&mut self, document: &Document) -> (RunEnd, Option<SignedDuration>) {
        let profile = Arc::clone(&self.profile);
        let behaviour = &profile.behaviour;
        let found = behaviour.rules.iter().enumerate().find_map(|(index, rule)| {
            let component = self.befalls(index, rule, document)?;
            Some((index, rule, component))
        });
        if let Some((index, rule, _)) = &found
            && rule.times.is_some()
        {
            *self.befallen.entry(*index).or_default() += 1;
        }
        let rule = found.as_ref().map(|(_, rule, _)| *rule);
        let outcome = rule.map_or(Outcome::Succeed, |rule| rule.outcome);
        let component = found.map(|(_, _, component)| component).unwrap_or_default();
        let takes = rule.and_then(|rule| rule.takes).unwrap_or(behaviour.takes);
        let (first, second) = chance::drawn(profile.seed, &[&self.name, &document.deployment_id, "takes"]);
        let takes = (outcome != Outcome::Hang).then(|| takes.drawn(first, second));
        (RunEnd::Scripted { outcome, component }, takes)
    }

    /// The component by which a rule is for a deployment on this device.
    fn befalls(&self, index: usize, rule: &OutcomeRule, document: &Document) -> Option<Arc<str>> {
        let (name, specification) = match &rule.component {
            Some(name) => document.components.get_key_value(name.as_str())?,
            None => match document.components.iter().next() {
                Some(first) => first,
                // An empty deployment can go wrong as well.
                None => return self.is_chosen(index, rule, "", "").then(Arc::default),
            },
        };
        let version = specification.version.as_str();
        let fits = rule.version.as_ref().is_none_or(|wanted| wanted == version);
        (fits && self.is_chosen(index, rule, name, version)).then(|| Arc::clone(name))
    }

    fn is_chosen(&self, index: usize, rule: &OutcomeRule, component: &str, version: &str) -> bool {
        let exhausted =
            rule.times.is_some_and(|times| self.befallen.get(&index).is_some_and(|befallen| *befallen >= times));
        let words = [&*self.name, component, version, &index.to_string()];
        !exhausted && rule.share.is_none_or(|share| chance::drawn(self.profile.seed, &words).0 < share)
    }

    /// What it will have after a deployment, or what speaks against that.
    pub(crate) fn plan(&self, document: &Document, catalogue: Catalogue<'_>) -> Result<Plan, DeviceReport> {
        let place = Place {
            thing: &self.name,
            nucleus: self.nucleus_name(),
            nucleus_version: self.core_version(),
            platform: self.platform(),
        };
        Resolution { software: &self.software, document, place, catalogue }.plan()
    }

    /// Puts down what it works on. What was due for it is void.
    pub(crate) const fn put_down(&mut self) -> Option<Run> {
        self.running.take()
    }

    /// Takes up anew what it worked on, as a nucleus does that was restarted.
    pub(crate) fn restart(&mut self) {
        if let Some(run) = self.running.take() {
            self.waiting.insert(0, run.work);
        }
    }

    pub(crate) const fn software_mut(&mut self) -> &mut Software {
        &mut self.software
    }

    pub(crate) fn is_lite(&self) -> bool {
        self.profile.lite
    }

    /// Enters a deployment, or what became of it, in the list of effective deployments.
    pub(crate) fn note(
        &mut self,
        document: &Arc<Document>,
        status: ExecutionStatus,
        report: Option<Arc<DeviceReport>>,
        at: Timestamp,
    ) {
        let newer =
            self.effective.get(&document.target_arn).is_some_and(|known| known.document.number > document.number);
        if !newer {
            let effective = Effective { document: Arc::clone(document), status, report, modified: at };
            self.effective.insert(Arc::clone(&document.target_arn), Box::new(effective));
        }
    }

    /// A deployment that it was told of ended before it had begun.
    pub(crate) fn dismiss(&mut self, document: &Document, status: ExecutionStatus, at: Timestamp) {
        let known = self.effective.get(&document.target_arn);
        if known.is_some_and(|known| known.status == ExecutionStatus::Queued) {
            self.settle(document, status, None, at);
        }
    }

    /// A deployment that it was told of ended as the service has it, whatever the device itself made of it later.
    pub(crate) fn settle(
        &mut self,
        document: &Document,
        status: ExecutionStatus,
        report: Option<Arc<DeviceReport>>,
        at: Timestamp,
    ) {
        if let Some(known) = self.effective.get_mut(&document.target_arn)
            && known.document.number == document.number
        {
            known.status = status;
            known.report = report;
            known.modified = at;
        }
    }

    /// It tells the service how it is.
    pub(crate) fn report_health(&mut self, unhealthy: bool, at: Timestamp) {
        self.unhealthy = unhealthy || self.software.is_broken();
        self.status_changed = at;
    }

    pub(crate) fn serve(&mut self, group: Arc<str>) {
        self.served.insert(group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(availability: Availability) -> Device {
        let profile = Profile {
            nucleus: semver::Version::new(2, 14, 0),
            lite: false,
            behaviour: Behaviour { availability, ..Behaviour::default() },
            seed: 0,
        };
        let mut devices = Devices::default();
        devices.set_up(&Arc::from("core"), &Arc::new(profile), Timestamp::UNIX_EPOCH);
        devices.devices.remove("core").unwrap()
    }

    #[test]
    fn a_device_is_online_in_turns_and_a_hand_on_the_plug_overrides_that() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut device = device(Availability::Turns { online_seconds: 60, offline_seconds: 40 });
        let online: Vec<i64> =
            (0..1000).filter(|second| device.online_from(at(*second)) == Some(at(*second))).collect();
        assert!((590..=610).contains(&online.len()), "{}", online.len());
        for second in 0..200 {
            let from = device.online_from(at(second)).unwrap();
            assert_eq!(device.online_from(from), Some(from), "{second}");
        }
        device.connect(Some(false));
        assert_eq!(device.online_from(at(0)), None);
        device.connect(Some(true));
        assert_eq!(device.online_from(at(99)), Some(at(99)));
    }

    #[test]
    fn a_device_that_is_never_online_waits_for_a_hand() {
        let mut device = device(Availability::Never);
        assert_eq!(device.online_from(Timestamp::UNIX_EPOCH), None);
        device.connect(Some(true));
        assert!(device.online_from(Timestamp::UNIX_EPOCH).is_some());
    }

    #[test]
    fn a_device_does_one_thing_at_a_time_in_order() {
        let mut device = device(Availability::Always);
        device.tell(Work::Shadow(1));
        device.tell(Work::Shadow(2));
        device.tell(Work::Shadow(1));
        assert_eq!(device.next_work(), Some(Work::Shadow(1)));
        assert_eq!(device.next_work(), Some(Work::Shadow(2)));
        assert_eq!(device.next_work(), None);
    }
}
