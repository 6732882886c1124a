//! Exact SHAP values of tree ensembles (Lundberg and others, "From local explanations to global
//! understanding with explainable AI for trees", Nature Machine Intelligence 2, 2020).
//!
//! A [`TreeExplainer`] is built once per model version and background. Most of the work is done
//! then: contributions of small subtrees are laid down in tables, so that a row costs the same
//! whatever the background's size, and as much path-dependent as interventional. What has no
//! place in tables is computed without, as exactly. Every explanation is checked against the
//! model's margin.

mod deep;
mod forest;
mod game;
mod group;
mod input;
mod interactions;
mod lookup;
mod pack;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use plimsoll_model::Model;
use plimsoll_types::Digest;

use crate::error::ExplainError;
use crate::explanation::{Explanation, FEATURES_MAX, FeatureGroups, Method, Quality, additive};
pub use interactions::InteractionExplainer;

use deep::{Deep, DeepScratch};
use input::{Codes, Input};
use lookup::{Bits, Blocks, Column, Lanes, ROWS, RowScratch, Sums, Totals, Values};
use pack::{Pack, Plan};

/// Rows that background values are averaged over: what a model was built on, or a sample of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Background {
    features: usize,
    values: Box<[f64]>,
}

impl Background {
    /// The most rows. More change a mean by less than a thousandth of the spread.
    pub const ROWS_MAX: usize = 1 << 16;

    /// A background of rows of `features` values each, row-major; a missing value is NaN.
    ///
    /// # Errors
    /// [`ExplainError`] if there is no row, there are too many, the values do not fill their
    /// rows, or one is infinite.
    pub fn new(values: impl Into<Box<[f64]>>, features: usize) -> Result<Self, ExplainError> {
        let values = values.into();
        if features == 0 || values.len() % features != 0 {
            let found = values.len();
            return Err(ExplainError::BackgroundColumns { found, expected: features });
        }
        let found = values.len() / features;
        if found == 0 || found > Self::ROWS_MAX {
            return Err(ExplainError::BackgroundRows { found, max: Self::ROWS_MAX });
        }
        if let Some(place) = values.iter().position(|value| value.is_infinite()) {
            return Err(ExplainError::BackgroundNotFinite { row: place / features });
        }
        Ok(Self { features, values })
    }
    /// Its rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.features)
    }
    /// SHA-256 of its shape and values: two backgrounds with the same digest explain alike.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hash = Hash::new("plimsoll background 1");
        hash.count(self.features);
        hash.count(self.values.len());
        self.values.iter().for_each(|value| hash.number(*value));
        hash.finish()
    }
}

/// Processor instructions for blocks of rows. Results are equal to the bit with all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Simd {
    /// Those that every processor of the target has.
    Portable,
    /// AVX2, x86-64-v3.
    Avx2,
    /// AVX-512, x86-64-v4.
    #[default]
    Avx512,
}

/// How to build a [`TreeExplainer`].
#[derive(Clone, Debug)]
pub struct TreeOptions<'a> {
    /// The rows to average absent features over; without them, values are path-dependent.
    pub background: Option<&'a Background>,
    /// The contract feature of each model feature; without it, they are the same. Columns that a
    /// model's own pipeline makes of a feature always belong to it.
    pub groups: Option<FeatureGroups>,
    /// Most bytes of tables of one tree; a tree that needs more is explained without.
    pub tree_bytes_max: usize,
    /// Most bytes of all tables.
    pub bytes_max: usize,
    /// The best instructions to use, if the processor has them.
    pub simd: Simd,
}

impl Default for TreeOptions<'_> {
    /// 1 MiB of tables a tree, which a second-level cache holds, and 256 MiB in all: three
    /// times what 500 trees of depth 8 take.
    fn default() -> Self {
        Self {
            background: None,
            groups: None,
            tree_bytes_max: 1 << 20,
            bytes_max: 256 << 20,
            simd: Simd::default(),
        }
    }
}

/// What an explainer took to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackSize {
    /// Trees with tables.
    pub trees: usize,
    /// Trees without: too deep, or past the cap.
    pub deep_trees: usize,
    /// Tables.
    pub tables: usize,
    /// Bytes of all tables.
    pub bytes: usize,
}

/// Bytes that trees without tables may take, with the bits of the background's rows.
const DEEP_BYTES_MAX: usize = 1 << 30;

/// Blocks of rows whose contributions are held at once: tables of a large model are read once
/// for 1,024 rows instead of once for 64.
const BLOCKS_MAX: usize = 16;

/// Contributions held at once: 4 MiB, unless a block of rows alone needs more.
const TOTALS_MAX: usize = (4 << 20) / size_of::<Totals>();

