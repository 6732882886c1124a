//! The dialect of the Open Inference Protocol v2 over gRPC
//! (kserve/open-inference-protocol, `specification/protocol/open_inference_grpc.proto`):
//! `ModelInferRequest`, with `raw_input_contents` or with typed `contents`.
//!
//! The message is read in place, field by field, so that it costs no memory but its own. A member
//! that protobuf would let come twice and merge is refused: two readers might not agree on it.

use crate::compile::{CompiledContract, SINGLE_MAX};
use crate::oip::{Envelope, MAX_ID, MAX_OUTPUTS, MAX_PARAMETERS, envelope};
use crate::raw;
use crate::tensor::{self, Datatype, Plan, Shape, Target, shape_fault};
use crate::writer::{Fault, FieldWriter, Scratch, Value, Violations, refuse};
use plimsoll_types::protobuf::{self, Reader, Value as Wire};
use plimsoll_types::{Refusal, RefusalCode as Code};

const MESSAGE: &str = "message";

impl From<protobuf::Fault> for Fault {
    fn from(fault: protobuf::Fault) -> Self {
        envelope(MESSAGE, &format!("{}, at byte {}", fault.problem, fault.at))
    }
}

/// The model's name and version in a `ModelInferRequest`, `ModelReadyRequest` or
/// `ModelMetadataRequest`, which have them in the same places. An empty version is none.
///
/// # Errors
/// A [`Refusal`] if the bytes are no such message.
pub fn model_of(message: &[u8]) -> Result<(&str, Option<&str>), Refusal> {
    let (mut name, mut version) = ("", "");
    let read = Reader::new(message).fields::<Fault>(|field, value| {
        match field {
            1 => name = value.text()?,
            2 => version = value.text()?,
            _ => {}
        }
        Ok(())
    });
    match read {
        Ok(()) => Ok((name, Some(version).filter(|version| !version.is_empty()))),
        Err(Fault::Refusal(refusal)) => Err(*refusal),
        Err(Fault::Text(_) | Fault::Enough) => Err(refuse(Code::MalformedEnvelope, MESSAGE)),
    }
}

/// Reads one request.
pub(crate) fn read<'a>(
    contract: &CompiledContract,
    message: &'a [u8],
    scratch: &mut Scratch,
) -> Result<Envelope<'a>, Violations> {
    let mut request = Request {
        contract,
        writer: FieldWriter::new(contract, scratch),
        envelope: Envelope::default(),
    };
    let read = request.read(Reader::new(message));
    let Request { writer, mut envelope, .. } = request;
    envelope.rows = writer.rows();
    writer.finish(read).map(|()| envelope)
}

/// A request being read.
struct Request<'a, 'c, 's> {
    contract: &'c CompiledContract,
    writer: FieldWriter<'c, 's>,
    envelope: Envelope<'a>,
}

/// An `InferInputTensor` being read.
#[derive(Default)]
struct Tensor<'a> {
    name: Option<&'a str>,
    datatype: Option<&'a str>,
    shape: Shape,
    contents: Option<Reader<'a>>,
}

impl<'a> Request<'a, '_, '_> {
    fn read(&mut self, message: Reader<'a>) -> Result<(), Fault> {
        // Raw contents come after the tensors that they belong to: counted first.
        let (mut inputs, mut raws) = (0_usize, 0_usize);
        message.fields::<Fault>(|field, _| {
            inputs += usize::from(field == 5);
            raws += usize::from(field == 7);
            Ok(())
        })?;
        if inputs == 0 {
            return Err(envelope("inputs", "must have at least one tensor"));
        }
        if raws != 0 && raws != inputs {
            let rule = "must be one for each input, or none at all";
            return Err(envelope("raw_input_contents", rule));
        }
        self.envelope.binary = raws > 0;
        let mut raws = RawContents { rest: message };
        let mut place = 0;
        let mut seen = 0_u64;
        let mut parameters = 0;
        message.fields(|field, value| {
            if field <= 3 {
                once(&mut seen, field)?;
            }
            match field {
                1 | 2 => Ok(()),
                3 => {
                    let id = short_text(value.text()?, "id")?;
                    self.envelope.id = Some(id).filter(|id| !id.is_empty());
                    Ok(())
                }
                4 => {
                    bounded(&mut parameters, MAX_PARAMETERS, "parameters")?;
                    self.parameter(value.bytes()?)
                }
                5 => {
                    let raw = if self.envelope.binary { raws.next()? } else { None };
                    place += 1;
                    self.tensor(place - 1, value.bytes()?, raw)
                }
                6 => self.output(value.bytes()?),
                7 => value.bytes().map(drop).map_err(Fault::from),
                _ => Err(envelope(MESSAGE, "has a member that the protocol does not name")),
            }
        })
    }

