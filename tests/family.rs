//! Command families, one module each. Every case runs in process and over TCP.

#[macro_use]
mod support;

mod family {
    mod bitmap;
    mod client;
    mod config;
    mod connection;
    mod debug;
    mod expire;
    mod generic;
    mod hash;
    mod hll;
    mod info;
    mod object;
    mod protocol;
    mod scan;
    mod set;
    mod string;
    mod transaction;
}
