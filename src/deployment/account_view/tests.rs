//! Walks over a cloud that changes between and during pages: nobody is woken who agrees, and everybody who does not.

mod leading;

use std::collections::BTreeSet;
use std::time::Duration;

use greengrass_operator_core::deployment::knowledge::{Row, RowFilter, RowPage, RowStatus};
use jiff::Timestamp;
use proptest::prelude::*;

use super::super::session::{Known, Newest};
use super::compare::{Judgement, Remembered, judge};
use super::walk::{Next, PageSize, RowKey, Walk};

/// The first of them are ours; every third of ours is a subdeployment.
const RESOURCES: usize = 6;
const TARGETS: usize = 14;
/// Longer than lists lag behind a create.
const TICK: Duration = Duration::from_mins(3);

#[derive(Clone, Debug)]
enum Event {
    SomebodyDeploys(usize),
    SomebodyCancels(usize),
    SomebodyDeletes(usize),
    /// A turn of ours makes a revision.
    Change(usize),
    /// A turn of ours that was woken looks.
    Look(usize),
    /// A page is asked for.
    Ask,
    /// It comes.
    Deliver,
    Throttled,
    TokenRefused,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (0..TARGETS).prop_map(Event::SomebodyDeploys),
        1 => (0..TARGETS).prop_map(Event::SomebodyCancels),
        1 => (0..TARGETS).prop_map(Event::SomebodyDeletes),
        2 => (0..RESOURCES).prop_map(Event::Change),
        4 => (0..RESOURCES).prop_map(Event::Look),
        10 => Just(Event::Ask),
        10 => Just(Event::Deliver),
        1 => Just(Event::Throttled),
        1 => Just(Event::TokenRefused),
    ]
}

#[derive(Debug)]
struct Resource {
    known: Known,
    remembered: Remembered,
    /// The newest deployment and its state, as its last turn has left or found it.
    expects: Option<(String, RowStatus)>,
    /// When it last disagreed, and since when it has without a pause.
    disagreed_at: Option<Timestamp>,
    disagrees_since: Option<Timestamp>,
    is_woken: bool,
}

struct World {
    now: Timestamp,
    hides_subdeployments: bool,
    is_newest_first: bool,
    /// Of each target, the oldest first.
    rows: Vec<Vec<Row>>,
    made: u64,
    resources: Vec<Resource>,
    walk: Option<(Walk, Timestamp)>,
    size: PageSize,
    page: Option<(RowPage, PageSize, Timestamp)>,
}

fn key(target: usize) -> RowKey {
    let is_sub = target < RESOURCES && target % 3 == 2;
    RowKey { target: format!("target-{target}"), parent: is_sub.then(|| format!("parent-{}", target / 4)) }
}

impl World {
    fn new(hides_subdeployments: bool, is_newest_first: bool) -> Self {
        let mut world = Self {
            now: Timestamp::from_second(1_800_000_000).unwrap(),
            hides_subdeployments,
            is_newest_first,
            rows: vec![Vec::new(); TARGETS],
            made: 0,
            resources: Vec::new(),
            walk: None,
            size: PageSize::default(),
            page: None,
        };
        for target in 0..TARGETS {
            world.deploy(target);
        }
        for number in 0..RESOURCES {
            world.resources.push(Resource {
                known: Known::default(),
                remembered: Remembered::default(),
                expects: None,
                disagreed_at: None,
                disagrees_since: None,
                is_woken: false,
            });
            world.note(number);
        }
        world
    }

    fn deploy(&mut self, target: usize) {
        self.made += 1;
        if let Some(last) = self.rows[target].last_mut() {
            last.status = RowStatus::Inactive;
        }
        let RowKey { target: target_arn, parent: parent_target_arn } = key(target);
        self.rows[target].push(Row {
            deployment_id: format!("deployment-{}", self.made),
            revision_id: self.made,
            created_at: self.now,
            status: RowStatus::Active,
            target_arn,
            parent_target_arn,
        });
    }

    /// The resource has taken down its own newest revision.
    fn note(&mut self, number: usize) {
        let (row, now, expects) = (self.rows[number].last().unwrap(), self.now, self.newest(number));
        let resource = &mut self.resources[number];
        resource.expects = expects;
        resource.remembered.deployment_id = Some(row.deployment_id.clone());
        resource.remembered.deployment_status = Some(row.status.as_str().to_owned());
        resource.known = Known { as_of: Some(now), settled_at: Some(now), newest: Newest::AsRemembered };
    }

    fn look(&mut self, number: usize) {
        let expects = self.newest(number);
        let resource = &mut self.resources[number];
        if !std::mem::take(&mut resource.is_woken) {
            return;
        }
        resource.expects = expects;
        let row = self.rows[number].last();
        let own = resource.remembered.deployment_id.as_ref();
        resource.known.as_of = Some(self.now);
        resource.known.newest = match row {
            None => Newest::Missing,
            Some(row) if Some(&row.deployment_id) == own => {
                resource.remembered.deployment_status = Some(row.status.as_str().to_owned());
                Newest::AsRemembered
            }
            Some(row) => Newest::Other(Box::new((row.deployment_id.clone(), row.status))),
        };
    }

