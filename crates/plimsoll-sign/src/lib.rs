//! Model signing.
