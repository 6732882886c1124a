//! Bounds on what a model file may ask for. It must not know any format.

/// Bounds on a model file. [`Limits::default`] fits models of some million nodes.
///
/// Reading never holds more than about eight times the file in memory, because every array
/// element takes at least one byte of the file; the counts below bound what is larger than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest file, in bytes.
    pub bytes_max: usize,
    /// Most trees.
    pub trees_max: usize,
    /// Most nodes over all trees.
    pub nodes_max: usize,
    /// Deepest tree, in tests from the root to a leaf: the longest time one row can take.
    pub depth_max: usize,
    /// Most features; values above [`FEATURES_MAX`](Self::FEATURES_MAX) act as that.
    pub features_max: usize,
    /// Most margins per row (classes or targets); above [`OUTPUTS_MAX`](Self::OUTPUTS_MAX) acts as that.
    pub outputs_max: usize,
    /// Most training categories the file may name, over all features.
    pub categories_max: usize,
}

impl Limits {
    /// A node stores its feature in 16 bits.
    pub const FEATURES_MAX: usize = 65_535;
    /// The margins of one row are held on the stack where only the winning class is returned.
    pub const OUTPUTS_MAX: usize = 1_024;
    /// Words of 32 categories over all nodes: 64 MiB, so that a few bytes of the file
    /// (one node, one high category) cannot claim much more memory.
    pub(crate) const SET_WORDS_MAX: usize = 1 << 24;
    /// XGBoost counts categories in `f32`, which is exact below 2^24.
    pub(crate) const CATEGORY_END: u32 = 1 << 24;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_max: 256 << 20,
            trees_max: 100_000,
            nodes_max: 8_000_000,
            depth_max: 256,
            features_max: 16_384,
            outputs_max: Self::OUTPUTS_MAX,
            categories_max: 1 << 20,
        }
    }
}
