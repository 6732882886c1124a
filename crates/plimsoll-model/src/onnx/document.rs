//! The messages of an ONNX file (`onnx/onnx.proto3`), as read: what could reach outside the file,
//! or run what is not an operator, is refused here.

use plimsoll_types::protobuf::{Fault, Reader, Value};

/// Most operators of a graph: converters write a dozen, networks for tables some hundred.
const NODES_MAX: usize = 4_096;
/// Most names of one operator's inputs and outputs, and of a graph's.
const NAMES_MAX: usize = 65_535;

/// Why a file is refused: what, and where if known.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The bytes are no such message.
    Fault(Fault),
    /// It uses something that is not read.
    Unsupported(&'static str, &'static str),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

type Read<T> = Result<T, Refusal>;

/// `ModelProto`.
#[derive(Debug, Default)]
pub struct Model<'a> {
    /// Domains and the version of their operators; the default domain is empty.
    pub opsets: Vec<(&'a str, i64)>,
    /// The graph.
    pub graph: Option<Graph<'a>>,
}

/// `GraphProto`.
#[derive(Debug, Default)]
pub struct Graph<'a> {
    /// Its operators, in an order in which they can run.
    pub nodes: Vec<Node<'a>>,
    /// Tensors that stand in the file, by name.
    pub initializers: Vec<(&'a str, Literal<'a>)>,
    /// What it reads.
    pub inputs: Vec<Declared<'a>>,
    /// What it makes.
    pub outputs: Vec<Declared<'a>>,
}

/// `NodeProto`.
#[derive(Debug, Default)]
pub struct Node<'a> {
    /// What it reads.
    pub inputs: Vec<&'a str>,
    /// What it makes.
    pub outputs: Vec<&'a str>,
    /// Its name.
    pub operator: &'a str,
    /// The domain of its name; the default one is empty.
    pub domain: &'a str,
    /// Its attributes, by name.
    pub attributes: Vec<(&'a str, Attribute<'a>)>,
}

/// `AttributeProto`, without its name.
#[derive(Debug, Default)]
pub struct Attribute<'a> {
    /// A number.
    pub single: Option<f32>,
    /// An integer.
    pub integer: Option<i64>,
    /// A text.
    pub text: Option<&'a str>,
    /// A tensor.
    pub tensor: Option<Literal<'a>>,
    /// Numbers of 32 bits.
    pub singles: Vec<f32>,
    /// Integers.
    pub integers: Vec<i64>,
    /// Texts.
    pub texts: Vec<&'a str>,
}

/// `TensorProto`: elements that stand in the file.
#[derive(Debug, Default)]
pub struct Literal<'a> {
    /// Sizes of its dimensions.
    pub dimensions: Vec<i64>,
    /// `TensorProto.DataType`.
    pub kind: i64,
    /// Numbers of 32 bits.
    pub singles: Vec<f32>,
    /// Numbers of 64 bits.
    pub doubles: Vec<f64>,
    /// Integers.
    pub integers: Vec<i64>,
    /// Texts.
    pub texts: Vec<&'a str>,
    /// Its elements as they lie in memory, if they are written so.
    pub raw: &'a [u8],
}

/// `ValueInfoProto`: an input or output of the graph.
#[derive(Debug, Default)]
pub struct Declared<'a> {
    /// Its name.
    pub name: &'a str,
    /// The element type of a tensor; 0 for anything else.
    pub kind: i64,
    /// Sizes of the dimensions, `None` where they may vary; absent without a shape.
    pub shape: Option<Vec<Option<u64>>>,
}

const OUTSIDE: Refusal = Refusal::Unsupported(
    "data outside the file",
    "save the model with all its data inside: `onnx.save(model, path)` without external data",
);
const SUBGRAPH: Refusal = Refusal::Unsupported(
    "an operator with a graph of its own",
    "export without loops and branches",
);
const SPARSE: Refusal = Refusal::Unsupported("a sparse tensor", "save its values as a dense one");

