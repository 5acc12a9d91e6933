//! INFO memory: what is used, by what, and what the allocator makes of it.

use super::{Engine, Text};
use crate::{alloc, sys};

/// Memory that is not the data itself: tables, indexes, clients, statistics.
fn overhead(engine: &Engine) -> usize {
    let tables = engine.keyspace.dbs.iter().map(|db| db.dict.bytes() + db.deadlines.bytes());
    engine.gauges.startup + tables.sum::<usize>() + engine.gauges.clients + engine.calls.bytes()
}

fn percent(part: usize, whole: usize) -> String {
    format!("{:.2}%", if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 })
}

/// A quotient of two amounts, and their difference in bytes.
fn ratio(text: &mut Text, names: [&str; 2], part: usize, whole: usize) {
    let quotient = if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    text.line(names[0], format_args!("{quotient:.2}"));
    text.line(names[1], part as i64 - whole as i64);
}

pub(super) fn write(engine: &Engine, text: &mut Text) {
    let used = engine.env.memory.used();
    let gauges = &engine.gauges;
    let overhead = overhead(engine).min(used.max(gauges.startup));
    let dataset = used.saturating_sub(overhead);
    let net = used.saturating_sub(gauges.startup);
    text.bytes("used_memory", used);
    text.bytes("used_memory_rss", gauges.rss);
    text.bytes("used_memory_peak", gauges.peak);
    text.line("used_memory_peak_perc", percent(used, gauges.peak));
    text.line("used_memory_overhead", overhead);
    text.line("used_memory_startup", gauges.startup);
    text.line("used_memory_dataset", dataset);
    text.line("used_memory_dataset_perc", percent(dataset, net));
    text.line("allocator_allocated", gauges.pages.allocated);
    text.line("allocator_active", gauges.pages.active);
    text.line("allocator_resident", gauges.pages.resident);
    text.bytes("total_system_memory", sys::physical_memory());
    scripts(engine, text);
    text.line("maxmemory", engine.config.maxmemory);
    text.line("maxmemory_human", super::Human(engine.config.maxmemory as usize));
    text.line("maxmemory_policy", engine.config.maxmemory_policy.name());
    let pages = &gauges.pages;
    ratio(text, ["allocator_frag_ratio", "allocator_frag_bytes"], pages.active, pages.allocated);
    ratio(text, ["allocator_rss_ratio", "allocator_rss_bytes"], pages.resident, pages.active);
    ratio(text, ["rss_overhead_ratio", "rss_overhead_bytes"], gauges.rss, pages.resident);
    ratio(text, ["mem_fragmentation_ratio", "mem_fragmentation_bytes"], gauges.rss, used);
    text.line("mem_not_counted_for_evict", 0);
    text.line("mem_replication_backlog", 0);
    text.line("mem_total_replication_buffers", 0);
    text.line("mem_clients_slaves", 0);
    text.line("mem_clients_normal", gauges.clients);
    text.line("mem_cluster_links", 0);
    text.line("mem_aof_buffer", 0);
    text.line("mem_allocator", alloc::NAME);
    text.line("active_defrag_running", 0);
    text.line("lazyfree_pending_objects", engine.freeing_objects);
    text.line("lazyfreed_objects", engine.stats.lazyfreed);
}

fn scripts(engine: &Engine, text: &mut Text) {
    let usage = engine.scripts().usage();
    text.line("used_memory_lua", usage.eval_vm_bytes);
    text.line("used_memory_vm_eval", usage.eval_vm_bytes);
    text.line("used_memory_lua_human", super::Human(usage.eval_vm_bytes));
    text.line("used_memory_scripts_eval", usage.eval_bytes);
    text.line("number_of_cached_scripts", usage.eval_scripts);
    text.line("number_of_functions", usage.functions);
    text.line("number_of_libraries", usage.libraries);
    text.line("used_memory_vm_functions", usage.function_vm_bytes);
    text.bytes("used_memory_vm_total", usage.eval_vm_bytes + usage.function_vm_bytes);
    text.line("used_memory_functions", usage.function_bytes);
    text.bytes("used_memory_scripts", usage.eval_bytes + usage.function_bytes);
}
