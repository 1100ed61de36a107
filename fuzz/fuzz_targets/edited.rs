//! A log and agencies that lie together, with all their keys: the story's bundle is edited anywhere, then signed, linked and
//! proven again. A verifier tells what holds or which part does not, and an auditor's replay of the same log ends likewise.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wardline::audit::{Bundle, Verifier};
use wardline_fuzz::edit::{self, Edited};
use wardline_fuzz::story::{BUNDLES, check_and_tell};
use wardline_fuzz::{Script, story};

/// Nothing edited: all must hold, or the editor is broken and nothing is fuzzed.
static SOUND: LazyLock<()> = LazyLock::new(|| {
    for bundle in &*BUNDLES {
        let edited = edit::story(bundle, &mut Script::new(&[]));
        let why = wardline::audit::check(&edited.bundle, &story::TRUSTED);
        assert!(
            why.is_ok(),
            "the editor gives no sound bundle: {}",
            why.err().expect("a fault")
        );
        replay(&edited, true);
    }
});

fn replay(edited: &Edited, must_hold: bool) {
    let fed = Verifier::new(edit::log(), &edited.note)
        .map(Verifier::telling)
        .and_then(|mut verifier| {
            for shown in &edited.shown {
                verifier.feed(shown)?;
            }
            verifier.finish()
        });
    match fed {
        Ok(verdict) => {
            let timeline = verdict.timeline.expect("it was asked for one");
            let _ = (timeline.source_json(), format!("{:?}", verdict.report));
        }
        Err(fault) => assert!(!must_hold && !fault.to_string().is_empty(), "{fault}"),
    }
}

fuzz_target!(|data: &[u8]| {
    LazyLock::force(&SOUND);
    let mut script = Script::new(data);
    let bundle = &BUNDLES[usize::from(script.byte() % 2)];
    let edited = edit::story(bundle, &mut script);
    // An edit may be longer than a bundle's part may be.
    if let Ok(read) = Bundle::parse(edited.bundle.to_json().as_bytes()) {
        assert!(read == edited.bundle, "what is written reads as another");
    }
    check_and_tell(&edited.bundle);
    replay(&edited, false);
});
