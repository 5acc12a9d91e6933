//! CLIENT KILL, PAUSE, UNPAUSE and UNBLOCK: what one connection does to others.

use super::list::{Kind, kind, kind_of};
use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::engine::args::Args;
use crate::engine::block::{Unblock, patience_millis};
use crate::engine::client::{Client, ClientId, CloseWish};
use crate::engine::cx::{CmdResult, EngineCx, Outcome};

/// Which connections are meant; what is not said holds for all.
#[derive(Default)]
struct Filter<'a> {
    id: Option<u64>,
    addr: Option<&'a [u8]>,
    laddr: Option<&'a [u8]>,
    kind: Option<Kind>,
    spare_me: bool,
}

impl Filter<'_> {
    fn fits(&self, client: &Client, me: Option<ClientId>) -> bool {
        self.id.is_none_or(|id| client.id.0 == id)
            && self.addr.is_none_or(|addr| client.peer.addr.as_bytes() == addr)
            && self.laddr.is_none_or(|addr| client.peer.local_addr.as_bytes() == addr)
            && self.kind.is_none_or(|kind| kind_of(client) == kind)
            && !(self.spare_me && me == Some(client.id))
            && client.close != CloseWish::Now
    }
}

fn parse_filter<'a>(args: &'a Args<'_>) -> Result<Filter<'a>, Error> {
    let mut filter = Filter { spare_me: true, ..Filter::default() };
    let mut at = 2;
    while at < args.len() {
        if at + 1 == args.len() {
            return Err(Error::Syntax);
        }
        let value = args.get(at + 1);
        if args.is(at, "id") {
            let id = parse_i64(value).and_then(|id| u64::try_from(id).ok()).filter(|id| *id > 0);
            filter.id = Some(id.ok_or(Error::fixed("ERR client-id should be greater than 0"))?);
        } else if args.is(at, "type") {
            filter.kind = Some(kind(value)?);
        } else if args.is(at, "addr") {
            filter.addr = Some(value);
        } else if args.is(at, "laddr") {
            filter.laddr = Some(value);
        } else if args.is(at, "user") {
            // Everybody is the default user, so it filters nobody out.
            if value != b"default" {
                let name = String::from_utf8_lossy(value);
                return Err(Error::err(format!("No such user '{name}'")));
            }
        } else if args.is(at, "skipme") {
            filter.spare_me = match () {
                () if args.is(at + 1, "yes") => true,
                () if args.is(at + 1, "no") => false,
                () => return Err(Error::Syntax),
            };
        } else {
            return Err(Error::Syntax);
        }
        at += 2;
    }
    Ok(filter)
}

pub(super) fn kill(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let old_form = args.len() == 3;
    let filter = if old_form {
        Filter { addr: Some(args.get(2)), ..Filter::default() }
    } else {
        parse_filter(args)?
    };
    let me = cx.session.origin.client();
    let all = cx.engine.clients_by_id();
    let ids: Vec<ClientId> =
        all.into_iter().filter(|client| filter.fits(client, me)).map(|client| client.id).collect();
    for id in &ids {
        if me == Some(*id) {
            cx.engine.close_after_reply(*id);
        } else {
            cx.engine.kill(*id);
        }
    }
    if !old_form {
        cx.out.int(ids.len() as i64);
    } else if ids.is_empty() {
        return Err(Error::fixed("ERR No such client"));
    } else {
        cx.out.ok();
    }
    Ok(Outcome::Unchanged)
}

pub(super) fn pause(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let all = match args.len() {
        3 => true,
        4 if args.is(3, "all") => true,
        4 if args.is(3, "write") => false,
        4 => return Err(Error::fixed("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        _ => return Err(Error::Syntax),
    };
    // No time at all is over at once.
    let for_ms = patience_millis(args.get(2))?.unwrap_or(0);
    cx.engine.pause(for_ms, all);
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

pub(super) fn unpause(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    cx.engine.unpause();
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

pub(super) fn unblock(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let how = match args.len() {
        3 => Unblock::Timeout,
        4 if args.is(3, "timeout") => Unblock::Timeout,
        4 if args.is(3, "error") => Unblock::Error,
        4 => {
            return Err(Error::fixed("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"));
        }
        _ => return Err(Error::Syntax),
    };
    let id = args.int(2)?;
    let done = u64::try_from(id).is_ok_and(|id| cx.engine.unblock(ClientId(id), how));
    cx.out.int(i64::from(done));
    Ok(Outcome::Unchanged)
}
