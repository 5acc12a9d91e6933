//! The connection itself: AUTH, ECHO, HELLO, PING, QUIT, RESET, SELECT, TIME.

use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::engine::args::Args;
use crate::engine::client::ReplyMode;
use crate::engine::config::REDIS_VERSION;
use crate::engine::cx::{CmdResult, EngineCx, Outcome};
use crate::engine::spec::{Spec, cat, flag::*};
use crate::resp::reply::Proto;
use bytes::Bytes;

const EARLY: u32 = NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY;

/// The family.
pub const SPECS: &[Spec] = &[
    Spec::engine("auth", -2, auth)
        .flags(EARLY)
        .acl(cat::CONNECTION)
        .group("connection")
        .secrets(|_, i| i > 0)
        .summary("Proves who the client is."),
    Spec::engine("echo", 2, echo)
        .flags(LOADING | STALE | FAST)
        .acl(cat::CONNECTION)
        .group("connection")
        .summary("Answers with its argument."),
    Spec::engine("hello", -1, hello)
        .flags(EARLY)
        .acl(cat::CONNECTION)
        .since("6.0.0")
        .group("connection")
        .secrets(is_password_of_hello)
        .summary("Chooses the protocol version and tells about the server."),
    Spec::engine("ping", -1, ping)
        .flags(FAST | IN_SUBSCRIBED)
        .acl(cat::CONNECTION)
        .group("connection")
        .summary("Answers, to show that the server lives."),
    Spec::engine("quit", -1, quit)
        .flags(EARLY | IN_SUBSCRIBED)
        .acl(cat::CONNECTION)
        .group("connection")
        .summary("Closes the connection after the reply."),
    Spec::engine("reset", 1, reset)
        .flags(EARLY | IN_SUBSCRIBED)
        .acl(cat::CONNECTION)
        .since("6.2.0")
        .group("connection")
        .summary("Puts the connection back into its first state."),
    Spec::engine("select", 2, select)
        .flags(LOADING | STALE | FAST)
        .acl(cat::CONNECTION)
        .group("connection")
        .summary("Chooses the database."),
    Spec::engine("time", 1, time)
        .flags(LOADING | STALE | FAST)
        .since("2.6.0")
        .group("server")
        .summary("Tells the server's clock."),
];

const DEFAULT_USER: &[u8] = b"default";

/// Whether the default user may come in with this password.
fn password_fits(cx: &EngineCx<'_>, user: &[u8], password: &[u8]) -> Result<(), Error> {
    let wanted = cx.engine.config.requirepass.as_bytes();
    // Without a password the default user accepts any.
    let fits = wanted.is_empty() || same_bytes(wanted, password);
    if user == DEFAULT_USER && fits {
        return Ok(());
    }
    Err(Error::fixed("WRONGPASS invalid username-password pair or user is disabled."))
}

/// Compares without telling by its duration where the first difference is.
fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    let differences = a.iter().zip(b).fold(0u8, |sum, (x, y)| sum | (x ^ y));
    a.len() == b.len() && differences == 0
}

