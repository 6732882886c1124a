//! From the messages to a [`Model`]: operators with their attributes, the output that is the answer,
//! and a try with made-up rows.

use std::collections::{HashMap, HashSet};

use super::document::{self, Declared, Literal};
use super::graph::{Graph, Input, Kind, Step};
use super::ml::{KeyKind, Keys, Labels, Norm, Post, Weights};
use super::node::{CastTo, Operator};
use super::tensor::{Data, Tensor};
use super::trees::{self, Described, Finish, Keyed, Mode, Numbered};
use crate::error::LoadError;
use crate::limits::Limits;
use crate::model::{
    Categories, FeatureType, Format, Inputs, Model, Scorer, TreesUsed, UnknownCategory,
};
use crate::onnx::core::{Binary, Reduce, Unary};
use crate::output::{Output, OutputKind, Transform};
use crate::pipeline::Pipeline;
use crate::tree::Rounding;

/// Newest operators that are known: `ai.onnx` of ONNX 1.23, `ai.onnx.ml` of ONNX 1.15.
const OPSET_MAX: i64 = 27;
const ML_OPSET_MAX: i64 = 5;

/// Rows of one run, where the graph takes several.
const BATCH: usize = 64;

/// `TensorProto.DataType`, as far as it is read.
mod kind {
    pub(super) const FLOAT: i64 = 1;
    pub(super) const UINT8: i64 = 2;
    pub(super) const INT8: i64 = 3;
    pub(super) const INT32: i64 = 6;
    pub(super) const INT64: i64 = 7;
    pub(super) const STRING: i64 = 8;
    pub(super) const BOOL: i64 = 9;
    pub(super) const DOUBLE: i64 = 11;
}

/// What is wrong with an operator, before its place is known.
enum Wrong {
    Invalid(&'static str),
    Unsupported(&'static str),
    Error(LoadError),
}

type Checked<T> = Result<T, Wrong>;

/// Compiles a file.
pub(super) fn compile(file: &document::Model<'_>, limits: &Limits) -> Result<Model, LoadError> {
    check_domains(file)?;
    let graph = file.graph.as_ref().ok_or_else(|| LoadError::Missing { path: "graph".into() })?;
    let answer = Answer::choose(graph)?;
    let live = live(graph, answer.value);
    let mut compiler = Compiler::new(file, limits);
    compiler.inputs(graph, &live)?;
    compiler.initializers(graph, &live)?;
    compiler.nodes(graph, &live)?;
    let output = compiler.number(answer.value);
    compiler.finish(output, &answer)
}

/// Operators of other domains run code that nobody here has read.
fn check_domains(file: &document::Model<'_>) -> Result<(), LoadError> {
    let is_known = |domain: &str| matches!(domain, "" | "ai.onnx.ml");
    let nodes = file.graph.iter().flat_map(|graph| &graph.nodes);
    if let Some(place) = nodes.into_iter().position(|node| !is_known(node.domain)) {
        return Err(LoadError::Unsupported {
            path: format!("graph.node[{place}]"),
            what: "an operator of another domain than ai.onnx and ai.onnx.ml",
            hint: "convert the model without custom operators",
        });
    }
    // Without a version nobody knows what an operator means.
    let nodes = file.graph.iter().flat_map(|graph| &graph.nodes);
    let mut used = nodes.into_iter().map(|node| node.domain);
    if !used.all(|domain| file.opsets.iter().any(|(known, _)| *known == domain)) {
        return Err(LoadError::Missing { path: "opset_import".into() });
    }
    for (domain, version) in &file.opsets {
        let max = if *domain == "ai.onnx.ml" { ML_OPSET_MAX } else { OPSET_MAX };
        if is_known(domain) && !(1..=max).contains(version) {
            return Err(LoadError::Unsupported {
                path: "opset_import".into(),
                what: "this version of the operators",
                hint: "convert the model for opset 27 or ai.onnx.ml 5, or earlier ones",
            });
        }
    }
    Ok(())
}

/// The output that is the answer.
struct Answer<'a> {
    value: &'a str,
    /// Whether the graph gives labels, too: then the numbers are about classes.
    has_labels: bool,
}

impl<'a> Answer<'a> {
    /// Numbers, and where there are several outputs of numbers the probabilities. A map of labels to
    /// numbers (ZipMap) stands for the numbers it was made of.
    fn choose(graph: &document::Graph<'a>) -> Result<Self, LoadError> {
        let maps: HashMap<&str, &str> = graph
            .nodes
            .iter()
            .filter(|node| node.operator == "ZipMap")
            .filter_map(|node| Some((*node.outputs.first()?, *node.inputs.first()?)))
            .collect();
        let is_number = |output: &&Declared<'_>| matches!(output.kind, kind::FLOAT | kind::DOUBLE);
        let of_maps = graph.outputs.iter().filter_map(|output| maps.get(output.name).copied());
        let numbers: Vec<&str> = of_maps
            .chain(graph.outputs.iter().filter(is_number).map(|output| output.name))
            .collect();
        let has_labels = graph.outputs.len() > numbers.len();
        let probabilities = || {
            let named = |name: &&&str| name.to_ascii_lowercase().contains("prob");
            numbers.iter().find(named).copied()
        };
        let only = match numbers.as_slice() {
            [only] => Some(*only),
            _ => probabilities(),
        };
        let unsupported =
            |what, hint| LoadError::Unsupported { path: "graph.output".into(), what, hint };
        match only {
            Some(value) => Ok(Self { value, has_labels }),
            None if numbers.is_empty() => Err(unsupported(
                "a graph without an output of numbers",
                "convert the model so that it gives probabilities or values, not only labels",
            )),
            None => Err(unsupported(
                "a graph with several outputs of numbers",
                "keep one, or call it `probabilities`",
            )),
        }
    }
}

/// The values that the answer is made of.
fn live<'a>(graph: &document::Graph<'a>, answer: &'a str) -> HashSet<&'a str> {
    let mut live = HashSet::from([answer]);
    for node in graph.nodes.iter().rev() {
        if node.outputs.iter().any(|output| live.contains(output)) {
            live.extend(node.inputs.iter().filter(|input| !input.is_empty()));
        }
    }
    live
}

/// Texts of the whole file: a tensor holds their places.
#[derive(Default)]
struct Texts {
    all: Vec<Box<str>>,
    places: HashMap<Box<str>, i64>,
}

impl Texts {
    fn place(&mut self, text: &str) -> i64 {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = i64::try_from(self.all.len()).unwrap_or(i64::MAX);
        self.all.push(text.into());
        self.places.insert(text.into(), place);
        place
    }
}

struct Compiler<'a> {
    limits: &'a Limits,
    opset: i64,
    numbers: HashMap<&'a str, usize>,
    /// Values that are inputs, constants or made by an operator so far.
    known: HashSet<&'a str>,
    texts: Texts,
    /// How many texts are keys of encoders: those that an input may hold.
    key_texts: usize,
    classes: Vec<Box<str>>,
    names: Vec<Box<str>>,
    types: Vec<FeatureType>,
    graph: Graph,
}

