//! The connection to the relay: TLS with the relay's key pinned and ours shown, and calls that are repeated with the very
//! same message as long as that may help.
//!
//! A call that may have reached the relay once stays "unknown" even if later attempts reach nobody.

use std::future::Future;
use std::time::Duration;

use tonic::transport::{Channel, Endpoint};
use tonic::{Response, Status};

use super::error::ClientError;
use super::fault::Fault;
use super::profile::{ProfileDir, ProfileError, Settings};
use crate::domain::KeyRole;
use crate::limits;
use crate::seal::random_bytes;
use crate::tls::{TlsIdentity, client_connector};

/// A connection that is made when it is first used, and again when it broke.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    channel: Channel,
}

impl Connection {
    /// To the relay of a profile, with the profile's TLS key.
    pub(crate) fn of(profile: &ProfileDir, settings: &Settings) -> Result<Self, ClientError> {
        let malformed = |path, problem: String| ProfileError::Malformed { path, problem };
        let certificate = profile.tls_certificate();
        let identity = TlsIdentity::read(&certificate, &profile.secret_key(KeyRole::Tls))
            .map_err(|error| malformed(certificate.clone(), error.to_string()))?;
        let connector = client_connector(settings.tls_pin, &identity)
            .map_err(|error| malformed(certificate, error.to_string()))?;
        // The connector does TLS itself; tonic is told of none.
        let url = settings.url.replacen("https://", "http://", 1);
        let endpoint = Endpoint::from_shared(url)
            .map_err(|error| malformed(profile.settings_file(), format!("url: {error}")))?
            .http2_keep_alive_interval(Duration::from_millis(limits::CLIENT_KEEP_ALIVE_MS))
            .keep_alive_timeout(Duration::from_millis(limits::CLIENT_KEEP_ALIVE_ANSWER_MS_MAX))
            .keep_alive_while_idle(true);
        Ok(Self {
            channel: endpoint.connect_with_connector_lazy(connector),
        })
    }

    /// Over a channel that is made elsewhere.
    pub(crate) fn over(channel: Channel) -> Self {
        Self { channel }
    }

    /// For calls that keep a stream.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Makes a call, and again with the same message while that may help.
    pub(crate) async fn call<Q, A, F>(&self, message: &Q, call: impl Fn(Channel, Q) -> F) -> Result<A, Fault>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let mut backoff = Backoff::new(limits::CLIENT_BACKOFF_MS_MAX);
        let mut unknown: Option<Fault> = None;
        let bound = Duration::from_millis(limits::CALL_MS_MAX);
        for attempt in 1..=limits::CALL_ATTEMPTS_MAX {
            let answered = tokio::time::timeout(bound, call(self.channel(), message.clone())).await;
            let fault = match answered {
                Ok(Ok(response)) => return Ok(response.into_inner()),
                Ok(Err(status)) => Fault::from(status),
                Err(_) => Fault::Failed(ClientError::Unknown(format!(
                    "no answer within {} ms",
                    limits::CALL_MS_MAX
                ))),
            };
            if !fault.is_worth_retrying() {
                return Err(fault);
            }
            let last = attempt == limits::CALL_ATTEMPTS_MAX;
            tracing::debug!(attempt, ?fault, "the call failed");
            if fault.is_unknown() || last {
                // An attempt that may have reached the relay outweighs later ones that did not.
                unknown = Some(match unknown {
                    Some(earlier) if !fault.is_unknown() => earlier,
                    Some(_) | None => fault,
                });
            }
            if !last {
                backoff.wait().await;
            }
        }
        Err(unknown
            .unwrap_or_else(|| Fault::Failed(ClientError::Unreachable("no attempt was made".to_owned()))))
    }
}

/// Waits that double, with jitter, up to a bound: many clients that lost one relay do not come back at once.
#[derive(Debug)]
pub(crate) struct Backoff {
    next_ms: u64,
    max_ms: u64,
}

impl Backoff {
    /// Begins with the shortest wait.
    pub(crate) fn new(max_ms: u64) -> Self {
        Self {
            next_ms: limits::CLIENT_BACKOFF_MS_MIN,
            max_ms,
        }
    }

    /// Begins anew: it worked in between.
    pub(crate) fn reset(&mut self) {
        self.next_ms = limits::CLIENT_BACKOFF_MS_MIN;
    }

    /// Waits.
    pub(crate) async fn wait(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.step())).await;
    }

    /// Between half and all of the step; the next step is twice as long.
    fn step(&mut self) -> u64 {
        let step_ms = self.next_ms;
        self.next_ms = step_ms.saturating_mul(2).min(self.max_ms);
        // Without randomness the wait is the longest of its step: jitter is a courtesy.
        let jitter = random_bytes::<1>().map_or(255, |[byte]| byte);
        let half = step_ms / 2;
        half.saturating_add(half.saturating_mul(u64::from(jitter)) / 255)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits grow to the bound and never beyond, and are never shorter than half a step.
    #[test]
    fn waits_double_up_to_a_bound() {
        let mut backoff = Backoff::new(1_000);
        let mut step = limits::CLIENT_BACKOFF_MS_MIN;
        for _ in 0..20 {
            let wait = backoff.step();
            assert!(wait >= step / 2 && wait <= step, "{wait} of {step}");
            step = (step * 2).min(1_000);
        }
        backoff.reset();
        assert!(backoff.step() <= limits::CLIENT_BACKOFF_MS_MIN);
    }
}
