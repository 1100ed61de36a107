//! The engine's meters as metrics, read at each scrape: the engine itself knows nothing of Prometheus.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::relay::{Histogram, Relay, WitnessesStatus};

/// Shows the engine's meters, and the free space of the journal's disk.
pub fn register_engine(
    registry: &mut Registry,
    relay: Relay,
    disk_free_bytes: Arc<dyn Fn() -> u64 + Send + Sync>,
) {
    registry.register_collector(Box::new(Engine {
        relay,
        disk_free_bytes,
    }));
}

struct Engine {
    relay: Relay,
    disk_free_bytes: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Collector for Engine {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let relay = &self.relay;
        let meters = relay.meters();
        let mut counter = |name: &str, help: &str, value: u64| -> fmt::Result {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)
        };
        counter("accepted", "Warnings accepted", meters.accepted.value())?;
        counter(
            "acknowledged",
            "Acknowledgements recorded",
            meters.acknowledged.value(),
        )?;
        counter(
            "directory_changes",
            "Directory and operator records",
            meters.directory_changed.value(),
        )?;
        counter("rejected", "REJECTED records", meters.rejected.value())?;
        counter(
            "repeated",
            "Calls that gave an earlier result again",
            meters.repeated.value(),
        )?;
        counter(
            "handovers",
            "Warnings written to sessions",
            meters.handed_over.value(),
        )?;
        counter(
            "handovers_unrecorded",
            "Handovers that left no record of their own",
            meters.handed_over_unrecorded.value(),
        )?;
        counter(
            "seen_alarms",
            "Signers that had seen what is not on this log: a person must look",
            meters.seen_alarms.value(),
        )?;
        counter(
            "parts_damaged",
            "Damaged bodies, texts and wraps that were read, and shown as absent: a person must look",
            meters.parts_damaged.value(),
        )?;
        counter(
            "sessions_cut",
            "Sessions cut because they did not take what was sent",
            meters.sessions_cut.value(),
        )?;
        counter("blocks", "Blocks appended", meters.blocks.value())?;

        let mut refusals =
            encoder.encode_descriptor("refusals", "Calls refused, by code", None, MetricType::Counter)?;
        for (code, count) in meters.refused() {
            let label = [("code", code.name())];
            ConstCounter::new(count).encode(refusals.encode_family(&label)?)?;
        }

        let mut gauge = |name: &str, help: &str, value: u64| -> fmt::Result {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
        };
        gauge(
            "disk_full",
            "1 while warnings are refused because the disk is nearly full",
            meters.disk_full.value(),
        )?;
        gauge(
            "delivery_sessions",
            "Delivery sessions now",
            meters.delivery_sessions.value(),
        )?;
        gauge("watches", "Watches now", meters.watches.value())?;
        gauge(
            "queued",
            "Commands that wait for the sequencer",
            meters.queued.value(),
        )?;
        let absent = relay.absent_desks();
        gauge(
            "desks_waited_for",
            "Desks for which warnings wait while no session of theirs is open",
            absent.desks,
        )?;
        gauge(
            "warnings_waiting",
            "Warnings that wait for such desks",
            absent.warnings,
        )?;
        gauge("log_size", "Records of the log", meters.log_size.value())?;
        gauge(
            "disk_free_bytes",
            "Free bytes on the journal's disk",
            (self.disk_free_bytes)(),
        )?;

        if let Some(witnesses) = relay.witnesses() {
            encode_witnesses(&mut encoder, &witnesses)?;
        }

        histogram(
            &mut encoder,
            "block_records",
            "Records of a block",
            None,
            &meters.block_records,
            1.0,
        )?;
        let bytes = Unit::Bytes;
        histogram(
            &mut encoder,
            "block_size",
            "Size of a block",
            Some(&bytes),
            &meters.block_bytes,
            1.0,
        )?;
        let seconds = Unit::Seconds;
        let help = "How long an append took, to stable storage";
        histogram(
            &mut encoder,
            "append_duration",
            help,
            Some(&seconds),
            &meters.append_us,
            1e6,
        )
    }
}

/// How it stands with the witnesses. Their names are the operator's own, from the policy.
fn encode_witnesses(encoder: &mut DescriptorEncoder<'_>, status: &WitnessesStatus) -> fmt::Result {
    if let Some(quorum) = &status.quorum {
        let help = "1 while the quorum of the witness policy has cosigned lately, else 0: a person must look";
        let gauge = ConstGauge::new(u64::from(quorum.met));
        gauge.encode(encoder.encode_descriptor("witness_quorum", help, None, MetricType::Gauge)?)?;
        let help = "Size of the largest tree that the quorum has cosigned";
        let gauge = ConstGauge::new(quorum.size);
        gauge.encode(encoder.encode_descriptor("witness_quorum_size", help, None, MetricType::Gauge)?)?;
    }
    let seconds = Unit::Seconds;
    let help = "For how long a witness has cosigned nothing, or since the start";
    let mut silent = encoder.encode_descriptor("witness_silent", help, Some(&seconds), MetricType::Gauge)?;
    for witness in &status.witnesses {
        let label = [("witness", label(&witness.name))];
        ConstGauge::new(witness.silent_ms / 1000).encode(silent.encode_family(&label)?)?;
    }
    let help = "Askings that a witness did not answer with a cosignature, by kind";
    let mut refusals = encoder.encode_descriptor("witness_refusals", help, None, MetricType::Counter)?;
    for witness in &status.witnesses {
        for (kind, count) in &witness.refusals {
            let label = [("witness", label(&witness.name)), ("kind", (*kind).to_owned())];
            ConstCounter::new(*count).encode(refusals.encode_family(&label)?)?;
        }
    }
    Ok(())
}

/// The encoder writes labels as they are.
fn label(name: &str) -> String {
    let plain = |c: char| !matches!(c, '"' | '\\') && !c.is_control();
    name.chars().map(|c| if plain(c) { c } else { '_' }).collect()
}

/// A histogram whose values are shown in another unit: `divisor` of its own make one of it.
#[expect(
    clippy::cast_precision_loss,
    reason = "a metric need not be exact beyond 2^53"
)]
fn histogram<const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    histogram: &Histogram<N>,
    divisor: f64,
) -> fmt::Result {
    // The encoder adds the buckets up itself; what is above the last bound is in the one that has none.
    let mut below = 0u64;
    let mut buckets: Vec<(f64, u64)> = Vec::with_capacity(N + 1);
    for (bound, up_to) in histogram.buckets() {
        buckets.push((bound as f64 / divisor, up_to.saturating_sub(below)));
        below = below.max(up_to);
    }
    let count = histogram.count().max(below);
    buckets.push((f64::INFINITY, count.saturating_sub(below)));
    let sum = histogram.sum() as f64 / divisor;
    encoder
        .encode_descriptor(name, help, unit, MetricType::Histogram)?
        .encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
}
