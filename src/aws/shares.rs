//! Which class comes next where several want something: the most urgent one, but each gets its share. Pure.

use std::collections::BTreeMap;

use super::scope::Class;

/// What a class is owed when its turn has come, whoever else is there.
const WHOLE: u32 = 32;

/// What a class is owed at most: who could not take it does not take it all at once later. More than a whole, because those who
/// are owed one at the same time wait for each other, and that must cost nobody a part of its share.
const MOST: u32 = WHOLE + WHOLE / 2;

/// So much of what is handed out goes to a class at least, in 32nds, while more urgent ones have no end. Together they leave a
/// person's change 17 of 32; a class that wants nothing leaves its share to the others. The other way round: a change waits for
/// at most one of each of the five, and for eight where they could not take what they were owed for a while.
const fn share(class: Class) -> u32 {
    match class {
        // What the others leave.
        Class::Change => 0,
        Class::Deletion | Class::Recovery | Class::Rollout => 4,
        // 20 calls a second make 1.25 for it: 125 deployments are listed by that.
        Class::Sweep => 2,
        Class::History => 1,
    }
}

impl Class {
    /// Who comes first; 0 is the most urgent. A change and a deletion are a person who waits; what a deletion may call has a
    /// limit of its own.
    #[must_use]
    pub const fn urgency(self) -> u8 {
        match self {
            Self::Change => 0,
            Self::Deletion => 1,
            Self::Recovery => 2,
            Self::Rollout => 3,
            Self::Sweep => 4,
            Self::History => 5,
        }
    }
}

/// What each class is owed. All zero where nothing was handed out yet.
#[derive(Clone, Debug, Default)]
pub struct Shares(BTreeMap<Class, u32>);

impl Shares {
    /// The order in which a class comes now: the smallest is next. What is owed comes before what is urgent, most of all what
    /// is owed most.
    #[must_use]
    pub fn order(&self, class: Class) -> (u32, u8) {
        // Owed is what is at least whole.
        let owed = self.owed(class);
        (if owed < WHOLE { u32::MAX } else { u32::MAX - owed }, class.urgency())
    }

    /// Whether a class comes before more urgent ones now.
    #[must_use]
    pub fn is_owed(&self, class: Class) -> bool {
        self.owed(class) >= WHOLE
    }

    /// One was handed to `served`, while `wanting` want one more.
    pub fn serve(&mut self, served: Class, wanting: impl IntoIterator<Item = Class>) {
        if let Some(owed) = self.0.get_mut(&served) {
            *owed = owed.saturating_sub(WHOLE);
        }
        for class in wanting {
            let owed = self.0.entry(class).or_default();
            *owed = (*owed + share(class)).min(MOST);
        }
        self.0.retain(|_, owed| *owed > 0);
    }

    fn owed(&self, class: Class) -> u32 {
        self.0.get(&class).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(shares: &Shares, waiting: &[Class]) -> Class {
        waiting.iter().copied().min_by_key(|class| shares.order(*class)).unwrap()
    }

    fn handed_out(waiting: &[Class], count: usize) -> BTreeMap<Class, usize> {
        let (mut shares, mut handed) = (Shares::default(), BTreeMap::new());
        for _ in 0..count {
            let class = next(&shares, waiting);
            shares.serve(class, waiting.iter().copied());
            *handed.entry(class).or_default() += 1;
        }
        handed
    }

    #[test]
    fn where_all_want_without_end_each_gets_its_share() {
        let handed = handed_out(&Class::ALL, 3200);
        for class in Class::ALL {
            let expected = if class == Class::Change { 1700 } else { usize::try_from(share(class)).unwrap() * 100 };
            assert!(handed[&class].abs_diff(expected) <= 10, "{class:?} {handed:?}");
        }
    }

    #[test]
    fn who_wants_alone_gets_all_and_an_urgent_one_comes_next() {
        assert_eq!(handed_out(&[Class::History], 10)[&Class::History], 10);
        let mut shares = Shares::default();
        for _ in 0..1000 {
            shares.serve(Class::Sweep, [Class::Sweep]);
        }
        assert_eq!(next(&shares, &[Class::Sweep, Class::Change]), Class::Change);
    }

    #[test]
    fn a_change_waits_for_at_most_one_of_each_of_the_others() {
        let mut shares = Shares::default();
        for _ in 0..1000 {
            // Nobody could take what it was owed.
            shares.serve(Class::Change, Class::ALL);
        }
        let mut gaps = Vec::new();
        let mut since = 0;
        for _ in 0..1000 {
            let class = next(&shares, &Class::ALL);
            shares.serve(class, Class::ALL);
            since += 1;
            if class == Class::Change {
                gaps.push(since - 1);
                since = 0;
            }
        }
        // At first they catch up on what they could not take.
        assert!(gaps[0] <= 8 && gaps[1..].iter().all(|gap| *gap <= 5), "{gaps:?}");
    }
}