    fn list(&self, filter: &RowFilter, token: Option<&str>, size: PageSize) -> RowPage {
        let is_listed = |row: &&Row| match &filter.parent_target_arn {
            Some(parent) => row.parent_target_arn.as_ref() == Some(parent),
            None => row.parent_target_arn.is_none() || !self.hides_subdeployments,
        };
        let mut rows: Vec<&Row> = self.rows.iter().filter_map(|rows| rows.last()).filter(is_listed).collect();
        rows.sort_by_key(|row| row.revision_id);
        if self.is_newest_first {
            rows.reverse();
        }
        let after: Option<u64> = token.map(|token| token.parse().unwrap());
        let is_after = |row: &&&Row| match after {
            None => true,
            Some(after) if self.is_newest_first => row.revision_id < after,
            Some(after) => row.revision_id > after,
        };
        // A full page has four rows here.
        let size = usize::from(size.get() / 25);
        let rest: Vec<&Row> = rows.iter().filter(is_after).copied().collect();
        let page: Vec<Row> = rest.iter().take(size).map(|row| Row::clone(row)).collect();
        let next_token = page.last().filter(|_| rest.len() > size).map(|row| row.revision_id.to_string());
        RowPage { rows: page, next_token }
    }

    fn newest(&self, target: usize) -> Option<(String, RowStatus)> {
        self.rows[target].last().map(|row| (row.deployment_id.clone(), row.status))
    }

    fn disagrees(&self, number: usize) -> bool {
        self.resources[number].expects != self.newest(number)
    }

    fn ask(&mut self) {
        let (walk, _) =
            self.walk.get_or_insert_with(|| (Walk::new((0..RESOURCES).map(key).collect::<BTreeSet<_>>()), self.now));
        if let Next::Page { filter, token } = walk.next() {
            self.page = Some((self.list(&filter, token.as_deref(), self.size), self.size, self.now));
        }
    }

    fn deliver(&mut self) -> Result<(), TestCaseError> {
        let Some((page, size, asked_at)) = self.page.take() else { return Ok(()) };
        for row in &page.rows {
            self.consider(&RowKey::of(row), Some(row), asked_at)?;
        }
        if let Some((walk, _)) = &mut self.walk {
            walk.took(&page, size);
        }
        self.end_walk()
    }

    fn end_walk(&mut self) -> Result<(), TestCaseError> {
        let next = self.walk.as_ref().map(|(walk, _)| walk.next());
        if matches!(next, None | Some(Next::Page { .. })) {
            return Ok(());
        }
        let (walk, began_at) = self.walk.take().unwrap();
        for unseen in walk.unseen() {
            if next == Some(Next::Complete) {
                self.consider(unseen, None, began_at)?;
            } else {
                // They look themselves, which needs no judgement.
                let number = (0..RESOURCES).find(|number| key(*number) == *unseen).unwrap();
                self.resources[number].is_woken = true;
            }
        }
        for number in 0..RESOURCES {
            let resource = &self.resources[number];
            let is_untouched = resource.known.as_of.is_none_or(|at| at < began_at);
            let has_disagreed = resource.disagrees_since.is_some_and(|since| since < began_at);
            prop_assert!(resource.is_woken || !is_untouched || !has_disagreed, "{number} was overlooked: {resource:?}");
        }
        self.size = self.size.larger();
        Ok(())
    }

    fn consider(&mut self, of: &RowKey, shown: Option<&Row>, asked_at: Timestamp) -> Result<(), TestCaseError> {
        let Some(number) = (0..RESOURCES).find(|number| key(*number) == *of) else { return Ok(()) };
        let resource = &mut self.resources[number];
        if judge(&resource.known, &resource.remembered, shown, asked_at) == Judgement::Differs {
            // Since the walk began and since its own last turn.
            let began_at = self.walk.as_ref().map_or(asked_at, |(_, began_at)| *began_at);
            let has_disagreed =
                resource.disagreed_at.is_some_and(|at| at >= began_at && Some(at) > resource.known.as_of);
            prop_assert!(has_disagreed, "{number} was woken for nothing by {shown:?}: {resource:?}");
            resource.is_woken = true;
        }
        Ok(())
    }

    fn happens(&mut self, event: &Event) -> Result<(), TestCaseError> {
        self.now += TICK;
        match *event {
            Event::SomebodyDeploys(target) => self.deploy(target),
            Event::SomebodyCancels(target) => {
                if let Some(row) = self.rows[target].last_mut() {
                    row.status = RowStatus::Canceled;
                }
            }
            Event::SomebodyDeletes(target) => drop(self.rows[target].pop()),
            Event::Change(number) => {
                self.deploy(number);
                self.note(number);
            }
            Event::Look(number) => self.look(number),
            Event::Ask => self.ask(),
            Event::Deliver => self.deliver()?,
            Event::Throttled => {
                self.page = None;
                self.size = self.size.smaller();
            }
            Event::TokenRefused => {
                self.page = None;
                if let Some((walk, _)) = self.walk.as_mut().filter(|(walk, _)| walk.has_token()) {
                    walk.begin_list_anew();
                }
            }
        }
        for number in 0..RESOURCES {
            let disagrees = self.disagrees(number);
            let resource = &mut self.resources[number];
            if disagrees {
                resource.disagreed_at = Some(self.now);
                resource.disagrees_since.get_or_insert(self.now);
            } else {
                resource.disagrees_since = None;
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_walk_wakes_nobody_who_agrees_and_everybody_who_has_disagreed_since_before_it(
        hides_subdeployments in any::<bool>(),
        is_newest_first in any::<bool>(),
        events in prop::collection::vec(event(), 0..150),
    ) {
        let mut world = World::new(hides_subdeployments, is_newest_first);
        for event in &events {
            world.happens(event)?;
        }
        // Whatever was interrupted, two whole walks in peace see everything.
        for _ in 0..100 {
            world.happens(&Event::Ask)?;
            world.happens(&Event::Deliver)?;
        }
        for number in 0..RESOURCES {
            prop_assert!(world.resources[number].is_woken || !world.disagrees(number), "{number} was never woken");
        }
    }
}
