//! Models that answer elsewhere: another model server, or a service nobody dares to touch.
//!
//! A [`Declaration`] is the artifact of such a model version: which service, how a request to it
//! is written, where in its reply the answer stands, and what is answered when there is none.
//! Checked, it gives a [`Model`](plimsoll_model::Model) of which only the shape is known; bound to
//! a contract, an [`Upstream`], which writes requests and reads replies. A [`Breaker`] says when
//! to leave a service alone.
//!
//! What a service answers is hostile input: its size, depth, kinds, counts and ranges are checked,
//! and whatever is not the declared answer is a [`Lie`].
//!
//! **Architecture invariant:** pure. No sockets, no clock, no secrets: those are the gateway's.

mod answer;
mod breaker;
mod declaration;
mod grpc;
mod template;
mod upstream;

pub use answer::Lie;
pub use breaker::{Breaker, BreakerRule, BreakerState, Outcome, Ticket};
pub use declaration::{
    AnswerRule, Declaration, DeclarationError, Floats, HeaderRule, InputRule, Method, Protocol,
    RemoteModel, RequestRule, Value,
};
pub use upstream::{Call, Upstream, WireError};
