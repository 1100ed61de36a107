//! Whatever a peer sends as a message, to a relay or from one, it becomes what it means or a refusal; what is read is written and
//! read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prost::Message;
use wardline::domain::{
    AcknowledgementSubmission, AudienceOpening, DetachedPart, Hint, InboxOpening, Receipt, ReplayedRecord,
    SignedEnvelope, Submission, ThreadView, WarningName, WarningSummary,
};
use wardline::error::Refused;
use wardline::wire::{self, ToldRefusal, v1};

/// A message to the domain, back, and again.
fn there_and_back<M, T>(data: &[u8]) -> Option<T>
where
    M: Message + Default + PartialEq + std::fmt::Debug + for<'a> From<&'a T>,
    T: TryFrom<M, Error = Refused>,
{
    let read = T::try_from(M::decode(data).ok()?).ok()?;
    let written = M::from(&read);
    let decoded = M::decode(written.encode_to_vec().as_slice()).expect("protobuf");
    assert_eq!(decoded, written);
    // Not every one compares; what it writes does.
    let again = T::try_from(decoded).map(|again| M::from(&again));
    assert_eq!(again.as_ref(), Ok(&written));
    Some(read)
}

fuzz_target!(|data: &[u8]| {
    let Some((first, data)) = data.split_first() else {
        return;
    };
    match first % 16 {
        0 => drop(there_and_back::<v1::Submission, Submission>(data)),
        1 => drop(there_and_back::<
            v1::AcknowledgementSubmission,
            AcknowledgementSubmission,
        >(data)),
        2 => drop(there_and_back::<v1::WarningName, WarningName>(data)),
        3 => drop(there_and_back::<v1::Hint, Hint>(data)),
        4 => drop(there_and_back::<v1::Envelope, SignedEnvelope>(data)),
        5 => drop(there_and_back::<v1::AudienceOpening, AudienceOpening>(data)),
        6 => drop(there_and_back::<v1::Part, DetachedPart>(data)),
        7 => drop(there_and_back::<v1::InboxOpening, InboxOpening>(data)),
        8 => drop(there_and_back::<v1::Receipt, Receipt>(data)),
        9 => drop(there_and_back::<v1::WarningSummary, WarningSummary>(data)),
        10 => drop(there_and_back::<v1::Thread, ThreadView>(data)),
        11 => drop(there_and_back::<v1::ReplayedRecord, ReplayedRecord>(data)),
        12 => {
            if let Ok(message) = v1::Receipt::decode(data)
                && let Ok((receipt, note)) = wire::with_checkpoint(message)
            {
                let again = wire::with_checkpoint(wire::proven(&receipt, &note));
                assert_eq!(again, Ok((receipt, note)));
            }
        }
        13 => {
            let refusal = v1::Refusal::decode(data).ok().map(ToldRefusal::try_from);
            let _ = format!("{refusal:?}");
        }
        14 => {
            if let Ok(message) = v1::ProveConsistencyResponse::decode(data) {
                let _ = wire::proof_hashes(&message.proof);
            }
            let _ = wire::checkpoint(data);
        }
        _ => {
            let _ = wire::optional_digest(data, "digest");
            let _ = (
                wire::common(wardline::seal::PayloadKind::Warning, data),
                wire::body(data),
                wire::text(data),
            );
        }
    }
});
