//! Whatever a peer sends as a note, a question to a witness, its answer or a verifier key is answered with a value or a refusal;
//! what is read is written back. The same with the log's and a witness's true signature under whatever text the input holds.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wardline::limits;
use wardline::seal::SecretKey;
use wardline::transparency::{
    AddCheckpoint, Checkpoint, CosignedCheckpoint, LogKey, LogVerifier, Policy, WitnessKey, WitnessVerifier,
    parse_size,
};
use wardline_fuzz::signature_line;

const NOTE: &str = "relay.test.invalid/2026\n5\nq1uiQNXF9m1XxD/D6UjYe+ylGdTaiwKLbFgv2nu/mbQ=\n\n";

struct Keys {
    log: LogKey,
    witness: WitnessKey,
    policy: Policy,
    /// [`NOTE`] with the log's signature.
    opened: CosignedCheckpoint,
}

fn log_secret() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

fn witness_secret() -> SecretKey {
    SecretKey::from_seed(&[2; 32])
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let log = LogKey::new(
        "relay.test.invalid/2026".parse().expect("an origin"),
        log_secret(),
    );
    let witness = WitnessKey::new(
        "witness.test.invalid/w1".parse().expect("a name"),
        witness_secret(),
    );
    let policy = format!(
        "log {}\nwitness w {}\nquorum w\n",
        log.verifier(),
        witness.verifier()
    );
    let policy = Policy::parse(policy.as_bytes()).expect("a policy");
    let (text, _) = NOTE.split_at(NOTE.len() - 1);
    let note = format!(
        "{NOTE}{}",
        signature_line(&log.verifier().vkey(), &log_secret(), &[], text)
    );
    let opened = policy.open(&note).expect("a note");
    Keys {
        log,
        witness,
        policy,
        opened,
    }
});

/// What was accepted is accepted again, and says the same.
fn holds(policy: &Policy, opened: &CosignedCheckpoint) {
    assert_eq!(policy.open(opened.note()).as_ref(), Ok(opened));
    let checkpoint = opened.checkpoint();
    assert!(opened.note().starts_with(&checkpoint.to_text()));
    assert_eq!(
        Checkpoint::parse_text(&checkpoint.to_text()).as_ref(),
        Ok(checkpoint)
    );
    assert_eq!(opened.has_quorum(), opened.quorum_time().is_some());
    assert!(opened.quorum_time() <= opened.quorum_time_last());
    for merged in [opened.merged(""), opened.merged_earliest("")]
        .into_iter()
        .flatten()
    {
        assert_eq!(merged.witnesses(), opened.witnesses());
    }
}

fuzz_target!(|data: &[u8]| {
    let _ = parse_size(data).map(|size| assert_eq!(format!("{size}\n").as_bytes(), data));
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Keys {
        log,
        witness,
        policy,
        opened,
    } = &*KEYS;
    if let Ok(request) = AddCheckpoint::parse(text) {
        assert_eq!(request.to_string(), text);
    }
    if let Ok(checkpoint) = Checkpoint::parse_text(text) {
        assert_eq!(checkpoint.to_text(), text);
    }
    if let Ok(log) = LogVerifier::parse(text) {
        assert_eq!(log.vkey(), text);
    }
    if let Ok(witness) = WitnessVerifier::parse(text) {
        assert_eq!(witness.vkey(), text);
    }
    // A witness's answer, whole and as the rest of an honest line.
    let honest = witness.cosign(
        opened.checkpoint(),
        wardline::time::Timestamp::from_unix_ms(1_700_000_000_000),
    );
    for lines in [
        text.to_owned(),
        format!("{honest}{text}"),
        format!("{text}{honest}"),
    ] {
        for merged in [opened.merged(&lines), opened.merged_earliest(&lines)]
            .into_iter()
            .flatten()
        {
            holds(policy, &merged);
            assert!(merged.note().len() <= limits::CHECKPOINT_BYTES_MAX);
        }
    }
    // The input is the note's text, or the text and more lines.
    let (signed, more) = match text.split_once("\n\n") {
        Some((signed, more)) => (format!("{signed}\n"), more),
        None => (text.to_owned(), ""),
    };
    let by_log = signature_line(&log.verifier().vkey(), &log_secret(), &[], &signed);
    let time = data.first_chunk::<8>().copied().unwrap_or_default();
    let cosigned = format!("cosignature/v1\ntime {}\n{signed}", u64::from_be_bytes(time));
    let by_witness = signature_line(&witness.verifier().vkey(), &witness_secret(), &time, &cosigned);
    for note in [
        text.to_owned(),
        format!("{signed}\n{by_log}{more}"),
        format!("{signed}\n{more}{by_log}"),
        format!("{signed}\n{by_log}{by_witness}{more}"),
        format!("{signed}\n{by_witness}{by_log}{by_log}"),
    ] {
        if let Ok(opened) = policy.open(&note) {
            assert_eq!(opened.note(), note);
            holds(policy, &opened);
            let bare = log.verifier().open_bare(&note).expect("the log has signed it");
            assert_eq!(bare.checkpoint(), opened.checkpoint());
            assert!(log.verifier().open_bare(bare.note()).as_ref() == Ok(&bare));
        }
    }
});
