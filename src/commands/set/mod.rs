//! Sets: the specs of the family, and what its files share.

mod algebra;
mod basic;
mod long;
mod pop;
mod random;
#[cfg(test)]
mod tests;

use crate::engine::keyspec::KeySpec;
use crate::engine::spec::{Spec, cat, flag};
use crate::keyspace::effects::{Event, class};

const READ: u32 = flag::READONLY;
const WRITE: u32 = flag::WRITE;
const GROW: u32 = flag::WRITE | flag::DENYOOM;
const FAST: u32 = flag::FAST;

const READ_KEY: &[KeySpec] = &[KeySpec::at(1).ro().access()];
const READ_KEYS: &[KeySpec] = &[KeySpec::range(1, -1, 1).ro().access()];
const LOOKED_AT_KEY: &[KeySpec] = &[KeySpec::at(1).ro()];
const STORED_KEY: &[KeySpec] =
    &[KeySpec::at(1).ow().update(), KeySpec::range(2, -1, 1).ro().access()];

const fn set(spec: Spec) -> Spec {
    spec.acl(cat::SET).group("set")
}

/// The commands of this family.
pub const SPECS: &[Spec] = &[
    set(Spec::data("sadd", -3, basic::sadd).flags(GROW | FAST))
        .keys(&[KeySpec::at(1).rw().insert()])
        .since("1.0.0")
        .summary("Adds members to a set, which is made if there is none."),
    set(Spec::data("srem", -3, basic::srem).flags(WRITE | FAST))
        .keys(&[KeySpec::at(1).rw().delete()])
        .since("1.0.0")
        .summary("Takes members out of a set; the last one takes the key along."),
    set(Spec::data("sismember", 3, basic::sismember).flags(READ | FAST))
        .keys(LOOKED_AT_KEY)
        .since("1.0.0")
        .summary("Tells whether something is a member of a set."),
    set(Spec::data("smismember", -3, basic::smismember).flags(READ | FAST))
        .keys(READ_KEY)
        .since("6.2.0")
        .summary("Tells of several things whether they are members of a set."),
    set(Spec::data("scard", 2, basic::scard).flags(READ | FAST))
        .keys(LOOKED_AT_KEY)
        .since("1.0.0")
        .summary("Tells how many members a set has."),
    set(Spec::data("smembers", 2, basic::smembers).flags(READ))
        .keys(READ_KEY)
        .since("1.0.0")
        .summary("Gives all members of a set."),
    set(Spec::data("smove", 4, basic::smove).flags(WRITE | FAST))
        .keys(&[KeySpec::at(1).rw().access().delete(), KeySpec::at(2).rw().insert()])
        .since("1.0.0")
        .summary("Moves a member from one set to another."),
    set(Spec::data("sscan", -3, basic::sscan).flags(READ))
        .keys(READ_KEY)
        .since("2.8.0")
        .summary("Walks over the members of a set, some at a time."),
    set(Spec::data("spop", -2, random::spop).flags(WRITE | FAST))
        .keys(&[KeySpec::at(1).rw().access().delete()])
        .since("1.0.0")
        .summary("Takes random members out of a set and gives them."),
    set(Spec::data("srandmember", -2, random::srandmember).flags(READ))
        .keys(READ_KEY)
        .since("1.0.0")
        .summary("Gives random members of a set."),
    set(Spec::data("sinter", -2, algebra::sinter).flags(READ))
        .keys(READ_KEYS)
        .since("1.0.0")
        .summary("Gives the members that several sets have in common."),
    set(Spec::data("sintercard", -3, algebra::sintercard).flags(READ | flag::MOVABLEKEYS))
        .keys(&[KeySpec::counted(1).ro().access()])
        .since("7.0.0")
        .summary("Counts the members that several sets have in common."),
    set(Spec::data("sinterstore", -3, algebra::sinterstore).flags(GROW))
        .keys(&[KeySpec::at(1).rw().update(), KeySpec::range(2, -1, 1).ro().access()])
        .since("1.0.0")
        .summary("Keeps what several sets have in common under a key."),
    set(Spec::data("sunion", -2, algebra::sunion).flags(READ))
        .keys(READ_KEYS)
        .since("1.0.0")
        .summary("Gives the members of several sets together."),
    set(Spec::data("sunionstore", -3, algebra::sunionstore).flags(GROW))
        .keys(STORED_KEY)
        .since("1.0.0")
        .summary("Keeps the members of several sets together under a key."),
    set(Spec::data("sdiff", -2, algebra::sdiff).flags(READ))
        .keys(READ_KEYS)
        .since("1.0.0")
        .summary("Gives the members of a set that no other one has."),
    set(Spec::data("sdiffstore", -3, algebra::sdiffstore).flags(GROW))
        .keys(STORED_KEY)
        .since("1.0.0")
        .summary("Keeps the members of a set that no other one has under a key."),
];

/// The last member went, and the key with it.
const DEL: Event = Event::new(class::GENERIC, "del");
