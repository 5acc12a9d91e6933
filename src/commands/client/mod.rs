//! CLIENT: what a connection tells of itself; in the other files, what it asks of others.
//!
//! | file         | holds                                        |
//! |--------------|----------------------------------------------|
//! | `list.rs`    | LIST and INFO                                |
//! | `control.rs` | KILL, PAUSE and UNPAUSE, UNBLOCK             |

mod control;
mod list;

use super::{help, tracking};
use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::client::{Client, ReplyMode};
use crate::engine::cx::{CmdResult, EngineCx, Outcome};
use crate::engine::spec::{Spec, cat, flag::*};
use bytes::Bytes;

const ABOUT_ME: u32 = NOSCRIPT | LOADING | STALE;
const ABOUT_OTHERS: u32 = ADMIN | NOSCRIPT | LOADING | STALE;

const fn sub(
    name: &'static str,
    arity: i16,
    run: fn(&mut EngineCx<'_>, &mut Args<'_>) -> CmdResult,
) -> Spec {
    Spec::engine(name, arity, run).flags(ABOUT_ME).acl(cat::CONNECTION).group("connection")
}

const fn admin(
    name: &'static str,
    arity: i16,
    run: fn(&mut EngineCx<'_>, &mut Args<'_>) -> CmdResult,
) -> Spec {
    Spec::engine(name, arity, run).flags(ABOUT_OTHERS).acl(cat::CONNECTION).group("connection")
}

/// The family.
pub const SPECS: &[Spec] = &[Spec::container("client", SUBCOMMANDS)
    .since("2.4.0")
    .group("connection")
    .summary("Asks and tells about connections.")];

const SUBCOMMANDS: &[Spec] = &[
    sub("caching", 3, tracking::caching)
        .since("6.0.0")
        .summary("Chooses whether the next command's keys are tracked."),
    sub("getname", 2, getname).since("2.6.9").summary("Tells the connection's name."),
    sub("getredir", 2, tracking::getredir)
        .since("6.0.0")
        .summary("Tells where invalidations of the connection go."),
    sub("help", 2, client_help)
        .flags(LOADING | STALE)
        .acl(cat::CONNECTION)
        .since("5.0.0")
        .summary("Lists the subcommands."),
    sub("id", 2, id).since("5.0.0").summary("Tells the connection's number."),
    sub("info", 2, list::info).since("6.2.0").summary("Tells all about the connection."),
    admin("kill", -3, control::kill).since("2.4.0").summary("Closes connections."),
    admin("list", -2, list::list).since("2.4.0").summary("Tells all about connections."),
    admin("no-evict", 3, no_evict)
        .since("7.0.0")
        .summary("Chooses whether the connection may be closed when memory is short."),
    sub("no-touch", 3, no_touch)
        .since("7.2.0")
        .summary("Chooses whether the connection's reads count as accesses."),
    admin("pause", -3, control::pause).since("3.0.0").summary("Lets requests wait for some time."),
    sub("reply", 3, reply).since("3.2.0").summary("Chooses whether the server answers."),
    sub("setinfo", 4, setinfo)
        .since("7.2.0")
        .summary("Tells the client library's name and version."),
    sub("setname", 3, setname).since("2.6.9").summary("Names the connection."),
    sub("tracking", -3, tracking::tracking)
        .since("6.0.0")
        .summary("Chooses whether the server tells of changes to keys that were read."),
    sub("trackinginfo", 2, tracking::trackinginfo)
        .since("6.2.0")
        .summary("Tells how the connection tracks keys."),
    admin("unblock", -3, control::unblock)
        .since("5.0.0")
        .summary("Ends the waiting of a blocked connection."),
    admin("unpause", 2, control::unpause).since("6.2.0").summary("Lets requests run again."),
];

