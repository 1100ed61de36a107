//! A key's fingerprint as eight words, for what travels out of band: by telephone, on paper, across a table.
//!
//! The words are the first 88 bits of the key id, eleven a word, in the English list of BIP-39, whose 2048 words are told
//! apart by their first four letters. Forging a second key with the same words takes 2^88 tries.

use std::fmt;

use bip39::Language;

use crate::domain::KeyId;

/// How many words.
pub const FINGERPRINT_WORDS: usize = 8;

const BITS_PER_WORD: usize = 11;

/// The eight words of a key id. Text that people compare; what software compares is the key id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([&'static str; FINGERPRINT_WORDS]);

impl Fingerprint {
    /// The words of this key.
    pub fn of(keyid: &KeyId) -> Self {
        let bits = keyid
            .as_bytes()
            .iter()
            .take(FINGERPRINT_WORDS * BITS_PER_WORD / 8);
        // 88 bits fit into the 128 of this number.
        let number = bits.fold(0u128, |number, byte| (number << 8) | u128::from(*byte));
        let list = Language::English.word_list();
        Self(std::array::from_fn(|word| {
            let shift = BITS_PER_WORD * (FINGERPRINT_WORDS - 1 - word);
            let index = usize::try_from((number >> shift) & 0x7ff).unwrap_or_default();
            list.get(index).copied().unwrap_or_default()
        }))
    }

    /// Each word.
    pub fn words(&self) -> &[&'static str; FINGERPRINT_WORDS] {
        &self.0
    }

    /// Whether a person's text says these words, whatever its case, spaces, commas and hyphens; four letters of a word
    /// are enough.
    pub fn is_said_by(&self, text: &str) -> bool {
        let said: Vec<String> = text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        let same = |(word, said): (&&str, &String)| {
            word == said || (said.len() >= 4 && word.starts_with(said.as_str()))
        };
        said.len() == FINGERPRINT_WORDS && self.0.iter().zip(&said).all(same)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use sha2::{Digest as _, Sha256};

    /// Golden words, at both ends of the list and of real key ids; people compare them with what was written down
    /// long ago, so they never change.
    #[test]
    fn golden_words() {
        let words = |bytes: [u8; 32]| Fingerprint::of(&KeyId(bytes)).to_string();
        assert_eq!(words([0; 32]), ["abandon"; 8].join(" "));
        assert_eq!(words([0xff; 32]), ["zoo"; 8].join(" "));
        let keyid = crate::seal::SecretKey::from_seed(&[7; 32]).public_key().keyid();
        assert_eq!(keyid.to_string().get(..22), Some("fe812c12f3ab4ce6ac5db6"));
        assert_eq!(
            Fingerprint::of(&keyid).to_string(),
            "write annual again trap regular infant ramp replace"
        );
    }

    /// Only the first 88 bits count, and every one of them does.
    #[test]
    fn each_of_88_bits_counts() {
        let base = Fingerprint::of(&KeyId([0x5a; 32]));
        for bit in 0..256 {
            let mut bytes = [0x5a; 32];
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Fingerprint::of(&KeyId(bytes)) != base, bit < 88, "bit {bit}");
        }
    }

    /// The list is the one that BIP-39 publishes: the digest of its file, and four letters that tell words apart.
    #[test]
    fn the_list_is_the_published_one() {
        let list = Language::English.word_list();
        let file = list.join("\n") + "\n";
        assert_eq!(
            hex::encode(Sha256::digest(file)),
            "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
        );
        let heads: std::collections::HashSet<&str> =
            list.iter().map(|word| word.get(..4).unwrap_or(word)).collect();
        assert_eq!(heads.len(), 2048);
    }

    /// What a person says is compared by words; a table.
    #[test]
    fn words_are_compared_as_people_say_them() {
        let fingerprint = Fingerprint::of(&KeyId([0xff; 32]));
        for (said, same) in [
            ("zoo zoo zoo zoo zoo zoo zoo zoo", true),
            ("ZOO, zoo-zoo zoo\nzoo zoo zoo  zoo.", true),
            ("zoo zoo zoo zoo zoo zoo zoo", false),
            ("zoo zoo zoo zoo zoo zoo zoo zoo zoo", false),
            ("zoo zoo zoo zoo zoo zoo zoo zone", false),
            ("zo zo zo zo zo zo zo zo", false),
            ("", false),
        ] {
            assert_eq!(fingerprint.is_said_by(said), same, "{said}");
        }
        let abandon = Fingerprint::of(&KeyId([0; 32]));
        assert!(abandon.is_said_by("aban abando abandon aban aban aban aban aban"));
    }
}
