//! What every layer may use: errors, number text, patterns, units, hashing, random numbers.
//! Nothing here does I/O or knows a command.

pub mod double;
pub mod error;
pub mod glob;
pub mod hash;
pub mod num;
pub mod rng;
pub mod units;