const HELP: &[&str] = &[
    "CACHING (YES|NO)",
    "    Say whether the keys of the next command are tracked (OPTIN and OPTOUT modes).",
    "GETNAME",
    "    Tell this connection's name.",
    "GETREDIR",
    "    Tell the connection that gets this one's invalidations, if any.",
    "ID",
    "    Tell this connection's number.",
    "INFO",
    "    Show this connection's line of CLIENT LIST.",
    "KILL <ip:port>",
    "    Close the connection that came from <ip:port>.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Close the connections to which all options apply:",
    "    * ADDR (<ip:port>|<unixsocket>:0)",
    "      where they came from",
    "    * LADDR (<ip:port>|<unixsocket>:0)",
    "      where they came to",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      what they are used for",
    "    * USER <username>",
    "      as whom they are logged in",
    "    * SKIPME (YES|NO)",
    "      spare this one (yes unless said otherwise)",
    "    * ID <client-id>",
    "      their number",
    "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)|ID <client-id> [<client-id> [...]]]",
    "    Show a line for each connection, or for those of a kind, or for those named.",
    "NO-EVICT (ON|OFF)",
    "    Keep this connection open when memory for clients is short.",
    "NO-TOUCH (ON|OFF)",
    "    Let this connection look at keys without their access time changing.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Hold writes, or all requests, for <timeout> milliseconds.",
    "REPLY (ON|OFF|SKIP)",
    "    Answer this connection, do not, or leave out the next answer.",
    "SETINFO <option> <value>",
    "    Say which library this connection uses:",
    "    * LIB-NAME: its name",
    "    * LIB-VER: its version",
    "SETNAME <name>",
    "    Name this connection.",
    "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
    "         [OPTIN] [OPTOUT] [NOLOOP]",
    "    Ask to be told when keys change that this connection may have cached.",
    "TRACKINGINFO",
    "    Tell how that was asked.",
    "UNBLOCK <clientid> [TIMEOUT|ERROR]",
    "    End the waiting of a blocked connection, as if in time or with an error.",
    "UNPAUSE",
    "    End the pause.",
];

fn caller<'e>(cx: &'e mut EngineCx<'_>) -> Result<&'e mut Client, Error> {
    let id = cx.session.origin.client();
    id.and_then(|id| cx.engine.client_mut(id)).ok_or(Error::err("no client runs this command"))
}

/// Names are printed between blanks, so they may hold none.
pub(super) fn check_name(name: &[u8]) -> Result<(), Error> {
    if name.iter().all(|b| (b'!'..=b'~').contains(b)) {
        return Ok(());
    }
    Err(Error::err("Client names cannot contain spaces, newlines or special characters."))
}

fn client_help(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    help(cx.out, "CLIENT", HELP);
    Ok(Outcome::Unchanged)
}

fn getname(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    let name = caller(cx)?.name.clone();
    if name.is_empty() {
        cx.out.null();
    } else {
        cx.out.bulk(&name);
    }
    Ok(Outcome::Unchanged)
}

fn id(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    let id = caller(cx)?.id;
    cx.out.int(id.0 as i64);
    Ok(Outcome::Unchanged)
}

fn no_evict(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let on = args.is(2, "on");
    if !on && !args.is(2, "off") {
        return Err(Error::Syntax);
    }
    caller(cx)?.no_evict = on;
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

fn no_touch(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let on = args.is(2, "on");
    if !on && !args.is(2, "off") {
        return Err(Error::Syntax);
    }
    caller(cx)?;
    cx.session.no_touch = on;
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

fn reply(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if args.is(2, "on") {
        caller(cx)?.reply_mode = ReplyMode::On;
        cx.out.set_silent(false);
        cx.out.ok();
    } else if args.is(2, "off") {
        caller(cx)?.reply_mode = ReplyMode::Off;
    } else if args.is(2, "skip") {
        let client = caller(cx)?;
        if client.reply_mode != ReplyMode::Off {
            client.reply_mode = ReplyMode::SkipNext;
        }
    } else {
        return Err(Error::Syntax);
    }
    Ok(Outcome::Unchanged)
}

fn setinfo(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let value = Bytes::copy_from_slice(args.get(3));
    let option = String::from_utf8_lossy(args.get(2)).into_owned();
    let is_name = args.is(2, "lib-name");
    if !is_name && !args.is(2, "lib-ver") {
        return Err(Error::err(format!("Unrecognized option '{option}'")));
    }
    if !value.iter().all(|b| (b'!'..=b'~').contains(b)) {
        return Err(Error::err(format!(
            "{option} cannot contain spaces, newlines or special characters."
        )));
    }
    let client = caller(cx)?;
    *if is_name { &mut client.lib_name } else { &mut client.lib_ver } = value;
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

fn setname(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let name = Bytes::copy_from_slice(args.get(2));
    check_name(&name)?;
    caller(cx)?.name = name;
    cx.out.ok();
    Ok(Outcome::Unchanged)
}
