//! Hashes: the specs of the family, and what its files share.

mod long;
mod random;
mod read;
mod write;

use crate::engine::keyspec::KeySpec;
use crate::engine::spec::{Spec, cat, flag};
use crate::resp::reply::{Proto, Reply};
use crate::value::hash::Field;
use crate::value::reply_item;

const READ: u32 = flag::READONLY;
const GROW: u32 = flag::WRITE | flag::DENYOOM;
const FAST: u32 = flag::FAST;

const READ_KEY: &[KeySpec] = &[KeySpec::at(1).ro().access()];
const ASKED_KEY: &[KeySpec] = &[KeySpec::at(1).ro()];
const SET_KEY: &[KeySpec] = &[KeySpec::at(1).rw().update()];
const COUNTED_KEY: &[KeySpec] = &[KeySpec::at(1).rw().access().update()];

const fn hash(spec: Spec) -> Spec {
    spec.acl(cat::HASH).group("hash")
}

/// The commands of this family.
pub const SPECS: &[Spec] = &[
    hash(Spec::data("hset", -4, write::hset).flags(GROW | FAST))
        .keys(SET_KEY)
        .since("2.0.0")
        .summary("Sets fields of a hash and tells how many are new."),
    hash(Spec::data("hmset", -4, write::hmset).flags(GROW | FAST))
        .keys(SET_KEY)
        .since("2.0.0")
        .summary("Sets fields of a hash; the old form of HSET."),
    hash(Spec::data("hsetnx", 4, write::hsetnx).flags(GROW | FAST))
        .keys(&[KeySpec::at(1).rw().insert()])
        .since("2.0.0")
        .summary("Sets a field of a hash unless it is there."),
    hash(Spec::data("hdel", -3, write::hdel).flags(flag::WRITE | FAST))
        .keys(&[KeySpec::at(1).rw().delete()])
        .since("2.0.0")
        .summary("Takes fields out of a hash; the key goes with the last one."),
    hash(Spec::data("hincrby", 4, write::hincrby).flags(GROW | FAST))
        .keys(COUNTED_KEY)
        .since("2.0.0")
        .summary("Adds an integer to a field of a hash."),
    hash(Spec::data("hincrbyfloat", 4, write::hincrbyfloat).flags(GROW | FAST))
        .keys(COUNTED_KEY)
        .since("2.6.0")
        .summary("Adds a floating point number to a field of a hash."),
    hash(Spec::data("hget", 3, read::hget).flags(READ | FAST))
        .keys(READ_KEY)
        .since("2.0.0")
        .summary("Gives the value of a field."),
    hash(Spec::data("hmget", -3, read::hmget).flags(READ | FAST))
        .keys(READ_KEY)
        .since("2.0.0")
        .summary("Gives the values of several fields."),
    hash(Spec::data("hgetall", 2, read::hgetall).flags(READ))
        .keys(READ_KEY)
        .since("2.0.0")
        .summary("Gives all fields of a hash with their values."),
    hash(Spec::data("hkeys", 2, read::hkeys).flags(READ))
        .keys(READ_KEY)
        .since("2.0.0")
        .summary("Names all fields of a hash."),
    hash(Spec::data("hvals", 2, read::hvals).flags(READ))
        .keys(READ_KEY)
        .since("2.0.0")
        .summary("Gives the values of all fields of a hash."),
    hash(Spec::data("hlen", 2, read::hlen).flags(READ | FAST))
        .keys(ASKED_KEY)
        .since("2.0.0")
        .summary("Counts the fields of a hash."),
    hash(Spec::data("hstrlen", 3, read::hstrlen).flags(READ | FAST))
        .keys(ASKED_KEY)
        .since("3.2.0")
        .summary("Tells the length of a field's value in bytes."),
    hash(Spec::data("hexists", 3, read::hexists).flags(READ | FAST))
        .keys(ASKED_KEY)
        .since("2.0.0")
        .summary("Tells whether a hash has a field."),
    hash(Spec::data("hrandfield", -2, random::hrandfield).flags(READ))
        .keys(READ_KEY)
        .since("6.2.0")
        .summary("Picks fields of a hash at random."),
    hash(Spec::data("hscan", -3, read::hscan).flags(READ))
        .keys(READ_KEY)
        .since("2.8.0")
        .summary("Walks over the fields of a hash, some at a time."),
];

/// What of a field a reply lists.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Its name.
    Names,
    /// Its value.
    Values,
    /// Its name, then its value.
    Both,
    /// An array of its name and its value.
    Pairs,
}

impl Form {
    /// Name and value of fields in an array: RESP3 keeps them together.
    fn with_values(proto: Proto) -> Form {
        if proto == Proto::V3 { Form::Pairs } else { Form::Both }
    }

    /// The start of an array of so many fields.
    fn begin(self, out: &mut Reply, fields: usize) {
        out.array(if self == Form::Both { 2 * fields } else { fields });
    }

    #[inline]
    fn add(self, out: &mut Reply, (name, value): Field<'_>) {
        if self == Form::Pairs {
            out.array(2);
        }
        if self != Form::Values {
            reply_item(out, name);
        }
        if self != Form::Names {
            reply_item(out, value);
        }
    }
}

#[cfg(test)]
mod tests;
