//! XCLAIM and XAUTOCLAIM: pending entries change hands.

use super::super::expire::propagating;
use super::{
    BAD_ID, Given, changed_beside, claim_argv, createconsumer_argv, event, group_of, no_group,
    quoting, reply_entry, reply_id, setid_argv, start_at,
};
use crate::base::error::Error;
use crate::base::num::parse_i64;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::keyspace::keys::Keys;
use crate::resp::reply::Reply;
use crate::value::stream::{ConsumerId, Group, Log, Pending, Stream, StreamId};

/// Pending entries XAUTOCLAIM looks at for each one it may claim.
const TRIES_EACH: u64 = 10;
/// Entries XAUTOCLAIM claims when the client does not say, and at most.
const CLAIMED: u64 = 100;
const CLAIMED_MAX: i64 = i64::MAX / 16;

/// The words of XCLAIM.
struct Claim {
    ids: Vec<StreamId>,
    min_idle: i64,
    /// When the entries count as delivered.
    time: i64,
    retries: Option<u64>,
    force: bool,
    just_id: bool,
    last_id: StreamId,
}

fn min_idle(args: &Args<'_>, text: &'static str) -> Result<i64, Error> {
    parse_i64(args.get(4)).map(|idle| idle.max(0)).ok_or(Error::fixed(text))
}

fn claim(args: &Args<'_>, now: i64) -> Result<Claim, Error> {
    let min_idle = min_idle(args, "ERR Invalid min-idle-time argument for XCLAIM")?;
    let ids: Vec<_> = (5..args.len()).map_while(|i| StreamId::parse(args.get(i), 0)).collect();
    let mut i = 5 + ids.len();
    let mut claim = Claim {
        ids,
        min_idle,
        time: now,
        retries: None,
        force: false,
        just_id: false,
        last_id: StreamId::MIN,
    };
    let number = |i: usize, text| parse_i64(args.get(i)).ok_or(Error::fixed(text));
    let mut time = None;
    while i < args.len() {
        let more = i + 1 < args.len();
        if args.is(i, "force") {
            claim.force = true;
        } else if args.is(i, "justid") {
            claim.just_id = true;
        } else if more && args.is(i, "idle") {
            i += 1;
            let idle = number(i, "ERR Invalid IDLE option argument for XCLAIM")?;
            time = Some(now.saturating_sub(idle));
        } else if more && args.is(i, "time") {
            i += 1;
            time = Some(number(i, "ERR Invalid TIME option argument for XCLAIM")?);
        } else if more && args.is(i, "retrycount") {
            i += 1;
            let count = number(i, "ERR Invalid RETRYCOUNT option argument for XCLAIM")?;
            claim.retries = u64::try_from(count).ok();
        } else if more && args.is(i, "lastid") {
            i += 1;
            claim.last_id = StreamId::parse(args.get(i), 0).ok_or(BAD_ID)?;
        } else {
            return Err(quoting(&["ERR Unrecognized XCLAIM option '", "'"], &[args.get(i)]));
        }
        i += 1;
    }
    // A time before 1970 or to come is taken for a clock that is wrong.
    claim.time = time.filter(|time| (0..=now).contains(time)).unwrap_or(now);
    Ok(claim)
}

/// What a claiming changed, for counters and the propagation stream.
#[derive(Default)]
struct Changes {
    /// Entries claimed, and those that left the pending list because they are deleted.
    count: u64,
    /// The same, when somebody listens.
    given: Vec<Given>,
    wanted: bool,
    /// Among them some were claimed.
    claimed: bool,
    new_consumer: bool,
}

/// The group being claimed in, and its stream's entries.
struct Site<'a> {
    log: &'a Log,
    group: &'a mut Group,
    consumer: ConsumerId,
    now: i64,
    changes: Changes,
}

impl<'a> Site<'a> {
    fn new(log: &'a Log, group: &'a mut Group, name: &[u8], now: i64, wanted: bool) -> Site<'a> {
        let known = group.find(name);
        let consumer = known.unwrap_or_else(|| group.create(name, now));
        group.consumer_mut(consumer).seen = now;
        let changes = Changes { new_consumer: known.is_none(), wanted, ..Changes::default() };
        Site { log, group, consumer, now, changes }
    }

    fn tell(&mut self, id: StreamId, pending: Pending) {
        self.changes.count += 1;
        if self.changes.wanted {
            self.changes.given.push(Given::of(self.group, id, pending));
        }
    }

    /// An entry that was deleted from the stream goes from the pending list too.
    fn drop_deleted(&mut self, id: StreamId, pending: Pending) {
        self.tell(id, pending);
        self.group.release(id);
    }

    /// Gives an entry to the consumer and shows it.
    fn give(&mut self, out: &mut Reply, id: StreamId, pending: Pending, just_id: bool) {
        self.group.assign(id, pending);
        self.group.consumer_mut(self.consumer).active = Some(self.now);
        self.tell(id, pending);
        self.changes.claimed = true;
        match self.log.get(id) {
            Some(entry) if !just_id => reply_entry(out, &entry),
            _ => reply_id(out, id),
        }
    }
}

/// Books what was changed and tells it to the propagation stream.
fn book(keys: &mut Keys<'_>, args: &Args<'_>, changes: &Changes) {
    let (key, group, consumer) = (args.get(1), args.get(2), args.get(3));
    if changes.new_consumer {
        changed_beside(keys, key, event("xgroup-createconsumer"), 1);
    }
    keys.space().effects.dirty += changes.count;
    if !changes.wanted {
        return;
    }
    if changes.new_consumer && !changes.claimed {
        keys.also(createconsumer_argv(key, group, consumer));
    }
    for given in &changes.given {
        keys.also(claim_argv(key, group, given));
    }
}

