//! Plain structures without a word of Redis in them; each can `check()` itself.

pub mod deadlines;
pub mod dict;
pub mod listpack;
pub mod pair;
