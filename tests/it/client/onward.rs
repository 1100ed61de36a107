//! A warning that one agency hands to another, which the log does not know of: what is true is read, each lie is found out, and
//! what the originator forbids is not done, or is told where a hostile holder did it.

use prost::Message as _;
use wardline::client::{
    Client, ClientError, Content, Delivered, OnwardBar, OnwardFile, PassedOn, VerificationError,
};
use wardline::domain::{
    AgencyId, Common, DetachedPart, Digest, Hash, KeyRole, Onward, OnwardTransfer, PayloadId,
    RevocationReason, SignedBy, SignedEnvelope, Signer,
};
use wardline::seal::{
    BodyKey, FileSigner, PayloadKind, SealPublicKey, SealSecretKey, Signer as _, open_wrap, seal_body,
    sign_envelope, wrap_digest, wrap_key,
};
use wardline::time::{Clock as _, SystemClock};
use wardline::wire::{self, v1};

use super::commands::{exercise, run};
use super::honest::receive_one;
use super::malicious::found_out;
use crate::support::{World, draft};
use crate::world::parsed;

const WORLD: [&str; 4] = ["us.ctc", "ru.ctc", "be.ctc", "fr.ctc"];

/// Through the binary: refused without the originator's word, made with it, read by the agency that it is for and by no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_warning_is_handed_on() {
    let world = World::with(&WORLD).await;
    let at = |name: &str| world.path().join(name);
    let draft = exercise("ru.ctc").replace("onward: NONE", "onward: ASK_ORIGINATOR");
    let sent = run(&at("us.ctc"), &["send", "-"], &draft).await;
    assert_eq!(sent.code, 0, "{}", sent.stderr);
    let id = sent.objects[0]["id"].as_str().unwrap();
    let watched = run(&at("ru.ctc"), &["watch", "--count", "1"], "").await;
    assert_eq!(watched.code, 0, "{}", watched.stderr);
    let file = at("handed.json");
    let file = file.to_str().unwrap();
    let onward = [
        "onward",
        id,
        "--to",
        "be.ctc",
        "--by",
        "duty officer",
        "--out",
        file,
    ];
    let refused = run(&at("ru.ctc"), &onward, "").await;
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("ASK_ORIGINATOR"), "{}", refused.stderr);
    assert!(!std::path::Path::new(file).exists());
    let agreed = [&onward[..], &["--originator-agreed"]].concat();
    let made = run(&at("ru.ctc"), &agreed, "").await;
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert_eq!(made.objects[0]["to"], "be.ctc");
    assert_eq!(run(&at("ru.ctc"), &agreed, "").await.code, 2, "it is there");
    let read = run(&at("be.ctc"), &["onward", "read", file], "").await;
    assert_eq!(read.code, 0, "{}", read.stderr);
    let shown = &read.objects[0];
    assert_eq!(shown["id"], id);
    assert_eq!(shown["originator"], "us.ctc");
    assert_eq!(shown["body"]["text"]["en"]["headline"], "Concert hall");
    let by = &shown["passed_on"];
    assert_eq!(
        (&by["by"], &by["office"]),
        (&"ru.ctc".into(), &"duty officer".into())
    );
    assert_eq!(by["originator_agreed"], true);
    assert!(by["barred"].is_null());
    for other in ["fr.ctc", "ru.ctc"] {
        let refused = run(&at(other), &["onward", "read", file], "").await;
        assert_eq!(refused.code, 5, "{other}: {}", refused.stderr);
    }
    // Who sent it did not receive it; who got it by hand does not hold it by the log.
    for other in ["us.ctc", "be.ctc"] {
        let out = at("again.json");
        let refused = [
            "onward",
            id,
            "--to",
            "fr.ctc",
            "--by",
            "duty officer",
            "--out",
            out.to_str().unwrap(),
        ];
        assert_eq!(run(&at(other), &refused, "").await.code, 2, "{other}");
    }
}

/// What a holder has of a warning, as whoever has its machine could use it.
struct Held {
    delivered: Delivered,
    body: DetachedPart,
    key: BodyKey,
}

async fn held(world: &World, agency: &str) -> Held {
    let client = world.client(agency);
    let delivered = receive_one(&client, agency).await;
    let bytes = client.inbox().read(&delivered.inbox_name()).unwrap().unwrap();
    let message = v1::Delivery::decode(bytes).unwrap();
    let secret = SealSecretKey::read_from(&world.profile(agency).secret_key(KeyRole::Seal)).unwrap();
    let opened = open_wrap(&secret, &delivered.digest, &parsed(agency), &message.wrapped).unwrap();
    Held {
        body: DetachedPart::try_from(message.body.unwrap()).unwrap(),
        delivered,
        key: opened.key,
    }
}