fn auth(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let (user, password) = match args.len() {
        2 if cx.engine.config.requirepass.is_empty() => {
            return Err(Error::err(
                "AUTH <password> called without any password configured for the default user. \
                 Are you sure your configuration is correct?",
            ));
        }
        2 => (DEFAULT_USER, args.get(1)),
        3 => (args.get(1), args.get(2)),
        _ => return Err(Error::Syntax),
    };
    let fits = password_fits(cx, user, password);
    cx.engine.stats.auth_denied += u64::from(fits.is_err());
    fits?;
    cx.session.authenticated = true;
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

fn echo(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    cx.out.bulk(args.get(1));
    Ok(Outcome::Unchanged)
}

/// What HELLO was asked to do, all checked before any of it is done.
struct Hello {
    proto: Option<Proto>,
    auth: bool,
    name: Option<Bytes>,
}

fn parse_hello(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> Result<Hello, Error> {
    let mut asked = Hello { proto: None, auth: false, name: None };
    if args.len() > 1 {
        let version = parse_i64(args.get(1))
            .ok_or(Error::fixed("ERR Protocol version is not an integer or out of range"))?;
        asked.proto = Some(match version {
            2 => Proto::V2,
            3 => Proto::V3,
            _ => return Err(Error::fixed("NOPROTO unsupported protocol version")),
        });
        args.seek(2);
    }
    while args.remaining() > 0 {
        let left = args.remaining();
        if left > 2 && args.accept("auth") {
            let at = args.position();
            let fits = password_fits(cx, args.get(at), args.get(at + 1));
            cx.engine.stats.auth_denied += u64::from(fits.is_err());
            fits?;
            args.seek(at + 2);
            asked.auth = true;
        } else if left > 1 && args.accept("setname") {
            let name = Bytes::copy_from_slice(args.word()?);
            super::client::check_name(&name)?;
            asked.name = Some(name);
        } else {
            let option = String::from_utf8_lossy(args.word()?).into_owned();
            return Err(Error::err(format!("Syntax error in HELLO option '{option}'")));
        }
    }
    Ok(asked)
}

fn hello(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let asked = parse_hello(cx, args)?;
    if asked.auth {
        cx.session.authenticated = true;
    }
    if !cx.session.authenticated {
        return Err(Error::fixed(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
             HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and \
             select the RESP protocol version at the same time",
        ));
    }
    let id = cx.session.origin.client();
    if let (Some(name), Some(client)) = (asked.name, id.and_then(|id| cx.engine.client_mut(id))) {
        client.name = name;
    }
    if let Some(proto) = asked.proto {
        set_proto(cx, proto);
    }
    let proto = if cx.out.proto == Proto::V3 { 3 } else { 2 };
    let out = &mut *cx.out;
    out.map(7);
    out.bulk(b"server");
    out.bulk(b"redis");
    out.bulk(b"version");
    out.bulk(REDIS_VERSION.as_bytes());
    out.bulk(b"proto");
    out.int(proto);
    out.bulk(b"id");
    out.int(id.map_or(0, |id| id.0 as i64));
    out.bulk(b"mode");
    out.bulk(b"standalone");
    out.bulk(b"role");
    out.bulk(b"master");
    out.bulk(b"modules");
    out.array(0);
    Ok(Outcome::Unchanged)
}

fn ping(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    if args.len() > 2 {
        return Err(Error::WrongArity("ping".to_owned()));
    }
    let client = cx.session.origin.client().and_then(|id| cx.engine.client(id));
    let subscribed = client.is_some_and(|c| c.in_subscribed_mode());
    if subscribed && cx.out.proto == Proto::V2 {
        cx.out.array(2);
        cx.out.bulk(b"pong");
        cx.out.bulk(if args.len() == 2 { args.get(1) } else { b"" });
    } else if args.len() == 2 {
        cx.out.bulk(args.get(1));
    } else {
        cx.out.simple(b"PONG");
    }
    Ok(Outcome::Unchanged)
}

fn quit(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    cx.out.ok();
    if let Some(id) = cx.session.origin.client() {
        cx.engine.close_after_reply(id);
    }
    Ok(Outcome::Unchanged)
}

/// The two words behind AUTH.
fn is_password_of_hello(args: &Args<'_>, i: usize) -> bool {
    (1..=2).any(|back| i >= 2 + back && args.is(i - back, "auth"))
}

/// The client speaks another protocol: so does what it is told out of turn.
fn set_proto(cx: &mut EngineCx<'_>, proto: Proto) {
    cx.out.proto = proto;
    if let Some(id) = cx.session.origin.client() {
        cx.engine.speaks(id, proto);
    }
}

fn reset(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    cx.session.db = 0;
    cx.session.txn = None;
    cx.session.no_touch = false;
    cx.session.authenticated = cx.engine.config.requirepass.is_empty();
    set_proto(cx, Proto::V2);
    if let Some(id) = cx.session.origin.client() {
        cx.engine.unsubscribe_all(id);
        cx.engine.unwatch(id);
        cx.engine.stop_monitoring(id);
        cx.engine.stop_tracking(id);
        if let Some(client) = cx.engine.client_mut(id) {
            client.name = Bytes::new();
            client.no_evict = false;
            // The one reply that was to be left out is this one.
            if client.reply_mode != ReplyMode::Skipping {
                client.reply_mode = ReplyMode::On;
                cx.out.set_silent(false);
            }
        }
    }
    cx.out.simple(b"RESET");
    Ok(Outcome::Unchanged)
}

fn select(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let db = args.int(1)?;
    if i32::try_from(db).is_err() {
        return Err(Error::fixed(
            "ERR value is out of range, value must between -2147483648 and 2147483647",
        ));
    }
    let known = usize::try_from(db).ok().filter(|n| *n < cx.engine.keyspace.dbs.len());
    cx.session.db = known.ok_or(Error::DbIndex)?;
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

fn time(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    let now = cx.engine.env.clock.wall_us();
    cx.out.array(2);
    cx.out.bulk_int(now / 1_000_000);
    cx.out.bulk_int(now % 1_000_000);
    Ok(Outcome::Unchanged)
}
