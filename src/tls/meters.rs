//! Connections as numbers: how many there are, and why others were turned away. No key, no address and no name is a
//! label: whoever connects could make them up.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::doors::TurnedAway;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByKind {
    kind: &'static str,
}

/// Connections as numbers. Clones count together.
#[derive(Debug, Clone)]
pub struct ConnectionMeters {
    open: Family<ByKind, Gauge>,
    turned_away: Family<ByReason, Counter>,
    stalled: Counter,
}

impl ConnectionMeters {
    /// Fresh meters, shown by `registry`.
    pub fn new(registry: &mut Registry) -> Self {
        let meters = Self {
            open: Family::default(),
            turned_away: Family::default(),
            stalled: Counter::default(),
        };
        registry.register(
            "connections",
            "Connections now: in a handshake, of unknown keys, of enrolled keys",
            meters.open.clone(),
        );
        registry.register(
            "connections_refused",
            "Connections that were not served, by reason",
            meters.turned_away.clone(),
        );
        registry.register(
            "connections_stalled",
            "Connections cut because nothing could be written to them",
            meters.stalled.clone(),
        );
        meters
    }

    pub(super) fn open(&self, handshakes: usize, strangers: usize, enrolled: usize) {
        for (kind, count) in [
            ("handshake", handshakes),
            ("stranger", strangers),
            ("enrolled", enrolled),
        ] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.open.get_or_create(&ByKind { kind }).set(count);
        }
    }

    pub(super) fn turned_away(&self, reason: TurnedAway) {
        let reason = reason.name();
        self.turned_away.get_or_create(&ByReason { reason }).inc();
    }

    pub(super) fn stalled(&self) {
        self.stalled.inc();
    }
}
