//! One warning with its threads, as this principal may see it: asked for page by page, each page verified before the next
//! is asked for, and nothing shown before all of it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message as _;

use super::delivery::{Checked, check_addressed, check_warning, check_wrap};
use super::directory::KnownDirectory;
use super::error::ClientError;
use super::handle::Client;
use super::held::leaves;
use super::opening::{Content, Opener, wrap_of_kind};
use super::proven::{ProvenRecord, prove, prove_message};
use super::threads::{ThreadEvent, ThreadFact, Threads, VerifiedThread};
use super::trust::Word;
use super::verification::VerificationError;
use crate::domain::{
    DeskAddress, DetachedPart, Digest, KeyId, RecordKind, SignedEnvelope, Step, ThreadView, Warning,
    WarningName, Wrap,
};
use crate::limits;
use crate::seal::{SealSecretKey, WrapKind};
use crate::transparency::SignedCheckpoint;
use crate::wire::{self, v1};

/// A warning and its threads, as far as this principal may see them; everything here was verified.
#[derive(Debug, Clone)]
pub struct VerifiedWarning {
    /// The warning.
    pub digest: Digest,
    /// What is signed.
    pub warning: Warning,
    /// What it says, as far as it can be read here.
    pub content: Content,
    /// The key that signed it.
    pub keyid: KeyId,
    /// Whether a person has confirmed that key.
    pub key_confirmed: bool,
    /// The `ACCEPTED` record; its originator and auditors only.
    pub accepted: Option<ProvenRecord>,
    /// The threads, by recipient.
    pub threads: BTreeMap<DeskAddress, VerifiedThread>,
    /// What opens the texts of its answers: of our own.
    pub(crate) reply: Option<Arc<SealSecretKey>>,
    /// What all of it was proven against; where it came in several pages, the oldest: the later ones are newer.
    pub checkpoint: SignedCheckpoint,
}

/// A warning of which some pages have come.
struct View {
    checked: Checked,
    /// Wraps that the relay shows us.
    wraps: Vec<Wrap>,
    accepted: Option<ProvenRecord>,
    checkpoint: SignedCheckpoint,
    threads: Threads,
    /// The highest step that the relay has claimed of each thread.
    claimed: BTreeMap<DeskAddress, Step>,
}

impl Client {
    /// One warning with its threads. Fails if anything of it does not verify, or if a thread is missing.
    pub async fn warning(&self, name: WarningName) -> Result<VerifiedWarning, ClientError> {
        let mut answers: Vec<Vec<u8>> = Vec::new();
        let looked = self.look(&name, &mut answers).await;
        let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
        self.with_all_evidence(looked, "warning", &answers)
    }

    /// Asks for page after page. Every answer is kept for whoever must be shown that it was untrue.
    async fn look(
        &self,
        name: &WarningName,
        answers: &mut Vec<Vec<u8>>,
    ) -> Result<VerifiedWarning, ClientError> {
        // Before anything is asked.
        let held = self.held().await?;
        let mut before = self.inner.trust.newest().await.size();
        let mut view: Option<View> = None;
        let mut request = v1::GetWarningRequest {
            warning: Some(name.into()),
            page_token: String::new(),
        };
        let mut bytes = 0usize;
        loop {
            let mut answer = self
                .inner
                .connection
                .call(&request, |channel, message| async move {
                    v1::exchange_client::ExchangeClient::new(channel)
                        .max_decoding_message_size(limits::GRPC_ANSWER_BYTES_MAX)
                        .get_warning(message)
                        .await
                })
                .await?;
            answers.push(answer.encode_to_vec());
            bytes = bytes.saturating_add(answer.encoded_len());
            // A later page is of no older log than the one before.
            let checkpoint = self
                .inner
                .trust
                .accept_fresh(&answer.checkpoint, before, self)
                .await?;
            before = checkpoint.size();
            let directory = self.directory_to(before).await?;
            request.page_token = std::mem::take(&mut answer.next_page_token);
            let threads = std::mem::take(&mut answer.threads);
            let view = match &mut view {
                Some(_) if threads.is_empty() => return Err(endless()),
                Some(view) => view,
                None => {
                    let first = self
                        .first_page(name, answer, &threads, &checkpoint, &directory)
                        .await?;
                    view.insert(first)
                }
            };
            for thread in threads {
                view.take_in(thread, &checkpoint, &directory)?;
            }
            if request.page_token.is_empty() {
                break;
            }
            if answers.len() >= limits::WARNING_PAGES_MAX || bytes > limits::WARNING_PAGES_BYTES_MAX {
                return Err(endless());
            }
        }
        let view = view.ok_or(VerificationError::Incomplete(NOTHING))?;
        let directory = self.directory_to(before).await?;
        let warning = self.whole(view, &directory).await?;
        let shown: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
        if let Some(accepted) = &warning.accepted {
            self.hold_acceptance(warning.warning.common.id, accepted, &shown)
                .await?;
        }
        self.hold_against(
            &held,
            warning.digest,
            &leaves(&warning.threads),
            &warning.checkpoint,
            &shown,
        )
        .await?;
        Ok(warning)
    }

