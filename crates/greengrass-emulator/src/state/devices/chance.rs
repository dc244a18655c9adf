//! Chance that follows from a seed, so that a run can be repeated. Pure.

use sha2::{Digest, Sha256};

/// A number from 0 to below 1 that these words decide; two, since some draws need both.
pub(crate) fn drawn(seed: u64, words: &[&str]) -> (f64, f64) {
    let mut digest = Sha256::new().chain_update(seed.to_be_bytes());
    for word in words {
        digest.update(u64::try_from(word.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(word);
    }
    let digest = digest.finalize();
    let mut numbers = digest.chunks_exact(4).map(|bytes| {
        let number = bytes.iter().fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
        f64::from(number) / 4_294_967_296.0
    });
    (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_draw_the_same_and_a_share_is_about_its_size() {
        assert_eq!(drawn(1, &["a", "b"]), drawn(1, &["a", "b"]));
        assert_ne!(drawn(1, &["a", "b"]), drawn(1, &["ab"]));
        assert_ne!(drawn(1, &["a"]), drawn(2, &["a"]));
        let below = (0..10_000).filter(|number| drawn(7, &[&number.to_string()]).0 < 0.02).count();
        assert!((150..250).contains(&below), "{below}");
    }
}
