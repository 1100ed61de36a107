//! Calls as numbers: how many by method and code, and how long they took. Counted since the start.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Which calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCode {
    method: String,
    code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByMethod {
    method: String,
}

/// Calls as numbers. Clones count together.
#[derive(Debug, Clone)]
pub struct CallMeters {
    calls: Family<ByCode, Counter>,
    seconds: Family<ByMethod, Histogram, fn() -> Histogram>,
    open: Gauge,
    unread_bytes: Gauge,
    cut: Counter,
}

impl CallMeters {
    /// Fresh meters, shown by `registry`.
    pub fn new(registry: &mut Registry) -> Self {
        let meters = Self {
            calls: Family::default(),
            // From 0.25 ms to 4 s.
            seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.000_25, 2.0, 15))),
            open: Gauge::default(),
            unread_bytes: Gauge::default(),
            cut: Counter::default(),
        };
        registry.register(
            "grpc_calls",
            "Calls that ended, by method and gRPC code",
            meters.calls.clone(),
        );
        registry.register_with_unit(
            "grpc_call_duration",
            "How long calls took, streams to their end",
            Unit::Seconds,
            meters.seconds.clone(),
        );
        registry.register(
            "grpc_calls_open",
            "Calls under way, streams too",
            meters.open.clone(),
        );
        registry.register_with_unit(
            "grpc_unread",
            "What of answers waits to be made or read",
            Unit::Bytes,
            meters.unread_bytes.clone(),
        );
        registry.register(
            "grpc_unread_cut",
            "Connections cut because an answer or a stream was not read",
            meters.cut.clone(),
        );
        meters
    }

    /// So many bytes more wait, and so many fewer.
    pub(super) fn unread(&self, more: usize, less: usize) {
        let signed = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX);
        self.unread_bytes
            .inc_by(signed(more).saturating_sub(signed(less)));
    }

    /// A connection was cut.
    pub(super) fn cut(&self) {
        self.cut.inc();
    }

    pub(super) fn begun(&self) {
        self.open.inc();
    }

    pub(super) fn ended(&self, method: &str, code: i32, seconds: f64) {
        self.open.dec();
        let code = format!("{:?}", tonic::Code::from_i32(code));
        let method = method.to_owned();
        self.seconds
            .get_or_create(&ByMethod {
                method: method.clone(),
            })
            .observe(seconds);
        self.calls.get_or_create(&ByCode { method, code }).inc();
    }
}
