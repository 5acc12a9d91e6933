//! Configuration: every parameter with its kind, default and standing, the command line and the
//! file that set it at the start, CONFIG GET, SET and REWRITE afterwards.
//!
//! Each parameter is declared once, in `params.rs`. The field of [`Config`], its default, CONFIG
//! GET, SET and REWRITE and the file reader derive from it; a test compares `docs/CONFIG.md`.
//! A value that would need a feature this server lacks is refused, never silently ignored, unless
//! ignoring it is harmless (`Standing::NoEffect`).
//!
//! | file         | holds                                                       |
//! |--------------|-------------------------------------------------------------|
//! | `params.rs`  | the declarations, `Config`, `PARAMS`                        |
//! | `declare.rs` | what a declaration consists of                              |
//! | `values.rs`  | how text becomes a field and back, by `Kind`                |
//! | `types.rs`   | enums, output limits, event classes                         |
//! | `apply.rs`   | CONFIG GET and SET, and what a change asks of the server    |
//! | `file.rs`    | the lines of a file, `include`                              |
//! | `args.rs`    | the command line                                            |
//! | `rewrite.rs` | CONFIG REWRITE                                              |

pub mod apply;
pub mod args;
pub mod declare;
pub mod file;
pub mod params;
pub mod rewrite;
pub mod types;
pub mod values;

#[cfg(test)]
mod broken_tests;
#[cfg(test)]
mod round_trip_tests;
#[cfg(test)]
mod tests;

pub use apply::{Effect, Setter};
pub use args::{Startup, USAGE, from_args};
pub use declare::{Param, Standing};
pub use file::{Sources, StartError};
pub use params::{Config, PARAMS};
pub use types::{
    Limit, LogLevel, MaxMemory, MaxmemoryPolicy, event, event_flags, event_text, shutdown,
};

/// The release of Redis whose behaviour this server reproduces.
pub const REDIS_VERSION: &str = "7.2.4";