    /// The warning itself.
    async fn first_page(
        &self,
        name: &WarningName,
        answer: v1::GetWarningResponse,
        threads: &[v1::Thread],
        checkpoint: &SignedCheckpoint,
        directory: &KnownDirectory,
    ) -> Result<View, ClientError> {
        let envelope: SignedEnvelope = wire::required_as(answer.envelope, "envelope").map_err(unreadable)?;
        let body: Option<DetachedPart> = wire::optional_as(answer.body, "body").map_err(unreadable)?;
        let accepted = answer
            .accepted
            .map(|receipt| prove_message(Some(receipt), checkpoint))
            .transpose()?;
        let digest = envelope.digest();
        let routed = threads.iter().flat_map(|thread| thread.records.first()).next();
        let first = match (&accepted, routed) {
            (Some(accepted), _) => accepted.clone(),
            (None, Some(routed)) => prove_message(Some(routed.clone()), checkpoint)?,
            (None, None) => return Err(VerificationError::Incomplete(NOTHING).into()),
        };
        let checked = check_warning(
            envelope,
            body,
            first.index(),
            self.settings().log.origin(),
            directory,
        )?;
        self.accept_seen_of(&checked, &first).await?;
        let named = match name {
            WarningName::Digest(wanted) => *wanted == digest,
            WarningName::Id(wanted) => *wanted == checked.warning.common.id,
        };
        if !named {
            return Err(VerificationError::Incomplete("it is another warning than was asked for").into());
        }
        let wraps = answer
            .wraps
            .into_iter()
            .map(Wrap::try_from)
            .collect::<Result<_, _>>();
        Ok(View {
            checked,
            wraps: wraps.map_err(unreadable)?,
            accepted,
            checkpoint: checkpoint.clone(),
            threads: Threads::new(),
            claimed: BTreeMap::new(),
        })
    }

    /// All pages have come: what is said of the whole must be so.
    async fn whole(&self, view: View, directory: &KnownDirectory) -> Result<VerifiedWarning, ClientError> {
        let View {
            checked,
            wraps,
            accepted,
            checkpoint,
            mut threads,
            claimed,
        } = view;
        let digest = checked.verified.digest();
        for (desk, thread) in &threads {
            let claimed = claimed.get(desk).copied().unwrap_or(Step::Routed);
            if thread.step != claimed {
                return Err(VerificationError::Thread {
                    digest,
                    desk: desk.clone(),
                    why: format!("the relay says {claimed} and the records show {}", thread.step),
                }
                .into());
            }
        }
        for answer in threads.values().flat_map(|thread| &thread.events) {
            self.accept_seen_in(answer).await?;
        }
        match &accepted {
            Some(accepted) => self.check_acceptance(&checked, accepted, &threads)?,
            // Without it nobody could tell whether a thread is missing.
            None if self.is_ours(&checked) => {
                return Err(VerificationError::Incomplete("our own acceptance is not shown").into());
            }
            None => {}
        }
        let (content, reply) = self
            .read_content(&checked, &wraps, &mut threads, directory)
            .await?;
        let keyid = checked.verified.keyid();
        Ok(VerifiedWarning {
            digest,
            keyid,
            key_confirmed: directory.is_confirmed(&keyid),
            warning: checked.warning,
            content,
            reply,
            accepted,
            threads,
            checkpoint,
        })
    }

    /// Reads the body, and the texts of the answers if the warning is ours.
    async fn read_content(
        &self,
        checked: &Checked,
        wraps: &[Wrap],
        threads: &mut Threads,
        directory: &KnownDirectory,
    ) -> Result<(Content, Option<Arc<SealSecretKey>>), ClientError> {
        let keys = self.seal_keys().await?;
        let opener = Opener {
            origin: self.settings().log.origin(),
            principal: &self.settings().principal,
            keys: &keys,
            directory: directory.directory(),
        };
        let (mut content, mut reply) = (Content::Closed, None);
        if self.is_ours(checked) {
            let (own, secret) = opener.own(checked, wrap_of_kind(wraps, WrapKind::Originator));
            (content, reply) = (own, secret.map(Arc::new));
            if let Some(reply) = &reply {
                for thread in threads.values_mut() {
                    thread.open_notes(reply);
                }
            }
        }
        if content != Content::Closed {
            return Ok((content, reply));
        }
        let agency = self.settings().principal.agency();
        let routed = threads.iter().find(|(desk, _)| Some(desk.agency()) == agency);
        match routed.and_then(|(_, thread)| thread.events.first()) {
            Some(first) => {
                let wrap = wrap_of_kind(wraps, WrapKind::Recipient);
                check_wrap(checked, &first.proven, wrap)?;
                Ok((opener.delivered(checked, wrap, first.index), reply))
            }
            None => Ok((opener.delivered(checked, None, 0), reply)),
        }
    }

