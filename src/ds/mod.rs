//! Plain structures without a word of Redis in them; each can `check()` itself.

pub mod bits;
pub mod deadlines;
pub mod dict;
pub mod histogram;
pub mod hll;
pub mod intset;
pub mod listpack;
pub mod member;
pub mod pair;
