//! `tests/vectors/primitives.json`, its last cases: policies that are read and that are not, notes that the log has not signed,
//! and the roots that a verifier trusts.

use serde_json::{Value, json};
use wardline::audit::TrustedRoots;
use wardline::seal::SecretKey;
use wardline::transparency::{LogKey, Policy};

use super::primitives::{Log, ORIGIN, log_key, seconds, witness};

/// Policies that are none, and notes that the log has not signed.
pub(super) fn policies(cases: &mut Vec<Value>) {
    let log = Log::of(5);
    let key = log_key();
    let checkpoint = log.checkpoint(5);
    let signed = key.sign_checkpoint(5, checkpoint.root);
    let (vkey, w) = (key.verifier().vkey(), |n: u8| witness(n).verifier().vkey());
    let cosigned = format!("{signed}{}", witness(1).cosign(&checkpoint, seconds(10)));
    let text = checkpoint.to_text();
    let stranger = LogKey::new(ORIGIN.parse().unwrap(), SecretKey::from_seed(&[9; 32]));
    let lines = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let (of_log, none) = (format!("log {vkey}"), "quorum none".to_owned());
    let good = lines(&[of_log.clone(), none.clone()]);
    let one = |more: &[&str]| {
        let mut all = vec![
            of_log.clone(),
            format!("witness w1 {}", w(1)),
            format!("witness w2 {}", w(2)),
        ];
        all.extend(more.iter().map(|line| (*line).to_owned()));
        lines(&all)
    };
    let wrong_hash = {
        let mut parts: Vec<&str> = vkey.splitn(3, '+').collect();
        parts[1] = "00000000";
        format!("log {}", parts.join("+"))
    };
    let rows: Vec<(&str, String, String)> = vec![
        (
            "a note that only a witness signed",
            one(&["quorum w1"]),
            format!("{text}\n{}", witness(1).cosign(&checkpoint, seconds(10))),
        ),
        (
            "a note that a stranger signed in the log's name",
            good.clone(),
            stranger.sign_checkpoint(5, checkpoint.root),
        ),
        (
            "a note that a stranger signed too",
            good.clone(),
            format!(
                "{signed}{}",
                stranger
                    .sign_checkpoint(5, checkpoint.root)
                    .lines()
                    .last()
                    .unwrap()
                    .to_owned()
                    + "\n"
            ),
        ),
        ("a note without signatures", good.clone(), format!("{text}\n")),
        (
            "a note with an extension line",
            good.clone(),
            signed.replacen("\n\n", "\nmore\n\n", 1),
        ),
        (
            "a note whose size begins with 0",
            good.clone(),
            signed.replacen("\n5\n", "\n05\n", 1),
        ),
        (
            "a policy of groups: one of w1 and w2",
            one(&["group any any w1 w2", "quorum any"]),
            cosigned.clone(),
        ),
        (
            "a policy of groups: both of w1 and w2",
            one(&["group both all w1 w2", "quorum both"]),
            cosigned.clone(),
        ),
        (
            "a policy of a group of a group",
            one(&["group one 1 w1", "group two 1 one w2", "quorum two"]),
            cosigned.clone(),
        ),
        (
            "a policy with comments",
            format!("# ours\n\n{good}"),
            signed.clone(),
        ),
        ("a policy without a quorum", one(&[]), cosigned.clone()),
        (
            "a policy without a quorum, for a note that no witness signed",
            lines(std::slice::from_ref(&of_log)),
            signed.clone(),
        ),
        (
            "a policy with two quorums",
            one(&["quorum w1", "quorum w2"]),
            cosigned.clone(),
        ),
        (
            "a policy with a quorum of two words",
            one(&["quorum w1 w2"]),
            cosigned.clone(),
        ),
        (
            "a policy with a quorum of nobody it names",
            one(&["quorum w3"]),
            cosigned.clone(),
        ),
        (
            "a policy with a line of another word",
            one(&["quorum w1", "note w1"]),
            cosigned.clone(),
        ),
        (
            "a policy whose quorum is called otherwise",
            one(&["group all all w1 w2", "quorums w1"]),
            cosigned.clone(),
        ),
        (
            "a policy with a witness's name twice",
            one(&[&format!("witness w1 {}", w(3)), "quorum w1"]),
            cosigned.clone(),
        ),
        (
            "a policy with a witness's key twice",
            one(&[&format!("witness w3 {}", w(1)), "quorum w1"]),
            cosigned.clone(),
        ),
        (
            "a policy with a group of a witness's name",
            one(&["group w1 any w2", "quorum w1"]),
            cosigned.clone(),
        ),
        (
            "a policy with a group's name twice",
            one(&["group g any w1", "group g any w2", "quorum g"]),
            cosigned.clone(),
        ),
        (
            "a policy with a group of none",
            one(&["group g 0 w1 w2", "quorum g"]),
            cosigned.clone(),
        ),
        (
            "a policy with a group of more than it has",
            one(&["group g 3 w1 w2", "quorum g"]),
            cosigned.clone(),
        ),
        (
            "a policy with a group of one member twice",
            one(&["group g 2 w1 w1", "quorum g"]),
            cosigned.clone(),
        ),
        (
            "a policy with a group of nobody it names",
            one(&["group g 1 w3", "quorum g"]),
            cosigned.clone(),
        ),
        (
            "a policy whose log's key has another hash",
            lines(&[wrong_hash, none.clone()]),
            signed.clone(),
        ),
        (
            "a policy whose log's key is a witness's",
            lines(&[format!("log {}", w(1)), none.clone()]),
            signed.clone(),
        ),
        (
            "a policy whose witness's key is another log's",
            lines(&[
                of_log.clone(),
                format!("witness w1 {}", stranger.verifier().vkey()),
                none.clone(),
            ]),
            signed.clone(),
        ),
        (
            "a policy whose witness's key is a log's",
            lines(&[of_log, format!("witness w1 {vkey}"), none]),
            signed,
        ),
    ];
    for (what, policy, note) in rows {
        let opened = Policy::parse(policy.as_bytes())
            .ok()
            .and_then(|policy| policy.open(&note).ok());
        let expect = opened.map(|opened| {
            json!({
                "size": opened.checkpoint().size, "root": opened.checkpoint().root.to_string(),
                "quorum_time": opened.quorum_time().map(|time| time.unix_ms() / 1000),
            })
        });
        cases.push(
            json!({"kind": "checkpoint", "what": what, "policy": policy, "note": note, "expect": expect}),
        );
    }
}

