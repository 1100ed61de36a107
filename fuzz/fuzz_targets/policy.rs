//! Whatever a policy or a file of roots holds, its parser answers; what it reads, it writes and reads again as the same, and the
//! fewest witnesses that it names as enough are as few as are.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use wardline::audit::TrustedRoots;
use wardline::domain::Origin;
use wardline::relay::WitnessPolicy;
use wardline::transparency::Policy;

fuzz_target!(|data: &[u8]| {
    if let Ok(policy) = Policy::parse(data) {
        let again = Policy::parse(&policy.to_bytes()).expect("what is written is read");
        assert_eq!(again.to_bytes(), policy.to_bytes());
        assert_eq!(again, policy);
        let keys: Vec<_> = policy
            .witnesses()
            .iter()
            .map(|it| it.verifier().public_key().keyid())
            .collect();
        let least = policy.quorum_size_min();
        let is_met = |count: usize| policy.is_met(&keys.iter().take(count).copied().collect());
        assert!(least <= keys.len(), "no witnesses are enough");
        assert!(is_met(keys.len()));
        assert!((0..least).all(|count| !is_met(count)));
        assert_eq!(policy.is_met(&BTreeSet::new()), !policy.requires_witnesses());
        for witness in policy.witnesses() {
            let _ = (witness.name(), witness.url());
        }
        let other: Origin = "relay.test.invalid".parse().expect("an origin");
        let log = policy.logs().first().map(|log| log.verifier().origin().clone());
        let _ = WitnessPolicy::read(data, &log.unwrap_or(other));
    }
    let _ = TrustedRoots::parse(data);
});
