//! Admission: may this command run now, for this session? One function a check, in the order that
//! clients can observe.

use super::Engine;
use super::args::Args;
use super::client::ClientId;
use super::session::Session;
use super::spec::{Spec, flag};
use crate::base::error::Error;
use crate::resp::reply::Proto;

/// The answer of one check.
pub enum Admit {
    /// It may go on to the next check.
    Go,
    /// It waits, as it came, until the pause is over.
    Park(ClientId),
    /// It is answered with an error.
    Refuse(Error),
}

/// What all checks together say, when none refuses.
pub enum Admitted {
    /// The command runs.
    Go,
    /// It waits, as it came, until the pause is over.
    Park(ClientId),
}

/// What a check looks at.
pub struct Call<'a> {
    /// The engine as it stands before the command.
    pub engine: &'a Engine,
    /// Who calls.
    pub session: &'a Session,
    /// Protocol version of the reply.
    pub proto: Proto,
    /// What is called.
    pub spec: &'static Spec,
    /// The call.
    pub args: &'a Args<'a>,
}

type Gate = fn(&Call<'_>) -> Admit;

/// The checks, in order.
const GATES: &[Gate] =
    &[auth, no_multi, room, disk, monitor_only, pubsub_mode, loading, busy, pause, flights];

/// Runs all checks.
#[inline]
pub fn admit(call: &Call<'_>) -> Result<Admitted, Error> {
    for gate in GATES {
        match gate(call) {
            Admit::Go => {}
            Admit::Park(id) => return Ok(Admitted::Park(id)),
            Admit::Refuse(error) => return Err(error),
        }
    }
    Ok(Admitted::Go)
}

#[inline]
fn auth(call: &Call<'_>) -> Admit {
    if call.session.authenticated || call.spec.has(flag::NO_AUTH) {
        return Admit::Go;
    }
    Admit::Refuse(Error::NoAuth)
}

#[inline]
fn no_multi(call: &Call<'_>) -> Admit {
    if call.session.txn.is_none() || !call.spec.has(flag::NO_MULTI) {
        return Admit::Go;
    }
    Admit::Refuse(Error::fixed("ERR Command not allowed inside a transaction"))
}

/// When memory is short and nothing may be deleted, what would take more of it is refused.
#[inline]
fn room(call: &Call<'_>) -> Admit {
    if call.engine.memory.refuses { Admit::Refuse(Error::Oom) } else { Admit::Go }
}

/// After a save failed, or while the log cannot be written, nothing is taken that might be lost.
/// PING says so too.
#[inline]
fn disk(call: &Call<'_>) -> Admit {
    if !call.engine.refuses_writes() && call.engine.aof.is_sound() {
        return Admit::Go;
    }
    let Some(refusal) = call.engine.write_refusal() else { return Admit::Go };
    let kept = call.session.txn.as_ref().filter(|_| call.spec.name == "exec");
    let writes = call.spec.has(flag::WRITE)
        || call.spec.name == "ping"
        || kept.is_some_and(|txn| txn.iter().any(|(spec, _)| spec.has(flag::WRITE)));
    if !writes {
        return Admit::Go;
    }
    Admit::Refuse(refusal)
}

/// Whoever monitors is treated as a replica, which only listens.
#[inline]
fn monitor_only(call: &Call<'_>) -> Admit {
    const DATA: u32 = flag::READONLY | flag::WRITE | flag::MAY_REPLICATE;
    if !call.engine.has_monitors() {
        return Admit::Go;
    }
    let Some(id) = call.session.origin.client() else { return Admit::Go };
    if call.spec.flags & DATA == 0 || !call.engine.is_monitor(id) {
        return Admit::Go;
    }
    Admit::Refuse(Error::fixed("ERR Replica can't interact with the keyspace"))
}

/// RESP2 cannot tell a message from a reply, so a subscriber may only change its subscriptions.
#[inline]
fn pubsub_mode(call: &Call<'_>) -> Admit {
    if call.engine.pubsub().is_empty() || call.proto == Proto::V3 {
        return Admit::Go;
    }
    let client = call.session.origin.client().and_then(|id| call.engine.client(id));
    let subscribed = client.is_some_and(|c| c.in_subscribed_mode());
    if !subscribed || call.spec.has(flag::IN_SUBSCRIBED) {
        return Admit::Go;
    }
    Admit::Refuse(Error::err(format!(
        "Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are \
         allowed in this context",
        call.spec.full_name
    )))
}

/// While the data set is being loaded, only what can do without it is answered.
#[inline]
fn loading(call: &Call<'_>) -> Admit {
    if !call.engine.is_loading() || call.spec.has(flag::LOADING) {
        return Admit::Go;
    }
    Admit::Refuse(Error::Loading)
}

/// While a script takes long, only what can end it is answered.
#[inline]
fn busy(call: &Call<'_>) -> Admit {
    if !call.engine.scripts().suspended() || call.spec.has(flag::ALLOW_BUSY) {
        return Admit::Go;
    }
    call.engine.scripts().busy().map_or(Admit::Go, Admit::Refuse)
}

/// CLIENT PAUSE, or a disk that is behind: writes, or everything, wait. Last of all checks: what
/// would be refused is refused at once.
#[inline]
fn pause(call: &Call<'_>) -> Admit {
    if !call.engine.pausing.holds_any() {
        return Admit::Go;
    }
    let pausing = &call.engine.pausing;
    let kept = call.session.txn.as_ref().filter(|_| call.spec.name == "exec");
    let holds = pausing.holds(call.spec)
        || kept.is_some_and(|txn| txn.iter().any(|(spec, _)| pausing.holds(spec)));
    match call.session.origin.client() {
        Some(id) if holds => Admit::Park(id),
        _ => Admit::Go,
    }
}

/// Keys on their way to another server change no more until it is known whether they arrived.
#[inline]
fn flights(call: &Call<'_>) -> Admit {
    if call.engine.flights.is_empty() { Admit::Go } else { in_flight(call) }
}

#[cold]
fn in_flight(call: &Call<'_>) -> Admit {
    match call.session.origin.client() {
        Some(id) if call.engine.flights.concern(call.spec, call.session, call.args) => {
            Admit::Park(id)
        }
        _ => Admit::Go,
    }
}
