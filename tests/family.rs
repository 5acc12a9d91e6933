//! Command families, one module each. Every case runs in process and over TCP.

#[macro_use]
mod support;

mod family {
    mod bitmap;
    mod connection;
    mod expire;
    mod generic;
    mod hash;
    mod hll;
    mod object;
    mod protocol;
    mod scan;
    mod set;
    mod string;
    mod transaction;
}
