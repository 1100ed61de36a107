//! Policies that are none, each refused at its line, and quorums counted by a second, slow count.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::limits::{POLICY_BYTES_MAX, POLICY_ENTRIES_MAX};
use crate::seal::SecretKey;

/// The verifier key of a witness of this number, which may be under another name.
fn key(n: u8, name: &str) -> String {
    WitnessKey::new(name.parse().unwrap(), SecretKey::from_seed(&[n; 32]))
        .verifier()
        .vkey()
}

fn log(n: u8, name: &str) -> String {
    LogKey::new(name.parse().unwrap(), SecretKey::from_seed(&[n; 32]))
        .verifier()
        .vkey()
}

/// A file, the line that is wrong, and what is wrong with it.
type Row<'a> = (String, usize, &'a dyn Fn(&PolicyFault) -> bool);

/// Files that are no policy, with the line and what is wrong with it; a table.
#[test]
fn a_wrong_policy_is_refused_at_its_line() {
    use PolicyFault as F;
    let w = |n: u8| format!("witness w{n} {}\n", key(n, "w.invalid"));
    let three = format!("{}{}{}", w(1), w(2), w(3));
    let many = |head: &str| -> String {
        (0..=POLICY_ENTRIES_MAX)
            .map(|n| head.replace('%', &n.to_string()))
            .collect()
    };
    let logs: String = (0..=POLICY_ENTRIES_MAX)
        .map(|n| format!("log {}\n", log(u8::try_from(n).unwrap(), "l.invalid")))
        .collect();
    let log_line = format!("log {}\n", log(1, "l.invalid"));
    let form = |what: &F| matches!(what, F::Form(_));
    let unknown = |what: &F| matches!(what, F::UnknownName(_));
    let taken = |what: &F| matches!(what, F::NameTaken(_));
    let twice = |what: &F| matches!(what, F::MemberTwice(_));
    let threshold = |what: &F| *what == F::Threshold;
    let quorum = |what: &F| *what == F::Quorum;
    let octet = |what: &F| *what == F::Octet;
    let keyword = |what: &F| *what == F::Keyword;
    let duplicate = |what: &F| *what == F::DuplicateKey;
    let too_many = |what: &F| *what == F::TooMany;
    let table: Vec<Row> = vec![
        (String::new(), 1, &quorum),
        (three.clone(), 4, &quorum),
        ("quorum none\nquorum none\n".into(), 2, &quorum),
        ("quorum none".into(), 1, &|what| *what == F::CutOff),
        (format!("{}quorum w", w(1)), 2, &|what| *what == F::CutOff),
        ("quorum\n".into(), 1, &form),
        ("quorum none none\n".into(), 1, &form),
        ("quorum w1\n".into(), 1, &unknown),
        (format!("quorum w1\n{}", w(1)), 1, &unknown),
        ("Quorum none\n".into(), 1, &keyword),
        ("\u{feff}quorum none\n".into(), 1, &keyword),
        ("quorum none\r\n".into(), 1, &octet),
        ("quorum\u{b}none\n".into(), 1, &octet),
        ("# \u{7f}\nquorum none\n".into(), 1, &octet),
        ("quorum none\n\0".into(), 2, &|what| *what == F::CutOff),
        ("quorum\u{a0}none\n".into(), 1, &keyword),
        ("log\nquorum none\n".into(), 1, &form),
        (format!("log {} url url\n", log(1, "l")), 1, &form),
        (format!("log {}\n", key(1, "l")), 1, &|what| {
            matches!(what, F::LogKey(_))
        }),
        (format!("{log_line}{log_line}"), 2, &duplicate),
        (
            format!("{log_line}log {}\n", log(1, "other.invalid")),
            2,
            &duplicate,
        ),
        (logs, POLICY_ENTRIES_MAX + 1, &too_many),
        ("witness w1\n".into(), 1, &form),
        (format!("witness w1 {}\n", log(1, "w")), 1, &|what| {
            matches!(what, F::WitnessKey(_))
        }),
        (format!("{}{}", w(1), w(1)), 2, &duplicate),
        (
            format!("{}witness x {}\n", w(1), key(1, "other.invalid")),
            2,
            &duplicate,
        ),
        (format!("{}witness w1 {}\n", w(1), key(2, "w.invalid")), 2, &taken),
        (format!("witness none {}\n", key(1, "w.invalid")), 1, &taken),
        (format!("{three}group g\n"), 4, &form),
        (format!("{three}group g all\n"), 4, &form),
        (format!("{three}group w1 all w2\n"), 4, &taken),
        (format!("{three}group none all w2\n"), 4, &taken),
        (format!("{three}group g all g\n"), 4, &unknown),
        (format!("{three}group g all none\n"), 4, &unknown),
        (format!("{three}group g all W1\n"), 4, &unknown),
        (format!("{three}group g 0 w1 w2\n"), 4, &threshold),
        (format!("{three}group g 3 w1 w2\n"), 4, &threshold),
        (format!("{three}group g 01 w1 w2\n"), 4, &threshold),
        (format!("{three}group g -1 w1 w2\n"), 4, &threshold),
        (format!("{three}group g 99999999999999999999 w1\n"), 4, &threshold),
        (format!("{three}group g most w1 w2\n"), 4, &threshold),
        (format!("{three}group g all w1 w1\n"), 4, &twice),
        (
            format!("{three}group g all w1 w2\ngroup h all w2 w3\n"),
            5,
            &twice,
        ),
        (format!("{}{}", w(1), many("group g% all w1\n")), 3, &twice),
        (" ".repeat(POLICY_BYTES_MAX + 1), 1, &|what| *what == F::TooLong),
    ];
    for (row, (file, line, what)) in table.iter().enumerate() {
        let refused = Policy::parse(file.as_bytes()).unwrap_err();
        assert!(
            refused.line == *line && what(&refused.what),
            "row {row}: {refused}"
        );
    }
}

