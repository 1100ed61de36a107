//! Whatever is put before a secret key is opened or refused. With the first byte the input chooses what it is: a wrap, a body, a
//! text, a public key, or changes to a true wrap or body, which then open no more.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wardline::domain::{AgencyId, Digest, Origin, PayloadId};
use wardline::seal::{
    BodyKey, OpenError, SealPublicKey, SealSecretKey, SealSuite, SealedBody, TextPlace, is_sealed_body_length,
    open_body, open_text, open_wrap, seal_body, sealed_text_shape, wrap_key, wrap_shape,
};
use wardline_fuzz::Script;

/// One of each, made once: an input changes its bytes.
struct Known {
    origin: Origin,
    id: PayloadId,
    agency: AgencyId,
    warning: Digest,
    secrets: [SealSecretKey; 2],
    body: SealedBody,
    wraps: [Vec<u8>; 2],
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let (origin, agency): (Origin, AgencyId) = (
        "fuzz.invalid/log".parse().expect("an origin"),
        "be.ctc".parse().expect("an agency"),
    );
    let (id, warning) = (PayloadId::from_parts(1, [2; 10]), Digest([3; 32]));
    let secrets = SealSuite::ALL.map(|suite| {
        let bytes = [&[suite.byte()][..], &[7; 32]].concat();
        SealSecretKey::from_bytes(&bytes).expect("a secret key")
    });
    let body = seal_body(&origin, &id, b"the threat").expect("sealed");
    let wraps = secrets
        .each_ref()
        .map(|secret| wrap_key(secret.public_key(), &warning, &agency, &body.key, None).expect("wrapped"));
    Known {
        origin,
        id,
        agency,
        warning,
        secrets,
        body,
        wraps,
    }
});

/// What was changed, if it was, opens no more.
fn changed(part: &[u8], script: &mut Script<'_>) -> Option<Vec<u8>> {
    let mut changed = part.to_vec();
    while !script.is_empty() {
        let at = usize::try_from(script.below(part.len() as u64)).unwrap_or(0);
        *changed.get_mut(at)? ^= script.byte();
    }
    (changed != part).then_some(changed)
}

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let known = &*KNOWN;
    let secret = &known.secrets[usize::from(first >> 7)];
    let wrap = &known.wraps[usize::from(first >> 7)];
    let open_key = |wrap: &[u8]| open_wrap(secret, &known.warning, &known.agency, wrap);
    let open = |key: &BodyKey, content: &[u8]| {
        open_body(&known.origin, &known.id, key, &known.body.commitment, content)
    };
    match first & 0x7f {
        0 => {
            let opened = open_key(rest);
            assert!(opened.is_err() || rest == &wrap[..]);
            assert!(wrap_shape(rest).is_ok() || opened.is_err());
        }
        1 => {
            let refused = open(&known.body.key, rest).err();
            assert!(refused.is_some() || rest == &known.body.content[..]);
            assert_eq!(
                refused == Some(OpenError::Length(rest.len())),
                !is_sealed_body_length(rest.len())
            );
        }
        2 => {
            let place = TextPlace {
                origin: &known.origin,
                acknowledgement: &known.id,
                warning: &known.warning,
            };
            assert!(open_text(secret, place, &[0; 32], rest).is_err());
            let _ = sealed_text_shape(rest);
        }
        3 => {
            if let Ok(key) = SealPublicKey::parse(rest) {
                assert_eq!(key.as_bytes(), rest);
                // Whatever was taken as a key can be sealed to.
                wrap_key(&key, &known.warning, &known.agency, &known.body.key, None).expect("wrapped");
            }
        }
        4 => {
            if let Some(changed) = changed(wrap, &mut Script::new(rest)) {
                assert!(open_key(&changed).is_err());
            }
        }
        _ => {
            if let Some(changed) = changed(&known.body.content, &mut Script::new(rest)) {
                assert!(open(&known.body.key, &changed).is_err());
            }
        }
    }
});
