//! Plain structures without a word of Redis in them; each can `check()` itself.

pub mod bits;
pub mod capture;
pub mod deadlines;
pub mod dict;
pub mod geohash;
pub mod histogram;
pub mod hll;
pub mod id_map;
pub mod intset;
pub mod listpack;
pub mod lzf;
pub mod member;
pub mod pair;
pub mod quicklist;
pub mod ranked;