impl<'a> Compiler<'a> {
    fn new(file: &document::Model<'a>, limits: &'a Limits) -> Self {
        let opset = file.opsets.iter().filter(|(domain, _)| domain.is_empty());
        Self {
            limits,
            opset: opset.map(|(_, version)| *version).max().unwrap_or(1),
            numbers: HashMap::new(),
            known: HashSet::new(),
            texts: Texts::default(),
            key_texts: 0,
            classes: Vec::new(),
            names: Vec::new(),
            types: Vec::new(),
            graph: Graph {
                inputs: Vec::new(),
                steps: Vec::new(),
                constants: Vec::new(),
                output: 0,
                width: 0,
                batch: BATCH,
                columns: 0,
                ensembles: Vec::new(),
                sole: None,
            },
        }
    }

    /// The number of a value.
    fn number(&mut self, name: &'a str) -> usize {
        let next = self.graph.constants.len();
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            self.graph.constants.push(None);
        }
        number
    }

    /// Every input that is no initializer, in order: also those that are of no use, since callers
    /// know the graph's inputs.
    fn inputs(
        &mut self,
        graph: &document::Graph<'a>,
        live: &HashSet<&str>,
    ) -> Result<(), LoadError> {
        let given: HashSet<&str> = graph.initializers.iter().map(|(name, _)| *name).collect();
        let max = self.limits.features_max.min(Limits::FEATURES_MAX);
        let mut singles = true;
        for (place, declared) in graph.inputs.iter().enumerate() {
            if given.contains(declared.name) {
                continue;
            }
            let path = || format!("graph.input[{place}]");
            let unsupported = |what, hint| LoadError::Unsupported { path: path(), what, hint };
            let kind = match declared.kind {
                kind::FLOAT => Kind::Single,
                kind::DOUBLE => Kind::Double,
                kind::INT64 | kind::INT32 => Kind::Integer,
                kind::BOOL => Kind::Truth,
                kind::STRING => Kind::Text,
                _ => return Err(unsupported("this type of input", "take numbers or texts")),
            };
            let (columns, is_flat) = match declared.shape.as_deref() {
                Some([_]) => (1, true),
                Some([_, Some(columns)]) => {
                    (usize::try_from(*columns).unwrap_or(usize::MAX), false)
                }
                _ => {
                    return Err(unsupported(
                        "an input that is no table of so many columns",
                        "convert the model with the shape [None, columns]",
                    ));
                }
            };
            let before = self.graph.columns;
            self.graph.columns = before.saturating_add(columns);
            if self.graph.columns > max {
                return Err(LoadError::OverLimit { path: path(), what: "features", max });
            }
            if columns == 0 || !self.known.insert(declared.name) {
                let problem = "needs columns, and a name of its own";
                return Err(LoadError::Invalid { path: path(), problem });
            }
            singles &= columns == 1;
            self.names.push(declared.name.into());
            let feature = match kind {
                Kind::Text => FeatureType::Categorical,
                Kind::Integer => FeatureType::Integer,
                Kind::Truth => FeatureType::Indicator,
                Kind::Single | Kind::Double => FeatureType::Quantitative,
            };
            self.types.extend(std::iter::repeat_n(feature, columns));
            let value = self.number(declared.name);
            let _ = live;
            self.graph.inputs.push(Input { value, columns, kind, is_flat });
        }
        if self.graph.columns == 0 {
            let problem = "a model needs at least one input";
            return Err(LoadError::Invalid { path: "graph.input".into(), problem });
        }
        if !singles {
            self.names.clear();
        }
        Ok(())
    }

    fn initializers(
        &mut self,
        graph: &document::Graph<'a>,
        live: &HashSet<&str>,
    ) -> Result<(), LoadError> {
        for (place, (name, literal)) in graph.initializers.iter().enumerate() {
            if !live.contains(name) {
                continue;
            }
            let path = || format!("graph.initializer[{place}]");
            if !self.known.insert(name) {
                let problem = "a value is there twice";
                return Err(LoadError::Invalid { path: path(), problem });
            }
            let tensor = self.literal(literal).map_err(|wrong| wrong.at(path()))?;
            let number = self.number(name);
            if let Some(slot) = self.graph.constants.get_mut(number) {
                *slot = Some(tensor);
            }
        }
        Ok(())
    }

    /// Operators that the answer needs, in the file's order, in which every value must be made
    /// before it is used: so there is no cycle.
    fn nodes(
        &mut self,
        graph: &document::Graph<'a>,
        live: &HashSet<&str>,
    ) -> Result<(), LoadError> {
        for (place, node) in graph.nodes.iter().enumerate() {
            let is_live = node.outputs.iter().any(|output| live.contains(output));
            if !is_live || node.operator == "ZipMap" {
                continue;
            }
            let path = || format!("graph.node[{place}]");
            let missing =
                node.inputs.iter().find(|name| !name.is_empty() && !self.known.contains(*name));
            if missing.is_some() {
                let problem = "an operand is not made by anything before it";
                return Err(LoadError::Invalid { path: path(), problem });
            }
            let attributes = Attributes { node };
            let operator = self.operator(&attributes).map_err(|wrong| wrong.at(path()))?;
            let inputs = node
                .inputs
                .iter()
                .map(|name| if name.is_empty() { None } else { Some(self.number(name)) });
            let inputs = inputs.collect();
            let mut outputs = Vec::new();
            for name in &node.outputs {
                if name.is_empty() {
                    outputs.push(None);
                    continue;
                }
                if !self.known.insert(name) {
                    let problem = "makes a value that is there already";
                    return Err(LoadError::Invalid { path: path(), problem });
                }
                let number = self.number(name);
                outputs.push(live.contains(name).then_some(number));
            }
            self.graph.steps.push(Step { operator, inputs, outputs, place });
        }
        Ok(())
    }

    /// Tries the graph and makes the model.
    fn finish(mut self, output: usize, answer: &Answer<'_>) -> Result<Model, LoadError> {
        self.graph.output = output;
        self.probe()?;
        let trees = self.find_sole();
        let width = self.graph.width;
        let kind = match (answer.has_labels, width) {
            (true, 1) => OutputKind::Probability,
            (true, _) => OutputKind::ClassProbabilities,
            (false, _) => OutputKind::Value,
        };
        let keys: Box<[Box<str>]> = self.texts.all.iter().take(self.key_texts).cloned().collect();
        let categories = self.types.iter().zip(self.texts_inputs());
        let categories =
            categories.map(|(_, is_text)| is_text.then(|| Categories::Texts(keys.clone())));
        let categories: Box<[Option<Categories>]> = categories.collect();
        let classes = if self.classes.len() == width { self.classes } else { Vec::new() };
        let pipeline = self.graph.sole().and_then(|(_, columns)| {
            let is_identity = columns.iter().copied().eq(0..self.graph.columns);
            (!is_identity).then(|| Pipeline::of_features(columns))
        });
        Ok(Model {
            format: Format::Onnx,
            objective: "onnx".into(),
            inputs: Inputs {
                count: self.graph.columns,
                names: self.names.into(),
                types: self.types.into(),
                unknown: vec![UnknownCategory::Coded; categories.len()].into(),
                categories,
            },
            pipeline,
            transform: Transform::Identity,
            output: Output { name: kind.name(), kind, count: width, is_double: false },
            classes: classes.into(),
            trees_used: TreesUsed { used: trees, total: trees, best_iteration: None },
            scorer: Scorer::Graph(Box::new(self.graph)),
        })
    }

    /// For every feature whether it is a text.
    fn texts_inputs(&self) -> Vec<bool> {
        let inputs = self.graph.inputs.iter();
        inputs
            .flat_map(|input| std::iter::repeat_n(input.kind == Kind::Text, input.columns))
            .collect()
    }

    /// Runs made-up rows: two at once, or one if the graph is made for one.
    fn probe(&mut self) -> Result<(), LoadError> {
        let row: Vec<f64> = self
            .texts_inputs()
            .into_iter()
            .map(|is_text| if is_text { Model::UNKNOWN_CODE } else { 0.0 })
            .collect();
        let two: Vec<f64> = row.iter().chain(&row).copied().collect();
        let max = self.limits.outputs_max.min(Limits::OUTPUTS_MAX);
        for (rows, count, batch) in [(&two, 2, BATCH), (&row, 1, 1)] {
            let mut inputs = Vec::new();
            let made = self.graph.run(rows, count, true, |operator, operands| {
                if let (Operator::Trees { ensemble, .. }, Some(Some(tensor))) =
                    (operator, operands.first())
                {
                    inputs.push((*ensemble, matches!(tensor.data, Data::Single(_))));
                }
            });
            let tensor = match made {
                Ok(tensor) => tensor,
                Err(_) if count > 1 => continue,
                Err(stop) => {
                    let problem = match stop.trouble {
                        super::Trouble::Misfit(problem) => problem,
                        super::Trouble::NoCategory => "an unknown category",
                    };
                    let path = format!("graph.node[{}]", stop.place);
                    return Err(LoadError::Invalid { path, problem });
                }
            };
            let values = tensor.data.len();
            let fits = values > 0 && values.is_multiple_of(count) && tensor.doubles().is_ok();
            let by_row = tensor.shape.first() == Some(&count) || tensor.rank() == 0;
            if !fits || !by_row {
                continue;
            }
            if values / count > max {
                let path = "graph.output".into();
                return Err(LoadError::OverLimit { path, what: "outputs", max });
            }
            (self.graph.width, self.graph.batch) = (values / count, batch);
            self.round(&inputs);
            return Ok(());
        }
        let problem = "the output has not so many numbers for every row";
        Err(LoadError::Invalid { path: "graph.output".into(), problem })
    }

    /// Ensembles test and add in the type of their input.
    fn round(&mut self, inputs: &[(usize, bool)]) {
        for (ensemble, is_single) in inputs {
            if let Some(ensemble) = self.graph.ensembles.get_mut(*ensemble) {
                let rounding = if *is_single { Rounding::Single } else { Rounding::None };
                ensemble.forest.rounding = rounding;
                ensemble.forest.adds_single = *is_single;
            }
        }
    }

    /// If there is one ensemble and its input is chosen features, notes which; gives its trees.
    fn find_sole(&mut self) -> usize {
        let mut found = Vec::new();
        let mut columns: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut first = 0;
        for input in &self.graph.inputs {
            columns.insert(input.value, (first..first + input.columns).collect());
            first += input.columns;
        }
        for step in &self.graph.steps {
            let of = |input: &Option<usize>| columns.get(&(*input)?).cloned();
            let passed = match &step.operator {
                Operator::Identity | Operator::Cast(CastTo::Single | CastTo::Double) => {
                    step.inputs.first().and_then(of)
                }
                Operator::Concat { axis: 1 | -1 } | Operator::FeatureVectorizer => {
                    let all: Option<Vec<Vec<usize>>> = step.inputs.iter().map(of).collect();
                    all.map(|all| all.concat())
                }
                Operator::Trees { ensemble, .. } => {
                    found.push((*ensemble, step.inputs.first().and_then(of)));
                    None
                }
                _ => None,
            };
            if let (Some(passed), Some(Some(output))) = (passed, step.outputs.first()) {
                columns.insert(*output, passed);
            }
        }
        let [(ensemble, Some(columns))] = found.as_slice() else { return 0 };
        let has_texts = self.graph.inputs.iter().any(|input| input.kind == Kind::Text);
        if has_texts {
            return 0;
        }
        let Some(trees) = self.graph.ensembles.get(*ensemble) else { return 0 };
        // Columns after the last tested one are of no use to the trees.
        let columns = columns.iter().copied().take(trees.columns).collect();
        let count = trees.forest.trees.len();
        self.graph.sole = Some((*ensemble, columns));
        count
    }

    /// A tensor of the file.
    fn literal(&mut self, literal: &Literal<'_>) -> Checked<Tensor> {
        let sizes = literal.dimensions.iter().map(|size| usize::try_from(*size).ok());
        let shape: Option<Vec<usize>> = sizes.collect();
        let shape = shape.ok_or(Wrong::Invalid("a size is negative"))?;
        let raw = literal.raw;
        let integers = |width: usize, of: fn(&[u8]) -> i64| -> Vec<i64> {
            if raw.is_empty() {
                literal.integers.clone()
            } else {
                raw.chunks(width).map(of).collect()
            }
        };
        let data = match literal.kind {
            kind::FLOAT if raw.is_empty() => Data::Single(literal.singles.clone()),
            kind::FLOAT => Data::Single(chunks(raw, f32::from_le_bytes)),
            kind::DOUBLE if raw.is_empty() => Data::Double(literal.doubles.clone()),
            kind::DOUBLE => Data::Double(chunks(raw, f64::from_le_bytes)),
            kind::INT64 if raw.is_empty() => Data::Integer(literal.integers.clone()),
            kind::INT64 => Data::Integer(chunks(raw, i64::from_le_bytes)),
            kind::INT32 => Data::Integer(integers(4, |bytes| {
                bytes.try_into().map_or(0, |bytes| i32::from_le_bytes(bytes).into())
            })),
            kind::UINT8 => {
                Data::Integer(integers(1, |bytes| i64::from(bytes.first().copied().unwrap_or(0))))
            }
            kind::INT8 => Data::Integer(integers(1, |bytes| {
                i64::from(bytes.first().copied().unwrap_or(0).cast_signed())
            })),
            kind::BOOL => {
                let values = integers(1, |bytes| i64::from(bytes.first().copied().unwrap_or(0)));
                Data::Truth(values.into_iter().map(|one| one != 0).collect())
            }
            kind::STRING => {
                Data::Text(literal.texts.iter().map(|text| self.texts.place(text)).collect())
            }
            _ => return Err(Wrong::Unsupported("a tensor of this type")),
        };
        Tensor::new(shape, data).map_err(Wrong::from)
    }

    fn operator(&mut self, of: &Attributes<'_, 'a>) -> Checked<Operator> {
        let name = of.node.operator;
        if of.node.domain == "ai.onnx.ml" {
            return self.ml_operator(name, of);
        }
        use {Binary as B, Operator as O, Reduce as R, Unary as U};
        let axis = |default: i64| of.integer("axis", default);
        // Since 13, axes are operands; before, the attribute is the only place for them.
        let reduce = |operator| O::Reduce {
            operator,
            axes: of.integers("axes").map(<[i64]>::to_vec),
            keeps: of.integer("keepdims", 1) != 0,
            none_if_empty: of.integer("noop_with_empty_axes", 0) != 0,
        };
        Ok(match name {
            "Identity" | "Dropout" => O::Identity,
            "Add" => O::Binary(B::Add),
            "Sub" => O::Binary(B::Sub),
            "Mul" => O::Binary(B::Mul),
            "Div" => O::Binary(B::Div),
            "Pow" => O::Binary(B::Pow),
            "Equal" => O::Binary(B::Equal),
            "Less" => O::Binary(B::Less),
            "LessOrEqual" => O::Binary(B::LessOrEqual),
            "Greater" => O::Binary(B::Greater),
            "GreaterOrEqual" => O::Binary(B::GreaterOrEqual),
            "And" => O::Binary(B::And),
            "Or" => O::Binary(B::Or),
            "Sum" => O::Fold(B::Add),
            "Min" => O::Fold(B::Min),
            "Max" => O::Fold(B::Max),
            "Neg" => O::Unary(U::Neg),
            "Abs" => O::Unary(U::Abs),
            "Exp" => O::Unary(U::Exp),
            "Log" => O::Unary(U::Log),
            "Sqrt" => O::Unary(U::Sqrt),
            "Sigmoid" => O::Unary(U::Sigmoid),
            "Relu" => O::Unary(U::Relu),
            "Tanh" => O::Unary(U::Tanh),
            "LeakyRelu" => O::Unary(U::LeakyRelu(of.single("alpha", 0.01))),
            "Elu" => O::Unary(U::Elu(of.single("alpha", 1.0))),
            "Softplus" => O::Unary(U::Softplus),
            "Not" => O::Unary(U::Not),
            "IsNaN" => O::Unary(U::IsNan),
            "MatMul" => O::MatMul,
            "Gemm" => O::Gemm {
                scales: [of.single("alpha", 1.0), of.single("beta", 1.0)],
                turns: [of.integer("transA", 0) != 0, of.integer("transB", 0) != 0],
            },
            "Softmax" | "LogSoftmax" => O::Softmax {
                axis: axis(if self.opset < 13 { 1 } else { -1 }),
                logarithm: name == "LogSoftmax",
                flattens: self.opset < 13,
            },
            "ArgMax" => O::ArgMax {
                axis: axis(0),
                keeps: of.integer("keepdims", 1) != 0,
                last: of.integer("select_last_index", 0) != 0,
            },
            "ReduceSum" => reduce(R::Sum),
            "ReduceMean" => reduce(R::Mean),
            "ReduceMax" => reduce(R::Max),
            "ReduceMin" => reduce(R::Min),
            "Concat" => O::Concat { axis: axis(1) },
            "Reshape" => O::Reshape {
                shape: of.integers("shape").map(<[i64]>::to_vec),
                allows_zero: of.integer("allowzero", 0) != 0,
            },
            "Flatten" => O::Flatten { axis: axis(1) },
            "Squeeze" => O::Squeeze { axes: of.integers("axes").map(<[i64]>::to_vec) },
            "Unsqueeze" => O::Unsqueeze { axes: of.integers("axes").map(<[i64]>::to_vec) },
            "Transpose" => O::Transpose { order: of.integers("perm").map(<[i64]>::to_vec) },
            "Gather" => O::Gather { axis: axis(0) },
            "Slice" if self.opset >= 10 => O::Slice,
            "Split" => O::Split {
                axis: axis(0),
                sizes: of.integers("split").map(<[i64]>::to_vec),
                parts: of.node.outputs.len(),
            },
            "Where" => O::Where,
            "Clip" => O::Clip {
                low: of.find("min").and_then(|a| a.single),
                high: of.find("max").and_then(|a| a.single),
            },
            "Shape" => O::Shape,
            "Expand" => O::Expand,
            "Cast" => O::Cast(cast_to(of.integer("to", 0))?),
            "Constant" => O::Constant(self.constant(of)?),
            _ => return Err(Wrong::Unsupported("this operator")),
        })
    }

    fn constant(&mut self, of: &Attributes<'_, 'a>) -> Checked<Tensor> {
        if let Some(literal) = of.find("value").and_then(|value| value.tensor.as_ref()) {
            return self.literal(literal);
        }
        let data = [
            of.find("value_float").and_then(|one| one.single).map(|one| Data::Single(vec![one])),
            of.find("value_int").and_then(|one| one.integer).map(|one| Data::Integer(vec![one])),
        ];
        if let Some(data) = data.into_iter().flatten().next() {
            return Tensor::new(Vec::new(), data).map_err(Wrong::from);
        }
        let list = if let Some(list) = of.integers("value_ints") {
            Data::Integer(list.to_vec())
        } else if let Some(list) = of.singles("value_floats") {
            Data::Single(list.to_vec())
        } else {
            return Err(Wrong::Unsupported("a constant of this kind"));
        };
        Tensor::new(vec![list.len()], list).map_err(Wrong::from)
    }

    fn ml_operator(&mut self, name: &str, of: &Attributes<'_, 'a>) -> Checked<Operator> {
        use Operator as O;
        let post = Post::parse(of.text("post_transform", "NONE"));
        let post = post.ok_or(Wrong::Invalid("no such post_transform"))?;
        let weights = || Weights {
            coefficients: of.singles("coefficients").unwrap_or_default().to_vec(),
            intercepts: of.singles("intercepts").unwrap_or_default().to_vec(),
        };
        Ok(match name {
            "Scaler" => O::Scaler {
                offset: of
                    .singles("offset")
                    .ok_or(Wrong::Invalid("Scaler needs an offset"))?
                    .to_vec(),
                scale: of.singles("scale").ok_or(Wrong::Invalid("Scaler needs a scale"))?.to_vec(),
            },
            "Imputer" => imputer(of)?,
            "Normalizer" => O::Normalizer(match of.text("norm", "MAX") {
                "MAX" => Norm::Max,
                "L1" => Norm::L1,
                "L2" => Norm::L2,
                _ => return Err(Wrong::Invalid("no such norm")),
            }),
            "OneHotEncoder" => self.one_hot(of)?,
            "LabelEncoder" => self.label_encoder(of)?,
            "CategoryMapper" => self.category_mapper(of)?,
            "ArrayFeatureExtractor" => O::ArrayFeatureExtractor,
            "FeatureVectorizer" => O::FeatureVectorizer,
            "Binarizer" => O::Binarizer(of.single("threshold", 0.0)),
            "LinearClassifier" => {
                let weights = weights();
                if weights.intercepts.is_empty() {
                    return Err(Wrong::Unsupported("LinearClassifier without intercepts"));
                }
                let labels = self.labels(of, "classlabels_ints")?;
                O::LinearClassifier { weights, labels, post }
            }
            "LinearRegressor" => {
                let targets = usize::try_from(of.integer("targets", 1)).ok();
                let max = self.limits.outputs_max.min(Limits::OUTPUTS_MAX);
                let targets = targets.filter(|targets| (1..=max).contains(targets));
                let targets = targets.ok_or(Wrong::Invalid("too many targets, or none"))?;
                O::LinearRegressor { weights: weights(), targets, post }
            }
            "TreeEnsembleClassifier" => self.tree_classifier(of, post)?,
            "TreeEnsembleRegressor" => self.tree_regressor(of, post)?,
            "TreeEnsemble" => self.tree_ensemble(of)?,
            _ => return Err(Wrong::Unsupported("this operator")),
        })
    }

    /// Class labels; noted as the model's classes.
    fn labels(&mut self, of: &Attributes<'_, 'a>, integers: &str) -> Checked<Labels> {
        let texts = of.texts("classlabels_strings");
        let numbers = of.integers(integers).unwrap_or_default();
        if !texts.is_empty() {
            self.classes = texts.iter().map(|text| (*text).into()).collect();
            let values = texts.iter().map(|text| self.texts.place(text)).collect();
            return Ok(Labels { values, are_texts: true });
        }
        self.classes = numbers.iter().map(|number| number.to_string().into()).collect();
        Ok(Labels { values: numbers.to_vec(), are_texts: false })
    }

    /// Keys that are texts can be categories of an input.
    fn text_keys(&mut self, texts: &[&str]) -> Checked<Vec<i64>> {
        if texts.len() > self.limits.categories_max {
            let (what, max) = ("categories", self.limits.categories_max);
            return Err(Wrong::Error(LoadError::OverLimit { path: "graph".into(), what, max }));
        }
        let places = texts.iter().map(|text| self.texts.place(text)).collect();
        self.key_texts = self.texts.all.len();
        Ok(places)
    }

    fn one_hot(&mut self, of: &Attributes<'_, 'a>) -> Checked<Operator> {
        let texts = of.texts("cats_strings");
        let numbers = of.integers("cats_int64s").unwrap_or_default();
        let (kind, keys) = match (texts, numbers) {
            ([], []) => return Err(Wrong::Invalid("OneHotEncoder needs categories")),
            (texts, []) => (KeyKind::Text, self.text_keys(texts)?),
            ([], numbers) => (KeyKind::Integer, numbers.to_vec()),
            _ => return Err(Wrong::Invalid("OneHotEncoder has two kinds of categories")),
        };
        let (width, takes_unknown) = (keys.len(), of.integer("zeros", 1) != 0);
        Ok(Operator::OneHot { keys: Keys::new(kind, keys.into_iter()), width, takes_unknown })
    }

    /// From version 2: keys and values of three types each; version 4 adds tensors of them.
    fn label_encoder(&mut self, of: &Attributes<'_, 'a>) -> Checked<Operator> {
        if !of.texts("classes_strings").is_empty() {
            return Err(Wrong::Unsupported("LabelEncoder of version 1"));
        }
        let tensor = |name: &str| of.find(name).and_then(|one| one.tensor.as_ref());
        let texts = of.texts("keys_strings");
        let keys = if !texts.is_empty() {
            Keys::new(KeyKind::Text, self.text_keys(texts)?.into_iter())
        } else if let Some(keys) = of.integers("keys_int64s") {
            Keys::new(KeyKind::Integer, keys.iter().copied())
        } else if let Some(keys) = of.singles("keys_floats") {
            Keys::new(KeyKind::Real, keys.iter().map(|key| Keys::real((*key).into())))
        } else {
            let literal = tensor("keys_tensor").ok_or(Wrong::Invalid("LabelEncoder needs keys"))?;
            if literal.kind == kind::STRING {
                Keys::new(KeyKind::Text, self.text_keys(&literal.texts)?.into_iter())
            } else {
                keys_of(&self.literal(literal)?)?
            }
        };
        let values = self.encoded(of, &tensor)?;
        Ok(Operator::Encode { keys, values })
    }

    /// The values of a LabelEncoder, with the default at their end.
    fn encoded<'b>(
        &mut self,
        of: &Attributes<'_, 'a>,
        tensor: &impl Fn(&str) -> Option<&'b Literal<'b>>,
    ) -> Checked<Tensor> {
        let texts = of.texts("values_strings");
        let data = if !texts.is_empty() {
            let mut values: Vec<i64> = texts.iter().map(|text| self.texts.place(text)).collect();
            values.push(self.texts.place(of.text("default_string", "_Unused")));
            Data::Text(values)
        } else if let Some(values) = of.integers("values_int64s") {
            let default = of.integer("default_int64", -1);
            Data::Integer(values.iter().copied().chain([default]).collect())
        } else if let Some(values) = of.singles("values_floats") {
            let default = of.single("default_float", -0.0);
            Data::Single(values.iter().copied().chain([default]).collect())
        } else {
            let literal =
                tensor("values_tensor").ok_or(Wrong::Invalid("LabelEncoder needs values"))?;
            let values = self.literal(literal)?;
            let default = tensor("default_tensor").map(|one| self.literal(one)).transpose()?;
            return with_default(values, default);
        };
        Tensor::new(vec![data.len()], data).map_err(Wrong::from)
    }

    fn category_mapper(&mut self, of: &Attributes<'_, 'a>) -> Checked<Operator> {
        let texts = of.texts("cats_strings");
        let numbers = of.integers("cats_int64s").unwrap_or_default();
        if texts.len() != numbers.len() {
            return Err(Wrong::Invalid("CategoryMapper has not as many texts as numbers"));
        }
        let keys = Keys::new(KeyKind::Text, self.text_keys(texts)?.into_iter());
        let default = of.integer("default_int64", -1);
        let values: Vec<i64> = numbers.iter().copied().chain([default]).collect();
        let values = Tensor::new(vec![values.len()], Data::Integer(values)).map_err(Wrong::from)?;
        Ok(Operator::Encode { keys, values })
    }

    fn tree_classifier(&mut self, of: &Attributes<'_, 'a>, post: Post) -> Checked<Operator> {
        let labels = self.labels(of, "classlabels_int64s")?;
        let classes = labels.values.len();
        let weights = of.reals("class_weights")?;
        let targets = of.integers("class_ids").unwrap_or_default();
        let base = of.reals("base_values")?;
        let is_pair = classes == 2 && targets.windows(2).all(|pair| pair.first() == pair.last());
        let ones = vec![0; targets.len()];
        // The weights of a single class stand for both.
        let is_pair = is_pair && !targets.is_empty();
        if is_pair && (base.len() > 1 || post == Post::Probit) {
            return Err(Wrong::Unsupported(
                "two base values or PROBIT with the weights of one class",
            ));
        }
        let (margins, ids) = if is_pair { (1, ones.as_slice()) } else { (classes, targets) };
        let described = Described {
            trees: self.keyed(of, "class", ids, &weights, margins)?,
            targets: margins,
            base: padded(&base, margins),
            averages: false,
        };
        let all_positive = weights.iter().all(|weight| *weight >= 0.0);
        let finish = match is_pair {
            true => Finish::Pair { post, labels, all_positive },
            false => Finish::Classify(post, labels),
        };
        self.trees(&described, finish)
    }

    fn tree_regressor(&mut self, of: &Attributes<'_, 'a>, post: Post) -> Checked<Operator> {
        let averages = match of.text("aggregate_function", "SUM") {
            "SUM" => false,
            "AVERAGE" => true,
            "MIN" | "MAX" => return Err(Wrong::Unsupported("a least or greatest of trees")),
            _ => return Err(Wrong::Invalid("no such aggregate_function")),
        };
        let targets = self.targets(of.integer("n_targets", 1))?;
        let ids = of.integers("target_ids").unwrap_or_default();
        let weights = of.reals("target_weights")?;
        let base = of.reals("base_values")?;
        let described = Described {
            trees: self.keyed(of, "target", ids, &weights, targets)?,
            targets,
            base: if base.len() == targets { base } else { vec![0.0; targets] },
            averages,
        };
        self.trees(&described, Finish::Regress(post))
    }

    fn targets(&self, targets: i64) -> Checked<usize> {
        let max = self.limits.outputs_max.min(Limits::OUTPUTS_MAX);
        let targets = usize::try_from(targets).ok().filter(|targets| (1..=max).contains(targets));
        targets.ok_or(Wrong::Invalid("too many targets, or none"))
    }

    fn keyed(
        &self,
        of: &Attributes<'_, 'a>,
        weights_of: &str,
        targets: &[i64],
        weights: &[f64],
        margins: usize,
    ) -> Checked<Vec<trees::LocalTree>> {
        self.targets(i64::try_from(margins).unwrap_or(i64::MAX))?;
        let list = |name: &str| of.integers(name).unwrap_or_default();
        let modes = of.texts("nodes_modes").iter().map(|name| {
            Ok(match *name {
                "LEAF" => None,
                "BRANCH_LEQ" => Some(Mode::AtMost),
                "BRANCH_LT" => Some(Mode::Less),
                "BRANCH_GTE" => Some(Mode::AtLeast),
                "BRANCH_GT" => Some(Mode::Greater),
                "BRANCH_EQ" => Some(Mode::Equal),
                "BRANCH_NEQ" => Some(Mode::Unequal),
                _ => return Err(Wrong::Invalid("no such mode of a node")),
            })
        });
        let keyed = Keyed {
            tree_ids: list("nodes_treeids"),
            node_ids: list("nodes_nodeids"),
            features: list("nodes_featureids"),
            modes: modes.collect::<Checked<_>>()?,
            values: &of.reals("nodes_values")?,
            yes: list("nodes_truenodeids"),
            no: list("nodes_falsenodeids"),
            tracks_true: list("nodes_missing_value_tracks_true"),
            weight_trees: list(&format!("{weights_of}_treeids")),
            weight_nodes: list(&format!("{weights_of}_nodeids")),
            weight_targets: targets,
            weights,
        };
        self.check_nodes(keyed.tree_ids.len())?;
        keyed.trees(margins).map_err(Wrong::Invalid)
    }

    fn check_nodes(&self, nodes: usize) -> Checked<()> {
        if nodes <= self.limits.nodes_max {
            return Ok(());
        }
        let (what, max) = ("nodes", self.limits.nodes_max);
        Err(Wrong::Error(LoadError::OverLimit { path: "graph".into(), what, max }))
    }

    /// Version 5.
    fn tree_ensemble(&mut self, of: &Attributes<'_, 'a>) -> Checked<Operator> {
        let averages = match of.integer("aggregate_function", 1) {
            0 => true,
            1 => false,
            2 | 3 => return Err(Wrong::Unsupported("a least or greatest of trees")),
            _ => return Err(Wrong::Invalid("no such aggregate_function")),
        };
        let post = match of.integer("post_transform", 0) {
            0 => Post::None,
            1 => Post::Softmax,
            2 => Post::Logistic,
            3 => Post::SoftmaxZero,
            4 => Post::Probit,
            _ => return Err(Wrong::Invalid("no such post_transform")),
        };
        let targets = self.targets(of.integer("n_targets", 1))?;
        let list = |name: &str| of.integers(name).unwrap_or_default();
        let mut tensor = |name: &'static str| -> Checked<Vec<f64>> {
            match of.find(name).and_then(|one| one.tensor.as_ref()) {
                Some(literal) => self.literal(literal)?.doubles().map_err(Wrong::from),
                None => Ok(Vec::new()),
            }
        };
        let (splits, weights) = (tensor("nodes_splits")?, tensor("leaf_weights")?);
        let (members, modes) = (tensor("membership_values")?, tensor("nodes_modes")?);
        let modes = modes.iter().map(|mode| {
            let known = [
                Mode::AtMost,
                Mode::Less,
                Mode::AtLeast,
                Mode::Greater,
                Mode::Equal,
                Mode::Unequal,
                Mode::Member,
            ];
            let found = (0_u8..).map(f64::from).zip(known).find(|(number, _)| number == mode);
            found.map(|(_, mode)| mode).ok_or(Wrong::Invalid("no such mode of a node"))
        });
        let numbered = Numbered {
            roots: list("tree_roots"),
            features: list("nodes_featureids"),
            modes: modes.collect::<Checked<_>>()?,
            values: &splits,
            yes: list("nodes_truenodeids"),
            yes_is_leaf: list("nodes_trueleafs"),
            no: list("nodes_falsenodeids"),
            no_is_leaf: list("nodes_falseleafs"),
            tracks_true: list("nodes_missing_value_tracks_true"),
            members: &members,
            leaf_targets: list("leaf_targetids"),
            leaf_weights: &weights,
        };
        self.check_nodes(numbered.features.len())?;
        let trees = numbered.trees(targets).map_err(Wrong::Invalid)?;
        let described = Described { trees, targets, base: vec![0.0; targets], averages };
        self.trees(&described, Finish::Regress(post))
    }

    /// Packs trees. Their columns are those up to the last that is tested.
    fn trees(&mut self, described: &Described, finish: Finish) -> Checked<Operator> {
        if described.trees.len() > self.limits.trees_max {
            let (what, max) = ("trees", self.limits.trees_max);
            return Err(Wrong::Error(LoadError::OverLimit { path: "graph".into(), what, max }));
        }
        let columns = self.limits.features_max.min(Limits::FEATURES_MAX);
        let packed = trees::pack(described, columns, self.limits);
        let mut ensemble = packed.map_err(|(tree, problem)| {
            Wrong::Error(problem.within(format!("graph.trees[{tree}]")))
        })?;
        let tested = ensemble.forest.nodes.iter().map(|node| usize::from(node.feature) + 1).max();
        ensemble.columns = tested.unwrap_or(1);
        self.graph.ensembles.push(ensemble);
        Ok(Operator::Trees { ensemble: self.graph.ensembles.len() - 1, finish })
    }
}