/// Reads `ModelProto`.
pub(crate) fn model<'a>(file: Reader<'a>) -> Read<Model<'a>> {
    let mut model = Model::default();
    file.fields::<Refusal>(|number, value| {
        match number {
            7 if model.graph.is_some() => {
                return Err(file.fault("a second graph").into());
            }
            7 => model.graph = Some(graph(value.bytes()?)?),
            8 => model.opsets.push(opset(value.bytes()?)?),
            20 => {
                return Err(Refusal::Unsupported("training information", "export for inference"));
            }
            25 => {
                return Err(Refusal::Unsupported(
                    "a function of the model's own",
                    "inline it, as `onnx.inliner.inline_local_functions` does",
                ));
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(model)
}

fn opset<'a>(message: Reader<'a>) -> Read<(&'a str, i64)> {
    let (mut domain, mut version) = ("", 0);
    message.fields::<Refusal>(|number, value| {
        match number {
            1 => domain = value.text()?,
            2 => version = value.integer()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((if domain == "ai.onnx" { "" } else { domain }, version))
}

fn graph<'a>(message: Reader<'a>) -> Read<Graph<'a>> {
    let mut graph = Graph::default();
    message.fields::<Refusal>(|number, value| {
        match number {
            1 if graph.nodes.len() >= NODES_MAX => {
                let what = "a graph of more than 4096 operators";
                return Err(Refusal::Unsupported(what, "serve it from a model server of its own"));
            }
            1 => graph.nodes.push(node(value.bytes()?)?),
            5 => graph.initializers.push(tensor(value.bytes()?)?),
            11 | 12 => {
                let list = if number == 11 { &mut graph.inputs } else { &mut graph.outputs };
                if list.len() >= NAMES_MAX {
                    return Err(message.fault("more than 65535 inputs or outputs").into());
                }
                list.push(declared(value.bytes()?)?);
            }
            15 => return Err(SPARSE),
            _ => {}
        }
        Ok(())
    })?;
    Ok(graph)
}

fn node<'a>(message: Reader<'a>) -> Read<Node<'a>> {
    let mut node = Node::default();
    message.fields::<Refusal>(|number, value| {
        match number {
            1 | 2 => {
                let list = if number == 1 { &mut node.inputs } else { &mut node.outputs };
                if list.len() >= NAMES_MAX {
                    return Err(message.fault("more than 65535 inputs or outputs").into());
                }
                list.push(value.text()?);
            }
            4 => node.operator = value.text()?,
            5 => node.attributes.push(attribute(value.bytes()?)?),
            7 => node.domain = value.text()?,
            _ => {}
        }
        Ok(())
    })?;
    if node.domain == "ai.onnx" {
        node.domain = "";
    }
    Ok(node)
}

fn attribute<'a>(message: Reader<'a>) -> Read<(&'a str, Attribute<'a>)> {
    let (mut name, mut attribute) = ("", Attribute::default());
    message.fields::<Refusal>(|number, value| {
        match (number, value) {
            (1, value) => name = value.text()?,
            (2, Value::Fixed32(bytes)) => attribute.single = Some(f32::from_le_bytes(bytes)),
            (3, value) => attribute.integer = Some(value.integer()?),
            (4, value) => attribute.text = Some(value.text()?),
            (5, value) => attribute.tensor = Some(tensor(value.bytes()?)?.1),
            (6 | 11, _) => return Err(SUBGRAPH),
            (7, value) => value.singles(&mut attribute.singles)?,
            (8, value) => value.integers(&mut attribute.integers)?,
            (9, value) => attribute.texts.push(value.text()?),
            (22 | 23, _) => return Err(SPARSE),
            (21, _) => {
                return Err(message.fault("a reference to an attribute of a function").into());
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok((name, attribute))
}

fn tensor<'a>(message: Reader<'a>) -> Read<(&'a str, Literal<'a>)> {
    let (mut name, mut literal) = ("", Literal::default());
    message.fields::<Refusal>(|number, value| {
        match number {
            1 => value.integers(&mut literal.dimensions)?,
            2 => literal.kind = value.integer()?,
            3 => return Err(message.fault("a tensor in segments").into()),
            4 => value.singles(&mut literal.singles)?,
            5 | 7 | 11 => value.integers(&mut literal.integers)?,
            6 => literal.texts.push(value.text()?),
            8 => name = value.text()?,
            9 => literal.raw = value.bytes()?.rest(),
            10 => value.doubles(&mut literal.doubles)?,
            13 => return Err(OUTSIDE),
            14 if value.integer()? != 0 => return Err(OUTSIDE),
            _ => {}
        }
        Ok(())
    })?;
    Ok((name, literal))
}

fn declared<'a>(message: Reader<'a>) -> Read<Declared<'a>> {
    let mut declared = Declared::default();
    message.fields::<Refusal>(|number, value| {
        match number {
            1 => declared.name = value.text()?,
            // TypeProto, of which only tensor_type is of use; a map or sequence stays kind 0.
            2 => value.bytes()?.fields::<Refusal>(|number, value| {
                if number == 1 {
                    tensor_type(value.bytes()?, &mut declared)?;
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(declared)
}

fn tensor_type(message: Reader<'_>, declared: &mut Declared<'_>) -> Read<()> {
    message.fields::<Refusal>(|number, value| {
        match number {
            1 => declared.kind = value.integer()?,
            2 => {
                let mut shape = Vec::new();
                value.bytes()?.fields::<Refusal>(|number, value| {
                    if number == 1 {
                        shape.push(dimension(value.bytes()?)?);
                    }
                    Ok(())
                })?;
                declared.shape = Some(shape);
            }
            _ => {}
        }
        Ok(())
    })
}

/// A size, or `None` where it is a name or left open.
fn dimension(message: Reader<'_>) -> Read<Option<u64>> {
    let mut size = None;
    message.fields::<Refusal>(|number, value| {
        if number == 1 {
            size = u64::try_from(value.integer()?).ok();
        }
        Ok(())
    })?;
    Ok(size)
}
