//! XREADGROUP on one stream: what a consumer is given, and what it had already. Many entries are
//! given in slices, while nobody else may look at the stream.

use super::super::expire::propagating;
use super::read::Served;
use super::{
    Given, changed_beside, claim_argv, createconsumer_argv, event, name_stream, reply_entry,
    reply_id, setid_argv,
};
use crate::base::error::Error;
use crate::engine::budget::Budget;
use crate::engine::cx::{DataCx, Outcome, Propagate};
use crate::engine::work::{LONG, Progress, Work};
use crate::keyspace::Keyspace;
use crate::keyspace::keys::Keys;
use crate::keyspace::lease::Lease;
use crate::resp::reply::{Proto, Reply};
use crate::value::stream::{ConsumerId, Group, Log, Pending, Stream, StreamId};

/// Entries of a consumer's history that are looked up together.
const AT_ONCE: usize = 8;

/// A consumer that reads one stream.
pub(super) struct Reader<'a> {
    pub(super) key: &'a [u8],
    pub(super) group: &'a [u8],
    pub(super) consumer: &'a [u8],
    pub(super) noack: bool,
}

/// How far a reading has come.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// What is wanted is what the consumer had already, from behind this id on.
    in_history: bool,
    after: StreamId,
    left: usize,
    given: usize,
}

impl Place {
    /// Behind an id, `most` entries. The greatest id stands for what is new to the group.
    pub(super) fn new(after: StreamId, most: Option<u64>) -> Place {
        let left = most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
        Place { in_history: after != StreamId::MAX, after, left, given: 0 }
    }

    fn took(&mut self, entries: usize) {
        self.left -= entries;
        self.given += entries;
    }
}

/// What a reading is told to the propagation stream by.
#[derive(Default)]
struct Deliveries {
    /// Somebody listens.
    wanted: bool,
    given: Vec<Given>,
    /// The group has come further: to this id, with this count.
    moved: Option<(StreamId, Option<u64>)>,
}

fn news(log: &Log, group: &Group) -> bool {
    !log.is_empty() && log.last_live_id() > group.last_id
}

impl Reader<'_> {
    /// Serves the consumer from one stream; it comes to be on the way.
    pub(super) fn read(
        &self,
        cx: &mut DataCx<'_>,
        mut place: Place,
        served: &mut Served,
    ) -> Result<(), Error> {
        let DataCx { keys, out, now, .. } = cx;
        let Some(new) = self.appear(keys, *now)? else { return Ok(()) };
        let mut told = Deliveries { wanted: propagating(keys), ..Deliveries::default() };
        let stream = keys.again::<Stream>(self.key);
        let group = stream.and_then(|stream| Some((&stream.log, stream.groups.get(self.group)?)));
        let serves = place.in_history || group.is_some_and(|(log, group)| news(log, group));
        if serves {
            served.begin(out, self.key);
            let slot = out.open_array();
            self.serve(keys, *now, (&mut place, &mut told), out, &mut || true)?;
            out.close(slot, place.given);
            keys.space().effects.dirty += 1;
        }
        self.propagate(keys, &told, new);
        Ok(())
    }

    /// Gives entries until `more` says stop; true when that was all.
    fn serve(
        &self,
        keys: &mut Keys<'_>,
        now: i64,
        (place, told): (&mut Place, &mut Deliveries),
        out: &mut Reply,
        more: &mut dyn FnMut() -> bool,
    ) -> Result<bool, Error> {
        let Some(mut stream) = keys.edit::<Box<Stream>>(self.key)? else { return Ok(true) };
        let Stream { log, groups, .. } = &mut **stream;
        let Some(mut group) = groups.edit(self.group) else { return Ok(true) };
        let Some(consumer) = group.find(self.consumer) else { return Ok(true) };
        let (group, noack) = (&mut *group, self.noack);
        Ok(Giving { log, group, consumer, noack, now, place, told }.go_on(out, more))
    }

    /// The same in slices, when that gives many entries.
    pub(super) fn at_length(
        &self,
        cx: &mut DataCx<'_>,
        place: Place,
    ) -> Result<Option<Outcome>, Error> {
        let Some(stream) = cx.keys.again::<Stream>(self.key) else { return Ok(None) };
        let Some(group) = stream.groups.get(self.group) else { return Ok(None) };
        if place.left < LONG || !self.finds_many(&stream.log, group, &place) {
            return Ok(None);
        }
        let Some(new) = self.appear(&mut cx.keys, cx.now)? else { return Ok(None) };
        let lease = cx.keys.lease(self.key, true);
        let [key, group, consumer] = [self.key, self.group, self.consumer].map(<[u8]>::to_vec);
        let body = Reply::new(cx.out.proto);
        let noack = self.noack;
        let work = Delivery { lease, key, group, consumer, noack, place, new, body };
        Ok(Some(Outcome::Enter(Box::new(work))))
    }

    fn finds_many(&self, log: &Log, group: &Group, place: &Place) -> bool {
        if place.in_history {
            let start = place.after.next().unwrap_or(StreamId::MAX);
            let consumer = group.find(self.consumer).map(|id| group.consumer(id));
            return consumer.is_some_and(|c| c.pending().range(start..).nth(LONG - 1).is_some());
        }
        let start = group.last_id.next().unwrap_or(StreamId::MAX);
        log.len() >= LONG as u64 && log.range(start, StreamId::MAX).nth(LONG - 1).is_some()
    }

    /// The consumer asks; it comes to be if it is not known. Whether it is new, and nothing when
    /// there is no such group.
    fn appear(&self, keys: &mut Keys<'_>, now: i64) -> Result<Option<bool>, Error> {
        let Some(mut stream) = keys.edit::<Box<Stream>>(self.key)? else { return Ok(None) };
        let Some(mut group) = stream.groups.edit(self.group) else { return Ok(None) };
        let known = group.find(self.consumer);
        let consumer = known.unwrap_or_else(|| group.create(self.consumer, now));
        group.consumer_mut(consumer).seen = now;
        drop(group);
        drop(stream);
        if known.is_none() {
            changed_beside(keys, self.key, event("xgroup-createconsumer"), 1);
        }
        Ok(Some(known.is_none()))
    }

    /// The deliveries as XCLAIM, and how far the group has come. A consumer that was given nothing
    /// is told of by itself.
    fn propagate(&self, keys: &mut Keys<'_>, told: &Deliveries, new: bool) {
        if !told.wanted {
            return;
        }
        if new && told.given.is_empty() {
            keys.also(createconsumer_argv(self.key, self.group, self.consumer));
        }
        for given in &told.given {
            keys.also(claim_argv(self.key, self.group, given));
        }
        if let Some((last_id, entries_read)) = told.moved {
            keys.also(setid_argv(self.key, self.group, last_id, entries_read));
        }
    }
}