/// The attributes of an operator.
struct Attributes<'n, 'a> {
    node: &'n document::Node<'a>,
}

impl<'n, 'a> Attributes<'n, 'a> {
    fn find(&self, name: &str) -> Option<&'n document::Attribute<'a>> {
        let named = self.node.attributes.iter().find(|(known, _)| *known == name);
        named.map(|(_, attribute)| attribute)
    }
    fn integer(&self, name: &str, default: i64) -> i64 {
        self.find(name).and_then(|one| one.integer).unwrap_or(default)
    }
    fn single(&self, name: &str, default: f32) -> f32 {
        self.find(name).and_then(|one| one.single).unwrap_or(default)
    }
    fn text(&self, name: &str, default: &'a str) -> &'a str {
        self.find(name).and_then(|one| one.text).unwrap_or(default)
    }
    fn integers(&self, name: &str) -> Option<&'n [i64]> {
        self.find(name).map(|one| one.integers.as_slice())
    }
    fn singles(&self, name: &str) -> Option<&'n [f32]> {
        self.find(name).map(|one| one.singles.as_slice())
    }
    fn texts(&self, name: &str) -> &'n [&'a str] {
        self.find(name).map(|one| one.texts.as_slice()).unwrap_or_default()
    }
    /// Numbers from `name`, or from the tensor `name_as_tensor`.
    fn reals(&self, name: &str) -> Checked<Vec<f64>> {
        if let Some(singles) = self.singles(name).filter(|list| !list.is_empty()) {
            return Ok(singles.iter().map(|one| f64::from(*one)).collect());
        }
        let tensor = self.find(&format!("{name}_as_tensor")).and_then(|one| one.tensor.as_ref());
        let Some(literal) = tensor else { return Ok(Vec::new()) };
        match (literal.kind, literal.raw) {
            (kind::DOUBLE, []) => Ok(literal.doubles.clone()),
            (kind::DOUBLE, raw) => Ok(chunks(raw, f64::from_le_bytes)),
            (kind::FLOAT, []) => Ok(literal.singles.iter().map(|one| f64::from(*one)).collect()),
            (kind::FLOAT, raw) => {
                Ok(chunks(raw, f32::from_le_bytes).into_iter().map(f64::from).collect())
            }
            _ => Err(Wrong::Invalid("a tensor of numbers has another type")),
        }
    }
}

