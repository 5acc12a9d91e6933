//! Command families, one module each. Every case runs in process and over TCP.

#[macro_use]
mod support;

mod family {
    mod alone;
    mod bitmap;
    mod blocking;
    mod client;
    mod command;
    mod config;
    mod connection;
    mod debug;
    mod dump;
    mod eviction;
    mod expire;
    mod function;
    mod generic;
    mod geo;
    mod hash;
    mod hll;
    mod info;
    mod list;
    mod long;
    mod long_order;
    mod long_wait;
    mod memory;
    mod migrate;
    mod object;
    mod protocol;
    mod pubsub;
    mod sandbox;
    mod scan;
    mod script;
    mod script_errors;
    mod set;
    mod slowlog;
    mod snapshot;
    mod sort;
    mod stream;
    mod stream_group;
    mod string;
    mod tracking;
    mod transaction;
    mod zset;
    mod zset_long;
}
