//! The rules behind `tests/tidy.rs`.

pub mod banned;
pub mod layers;
pub mod sizes;
pub mod source;
