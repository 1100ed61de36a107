//! Sealed from one agency to another: the relay never has a word of it, whoever is meant reads it, and what cannot be read is
//! answered so that its sender learns of it.

use std::path::PathBuf;

use wardline::client::{
    AcknowledgementDraft, Client, Content, Delivered, Incoming, Note, OutboxKind, ThreadFact, Unreadable,
    VerificationError, VerifiedWarning,
};
use wardline::domain::{
    AcknowledgementKind, AgencyId, DeskAddress, Form, KeyRole, RefusalReason, Step, Submission, WarningName,
    Wrap,
};
use wardline::error::ErrorCode;
use wardline::seal::{BodyKey, OpenError, SealPublicKey, SealSecretKey, open_wrap, wrap_digest, wrap_key};
use wardline::wire::v1;

use crate::client::honest::{answer, receive_one};
use crate::client::malicious::found_out;
use crate::client::tamper::lied_to;
use crate::support::{World, draft, in_clear, revocation_by_root};
use crate::world::parsed;

const HEADLINE: &str = "Concert hall";

fn headline(content: &Content) -> &str {
    &content.body().unwrap_or_else(|| panic!("{content:?}")).blocks[0].headline
}

fn note_of(warning: &VerifiedWarning, desk: &str) -> Note {
    let thread = &warning.threads[&parsed::<DeskAddress>(desk)];
    match &thread.events.last().unwrap().what {
        ThreadFact::Acknowledged(answer) => answer.note.clone(),
        other => panic!("{other:?}"),
    }
}

fn noted(delivered: &Delivered, text: &str) -> AcknowledgementDraft {
    AcknowledgementDraft {
        note: Some((parsed("en"), text.to_owned())),
        ..answer(delivered, AcknowledgementKind::Accepted)
    }
}

/// Sealed without being asked: each recipient reads it, its originator reads it again, in a profile that is opened anew too; the
/// text of an answer is read by the originator and by nobody else, and an auditor reads neither.
#[tokio::test(flavor = "multi_thread")]
async fn a_warning_is_sealed_and_read() {
    let world = World::with(&["us.ctc", "ru.ctc", "be.ctc"]).await;
    world.enrol_auditor("int.un.audit", "us.ctc").await;
    let (us, ru) = (world.client("us.ctc"), world.client("ru.ctc"));
    let sent = us.submit(&draft(&["ru.ctc", "be.ctc"])).await.unwrap();
    let delivered = receive_one(&ru, "ru.ctc").await;
    assert_eq!(delivered.warning.body.form, Form::Sealed);
    assert_eq!(headline(&delivered.content), HEADLINE);
    let other = receive_one(&world.client("be.ctc"), "be.ctc").await;
    assert_eq!(headline(&other.content), HEADLINE);
    ru.acknowledge(&noted(&delivered, "Where exactly?"))
        .await
        .unwrap();

    let name = WarningName::Id(sent.id);
    let own = world.client("us.ctc").warning(name).await.unwrap();
    assert_eq!(headline(&own.content), HEADLINE);
    assert_eq!(note_of(&own, "ru.ctc").text().unwrap().text, "Where exactly?");
    let theirs = ru.warning(name).await.unwrap();
    assert_eq!(headline(&theirs.content), HEADLINE);
    assert!(matches!(note_of(&theirs, "ru.ctc"), Note::Closed(_)));
    let auditors = world.client("int.un.audit").warning(name).await.unwrap();
    assert_eq!(auditors.content, Content::Closed);
    assert!(matches!(note_of(&auditors, "ru.ctc"), Note::Closed(_)));
}

