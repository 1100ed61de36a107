//! What a log asks of a witness (C2SP tlog-witness, `add-checkpoint`): the size that the witness cosigned last, the
//! proof that the log has only grown since, and the new checkpoint. Written by the log, read by the witness.

use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use sha2::{Digest as _, Sha256};

use crate::domain::{Hash, Origin};
use crate::limits::{ADD_CHECKPOINT_BYTES_MAX, ADD_CHECKPOINT_HASHES_MAX, LOG_SIZE_MAX};
use crate::transparency::checkpoint::{parse_decimal, parse_hash};

/// The content type of a 409 that says which size the witness cosigned last, and of no other.
pub const SIZE_CONTENT_TYPE: &str = "text/x.tlog.size";

/// The size in the body of such an answer: decimal in its one form, and a newline. Larger than any log: none.
pub fn parse_size(body: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(body).ok()?.strip_suffix('\n')?;
    parse_decimal(digits).filter(|size| *size <= LOG_SIZE_MAX)
}

/// A request for a cosignature. Nothing in it has been verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddCheckpoint {
    /// The size that the witness is believed to have cosigned last; 0 for none.
    pub old_size: u64,
    /// The consistency proof from there.
    pub proof: Vec<Hash>,
    /// The signed note of the new checkpoint, verbatim.
    pub note: String,
}

/// Not a request as C2SP tlog-witness describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an add-checkpoint request (C2SP tlog-witness)")]
pub struct InvalidAddCheckpoint;

impl AddCheckpoint {
    /// Reads a request, strictly: what is read is written back byte for byte.
    pub fn parse(text: &str) -> Result<Self, InvalidAddCheckpoint> {
        if text.len() > ADD_CHECKPOINT_BYTES_MAX {
            return Err(InvalidAddCheckpoint);
        }
        let (head, note) = text.split_once("\n\n").ok_or(InvalidAddCheckpoint)?;
        let mut lines = head.split('\n');
        let old_size = lines
            .next()
            .and_then(|line| line.strip_prefix("old "))
            .and_then(parse_decimal)
            .ok_or(InvalidAddCheckpoint)?;
        let mut proof = Vec::new();
        for line in lines {
            if proof.len() >= ADD_CHECKPOINT_HASHES_MAX {
                return Err(InvalidAddCheckpoint);
            }
            proof.push(parse_hash(line).ok_or(InvalidAddCheckpoint)?);
        }
        Ok(Self {
            old_size,
            proof,
            note: note.to_owned(),
        })
    }

    /// The note's first line: which log it says it is of.
    pub fn origin(&self) -> &str {
        self.note.split('\n').next().unwrap_or_default()
    }
}

impl FromStr for AddCheckpoint {
    type Err = InvalidAddCheckpoint;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        for hash in &self.proof {
            writeln!(f, "{}", BASE64_STANDARD.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.note)
    }
}

/// Under which name a witness shows the log's last cosigned checkpoint: `GET PREFIX/<this>/checkpoint`. Lower-case hex
/// of SHA-256 of the origin.
pub fn origin_hash(origin: &Origin) -> String {
    hex::encode(Sha256::digest(origin.as_str()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// The example of C2SP tlog-witness.
    const EXAMPLE: &str = "old 20852014\n\
        PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
        jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
        5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
        /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
        \n\
        example.com/behind-the-sofa\n\
        20852163\n\
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\
        \n\
        \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        \u{2014} example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";

    /// The specification's example is read and written back, and so is one without a proof.
    #[test]
    fn the_request_of_the_specification() {
        let request: AddCheckpoint = EXAMPLE.parse().unwrap();
        assert_eq!((request.old_size, request.proof.len()), (20_852_014, 4));
        assert_eq!(request.origin(), "example.com/behind-the-sofa");
        assert!(
            request
                .note
                .starts_with("example.com/behind-the-sofa\n20852163\n")
        );
        assert_eq!(request.to_string(), EXAMPLE);
        let first = AddCheckpoint {
            old_size: 0,
            proof: Vec::new(),
            ..request
        };
        assert_eq!(AddCheckpoint::parse(&first.to_string()), Ok(first));
    }

    /// `printf example.com/behind-the-sofa | sha256sum`
    #[test]
    fn a_log_is_shown_under_the_hash_of_its_origin() {
        assert_eq!(
            origin_hash(&"example.com/behind-the-sofa".parse().unwrap()),
            "5fd2dc0beb4ce54da5050cf6d5c75248b023abad441c3cecde3976fbe9da4fe4"
        );
    }

    /// A request of another form is refused; a table of changes to the example.
    #[test]
    fn a_malformed_request_is_refused() {
        let line = "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n";
        for (from, to) in [
            ("old 20852014", "old 020852014"),
            ("old 20852014", "old -1"),
            ("old 20852014", "old +1"),
            ("old 20852014", "old  1"),
            ("old 20852014", "old "),
            ("old 20852014", "Old 1"),
            ("old 20852014", "old 18446744073709551616"),
            ("old 20852014\n", ""),
            ("old", "\nold"),
            (line, "\n"),
            (line, "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swl=\n"),
            (line, "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk\n"),
            (line, "AAAA\n"),
            (line, &line.repeat(ADD_CHECKPOINT_HASHES_MAX - 2)),
            (line, &"x".repeat(ADD_CHECKPOINT_BYTES_MAX)),
            ("\n", "\r\n"),
            ("\n\n", "\n"),
        ] {
            let text = EXAMPLE.replace(from, to);
            let read = AddCheckpoint::parse(&text);
            // An empty line earlier only moves where the note begins, which its signature then refuses.
            let refused = read.is_err() || to == "\n" && read.is_ok_and(|r| r.note.starts_with("5+p"));
            assert!(refused, "{from:?} {to:?}");
        }
        let most = EXAMPLE.replace(line, &line.repeat(ADD_CHECKPOINT_HASHES_MAX - 3));
        assert!(AddCheckpoint::parse(&most).is_ok());
        assert_eq!(AddCheckpoint::parse(""), Err(InvalidAddCheckpoint));
    }

    proptest! {
        /// No text makes the parser panic, and what is read is written back.
        #[test]
        fn the_parser_never_panics(text in any::<String>(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = EXAMPLE.as_bytes().to_vec();
            if let Some(place) = bytes.get_mut(at.index(EXAMPLE.len())) {
                *place = byte;
            }
            for text in [text, String::from_utf8_lossy(&bytes).into_owned()] {
                if let Ok(request) = AddCheckpoint::parse(&text) {
                    prop_assert_eq!(request.to_string(), text);
                }
            }
        }
    }
}