/// Explains the margins of one tree model, exactly.
pub struct TreeExplainer {
    model: Arc<Model>,
    method: Method,
    /// Contract features.
    features: usize,
    /// The contract feature of each column that trees test.
    places: Box<[usize]>,
    codes: Codes,
    base: Box<[f64]>,
    pack: Pack,
    deep: Deep,
    lanes: Lanes,
    digest: Digest,
}

/// Room for explanations, kept from one to the next so that nothing is allocated.
#[derive(Debug)]
pub struct Scratch {
    row: RowScratch,
    input: Input,
    margins: Vec<f64>,
    explanation: Explanation,
    deep: DeepScratch,
    block_columns: Vec<Column>,
    block_values: Vec<Values>,
    block_bits: Vec<Bits>,
    block_sums: Vec<Sums>,
    block_totals: Vec<Totals>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            row: RowScratch::default(),
            input: Input::default(),
            margins: Vec::new(),
            explanation: Explanation::empty(Method::TreePathDependent, Quality::Exact),
            deep: DeepScratch::default(),
            block_columns: Vec::new(),
            block_values: Vec::new(),
            block_bits: Vec::new(),
            block_sums: Vec::new(),
            block_totals: Vec::new(),
        }
    }
}

impl Scratch {
    /// Makes room for so many blocks.
    fn room(&mut self, pack: &Pack, blocks: usize, targets: usize) {
        self.block_columns.resize(blocks * pack.columns.len(), [0.0; ROWS]);
        self.block_values.resize(blocks * pack.values.len(), [0.0; ROWS]);
        self.block_bits.resize(pack.bits_max, [0; ROWS]);
        self.block_sums.resize(pack.sums_max, [0.0; ROWS]);
        self.block_totals.clear();
        self.block_totals.resize(blocks * targets, [0.0; ROWS]);
    }

    /// Puts the row that was read into its place among the blocks.
    fn place(&mut self, pack: &Pack, row: usize) {
        let (block, lane) = (row / ROWS, row % ROWS);
        let columns = self.block_columns.iter_mut().skip(block * pack.columns.len());
        for (column, from) in columns.zip(&pack.columns) {
            column[lane] = self.input.codes[*from];
        }
        let values = self.block_values.iter_mut().skip(block * pack.values.len());
        for (value, from) in values.zip(&pack.values) {
            value[lane] = self.input.values[*from];
        }
    }

    /// The last explanation of a single row, also when it was refused for not being additive.
    #[must_use]
    pub fn explanation(&self) -> &Explanation {
        &self.explanation
    }
}

impl TreeExplainer {
    /// Prepares to explain `model`.
    ///
    /// # Errors
    /// [`ExplainError`] if the background or the groups do not fit the model, it has too many
    /// features, is too large, or has no cover statistics and there is no background.
    pub fn new(model: Arc<Model>, options: &TreeOptions<'_>) -> Result<Self, ExplainError> {
        let groups = check(&model, options)?;
        let outputs = model.margin_count();
        let codes = Codes::of(&model)?;
        let trees = forest::trees(&model, &codes, options.background.is_none())?;
        let digest = digest(&model, &groups, options.background);
        let rows = inputs(&model, &codes, options.background)?;
        let places = places(&model, &groups);
        let plan = Plan {
            model: &model,
            places: &places,
            features: groups.count(),
            tree_bytes_max: options.tree_bytes_max,
            bytes_max: options.bytes_max,
            background: rows.as_deref(),
        };
        let (pack, deep) = pack::pack(trees, outputs, &plan);
        let found = Deep::bytes(&deep, rows.as_ref().map_or(0, Vec::len));
        if found > DEEP_BYTES_MAX {
            return Err(ExplainError::OverLimit {
                what: "bytes for trees without tables",
                found,
                max: DEEP_BYTES_MAX,
                hint: "use fewer background rows or a smaller model",
            });
        }
        let mut base = expected_base(&model);
        base.iter_mut().zip(&pack.base).for_each(|(base, sum)| *base += sum);
        let deep = Deep::new(&model, deep, rows.as_deref(), &mut base);
        let method = match options.background {
            Some(_) => Method::TreeInterventional,
            None => Method::TreePathDependent,
        };
        let features = groups.count();
        let lanes = Lanes::detect(options.simd);
        Ok(Self { model, method, features, places, codes, base, pack, deep, lanes, digest })
    }