/// A warning in clear goes in clear, and its answers too.
#[tokio::test(flavor = "multi_thread")]
async fn clear_is_clear_when_asked_for() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let (us, ru) = (world.client("us.ctc"), world.client("ru.ctc"));
    let sent = us.submit(&in_clear(&["ru.ctc"])).await.unwrap();
    let delivered = receive_one(&ru, "ru.ctc").await;
    assert_eq!(delivered.warning.body.form, Form::Clear);
    assert_eq!(headline(&delivered.content), HEADLINE);
    ru.acknowledge(&noted(&delivered, "Where?")).await.unwrap();
    let theirs = ru.warning(WarningName::Id(sent.id)).await.unwrap();
    assert_eq!(note_of(&theirs, "ru.ctc").text().unwrap().text, "Where?");
}

/// A submission as it was signed, with what opens it.
struct Opened {
    submission: Submission,
    key: BodyKey,
    reply: SealSecretKey,
}

fn seal_secret(world: &World, agency: &str) -> SealSecretKey {
    let path = world.profile(agency).secret_key(KeyRole::Seal);
    SealSecretKey::read_from(&path).unwrap()
}

async fn opened(world: &World, us: &Client, to: &[&str]) -> Opened {
    us.follow_directory().await.unwrap();
    let submission = us.sign(&draft(to)).await.unwrap();
    let own = submission.wraps.last().unwrap();
    let digest = submission.envelope.digest();
    let own = open_wrap(
        &seal_secret(world, "us.ctc"),
        &digest,
        &parsed("us.ctc"),
        &own.wrapped,
    )
    .unwrap();
    Opened {
        submission,
        key: own.key,
        reply: own.reply.unwrap(),
    }
}

impl Opened {
    fn wrap(&self, to: &SealPublicKey, agency: &str, own: bool) -> Wrap {
        let agency: AgencyId = parsed(agency);
        let digest = self.submission.envelope.digest();
        let reply = own.then_some(&self.reply);
        let wrapped = wrap_key(to, &digest, &agency, &self.key, reply).unwrap().into();
        Wrap { agency, wrapped }
    }
}

/// What an originator can do wrong to its recipient: each is delivered and signed for, says why it cannot be read, and the
/// recipient's answer tells the originator; a table.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_answered() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let (us, ru) = (world.client("us.ctc"), world.client("ru.ctc"));
    type Wrong = fn(&World, &mut Opened, &Opened);
    type Says = fn(&Unreadable) -> bool;
    let table: [(&str, Wrong, Says); 4] = [
        (
            "wrapped for another agency's key",
            |world, it, _| {
                let anothers = seal_secret(world, "us.ctc");
                it.submission.wraps[0] = it.wrap(anothers.public_key(), "ru.ctc", false);
            },
            |why| matches!(why, Unreadable::Wrap(OpenError::Unreadable)),
        ),
        (
            "a wrap of another header",
            |_, it, other| it.submission.wraps[0] = other.submission.wraps[0].clone(),
            |why| matches!(why, Unreadable::Wrap(OpenError::Unreadable)),
        ),
        (
            "the key of another body",
            |world, it, other| {
                let theirs = seal_secret(world, "ru.ctc");
                it.key = other.key.clone();
                it.submission.wraps[0] = it.wrap(theirs.public_key(), "ru.ctc", false);
            },
            |why| matches!(why, Unreadable::Body(OpenError::Unreadable)),
        ),
        (
            "a wrap with a changed byte",
            |_, it, _| {
                let mut bytes = it.submission.wraps[0].wrapped.to_vec();
                *bytes.last_mut().unwrap() ^= 1;
                it.submission.wraps[0].wrapped = bytes.into();
            },
            |why| matches!(why, Unreadable::Wrap(OpenError::Unreadable)),
        ),
    ];
    for (what, wrong, says) in table {
        let other = opened(&world, &us, &["ru.ctc"]).await;
        let mut it = opened(&world, &us, &["ru.ctc"]).await;
        wrong(&world, &mut it, &other);
        let mut stream = us.submit_many().await.unwrap();
        stream.send(it.submission.clone()).await.unwrap();
        stream.next().await.unwrap().unwrap().1.unwrap();
        let delivered = receive_one(&ru, "ru.ctc").await;
        let Content::Unreadable(why) = &delivered.content else {
            panic!("{what}: {:?}", delivered.content);
        };
        assert!(says(why), "{what}: {why}");
        let refused = AcknowledgementDraft {
            reason: Some(RefusalReason::Unreadable),
            ..answer(&delivered, AcknowledgementKind::Refused)
        };
        ru.acknowledge(&refused).await.unwrap();
        let seen = us.warning(WarningName::Digest(delivered.digest)).await.unwrap();
        let thread = &seen.threads[&parsed::<DeskAddress>("ru.ctc")];
        let ThreadFact::Acknowledged(last) = &thread.events.last().unwrap().what else {
            panic!("{what}");
        };
        assert_eq!(
            last.acknowledgement.reason,
            Some(RefusalReason::Unreadable),
            "{what}"
        );
    }
}

