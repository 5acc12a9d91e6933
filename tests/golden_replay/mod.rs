//! The replayer: what a transcript says (`script`), how it is played (`runner`), and when a reply
//! counts as the one that was recorded (`judge`).

pub mod judge;
#[cfg(test)]
mod judge_tests;
pub mod runner;
pub mod script;
