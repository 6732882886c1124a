//! Golden models of `plimsoll-model`, and random ones in XGBoost's JSON.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use plimsoll_model::{Limits, Model};

pub(crate) fn golden(path: &str) -> Vec<u8> {
    let folder = "../plimsoll-model/tests/golden";
    unpack(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder).join(path))
}

/// The content of a gzip file.
pub(crate) fn unpack(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    bytes
}

pub(crate) fn golden_model(folder: &str) -> Model {
    Model::load(&golden(&format!("{folder}.ubj.gz")), &Limits::default()).unwrap()
}

/// 10,000 rows of 25 values, some missing.
pub(crate) fn golden_rows() -> Vec<f64> {
    let bytes = golden("rows.f32.gz");
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()).into()).collect()
}

/// A generator of numbers that is the same everywhere (Steele and others 2014, SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
    /// A small number on a grid, so that values meet thresholds; one in eight is missing.
    pub(crate) fn value(&mut self) -> f64 {
        if self.below(8) == 0 { f64::NAN } else { self.below(9) as f64 - 2.0 }
    }
}

/// A tree in XGBoost's arrays.
#[derive(Default)]
struct Arrays {
    left: Vec<i32>,
    right: Vec<i32>,
    feature: Vec<usize>,
    condition: Vec<String>,
    default_left: Vec<u8>,
    kind: Vec<u8>,
    cover: Vec<u32>,
    categories: Vec<u32>,
    category_nodes: Vec<usize>,
    category_starts: Vec<usize>,
    category_sizes: Vec<usize>,
}

impl Arrays {
    fn node(&mut self, random: &mut Random, features: usize, depth: usize, cover: u32) -> usize {
        let index = self.left.len();
        self.left.push(-1);
        self.right.push(2_147_483_647);
        self.feature.push(random.below(features));
        self.default_left.push(random.below(2) as u8);
        self.kind.push(0);
        self.cover.push(cover);
        let is_leaf = depth == 0 || random.below(5) == 0;
        if is_leaf {
            self.feature[index] = 0;
            self.condition.push(format!("{:E}", random.below(2_001) as f32 / 1_000.0 - 1.0));
            return index;
        }
        self.condition.push(format!("{:E}", random.below(9) as f32 - 2.0));
        if random.below(4) == 0 {
            self.kind[index] = 1;
            self.condition[index] = "1E0".into();
            self.category_nodes.push(index);
            self.category_starts.push(self.categories.len());
            let before = self.categories.len();
            for code in 0..7 {
                if random.below(2) == 0 {
                    self.categories.push(code);
                }
            }
            if self.categories.len() == before {
                self.categories.push(3);
            }
            self.category_sizes.push(self.categories.len() - before);
        }
        // Sometimes no training row went one way.
        let part = random.below(cover as usize + 1) as u32;
        let left = self.node(random, features, depth - 1, part);
        let right = self.node(random, features, depth - 1, cover - part);
        self.left[index] = left as i32;
        self.right[index] = right as i32;
        index
    }
    fn json(&self, id: usize, features: usize) -> String {
        let n = self.left.len();
        let zeros = vec![0; n];
        let conditions = self.condition.join(",");
        format!(
            r#"{{"base_weights":{zeros:?},"categories":{:?},"categories_nodes":{:?},"categories_segments":{:?},"categories_sizes":{:?},"default_left":{:?},"id":{id},"left_children":{:?},"loss_changes":{zeros:?},"parents":{zeros:?},"right_children":{:?},"split_conditions":[{conditions}],"split_indices":{:?},"split_type":{:?},"sum_hessian":{:?},"tree_param":{{"num_deleted":"0","num_feature":"{features}","num_nodes":"{n}","size_leaf_vector":"1"}}}}"#,
            self.categories,
            self.category_nodes,
            self.category_starts,
            self.category_sizes,
            self.default_left,
            self.left,
            self.right
                .iter()
                .zip(&self.left)
                .map(|(r, l)| if *l < 0 { -1 } else { *r })
                .collect::<Vec<_>>(),
            self.feature,
            self.kind,
            self.cover,
        )
    }
}

/// A model of up to 4 trees of depth 0 to 6 over 2 to 6 features, with 1 or 3 outputs.
pub(crate) fn random_model(random: &mut Random) -> Model {
    let features = 2 + random.below(5);
    let classes = if random.below(3) == 0 { 3 } else { 0 };
    let count = 1 + random.below(4);
    let (mut trees, mut groups) = (String::new(), Vec::new());
    for id in 0..count {
        let depth = random.below(7);
        let mut arrays = Arrays::default();
        arrays.node(random, features, depth, 1_000);
        if id > 0 {
            trees.push(',');
        }
        write!(trees, "{}", arrays.json(id, features)).unwrap();
        groups.push(if classes == 3 { id % 3 } else { 0 });
    }
    let objective = if classes == 3 { "multi:softprob" } else { "binary:logitraw" };
    let text = format!(
        r#"{{"learner":{{"attributes":{{}},"feature_names":[],"feature_types":[],"gradient_booster":{{"model":{{"gbtree_model_param":{{"num_parallel_tree":"1","num_trees":"{count}"}},"tree_info":{groups:?},"trees":[{trees}]}},"name":"gbtree"}},"learner_model_param":{{"base_score":"[5E-1]","boost_from_average":"1","num_class":"{classes}","num_feature":"{features}","num_target":"1"}},"objective":{{"name":"{objective}"}}}},"version":[3,2,0]}}"#
    );
    Model::load(text.as_bytes(), &Limits::default())
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
}
