//! The command line as people and scripts meet it: text in, text out, exit code.
//!
//! A transcript holds everything a command printed. Review changes of one as what they are:
//! changes of an interface.

#[cfg(test)]
mod assess;
#[cfg(test)]
mod client;
#[cfg(test)]
mod config;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod drift;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod files;
#[cfg(test)]
mod help;
#[cfg(test)]
mod place;
#[cfg(test)]
mod predict;