/// The public key that bodies for an agency are sealed to.
fn seal_key(world: &World, agency: &str) -> SealPublicKey {
    let secret = SealSecretKey::read_from(&world.profile(agency).secret_key(KeyRole::Seal)).unwrap();
    secret.public_key().clone()
}

/// A statement of an agency's, signed by the key of a role, with whatever a liar changes in it.
async fn stated(world: &World, (agency, role): (&str, KeyRole), transfer: OnwardTransfer) -> SignedEnvelope {
    let signer = FileSigner::load(&world.profile(agency).secret_key(role)).unwrap();
    let payload = wire::encode_onward_transfer(&transfer);
    sign_envelope(&signer, PayloadKind::OnwardTransfer, payload)
        .await
        .unwrap()
}

async fn honest_transfer(held: &Held, client: &Client, to: &AgencyId, wrap: &[u8]) -> OnwardTransfer {
    let now = SystemClock.now();
    let newest = client.newest_checkpoint().await;
    OnwardTransfer {
        common: Common {
            origin: client.settings().log.origin().clone(),
            id: PayloadId::from_parts(now.unix_ms().try_into().unwrap(), [9; 10]),
            sent: now,
            signer: SignedBy::Named(Signer {
                principal: client.settings().principal.clone(),
                role: KeyRole::Officer,
                desk: None,
                office: "duty officer".to_owned(),
                seen: Some(wardline::domain::Seen {
                    size: newest.size(),
                    root: newest.root(),
                }),
            }),
        },
        warning_digest: held.delivered.digest,
        desk: held.delivered.desk.clone(),
        to: to.clone(),
        wrap_digest: wrap_digest(wrap),
        originator_agreed: false,
        extensions: Vec::new(),
    }
}

fn signer_of(transfer: &mut OnwardTransfer) -> &mut Signer {
    match &mut transfer.common.signer {
        SignedBy::Named(signer) => signer,
        SignedBy::Committed(_) => panic!("named"),
    }
}

async fn read(world: &World, file: OnwardFile) -> Result<PassedOn, ClientError> {
    world.client("be.ctc").read_onward(file).await
}

fn headline(passed_on: &PassedOn) -> &str {
    match &passed_on.content {
        Content::Read(body) => &body.blocks[0].headline,
        other => panic!("{other:?}"),
    }
}

