//! Nothing is waited for without a bound, and what was signed is sent until it is on the record.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

use crate::cli::{Exit, Fault};
use crate::client::{Backoff, ClientError};
use crate::limits;

/// Waits for something, but not for ever.
pub(super) async fn within<T>(what: &str, waited: impl Future<Output = T>) -> Result<T, Fault> {
    let bound = Duration::from_millis(limits::DEMO_WAIT_MS_MAX);
    timeout(bound, waited).await.map_err(|_| {
        let sentence = format!("{what} did not come within {} ms", limits::DEMO_WAIT_MS_MAX);
        Fault::new(Exit::TimedOut, sentence)
    })
}

/// Sends what is in the outbox until there is a receipt: the SDK tries several times, and this, however long the relay is
/// away, within the bound.
pub(super) async fn until_recorded<T, F>(what: &str, send: impl Fn() -> F) -> Result<T, Fault>
where
    F: Future<Output = Result<T, ClientError>>,
{
    let mut backoff = Backoff::new(limits::CLIENT_BACKOFF_MS_MAX);
    within(what, async {
        loop {
            match send().await {
                Err(error) if error.is_passing() => {
                    tracing::info!(%error, "sent again, the same bytes");
                    backoff.wait().await;
                }
                ended => return Ok(ended?),
            }
        }
    })
    .await?
}