    /// One entry of the map of parameters. One of them is ours.
    fn parameter(&mut self, entry: Reader<'a>) -> Result<(), Fault> {
        let (mut key, mut explain) = ("", None);
        entry.fields::<Fault>(|field, value| {
            match field {
                1 => key = value.text()?,
                2 => value.bytes()?.fields::<Fault>(|field, value| {
                    if let (1, Wire::Varint(yes)) = (field, value) {
                        explain = Some(yes != 0);
                    }
                    Ok(())
                })?,
                _ => {}
            }
            Ok(())
        })?;
        if key != "explain" {
            return Ok(());
        }
        // A boolean that is false may be left out with its message.
        if self.envelope.explain.replace(explain.unwrap_or_default()).is_some() {
            return Err(envelope("parameters", "`explain` must be there once"));
        }
        Ok(())
    }

    /// `InferRequestedOutputTensor`.
    fn output(&mut self, message: Reader<'a>) -> Result<(), Fault> {
        let mut name = "";
        message.fields::<Fault>(|field, value| {
            if field == 1 {
                name = short_text(value.text()?, "outputs")?;
            }
            Ok(())
        })?;
        let outputs = &mut self.envelope.outputs;
        if name.is_empty() || outputs.contains(&name) || outputs.len() == MAX_OUTPUTS {
            return Err(envelope("outputs", "must be at most 64, each named once"));
        }
        outputs.push(name);
        Ok(())
    }

    /// The `place`-th tensor, with its raw contents if it has them.
    fn tensor(
        &mut self,
        place: usize,
        message: Reader<'a>,
        raw: Option<&'a [u8]>,
    ) -> Result<(), Fault> {
        let tensor = Tensor::read(message)?;
        let (Some(name), Some(datatype)) = (tensor.name, tensor.datatype) else {
            return Err(incomplete(place));
        };
        if tensor.shape.rank == 0 {
            return Err(incomplete(place));
        }
        let Some(datatype) = Datatype::named(datatype) else {
            const RULE: &str =
                "must be BOOL, BYTES, BF16, FP16, FP32, FP64, or INT or UINT of 8 to 64 bits";
            return Err(refuse(Code::DatatypeMismatch, RULE).with_field("datatype").into());
        };
        let found = tensor::find(self.contract, name);
        let target = tensor::claim(self.contract, &mut self.writer, found, place)?;
        let elements = tensor.shape.elements()?;
        let plan = self.plan(target, &tensor.shape, datatype)?;
        match (raw, tensor.contents) {
            (Some(_), Some(contents)) if !contents.is_empty() => {
                Err(envelope("contents", "must be empty where there are raw_input_contents"))
            }
            (Some(raw), _) => match plan {
                Some(plan) => raw::read(self.contract, &mut self.writer, &plan, elements, raw),
                None => Ok(()),
            },
            (None, contents) => match plan {
                Some(plan) => self.contents(&plan, elements, contents),
                None => Ok(()),
            },
        }
    }

    fn plan(
        &mut self,
        target: Target,
        shape: &Shape,
        datatype: Datatype,
    ) -> Result<Option<Plan>, Fault> {
        tensor::plan(self.contract, &mut self.writer, target, shape, datatype)
    }