/// Numbers of so many bytes each.
fn chunks<T, const N: usize>(raw: &[u8], of: fn([u8; N]) -> T) -> Vec<T> {
    raw.chunks_exact(N).filter_map(|bytes| Some(of(bytes.try_into().ok()?))).collect()
}

fn cast_to(to: i64) -> Checked<CastTo> {
    Ok(match to {
        kind::FLOAT => CastTo::Single,
        kind::DOUBLE => CastTo::Double,
        kind::INT64 | kind::INT32 => CastTo::Integer,
        kind::BOOL => CastTo::Truth,
        kind::STRING => CastTo::Text,
        _ => return Err(Wrong::Unsupported("a cast to this type")),
    })
}

fn imputer(of: &Attributes<'_, '_>) -> Checked<Operator> {
    #[expect(clippy::cast_precision_loss, reason = "integers of tables are small")]
    let integers = |list: &[i64]| list.iter().map(|one| *one as f64).collect();
    let (replaced, with): (f64, Vec<f64>) = if let Some(with) = of.singles("imputed_value_floats") {
        let with = with.iter().map(|one| f64::from(*one)).collect();
        (of.single("replaced_value_float", 0.0).into(), with)
    } else if let Some(with) = of.integers("imputed_value_int64s") {
        #[expect(clippy::cast_precision_loss, reason = "as above")]
        let replaced = of.integer("replaced_value_int64", 0) as f64;
        (replaced, integers(with))
    } else {
        return Err(Wrong::Invalid("Imputer needs values"));
    };
    Ok(Operator::Imputer { replaced, with })
}

