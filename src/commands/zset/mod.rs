//! Sorted sets: the specs of the family, and what its files share.

pub(super) mod add;
mod algebra;
mod blocking;
mod cut;
mod long;
mod look;
mod pop;
mod random;
mod range;
mod remove;
mod result;
#[cfg(test)]
mod tests;

use crate::base::double::parse_f64;
use crate::base::error::Error;
use crate::ds::listpack::Item;
use crate::engine::args::Args;
use crate::engine::keyspec::KeySpec;
use crate::engine::spec::{Spec, cat, flag};
use crate::keyspace::effects::{Event, class};
use crate::resp::reply::{Proto, Reply};
use crate::value::reply_item;
pub(super) use result::{Gathered, store};

const READ: u32 = flag::READONLY;
const WRITE: u32 = flag::WRITE;
const GROW: u32 = flag::WRITE | flag::DENYOOM;
const FAST: u32 = flag::FAST;
const MOVABLE: u32 = flag::MOVABLEKEYS;
const BLOCKING: u32 = flag::BLOCKING;

const READ_KEY: &[KeySpec] = &[KeySpec::at(1).ro().access()];
const ADDED_KEY: &[KeySpec] = &[KeySpec::at(1).rw().update()];
const SHORTENED_KEY: &[KeySpec] = &[KeySpec::at(1).rw().delete()];
const POPPED_KEY: &[KeySpec] = &[KeySpec::at(1).rw().access().delete()];
const READ_KEYS: &[KeySpec] = &[KeySpec::counted(1).ro().access()];
const STORED_KEYS: &[KeySpec] = &[KeySpec::at(1).ow().update(), KeySpec::counted(2).ro().access()];

const fn zset(spec: Spec) -> Spec {
    spec.acl(cat::SORTEDSET).group("sorted-set")
}

