//! Tests of the monitor without a server.

#[cfg(test)]
mod delay;
#[cfg(test)]
mod simulate;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod watch;
