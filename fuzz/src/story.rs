//! The story of `tests/vectors`: who signs in it, with which keys, and what its verifier trusts.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use wardline::audit::{Basis, Bundle, Findings, PageContext, Trusted, TrustedRoots, check, page};
use wardline::domain::{KeyId, KeyRole};
use wardline::seal::{SecretKey, h};
use wardline::transparency::{LogKey, Policy, WitnessKey};

/// The log's name.
pub const ORIGIN: &str = "relay.example.invalid/2024";
const POLICY: &[u8] = include_bytes!("../../tests/vectors/policy/log.policy");
const ROOTS: &[u8] = include_bytes!("../../tests/vectors/policy/roots");
const ORIGINATOR: &[u8] = include_bytes!("../../tests/vectors/originator.json");
const RECIPIENT: &[u8] = include_bytes!("../../tests/vectors/recipient.json");

/// What the vectors' verifier trusts.
pub static TRUSTED: LazyLock<Trusted> = LazyLock::new(|| {
    let policy = Policy::parse(POLICY).expect("the vectors' policy");
    Trusted::new(
        policy,
        Some(TrustedRoots::parse(ROOTS).expect("the vectors' roots")),
    )
});

/// The sound bundles: the originator's and the recipient's.
pub static BUNDLES: LazyLock<[Bundle; 2]> =
    LazyLock::new(|| [ORIGINATOR, RECIPIENT].map(|bytes| Bundle::parse(bytes).expect("a vector")));

/// The log's key.
pub static LOG: LazyLock<LogKey> = LazyLock::new(|| {
    LogKey::new(
        ORIGIN.parse().expect("an origin"),
        secret("log", KeyRole::Root, 0),
    )
});

/// The two witnesses.
pub static WITNESSES: LazyLock<[WitnessKey; 2]> = LazyLock::new(|| {
    ["north.example", "south.example"]
        .map(|name| WitnessKey::new(name.parse().expect("a name"), secret(name, KeyRole::Root, 9)))
});

/// Every key that signs in the story, by its id.
pub static KEYS: LazyLock<BTreeMap<KeyId, SecretKey>> = LazyLock::new(|| {
    let states = ["fr", "ru", "us", "ch"].map(|state| format!("root:{state}"));
    let others = ["fr.ctc", "ru.ctc", "us.ctc", "ch.audit", "operator:main"].map(str::to_owned);
    let principals = states.into_iter().chain(others);
    let keys = principals.flat_map(|it| {
        KeyRole::ALL
            .iter()
            .map(move |role| secret(&it, *role, 0))
            .collect::<Vec<_>>()
    });
    keys.map(|key| (key.public_key().keyid(), key)).collect()
});

/// As the story derives its keys.
fn secret(principal: &str, role: KeyRole, generation: u8) -> SecretKey {
    SecretKey::from_seed(&h(
        "test-key",
        &[principal.as_bytes(), &[role.number(), generation]],
    ))
}

/// Checks a bundle, and makes of what was found all that is made of it.
pub fn check_and_tell(bundle: &Bundle) -> Option<Findings> {
    let findings = check(bundle, &TRUSTED).ok()?;
    let _ = (findings.to_json(), findings.sentences());
    let context = PageContext {
        bundle_sha256: "0".repeat(64),
        bundle_name: "a <bundle>.json".to_owned(),
        basis: Basis::Policy,
    };
    let page = page(bundle, &findings, &context);
    // What others have written comes in as text only.
    assert!(!page.contains("<script") && !page.contains("<a "), "{page}");
    Some(findings)
}
