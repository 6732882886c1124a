//! End-to-end tests: the built binary, real sockets, real disks, real signals.
//!
//! Each test starts its own server on ports of its own and sets it up through the command
//! line, as a user would.

mod access;
mod crash;
mod governed;
mod harness;
mod hostile;
mod operate;
