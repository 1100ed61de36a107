//! The keys of the index: a prefix byte, then what orders the entry. The table at the head of `mod.rs` says what each
//! is for.
//!
//! Names are ended by a zero byte, which no name holds, so that no name is the beginning of another.

use crate::domain::{AgencyId, Bucket, DeskAddress, Digest, PayloadId, Principal};
use crate::seal::PayloadKind;

pub(super) const FORMAT: &[u8] = b"F";
pub(super) const POSITION: &[u8] = b"P";
pub(super) const TIME: &[u8] = b"T";

const HASHES: u8 = b'h';
const ID: u8 = b'i';
const DIGEST: u8 = b'd';
const WARNING: u8 = b'w';
const NAMED: u8 = b'n';
const THREAD: u8 = b't';
const THREAD_RECORD: u8 = b'r';
const INBOX: u8 = b'b';
const INCOMING: u8 = b'a';
const PENDING: u8 = b'p';
const WAITING: u8 = b'c';
const OUTGOING: u8 = b'o';
const REJECTED: u8 = b'x';
const DIRECTORY: u8 = b's';
const KEPT: u8 = b'k';
const ERASED: u8 = b'e';

/// A key under construction.
struct Key(Vec<u8>);

impl Key {
    fn new(prefix: u8) -> Self {
        let mut bytes = Vec::with_capacity(96);
        bytes.push(prefix);
        Self(bytes)
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn number(self, number: u64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    fn name(mut self, name: &impl std::fmt::Display) -> Self {
        self.0.extend_from_slice(name.to_string().as_bytes());
        self.0.push(0);
        self
    }
}

/// The number that a key ends in.
pub(super) fn last_number(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

/// The first key that does not begin with `prefix`; a prefix never consists of 0xff only.
pub(super) fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            break;
        }
    }
    end
}

pub(super) fn hashes(page: u64) -> Vec<u8> {
    Key::new(HASHES).number(page).0
}

pub(super) fn id(principal: &Principal, kind: PayloadKind, id: &PayloadId) -> Vec<u8> {
    // The id begins with its time, so new ids come next to each other.
    Key::new(ID)
        .bytes(id.as_bytes())
        .name(&kind.payload_type())
        .name(principal)
        .0
}

pub(super) fn digest(warning: &Digest) -> Vec<u8> {
    Key::new(DIGEST).bytes(warning.as_bytes()).0
}

pub(super) fn warning(accepted: u64) -> Vec<u8> {
    Key::new(WARNING).number(accepted).0
}

pub(super) fn named(id: &PayloadId) -> Vec<u8> {
    Key::new(NAMED).bytes(id.as_bytes()).0
}

pub(super) fn named_warning(id: &PayloadId, accepted: u64) -> Vec<u8> {
    Key(named(id)).number(accepted).0
}

pub(super) fn threads(accepted: u64) -> Vec<u8> {
    Key::new(THREAD).number(accepted).0
}

pub(super) fn thread(accepted: u64, desk: &DeskAddress) -> Vec<u8> {
    Key(threads(accepted)).name(desk).0
}

/// The desk of a thread's key.
pub(super) fn desk_of_thread(key: &[u8]) -> Option<DeskAddress> {
    let name = key.get(1 + 8..)?.strip_suffix(&[0])?;
    std::str::from_utf8(name).ok()?.parse().ok()
}

pub(super) fn thread_record(accepted: u64, desk: &DeskAddress, seq: u64) -> Vec<u8> {
    Key::new(THREAD_RECORD).number(accepted).name(desk).number(seq).0
}

pub(super) fn inbox(desk: &DeskAddress, number: u64) -> Vec<u8> {
    Key::new(INBOX).name(desk).number(number).0
}

pub(super) fn incoming(agency: &AgencyId, index: u64) -> Vec<u8> {
    Key::new(INCOMING).name(agency).number(index).0
}

pub(super) fn pending(desk: &DeskAddress, number: u64) -> Vec<u8> {
    Key::new(PENDING).name(desk).number(number).0
}

pub(super) fn waiting(desk: &DeskAddress) -> Vec<u8> {
    Key::new(WAITING).name(desk).0
}

pub(super) fn outgoing(agency: &AgencyId, index: u64) -> Vec<u8> {
    Key::new(OUTGOING).name(agency).number(index).0
}

pub(super) fn rejected(principal: &Principal) -> Vec<u8> {
    Key::new(REJECTED).name(principal).0
}

pub(super) fn directory(seq: u64) -> Vec<u8> {
    Key::new(DIRECTORY).number(seq).0
}

pub(super) fn kept_of(bucket: Bucket) -> Vec<u8> {
    Key::new(KEPT).bytes(&bucket.number().to_be_bytes()).0
}

pub(super) fn kept(bucket: Bucket, index: u64, desk: &DeskAddress) -> Vec<u8> {
    Key(kept_of(bucket)).number(index).name(desk).0
}

/// Of each thread that is to tell of what lies beside a record.
pub(super) fn kept_beside(bucket: Bucket, index: u64) -> Vec<u8> {
    Key(kept_of(bucket)).number(index).0
}

/// Where all that is kept begins.
pub(super) fn all_kept() -> Vec<u8> {
    vec![KEPT]
}

/// The bucket, record and desk of a key of what is kept.
pub(super) fn of_kept(key: &[u8]) -> Option<(Bucket, u64, DeskAddress)> {
    let (bucket, rest) = key.get(1..)?.split_first_chunk::<4>()?;
    let (index, desk) = rest.split_first_chunk::<8>()?;
    let desk = std::str::from_utf8(desk.strip_suffix(&[0])?).ok()?;
    let bucket = Bucket::from_number(u32::from_be_bytes(*bucket))?;
    Some((bucket, u64::from_be_bytes(*index), desk.parse().ok()?))
}

pub(super) fn erased(index: u64) -> Vec<u8> {
    Key::new(ERASED).number(index).0
}
