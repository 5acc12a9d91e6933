//! The parts of the simulations: what commands mean (`model`), who sends them (`peer`), and what
//! happens to everybody (`world`); and the same for clients that meddle with each other (`crowd`,
//! `crowd_model`).

pub mod crowd;
pub mod crowd_model;
pub mod model;
pub mod peer;
pub mod world;
