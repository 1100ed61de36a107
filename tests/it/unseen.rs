//! What was sealed, in every byte that the relay writes or sends elsewhere: a process of the real binary that logs all it can, with
//! metrics and a public side, asked for everything that anybody but the two agencies may ask for. (Witnesses get checkpoints alone.)

use std::path::Path;

use bytes::Bytes;
use prost::Message as _;
use wardline::client::AcknowledgementDraft;
use wardline::domain::{AcknowledgementKind, WarningName};
use wardline::wire::v1;
use wardline::wire::v1::audit_client::AuditClient;
use wardline::wire::v1::directory_client::DirectoryClient;
use wardline::wire::v1::exchange_client::ExchangeClient;

use crate::client::honest::{answer, receive_one};
use crate::support::{RelayProcess, World, draft, http_get_bytes, in_clear};
use crate::world::parsed;

/// Words of the body and of the note, whole and in part; none of them stands anywhere else.
const SAID: [&str; 5] = [
    "Concert hall",
    "An attack is planned.",
    "Protect it.",
    "Zephyrine",
    "by the river",
];

/// What somebody has got, and whether a word of what was said is in it, as it is or as base64 or hex would have it.
fn tells(bytes: &[u8]) -> Option<&'static str> {
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    SAID.into_iter().find(|said| {
        let base64 = (0..3).map(|shift| {
            // The same text begins at any place of a group of three.
            let padded = [&[b' '; 3][..shift], said.as_bytes()].concat();
            let text = base64::Engine::encode(&base64::prelude::BASE64_STANDARD_NO_PAD, padded);
            text[4..text.len() - 2].to_owned()
        });
        let mut forms = base64.chain([hex::encode(said)]);
        holds(said.as_bytes()) || forms.any(|form| holds(form.as_bytes()))
    })
}

fn untold(what: &str, bytes: &[u8]) {
    assert_eq!(tells(bytes), None, "{what} holds it");
}

