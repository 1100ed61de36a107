//! How a person names a warning: by its id, its digest, or as much of either as is not ambiguous among what this profile
//! has sent and received.

use std::collections::BTreeMap;

use super::error::ClientError;
use super::handle::Client;
use super::inbox::InboxName;
use super::outbox::OutboxKind;
use super::trust::blocking;
use crate::domain::{Digest, PayloadId, WarningName};
use crate::files;

/// A warning that was named.
#[derive(Debug, Clone)]
pub struct Named {
    /// What to ask the relay for.
    pub name: WarningName,
    /// As it was delivered here, once for each desk of ours; empty: it was not.
    pub delivered: Vec<InboxName>,
}

impl Client {
    /// Finds the warning that a text names. A whole id or digest that is not known here is asked for as it is.
    pub async fn named(&self, text: &str) -> Result<Named, ClientError> {
        let (inbox, outbox) = (self.inbox().clone(), self.outbox().clone());
        let receipts = self.profile().receipts();
        let (delivered, sent) = blocking(move || {
            let delivered: Vec<InboxName> = inbox.list()?.into_keys().collect();
            let mut sent: Vec<PayloadId> = files::names(&receipts)?
                .iter()
                .filter_map(|name| name.strip_suffix(".tlog-proof")?.parse().ok())
                .collect();
            let waiting = outbox.list()?.into_iter();
            sent.extend(
                waiting
                    .filter(|entry| entry.kind == OutboxKind::Warning)
                    .map(|entry| entry.id),
            );
            Ok((delivered, sent))
        })
        .await?;
        find(text, delivered, &sent)
    }
}

fn find(text: &str, delivered: Vec<InboxName>, sent: &[PayloadId]) -> Result<Named, ClientError> {
    let wanted = text.trim().to_ascii_lowercase();
    if wanted.is_empty() {
        return Err(ClientError::Invalid("no warning is named".to_owned()));
    }
    let begins = |name: &str| name.starts_with(&wanted);
    let mut found: BTreeMap<String, Named> = BTreeMap::new();
    for name in delivered {
        if begins(&name.id.to_string()) || begins(&name.digest.to_string()) {
            let named = found.entry(name.digest.to_string()).or_insert_with(|| Named {
                name: WarningName::Digest(name.digest),
                delivered: Vec::new(),
            });
            named.delivered.push(name);
        }
    }
    for id in sent.iter().filter(|id| begins(&id.to_string())) {
        // One that we sent to ourselves is there already, by its digest.
        let known = found
            .values()
            .any(|named| named.delivered.iter().any(|name| name.id == *id));
        if !known {
            found.entry(id.to_string()).or_insert(Named {
                name: WarningName::Id(*id),
                delivered: Vec::new(),
            });
        }
    }
    let mut found = found.into_values();
    match (found.next(), found.next()) {
        (Some(named), None) => Ok(named),
        (Some(_), Some(_)) => Err(ClientError::Invalid(format!(
            "{text:?} names more than one warning: write more of it"
        ))),
        (None, _) => {
            let name = match (wanted.parse::<Digest>(), wanted.parse::<PayloadId>()) {
                (Ok(digest), _) => WarningName::Digest(digest),
                (Err(_), Ok(id)) => WarningName::Id(id),
                (Err(_), Err(_)) => {
                    return Err(ClientError::Invalid(format!(
                        "nothing that was sent or received here begins with {text:?}"
                    )));
                }
            };
            Ok(Named {
                name,
                delivered: Vec::new(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn name(time: u64, digest: u8, desk: &str) -> InboxName {
        InboxName {
            id: PayloadId::from_parts(time, [1; 10]),
            digest: Digest([digest; 32]),
            desk: desk.parse().unwrap(),
            number: 1,
        }
    }

    /// A beginning of an id or digest finds what it names; what it names twice, or not at all, is an error; a whole name
    /// passes through.
    #[test]
    fn a_beginning_is_enough() {
        let (a, b) = (0x0100_0000_0000, 0x0200_0000_0000);
        let all = || {
            vec![
                name(a, 0xaa, "be.ctc"),
                name(a, 0xaa, "be.ctc/x"),
                name(b, 0xab, "be.ctc"),
            ]
        };
        let sent = [PayloadId::from_parts(0x0300_0000_0000, [2; 10])];
        let both = find("AAaa", all(), &sent).unwrap();
        assert_eq!(both.delivered.len(), 2);
        assert!(matches!(both.name, WarningName::Digest(Digest(d)) if d == [0xaa; 32]));
        assert!(find("a", all(), &sent).is_err());
        assert!(find("0", all(), &sent).is_err());
        assert!(matches!(find("03", all(), &sent).unwrap().name, WarningName::Id(id) if id == sent[0]));
        assert!(find("ff", all(), &sent).is_err());
        let whole = Digest([0xcc; 32]).to_string();
        assert!(matches!(
            find(&whole, all(), &sent).unwrap().name,
            WarningName::Digest(_)
        ));
    }
}