/// What the specification allows is read: spaces and tabs anywhere, comments, names of any octets, members that are
/// groups, and 64 entries of each kind.
#[test]
fn what_the_specification_allows_is_read() {
    let mut file = b"\n \t \n\t# \xff comment\n".to_vec();
    let mut names = Vec::new();
    for n in 0..u8::try_from(POLICY_ENTRIES_MAX).unwrap() {
        let name = [&b"\xffname"[..], n.to_string().as_bytes()].concat();
        file.extend(format!("log {} https://größe.invalid/\n", log(n, "l.invalid")).bytes());
        file.extend(
            [
                b"  witness\t ",
                &*name,
                b" ",
                key(n, "w.invalid").as_bytes(),
                b" \xffurl \t\n",
            ]
            .concat(),
        );
        file.extend([b"group g", n.to_string().as_bytes(), b" all ", &*name, b"\n"].concat());
        names.push(name);
    }
    file.extend(b"quorum g63\n# after it\n");
    let policy = Policy::parse(&file).unwrap();
    assert_eq!((policy.logs().len(), policy.witnesses().len()), (64, 64));
    assert_eq!(policy.witnesses()[0].name(), "\u{fffd}name0");
    assert_eq!(policy.witnesses()[0].url(), None);
    let key = policy.witnesses()[63].verifier().public_key().keyid();
    assert!(policy.is_met(&BTreeSet::from([key])));
    assert_eq!(Policy::parse(&policy.to_bytes()), Ok(policy));
}

/// The example of the specification, two levels of groups: which of six witnesses together are enough, for all 64 sets.
#[test]
fn the_quorum_of_the_specification() {
    let mut file = String::new();
    for (n, name) in (0..).zip(["X1", "X2", "X3", "Y1", "Y2", "Y3"]) {
        file.push_str(&format!("witness {name} {}\n", key(n, "w.invalid")));
    }
    file.push_str("group X-witnesses 2 X1 X2 X3\ngroup Y-witnesses any Y1 Y2 Y3\n");
    file.push_str("group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n");
    let policy = Policy::parse(file.as_bytes()).unwrap();
    assert_eq!(policy.quorum_size_min(), 3);
    for set in 0..64u32 {
        let keys: BTreeSet<_> = (0..6)
            .filter(|n| set & (1 << n) != 0)
            .map(|n| policy.witnesses()[n].verifier().public_key().keyid())
            .collect();
        let enough = (set & 0b111).count_ones() >= 2 && set & 0b111_000 != 0;
        assert_eq!(policy.is_met(&keys), enough, "{set:06b}");
    }
}

proptest! {
    /// No file makes the parser panic, random ones of the format's words neither; what is read is written and read back.
    #[test]
    fn the_parser_never_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        words in prop::collection::vec(
            prop::sample::select(vec!["log", "witness", "group", "quorum", "none", "all", "any", "1", "2", "a", "b", "KEY", "\n", "\n", "#"]),
            0..40,
        ),
    ) {
        let text = words.join(" ").replace("KEY", &key(1, "w.invalid"));
        for file in [bytes, [text.as_bytes(), b"\n"].concat(), [text.as_bytes(), b"\nquorum none\n"].concat()] {
            if let Ok(policy) = Policy::parse(&file) {
                prop_assert_eq!(Policy::parse(&policy.to_bytes()), Ok(policy));
            }
        }
    }

    /// Groups of random thresholds over random witnesses, one above them: the quorum is met just when a plain count of
    /// distinct keys says so, and the smallest quorum that the policy names is one.
    #[test]
    fn quorums_are_counted_by_distinct_keys(
        sizes in prop::collection::vec((1usize..5, 1usize..5), 1..4),
        top in 1usize..4,
        set in any::<u16>(),
    ) {
        let (mut file, mut n) = (String::new(), 0u8);
        let mut groups = Vec::new();
        for (g, (size, threshold)) in sizes.iter().enumerate() {
            let threshold = *threshold.min(size);
            let members: Vec<u8> = (n..n + u8::try_from(*size).unwrap()).collect();
            n += u8::try_from(*size).unwrap();
            for m in &members {
                file.push_str(&format!("witness w{m} {}\n", key(*m, "w.invalid")));
            }
            let names: Vec<_> = members.iter().map(|m| format!("w{m}")).collect();
            file.push_str(&format!("group g{g} {threshold} {}\n", names.join(" ")));
            groups.push((members, threshold));
        }
        let top = top.min(groups.len());
        let names: Vec<_> = (0..groups.len()).map(|g| format!("g{g}")).collect();
        file.push_str(&format!("group top {top} {}\nquorum top\n", names.join(" ")));
        let policy = Policy::parse(file.as_bytes()).unwrap();
        let signed = |m: &u8| set & (1 << m) != 0;
        let keys: BTreeSet<_> = (0..n)
            .filter(signed)
            .map(|m| SecretKey::from_seed(&[m; 32]).public_key().keyid())
            .collect();
        let met = groups.iter().filter(|(members, t)| members.iter().filter(|m| signed(m)).count() >= *t).count();
        prop_assert_eq!(policy.is_met(&keys), met >= top);
        if met >= top {
            prop_assert!(keys.len() >= policy.quorum_size_min());
        }
    }
}
