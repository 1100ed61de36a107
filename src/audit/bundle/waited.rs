//! The wait for the witnesses: right after an answer the newest cosigned checkpoint does not hold it yet, and within seconds it does.
//! Bounded, because a witness owes nobody an answer: after that a bundle is made of what is there.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::make::{Made, NotMade, make};
use crate::client::Client;
use crate::domain::WarningName;
use crate::limits;

/// What a bundle waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Awaited {
    /// A cosigned checkpoint of at least so many records holds all that there is of the warning.
    pub size: u64,
    /// The newest cosigned one is of so many.
    pub cosigned: u64,
}

impl Made {
    /// Where the relay has witnesses and the bundle's own checkpoint is not cosigned: what would have to be. None: it is
    /// cosigned, or nothing shows that anybody would cosign it.
    pub fn awaited(&self) -> Option<Awaited> {
        // The first signature is the log's.
        let is_cosigned = |note: &str| note.lines().filter(|line| line.starts_with('\u{2014}')).count() > 1;
        let records = self.findings.acts.iter().map(|act| act.index);
        let awaited = Awaited {
            size: records.max()?.saturating_add(1),
            cosigned: self.cosigned_size.unwrap_or_default(),
        };
        let has_witnesses = || {
            let mut earlier = self.bundle.earlier.iter();
            self.cosigned_size.is_some() || earlier.any(|it| is_cosigned(&it.checkpoint))
        };
        (!is_cosigned(&self.bundle.checkpoint) && has_witnesses()).then_some(awaited)
    }
}

/// Makes the bundle of a warning; where the witnesses have not cosigned all of it yet, once they have, or after so long without.
/// `waits` is told of it when the wait begins.
pub async fn make_cosigned(
    client: &Client,
    name: &WarningName,
    at_most: Duration,
    waits: impl FnOnce(Awaited),
) -> Result<Made, NotMade> {
    let mut made = make(client, name).await?;
    let until = Instant::now().checked_add(at_most);
    let mut waits = Some(waits);
    while let Some(awaited) = made.awaited().filter(|_| !at_most.is_zero()) {
        if let Some(waits) = waits.take() {
            waits(awaited);
        }
        if !is_cosigned(client, awaited, until).await? {
            break;
        }
        // There may be more of it by now.
        made = make(client, name).await?;
    }
    Ok(made)
}

/// Asks until there is one, or the time is over.
async fn is_cosigned(client: &Client, awaited: Awaited, until: Option<Instant>) -> Result<bool, NotMade> {
    while until.is_none_or(|until| Instant::now() < until) {
        sleep(Duration::from_millis(limits::BUNDLE_COSIGNED_ASK_EVERY_MS)).await;
        let newest = client.newest_cosigned().await?;
        if newest.is_some_and(|newest| newest.size() >= awaited.size) {
            return Ok(true);
        }
    }
    Ok(false)
}
