//! `tests/vectors/documents.json`: what is done to the text of a sound bundle, by whoever holds it and no key: base64 and numbers
//! that can be read in two ways, members that stand twice, entries repeated, left out or in another order.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::{Value, json};

use super::forms::encoded;
use super::stage::story;

/// A case: its `changes`, one after the other, or the text that is put in another's place; whether it holds is what this
/// verifier says.
pub(super) fn cases(originator: &Value, recipient: &Value) -> Vec<Value> {
    let mut cases = twice();
    let mut case = |bundle: &str, what: &str, changes: &[(&str, Value)]| {
        let changes: Vec<Value> = changes
            .iter()
            .map(|(path, value)| json!({"path": path, "value": value}))
            .collect();
        cases.push(json!({"bundle": bundle, "what": what, "changes": changes}));
    };
    let (one, other) = ("originator.json", "recipient.json");
    let list = |bundle: &Value, path: &str| bundle.pointer(path).unwrap().as_array().unwrap().clone();
    // What belongs to a thread's last record: itself, its text, and what its signer had seen.
    for (name, bundle) in [(one, originator), (other, recipient)] {
        let mut records = list(bundle, "/threads/0/records");
        let mut seen = list(bundle, "/seen");
        records.pop();
        seen.pop();
        let cut = [
            ("/threads/0/records", json!(records)),
            ("/threads/0/texts", json!([])),
            ("/seen", json!(seen)),
        ];
        case(name, "a thread's end is cut off: shorter, and sound", &cut);
        case(
            name,
            "a thread's end is cut off, but for its text",
            &[cut[0].clone(), cut[2].clone()],
        );
        case(
            name,
            "a thread's end is cut off, but for what its signer had seen",
            &cut[..2],
        );
        case(name, "no earlier checkpoint: sound", &[("/earlier", json!([]))]);
        case(
            name,
            "nothing of what signers had seen: sound",
            &[("/seen", json!([]))],
        );
        case(name, "no body: sound", &[("/warning/body", Value::Null)]);
        case(name, "no text: sound", &[("/threads/0/texts", json!([]))]);
    }
    case(one, "no acceptance: sound", &[("/accepted", Value::Null)]);
    let with = |path: &str, change: &dyn Fn(&mut Vec<Value>)| {
        let mut all = list(originator, path);
        change(&mut all);
        Value::Array(all)
    };
    let earlier = |change: &dyn Fn(&mut Vec<Value>)| [("/earlier", with("/earlier", change))];
    case(
        one,
        "an earlier checkpoint twice",
        &earlier(&|all| all.insert(0, all[0].clone())),
    );
    case(
        one,
        "two earlier checkpoints in another order",
        &earlier(&|all| all.swap(0, 1)),
    );
    case(
        one,
        "the checkpoint itself as an earlier one: sound",
        &earlier(&|all| {
            all.push(json!({"checkpoint": originator["checkpoint"], "consistency": []}));
        }),
    );
    case(
        one,
        "an earlier checkpoint whose proof is another's",
        &earlier(&|all| {
            all[0]["consistency"] = all[1]["consistency"].clone();
        }),
    );
    case(
        one,
        "an earlier checkpoint whose proof is longer",
        &earlier(&|all| {
            let longer = &mut all[0]["consistency"].as_array_mut().unwrap();
            longer.insert(0, longer[0].clone());
        }),
    );
    let mut longer = originator["threads"][0]["records"][0]["proof"]
        .as_str()
        .unwrap()
        .to_owned();
    longer.insert_str(
        longer.find("\n\n").unwrap() + 1,
        &format!("{}\n", encoded(&[7; 32]).as_str().unwrap()),
    );
    case(
        one,
        "a proof with a hash more",
        &[("/threads/0/records/0/proof", json!(longer))],
    );
    let proof = originator["threads"][0]["records"][0]["proof"].as_str().unwrap();
    case(
        one,
        "a proof with extra data",
        &[(
            "/threads/0/records/0/proof",
            json!(proof.replacen("\nindex", "\nextra BwcH\nindex", 1)),
        )],
    );
    case(
        one,
        "a proof under an earlier checkpoint",
        &[(
            "/threads/0/records/0/proof",
            json!(format!(
                "{}\n\n{}",
                proof.split_once("\n\n").unwrap().0,
                originator["earlier"][2]["checkpoint"].as_str().unwrap()
            )),
        )],
    );
    // To the last record nothing links, and the relay has not signed it.
    let last = originator["threads"][0]["records"].as_array().unwrap().len() - 1;
    let path = format!("/threads/0/records/{last}/record");
    let bytes = decoded(originator.pointer(&path).unwrap());
    for (what, at) in [("nonce", 5), ("time", 19)] {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        case(
            one,
            &format!("another {what} of the last record than is in the tree"),
            &[(&path, encoded(&bytes))],
        );
    }
    for (what, value) in [
        (
            "base64 with bits left over",
            json!(bits_left_over(originator["seen"][0]["root"].as_str().unwrap())),
        ),
        (
            "base64 of 31 bytes",
            encoded(&decoded(&originator["seen"][0]["root"])[1..]),
        ),
        (
            "base64 of 33 bytes",
            encoded(&[&decoded(&originator["seen"][0]["root"])[..], &[0]].concat()),
        ),
        (
            "base64 without its padding",
            json!(
                originator["seen"][0]["root"]
                    .as_str()
                    .unwrap()
                    .trim_end_matches('=')
            ),
        ),
        (
            "base64 with a line feed at its end",
            json!(format!("{}\n", originator["seen"][0]["root"].as_str().unwrap())),
        ),
        ("a number", json!(1)),
    ] {
        case(one, &format!("a root that is {what}"), &[("/seen/0/root", value)]);
    }
    for (path, what) in [
        ("/timestamps", "{}"),
        ("/threads/0/texts", "{}"),
        ("/earlier", "\"\""),
        ("/seen", "{}"),
    ] {
        let value: Value = serde_json::from_str(what).unwrap();
        case(one, &format!("{what} for the list {path:?}"), &[(path, value)]);
    }
    case(
        one,
        "another format",
        &[("/format", json!("wardline-evidence/v2"))],
    );
    case(
        one,
        "another origin",
        &[("/origin", json!("other.example.invalid"))],
    );
    case(
        one,
        "the same signature twice",
        &[(
            "/warning/envelope/signatures",
            with("/warning/envelope/signatures", &|all| all.push(all[0].clone())),
        )],
    );
    case(
        one,
        "no signature",
        &[("/warning/envelope/signatures", json!([]))],
    );
    case(
        one,
        "another desk's name",
        &[("/threads/0/desk", json!("us.ctc"))],
    );
    case(
        one,
        "a text twice",
        &[(
            "/threads/0/texts",
            with("/threads/0/texts", &|all| all.push(all[0].clone())),
        )],
    );
    timestamps(&mut case, originator);
    cases
}

