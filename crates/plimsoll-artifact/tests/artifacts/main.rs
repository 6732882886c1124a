//! The store of artifacts from outside: what goes in comes out, what was touched does not.

mod bench;
mod bucket;
mod crash;
mod memory;
mod session;
mod store;
mod tamper;
