//! Tests of the choice of victims.
