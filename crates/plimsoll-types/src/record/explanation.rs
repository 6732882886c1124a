//! Why a decision came out as it did: the part of a decision's body that says so, and the
//! body of an explanation that was made after the reply.
//!
//! This file must not know how contributions are computed, nor what a reason code says in
//! words.

use super::wire::{Out, RecordError, array_len, finish, fixed, infallible, nullable};
use crate::Digest;
use crate::refusal::words;
use minicbor::{Decoder, Encoder};
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

type Written = Result<(), minicbor::encode::Error<Infallible>>;

/// The longest reason code, in bytes: people type them into letters and tickets.
pub const MAX_REASON_CODE: usize = 32;
/// Contributions of one body: as many as a request may have cells.
const MAX_CONTRIBUTIONS: u64 = 1 << 24;
/// Rows and reasons of one body.
const MAX_ITEMS: u64 = 1 << 20;

words! {
    /// How the contributions of an explanation were computed.
    ExplainMethod {
        /// Exact SHAP of trees, absent features by the training data's paths
        /// (Lundberg et al. 2020, arXiv 1905.04610).
        TreePath = 0 "tree_path_dependent",
        /// Exact SHAP of trees against declared background rows.
        TreeInterventional = 1 "tree_interventional",
        /// Exact SHAP of a linear model.
        Linear = 2 "linear",
        /// Kernel SHAP: sampled coalitions (Lundberg and Lee 2017, arXiv 1705.07874).
        Kernel = 3 "kernel",
        /// Permutation SHAP: sampled orders, forwards and backwards.
        Permutation = 4 "permutation",
        /// Coefficients of a local linear surrogate (Ribeiro et al. 2016, arXiv 1602.04938).
        Lime = 5 "lime",
    }
}

/// One explained row.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ExplainedRow {
    /// Which of the model's margins is explained.
    pub output: u16,
    /// The expected margin, before any feature is known.
    pub base: f64,
    /// The margin of this row; the base and all contributions add up to it.
    pub margin: f64,
}

/// A reason for a row's outcome; those of one row are in order of weight.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReasonRef {
    /// The row, from 0.
    pub row: u32,
    /// Index of the field in the contract.
    pub field: u16,
    /// The code; its words are in the explain profile.
    pub code: Arc<str>,
}

/// Contributions of features to the margins of a decision's rows.
#[derive(Clone, PartialEq, Debug)]
pub struct Explanation {
    /// How they were computed.
    pub method: ExplainMethod,
    /// The explainer pack that they were computed from.
    pub pack: Option<Digest>,
    /// The explain profile that chose the reasons.
    pub profile: Option<Digest>,
    /// The explained rows.
    pub rows: Vec<ExplainedRow>,
    /// Contributions in margin units, row-major; a row has one for each feature of the
    /// contract, in the contract's order.
    pub contributions: Vec<f64>,
    /// The reasons.
    pub reasons: Vec<ReasonRef>,
}

impl Explanation {
    /// An explanation of no row yet.
    #[must_use]
    pub const fn new(method: ExplainMethod) -> Self {
        Self {
            method,
            pack: None,
            profile: None,
            rows: Vec::new(),
            contributions: Vec::new(),
            reasons: Vec::new(),
        }
    }

    /// The contributions of row `row`; none if there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f64] {
        let width = self.contributions.len().checked_div(self.rows.len()).unwrap_or_default();
        let start = row.saturating_mul(width);
        self.contributions.get(start..start.saturating_add(width)).unwrap_or_default()
    }

    pub(super) fn write(&self, e: &mut Out<'_>) -> Written {
        e.array(7)?.u64(1)?.u8(self.method.code())?;
        for digest in [&self.pack, &self.profile] {
            match digest {
                Some(digest) => e.bytes(digest.as_bytes())?,
                None => e.null()?,
            };
        }
        e.array(self.rows.len() as u64)?;
        for row in &self.rows {
            e.array(3)?.u16(row.output)?.f64(row.base)?.f64(row.margin)?;
        }
        e.array(self.contributions.len() as u64)?;
        for contribution in &self.contributions {
            e.f64(*contribution)?;
        }
        e.array(self.reasons.len() as u64)?;
        for reason in &self.reasons {
            e.array(3)?.u32(reason.row)?.u16(reason.field)?.str(&reason.code)?;
        }
        Ok(())
    }

    pub(super) fn read(d: &mut Decoder<'_>) -> Result<Self, RecordError> {
        if array_len(d, 7)? != 7 || d.u64()? != 1 {
            return Err(RecordError::Unknown("explanation version"));
        }
        let method = d.u8()?;
        Ok(Self {
            method: ExplainMethod::from_code(method)
                .ok_or(RecordError::Unknown("explanation method"))?,
            pack: nullable(d, |d| fixed(d).map(Digest::from_bytes))?,
            profile: nullable(d, |d| fixed(d).map(Digest::from_bytes))?,
            rows: list(d, MAX_ITEMS, |d| {
                array_len(d, 3)?;
                Ok(ExplainedRow { output: d.u16()?, base: d.f64()?, margin: d.f64()? })
            })?,
            contributions: list(d, MAX_CONTRIBUTIONS, |d| Ok(d.f64()?))?,
            reasons: list(d, MAX_ITEMS, |d| {
                array_len(d, 3)?;
                let (row, field, code) = (d.u32()?, d.u16()?, d.str()?);
                if code.len() > MAX_REASON_CODE {
                    return Err(RecordError::Bound("reason code length"));
                }
                Ok(ReasonRef { row, field, code: code.into() })
            })?,
        })
    }
}

/// Reads items one by one, so that a claimed length allocates nothing.
fn list<T>(
    d: &mut Decoder<'_>,
    max: u64,
    mut item: impl FnMut(&mut Decoder<'_>) -> Result<T, RecordError>,
) -> Result<Vec<T>, RecordError> {
    (0..array_len(d, max)?).map(|_| item(d)).collect()
}

/// The body of an explanation that was made after the reply.
#[derive(Clone, PartialEq, Debug)]
pub struct DeferredExplanation {
    /// Index of the decision's record in the ledger.
    pub decision: u64,
    /// The explanation, or why there is none.
    pub made: Result<Explanation, Box<str>>,
}

impl DeferredExplanation {
    /// The body's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        infallible(self.write(&mut out));
        out
    }

    fn write(&self, out: &mut Vec<u8>) -> Written {
        let mut e = Encoder::new(out);
        e.array(3)?.u64(1)?.u64(self.decision)?;
        match &self.made {
            Ok(explanation) => explanation.write(&mut e),
            Err(reason) => e.str(reason).map(|_| ()),
        }
    }

    /// The body in `bytes`.
    ///
    /// # Errors
    /// [`RecordError`] if they are not one.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut d = Decoder::new(bytes);
        if array_len(&mut d, 3)? != 3 || d.u64()? != 1 {
            return Err(RecordError::Unknown("body version"));
        }
        let decision = d.u64()?;
        let made = if d.datatype()? == minicbor::data::Type::String {
            Err(d.str()?.into())
        } else {
            Ok(Explanation::read(&mut d)?)
        };
        finish(&d, bytes.len())?;
        Ok(Self { decision, made })
    }
}