/// A profile that has lost its key says that it has, and blames nobody; the key brought back, the same delivery is read.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_key_is_no_bad_wrap() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let (us, ru) = (world.client("us.ctc"), world.client("ru.ctc"));
    let file = world.profile("ru.ctc").secret_key(KeyRole::Seal);
    let kept = world.path().join("kept.pem");
    std::fs::rename(&file, &kept).unwrap();
    us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let delivered = receive_one(&ru, "ru.ctc").await;
    assert_eq!(delivered.content, Content::Closed);
    std::fs::rename(&kept, &file).unwrap();
    let again = ru.stored(&delivered.inbox_name()).await.unwrap().unwrap();
    assert_eq!(headline(&again.content), HEADLINE);
}

/// What a relay can do wrong to a sealed warning on its way: each is found out, and stops the recipient; a table.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_cannot_change_what_is_sealed() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let other = opened(&world, &us, &["ru.ctc"]).await;
    let rewrapped = other.submission.wraps[0].wrapped.clone();
    type Lie = Box<dyn FnMut(&mut v1::Delivery) + Send>;
    let table: [(&str, Lie, &str); 4] = [
        (
            "another wrap",
            Box::new(move |it| it.wrapped = rewrapped.clone()),
            "its wrap is not the one on the record",
        ),
        (
            "no wrap",
            Box::new(|it| it.wrapped.clear()),
            "its body came without the wrap",
        ),
        (
            "a changed body",
            Box::new(|it| {
                let body = it.body.as_mut().unwrap();
                let mut content = body.content.to_vec();
                content[3] ^= 1;
                body.content = content.into();
            }),
            "its body is not the one that was signed",
        ),
        (
            "a body that is cut",
            Box::new(|it| {
                let body = it.body.as_mut().unwrap();
                body.content = body.content.slice(..body.content.len() - 1);
            }),
            "its body is not the one that was signed",
        ),
    ];
    for (what, lie, found) in table {
        let (ru, meddler) = lied_to(&world, "ru.ctc").await;
        meddler.delivery(lie);
        let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
        let (error, evidence) = found_out(deliveries.next().await);
        assert!(
            matches!(&error, VerificationError::Delivery { why, .. } if why.contains(found)),
            "{what}: {error}"
        );
        assert!(evidence.unwrap().join("delivery.pb").exists(), "{what}");
    }
}

/// The record that a relay shows has another wrap on it than was made: it is no receipt of what was sent.
#[tokio::test(flavor = "multi_thread")]
async fn the_recorded_wrap_is_ours() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    let it = opened(&world, &us, &["ru.ctc"]).await;
    let theirs = seal_secret(&world, "ru.ctc");
    let mut changed = it.submission.clone();
    changed.wraps[0] = it.wrap(theirs.public_key(), "ru.ctc", false);
    assert_ne!(
        wrap_digest(&changed.wraps[0].wrapped),
        wrap_digest(&it.submission.wraps[0].wrapped)
    );
    let mut stream = us.submit_many().await.unwrap();
    stream.send(changed).await.unwrap();
    stream.next().await.unwrap().unwrap().1.unwrap();
    // The relay has this warning with other wraps: what we hold is not what is on the record.
    let mut stream = us.submit_many().await.unwrap();
    stream.send(it.submission).await.unwrap();
    let (error, _) = found_out(stream.next().await.unwrap().unwrap().1);
    assert!(
        matches!(&error, VerificationError::OtherRecord { why, .. } if why.contains("wrap")),
        "{error}"
    );
}

