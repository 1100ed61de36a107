//! The followers: whoever keeps a copy of this log's checkpoints and shows the newest at a URL, such as a mirror of the
//! public read side or an auditor. They are asked at a start, beside the witnesses. Only what this log's own key has signed
//! counts, so that nobody need be trusted; what is not, and who does not answer, stops nothing.

use std::sync::Arc;

use futures_util::future::join_all;
use http::StatusCode;

use super::contradictions::Contradictions;
use super::witnesses::BehindWitnesses;
use crate::fetch::{Bounds, Fetch, Url};
use crate::journal::Head;
use crate::limits;
use crate::transparency::SignedCheckpoint;

/// Whom a relay asks at its start.
#[derive(Debug, Clone, Default)]
pub struct FollowerOptions {
    /// Where each shows a signed checkpoint of this log.
    pub urls: Vec<Url>,
    /// How long a start waits for them, all together. Milliseconds.
    pub start_ms_max: u64,
}

/// Asks all of them at once. An error: one shows what is not on this log.
pub(super) async fn ask(
    options: &FollowerOptions,
    fetch: &Fetch,
    contradictions: &Arc<Contradictions>,
    head: Head,
) -> Result<(), BehindWitnesses> {
    let bounds = Bounds {
        time_ms: options.start_ms_max,
        answer_bytes: limits::CHECKPOINT_BYTES_MAX,
    };
    let shown = join_all(
        options
            .urls
            .iter()
            .map(|url| shown(url, fetch, contradictions, bounds)),
    )
    .await;
    let mut verdict = Ok(());
    for (url, shown) in options.urls.iter().zip(shown) {
        let judged = match &shown {
            Ok(shown) => contradictions.contradicts(shown, head).await,
            Err(why) => Err(why.clone()),
        };
        match (judged, shown) {
            (Ok(true), Ok(shown)) => {
                let by = format!("the follower {url}");
                contradictions.keep(&by, &shown).await;
                let size = shown.size();
                verdict = verdict.and(Err(BehindWitnesses::Signed { by, size }));
            }
            (Ok(_), shown) => {
                let size = shown.map(|shown| shown.size()).ok();
                tracing::info!(%url, size, "a follower of this log agrees");
            }
            (Err(why), _) => tracing::warn!(%url, why, "a follower of this log says nothing"),
        }
    }
    verdict
}

/// The checkpoint that a follower shows, under this log's signature.
async fn shown(
    url: &Url,
    fetch: &Fetch,
    contradictions: &Contradictions,
    bounds: Bounds,
) -> Result<SignedCheckpoint, String> {
    let answer = fetch.get(url, bounds).await.map_err(|error| error.to_string())?;
    match answer.status {
        StatusCode::OK => contradictions
            .signed(&answer.body)
            .ok_or_else(|| "what it shows is no checkpoint signed by this log's key".to_owned()),
        status => Err(format!("it answers with status {}", status.as_u16())),
    }
}
