//! Redstart: a drop-in `redis-server`.
//!
//! ```text
//!  socket ─bytes─▶ net ─▶ engine.run_ready ─▶ resp::request ─▶ Args (slices of the read buffer)
//!                                                                │
//!            table ─▶ gate (admission list) ─▶ call ─▶ handler ─▶ Keys ─▶ Db ─▶ Value ─▶ ds
//!                                               │                  │
//!                                               └─▶ Reply ─▶ net   └─▶ Effects
//!                                                                       │
//!                       end of the unit: propagation stream, notifications
//! ```
//!
//! Layers, an arrow may only point down: `main, net` → `commands` → `engine` → `keyspace` →
//! `rdb` → `value` → `ds` → `base, resp, env`. `tests/tidy.rs` checks it.
//!
//! Where to start reading: this picture, [`commands::string`] (a family), [`engine::exec`] (how it
//! runs), [`keyspace::keys`] (what a lookup does).

pub mod alloc;
pub mod base;
pub mod cli;
pub mod commands;
pub mod ds;
pub mod engine;
pub mod entrypoint;
pub mod env;
pub mod keyspace;
pub mod log;
pub mod net;
pub mod rdb;
pub mod resp;
pub mod sys;
pub mod value;
