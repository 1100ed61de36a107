//! The trace that `tools/write-recorder` writes, and the program's own markers in it.

use std::fs::File;
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;

/// What the program under test promised, or tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    /// The journal is about to be opened.
    Opening,
    /// The journal was opened and showed this many blocks.
    Found(u64),
    /// Block number n (from 1) is about to be appended.
    Attempt(u64),
    /// That block was acknowledged.
    Acknowledged(u64),
    /// The body of the record at this index is about to be erased.
    Erase(u64),
    /// That erasure was acknowledged.
    Erased(u64),
}

/// One event. Paths are relative to the recorded directory; data is a range of the trace.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Create(String),
    Write(String, u64, Range<usize>),
    Truncate(String, u64),
    Rename(String, String),
    Unlink(String),
    MakeDirectory(String),
    RemoveDirectory(String),
    SyncBegin(String, u64),
    SyncEnd(u64),
    /// Promises nothing, so it changes nothing.
    SyncFileRange,
    Marker(Marker),
}

const MARKER: u8 = 100;

/// A trace, read whole.
pub(super) struct Trace {
    pub(super) bytes: Vec<u8>,
    pub(super) events: Vec<Event>,
}

impl Trace {
    /// Reads the trace of what happened below `directory`.
    pub(super) fn read(path: &Path, directory: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let mut events = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let length = |n: usize| -> usize {
                let start = at + 9 + 4 * n;
                u32::from_le_bytes(bytes[start..start + 4].try_into().unwrap()) as usize
            };
            let number = u64::from_le_bytes(bytes[at + 1..at + 9].try_into().unwrap());
            let first = at + 21..at + 21 + length(0);
            let second = first.end..first.end + length(1);
            let data = second.end..second.end + length(2);
            let text = |range: &Range<usize>| str::from_utf8(&bytes[range.clone()]).unwrap();
            let relative = |range: &Range<usize>| {
                let path = Path::new(text(range))
                    .strip_prefix(directory)
                    .expect("below the directory");
                path.to_str().unwrap().to_owned()
            };
            events.push(match bytes[at] {
                1 => Event::Create(relative(&first)),
                2 => Event::Write(relative(&first), number, data.clone()),
                3 => Event::Truncate(relative(&first), number),
                4 => Event::Rename(relative(&first), relative(&second)),
                5 => Event::Unlink(relative(&first)),
                6 => Event::MakeDirectory(relative(&first)),
                7 => Event::RemoveDirectory(relative(&first)),
                8 => Event::SyncBegin(relative(&first), number),
                9 => Event::SyncEnd(number),
                10 => Event::SyncFileRange,
                11 => panic!(
                    "the trace cannot express {} of {}",
                    text(&second),
                    relative(&first)
                ),
                MARKER => Event::Marker(match text(&first) {
                    "opening" => Marker::Opening,
                    "found" => Marker::Found(number),
                    "attempt" => Marker::Attempt(number),
                    "acknowledged" => Marker::Acknowledged(number),
                    "erase" => Marker::Erase(number),
                    "erased" => Marker::Erased(number),
                    other => panic!("unknown marker {other}"),
                }),
                other => panic!("unknown event {other} at {at}"),
            });
            at = data.end;
        }
        Self { bytes, events }
    }
}

/// Appends a marker to the trace: one write, so that it stands between the events around it.
pub(super) fn mark(mut trace: &File, marker: Marker) {
    let (name, number) = match marker {
        Marker::Opening => ("opening", 0),
        Marker::Found(n) => ("found", n),
        Marker::Attempt(n) => ("attempt", n),
        Marker::Acknowledged(n) => ("acknowledged", n),
        Marker::Erase(n) => ("erase", n),
        Marker::Erased(n) => ("erased", n),
    };
    let mut event = vec![MARKER];
    event.extend(number.to_le_bytes());
    for length in [u32::try_from(name.len()).unwrap(), 0, 0] {
        event.extend(length.to_le_bytes());
    }
    event.extend(name.bytes());
    assert_eq!(trace.write(&event).unwrap(), event.len());
}
