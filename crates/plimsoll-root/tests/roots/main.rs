//! Roots against what they speak to.

#[cfg(test)]
mod each;
