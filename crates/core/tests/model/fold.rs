//! Words, times and ids of a state, folded into one 128-bit number. Pure.

use jiff::{SignedDuration, Timestamp};

/// More than the longest time that a rule compares with: two minutes.
const LONGEST_GAP: i64 = 121;

#[derive(Clone, Copy)]
enum Word {
    Plain(u64),
    Time(i64),
    Id(u64),
}

/// Two lanes of multiply and rotate: enough to tell some ten million states apart.
struct Fold(u64, u64);

impl Fold {
    fn add(&mut self, word: u64) {
        let first = u128::from(self.0 ^ word) * 0x9E37_79B9_7F4A_7C15;
        self.0 = low(first) ^ low(first >> 64);
        let second =
            u128::from(self.1.rotate_left(23) ^ word.wrapping_add(0x2545_F491_4F6C_DD1D)) * 0xD6E8_FEB8_6659_FD93;
        self.1 = low(second) ^ low(second >> 64).rotate_left(17);
    }

    fn done(mut self) -> u128 {
        for word in [1, 2, 3] {
            self.add(word);
        }
        (u128::from(self.0) << 64) | u128::from(self.1)
    }
}

fn low(wide: u128) -> u64 {
    u64::try_from(wide & u128::from(u64::MAX)).unwrap_or(0)
}

#[derive(Default)]
pub(crate) struct Canon {
    words: Vec<Word>,
    times: Vec<i64>,
    ids: Vec<u64>,
}

impl Canon {
    pub(crate) fn done(mut self, now: Timestamp) -> u128 {
        self.times.push(now.as_second());
        self.times.sort_unstable();
        self.times.dedup();
        self.ids.sort_unstable();
        self.ids.dedup();
        let mut places = Vec::with_capacity(self.times.len());
        let mut place = 0;
        for (index, time) in self.times.iter().enumerate() {
            if let Some(before) = index.checked_sub(1).map(|before| self.times[before]) {
                place += (time - before).min(LONGEST_GAP);
            }
            places.push(place);
        }
        let place_of = |time: i64| self.times.binary_search(&time).map_or(0, |index| places[index]);
        let zero = place_of(now.as_second());
        let mut fold = Fold(0x1357_9BDF_0246_8ACE, 0x0F1E_2D3C_4B5A_6978);
        for word in &self.words {
            match *word {
                Word::Plain(word) => fold.add(word),
                Word::Time(time) => fold.add((place_of(time) - zero).cast_unsigned()),
                Word::Id(id) => fold.add(u64::try_from(self.ids.partition_point(|other| *other < id)).unwrap_or(0)),
            }
        }
        fold.done()
    }

    pub(crate) fn plain(&mut self, word: impl Into<u64>) {
        self.words.push(Word::Plain(word.into()));
    }

    pub(crate) fn len(&mut self, length: usize) {
        self.plain(u64::try_from(length).unwrap_or(u64::MAX));
    }

    pub(crate) fn time(&mut self, at: Timestamp) {
        self.times.push(at.as_second());
        self.words.push(Word::Time(at.as_second()));
    }

    pub(crate) fn some_time(&mut self, at: Option<Timestamp>) {
        self.plain(at.is_some());
        if let Some(at) = at {
            self.time(at);
        }
    }

    /// A time that nothing looks at once it is older.
    pub(crate) fn time_within(&mut self, at: Option<Timestamp>, now: Timestamp, within: SignedDuration) {
        self.some_time(at.filter(|at| now.duration_since(*at) <= within));
    }

    pub(crate) fn id(&mut self, id: &str) {
        match id.strip_prefix('d').and_then(|number| number.parse().ok()) {
            Some(number) => {
                self.ids.push(number);
                self.words.push(Word::Id(number));
            }
            None => self.text(id),
        }
    }

    pub(crate) fn some_id(&mut self, id: Option<&str>) {
        self.plain(id.is_some());
        if let Some(id) = id {
            self.id(id);
        }
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.len(text.len());
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.plain(u64::from_le_bytes(word));
        }
    }

    pub(crate) fn some_text(&mut self, text: Option<&str>) {
        self.plain(text.is_some());
        if let Some(text) = text {
            self.text(text);
        }
    }
}
