//! CLIENT TRACKING and its companions: client-side caching.

use crate::base::error::Error;
use crate::engine::args::Args;
use crate::engine::client::ClientId;
use crate::engine::cx::{CmdResult, EngineCx, Outcome};
use crate::engine::tracking::Tracking;
use bytes::Bytes;

fn caller(cx: &EngineCx<'_>) -> Result<ClientId, Error> {
    cx.session.origin.client().ok_or(Error::err("no client runs this command"))
}

fn present(cx: &EngineCx<'_>, id: ClientId) -> Option<Tracking> {
    cx.engine.client(id).and_then(|client| client.tracking.as_deref()).cloned()
}

/// CLIENT TRACKING
pub(super) fn tracking(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let id = caller(cx)?;
    args.seek(3);
    let wanted = options(cx, args)?;
    if args.is(2, "on") {
        let had = present(cx, id);
        check(&wanted, had.as_ref())?;
        cx.engine.track(id, wanted);
    } else if args.is(2, "off") {
        cx.engine.stop_tracking(id);
    } else {
        return Err(Error::Syntax);
    }
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

fn options(cx: &EngineCx<'_>, args: &mut Args<'_>) -> Result<Tracking, Error> {
    let mut wanted = Tracking::default();
    while args.remaining() > 0 {
        let more = args.remaining() > 1;
        if more && args.accept("redirect") {
            if wanted.redirect.is_some() {
                return Err(Error::err("A client can only redirect to a single other client"));
            }
            wanted.redirect = Some(redirect(cx, args.next_int()?)?);
        } else if more && args.accept("prefix") {
            wanted.prefixes.push(Bytes::copy_from_slice(args.word()?));
        } else if args.accept("bcast") {
            wanted.bcast = true;
        } else if args.accept("optin") {
            wanted.optin = true;
        } else if args.accept("optout") {
            wanted.optout = true;
        } else if args.accept("noloop") {
            wanted.noloop = true;
        } else {
            return Err(Error::Syntax);
        }
    }
    Ok(wanted)
}

fn redirect(cx: &EngineCx<'_>, id: i64) -> Result<ClientId, Error> {
    let id = u64::try_from(id).ok().map(ClientId).filter(|id| cx.engine.client(*id).is_some());
    id.ok_or(Error::err("The client ID you want redirect to does not exist"))
}

/// Whether the options go together, and with what the client does already.
fn check(wanted: &Tracking, had: Option<&Tracking>) -> Result<(), Error> {
    if !wanted.bcast && !wanted.prefixes.is_empty() {
        return Err(Error::err("PREFIX option requires BCAST mode to be enabled"));
    }
    if had.is_some_and(|had| had.bcast != wanted.bcast) {
        return Err(Error::err(
            "You can't switch BCAST mode on/off before disabling tracking for this client, and \
             then re-enabling it with a different mode.",
        ));
    }
    if wanted.bcast && (wanted.optin || wanted.optout) {
        return Err(Error::err("OPTIN and OPTOUT are not compatible with BCAST"));
    }
    if wanted.optin && wanted.optout {
        return Err(Error::err("You can't specify both OPTIN mode and OPTOUT mode"));
    }
    let other = |had: &Tracking| wanted.optin && had.optout || wanted.optout && had.optin;
    if had.is_some_and(other) {
        return Err(Error::err(
            "You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and \
             then re-enabling it with a different mode.",
        ));
    }
    check_overlap(&wanted.prefixes, had.map_or(&[], |had| &had.prefixes))
}

fn check_overlap(new: &[Bytes], old: &[Bytes]) -> Result<(), Error> {
    let overlap = |a: &Bytes, b: &Bytes| a.starts_with(b) || b.starts_with(a);
    for (i, prefix) in new.iter().enumerate() {
        if let Some(known) = old.iter().find(|known| overlap(prefix, known)) {
            return Err(overlaps(prefix, "an existing prefix", known));
        }
        if let Some(known) = new[i + 1..].iter().find(|known| overlap(prefix, known)) {
            return Err(overlaps(prefix, "another provided prefix", known));
        }
    }
    Ok(())
}

fn overlaps(prefix: &[u8], with: &str, known: &[u8]) -> Error {
    let mut text = b"ERR Prefix '".to_vec();
    text.extend_from_slice(prefix);
    text.extend_from_slice(format!("' overlaps with {with} '").as_bytes());
    text.extend_from_slice(known);
    text.extend_from_slice(b"'. Prefixes for a single client must not overlap.");
    Error::Quoting(text)
}

/// CLIENT CACHING
pub(super) fn caching(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let id = caller(cx)?;
    let had = present(cx, id).ok_or(Error::fixed(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or \
         OPTOUT mode enabled",
    ))?;
    match (args.is(2, "yes"), args.is(2, "no")) {
        (true, _) if had.optin => {}
        (_, true) if had.optout => {}
        (true, _) => {
            return Err(Error::err(
                "CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
            ));
        }
        (_, true) => {
            return Err(Error::err(
                "CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
            ));
        }
        _ => return Err(Error::Syntax),
    }
    if let Some(client) = cx.engine.client_mut(id) {
        client.caching_was_called = true;
        if let Some(tracking) = &mut client.tracking {
            tracking.caching = true;
        }
    }
    cx.out.ok();
    Ok(Outcome::Unchanged)
}

/// CLIENT GETREDIR
pub(super) fn getredir(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    let id = caller(cx)?;
    cx.out.int(redirected(present(cx, id).as_ref()));
    Ok(Outcome::Unchanged)
}

/// Where messages go: another client, 0 for nobody else, -1 when nothing is tracked.
pub(crate) fn redirected(tracking: Option<&Tracking>) -> i64 {
    tracking.map_or(-1, |tracking| tracking.redirect.map_or(0, |id| id.0 as i64))
}

/// CLIENT TRACKINGINFO
pub(super) fn trackinginfo(cx: &mut EngineCx<'_>, _: &mut Args<'_>) -> CmdResult {
    let id = caller(cx)?;
    let had = present(cx, id);
    let on = had.is_some();
    let tracking = had.clone().unwrap_or_default();
    let flags = [
        (on, "on"),
        (!on, "off"),
        (tracking.bcast, "bcast"),
        (tracking.optin, "optin"),
        (tracking.optin && tracking.caching, "caching-yes"),
        (tracking.optout, "optout"),
        (tracking.optout && tracking.caching, "caching-no"),
        (tracking.noloop, "noloop"),
        (tracking.broken, "broken_redirect"),
    ];
    cx.out.map(3);
    cx.out.bulk(b"flags");
    cx.out.set(flags.iter().filter(|(set, _)| *set).count());
    for (_, name) in flags.iter().filter(|(set, _)| *set) {
        cx.out.bulk(name.as_bytes());
    }
    cx.out.bulk(b"redirect");
    cx.out.int(redirected(had.as_ref()));
    cx.out.bulk(b"prefixes");
    cx.out.array(tracking.prefixes.len());
    for prefix in &tracking.prefixes {
        cx.out.bulk(prefix);
    }
    Ok(Outcome::Unchanged)
}
