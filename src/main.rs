//! The binary `redis-server`: command line, configuration, then the loop until it ends. Under the
//! name `redis-cli` it is the client, under `redis-check-rdb` and `redis-check-aof` the checkers of
//! files, under `docker-entrypoint` what a container starts.

// The one place that may look at the process it runs in.
#![allow(clippy::disallowed_methods)]
// What std prepares before its own `main` (it reads the memory map of the process to guard a stack
// that `sys::crash` guards as well) takes a tenth of a millisecond of every start.
#![no_main]
#![allow(unsafe_code)]

use std::ffi::{OsString, c_char, c_int};
use std::os::unix::ffi::OsStringExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::exit;

use redstart::engine::Engine;
use redstart::engine::config::{self, Config, REDIS_VERSION, Sources, Startup};
use redstart::env::Disk;
use redstart::env::real::{self, RealDisk, environment};
use redstart::net::{links::TcpLinks, listen, poll::Server};
use redstart::sys::{crash, supervise};
use redstart::{cli, commands, entrypoint, log, sys};

/// What the C library calls.
// SAFETY: the program is linked without a `main` of std, so there is no other one.
#[unsafe(no_mangle)]
extern "C" fn main(count: c_int, words: *const *const c_char) -> c_int {
    sys::hold_standard_files();
    // SAFETY: the C library hands over what the kernel laid out: so many terminated words, and the
    // environment behind them.
    let args = unsafe { sys::arguments(count, words) };
    // As in any Rust program a panic, which was reported by then, ends it with 101.
    let ended = catch_unwind(AssertUnwindSafe(|| run(args)));
    exit(if ended.is_ok() { 0 } else { 101 })
}

fn run(args: Vec<OsString>) {
    let name = args.first().and_then(|program| Path::new(program).file_name());
    if name.is_some_and(|name| name == "redis-cli") {
        exit(cli::run(args));
    }
    if name.is_some_and(|name| name == "redis-check-aof") {
        exit(cli::check_aof::run(&args));
    }
    if name.is_some_and(|name| name == "redis-check-rdb") {
        exit(cli::check_rdb::run(&args));
    }
    if name.is_some_and(entrypoint::is_named) {
        exit(entrypoint::run(&args));
    }
    let directory = std::env::current_dir().unwrap_or_else(|error| {
        fail(format!("Can't find the working directory: {}", sys::error_text(&error)))
    });
    let mut sources = Sources {
        read: &mut |path| RealDisk.read(path),
        list: &mut |path| RealDisk.list(path),
        stdin: &mut real::standard_input,
        defaults: std::env::var_os("REDSTART_DEFAULTS").unwrap_or_default().into_vec(),
        directory,
        is_command: |name| commands::table().find(name).is_some(),
    };
    match config::from_args(&args, &mut sources) {
        Ok(Startup::Run(config, path)) => serve(*config, path, &args),
        Ok(Startup::Version) => println!("{}", log::version(REDIS_VERSION)),
        Ok(Startup::Help) => print!("{}", config::USAGE),
        Err(error) => fail(error),
    }
}

fn fail(error: impl std::fmt::Display) -> ! {
    eprintln!("{}", error.to_string().trim_end());
    exit(1)
}

/// A fault after the log is there goes to the log.
fn give_up(error: impl std::fmt::Display) -> ! {
    tracing::warn!("{error}");
    exit(1)
}

fn serve(mut config: Config, path: Option<PathBuf>, args: &[OsString]) -> ! {
    if let Err(error) = std::env::set_current_dir(&config.dir) {
        fail(format!("Can't chdir to '{}': {}", config.dir, sys::error_text(&error)));
    }
    if let Err(error) = log::check_file(&config.logfile) {
        fail(format!("Can't open the log file: {}", sys::error_text(&error)));
    }
    log::init(config.loglevel.name(), &config.logfile);
    if config.syslog_enabled {
        log::to_syslog(&config.syslog_ident, config.syslog_facility.name());
    }
    let manager = supervise::detect(config.supervised.name());
    // A process manager loses sight of a process that goes to the background.
    let background = config.daemonize && manager.is_none();
    if background {
        sys::daemonize().unwrap_or_else(|error| fail(error));
    }
    if let Some(manager) = manager {
        manager.greet();
    }
    log::starting(REDIS_VERSION, path.is_some());
    log::set_role('M');
    crash::install(REDIS_VERSION, &config.logfile);
    crash::configure(config.crash_log_enabled, config.use_exit_on_panic);
    config.maxclients =
        listen::reserve_files(config.maxclients).unwrap_or_else(|error| give_up(error));
    let mut server = Server::new().unwrap_or_else(|error| give_up(error));
    let on_terminal =
        !config.syslog_enabled && config.logfile.is_empty() && sys::stdout_is_terminal();
    log::banner(REDIS_VERSION, config.port, config.always_show_logo || on_terminal);
    listen::check_backlog(config.tcp_backlog);
    server.listen(&config).unwrap_or_else(|error| give_up(error));
    let pidfile = write_pidfile(&config, background);
    let table = commands::renamed_table(&config.renamed_commands);
    let (env, finished) = environment(server.wake(), server.ports(), TcpLinks::boxed);
    let mut engine = Engine::new(config, env, table);
    engine.program =
        args.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    engine.config_file = path;
    engine.show_title();
    tracing::info!("Server initialized");
    engine.begin_loading().unwrap_or_else(|why| give_up(why));
    let code = server.run(&mut engine, &finished, &mut |kinds| {
        for kind in kinds {
            tracing::info!("Ready to accept connections {kind}");
        }
        if let Some(manager) = manager {
            manager.ready();
        }
    });
    server.unlink();
    if let Some(pidfile) = pidfile {
        // It may have been removed already, and the process ends either way.
        let _ = RealDisk.remove(Path::new(&pidfile));
    }
    // Leaving without dropping millions of values: the system takes the memory back at once.
    exit(code)
}

/// Writes the process id where it is asked for; the name of the file if there is one now.
fn write_pidfile(config: &Config, background: bool) -> Option<String> {
    let name = match config.pidfile.as_str() {
        "" if background => "/var/run/redis.pid",
        "" => return None,
        name => name,
    };
    match RealDisk.create(Path::new(name), format!("{}\n", sys::pid()).as_bytes()) {
        Ok(()) => {
            crash::remove_at_crash(name);
            Some(name.to_owned())
        }
        Err(error) => {
            tracing::warn!("Failed to write PID file: {}", sys::error_text(&error));
            None
        }
    }
}
