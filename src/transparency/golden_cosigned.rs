//! Golden bytes of cosignatures, policies and tiles, computed outside of this crate (Python's hashlib and
//! `cryptography`) by the definitions of C2SP.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use sha2::{Digest as _, Sha256};

use super::model::Log;
use super::*;
use crate::domain::Hash;
use crate::seal::SecretKey;
use crate::time::Timestamp;

const LOG_VKEY: &str = "relay.test.invalid/2026+bbcf5a43+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
const NOTE_5: &str = "relay.test.invalid/2026\n5\nq1uiQNXF9m1XxD/D6UjYe+ylGdTaiwKLbFgv2nu/mbQ=\n\n\
    \u{2014} relay.test.invalid/2026 u89aQ5z4iqUesD4E2zgpy/701rZKlOM8PYkWvKV5rElrrYuVlM3DP6wPJ2l9tKYKPFCAFhiokP9t0FF50gZ/njAvwQQ=\n";

/// First byte of the seed (the others count on), name, second, verifier key, key id and line over the note of size 5.
const WITNESSES: [(u8, &str, i64, &str, &str, &str); 2] = [
    (
        32,
        "witness.test.invalid/w1",
        1_679_315_147,
        "witness.test.invalid/w1+06fd7995+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X",
        "24f6ed6acbfe1009c030d7ca567c33ca4830911498236b5561a6c82abec5de28",
        "\u{2014} witness.test.invalid/w1 Bv15lQAAAABkGFDLxJFrDE00+baeTH04a8mEwFH73k2JF0ysTzxbBOHXFjHWFWQT4kSjdqTmCQ7CEVjgESTd05qmgHBFpoEgwz0qAQ==\n",
    ),
    (
        64,
        "zeuge.test.invalid/größe",
        1_679_315_207,
        "zeuge.test.invalid/größe+2880232f+BCVDuS/xCVURR2rcg2nbbdyTNmWhGXjdoUBO4QZsqVWd",
        "03396219237f75a64f12aeb7f39723abf400b160c364980a765dac24aeba2464",
        "\u{2014} zeuge.test.invalid/größe KIAjLwAAAABkGFEHMHvDLSAeTNJAAJD/FWXtznVvt71Mx6uqcvD3XbKKVg9r16ufS8wbEcjPGmZXTgVozzk6zo5sb6JCH71+O/AeAw==\n",
    ),
];

/// The example of C2SP tlog-cosignature; its keys are not published, so that it is everybody's unknown note.
const SPECIFICATION: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
    \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
    \u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

fn policy() -> Policy {
    let [w1, w2] = WITNESSES.map(|witness| witness.3);
    let file = format!(
        "# comment: größe\n\n log\t{LOG_VKEY}\nwitness first {w1} https://w.invalid/w1\n\
         witness größe {w2}\ngroup both all first größe\nquorum both\n"
    );
    Policy::parse(file.as_bytes()).unwrap()
}

/// A witness's key, verifier key and cosignature are to the byte what another implementation computes.
#[test]
fn cosignatures() {
    let checkpoint = policy().open(NOTE_5).unwrap().checkpoint().clone();
    for (first, name, seconds, vkey, keyid, line) in WITNESSES {
        let seed = std::array::from_fn(|i| first + i as u8);
        let key = WitnessKey::new(name.parse().unwrap(), SecretKey::from_seed(&seed));
        assert_eq!(key.verifier().vkey(), vkey);
        assert_eq!(&vkey.parse::<WitnessVerifier>().unwrap(), key.verifier());
        assert_eq!(key.verifier().public_key().keyid().to_string(), keyid);
        let time = Timestamp::from_unix_ms(seconds * 1000 + 999);
        assert_eq!(key.cosign(&checkpoint, time), line);
    }
}

/// A note that another implementation cosigned opens under a policy, which is written in one form.
#[test]
fn a_cosigned_note() {
    let opened = policy()
        .open(&format!("{NOTE_5}{}{}", WITNESSES[0].5, WITNESSES[1].5))
        .unwrap();
    let seconds: Vec<_> = opened.cosignatures().iter().map(|c| c.time.unix_ms()).collect();
    assert_eq!(seconds, [1_679_315_147_000, 1_679_315_207_000]);
    assert_eq!(
        opened.quorum_time(),
        Some(Timestamp::from_unix_ms(1_679_315_207_000))
    );
    let [w1, w2] = WITNESSES.map(|witness| witness.3);
    let file = format!(
        "log {LOG_VKEY}\nwitness first {w1} https://w.invalid/w1\nwitness größe {w2}\n\
         group both 2 first größe\nquorum both\n"
    );
    assert_eq!(String::from_utf8(policy().to_bytes()).unwrap(), file);
}

/// The specification's example is well-formed: it is refused for its log alone, and its witness's line is read and
/// passed over.
#[test]
fn the_note_of_the_specification() {
    assert_eq!(policy().open(SPECIFICATION), Err(InvalidNote::WrongOrigin));
    let (_, lines) = SPECIFICATION.split_once("\n\n").unwrap();
    let opened = policy().open(NOTE_5).unwrap();
    assert_eq!(opened.merged(lines), Ok(opened));
}

/// Tiles of a log of 70,000 records "record 0" …, full, partial and on three levels.
#[test]
fn tiles() {
    let log = Log::with(70_000, |i| leaf_hash(format!("record {i}").as_bytes()));
    assert_eq!(
        log.root(70_000).to_string(),
        "db95a5c3802aae796452d22b34d53e749c9bc06fbe9ad229954d80d8eaa3ee16"
    );
    for (path, digest) in [
        (
            "tile/0/000",
            "66a1d43136a854a5776d5bce14bf101c925fc7d4b32f1be23b658f636ebfcddb",
        ),
        (
            "tile/0/001.p/44",
            "699f078d937f13343d71ad39321757de3ecf391e8d7a1b2015ad38bd36f5d60a",
        ),
        (
            "tile/0/273.p/112",
            "d7b596fc8bc1b8a73cd40f8e68217aed9222f27740b23ddd836d9057655543a5",
        ),
        (
            "tile/1/000",
            "81b1e4e2904f7c400d4242d3f4e332299c04be267bab7785ffe9fb8d40b60a53",
        ),
        (
            "tile/1/001.p/17",
            "6a6ff5bd52eca63040bcc7d0bbebefa472178c1fc2bafb9230e07ae057ec9d8b",
        ),
    ] {
        let tile: TilePath = path.parse().unwrap();
        let bytes = read_tile(&tile, 70_000, &log).unwrap();
        assert_eq!(bytes.len(), usize::from(tile.width()) * 32);
        assert_eq!(hex::encode(Sha256::digest(&bytes)), digest, "{path}");
    }
    let top = read_tile(&"tile/2/000.p/1".parse().unwrap(), 70_000, &log).unwrap();
    assert_eq!(Hash(top.try_into().unwrap()), log.root(65_536));
}