/// All that a session of this principal is sent by the calls that read, as bytes.
async fn all_that_is_sent_to(world: &World, name: &str, warning: &WarningName) -> Vec<(&'static str, Bytes)> {
    let identity = world.tls_identity(name);
    let channel = || world.served.channel(&identity);
    let mut got: Vec<(&'static str, Bytes)> = Vec::new();
    let mut exchange = ExchangeClient::new(channel().await);
    let mut audit = AuditClient::new(channel().await);
    let mut directory = DirectoryClient::new(channel().await);
    let warning: v1::WarningName = warning.into();
    macro_rules! ask {
        ($what:literal, $call:expr) => {
            match $call.await {
                Ok(answer) => got.push(($what, answer.into_inner().encode_to_vec().into())),
                // What a refusal says, and what stands beside it.
                Err(status) => got.push(($what, format!("{status:?}").into_bytes().into())),
            }
        };
    }
    ask!("checkpoint", audit.get_checkpoint(v1::GetCheckpointRequest {}));
    ask!(
        "directory",
        directory.get_directory(v1::GetDirectoryRequest { from_seq: 0 })
    );
    ask!("list", exchange.list_warnings(v1::ListWarningsRequest::default()));
    ask!(
        "warning",
        exchange.get_warning(v1::GetWarningRequest {
            warning: Some(warning.clone()),
            page_token: String::new(),
        })
    );
    ask!(
        "evidence",
        audit.get_evidence(v1::GetEvidenceRequest {
            warning: Some(warning.clone()),
            ..v1::GetEvidenceRequest::default()
        })
    );
    let watched = exchange
        .watch_warning(v1::WatchWarningRequest {
            warning: Some(warning.clone()),
        })
        .await;
    if let Ok(stream) = watched {
        let mut stream = stream.into_inner();
        while let Ok(Some(message)) = stream.message().await {
            let caught_up = matches!(message.kind, Some(v1::watch_warning_response::Kind::CaughtUp(_)));
            got.push(("watch", message.encode_to_vec().into()));
            if caught_up {
                break;
            }
        }
    }
    let replay = v1::ReplayRequest {
        with_parts: true,
        ..v1::ReplayRequest::default()
    };
    if let Ok(stream) = audit.replay(replay).await {
        let mut stream = stream.into_inner();
        while let Ok(Some(message)) = stream.message().await {
            got.push(("replay", message.encode_to_vec().into()));
        }
    }
    got
}

/// Two warnings and an answer with a note go through; then nothing that the relay wrote (its directory, its log at its most talkative,
/// what its process printed) or gives to others (an auditor of both, an uninvolved agency, the operator and whoever comes
/// to the public side and the metrics) holds a word of them. What is sent in clear is found in what an auditor gets: the search finds.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_the_relay_writes_or_sends_elsewhere_tells() {
    let mut world = World::with(&["us.ctc", "ru.ctc", "fr.ctc"]).await;
    world.enrol_auditor("int.un.audit", "us.ctc").await;
    let ru = world.client("ru.ctc");
    ru.publish_mandate(parsed("int.un.audit"), false, "director")
        .await
        .unwrap();
    drop(ru);

    let set = [
        "public_listen=127.0.0.1:0",
        "http_listen=127.0.0.1:0",
        "log.level=trace",
    ];
    let process = world.start_as_process_with(&set).await;
    let (public, metrics) = (
        address(&process, "public_listen"),
        address(&process, "http_listen"),
    );
    let (us, ru) = (world.client("us.ctc"), world.client("ru.ctc"));
    let sent = us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let delivered = receive_one(&ru, "ru.ctc").await;
    let noted = AcknowledgementDraft {
        note: Some((parsed("en"), "Zephyrine, by the river".to_owned())),
        ..answer(&delivered, AcknowledgementKind::Accepted)
    };
    ru.acknowledge(&noted).await.unwrap();
    // Both can read all of it: it is there.
    let own = us.warning(WarningName::Id(sent.id)).await.unwrap();
    assert!(tells(format!("{:?}{:?}", own.content, own.threads).as_bytes()).is_some());

    let name = WarningName::Digest(sent.digest);
    for reader in ["int.un.audit", "fr.ctc", "alice"] {
        let got = all_that_is_sent_to(&world, reader, &name).await;
        assert!(got.iter().any(|(_, bytes)| !bytes.is_empty()), "{reader}");
        for (what, bytes) in got {
            untold(&format!("{what} to {reader}"), &bytes);
        }
    }
    let auditors = all_that_is_sent_to(&world, "int.un.audit", &name).await;
    assert!(auditors.iter().any(|(what, _)| *what == "replay"));
    for (what, at, path) in [
        ("metrics", metrics, "/metrics"),
        ("health", metrics, "/healthz"),
        ("checkpoint", public, "/checkpoint"),
        ("tile", public, "/tile/0/000.p/16"),
    ] {
        let answer = http_get_bytes(at, path).await;
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{what}");
        untold(what, &answer);
    }
    no_file_tells(&world.path().join("data"));

    // The search finds what is in clear.
    let clear = us.submit(&in_clear(&["ru.ctc"])).await.unwrap();
    let got = all_that_is_sent_to(&world, "int.un.audit", &WarningName::Digest(clear.digest)).await;
    assert!(got.iter().any(|(_, bytes)| tells(bytes).is_some()));

    // No connection is kept that the process would wait for.
    drop((us, ru));
    process.signal("TERM");
    let (code, last, log) = process.ended();
    assert_eq!(code, Some(0));
    untold("the last line", last.to_string().as_bytes());
    untold("the log", log.as_bytes());
    assert!(
        log.contains(&sent.digest.to_string()) || log.contains("Submit"),
        "{log}"
    );
    no_file_tells(&world.path().join("data"));
}

fn no_file_tells(directory: &Path) {
    for path in crate::at_rest::files(directory) {
        let bytes = match std::fs::read(&path) {
            // One that the relay has replaced since it was listed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            read => read.unwrap(),
        };
        assert_eq!(tells(&bytes), None, "{}", path.display());
    }
}

fn address(process: &RelayProcess, name: &str) -> std::net::SocketAddr {
    process.serving[name].as_str().unwrap().parse().unwrap()
}
