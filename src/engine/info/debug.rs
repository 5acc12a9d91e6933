//! INFO debug: the loop in more detail.

use super::{Engine, Text};

pub(super) fn write(engine: &Engine, text: &mut Text) {
    let cycle = &engine.cycle;
    text.line("eventloop_duration_aof_sum", 0);
    text.line("eventloop_duration_cron_sum", cycle.cron_us);
    text.line("eventloop_duration_max", cycle.longest_us);
    text.line("eventloop_cmd_per_cycle_max", cycle.most_commands);
}