    /// `InferTensorContents`: the values in the list that belongs to the datatype.
    fn contents(
        &mut self,
        plan: &Plan,
        elements: u64,
        contents: Option<Reader<'a>>,
    ) -> Result<(), Fault> {
        let list = list_of(plan.datatype)?;
        let mut values =
            Values { contract: self.contract, writer: &mut self.writer, plan, elements, index: 0 };
        if let Some(contents) = contents {
            contents.fields::<Fault>(|field, value| {
                if field != list {
                    return Err(envelope("contents", "must be the list of the tensor's datatype"));
                }
                values.take(value)
            })?;
        }
        if values.index as u64 == elements {
            return Ok(());
        }
        Err(tensor::refuse_uneven(&mut self.writer, plan))
    }
}

impl<'a> Tensor<'a> {
    fn read(message: Reader<'a>) -> Result<Self, Fault> {
        let mut tensor = Self::default();
        let mut seen = 0_u64;
        let mut parameters = 0;
        message.fields::<Fault>(|field, value| {
            if matches!(field, 1 | 2 | 5) {
                once(&mut seen, field)?;
            }
            match field {
                1 => tensor.name = Some(value.text()?),
                2 => tensor.datatype = Some(value.text()?),
                3 => tensor.sizes(value)?,
                4 => bounded(&mut parameters, MAX_PARAMETERS, "parameters")?,
                5 => tensor.contents = Some(value.bytes()?),
                _ => {
                    return Err(envelope(
                        "inputs",
                        "have a member that the protocol does not name",
                    ));
                }
            }
            Ok(())
        })?;
        Ok(tensor)
    }

    /// Sizes of the shape, packed or one by one.
    fn sizes(&mut self, value: Wire<'a>) -> Result<(), Fault> {
        const RULE: &str = "must be 1 to 8 sizes, not negative";
        let mut add = |size: u64| {
            // A negative size takes the upper half of 64 bits.
            let size = i64::try_from(size).map_err(|_| shape_fault(RULE))?;
            let slot = self.shape.sizes.get_mut(self.shape.rank);
            *slot.ok_or_else(|| shape_fault(RULE))? = size.unsigned_abs();
            self.shape.rank += 1;
            Ok::<(), Fault>(())
        };
        match value {
            Wire::Varint(size) => add(size),
            Wire::Bytes(mut packed) => {
                while !packed.is_empty() {
                    add(packed.varint()?)?;
                }
                Ok(())
            }
            Wire::Fixed64(_) | Wire::Fixed32(_) => Err(shape_fault(RULE)),
        }
    }
}

/// The raw contents of a message, one after the other.
struct RawContents<'a> {
    rest: Reader<'a>,
}

impl<'a> RawContents<'a> {
    fn next(&mut self) -> Result<Option<&'a [u8]>, Fault> {
        while let Some((field, value)) = self.rest.next_field()? {
            if field == 7 {
                return Ok(Some(value.bytes()?.rest()));
            }
        }
        Ok(None)
    }
}

/// Where the values of a typed list go.
struct Values<'c, 's, 'w, 'p> {
    contract: &'c CompiledContract,
    writer: &'w mut FieldWriter<'c, 's>,
    plan: &'p Plan,
    elements: u64,
    index: usize,
}

