//! CLIENT LIST and CLIENT INFO: one line of `field=value` for each connection.

use super::caller;
use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::engine::Engine;
use crate::engine::args::Args;
use crate::engine::client::{Client, ClientId, CloseWish};
use crate::engine::cx::{CmdResult, EngineCx, Outcome};
use crate::engine::pubsub::Kind as Name;
use crate::engine::session::Session;
use crate::resp::reply::{Proto, Reply};

/// Kinds of connections as TYPE names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Master,
    Replica,
    Pubsub,
}

/// The kind of this name.
pub(super) fn kind(name: &[u8]) -> Result<Kind, Error> {
    let known: &[(&str, Kind)] = &[
        ("normal", Kind::Normal),
        ("slave", Kind::Replica),
        ("replica", Kind::Replica),
        ("pubsub", Kind::Pubsub),
        ("master", Kind::Master),
    ];
    let found = known.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
    found.map(|(_, kind)| *kind).ok_or_else(|| {
        Error::err(format!("Unknown client type '{}'", String::from_utf8_lossy(name)))
    })
}

/// What kind a connection is.
pub(super) fn kind_of(client: &Client) -> Kind {
    if client.subscriptions.is_empty() { Kind::Normal } else { Kind::Pubsub }
}

pub(super) fn info(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let id = caller(cx)?.id;
    let text = lines(cx, args, &[id]);
    cx.out.verbatim(*b"txt", text.as_bytes());
    Ok(Outcome::Unchanged)
}

pub(super) fn list(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let all = cx.engine.clients_by_id().into_iter().filter(|client| is_listed(client));
    let ids: Vec<ClientId> = if args.len() == 2 {
        all.map(|client| client.id).collect()
    } else if args.len() == 4 && args.is(2, "type") {
        let wanted = kind(args.get(3))?;
        all.filter(|client| kind_of(client) == wanted).map(|client| client.id).collect()
    } else if args.len() > 3 && args.is(2, "id") {
        let number = |word: &[u8]| {
            let number = parse_i64(word).ok_or(Error::fixed("ERR Invalid client ID"))?;
            Ok(ClientId(number as u64))
        };
        args.iter().skip(3).map(number).collect::<Result<_, Error>>()?
    } else {
        return Err(Error::Syntax);
    };
    let text = lines(cx, args, &ids);
    cx.out.verbatim(*b"txt", text.as_bytes());
    Ok(Outcome::Unchanged)
}

/// Who was turned away, or is being closed, is nobody's client any more.
fn is_listed(client: &Client) -> bool {
    !client.refused && client.close != CloseWish::Now
}

fn lines(cx: &EngineCx<'_>, args: &Args<'_>, ids: &[ClientId]) -> String {
    let mut text = String::with_capacity(320 * ids.len());
    let running = Running {
        id: cx.session.origin.client(),
        session: cx.session,
        out: cx.out,
        argv: args.iter().map(<[u8]>::len).sum(),
    };
    for client in ids.iter().filter_map(|id| cx.engine.client(*id)) {
        if is_listed(client) {
            line(&mut text, cx.engine, client, &running);
        }
    }
    text
}

/// What of the asking client is checked out while it asks.
struct Running<'a> {
    id: Option<ClientId>,
    session: &'a Session,
    out: &'a Reply,
    argv: usize,
}

fn line(text: &mut String, engine: &Engine, client: &Client, running: &Running<'_>) {
    use std::fmt::Write;
    let asks = running.id == Some(client.id);
    let live = client.live.as_deref();
    let out = live.map_or(running.out, |live| &live.out);
    let session = live.map_or(running.session, |live| &live.session);
    let (kept, kept_bytes) = match &session.txn {
        Some(txn) => (txn.len() as i64, txn.bytes()),
        None => (-1, 0),
    };
    // The buffer of a client that runs is checked out: as it was when its turn began.
    let (unparsed, input) = match live {
        Some(_) => (client.inbuf.len(), client.inbuf.capacity_bytes()),
        None => client.input_seen,
    };
    let argv = match (&client.blocked, asks) {
        (_, true) => running.argv,
        (Some(blocked), _) => blocked.argv_bytes(),
        _ => 0,
    };
    let chunks = out.chunks();
    let seconds = |since_us: u64| engine.now_us().saturating_sub(since_us) / 1_000_000;
    let text_of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let checked_out = if asks { input + out.capacity_bytes() + kept_bytes } else { 0 };
    let memory = client.bytes() + argv + checked_out;
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} \
         ssub={} multi={kept} qbuf={unparsed} qbuf-free={} argv-mem={argv} \
         multi-mem={kept_bytes} rbs={} rbp={} \
         obl={} oll={} omem={} tot-mem={memory} events={} ",
        client.id.0,
        client.peer.addr,
        client.peer.local_addr,
        client.peer.fd,
        text_of(&client.name),
        seconds(client.since_us),
        seconds(client.active_us),
        flags(engine, client, session),
        session.db,
        client.subscriptions.of(Name::Channel),
        client.subscriptions.of(Name::Pattern),
        client.subscriptions.of(Name::Shard),
        input.saturating_sub(unparsed),
        chunks.tail_room,
        client.output_peak.max(chunks.tail),
        chunks.tail,
        chunks.whole,
        chunks.whole_bytes,
        if !asks && !out.is_empty() { "rw" } else { "r" },
    );
    let _ = writeln!(
        text,
        "cmd={} user=default redir={} resp={} lib-name={} lib-ver={}",
        session.last_command,
        redirection(client),
        if out.proto == Proto::V3 { 3 } else { 2 },
        text_of(&client.lib_name),
        text_of(&client.lib_ver),
    );
}

/// Where its invalidations go: to another connection, to itself (0), or nowhere (-1).
fn redirection(client: &Client) -> i64 {
    let tracking = client.tracking.as_ref();
    tracking.map_or(-1, |tracking| tracking.redirect.map_or(0, |to| to.0 as i64))
}

/// One letter for each thing worth knowing; `N` when there is none.
fn flags(engine: &Engine, client: &Client, session: &Session) -> String {
    let tracking = client.tracking.as_deref();
    let known = [
        (engine.is_monitor(client.id), 'O'),
        (!client.subscriptions.is_empty(), 'P'),
        (session.txn.is_some() || session.at_once, 'x'),
        (client.blocked.is_some() || client.postponed, 'b'),
        (tracking.is_some(), 't'),
        (tracking.is_some_and(|tracking| tracking.broken), 'R'),
        (tracking.is_some_and(|tracking| tracking.bcast), 'B'),
        (client.watch_failed, 'd'),
        (client.close == CloseWish::AfterReply, 'c'),
        (client.close == CloseWish::Now, 'A'),
        (client.peer.unix, 'U'),
        (client.no_evict, 'e'),
        (session.no_touch, 'T'),
    ];
    let letters: String = known.iter().filter(|(on, _)| *on).map(|(_, letter)| letter).collect();
    if letters.is_empty() { "N".to_owned() } else { letters }
}
