//! Models of every format give what their framework gives, and hostile files are refused.

#![expect(clippy::cast_possible_truncation, reason = "rounding as frameworks do is what is tested")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like tests")]

mod common;
mod hostile;
mod hostile_formats;
mod lightgbm;
mod onnx;
mod sklearn;
mod xgboost;
