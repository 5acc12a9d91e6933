//! INFO commandstats and latencystats: each command that was called.

use super::{Engine, Text};
use crate::engine::spec::Spec;
use std::fmt::Write;

/// Commands and subcommands, containers first.
fn all(engine: &Engine) -> impl Iterator<Item = &'static Spec> {
    engine.table.specs().flat_map(|spec| std::iter::once(spec).chain(spec.subcommands))
}

pub(super) fn write_counts(engine: &Engine, text: &mut Text) {
    for spec in all(engine) {
        let call = engine.calls.of(spec);
        if call.calls == 0 && call.failed == 0 && call.rejected == 0 {
            continue;
        }
        let usec = call.nanos / 1000;
        let each = if call.calls == 0 { 0.0 } else { usec as f64 / call.calls as f64 };
        let _ = write!(
            text.0,
            "cmdstat_{}:calls={},usec={usec},usec_per_call={each:.2},rejected_calls={},\
             failed_calls={}\r\n",
            spec.full_name, call.calls, call.rejected, call.failed
        );
    }
}

pub(super) fn write_latencies(engine: &Engine, text: &mut Text) {
    for spec in all(engine) {
        let latency = &engine.calls.of(spec).latency;
        if latency.total() == 0 {
            continue;
        }
        let _ = write!(text.0, "latency_percentiles_usec_{}:", spec.full_name);
        let percentiles = &engine.config.latency_tracking_info_percentiles;
        for (at, percent) in percentiles.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let usec = latency.percentile(*percent) as f64 / 1000.0;
            let _ = write!(text.0, "{comma}p{percent}={usec:.3}");
        }
        text.0 += "\r\n";
    }
}
