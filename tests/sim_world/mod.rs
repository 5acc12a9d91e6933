//! The parts of the simulation: what commands mean (`model`), who sends them (`peer`), and what
//! happens to everybody (`world`).

pub mod model;
pub mod peer;
pub mod world;
