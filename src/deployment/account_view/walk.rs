//! One walk: which page comes next, what was not seen yet, and when it ends. Pure.
//!
//! First the list of the newest deployments of all targets. Whether it shows subdeployments is documented nowhere: those
//! that it did not show are looked for in one list for each of their parents, of which there are never more than of them.

use std::collections::BTreeSet;

use greengrass_operator_core::deployment::knowledge::{Row, RowFilter, RowPage};

/// Rows of a page when nothing is throttled: the most that AWS gives.
const FULL_PAGE: u8 = 100;
/// The fewest rows of a page. The Developer Guide ("Troubleshooting") has accounts with so many deployments that large pages
/// are throttled; below a quarter a walk would cost more calls than it saves on them.
const SMALLEST_PAGE: u8 = 25;

/// Rows of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageSize(u8);

impl Default for PageSize {
    fn default() -> Self {
        Self(FULL_PAGE)
    }
}

impl PageSize {
    pub(super) fn get(self) -> u8 {
        self.0
    }

    /// AWS throttled it.
    pub(super) fn smaller(self) -> Self {
        Self((self.0 / 2).max(SMALLEST_PAGE))
    }

    /// A whole walk of such pages was not throttled.
    pub(super) fn larger(self) -> Self {
        Self(self.0.saturating_mul(2).min(FULL_PAGE))
    }
}

/// What a deployment is for, in AWS's words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowKey {
    pub(super) target: String,
    pub(super) parent: Option<String>,
}

impl RowKey {
    pub(super) fn of(row: &Row) -> Self {
        Self { target: row.target_arn.clone(), parent: row.parent_target_arn.clone() }
    }
}

/// A walk that is under way.
#[derive(Debug)]
pub(super) struct Walk {
    /// Whose newest deployment was not seen yet.
    unseen: BTreeSet<RowKey>,
    list: List,
    /// Where the next page begins; none: at the first row.
    token: Option<String>,
    /// Rows that were asked for in this list, and at most.
    asked: usize,
    asked_at_most: usize,
}

#[derive(Debug)]
enum List {
    /// Of all targets.
    Targets,
    /// Of the subdeployments of one parent; the others come after it.
    Parents(String, Vec<String>),
    /// No other.
    Over,
    /// There are more pages than resources.
    TooLong,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This page.
    Page { filter: RowFilter, token: Option<String> },
    /// Nothing: what was not seen is not there.
    Complete,
    /// Nothing: the list has more pages of other people's deployments than resources are left to look for.
    TooLong,
}

impl Walk {
    /// A walk that looks for the newest deployments of these.
    pub(super) fn new(members: BTreeSet<RowKey>) -> Self {
        let asked_at_most = rows_worth_asking_for(members.len());
        Self { unseen: members, list: List::Targets, token: None, asked: 0, asked_at_most }
    }

    /// What comes next.
    pub(super) fn next(&self) -> Next {
        let parent = match &self.list {
            List::Over => return Next::Complete,
            List::TooLong => return Next::TooLong,
            List::Targets => None,
            List::Parents(parent, _) => Some(parent.clone()),
        };
        let filter = RowFilter { target_arn: None, parent_target_arn: parent, latest_only: true };
        Next::Page { filter, token: self.token.clone() }
    }

    /// Whose newest deployment was not seen yet.
    pub(super) fn unseen(&self) -> &BTreeSet<RowKey> {
        &self.unseen
    }

    /// Whether the next page is not the first of its list.
    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// AWS does not know the token any more: the list begins anew. What was seen was seen.
    pub(super) fn begin_list_anew(&mut self) {
        self.token = None;
        self.asked = 0;
    }

    /// The page has come.
    pub(super) fn took(&mut self, page: &RowPage, size: PageSize) {
        for row in &page.rows {
            self.unseen.remove(&RowKey::of(row));
        }
        self.token.clone_from(&page.next_token);
        self.asked += usize::from(size.get());
        // Nobody is left to be looked for: what other pages show is other people's.
        if self.unseen.is_empty() {
            self.list = List::Over;
        } else if self.token.is_none() {
            self.end_list();
        } else if self.asked >= self.asked_at_most {
            match self.list {
                List::Targets => self.list = List::TooLong,
                List::Parents(..) => self.end_list(),
                List::Over | List::TooLong => {}
            }
        }
    }

    fn end_list(&mut self) {
        self.begin_list_anew();
        let mut parents = match std::mem::replace(&mut self.list, List::Over) {
            List::Targets => {
                let parents: BTreeSet<&String> = self.unseen.iter().filter_map(|key| key.parent.as_ref()).collect();
                parents.into_iter().rev().cloned().collect()
            }
            List::Parents(_, rest) => rest,
            List::Over | List::TooLong => Vec::new(),
        };
        if let Some(parent) = parents.pop() {
            let of_parent = self.unseen.iter().filter(|key| key.parent.as_ref() == Some(&parent)).count();
            self.asked_at_most = rows_worth_asking_for(of_parent);
            self.list = List::Parents(parent, parents);
        }
    }
}

