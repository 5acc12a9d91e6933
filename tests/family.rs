//! Command families, one module each. Every case runs in process and over TCP.

#[macro_use]
mod support;

mod family {
    mod blocking;
    mod connection;
    mod expire;
    mod generic;
    mod hash;
    mod list;
    mod object;
    mod protocol;
    mod scan;
    mod sort;
    mod string;
    mod transaction;
}