/// A table of lies: each changes one thing of a file that is read as it is, and each is found out.
#[tokio::test(flavor = "multi_thread")]
async fn each_lie_is_found_out() {
    let world = World::with(&WORLD).await;
    let us = world.client("us.ctc");
    let mut asked = draft(&["ru.ctc", "fr.ctc"]);
    asked.handling.onward = Onward::AskOriginator;
    us.submit(&asked).await.unwrap();
    us.submit(&draft(&["be.ctc"])).await.unwrap();
    let (ru, theirs, other) = (
        held(&world, "ru.ctc").await,
        held(&world, "fr.ctc").await,
        held(&world, "be.ctc").await,
    );
    let holder = world.client("ru.ctc");
    holder.checkpoint().await.unwrap();
    let (be, fr): (AgencyId, AgencyId) = (parsed("be.ctc"), parsed("fr.ctc"));
    let good = holder
        .pass_on(&ru.delivered.inbox_name(), &be, "duty officer", true)
        .await
        .unwrap();
    let passed_on = read(&world, good.clone()).await.unwrap();
    assert_eq!(headline(&passed_on), "Concert hall");
    assert_eq!(passed_on.barred, None);
    let true_words = honest_transfer(&ru, &holder, &be, &good.wrap).await;
    let officer = ("ru.ctc", KeyRole::Officer);
    let with = |wrap: Vec<u8>| OnwardFile {
        wrap: wrap.into(),
        ..good.clone()
    };
    let digest = ru.delivered.digest;

    // What is said, why it is refused, and the file.
    let mut lies: Vec<(&str, &str, OnwardFile)> = Vec::new();
    // Parts of others.
    let mut content = good.body.content.to_vec();
    content[100] ^= 1;
    lies.push((
        "a changed body",
        "its body is not the one that was signed",
        OnwardFile {
            body: DetachedPart {
                content: content.into(),
                ..good.body.clone()
            },
            ..good.clone()
        },
    ));
    lies.push((
        "another warning's body",
        "its body is not the one that was signed",
        OnwardFile {
            body: other.body.clone(),
            ..good.clone()
        },
    ));
    lies.push((
        "another warning's header",
        "it routes another warning",
        OnwardFile {
            envelope: other.delivered.envelope.clone(),
            body: other.body.clone(),
            ..good.clone()
        },
    ));
    let mut unsigned = good.envelope.clone();
    unsigned.signatures[0].sig[0] ^= 1;
    lies.push((
        "a header with another signature",
        "the delivery of warning",
        OnwardFile {
            envelope: unsigned,
            ..good.clone()
        },
    ));
    lies.push((
        "routed to another agency",
        "its statement is not that of the agency that it was routed to",
        OnwardFile {
            record: theirs.delivered.routed.bytes().clone(),
            proof: theirs.delivered.routed.tlog_proof(),
            ..good.clone()
        },
    ));
    let mut elsewhere = good.proof.clone();
    elsewhere.index += 1;
    lies.push((
        "a proof of another place",
        "the proof of record",
        OnwardFile {
            proof: elsewhere,
            ..good.clone()
        },
    ));
    // Wraps.
    let again = wrap_key(&seal_key(&world, "be.ctc"), &digest, &be, &ru.key, None).unwrap();
    lies.push((
        "another wrap than was signed",
        "its statement is of another wrap",
        with(again),
    ));
    let other_body = seal_body(&good.origin, &ru.delivered.warning.common.id, b"another").unwrap();
    for (what, why, to, agency, key) in [
        (
            "another key",
            "its body does not open to what was signed",
            "be.ctc",
            &be,
            &other_body.key,
        ),
        (
            "a wrap to another agency",
            "its key was not wrapped for us",
            "fr.ctc",
            &fr,
            &ru.key,
        ),
    ] {
        let wrap = wrap_key(&seal_key(&world, to), &digest, agency, key, None).unwrap();
        let words = OnwardTransfer {
            wrap_digest: wrap_digest(&wrap),
            ..true_words.clone()
        };
        let statement = stated(&world, officer, words).await;
        lies.push((
            what,
            why,
            OnwardFile {
                statement,
                ..with(wrap)
            },
        ));
    }
    // Statements: by whom, and of what.
    let said_by = |agency: &str, role| {
        let mut words = true_words.clone();
        let signer = signer_of(&mut words);
        (signer.principal, signer.role) = (parsed(agency), role);
        words
    };
    let changed = |change: fn(&mut OnwardTransfer)| {
        let mut words = true_words.clone();
        change(&mut words);
        words
    };
    let not_theirs = "its statement is not that of the agency that it was routed to";
    let no_officer = "was not a valid officer's key";
    for (what, why, by, words) in [
        (
            "by another agency",
            not_theirs,
            ("fr.ctc", KeyRole::Officer),
            said_by("fr.ctc", KeyRole::Officer),
        ),
        (
            "by another in the holder's name",
            not_theirs,
            ("fr.ctc", KeyRole::Officer),
            true_words.clone(),
        ),
        (
            "in another's name",
            not_theirs,
            officer,
            said_by("fr.ctc", KeyRole::Officer),
        ),
        (
            "by the sender",
            not_theirs,
            ("us.ctc", KeyRole::Officer),
            said_by("us.ctc", KeyRole::Officer),
        ),
        (
            "by no officer's key",
            no_officer,
            ("ru.ctc", KeyRole::Originate),
            true_words.clone(),
        ),
        (
            "by no officer",
            no_officer,
            ("ru.ctc", KeyRole::Originate),
            said_by("ru.ctc", KeyRole::Originate),
        ),
        (
            "to another agency",
            "it is passed on to another agency",
            officer,
            changed(|it| it.to = parsed("fr.ctc")),
        ),
        (
            "from another desk",
            "names another desk",
            officer,
            changed(|it| it.desk = parsed("ru.ctc/aviation")),
        ),
        (
            "of another warning",
            "is of another warning",
            officer,
            changed(|it| it.warning_digest = Digest([1; 32])),
        ),
        (
            "for another log",
            "was signed for another log",
            officer,
            changed(|it| it.common.origin = parsed("relay.invalid/other")),
        ),
        (
            "another log was seen",
            "that it saw another log",
            officer,
            changed(|it| signer_of(it).seen.as_mut().unwrap().root = Hash([1; 32])),
        ),
        (
            "a later log was seen than there is",
            "that it saw another log",
            officer,
            changed(|it| signer_of(it).seen.as_mut().unwrap().size += 1000),
        ),
    ] {
        let statement = stated(&world, by, words).await;
        lies.push((
            what,
            why,
            OnwardFile {
                statement,
                ..good.clone()
            },
        ));
    }
    let signer = FileSigner::load(&world.profile("ru.ctc").secret_key(KeyRole::Officer)).unwrap();
    let payload = wire::encode_onward_transfer(&true_words);
    lies.push((
        "signed as something else",
        "what was passed on does not verify",
        OnwardFile {
            statement: sign_envelope(&signer, PayloadKind::Mandate, payload)
                .await
                .unwrap(),
            ..good.clone()
        },
    ));
    let mut twice = good.statement.clone();
    twice.signatures.push(twice.signatures[0]);
    lies.push((
        "signed twice",
        "exactly one key",
        OnwardFile {
            statement: twice,
            ..good.clone()
        },
    ));
    lies.push((
        "the header as its own statement",
        "was not a valid officer's key",
        OnwardFile {
            statement: good.envelope.clone(),
            ..good.clone()
        },
    ));
    for (what, why, file) in lies {
        // As it is handed over.
        let file = OnwardFile::parse(file.to_json().as_bytes()).unwrap();
        match read(&world, file).await {
            Err(ClientError::Verification { error, .. }) => {
                assert!(error.to_string().contains(why), "{what}: {error}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
    // What was signed by hand is read as well: it is the lies that are found.
    let statement = stated(&world, officer, true_words).await;
    let passed_on = read(
        &world,
        OnwardFile {
            statement,
            ..good.clone()
        },
    )
    .await
    .unwrap();
    assert_eq!(passed_on.barred, Some(OnwardBar::NotAsked));

    let operator = world.operator();
    operator.suspend(parsed("ru.ctc"), "review").await.unwrap();
    let (error, _) = found_out(read(&world, good.clone()).await);
    assert!(error.to_string().contains("suspended"), "{error}");
    let name = ru.delivered.inbox_name();
    let refused = holder.pass_on(&name, &be, "duty officer", true).await;
    assert!(matches!(refused, Err(ClientError::Invalid(_))), "{refused:?}");
    operator.reinstate(parsed("ru.ctc"), "reviewed").await.unwrap();
    read(&world, good.clone()).await.unwrap();

    // The officer's key is revoked: what it signed counts no more.
    let key = FileSigner::load(&world.profile("ru.ctc").secret_key(KeyRole::Officer)).unwrap();
    holder
        .revoke(key.public_key().keyid(), RevocationReason::Compromised)
        .await
        .unwrap();
    let (error, _) = found_out(read(&world, good).await);
    assert!(matches!(error, VerificationError::Key { .. }), "{error}");
}

/// What the originator forbids is refused by the holder's own client; a hostile holder's file is read, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn disobeyed_handling_is_told() {
    let world = World::with(&["us.ctc", "ru.ctc", "be.ctc"]).await;
    let (us, holder) = (world.client("us.ctc"), world.client("ru.ctc"));
    let be: AgencyId = parsed("be.ctc");
    for (onward, personal_data, bar) in [
        (Onward::None, false, OnwardBar::Forbidden),
        (Onward::WithinState, false, OnwardBar::OtherState),
        (Onward::WithinState, true, OnwardBar::PersonalData),
    ] {
        let mut draft = draft(&["ru.ctc"]);
        draft.handling.onward = onward;
        draft.handling.personal_data = personal_data;
        us.submit(&draft).await.unwrap();
        let ru = held(&world, "ru.ctc").await;
        let name = ru.delivered.inbox_name();
        match holder.pass_on(&name, &be, "duty officer", true).await {
            Err(ClientError::Invalid(why)) => assert!(why.contains(&bar.to_string()), "{why}"),
            other => panic!("{bar:?}: {other:?}"),
        }
        let wrap = wrap_key(
            &seal_key(&world, "be.ctc"),
            &ru.delivered.digest,
            &be,
            &ru.key,
            None,
        )
        .unwrap();
        holder.checkpoint().await.unwrap();
        let words = OnwardTransfer {
            originator_agreed: true,
            ..honest_transfer(&ru, &holder, &be, &wrap).await
        };
        let file = OnwardFile {
            origin: words.common.origin.clone(),
            envelope: ru.delivered.envelope.clone(),
            body: ru.body,
            record: ru.delivered.routed.bytes().clone(),
            proof: ru.delivered.routed.tlog_proof(),
            wrap: wrap.into(),
            statement: stated(&world, ("ru.ctc", KeyRole::Officer), words).await,
        };
        let passed_on = read(&world, file).await.unwrap();
        assert_eq!(passed_on.barred, Some(bar));
        assert_eq!(headline(&passed_on), "Concert hall");
    }
}
