//! How far a clock may be ahead for anything to be destroyed by it, at a relay and in an inbox. What is known of the time outlasts a
//! restart: it is noted in the keyring.

use crate::limits;
use crate::time::Timestamp;

/// Whether it cannot be `now` if it was last known to be `known`.
pub(crate) fn is_ahead(now: Timestamp, known: Timestamp) -> bool {
    now.ms_since(known) > limits::CLOCK_AHEAD_MS_MAX
}
