//! FCALL, and the libraries it calls functions of.

use super::script::{calls, count_keys};
use crate::base::error::Error;
use crate::base::glob;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, EngineCx, Outcome, Propagate};
use crate::engine::script::flags::NAMES;
use crate::engine::script::functions::{Library, Registered};
use crate::engine::script::library::Policy;
use crate::engine::script::run::{Name, Start};
use crate::engine::spec::{Spec, cat, flag};
use crate::resp::reply::Reply;
use bytes::Bytes;
use flag::{ALLOW_BUSY, DENYOOM, LOADING, NOSCRIPT, STALE, WRITE};

/// The commands of this family.
pub const SPECS: &[Spec] = &[
    calls("fcall", |cx, args| fcall(cx, args, false), false)
        .since("7.0.0")
        .summary("Calls a function of a library."),
    calls("fcall_ro", |cx, args| fcall(cx, args, true), true)
        .since("7.0.0")
        .summary("Calls a function of a library that only reads."),
    Spec::container("function", SUBCOMMANDS)
        .since("7.0.0")
        .group("scripting")
        .summary("Manages libraries of functions."),
];

const fn sub(
    name: &'static str,
    arity: i16,
    run: fn(&mut EngineCx<'_>, &mut Args<'_>) -> CmdResult,
    flags: u32,
) -> Spec {
    let acl = if flags & WRITE != 0 { cat::SCRIPTING | cat::WRITE } else { cat::SCRIPTING };
    Spec::engine(name, arity, run).flags(flags).acl(acl).since("7.0.0").group("scripting")
}

const SUBCOMMANDS: &[Spec] = &[
    sub("load", -3, load, NOSCRIPT | WRITE | DENYOOM).summary("Loads a library."),
    sub("delete", 3, delete, NOSCRIPT | WRITE).summary("Deletes a library and its functions."),
    sub("flush", -2, flush, NOSCRIPT | WRITE).summary("Deletes all libraries."),
    sub("list", -2, list, NOSCRIPT).summary("Lists libraries and their functions."),
    sub("dump", 2, dump, NOSCRIPT).summary("Makes one payload of all libraries."),
    sub("restore", -3, restore, NOSCRIPT | WRITE | DENYOOM)
        .summary("Loads the libraries of a payload."),
    sub("stats", 2, stats, NOSCRIPT | ALLOW_BUSY)
        .summary("Tells which function runs and how many there are."),
    sub("kill", 2, kill, NOSCRIPT | ALLOW_BUSY)
        .summary("Stops the running function if it has changed nothing."),
    sub("help", 2, help, LOADING | STALE).summary("Shows what FUNCTION can do."),
];

fn fcall(cx: &mut EngineCx<'_>, args: &mut Args<'_>, read_only: bool) -> CmdResult {
    const NOT_FOUND: Error = Error::fixed("ERR Function not found");
    let Registered { name, flags, callback, .. } =
        cx.engine.scripts().functions().find(args.get(1)).ok_or(NOT_FOUND)?;
    let (function, flags) = (*callback, *flags);
    let name = Name::Function(Bytes::copy_from_slice(name));
    let keys = count_keys(args, Error::fixed("ERR Bad number of keys provided"))?;
    let start = Start { name, function, flags, read_only, keys };
    cx.engine.run_script(cx.session, cx.out, args, start)
}

fn changed(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.engine.keyspace.effects.dirty += 1;
    Ok(Outcome::Changed(Propagate::Verbatim))
}

fn load(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let last = args.len() - 1;
    let mut replace = false;
    for i in 2..last {
        if !args.is(i, "replace") {
            return Err(unknown_option(args.get(i)));
        }
        replace = true;
    }
    let code = args.take(last);
    let name = cx.engine.load_library(code, replace)?;
    cx.out.bulk(&name);
    changed(cx)
}

fn unknown_option(word: &[u8]) -> Error {
    Error::Quoting([b"ERR Unknown option given: ", word].concat())
}

fn too_many_words(args: &Args<'_>) -> Error {
    let before = b"ERR unknown subcommand or wrong number of arguments for '".as_slice();
    Error::Quoting([before, args.get(1), b"'. Try FUNCTION HELP."].concat())
}

fn delete(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if !cx.engine.delete_library(args.get(2)) {
        return Err(Error::fixed("ERR Library not found"));
    }
    cx.out.ok();
    changed(cx)
}

