//! What is counted of bodies and texts that are absent or told to be erased: none of it convicts, all of it is to be asked about.

use super::beside::Beside;
use super::state::StateError;
use super::verify::Verifier;
use crate::domain::{Record, RecordKind};
use crate::ledger::{Facts as _, FactsError, ThreadFact, ThreadKey, held};

impl Verifier {
    /// Whether the thread of this record begins without the body of its warning, or goes on with an answer without its text.
    pub(super) fn leaves_absent(&mut self, record: &Record, beside: &Beside) -> bool {
        if matches!(record.kind, RecordKind::Accepted(_)) {
            self.body_absent = beside.is_absent();
            return false;
        }
        let begins = matches!(record.kind, RecordKind::Routed(_));
        beside.is_absent() || (begins && self.body_absent && self.routings.is_some())
    }

    /// The thread as it is before an `ERASED` record, and whether a hold reaches it; none of any other record.
    pub(super) fn to_be_erased(&self, record: &Record) -> Result<Option<(ThreadFact, bool)>, StateError> {
        let (RecordKind::Erased(_), Some(link)) = (&record.kind, &record.thread) else {
            return Ok(None);
        };
        let failed = |error: FactsError| StateError::Failed(error.0);
        let key = ThreadKey {
            warning: link.warning,
            desk: link.desk.clone(),
        };
        let Some(thread) = self.facts.thread(&key).map_err(failed)? else {
            return Ok(None);
        };
        let held = held(&self.directory, &self.facts, &key, record.time).map_err(failed)?;
        Ok(Some((thread, held.is_some())))
    }

    /// What is told to be erased was shown all the same, or is absent as it should be: a text, or a body, which each recipient's thread
    /// tells of.
    pub(super) fn count_erased(&mut self, thread: &ThreadFact, index: u64) {
        let now = index >= self.resumed_at().unwrap_or_default();
        let text = thread.texts.iter().find(|text| text.index == index);
        match (text, &thread.acceptance) {
            (Some(text), _) => self.counts.erased(text.absent, now),
            (None, Some(of)) => {
                if self.facts.body_told(of) {
                    self.counts.erased(thread.body_absent, now);
                }
            }
            // Only the recipient's part is seen: the body lies beside a record that is not.
            (None, None) => {}
        }
    }
}
