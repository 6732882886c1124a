//! The transparency log from outside: against another implementation, against vectors of the
//! specifications and real checkpoints, against forgeries, and before a verifier that is not ours.

#[cfg(test)]
mod auditor;
#[cfg(test)]
mod azul;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod go;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod note;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod proof;
#[cfg(test)]
mod tile;
#[cfg(test)]
mod tree;
#[cfg(test)]
mod witness;