/// XCLAIM
pub(super) fn xclaim(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let DataCx { keys, out, now, .. } = cx;
    let missing = || no_group(args.get(1), args.get(2));
    if group_of(keys, args)?.is_none() {
        return Err(missing());
    }
    let claim = claim(args, *now)?;
    let wanted = propagating(keys);
    let mut stream = keys.edit::<Box<Stream>>(args.get(1))?.ok_or_else(missing)?;
    let Stream { log, groups, .. } = &mut **stream;
    let mut group = groups.edit(args.get(2)).ok_or_else(missing)?;
    let moved = claim.last_id > group.last_id;
    group.last_id = group.last_id.max(claim.last_id);
    let mut site = Site::new(log, &mut group, args.get(3), *now, wanted);
    let slot = out.open_array();
    let count = claim.ids.iter().filter(|id| claim_one(&mut site, out, &claim, **id)).count();
    out.close(slot, count);
    let changes = site.changes;
    let progress = (group.last_id, group.entries_read);
    drop(group);
    drop(stream);
    book(keys, args, &changes);
    if moved && changes.count == 0 {
        keys.space().effects.dirty += 1;
        if wanted {
            keys.also(setid_argv(args.get(1), args.get(2), progress.0, progress.1));
        }
    }
    Ok(Outcome::Changed(Propagate::Nothing))
}

/// Claims one entry, if that may be; tells whether it was shown.
fn claim_one(site: &mut Site<'_>, out: &mut Reply, claim: &Claim, id: StreamId) -> bool {
    let pending = site.group.pending().get(&id).copied();
    if !site.log.contains(id) {
        if let Some(pending) = pending {
            site.drop_deleted(id, pending);
        }
        return false;
    }
    let count = match pending {
        Some(pending) => {
            if claim.min_idle > 0 && site.now.saturating_sub(pending.time) < claim.min_idle {
                return false;
            }
            pending.count
        }
        None if claim.force => 1,
        None => return false,
    };
    let count = match claim.retries {
        Some(retries) => retries,
        None if claim.just_id => count,
        None => count.wrapping_add(1),
    };
    let pending = Pending { consumer: site.consumer, time: claim.time, count };
    site.give(out, id, pending, claim.just_id);
    true
}

/// XAUTOCLAIM
pub(super) fn xautoclaim(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let DataCx { keys, out, now, .. } = cx;
    // Redis looks the key up first, which counts, and tells about it last.
    let found = group_of(keys, args).map(|group| group.is_some());
    let min_idle = min_idle(args, "ERR Invalid min-idle-time argument for XAUTOCLAIM")?;
    let start = start_at(args, 5)?;
    let (count, just_id) = auto_options(args)?;
    let missing = || no_group(args.get(1), args.get(2));
    if !found? {
        return Err(missing());
    }
    let wanted = propagating(keys);
    let mut stream = keys.edit::<Box<Stream>>(args.get(1))?.ok_or_else(missing)?;
    let Stream { log, groups, .. } = &mut **stream;
    let mut group = groups.edit(args.get(2)).ok_or_else(missing)?;
    let mut site = Site::new(log, &mut group, args.get(3), *now, wanted);
    let mut claimed = Reply::new(out.proto);
    let (mut shown, mut deleted, mut cursor) = (0, Vec::new(), Some(start));
    let mut tries = count.saturating_mul(TRIES_EACH);
    while let Some((id, pending)) = next_pending(&site, cursor) {
        cursor = Some(id);
        if tries == 0 || shown as u64 + deleted.len() as u64 == count {
            break;
        }
        tries -= 1;
        cursor = id.next();
        if !site.log.contains(id) {
            site.drop_deleted(id, pending);
            deleted.push(id);
        } else if min_idle == 0 || site.now.saturating_sub(pending.time) >= min_idle {
            let count = pending.count.wrapping_add(u64::from(!just_id));
            let pending = Pending { consumer: site.consumer, time: site.now, count };
            site.give(&mut claimed, id, pending, just_id);
            shown += 1;
        }
    }
    out.array(3);
    let rest = next_pending(&site, cursor);
    reply_id(out, rest.map_or(StreamId::MIN, |(id, _)| id));
    out.array(shown);
    out.out().append(claimed.out());
    out.array(deleted.len());
    deleted.iter().for_each(|id| reply_id(out, *id));
    let changes = site.changes;
    drop(group);
    drop(stream);
    book(keys, args, &changes);
    Ok(Outcome::Changed(Propagate::Nothing))
}

/// The first pending entry from `from` on.
fn next_pending(site: &Site<'_>, from: Option<StreamId>) -> Option<(StreamId, Pending)> {
    site.group.pending().range(from?..).next().map(|(id, pending)| (*id, *pending))
}

fn auto_options(args: &Args<'_>) -> Result<(u64, bool), Error> {
    let (mut count, mut just_id, mut i) = (CLAIMED, false, 6);
    while i < args.len() {
        if i + 1 < args.len() && args.is(i, "count") {
            i += 1;
            count = match parse_i64(args.get(i)) {
                Some(n @ 1..=CLAIMED_MAX) => n as u64,
                _ => return Err(Error::fixed("ERR COUNT must be > 0")),
            };
        } else if args.is(i, "justid") {
            just_id = true;
        } else {
            return Err(Error::Syntax);
        }
        i += 1;
    }
    Ok((count, just_id))
}
