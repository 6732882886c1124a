//! `plimsoll demo` from start to end, as `make demo` runs it, with nobody at the terminal.

#[cfg(test)]
mod run;
