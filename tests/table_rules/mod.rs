//! What `table.rs` is made of.

pub mod calls;
pub mod facts;
pub mod page;
