//! The store of artifacts from outside: what goes in comes out, what was touched does not.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod bucket;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod session;
#[cfg(test)]
mod store;
#[cfg(test)]
mod tamper;