/// A consumer being given entries.
struct Giving<'a> {
    log: &'a Log,
    group: &'a mut Group,
    consumer: ConsumerId,
    noack: bool,
    now: i64,
    place: &'a mut Place,
    told: &'a mut Deliveries,
}

impl Giving<'_> {
    /// Gives entries until `more` says stop; true when that was all.
    fn go_on(&mut self, out: &mut Reply, more: &mut dyn FnMut() -> bool) -> bool {
        if self.place.in_history { self.history(out, more) } else { self.deliver(out, more) }
    }

    /// What the consumer has already and did not acknowledge. Entries that were deleted meanwhile
    /// come without fields.
    fn history(&mut self, out: &mut Reply, more: &mut dyn FnMut() -> bool) -> bool {
        loop {
            let Some(start) = self.place.after.next() else { return true };
            let pending = self.group.consumer(self.consumer).pending();
            let next = pending.range(start..).take(self.place.left.min(AT_ONCE));
            let ids: Vec<StreamId> = next.copied().collect();
            let Some(last) = ids.last() else { return true };
            self.place.after = *last;
            self.place.took(ids.len());
            for id in ids {
                match self.log.get(id) {
                    Some(entry) => {
                        reply_entry(out, &entry);
                        self.group.delivered_again(id, self.now);
                    }
                    None => {
                        out.array(2);
                        reply_id(out, id);
                        out.null_array();
                    }
                }
            }
            if !more() {
                return false;
            }
        }
    }

    /// Entries that nobody of the group was given yet.
    fn deliver(&mut self, out: &mut Reply, more: &mut dyn FnMut() -> bool) -> bool {
        let Giving { log, group, consumer, noack, now, place, told } = self;
        let Some(start) = group.last_id.next() else { return true };
        for entry in log.range(start, StreamId::MAX).take(place.left) {
            let id = entry.id;
            group.entries_read = log.count_after_reading(group.entries_read, id);
            group.last_id = id;
            reply_entry(out, &entry);
            if !*noack {
                let pending = Pending { consumer: *consumer, time: *now, count: 1 };
                group.assign(id, pending);
                if told.wanted {
                    told.given.push(Given::of(group, id, pending));
                }
                group.consumer_mut(*consumer).active = Some(*now);
            }
            place.took(1);
            told.moved = Some((group.last_id, group.entries_read));
            if !more() {
                return false;
            }
        }
        true
    }
}

/// A reading of many entries on its way. What it has given is told to the stream slice by slice:
/// nobody else can look at the stream in between.
struct Delivery {
    lease: Lease,
    key: Vec<u8>,
    group: Vec<u8>,
    consumer: Vec<u8>,
    noack: bool,
    place: Place,
    /// The consumer is new, and nobody was told.
    new: bool,
    body: Reply,
}

impl Work for Delivery {
    fn step(&mut self, cx: &mut DataCx<'_>, budget: &mut Budget<'_>) -> Result<Progress, Error> {
        let DataCx { keys, out, now, .. } = cx;
        let Delivery { key, group, consumer, noack, place, new, body, .. } = self;
        let reader = Reader { key, group, consumer, noack: *noack };
        let mut told = Deliveries { wanted: propagating(keys), ..Deliveries::default() };
        let done = reader.serve(keys, *now, (place, &mut told), body, &mut || budget.more())?;
        if !done {
            told.moved = None;
        }
        reader.propagate(keys, &told, std::mem::take(new));
        if !done {
            return Ok(Progress::Pending);
        }
        keys.space().effects.dirty += 1;
        match out.proto {
            Proto::V2 => out.array(1),
            Proto::V3 => out.map(1),
        }
        name_stream(out, key);
        out.array(place.given);
        out.out().append(body.out());
        Ok(Progress::Done(Outcome::Changed(Propagate::Nothing)))
    }

    fn changes(&self) -> bool {
        true
    }

    fn end(&mut self, space: &mut Keyspace) {
        space.release(self.lease);
    }
}
