//! Command families, one module each. Every case runs in process and over TCP.

#[macro_use]
mod support;

mod family {
    mod connection;
    mod expire;
    mod generic;
    mod hash;
    mod object;
    mod protocol;
    mod scan;
    mod string;
    mod transaction;
}
