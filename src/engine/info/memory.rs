//! INFO memory: what is used, by what, and what the allocator makes of it. MEMORY STATS and DOCTOR
//! tell the same figures.

use super::{Engine, Text};
use crate::alloc;
use crate::engine::config::MaxMemory;
use crate::env::AllocatorPages;

/// What a database takes.
#[derive(Debug, Clone, Copy, Default)]
pub struct DatabaseFigures {
    /// Its number.
    pub number: usize,
    /// Bytes of keys and values.
    pub bytes: usize,
    /// Bytes of the table they are in.
    pub table: usize,
    /// Bytes of the index of deadlines.
    pub deadlines: usize,
}

/// Where memory goes.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Bytes handed out by the allocator.
    pub used: usize,
    /// The most there ever were.
    pub peak: usize,
    /// When the server was ready.
    pub startup: usize,
    /// Physical memory of the process.
    pub rss: usize,
    /// What the allocator took from the system.
    pub pages: AllocatorPages,
    /// Bytes that are not data: tables, indexes, clients, statistics, and all of the start.
    pub overhead: usize,
    /// Bytes of clients.
    pub clients: usize,
    /// How many clients there are.
    pub client_count: usize,
    /// Bytes on their way to the append-only file.
    pub aof_buffer: usize,
    /// The limit; 0 is none.
    pub limit: usize,
    /// Keys in all databases.
    pub keys: usize,
    /// Databases that are not empty.
    pub databases: Vec<DatabaseFigures>,
}

impl Figures {
    /// Bytes that came since the start.
    pub fn net(&self) -> usize {
        self.used.saturating_sub(self.startup)
    }

    /// Bytes of the data.
    pub fn dataset(&self) -> usize {
        self.used.saturating_sub(self.overhead)
    }
}

/// The figures of this moment.
pub fn figures(engine: &mut Engine) -> Figures {
    engine.sample_for_report();
    let used = engine.used_memory();
    engine.gauges.note_peak(used);
    collect(engine)
}

fn collect(engine: &Engine) -> Figures {
    let (used, gauges) = (engine.used_memory(), &engine.gauges);
    let filled = engine.keyspace.dbs.iter().enumerate().filter(|(_, db)| !db.dict.is_empty());
    let of_db = |(number, db): (usize, &crate::keyspace::db::Db)| DatabaseFigures {
        number,
        bytes: db.bytes,
        table: db.dict.bytes(),
        deadlines: db.deadlines.bytes(),
    };
    let databases: Vec<DatabaseFigures> = filled.map(of_db).collect();
    let tables: usize = databases.iter().map(|db| db.table + db.deadlines).sum();
    let overhead = gauges.startup + tables + gauges.clients + engine.calls.bytes();
    Figures {
        used,
        peak: gauges.peak.max(used),
        startup: gauges.startup,
        rss: gauges.rss,
        pages: gauges.pages,
        overhead: overhead.min(used.max(gauges.startup)),
        clients: gauges.clients,
        client_count: engine.connected(),
        aof_buffer: engine.aof.buffer_bytes(),
        limit: engine.memory.bytes,
        keys: engine.keyspace.dbs.iter().map(|db| db.dict.len()).sum(),
        databases,
    }
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
    let f = collect(engine);
    text.bytes("used_memory", f.used);
    text.bytes("used_memory_rss", f.rss);
    text.bytes("used_memory_peak", f.peak);
    text.line("used_memory_peak_perc", percent(f.used, f.peak));
    text.line("used_memory_overhead", f.overhead);
    text.line("used_memory_startup", f.startup);
    text.line("used_memory_dataset", f.dataset());
    text.line("used_memory_dataset_perc", percent(f.dataset(), f.net()));
    text.line("allocator_allocated", f.pages.allocated);
    text.line("allocator_active", f.pages.active);
    text.line("allocator_resident", f.pages.resident);
    text.bytes("total_system_memory", engine.env.memory.machine());
    scripts(engine, text);
    text.bytes("maxmemory", f.limit);
    text.line("maxmemory_policy", engine.config.maxmemory_policy.name());
    let pages = &f.pages;
    ratio(text, ["allocator_frag_ratio", "allocator_frag_bytes"], pages.active, pages.allocated);
    ratio(text, ["allocator_rss_ratio", "allocator_rss_bytes"], pages.resident, pages.active);
    ratio(text, ["rss_overhead_ratio", "rss_overhead_bytes"], f.rss, pages.resident);
    ratio(text, ["mem_fragmentation_ratio", "mem_fragmentation_bytes"], f.rss, f.used);
    text.line("mem_not_counted_for_evict", engine.not_counted());
    text.line("mem_replication_backlog", 0);
    text.line("mem_total_replication_buffers", 0);
    text.line("mem_clients_slaves", 0);
    text.line("mem_clients_normal", f.clients);
    text.line("mem_cluster_links", 0);
    text.line("mem_aof_buffer", f.aof_buffer);
    text.line("mem_allocator", alloc::NAME);
    text.line("active_defrag_running", 0);
    text.line("lazyfree_pending_objects", engine.freeing_objects);
    text.line("lazyfreed_objects", engine.stats.lazyfreed);
    ours(engine, text, &f);
}

/// Fields that Redis does not have.
fn ours(engine: &Engine, text: &mut Text, f: &Figures) {
    let source = match engine.config.maxmemory {
        MaxMemory::Blank | MaxMemory::Unset => "default",
        MaxMemory::Derived(_) => "container",
        MaxMemory::Bytes(_) | MaxMemory::Percent(_) => "configuration",
    };
    text.line("maxmemory_source", source);
    text.line("container_memory_limit", engine.memory.container.unwrap_or(0));
    text.flag("maxmemory_above_container", engine.is_above_container());
    for db in &f.databases {
        text.line(&format!("mem_db{}", db.number), db.bytes + db.table + db.deadlines);
    }
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