/// The commands of this family.
pub const SPECS: &[Spec] = &[
    zset(Spec::data("zadd", -4, add::zadd).flags(GROW | FAST))
        .keys(ADDED_KEY)
        .since("1.2.0")
        .summary("Gives members of a sorted set their scores, new ones or other ones."),
    zset(Spec::data("zincrby", 4, add::zincrby).flags(GROW | FAST))
        .keys(&[KeySpec::at(1).rw().access().update()])
        .since("1.2.0")
        .summary("Adds a number to the score of a member."),
    zset(Spec::data("zrem", -3, remove::zrem).flags(WRITE | FAST))
        .keys(SHORTENED_KEY)
        .since("1.2.0")
        .summary("Takes members out of a sorted set; the key goes with the last one."),
    zset(Spec::data("zremrangebyrank", 4, remove::zremrangebyrank).flags(WRITE))
        .keys(SHORTENED_KEY)
        .since("2.0.0")
        .summary("Takes out the members of a range of ranks."),
    zset(Spec::data("zremrangebyscore", 4, remove::zremrangebyscore).flags(WRITE))
        .keys(SHORTENED_KEY)
        .since("1.2.0")
        .summary("Takes out the members of a range of scores."),
    zset(Spec::data("zremrangebylex", 4, remove::zremrangebylex).flags(WRITE))
        .keys(SHORTENED_KEY)
        .since("2.8.9")
        .summary("Takes out the members of a range of texts."),
    zset(Spec::data("zcard", 2, look::zcard).flags(READ | FAST))
        .keys(&[KeySpec::at(1).ro()])
        .since("1.2.0")
        .summary("Counts the members of a sorted set."),
    zset(Spec::data("zscore", 3, look::zscore).flags(READ | FAST))
        .keys(READ_KEY)
        .since("1.2.0")
        .summary("Gives the score of a member."),
    zset(Spec::data("zmscore", -3, look::zmscore).flags(READ | FAST))
        .keys(READ_KEY)
        .since("6.2.0")
        .summary("Gives the scores of several members."),
    zset(Spec::data("zrank", -3, look::zrank).flags(READ | FAST))
        .keys(READ_KEY)
        .since("2.0.0")
        .summary("Tells how many members have a lower place than this one."),
    zset(Spec::data("zrevrank", -3, look::zrevrank).flags(READ | FAST))
        .keys(READ_KEY)
        .since("2.0.0")
        .summary("Tells how many members have a higher place than this one."),
    zset(Spec::data("zcount", 4, look::zcount).flags(READ | FAST))
        .keys(READ_KEY)
        .since("2.0.0")
        .summary("Counts the members of a range of scores."),
    zset(Spec::data("zlexcount", 4, look::zlexcount).flags(READ | FAST))
        .keys(READ_KEY)
        .since("2.8.9")
        .summary("Counts the members of a range of texts."),
    zset(Spec::data("zscan", -3, look::zscan).flags(READ))
        .keys(READ_KEY)
        .since("2.8.0")
        .summary("Walks over the members of a sorted set, some at a time."),
    zset(Spec::data("zrandmember", -2, random::zrandmember).flags(READ))
        .keys(READ_KEY)
        .since("6.2.0")
        .summary("Gives members picked at random."),
    zset(Spec::data("zrange", -4, range::zrange).flags(READ))
        .keys(READ_KEY)
        .since("1.2.0")
        .summary("Gives the members of a range of ranks, scores or texts."),
    zset(Spec::data("zrevrange", -4, range::zrevrange).flags(READ))
        .keys(READ_KEY)
        .since("1.2.0")
        .summary("Gives the members of a range of ranks, from the last one on."),
    zset(Spec::data("zrangebyscore", -4, range::zrangebyscore).flags(READ))
        .keys(READ_KEY)
        .since("1.0.5")
        .summary("Gives the members of a range of scores."),
    zset(Spec::data("zrevrangebyscore", -4, range::zrevrangebyscore).flags(READ))
        .keys(READ_KEY)
        .since("2.2.0")
        .summary("Gives the members of a range of scores, from the highest on."),
    zset(Spec::data("zrangebylex", -4, range::zrangebylex).flags(READ))
        .keys(READ_KEY)
        .since("2.8.9")
        .summary("Gives the members of a range of texts."),
    zset(Spec::data("zrevrangebylex", -4, range::zrevrangebylex).flags(READ))
        .keys(READ_KEY)
        .since("2.8.9")
        .summary("Gives the members of a range of texts, from the last one on."),
    zset(Spec::data("zrangestore", -5, range::zrangestore).flags(GROW))
        .keys(&[KeySpec::at(1).ow().update(), KeySpec::at(2).ro().access()])
        .since("6.2.0")
        .summary("Keeps a range of members under another key."),
    zset(Spec::data("zpopmin", -2, pop::zpopmin).flags(WRITE | FAST))
        .keys(POPPED_KEY)
        .since("5.0.0")
        .summary("Takes out and gives the members with the lowest scores."),
    zset(Spec::data("zpopmax", -2, pop::zpopmax).flags(WRITE | FAST))
        .keys(POPPED_KEY)
        .since("5.0.0")
        .summary("Takes out and gives the members with the highest scores."),
    zset(Spec::data("zmpop", -4, pop::zmpop).flags(WRITE | MOVABLE))
        .keys(&[KeySpec::counted(1).rw().access().delete()])
        .since("7.0.0")
        .summary("Takes members out of the first of several keys that has any."),
    zset(Spec::data("bzpopmin", -3, blocking::bzpopmin).flags(WRITE | FAST | BLOCKING))
        .keys(&[KeySpec::range(1, -2, 1).rw().access().delete()])
        .since("5.0.0")
        .summary("Takes out the member with the lowest score, waiting for one if need be."),
    zset(Spec::data("bzpopmax", -3, blocking::bzpopmax).flags(WRITE | FAST | BLOCKING))
        .keys(&[KeySpec::range(1, -2, 1).rw().access().delete()])
        .since("5.0.0")
        .summary("Takes out the member with the highest score, waiting for one if need be."),
    zset(Spec::data("bzmpop", -5, blocking::bzmpop).flags(WRITE | MOVABLE | BLOCKING))
        .keys(&[KeySpec::counted(2).rw().access().delete()])
        .since("7.0.0")
        .summary("Takes members out of the first key that has any, waiting if need be."),
    zset(Spec::data("zunion", -3, algebra::zunion).flags(READ | MOVABLE))
        .keys(READ_KEYS)
        .since("6.2.0")
        .summary("Gives the members of all keys with their scores put together."),
    zset(Spec::data("zinter", -3, algebra::zinter).flags(READ | MOVABLE))
        .keys(READ_KEYS)
        .since("6.2.0")
        .summary("Gives the members that all keys have with their scores put together."),
    zset(Spec::data("zdiff", -3, algebra::zdiff).flags(READ | MOVABLE))
        .keys(READ_KEYS)
        .since("6.2.0")
        .summary("Gives the members of the first key that no other key has."),
    zset(Spec::data("zintercard", -3, algebra::zintercard).flags(READ | MOVABLE))
        .keys(READ_KEYS)
        .since("7.0.0")
        .summary("Counts the members that all keys have."),
    zset(Spec::data("zunionstore", -4, algebra::zunionstore).flags(GROW | MOVABLE))
        .keys(STORED_KEYS)
        .since("2.0.0")
        .summary("Keeps what ZUNION gives under a key."),
    zset(Spec::data("zinterstore", -4, algebra::zinterstore).flags(GROW | MOVABLE))
        .keys(STORED_KEYS)
        .since("2.0.0")
        .summary("Keeps what ZINTER gives under a key."),
    zset(Spec::data("zdiffstore", -4, algebra::zdiffstore).flags(GROW | MOVABLE))
        .keys(STORED_KEYS)
        .since("6.2.0")
        .summary("Keeps what ZDIFF gives under a key."),
];

/// The key went with its last member.
const DEL: Event = Event::new(class::GENERIC, "del");

/// The score at place `i`.
pub(super) fn score_at(args: &Args<'_>, i: usize) -> Result<f64, Error> {
    parse_f64(args.get(i)).ok_or(Error::NotFloat)
}

/// A list of members in a reply, or of members and scores in the form of the protocol: one flat
/// list in RESP2, pairs in RESP3.
struct Listing<'a> {
    out: &'a mut Reply,
    scores: bool,
}

impl Listing<'_> {
    /// The start of a list of so many members.
    fn begin(&mut self, members: usize) {
        let flat = self.scores && self.out.proto == Proto::V2;
        self.out.array(if flat { 2 * members } else { members });
    }

    #[inline]
    fn add(&mut self, member: Item<'_>, score: f64) {
        if self.scores && self.out.proto == Proto::V3 {
            self.out.array(2);
        }
        reply_item(self.out, member);
        if self.scores {
            self.out.double(score);
        }
    }
}