/// Wraps that are not those of the relay's resolution are made again, once, by themselves: the same signed bytes are on the record,
/// and are read by whom they were addressed to.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_sealed_again_once() {
    let world = World::with(&["us.ctc", "ru.ctc", "be.ctc"]).await;
    let us = world.client("us.ctc");
    let it = opened(&world, &us, &["ru.ctc", "be.ctc"]).await;
    let mut entry = us.prepare(&draft(&["ru.ctc"])).await.unwrap();
    us.outbox().drop_entry(&entry).unwrap();
    let mut short = it.submission.clone();
    short.wraps.remove(0);
    entry.id = short.hint.id;
    entry.message = prost::Message::encode_to_vec(&v1::Submission::from(&short)).into();
    assert_eq!(entry.kind, OutboxKind::Warning);
    us.outbox().put(&entry).unwrap();
    let sent = us.submit_entry(&entry).await.unwrap();
    assert_eq!(sent.digest, it.submission.envelope.digest());
    assert!(us.outbox().list().unwrap().is_empty());
    for agency in ["ru.ctc", "be.ctc"] {
        let delivered = receive_one(&world.client(agency), agency).await;
        assert_eq!(headline(&delivered.content), HEADLINE, "{agency}");
    }
}

/// A relay that asks to seal to somebody who was not addressed gets nothing: the refusal stands, and the warning stays in the outbox
/// as it was.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sealed_to_whom_only_the_relay_names() {
    let world = World::with(&["us.ctc", "ru.ctc", "be.ctc"]).await;
    let (us, meddler) = lied_to(&world, "us.ctc").await;
    meddler.refused(|_| {
        let mut refused = wardline::error::Refused::new(ErrorCode::WrapsMismatch, "seal it to be.ctc too");
        refused.near = vec!["be.ctc".to_owned(), "ru.ctc".to_owned()];
        wardline::wire::refusal(&refused, wardline::error::SideEffect::None, None)
    });
    let refused = us.submit(&draft(&["ru.ctc"])).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::WrapsMismatch));
    let [entry] = us.outbox().list().unwrap().try_into().unwrap();
    let kept: v1::Submission = prost::Message::decode(entry.message.clone()).unwrap();
    let agencies: Vec<&str> = kept.wraps.iter().map(|wrap| wrap.agency.as_str()).collect();
    assert_eq!(agencies, ["ru.ctc", "us.ctc"]);
}

/// Whoever has no seal key is not sealed to, and nothing is signed or sent; in clear it goes.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_key_is_named() {
    let world = World::with(&["us.ctc"]).await;
    let roles: Vec<_> = wardline::client::keys::AGENCY_ROLES
        .into_iter()
        .filter(|role| *role != KeyRole::Seal)
        .collect();
    world.enrol_with(&world.operator(), "ru.ctc", &roles).await;
    let us = world.client("us.ctc");
    let refused = us.submit(&draft(&["ru.ctc"])).await.unwrap_err().to_string();
    assert!(
        refused.contains("ru.ctc has no key") && refused.contains("--clear"),
        "{refused}"
    );
    assert!(us.outbox().list().unwrap().is_empty());
    us.submit(&in_clear(&["ru.ctc"])).await.unwrap();
}

/// Nobody's files hold a word of what was sealed: neither the relay's, nor the two agencies' own.
#[tokio::test(flavor = "multi_thread")]
async fn no_file_is_left_that_tells() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let (us, ru) = (world.client("us.ctc"), world.client("ru.ctc"));
    us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let delivered = receive_one(&ru, "ru.ctc").await;
    ru.acknowledge(&noted(&delivered, "Zephyrine, by the river"))
        .await
        .unwrap();
    let told: Vec<PathBuf> = crate::at_rest::telling(world.path());
    assert_eq!(told, [] as [PathBuf; 0]);
}

