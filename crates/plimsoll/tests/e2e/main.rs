//! End-to-end tests: the built binary, real sockets, real disks, real signals.
//!
//! Each test starts its own server on ports of its own and sets it up through the command
//! line, as a user would.

#[cfg(test)]
mod access;
#[cfg(test)]
mod artifacts;
#[cfg(test)]
mod auditor;
#[cfg(test)]
mod batch;
#[cfg(test)]
mod buckets;
#[cfg(test)]
mod closed_loop;
#[cfg(test)]
mod console;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod datasets;
#[cfg(test)]
mod erasure;
#[cfg(test)]
mod experiments;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod fallbacks;
#[cfg(test)]
mod findings;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod gates;
#[cfg(test)]
mod gates_ways;
#[cfg(test)]
mod governance;
#[cfg(test)]
mod governed;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod hostile_clients;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod lineage;
#[cfg(test)]
mod live;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod monitoring;
#[cfg(test)]
mod observe;
#[cfg(test)]
mod operate;
#[cfg(test)]
mod outcomes;
#[cfg(test)]
mod oversight;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod protocols;
#[cfg(test)]
mod python;
#[cfg(test)]
mod query;
#[cfg(test)]
mod registry_crash;
#[cfg(test)]
mod retraining;
#[cfg(test)]
mod rollouts;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod sinks;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod traces;
#[cfg(test)]
mod traffic;
#[cfg(test)]
mod trainers;
#[cfg(test)]
mod upstream;
#[cfg(test)]
mod upstream_grpc;
#[cfg(test)]
mod watching;
#[cfg(test)]
mod witness;
