//! A relay that puts another key in an agency's place. It holds the log's key and proves all that it shows; what it does not
//! have is the state root's signature, and what came before in the chain it cannot change.

use wardline::client::VerificationError;
use wardline::client::keys::{Certifier, KeyRequest, certify, make_agency_keys, make_root};
use wardline::domain::{AgencyId, DirectoryLink, Hash, KeyRole, Record, RecordKind, SignedEnvelope};
use wardline::time::{Clock as _, SystemClock};
use wardline::transparency::leaf_hash;
use wardline::wire;

use super::hostile_log::HostileLog;
use super::malicious::found_out;
use super::tamper::lied_to;
use crate::support::{ORIGIN, World, copy};
use crate::world::parsed;

/// A key of the relay's own making for an agency, signed by itself.
fn swapped(world: &World, agency: &str) -> KeyRequest {
    let id: AgencyId = parsed(agency);
    let (profile, origin) = (world.profile("swapped"), parsed(ORIGIN));
    let made = make_agency_keys(&profile, &id, &[KeyRole::Originate], &origin, SystemClock.now());
    made.unwrap().into_iter().next().unwrap()
}

/// A root of the relay's own making for the same state.
async fn by_another_root(world: &World, request: KeyRequest) -> SignedEnvelope {
    let directory = world.path().join("another-root");
    make_root(&directory, &parsed("us"), &parsed(ORIGIN), SystemClock.now()).unwrap();
    let certifier = Certifier::root(&directory).unwrap();
    certify(request, &certifier).await.unwrap().envelope
}

/// What a `KEY_PUBLISHED` record of the relay's own lacks; a table. The directory's chain is refused as a whole, the client
/// knows no more keys than before. The genuine one passes: it is not the meddling that is found.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_root_has_not_signed_is_no_key() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let genuine = world
        .new_key("us.ctc", KeyRole::Originate, "us.ctc-new")
        .await
        .envelope;
    let request = swapped(&world, "us.ctc");
    let alone = request.envelope.clone();
    let with_anothers = {
        // The root's true signature, from over other bytes.
        let mut envelope = alone.clone();
        envelope.signatures.extend(genuine.signatures.last().cloned());
        envelope
    };
    let other_root = by_another_root(&world, request).await;
    let table = [
        ("signed by the new key alone", &alone, None, true),
        (
            "with the root's signature of something else",
            &with_anothers,
            None,
            true,
        ),
        ("certified by another root", &other_root, None, true),
        ("genuine, in a forked chain", &genuine, Some(Hash([7; 32])), true),
        ("genuine", &genuine, None, false),
    ];
    let newest = newest_leaf(&world).await;
    for (n, (what, envelope, prev, is_found)) in table.into_iter().enumerate() {
        // Each row in a profile of its own: one that has verified such a log has left the honest one for good.
        let name = format!("ru.{n}");
        copy(world.profile("ru.ctc").path(), world.profile(&name).path());
        let (ru, meddler) = lied_to(&world, &name).await;
        ru.follow_directory().await.unwrap();
        let seq = ru.known_directory().await.next_seq();
        let mut log = HostileLog::of(&world, &world.client("us.ctc")).await;
        let receipt = log.append(&Record {
            nonce: [3; 16],
            time: SystemClock.now(),
            thread: None,
            directory: Some(DirectoryLink {
                seq,
                prev: Some(prev.unwrap_or(newest)),
            }),
            kind: RecordKind::KeyPublished(envelope.clone()),
        });
        log.shown_by(&meddler, Some(receipt), |_| {});
        let followed = ru.follow_directory().await;
        if is_found {
            let (error, _) = found_out(followed);
            assert!(
                matches!(&error, VerificationError::Directory { seq: at, .. } if *at == seq),
                "{what}: {error:?}"
            );
            assert_eq!(ru.known_directory().await.next_seq(), seq, "{what}");
        } else {
            assert_eq!(followed.unwrap().len(), 1, "{what}");
        }
    }
}

/// The leaf hash of the directory's newest record.
async fn newest_leaf(world: &World) -> Hash {
    let request = wire::v1::GetDirectoryRequest { from_seq: 0 };
    let identity = world.tls_identity("us.ctc");
    let channel = world.served.channel(&identity).await;
    let answer = wire::v1::directory_client::DirectoryClient::new(channel)
        .get_directory(request)
        .await
        .unwrap()
        .into_inner();
    leaf_hash(&answer.records.last().unwrap().record)
}