/// The file `roots` of a verifier's policy: its roots in its order, each state with its key; `null`: it is none.
pub(super) fn roots(cases: &mut Vec<Value>) {
    let (ru, un) = (
        SecretKey::from_seed(&[21; 32]).public_key(),
        SecretKey::from_seed(&[22; 32]).public_key(),
    );
    let (ru, un) = (
        format!("ru {}", hex::encode(ru.as_bytes())),
        format!("int.un {}", hex::encode(un.as_bytes())),
    );
    for (what, file, expect) in [
        (
            "roots of a state and of a body",
            format!("# ours\n\nroot {ru}\nroot  {un}\n"),
            Some(vec![ru.clone(), un.clone()]),
        ),
        (
            "a line of another word",
            format!("root {ru}\noperator {un}\n"),
            None,
        ),
        ("a line of one word more", format!("root {ru} {un}\n"), None),
        ("a line without its key", "root ru\n".to_owned(), None),
        ("a key that is not hex", "root ru zz\n".to_owned(), None),
        (
            "what is no state",
            format!("root {}\n", ru.replacen("ru ", "ru.ctc ", 1)),
            None,
        ),
    ] {
        let read = TrustedRoots::parse(file.as_bytes());
        assert_eq!(read.is_ok(), expect.is_some(), "{what}");
        cases.push(json!({"kind": "roots", "what": what, "file": file, "expect": expect}));
    }
}