    /// Path-dependent or interventional.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }
    /// The model that is explained.
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }
    /// Contract features per output.
    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }
    /// Outputs: margins of the model.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.base.len()
    }
    /// The expected margin of each output.
    #[must_use]
    pub fn base(&self) -> &[f64] {
        &self.base
    }
    /// The explainer pack's name: SHA-256 over all that the tables are made from. Equal digests
    /// explain alike, on every machine.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
    /// What it took to build.
    #[must_use]
    pub fn size(&self) -> PackSize {
        PackSize {
            trees: self.pack.trees.len(),
            deep_trees: self.deep.len(),
            tables: self.pack.trees.iter().map(|tree| tree.lookups.len()).sum(),
            bytes: self.pack.quads.len() * size_of::<pack::Quad>(),
        }
    }
    /// The instructions in use for blocks of rows.
    #[must_use]
    pub fn simd(&self) -> Simd {
        self.lanes.simd()
    }

    /// Explains one row, with a missing value as NaN. Allocates nothing once `scratch` has been
    /// used for this explainer.
    ///
    /// # Errors
    /// [`ExplainError::Shape`] if `row` has not one value per feature of the model, and
    /// [`ExplainError::NotAdditive`] if the explanation fails its check; what failed is then in
    /// [`Scratch::explanation`].
    pub fn explain_row<'s>(
        &self,
        row: &[f64],
        scratch: &'s mut Scratch,
    ) -> Result<&'s Explanation, ExplainError> {
        let mut margins = std::mem::take(&mut scratch.margins);
        margins.resize(self.outputs(), 0.0);
        let result = self.model.margins(row, &mut margins);
        scratch.margins = margins;
        result?;
        self.codes.read(&self.model, row, &mut scratch.input)?;
        self.fill(scratch);
        scratch.explanation.check(0)?;
        Ok(&scratch.explanation)
    }

    /// Computes the explanation of the row that is in the scratch with its margins.
    fn fill(&self, scratch: &mut Scratch) {
        let Scratch { row, input, margins, explanation, deep, .. } = scratch;
        explanation.method = self.method;
        explanation.quality = Quality::Exact;
        explanation.features = self.features;
        explanation.base.clear();
        explanation.base.extend_from_slice(&self.base);
        explanation.margins.clear();
        explanation.margins.extend_from_slice(margins);
        explanation.values.clear();
        explanation.values.resize(self.outputs() * self.features, 0.0);
        let values = &mut explanation.values;
        lookup::row(&self.model, &self.pack, input, row, values);
        self.deep.row(&self.model, input, deep, |output, column, value| {
            values[output * self.features + self.places[column]] += value;
        });
    }

    /// Explains many rows, row-major in `rows`: `values` gets for each row and output one
    /// contribution per contract feature, `margins` the margins of each row. Large batches are
    /// worked through in blocks that bound the memory of `scratch`.
    ///
    /// # Errors
    /// [`ExplainError::Shape`] if a buffer has the wrong length, and
    /// [`ExplainError::NotAdditive`] for the first row whose explanation fails its check;
    /// rows after it may not have been explained.
    pub fn explain_rows(
        &self,
        rows: &[f64],
        scratch: &mut Scratch,
        values: &mut [f64],
        margins: &mut [f64],
    ) -> Result<(), ExplainError> {
        let count = margins.len() / self.outputs().max(1);
        self.model.margins_batch(rows, count, margins)?;
        let targets = self.outputs() * self.features;
        let expected = targets.saturating_mul(count);
        if values.len() != expected {
            let found = values.len();
            return Err(plimsoll_model::PredictError::OutputLength { found, expected }.into());
        }
        let width = self.model.feature_count();
        let blocks = (TOTALS_MAX / targets.max(1)).clamp(1, BLOCKS_MAX);
        let at_once = blocks * ROWS;
        let chunks =
            rows.chunks(at_once * width).zip(values.chunks_mut((at_once * targets).max(1)));
        for (rows, values) in chunks {
            self.explain_blocks(rows, scratch, values)?;
        }
        let rows = values.chunks_exact(targets.max(1)).zip(margins.chunks_exact(self.outputs()));
        for (row, (values, margins)) in rows.enumerate() {
            let outputs = values.chunks_exact(self.features.max(1)).zip(margins).zip(&self.base);
            for (output, ((values, margin), base)) in outputs.enumerate() {
                additive(row, output, *base, values, *margin)?;
            }
        }
        Ok(())
    }

    /// Explains as many rows as the scratch has room for at once.
    fn explain_blocks(
        &self,
        rows: &[f64],
        scratch: &mut Scratch,
        values: &mut [f64],
    ) -> Result<(), ExplainError> {
        let width = self.model.feature_count();
        let targets = self.outputs() * self.features;
        let blocks = rows.len().div_ceil(ROWS * width);
        scratch.room(&self.pack, blocks, targets);
        for (row, features) in rows.chunks_exact(width).enumerate() {
            self.codes.read(&self.model, features, &mut scratch.input)?;
            scratch.place(&self.pack, row);
        }
        let Scratch {
            input,
            deep,
            block_columns,
            block_values,
            block_bits,
            block_sums,
            block_totals,
            ..
        } = scratch;
        Blocks {
            model: &self.model,
            pack: &self.pack,
            columns: block_columns,
            values: block_values,
            bits: block_bits,
            sums: block_sums,
            totals: block_totals,
            targets,
        }
        .run(self.lanes);
        let found = block_totals.chunks_exact(targets.max(1));
        for (block, values) in found.zip(values.chunks_mut((ROWS * targets).max(1))) {
            for (row, values) in values.chunks_exact_mut(targets).enumerate() {
                values.iter_mut().zip(block).for_each(|(value, totals)| *value = totals[row]);
            }
        }
        if self.deep.len() == 0 {
            return Ok(());
        }
        for (features, values) in rows.chunks_exact(width).zip(values.chunks_exact_mut(targets)) {
            self.codes.read(&self.model, features, input)?;
            self.deep.row(&self.model, input, deep, |output, column, value| {
                values[output * self.features + self.places[column]] += value;
            });
        }
        Ok(())
    }
}

