//! INFO server: what runs, where, and since when.

use super::{Engine, Text};
use crate::engine::config::REDIS_VERSION;
use crate::sys;

pub(super) fn write(engine: &Engine, text: &mut Text) {
    let up = (engine.now_us() - engine.started_us) / 1_000_000;
    let config = &engine.config;
    let wall_us = engine.env.clock.wall_us();
    text.line("redis_version", REDIS_VERSION);
    text.line("redstart_version", env!("CARGO_PKG_VERSION"));
    text.line("redis_git_sha1", "00000000");
    text.line("redis_git_dirty", 0);
    text.line("redis_build_id", format_args!("{:016x}", build_id()));
    text.line("redis_mode", "standalone");
    text.line("os", sys::system_name());
    text.line("arch_bits", usize::BITS);
    text.line("monotonic_clock", "POSIX clock_gettime");
    text.line("multiplexing_api", "epoll");
    text.line("atomicvar_api", "c11-builtin");
    text.line("gcc_version", "0.0.0");
    text.line("process_id", sys::pid());
    text.line("process_supervised", config.supervised.name());
    text.line("run_id", &engine.run_id);
    text.line("tcp_port", config.port);
    text.line("server_time_usec", wall_us);
    text.line("uptime_in_seconds", up);
    text.line("uptime_in_days", up / 86_400);
    text.line("hz", config.hz);
    text.line("configured_hz", config.hz);
    text.line("lru_clock", (wall_us / 1_000_000) & LRU_MAX);
    text.line("executable", sys::executable());
    let file = engine.config_file.as_ref().map(|p| p.display().to_string());
    text.line("config_file", file.unwrap_or_default());
    text.line("io_threads_active", 0);
    listeners(engine, text);
}

/// Access times of keys are kept in 24 bits of seconds.
const LRU_MAX: i64 = (1 << 24) - 1;

/// Tells builds of different versions apart (FNV-1a of the version).
fn build_id() -> u64 {
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    version.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn listeners(engine: &Engine, text: &mut Text) {
    let config = &engine.config;
    let mut number = 0;
    if config.port != 0 {
        let bind: String = config.bind.iter().map(|addr| format!(",bind={addr}")).collect();
        text.line("listener0", format_args!("name=tcp{bind},port={}", config.port));
        number = 1;
    }
    if !config.unixsocket.is_empty() {
        let field = format!("listener{number}");
        text.line(&field, format_args!("name=unix,bind={}", config.unixsocket));
    }
}
