//! MEMORY: what the keys, the server and the allocator take.

use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, EngineCx, Outcome};
use crate::engine::info::memory::{Figures, figures};
use crate::engine::keyspec::KeySpec;
use crate::engine::spec::{Spec, cat, flag};
use crate::resp::reply::Reply;

const SUBCOMMANDS: &[Spec] = &[
    Spec::engine("doctor", 2, doctor).since("4.0.0").group("server"),
    Spec::engine("help", 2, help).flags(flag::LOADING | flag::STALE).since("4.0.0").group("server"),
    Spec::engine("malloc-stats", 2, malloc_stats).since("4.0.0").group("server"),
    Spec::engine("purge", 2, purge).since("4.0.0").group("server"),
    Spec::engine("stats", 2, stats).since("4.0.0").group("server"),
    Spec::data("usage", -3, usage)
        .flags(flag::READONLY)
        .acl(cat::READ)
        .keys(&[KeySpec::at(2).ro()])
        .since("4.0.0")
        .group("server"),
];

/// The commands of this family.
pub const SPECS: &[Spec] = &[Spec::container("memory", SUBCOMMANDS).since("4.0.0").group("server")];

/// What an entry takes in the table, free slots included.
const SLOT_BYTES: usize = 11;

/// The size of a value is kept with it, so nothing is sampled; SAMPLES is checked all the same.
fn usage(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    args.seek(3);
    while args.remaining() > 0 {
        if args.remaining() < 2 || !args.accept("samples") {
            return Err(Error::Syntax);
        }
        if args.next_int()? < 0 {
            return Err(Error::Syntax);
        }
    }
    match cx.keys.entry_quiet(args.get(2)) {
        Some(entry) => cx.out.int((entry.bytes() + SLOT_BYTES) as i64),
        None => cx.out.null(),
    }
    Ok(Outcome::Unchanged)
}

/// A map whose pairs are written one by one.
struct Pairs<'a> {
    out: &'a mut Reply,
    count: usize,
}

impl Pairs<'_> {
    fn name(&mut self, name: &str) -> &mut Reply {
        self.count += 1;
        self.out.bulk(name.as_bytes());
        self.out
    }

    fn bytes(&mut self, name: &str, value: usize) {
        self.name(name).int(value as i64);
    }

    fn difference(&mut self, name: &str, part: usize, whole: usize) {
        self.name(name).int(part as i64 - whole as i64);
    }

    fn quotient(&mut self, name: &str, part: usize, whole: usize) {
        let value = if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        self.name(name).double(value);
    }
}

fn stats(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    let f = figures(cx.engine);
    let slot = cx.out.open_map();
    let mut pairs = Pairs { out: cx.out, count: 0 };
    pairs.bytes("peak.allocated", f.peak);
    pairs.bytes("total.allocated", f.used);
    pairs.bytes("startup.allocated", f.startup);
    pairs.bytes("replication.backlog", 0);
    pairs.bytes("clients.slaves", 0);
    pairs.bytes("clients.normal", f.clients);
    pairs.bytes("cluster.links", 0);
    pairs.bytes("aof.buffer", f.aof_buffer);
    pairs.bytes("lua.caches", 0);
    pairs.bytes("functions.caches", 0);
    for db in &f.databases {
        let out = pairs.name(&format!("db.{}", db.number));
        out.map(4);
        for (name, bytes) in [
            ("overhead.hashtable.main", db.table),
            ("overhead.hashtable.expires", db.deadlines),
            ("overhead.hashtable.slot-to-keys", 0),
            ("bytes", db.bytes),
        ] {
            out.bulk(name.as_bytes());
            out.int(bytes as i64);
        }
    }
    pairs.bytes("overhead.total", f.overhead);
    pairs.bytes("keys.count", f.keys);
    pairs.bytes("keys.bytes-per-key", f.net().checked_div(f.keys).unwrap_or(0));
    pairs.bytes("dataset.bytes", f.dataset());
    pairs.quotient("dataset.percentage", f.dataset() * 100, f.net());
    pairs.quotient("peak.percentage", f.used * 100, f.peak);
    allocator(&mut pairs, &f);
    let count = pairs.count;
    cx.out.close(slot, count);
    Ok(Outcome::Unchanged)
}