    /// An acceptance holds the warning and, to its originator, every thread that it lists.
    fn check_acceptance(
        &self,
        checked: &Checked,
        accepted: &ProvenRecord,
        threads: &Threads,
    ) -> Result<(), VerificationError> {
        let RecordKind::Accepted(record) = &accepted.record().kind else {
            return Err(VerificationError::OtherRecord {
                index: accepted.index(),
                why: "it is no ACCEPTED record",
            });
        };
        if record.warning != *checked.verified.envelope() {
            return Err(VerificationError::OtherRecord {
                index: accepted.index(),
                why: "it holds another warning",
            });
        }
        let shown: Vec<_> = threads.values().filter_map(VerifiedThread::routed_leaf).collect();
        if !shown.iter().all(|leaf| record.routed.contains(leaf)) {
            return Err(VerificationError::Incomplete(
                "a thread is shown that the acceptance does not list",
            ));
        }
        if self.is_ours(checked) && !record.routed.iter().all(|leaf| shown.contains(leaf)) {
            return Err(VerificationError::Incomplete(
                "a thread is missing that the acceptance lists",
            ));
        }
        Ok(())
    }

    /// Whether we signed the warning.
    fn is_ours(&self, checked: &Checked) -> bool {
        let signer = checked.warning.common.named();
        signer.is_some_and(|signer| self.is_us(&signer.principal))
    }

    /// What the originator had seen is on the history that we see. `record` is the first that is about the warning.
    async fn accept_seen_of(&self, checked: &Checked, record: &ProvenRecord) -> Result<(), ClientError> {
        let envelope = checked.verified.envelope();
        match checked.warning.common.named().and_then(|signer| signer.seen) {
            Some(seen) => {
                let word = Word { envelope, record };
                self.inner.trust.accept_seen(&seen, word, self).await
            }
            None => Ok(()),
        }
    }

    /// What a recipient had seen is on the history that we see.
    pub(super) async fn accept_seen_in(&self, event: &ThreadEvent) -> Result<(), ClientError> {
        let record = &event.proven;
        if let ThreadFact::Acknowledged(answer) = &event.what
            && let RecordKind::Acknowledged(envelope) = &record.record().kind
            && let Some(seen) = answer
                .acknowledgement
                .common
                .named()
                .and_then(|signer| signer.seen)
        {
            let word = Word { envelope, record };
            self.inner.trust.accept_seen(&seen, word, self).await?;
        }
        Ok(())
    }
}

impl View {
    /// Takes in what a page shows of a thread: its records are the next ones, from `ROUTED` on.
    fn take_in(
        &mut self,
        thread: v1::Thread,
        checkpoint: &SignedCheckpoint,
        directory: &KnownDirectory,
    ) -> Result<(), VerificationError> {
        let view = ThreadView::try_from(thread).map_err(unreadable)?;
        let mut texts: BTreeMap<u64, DetachedPart> = view.texts.into_iter().collect();
        if view.records.is_empty() {
            return Err(VerificationError::Incomplete("a thread without records"));
        }
        let checked = &self.checked;
        let thread = self.threads.entry(view.desk.clone()).or_insert_with(|| {
            let id = checked.warning.common.id;
            VerifiedThread::new(checked.verified.digest(), id, view.desk.clone())
        });
        for receipt in view.records {
            let proven = prove(receipt, checkpoint)?;
            let text = texts.remove(&proven.index());
            if thread.events.is_empty() && check_addressed(checked, &proven, directory)? != view.desk {
                return Err(VerificationError::Incomplete(
                    "a thread begins with another's record",
                ));
            }
            thread.push(proven, text, directory)?;
        }
        let claimed = self.claimed.entry(view.desk).or_insert(view.step);
        *claimed = view.step.max(*claimed);
        Ok(())
    }
}

const NOTHING: &str = "no record shows the warning";

fn unreadable(_: crate::error::Refused) -> VerificationError {
    VerificationError::Incomplete("the warning cannot be read")
}

fn endless() -> ClientError {
    VerificationError::Incomplete("the pages of the warning come to no end").into()
}