/// Tokens over the checkpoint and an earlier one, in the order of their sizes and in the other.
fn timestamps(mut case: impl FnMut(&str, &str, &[(&str, Value)]), originator: &Value) {
    let story = story();
    let token = |note: &str| {
        let opened = story.world.verifier().open(note).unwrap();
        let (token, _) = crate::audit::timestamp::tests::token_over(&opened.checkpoint().to_text());
        json!({"size": opened.size(), "token": encoded(&token)})
    };
    let early = token(originator["earlier"][0]["checkpoint"].as_str().unwrap());
    let late = token(originator["checkpoint"].as_str().unwrap());
    let one = "originator.json";
    case(
        one,
        "two timestamps: sound",
        &[("/timestamps", json!([early, late]))],
    );
    case(
        one,
        "two timestamps that do not ascend",
        &[("/timestamps", json!([late, early]))],
    );
}

/// A member that stands twice, once as it is: some readers take the first, others the last.
fn twice() -> Vec<Value> {
    let members = [
        (
            "\"format\": \"wardline-evidence/v1\"",
            "\"format\": \"wardline-evidence/v2\"",
        ),
        ("\"size\": 14", "\"size\": 14"),
        ("\"desk\": \"ru.ctc\"", "\"desk\": \"us.ctc\""),
        ("\"timestamps\": []", "\"timestamps\": []"),
    ];
    let mut cases = Vec::new();
    for (member, other) in members {
        for (order, text) in [
            ("first", format!("{member}, {other}")),
            ("last", format!("{other}, {member}")),
        ] {
            let what = format!(
                "{} twice, the {order} as it is",
                member.split_once(':').unwrap().0
            );
            cases.push(json!({"bundle": "originator.json", "what": what, "replace": [member, text]}));
        }
    }
    cases
}

fn decoded(text: &Value) -> Vec<u8> {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    BASE64_STANDARD.decode(text.as_str().unwrap()).unwrap()
}

/// The same bytes in another text: of 32 bytes the last character before the padding has two bits that say nothing.
fn bits_left_over(text: &str) -> String {
    let (rest, last) = text.trim_end_matches('=').split_at(42);
    let next = char::from(last.as_bytes()[0] + 1);
    format!("{rest}{next}=")
}