fn allocator(pairs: &mut Pairs<'_>, f: &Figures) {
    let pages = &f.pages;
    pairs.bytes("allocator.allocated", pages.allocated);
    pairs.bytes("allocator.active", pages.active);
    pairs.bytes("allocator.resident", pages.resident);
    pairs.quotient("allocator-fragmentation.ratio", pages.active, pages.allocated);
    pairs.difference("allocator-fragmentation.bytes", pages.active, pages.allocated);
    pairs.quotient("allocator-rss.ratio", pages.resident, pages.active);
    pairs.difference("allocator-rss.bytes", pages.resident, pages.active);
    pairs.quotient("rss-overhead.ratio", f.rss, pages.resident);
    pairs.difference("rss-overhead.bytes", f.rss, pages.resident);
    pairs.quotient("fragmentation", f.rss, f.used);
    pairs.difference("fragmentation.bytes", f.rss, f.used);
}

fn doctor(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    let report = diagnosis(&figures(cx.engine));
    cx.out.verbatim(*b"txt", report.as_bytes());
    Ok(Outcome::Unchanged)
}

/// What stands out, in plain words. The bounds are those of Redis.
fn diagnosis(f: &Figures) -> String {
    const LITTLE: usize = 5 << 20;
    const SLACK: usize = 10 << 20;
    const CLIENT_AVERAGE: usize = 200 << 10;
    if f.used < LITTLE {
        return "There is too little data to tell anything: come back when the server holds some \
                megabytes.\n"
            .to_owned();
    }
    let above = |part: usize, whole: usize, times: f64| {
        part as f64 > whole as f64 * times && part.saturating_sub(whole) > SLACK
    };
    let findings = [
        (
            f.peak as f64 > f.used as f64 * 1.5,
            "Peak: more than one and a half times the present memory was in use at some time. The \
             allocator may keep part of it for later; MEMORY PURGE asks for it back.",
        ),
        (
            above(f.rss, f.used, 1.4),
            "Fragmentation: the process holds much more physical memory than it uses.",
        ),
        (
            above(f.pages.active, f.pages.allocated, 1.1),
            "Allocator: pages are only partly used. Values of other sizes than before leave gaps.",
        ),
        (
            above(f.pages.resident, f.pages.active, 1.1),
            "Allocator: it keeps unused pages. MEMORY PURGE gives them back.",
        ),
        (above(f.rss, f.pages.resident, 1.1), "Process: memory outside of the allocator is large."),
        (
            f.clients.checked_div(f.client_count).is_some_and(|mean| mean > CLIENT_AVERAGE),
            "Clients: their buffers take much on average. CLIENT LIST tells whose; \
             maxmemory-clients bounds them.",
        ),
        (f.limit > 0 && f.used > f.limit, "Limit: more memory is in use than maxmemory allows."),
    ];
    let found: Vec<&str> = findings.iter().filter(|(is, _)| *is).map(|(_, text)| *text).collect();
    if found.is_empty() {
        return "Nothing stands out.\n".to_owned();
    }
    found.iter().map(|text| format!("* {text}\n")).collect()
}

fn purge(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    drop(cx.engine.env.memory.spare_pages());
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

fn malloc_stats(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    let text = cx.engine.env.memory.report();
    cx.out.verbatim(*b"txt", text.as_bytes());
    Ok(Outcome::Unchanged)
}

fn help(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    const LINES: &[&str] = &[
        "DOCTOR",
        "    What stands out in the use of memory, in plain words.",
        "MALLOC-STATS",
        "    The allocator's own statistics.",
        "PURGE",
        "    Ask the allocator to give unused pages back.",
        "STATS",
        "    Where memory goes, in bytes.",
        "USAGE <key> [SAMPLES <count>]",
        "    Bytes that <key> and its value take. They are known exactly, so SAMPLES changes",
        "    nothing.",
    ];
    super::help(cx.out, "MEMORY", LINES);
    Ok(Outcome::Unchanged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doctor_finds_what_is_wrong_and_nothing_else() {
        let well = Figures { used: 100 << 20, peak: 100 << 20, rss: 110 << 20, ..sound(100 << 20) };
        assert_eq!(diagnosis(&well), "Nothing stands out.\n");
        assert!(diagnosis(&Figures { peak: 200 << 20, ..well.clone() }).starts_with("* Peak"));
        let full = diagnosis(&Figures { limit: 50 << 20, ..well.clone() });
        assert!(full.starts_with("* Limit") && full.lines().count() == 1, "{full}");
        let many = diagnosis(&Figures { clients: 1 << 20, client_count: 2, ..well });
        assert!(many.starts_with("* Clients"), "{many}");
        assert!(diagnosis(&Figures::default()).starts_with("There is too little"));
    }

    fn sound(bytes: usize) -> Figures {
        let mut f = Figures::default();
        (f.pages.allocated, f.pages.active, f.pages.resident) = (bytes, bytes, bytes);
        f
    }
}
