//! Refusals, as peers are told of them and as a client reads them. A client may be older than its relay: a code that it
//! does not know says only that the outcome is not known.

use super::convert_proof::with_checkpoint;
use super::fields::Within;
use super::v1;
use crate::domain::{Receipt, is_direction_mark, is_unseen};
use crate::error::{ErrorCode, Refused, SideEffect};
use crate::limits;

/// A refusal as a peer told it. Unproven, but for its rejection's receipt, which the reader verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldRefusal {
    /// Why.
    pub refused: Refused,
    /// Whether anything happened.
    pub side_effect: SideEffect,
    /// The `REJECTED` record; its checkpoint is none where one for all stands beside it (`SubmitMany`).
    pub rejection: Option<(Receipt, Option<String>)>,
}

/// A refusal to be told.
pub fn refusal(refused: &Refused, side_effect: SideEffect, rejection: Option<v1::Receipt>) -> v1::Refusal {
    v1::Refusal {
        code: refused.code.number(),
        sentence: refused.sentence.clone(),
        what_to_do: refused.code.what_to_do().to_owned(),
        retryable: refused.code.retryable(),
        side_effect: side_effect.number(),
        field: refused.field.clone(),
        near: refused.near.clone(),
        rejection,
        retry_after_ms: refused.retry_after_ms.unwrap_or(0),
    }
}

impl TryFrom<v1::Refusal> for ToldRefusal {
    type Error = Refused;
    /// Fails only if its receipt is none.
    fn try_from(message: v1::Refusal) -> Result<Self, Refused> {
        let rejection = match message.rejection {
            None => None,
            Some(receipt) if receipt.checkpoint.is_empty() => {
                Some((receipt.try_into().within("rejection")?, None))
            }
            Some(receipt) => {
                let (receipt, checkpoint) = with_checkpoint(receipt).within("rejection")?;
                Some((receipt, Some(checkpoint)))
            }
        };
        let sentence = plain(&message.sentence, limits::REASON_CHARS_MAX);
        let (code, sentence) = match ErrorCode::from_number(message.code) {
            Some(code) => (code, sentence),
            None => (
                ErrorCode::Unavailable,
                format!("the relay answered with code {}: {sentence}", message.code),
            ),
        };
        let near_max = match code {
            // All whom the warning goes to, and not the likeliest names.
            ErrorCode::WrapsMismatch => limits::AUDIENCE_MAX,
            _ => limits::NEAR_NAMES_MAX,
        };
        let near = message.near.iter().take(near_max);
        Ok(Self {
            refused: Refused {
                code,
                sentence,
                field: plain(&message.field, limits::REASON_CHARS_MAX),
                near: near.map(|name| plain(name, limits::ID_CHARS_MAX)).collect(),
                retry_after_ms: (message.retry_after_ms > 0).then_some(message.retry_after_ms),
            },
            side_effect: SideEffect::from_number(message.side_effect),
            rejection,
        })
    }
}

/// A peer's words on their way to a terminal or a log: one line, cut, and without characters that are obeyed, show nothing, or change
/// its direction.
pub fn plain(text: &str, chars_max: usize) -> String {
    text.chars()
        .take(chars_max)
        .map(|c| {
            if is_unseen(c) || is_direction_mark(c) {
                ' '
            } else {
                c
            }
        })
        .collect()
}
