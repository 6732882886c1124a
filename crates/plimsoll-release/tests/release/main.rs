//! What may be released, as text in and text out.

mod approval;
mod assess;
mod gate;
