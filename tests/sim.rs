//! A seeded world in one process: clients that send random commands in random pieces, read late,
//! go away in the middle; a clock that jumps; jobs that end late and out of order. A naive model
//! knows every reply, and every structure is checked after every step.
//!
//! `REDSTART_SIM_SEED` chooses another world, `REDSTART_SIM_STEPS` a longer life.

// Seed and length come from the environment.
#![allow(clippy::disallowed_methods)]

mod sim_world;
mod support;

use sim_world::crowd::Crowd;
use sim_world::world::World;

const DEFAULT_STEPS: u64 = 2500;
const DEFAULT_SEED: u64 = 1;
const SEEDS: u64 = 4;

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Err(_) => default,
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
    }
}

/// Lives a whole life; gives every byte that the clients have read, in order.
fn live(seed: u64, steps: u64) -> Vec<u8> {
    // Shown when the test fails: the seed is all that is needed to see it again.
    println!("REDSTART_SIM_SEED={seed} REDSTART_SIM_STEPS={steps}");
    let mut world = World::new(seed);
    for _ in 0..steps {
        world.step();
        world.check();
    }
    world.end();
    world.into_transcript()
}

#[test]
fn replies_are_those_of_the_model() {
    let first = setting("REDSTART_SIM_SEED", DEFAULT_SEED);
    for seed in first..first + SEEDS {
        live(seed, setting("REDSTART_SIM_STEPS", DEFAULT_STEPS));
    }
}

#[test]
fn what_lies_between_clients_is_as_the_model_says() {
    let first = setting("REDSTART_SIM_SEED", DEFAULT_SEED);
    let steps = setting("REDSTART_SIM_STEPS", DEFAULT_STEPS);
    for seed in first..first + SEEDS {
        println!("REDSTART_SIM_SEED={seed} REDSTART_SIM_STEPS={steps}");
        let mut crowd = Crowd::new(seed);
        for _ in 0..steps {
            crowd.step();
        }
        crowd.end();
        // A world in which nobody hears anything shows nothing.
        assert!(crowd.frames > 2 * steps, "only {} frames in {steps} steps", crowd.frames);
    }
}

#[test]
fn same_seed_same_bytes() {
    let (one, same, other) = (live(99, 800), live(99, 800), live(100, 800));
    assert!(!one.is_empty());
    assert!(one == same, "the same seed gave other bytes");
    assert!(one != other, "another seed gave the same bytes");
}