/// Numbers as keys.
fn keys_of(tensor: &Tensor) -> Checked<Keys> {
    Ok(match &tensor.data {
        Data::Integer(keys) => Keys::new(KeyKind::Integer, keys.iter().copied()),
        _ => {
            let keys = tensor.doubles().map_err(Wrong::from)?;
            Keys::new(KeyKind::Real, keys.into_iter().map(Keys::real))
        }
    })
}

/// Values with their default at the end.
fn with_default(values: Tensor, default: Option<Tensor>) -> Checked<Tensor> {
    let flat = |tensor: &Tensor| tensor.reshaped(vec![tensor.data.len()]);
    let default = match (default, &values.data) {
        (Some(default), _) => default,
        (None, Data::Integer(_)) => {
            Tensor::new(vec![1], Data::Integer(vec![-1])).map_err(Wrong::from)?
        }
        (None, Data::Double(_)) => {
            Tensor::new(vec![1], Data::Double(vec![0.0])).map_err(Wrong::from)?
        }
        (None, Data::Single(_)) => {
            Tensor::new(vec![1], Data::Single(vec![0.0])).map_err(Wrong::from)?
        }
        _ => return Err(Wrong::Unsupported("LabelEncoder without a default")),
    };
    let both = [&flat(&values).map_err(Wrong::from)?, &flat(&default).map_err(Wrong::from)?];
    super::core::concat(&both, 0).map_err(Wrong::from)
}

/// Base values, 0 where there are none.
fn padded(base: &[f64], count: usize) -> Vec<f64> {
    base.iter().copied().chain(std::iter::repeat(0.0)).take(count).collect()
}

impl Wrong {
    fn at(self, path: String) -> LoadError {
        match self {
            Self::Invalid(problem) => LoadError::Invalid { path, problem },
            Self::Unsupported(what) => {
                let hint = "export for the operators that docs/models.md lists";
                LoadError::Unsupported { path, what, hint }
            }
            Self::Error(error) => error,
        }
    }
}

impl From<super::Trouble> for Wrong {
    fn from(trouble: super::Trouble) -> Self {
        match trouble {
            super::Trouble::Misfit(problem) => Self::Invalid(problem),
            super::Trouble::NoCategory => Self::Invalid("an unknown category"),
        }
    }
}