impl Values<'_, '_, '_, '_> {
    /// One value, or packed ones.
    fn take(&mut self, value: Wire<'_>) -> Result<(), Fault> {
        use Datatype as D;
        match (self.plan.datatype, value) {
            (D::Bytes, value) => self.put(raw::text_of(value.bytes()?.rest())),
            (D::Fp32, Wire::Fixed32(bytes)) => self.single(bytes),
            (D::Fp32, Wire::Bytes(mut packed)) => {
                while !packed.is_empty() {
                    self.single(packed.fixed()?)?;
                }
                Ok(())
            }
            (D::Fp64, Wire::Fixed64(bytes)) => self.put(raw::number(f64::from_le_bytes(bytes))),
            (D::Fp64, Wire::Bytes(mut packed)) => {
                while !packed.is_empty() {
                    self.put(raw::number(f64::from_le_bytes(packed.fixed()?)))?;
                }
                Ok(())
            }
            (D::Fp32 | D::Fp64, _) => Err(envelope("contents", "must hold numbers")),
            (_, Wire::Varint(value)) => self.integer(value),
            (_, Wire::Bytes(mut packed)) => {
                while !packed.is_empty() {
                    self.integer(packed.varint()?)?;
                }
                Ok(())
            }
            _ => Err(envelope("contents", "must hold integers")),
        }
    }

    fn single(&mut self, bytes: [u8; 4]) -> Result<(), Fault> {
        let number = f64::from(f32::from_le_bytes(bytes));
        debug_assert!(!number.is_finite() || number.abs() <= SINGLE_MAX);
        self.put(raw::number(number))
    }

    fn integer(&mut self, bits: u64) -> Result<(), Fault> {
        let datatype = self.plan.datatype;
        if datatype == Datatype::Bool {
            return self.put(Value::Boolean(bits != 0));
        }
        let value = match datatype {
            Datatype::Uint64 => i64::try_from(bits).unwrap_or(i64::MAX),
            _ => bits.cast_signed(),
        };
        let fits = datatype.range().is_some_and(|(least, most)| (least..=most).contains(&value));
        let rule = "must fit the datatype that the tensor names";
        self.put(if fits {
            raw::integer(value)
        } else {
            Value::Wrong(Code::OutOfRange, Some(rule))
        })
    }

    fn put(&mut self, value: Value<'_>) -> Result<(), Fault> {
        if self.index as u64 == self.elements {
            return Err(tensor::refuse_uneven(self.writer, self.plan));
        }
        tensor::put(self.contract, self.writer, self.plan, self.index, value)?;
        self.index += 1;
        Ok(())
    }
}

/// The number of the list in `InferTensorContents` that holds values of `datatype`.
fn list_of(datatype: Datatype) -> Result<u64, Fault> {
    use Datatype as D;
    Ok(match datatype {
        D::Bool => 1,
        D::Int8 | D::Int16 | D::Int32 => 2,
        D::Int64 => 3,
        D::Uint8 | D::Uint16 | D::Uint32 => 4,
        D::Uint64 => 5,
        D::Fp32 => 6,
        D::Fp64 => 7,
        D::Bytes => 8,
        D::Fp16 | D::Bf16 => {
            let rule = "FP16 and BF16 must be sent in raw_input_contents";
            return Err(refuse(Code::DatatypeMismatch, rule).with_field("datatype").into());
        }
    })
}

/// A text of harmless characters, which can be echoed.
fn short_text<'a>(text: &'a str, member: &'static str) -> Result<&'a str, Fault> {
    let harmless = |b: u8| b.is_ascii_alphanumeric() || b"-_.:/@+=~".contains(&b);
    if text.len() <= MAX_ID && text.bytes().all(harmless) {
        return Ok(text);
    }
    Err(envelope(member, "must be a text of at most 128 letters, digits and `-_.:/@+=~`"))
}

fn once(seen: &mut u64, field: u64) -> Result<(), Fault> {
    let bit = 1 << field;
    if *seen & bit != 0 {
        return Err(refuse(Code::DuplicateKey, "a member is there twice")
            .with_field(MESSAGE)
            .into());
    }
    *seen |= bit;
    Ok(())
}

fn bounded(count: &mut usize, most: usize, member: &'static str) -> Result<(), Fault> {
    *count += 1;
    if *count <= most { Ok(()) } else { Err(envelope(member, "are too many")) }
}

#[cold]
fn incomplete(place: usize) -> Fault {
    let rule = format!("input {place} must have `name`, `shape` and `datatype`");
    envelope("inputs", &rule)
}
