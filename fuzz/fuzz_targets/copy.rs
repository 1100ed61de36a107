//! Whatever bytes are handed over as a copy of a log, its reader answers with records or an error, and ends; what it reads is
//! written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prost::Message as _;
use wardline::audit::copy::Copy;
use wardline::wire::v1;

fuzz_target!(|data: &[u8]| {
    let Ok(copy) = Copy::read_from(data) else { return };
    let note = copy.note().to_owned();
    let shown: Vec<_> = copy.map_while(Result::ok).collect();
    let mut again = Vec::new();
    let mut chunk = |bytes: &[u8]| {
        again.extend_from_slice(&u32::try_from(bytes.len()).expect("a bounded chunk").to_be_bytes());
        again.extend_from_slice(bytes);
    };
    chunk(note.as_bytes());
    for it in &shown {
        chunk(&v1::ReplayedRecord::from(it).encode_to_vec());
    }
    let again = [wardline::audit::copy::MAGIC, &again].concat();
    let read = Copy::read_from(again.as_slice()).expect("what is written is read");
    assert_eq!(read.note(), note);
    let read: Result<Vec<_>, _> = read.collect();
    assert!(read.is_ok_and(|read| read == shown));
    let leaves = Copy::read_from(data).expect("it was read once").leaves();
    assert!(leaves.take_while(Result::is_ok).count() <= shown.len());
});