/// A warning that is delivered without its text, which nothing can have erased yet, is not taken: it is neither given out nor signed
/// for, and what became of it is asked, so that it is found to be withheld; whole, it comes as any other.
#[tokio::test(flavor = "multi_thread")]
async fn without_its_text_a_warning_has_not_come() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    let sent = us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let (ru, meddler) = lied_to(&world, "ru.ctc").await;
    meddler.delivery(|it| {
        it.body = None;
        it.wrapped.clear();
    });
    let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
    loop {
        match deliveries.next().await.unwrap() {
            Incoming::Warning(delivered) => panic!("{delivered:?}"),
            Incoming::Accounted { accounted, .. } => {
                let (error, _) = found_out(accounted);
                assert!(matches!(error, VerificationError::Withheld { .. }), "{error}");
                break;
            }
            Incoming::CaughtUp { .. } | Incoming::Received(_) => {}
        }
    }
    assert!(ru.inbox().list().unwrap().is_empty());
    let seen = us.warning(WarningName::Digest(sent.digest)).await.unwrap();
    let thread = &seen.threads[&parsed::<DeskAddress>("ru.ctc")];
    assert!(thread.step <= Step::HandedOver, "{}", thread.step);
    let delivered = receive_one(&world.client("ru.ctc"), "ru.ctc").await;
    assert_eq!(headline(&delivered.content), HEADLINE);
}

/// What waits in the outbox is not sent once a key that it is sealed to was revoked: its thief would read it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_sealed_to_a_revoked_key_is_not_sent() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    let entry = us.prepare(&draft(&["ru.ctc"])).await.unwrap();
    let next = world.new_key("ru.ctc", KeyRole::Seal, "ru.ctc-next").await;
    let ru = world.client("ru.ctc");
    ru.publish_key(&next.envelope).await.unwrap();
    ru.follow_directory().await.unwrap();
    let known = ru.known_directory().await;
    let agency = wardline::domain::Principal::Agency(parsed("ru.ctc"));
    let old = known
        .directory()
        .keys_of(&agency)
        .find(|key| key.role == KeyRole::Seal && key.keyid != next.keyid);
    let revocation = revocation_by_root(&world, "ru.ctc", old.unwrap().keyid).await;
    ru.publish_key(&revocation).await.unwrap();
    let refused = us.submit_entry(&entry).await.unwrap_err();
    assert!(refused.to_string().contains("was revoked meanwhile"), "{refused}");
    assert!(us.outbox().holds(&entry));
    us.outbox().drop_entry(&entry).unwrap();
    // What is signed now is sealed to the new one.
    let sent = us.submit(&draft(&["ru.ctc"])).await.unwrap();
    assert_eq!(sent.sealed_to_ended, []);
}

/// A wrap of the originator's own that the relay made up opens nothing, and no recipient's note is called unreadable for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_made_up_wrap_of_the_originators_blames_nobody() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let (us, meddler) = lied_to(&world, "us.ctc").await;
    let sent = us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let ru = world.client("ru.ctc");
    let delivered = receive_one(&ru, "ru.ctc").await;
    ru.acknowledge(&noted(&delivered, "Where?")).await.unwrap();
    let other = opened(&world, &us, &["ru.ctc"]).await;
    let ours = seal_secret(&world, "us.ctc");
    let (agency, digest) = (parsed::<AgencyId>("us.ctc"), sent.digest);
    let forged = wrap_key(
        ours.public_key(),
        &digest,
        &agency,
        &other.key,
        Some(&other.reply),
    )
    .unwrap();
    meddler.warning(move |it| it.wraps[0].wrapped = forged.clone().into());
    let seen = us.warning(WarningName::Digest(digest)).await.unwrap();
    assert_eq!(seen.content, Content::Closed);
    assert!(matches!(note_of(&seen, "ru.ctc"), Note::Closed(_)));
}
