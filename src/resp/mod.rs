//! The wire protocol: requests in, replies out, replies read back. Knows bytes, never commands.

mod ahead;
pub mod argv;
pub mod decode;
pub mod limits;
pub mod log;
pub mod outbuf;
mod partial;
pub mod reply;
pub mod request;