/// A page costs as much as a look: where a list has more of them than there are resources, they had better look themselves.
fn rows_worth_asking_for(members: usize) -> usize {
    members.saturating_mul(usize::from(FULL_PAGE))
}

#[cfg(test)]
mod tests {
    use greengrass_operator_core::deployment::knowledge::RowStatus;
    use jiff::Timestamp;

    use super::*;

    fn key(target: &str, parent: Option<&str>) -> RowKey {
        RowKey { target: target.into(), parent: parent.map(Into::into) }
    }

    fn page(keys: &[RowKey], next_token: Option<&str>) -> RowPage {
        let row = |key: &RowKey| Row {
            deployment_id: format!("of {}", key.target),
            revision_id: 1,
            created_at: Timestamp::UNIX_EPOCH,
            status: RowStatus::Active,
            target_arn: key.target.clone(),
            parent_target_arn: key.parent.clone(),
        };
        RowPage { rows: keys.iter().map(row).collect(), next_token: next_token.map(Into::into) }
    }

    fn asks(walk: &Walk) -> (Option<String>, Option<String>) {
        match walk.next() {
            Next::Page { filter, token } => {
                assert!(filter.latest_only && filter.target_arn.is_none());
                (filter.parent_target_arn, token)
            }
            Next::Complete | Next::TooLong => panic!("it ends"),
        }
    }

    fn full() -> PageSize {
        PageSize::default()
    }

    #[test]
    fn a_walk_goes_on_from_page_to_page_until_everybody_was_seen() {
        let mut walk = Walk::new([key("a", None), key("b", None)].into());
        assert_eq!(asks(&walk), (None, None));
        walk.took(&page(&[key("b", None), key("x", None)], Some("2")), full());
        assert_eq!(asks(&walk), (None, Some("2".into())));
        walk.took(&page(&[key("a", None)], Some("3")), full());
        assert_eq!(walk.next(), Next::Complete, "the other pages are other people's");
        assert!(walk.unseen().is_empty());
    }

    #[test]
    fn who_is_not_in_a_whole_list_is_missing() {
        let mut walk = Walk::new([key("a", None), key("b", None)].into());
        walk.took(&page(&[key("a", None)], None), full());
        assert_eq!(walk.next(), Next::Complete);
        assert_eq!(walk.unseen(), &[key("b", None)].into());
    }

    #[test]
    fn a_target_and_its_subdeployment_are_two() {
        let mut walk = Walk::new([key("a", None), key("a", Some("p"))].into());
        walk.took(&page(&[key("a", None)], None), full());
        assert_eq!(asks(&walk), (Some("p".into()), None));
    }

    #[test]
    fn hidden_subdeployments_are_listed_once_for_each_parent_and_shown_ones_never() {
        let members = [key("a", None), key("s1", Some("p")), key("s2", Some("p")), key("s3", Some("q"))];
        let mut walk = Walk::new(members.clone().into());
        walk.took(&page(&[key("a", None)], None), full());
        assert_eq!(asks(&walk), (Some("p".into()), None));
        walk.took(&page(&[key("s1", Some("p")), key("s2", Some("p"))], None), full());
        assert_eq!(asks(&walk), (Some("q".into()), None));
        walk.took(&page(&[], None), full());
        assert_eq!(walk.next(), Next::Complete);
        assert_eq!(walk.unseen(), &[key("s3", Some("q"))].into());

        let mut walk = Walk::new(members.clone().into());
        walk.took(&page(&members, None), full());
        assert_eq!(walk.next(), Next::Complete);
    }

    #[test]
    fn among_many_deployments_of_others_few_resources_look_themselves() {
        let mut walk = Walk::new([key("a", None), key("b", None)].into());
        walk.took(&page(&[], Some("2")), full());
        assert_eq!(asks(&walk), (None, Some("2".into())));
        walk.took(&page(&[], Some("3")), full());
        assert_eq!(walk.next(), Next::TooLong);
        assert_eq!(walk.unseen().len(), 2);
    }

    #[test]
    fn a_token_that_aws_refuses_begins_the_list_anew_and_what_was_seen_stays_so() {
        let mut walk = Walk::new([key("a", None), key("b", None)].into());
        walk.took(&page(&[key("a", None)], Some("2")), full());
        walk.begin_list_anew();
        assert_eq!(asks(&walk), (None, None));
        assert_eq!(walk.unseen(), &[key("b", None)].into());
    }

    #[test]
    fn pages_shrink_to_a_quarter_and_grow_again() {
        let halves = [full(), full().smaller(), full().smaller().smaller(), full().smaller().smaller().smaller()];
        assert_eq!(halves.map(PageSize::get), [100, 50, 25, 25]);
        assert_eq!(PageSize(25).larger().larger().larger().get(), 100);
    }
}