fn flush(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if args.len() > 3 {
        return Err(too_many_words(args));
    }
    if args.len() == 3 && !args.is(2, "sync") && !args.is(2, "async") {
        return Err(Error::fixed("ERR FUNCTION FLUSH only supports SYNC|ASYNC option"));
    }
    cx.engine.flush_libraries(args.len() == 3 && args.is(2, "async"));
    cx.out.ok();
    changed(cx)
}

fn list(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let (mut pattern, mut with_code) = (None, false);
    let mut i = 2;
    while i < args.len() {
        if !with_code && args.is(i, "withcode") {
            with_code = true;
        } else if pattern.is_none() && args.is(i, "libraryname") {
            i += 1;
            if i >= args.len() {
                return Err(Error::fixed("ERR library name argument was not given"));
            }
            pattern = Some(args.get(i));
        } else {
            let text = [b"ERR Unknown argument ", args.get(i)].concat();
            return Err(Error::Quoting(text));
        }
        i += 1;
    }
    let slot = cx.out.open_array();
    let mut count = 0;
    for (name, library) in cx.engine.scripts().functions().libraries() {
        if pattern.is_none_or(|pattern| glob::matches(pattern, name, true)) {
            list_library(cx.out, name, library, with_code);
            count += 1;
        }
    }
    cx.out.close(slot, count);
    Ok(Outcome::Unchanged)
}

fn list_library(out: &mut Reply, name: &[u8], library: &Library, with_code: bool) {
    out.map(if with_code { 4 } else { 3 });
    out.bulk(b"library_name");
    out.bulk(name);
    out.bulk(b"engine");
    out.bulk(b"LUA");
    out.bulk(b"functions");
    out.array(library.functions.len());
    for function in &library.functions {
        out.map(3);
        out.bulk(b"name");
        out.bulk(&function.name);
        out.bulk(b"description");
        match &function.description {
            Some(text) => out.bulk(text),
            None => out.null(),
        }
        out.bulk(b"flags");
        let flags = NAMES.iter().filter(|(_, flag)| function.flags & flag != 0);
        out.set(flags.clone().count());
        flags.for_each(|(name, _)| out.simple(name.as_bytes()));
    }
    if with_code {
        out.bulk(b"library_code");
        out.bulk(&library.code);
    }
}

fn dump(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    let payload = cx.engine.dump_libraries();
    cx.out.bulk(&payload);
    Ok(Outcome::Unchanged)
}

fn restore(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if args.len() > 4 {
        return Err(too_many_words(args));
    }
    let policy = match args.len() {
        3 => Policy::Append,
        _ if args.is(3, "append") => Policy::Append,
        _ if args.is(3, "replace") => Policy::Replace,
        _ if args.is(3, "flush") => Policy::Flush,
        _ => {
            return Err(Error::fixed(
                "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
            ));
        }
    };
    cx.engine.restore_libraries(args.get(2), policy)?;
    cx.out.ok();
    changed(cx)
}

fn stats(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    cx.out.map(2);
    cx.out.bulk(b"running_script");
    match cx.engine.running_script() {
        None => cx.out.null(),
        Some((name, command, ms)) => {
            cx.out.map(3);
            cx.out.bulk(b"name");
            cx.out.bulk(&name);
            cx.out.bulk(b"command");
            cx.out.array(command.len());
            command.iter().for_each(|word| cx.out.bulk(word));
            cx.out.bulk(b"duration_ms");
            cx.out.int(ms as i64);
        }
    }
    let (libraries, functions) = cx.engine.scripts().functions().count();
    cx.out.bulk(b"engines");
    cx.out.map(1);
    cx.out.bulk(b"LUA");
    cx.out.map(2);
    cx.out.bulk(b"libraries_count");
    cx.out.int(libraries as i64);
    cx.out.bulk(b"functions_count");
    cx.out.int(functions as i64);
    Ok(Outcome::Unchanged)
}

fn kill(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    cx.engine.kill_script(true)?;
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

fn help(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    super::help(
        cx.out,
        "FUNCTION",
        &[
            "DELETE <library-name>",
            "    Delete a library and its functions.",
            "DUMP",
            "    Make one payload of all libraries.",
            "FLUSH [ASYNC|SYNC]",
            "    Delete all libraries.",
            "KILL",
            "    Stop the running function, if it has changed nothing.",
            "LIST [LIBRARYNAME <pattern>] [WITHCODE]",
            "    List libraries and their functions, with their text if wanted.",
            "LOAD [REPLACE] <library-code>",
            "    Load a library.",
            "RESTORE <payload> [FLUSH|APPEND|REPLACE]",
            "    Load the libraries of a payload.",
            "STATS",
            "    Tell which function runs, and how many there are.",
        ],
    );
    Ok(Outcome::Unchanged)
}
