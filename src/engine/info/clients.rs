//! INFO clients: who is connected and who waits.

use super::{Engine, Text};

pub(super) fn write(engine: &Engine, text: &mut Text) {
    let (blocked, keys) = engine.blocked_clients();
    let gauges = &engine.gauges;
    text.line("connected_clients", engine.connected());
    text.line("cluster_connections", 0);
    text.line("maxclients", engine.config.maxclients);
    text.line("client_recent_max_input_buffer", most(&gauges.input_peaks));
    text.line("client_recent_max_output_buffer", most(&gauges.output_peaks));
    text.line("blocked_clients", blocked + engine.pausing.held());
    text.line("tracking_clients", engine.trackers().clients());
    text.line("clients_in_timeout_table", engine.blocking.deadlines());
    text.line("pubsub_clients", engine.pubsub().clients());
    text.line("total_blocking_keys", keys);
    text.line("total_blocking_keys_on_nokey", engine.blocking.group_keys(&engine.clients));
}

fn most(peaks: &[usize]) -> usize {
    peaks.iter().copied().max().unwrap_or(0)
}