impl fmt::Debug for TreeExplainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TreeExplainer")
            .field("method", &self.method)
            .field("features", &self.features)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

/// Checks what was given against the model, and gives the groups to use.
fn check(model: &Model, options: &TreeOptions<'_>) -> Result<FeatureGroups, ExplainError> {
    let expected = model.feature_count();
    if expected > FEATURES_MAX {
        return Err(ExplainError::TooManyFeatures { found: expected, max: FEATURES_MAX });
    }
    if let Some(found) = options.background.map(|rows| rows.features).filter(|n| *n != expected) {
        return Err(ExplainError::BackgroundColumns { found, expected });
    }
    let groups = options.groups.clone().unwrap_or_else(|| FeatureGroups::identity(expected));
    let found = groups.places().len();
    if found != expected {
        return Err(ExplainError::Groups { found, expected });
    }
    Ok(groups)
}

/// SHA-256 over lengths and values, each written in one way.
struct Hash(Context);

impl Hash {
    fn new(what: &str) -> Self {
        let mut hash = Self(Context::new(&SHA256));
        hash.bytes(what.as_bytes());
        hash.bytes(&[0]);
        hash
    }
    fn number(&mut self, number: f64) {
        self.bytes(&number.to_le_bytes());
    }
    fn test(&mut self, kind: usize, value: f64) {
        self.count(kind);
        self.number(value);
    }
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
    fn count(&mut self, count: usize) {
        self.bytes(&u64::try_from(count).unwrap_or(u64::MAX).to_le_bytes());
    }
    fn finish(self) -> Digest {
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(self.0.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Digest::from_bytes(bytes)
    }
}

/// The contract feature of each column that trees test.
fn places(model: &Model, groups: &FeatureGroups) -> Box<[usize]> {
    match model.pipeline() {
        None => groups.places().into(),
        Some(pipeline) => pipeline
            .features()
            .iter()
            .map(|feature| groups.places().get(*feature).copied().unwrap_or(0))
            .collect(),
    }
}

/// The rows of a background as tests read them.
fn inputs(
    model: &Model,
    codes: &Codes,
    background: Option<&Background>,
) -> Result<Option<Vec<Input>>, ExplainError> {
    let Some(background) = background else { return Ok(None) };
    let read = |row| {
        let mut input = Input::default();
        codes.read(model, row, &mut input)?;
        Ok(input)
    };
    background.rows().map(read).collect::<Result<_, ExplainError>>().map(Some)
}

/// What every margin is without any tree.
fn expected_base(model: &Model) -> Box<[f64]> {
    model.base_margins().into()
}

/// The digest of all that contributions depend on, and of the version of the way they are made.
fn digest(model: &Model, groups: &FeatureGroups, background: Option<&Background>) -> Digest {
    let mut hash = Hash::new("plimsoll explainer pack 1");
    model.base_margins().iter().for_each(|margin| hash.number(*margin));
    let places = places(model, groups);
    hash.count(groups.count());
    hash.count(places.len());
    places.iter().for_each(|place| hash.count(*place));
    hash.bytes(background.map_or(Digest::ZERO, Background::digest).as_bytes());
    forest::hash(model, &mut hash);
    hash.finish()
}
