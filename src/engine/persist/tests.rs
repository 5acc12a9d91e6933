//! Saving and loading in a simulated world.
