//! The dialect of the Open Inference Protocol v2, REST
//! (kserve/open-inference-protocol, `specification/protocol/inference_rest.md`).
//!
//! A request is `{"id"?, "parameters"?, "inputs": [tensor, …], "outputs"?}`; a tensor is
//! `{"name", "shape", "datatype", "parameters"?, "data"}`, its data flat or nested. Every
//! field of the contract is a tensor of its own. Members may come in any order; in the usual
//! order the data is read once, else it is skipped over first and read when its type is known.
//!
//! With the binary tensor extension, a tensor has `parameters.binary_data_size` instead of data,
//! and its values follow the JSON, in the order of the tensors (see `raw.rs`).

use crate::compile::{CompiledContract, SINGLE_MAX};
use crate::json::{MAX_DEPTH, Number, Raw, Reader};
use crate::raw;
use crate::tensor::{self, Datatype, Plan, Shape, Target, shape_fault};
use crate::writer::{Fault, FieldWriter, Scratch, Value, Violations, refuse};
use plimsoll_types::{Phase, Refusal, RefusalCode as Code};

/// Bytes of a caller's id, of an output's name, and of a model's name: two UUIDs and more.
pub(crate) const MAX_ID: usize = 128;

/// Outputs a caller may ask for; a model has a few.
pub(crate) const MAX_OUTPUTS: usize = 64;

/// Members of one `parameters`; clients send a handful.
pub(crate) const MAX_PARAMETERS: usize = 16;

/// Levels left for a value in the request, in a tensor, and in a tensor's shape or data.
pub(crate) const DEPTH_IN_REQUEST: u32 = MAX_DEPTH - 1;
pub(crate) const DEPTH_IN_TENSOR: u32 = MAX_DEPTH - 3;

/// What a valid request says besides its rows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Envelope<'a> {
    /// The caller's id for the request, to be echoed.
    pub id: Option<&'a str>,
    /// The model's name as the body gives it; some clients repeat it there.
    pub model_name: Option<&'a str>,
    /// The model's version as the body gives it.
    pub model_version: Option<&'a str>,
    /// Whether the caller asks for an explanation (`parameters.explain`).
    pub explain: Option<bool>,
    /// The outputs the caller wants; empty: all.
    pub outputs: Vec<&'a str>,
    /// How many rows there are, at least 1.
    pub rows: u32,
    /// Whether the caller wants the outputs as raw bytes.
    pub binary: bool,
    /// Whether the values came by columns (`inputs` of TensorFlow Serving), which the answer
    /// then does too.
    pub columns: bool,
}

/// Reads one request: its JSON, and the raw tensors that follow it.
pub(crate) fn read<'a>(
    contract: &CompiledContract,
    json: &'a [u8],
    binary: &'a [u8],
    scratch: &mut Scratch,
) -> Result<Envelope<'a>, Violations> {
    let reader = Reader::new(json).map_err(|code| Refusal::new(Phase::Validate, code))?;
    let mut buffer = std::mem::take(&mut scratch.buffer);
    let mut request = Request {
        contract,
        reader,
        writer: FieldWriter::new(contract, scratch),
        envelope: Envelope::default(),
        buffer: &mut buffer,
        expected: 0,
        binary,
        all_binary: None,
        one_binary: None,
    };
    let read = request.read().map_err(|fault| request.locate(fault));
    let Request { writer, mut envelope, .. } = request;
    envelope.rows = writer.rows();
    let result = writer.finish(read);
    scratch.buffer = buffer;
    result.map(|()| envelope)
}

/// A request being read.
struct Request<'a, 'c, 's> {
    contract: &'c CompiledContract,
    reader: Reader<'a>,
    writer: FieldWriter<'c, 's>,
    envelope: Envelope<'a>,
    buffer: &'s mut String,
    /// The field that comes next if the caller keeps the contract's order.
    expected: usize,
    /// Raw tensors that were not read yet.
    binary: &'a [u8],
    /// Whether all outputs are wanted as raw bytes, and whether one that is named is.
    all_binary: Option<bool>,
    one_binary: Option<bool>,
}

/// A tensor being read.
#[derive(Default)]
struct Tensor {
    target: Option<Target>,
    /// Of rank 0 until it is known.
    shape: Shape,
    datatype: Option<Datatype>,
    data: Data,
    has_parameters: bool,
    /// Bytes of its data after the JSON.
    size: Option<u64>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Data {
    #[default]
    Absent,
    /// Skipped over; it begins here.
    At(usize),
    Read,
}

/// What `parameters` of a request, a tensor or an output say that we heed.
#[derive(Default)]
struct Wishes {
    explain: Option<bool>,
    binary: Option<bool>,
    size: Option<u64>,
}

/// Whose `parameters` they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Request,
    Input,
    Output,
}

impl<'a> Request<'a, '_, '_> {
    /// Says where in the text the fault is.
    #[cold]
    fn locate(&self, fault: Fault) -> Fault {
        fault.at(self.reader.position())
    }

    fn read(&mut self) -> Result<(), Fault> {
        if self.reader.peek() != b'{' {
            // Also the place where an empty body is found not to be JSON.
            return self.misplaced("body", "must be an object", MAX_DEPTH);
        }
        self.reader.expect(b'{')?;
        let mut seen = 0_u8;
        if !self.reader.eat(b'}') {
            loop {
                self.member(&mut seen)?;
                if !self.reader.another(b'}')? {
                    break;
                }
            }
        }
        self.reader.end()?;
        self.envelope.binary = self.one_binary.or(self.all_binary).unwrap_or_default();
        if self.writer.rows() == 0 && seen & INPUTS == 0 {
            return Err(envelope("inputs", "must be present"));
        }
        if !self.binary.is_empty() {
            return Err(envelope("binary_data_size", "bytes are left that no tensor names"));
        }
        Ok(())
    }

    /// One member of the request.
    fn member(&mut self, seen: &mut u8) -> Result<(), Fault> {
        let key = self.key()?;
        let (name, bit) = match key {
            "inputs" => ("inputs", INPUTS),
            "id" => ("id", ID),
            "parameters" => ("parameters", PARAMETERS),
            "outputs" => ("outputs", OUTPUTS),
            "model_name" => ("model_name", MODEL_NAME),
            "model_version" => ("model_version", MODEL_VERSION),
            _ => {
                return self.misplaced(
                    "body",
                    "has a member that the protocol does not name",
                    DEPTH_IN_REQUEST,
                );
            }
        };
        if *seen & bit != 0 {
            return Err(duplicate(name));
        }
        *seen |= bit;
        match bit {
            INPUTS => self.inputs(),
            PARAMETERS => {
                let wishes = self.parameters(Of::Request)?;
                self.envelope.explain = wishes.explain;
                self.all_binary = wishes.binary;
                Ok(())
            }
            OUTPUTS => self.outputs(),
            ID => self.short_text(name).map(|id| self.envelope.id = (!id.is_empty()).then_some(id)),
            MODEL_NAME => self.short_text(name).map(|text| self.envelope.model_name = Some(text)),
            _ => self.short_text(name).map(|text| self.envelope.model_version = Some(text)),
        }
    }

    /// A key and its colon. A key with escapes is none of the protocol's, and comes out empty.
    fn key(&mut self) -> Result<&'a str, Fault> {
        let Raw { text, escaped } = self.reader.string()?;
        self.reader.expect(b':')?;
        Ok(if escaped { "" } else { text })
    }

    /// A value where the protocol has no place for it: says what is worse, its text or its place.
    #[cold]
    fn misplaced(&mut self, member: &'static str, rule: &str, depth: u32) -> Result<(), Fault> {
        self.reader.skip(depth)?;
        Err(envelope(member, rule))
    }

    /// A short text of harmless characters, which can be echoed in headers and logs.
    fn short_text(&mut self, member: &'static str) -> Result<&'a str, Fault> {
        const RULE: &str = "must be a text of at most 128 letters, digits and `-_.:/@+=~`";
        if self.reader.peek() != b'"' {
            self.misplaced(member, RULE, DEPTH_IN_REQUEST)?;
        }
        let Raw { text, .. } = self.reader.string()?;
        let harmless = |b: u8| b.is_ascii_alphanumeric() || b"-_.:/@+=~".contains(&b);
        if text.len() > MAX_ID || !text.bytes().all(harmless) {
            return Err(envelope(member, RULE));
        }
        Ok(text)
    }

    /// Parameters are scalars. Few of them are ours; the rest belong to other servers.
    fn parameters(&mut self, of: Of) -> Result<Wishes, Fault> {
        const RULE: &str = "must be an object of at most 16 texts, numbers and booleans";
        const MEMBER: &str = "parameters";
        let mut wishes = Wishes::default();
        if self.reader.peek() != b'{' {
            return self.misplaced(MEMBER, RULE, DEPTH_IN_TENSOR).map(|()| wishes);
        }
        self.reader.expect(b'{')?;
        if self.reader.eat(b'}') {
            return Ok(wishes);
        }
        let mut keys = [""; MAX_PARAMETERS];
        for place in 0..MAX_PARAMETERS {
            let key = self.key()?;
            if key.is_empty() || keys.contains(&key) {
                return Err(if key.is_empty() {
                    envelope(MEMBER, RULE)
                } else {
                    duplicate(MEMBER)
                });
            }
            if let Some(slot) = keys.get_mut(place) {
                *slot = key;
            }
            match (of, key) {
                (Of::Request, "explain") => {
                    wishes.explain = Some(self.boolean("`explain` must be true or false")?);
                }
                (Of::Request, "binary_data_output") => {
                    let rule = "`binary_data_output` must be true or false";
                    wishes.binary = Some(self.boolean(rule)?);
                }
                (Of::Output, "binary_data") => {
                    wishes.binary = Some(self.boolean("`binary_data` must be true or false")?);
                }
                (Of::Input, "binary_data_size") => wishes.size = Some(self.binary_size()?),
                _ => match self.reader.peek() {
                    b't' | b'f' => self.boolean(RULE).map(drop)?,
                    b'[' | b'{' | b'n' => self.misplaced(MEMBER, RULE, DEPTH_IN_TENSOR)?,
                    _ => self.reader.skip(0)?,
                },
            }
            if !self.reader.another(b'}')? {
                return Ok(wishes);
            }
        }
        Err(envelope(MEMBER, RULE))
    }

    fn boolean(&mut self, rule: &str) -> Result<bool, Fault> {
        match self.reader.peek() {
            b't' if self.reader.eat_literal(b"true") => Ok(true),
            b'f' if self.reader.eat_literal(b"false") => Ok(false),
            b't' | b'f' => Err(Code::MalformedJson.into()),
            _ => self.misplaced("parameters", rule, DEPTH_IN_TENSOR).map(|()| false),
        }
    }

    fn binary_size(&mut self) -> Result<u64, Fault> {
        let fault = || envelope("binary_data_size", "must be a whole number, not negative");
        if !matches!(self.reader.peek(), b'-' | b'0'..=b'9') {
            return self
                .misplaced("binary_data_size", "must be a number", DEPTH_IN_TENSOR)
                .map(|()| 0);
        }
        match self.reader.number()? {
            Number::Integer(size) => u64::try_from(size).map_err(|_| fault()),
            Number::Decimal(_) => Err(fault()),
        }
    }

    fn outputs(&mut self) -> Result<(), Fault> {
        const RULE: &str = "must be at most 64 objects with a `name` each";
        if self.reader.peek() != b'[' {
            return self.misplaced("outputs", RULE, DEPTH_IN_REQUEST);
        }
        self.reader.expect(b'[')?;
        if self.reader.eat(b']') {
            return Ok(());
        }
        for _ in 0..MAX_OUTPUTS {
            let name = self.output(RULE)?;
            if self.envelope.outputs.contains(&name) {
                return Err(duplicate("outputs"));
            }
            self.envelope.outputs.push(name);
            if !self.reader.another(b']')? {
                return Ok(());
            }
        }
        Err(envelope("outputs", RULE))
    }

    fn output(&mut self, rule: &'static str) -> Result<&'a str, Fault> {
        if self.reader.peek() != b'{' {
            self.misplaced("outputs", rule, DEPTH_IN_REQUEST - 1)?;
        }
        self.reader.expect(b'{')?;
        if self.reader.eat(b'}') {
            return Err(envelope("outputs", rule));
        }
        let (mut name, mut has_parameters) = (None, false);
        loop {
            match self.key()? {
                "name" if name.is_some() => return Err(duplicate("outputs")),
                "parameters" if has_parameters => return Err(duplicate("outputs")),
                "name" => name = Some(self.short_text("outputs")?),
                "parameters" => {
                    has_parameters = true;
                    self.one_binary = self.parameters(Of::Output)?.binary.or(self.one_binary);
                }
                _ => self.misplaced("outputs", rule, DEPTH_IN_TENSOR)?,
            }
            if !self.reader.another(b'}')? {
                return name.ok_or_else(|| envelope("outputs", rule));
            }
        }
    }

    fn inputs(&mut self) -> Result<(), Fault> {
        const RULE: &str = "must be a list of at least one tensor";
        if self.reader.peek() != b'[' {
            return self.misplaced("inputs", RULE, DEPTH_IN_REQUEST);
        }
        self.reader.expect(b'[')?;
        if self.reader.peek() == b']' {
            return Err(envelope("inputs", RULE));
        }
        let mut place = 0_usize;
        loop {
            self.tensor(place)?;
            if !self.reader.another(b']')? {
                return Ok(());
            }
            place += 1;
        }
    }

    /// One tensor, the `place`-th.
    fn tensor(&mut self, place: usize) -> Result<(), Fault> {
        const RULE: &str = "must be objects with `name`, `shape`, `datatype` and `data`";
        if self.reader.peek() != b'{' {
            return self.misplaced("inputs", RULE, DEPTH_IN_TENSOR + 1);
        }
        self.reader.expect(b'{')?;
        let mut tensor = Tensor::default();
        if !self.reader.eat(b'}') {
            loop {
                self.tensor_member(place, &mut tensor)?;
                if !self.reader.another(b'}')? {
                    break;
                }
            }
        }
        match tensor.data {
            Data::Read | Data::At(_) if tensor.size.is_some() => {
                Err(envelope("inputs", "a tensor has either `data` or `binary_data_size`"))
            }
            Data::Read => Ok(()),
            Data::Absent => self.raw_data(place, &tensor),
            Data::At(start) => {
                let end = self.reader.position();
                self.reader.go_to(start);
                if !self.try_data(&mut tensor)? {
                    return Err(incomplete(place));
                }
                self.reader.go_to(end);
                Ok(())
            }
        }
    }

    /// Reads a tensor's data from behind the JSON.
    fn raw_data(&mut self, place: usize, tensor: &Tensor) -> Result<(), Fault> {
        let (Some(target), Some(datatype), Some(size)) =
            (tensor.target, tensor.datatype, tensor.size)
        else {
            return Err(incomplete(place));
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let Some((data, rest)) = self.binary.split_at_checked(size) else {
            return Err(envelope("binary_data_size", "must be within the bytes after the JSON"));
        };
        if tensor.shape.rank == 0 {
            return Err(incomplete(place));
        }
        self.binary = rest;
        let elements = tensor.shape.elements()?;
        match tensor::plan(self.contract, &mut self.writer, target, &tensor.shape, datatype)? {
            None => Ok(()),
            Some(plan) => raw::read(self.contract, &mut self.writer, &plan, elements, data),
        }
    }

    #[inline]
    fn tensor_member(&mut self, place: usize, tensor: &mut Tensor) -> Result<(), Fault> {
        self.reader.peek();
        if self.reader.eat_literal(b"\"name\"") {
            self.reader.expect(b':')?;
            once(tensor.target.is_none(), "name")?;
            tensor.target = Some(self.name(place)?);
        } else if self.reader.eat_literal(b"\"shape\"") {
            self.reader.expect(b':')?;
            once(tensor.shape.rank == 0, "shape")?;
            self.shape(&mut tensor.shape)?;
        } else if self.reader.eat_literal(b"\"datatype\"") {
            self.reader.expect(b':')?;
            once(tensor.datatype.is_none(), "datatype")?;
            tensor.datatype = Some(self.datatype()?);
        } else if self.reader.eat_literal(b"\"data\"") {
            self.reader.expect(b':')?;
            once(tensor.data == Data::Absent, "data")?;
            if !self.try_data(tensor)? {
                tensor.data = Data::At(self.reader.position());
                self.reader.skip(DEPTH_IN_TENSOR)?;
            }
        } else if self.key()? == "parameters" {
            once(!tensor.has_parameters, "parameters")?;
            tensor.has_parameters = true;
            tensor.size = self.parameters(Of::Input)?.size;
        } else {
            let rule = format!("input {place} has a member that the protocol does not name");
            return self.misplaced("inputs", &rule, DEPTH_IN_TENSOR);
        }
        Ok(())
    }

    /// The name of a tensor, and with it which field of the contract it is.
    #[inline]
    fn name(&mut self, place: usize) -> Result<Target, Fault> {
        self.reader.peek();
        let found = match self.contract.rules.get(self.expected) {
            Some(rule) if self.reader.eat_literal(&rule.quoted) => {
                Some(Target::Field(self.expected))
            }
            _ => self.other_name()?,
        };
        if let Some(Target::Field(field)) = found {
            self.expected = field + 1;
        }
        tensor::claim(self.contract, &mut self.writer, found, place)
    }

    fn other_name(&mut self) -> Result<Option<Target>, Fault> {
        if self.reader.peek() != b'"' {
            self.misplaced("name", "must be a text", DEPTH_IN_TENSOR)?;
        }
        let name = self.reader.string()?.decode(self.buffer);
        Ok(tensor::find(self.contract, name))
    }

    fn shape(&mut self, shape: &mut Shape) -> Result<(), Fault> {
        const RULE: &str = "must be a list of 1 to 8 sizes, whole and not negative";
        if self.reader.peek() != b'[' {
            self.misplaced("shape", RULE, DEPTH_IN_TENSOR)?;
        }
        // The shape of nearly every field of nearly every request.
        if self.reader.eat_literal(b"[1]") {
            (shape.sizes[0], shape.rank) = (1, 1);
            return Ok(());
        }
        self.reader.expect(b'[')?;
        while let Some(slot) = shape.sizes.get_mut(shape.rank) {
            match self.reader.peek() {
                b'-' | b'0'..=b'9' | b'N' | b'I' => {}
                b']' => break,
                _ => self.misplaced("shape", RULE, DEPTH_IN_TENSOR - 1)?,
            }
            *slot = match self.reader.number()? {
                Number::Integer(size) => u64::try_from(size).map_err(|_| shape_fault(RULE))?,
                Number::Decimal(_) => return Err(shape_fault(RULE)),
            };
            shape.rank += 1;
            if !self.reader.another(b']')? {
                return shape.elements().map(drop);
            }
        }
        Err(shape_fault(RULE))
    }

    fn datatype(&mut self) -> Result<Datatype, Fault> {
        const RULE: &str = "must be BOOL, BYTES, FP32, FP64, or INT or UINT of 8 to 64 bits";
        self.reader.peek();
        // The usual ones, without looking for the end of the text.
        for (literal, datatype) in [
            (&b"\"FP64\""[..], Datatype::Fp64),
            (b"\"FP32\"", Datatype::Fp32),
            (b"\"INT64\"", Datatype::Int64),
            (b"\"BYTES\"", Datatype::Bytes),
        ] {
            if self.reader.eat_literal(literal) {
                return Ok(datatype);
            }
        }
        if self.reader.peek() != b'"' {
            self.misplaced("datatype", RULE, DEPTH_IN_TENSOR)?;
        }
        let Raw { text, .. } = self.reader.string()?;
        Datatype::named(text)
            .ok_or_else(|| refuse(Code::DatatypeMismatch, RULE).with_field("datatype").into())
    }

    /// Reads a tensor's data if all that gives it meaning is known; false if not.
    #[inline]
    fn try_data(&mut self, tensor: &mut Tensor) -> Result<bool, Fault> {
        let (Some(target), Some(datatype)) = (tensor.target, tensor.datatype) else {
            return Ok(false);
        };
        let shape = &tensor.shape;
        if shape.rank == 0 {
            return Ok(false);
        }
        tensor.data = Data::Read;
        if datatype.is_raw_only() {
            let rule = "FP16 and BF16 have no form in JSON; send them as raw bytes";
            return Err(refuse(Code::DatatypeMismatch, rule).with_field("datatype").into());
        }
        match tensor::plan(self.contract, &mut self.writer, target, shape, datatype)? {
            None => self.reader.skip(DEPTH_IN_TENSOR)?,
            Some(plan) => {
                self.data(&plan, shape).map_err(|fault| self.locate_in(target, fault))?;
            }
        }
        Ok(true)
    }

    /// Says where the fault is, and in which field.
    #[cold]
    fn locate_in(&self, target: Target, fault: Fault) -> Fault {
        match (self.locate(fault), target) {
            (Fault::Refusal(refusal), Target::Field(field)) if refusal.field.is_none() => {
                let name = self.contract.index.get(field).unwrap_or_default();
                refusal.with_field(name).into()
            }
            (fault, _) => fault,
        }
    }

    /// The data: nested as the shape says if its first element is a list, else flat.
    #[inline]
    fn data(&mut self, plan: &Plan, shape: &Shape) -> Result<(), Fault> {
        if self.reader.peek() != b'[' {
            return self.misplaced("data", "must be a list", DEPTH_IN_TENSOR);
        }
        let start = self.reader.position();
        self.reader.expect(b'[')?;
        let nested = shape.rank > 1 && self.reader.peek() == b'[';
        self.reader.go_to(start);
        let mut index = 0;
        if nested {
            self.list(plan, shape.sizes(), &mut index)
        } else {
            // The product was checked when the shape was read.
            let all = shape.sizes().iter().product();
            self.list(plan, &[all], &mut index)
        }
    }

    /// One list of the data, of the first of `sizes`; the others are those of the lists in it.
    fn list(&mut self, plan: &Plan, sizes: &[u64], index: &mut usize) -> Result<(), Fault> {
        let Some((&size, inner)) = sizes.split_first() else { return Err(Code::Internal.into()) };
        if !self.reader.eat(b'[') {
            return self.uneven(plan);
        }
        for place in 0..size {
            if place > 0 && !self.reader.another(b']')? {
                return self.uneven(plan);
            }
            if inner.is_empty() {
                self.element(plan, *index)?;
                *index += 1;
            } else {
                self.list(plan, inner, index)?;
            }
        }
        if self.reader.another(b']')? { self.uneven(plan) } else { Ok(()) }
    }

    /// Data and shape disagree here, unless what stands here is nested too deep or not JSON.
    #[cold]
    fn uneven(&mut self, plan: &Plan) -> Result<(), Fault> {
        if !matches!(self.reader.peek(), b',' | b']' | b'}') {
            self.reader.skip(DEPTH_IN_TENSOR)?;
        }
        Err(tensor::refuse_uneven(&mut self.writer, plan))
    }

    #[inline]
    fn element(&mut self, plan: &Plan, index: usize) -> Result<(), Fault> {
        let next = self.reader.peek();
        if next == b'[' || (next == b']' && index == 0) {
            return self.uneven(plan);
        }
        let value = read_value(&mut self.reader, self.buffer, plan.datatype)?;
        tensor::put(self.contract, &mut self.writer, plan, index, value)
    }
}

const INPUTS: u8 = 1;
const ID: u8 = 2;
const PARAMETERS: u8 = 4;
const OUTPUTS: u8 = 8;
const MODEL_NAME: u8 = 16;
const MODEL_VERSION: u8 = 32;

/// Reads a scalar that should be of `datatype`.
#[inline]
fn read_value<'a: 'b, 'b>(
    reader: &mut Reader<'a>,
    buffer: &'b mut String,
    datatype: Datatype,
) -> Result<Value<'b>, Fault> {
    let wrong =
        Value::Wrong(Code::WrongKind, Some("must be of the datatype that the tensor names"));
    let value = match reader.peek() {
        b'"' => {
            let raw = reader.string()?;
            if datatype != Datatype::Bytes {
                return Ok(wrong);
            }
            return Ok(Value::Text(raw.decode(buffer)));
        }
        b'n' if reader.eat_literal(b"null") => return Ok(Value::Null),
        b't' if reader.eat_literal(b"true") => Value::Boolean(true),
        b'f' if reader.eat_literal(b"false") => Value::Boolean(false),
        b'{' => {
            reader.skip(DEPTH_IN_TENSOR)?;
            return Ok(wrong);
        }
        _ => match reader.number()? {
            Number::Integer(integer) => Value::Integer(integer),
            Number::Decimal(number) => Value::Number(number),
        },
    };
    Ok(match (datatype, value) {
        (Datatype::Bool, Value::Boolean(_))
        | (Datatype::Fp64, Value::Integer(_) | Value::Number(_))
        | (Datatype::Fp32, Value::Integer(_)) => value,
        (Datatype::Fp32, Value::Number(number)) if number.abs() <= SINGLE_MAX => value,
        (Datatype::Fp32, Value::Number(_)) => Value::Wrong(Code::OutOfRange, Some("must fit FP32")),
        (datatype, Value::Integer(integer)) => match datatype.range() {
            Some((least, most)) if (least..=most).contains(&integer) => value,
            Some(_) => {
                Value::Wrong(Code::OutOfRange, Some("must fit the datatype that the tensor names"))
            }
            None => wrong,
        },
        _ => wrong,
    })
}

fn once(first: bool, member: &'static str) -> Result<(), Fault> {
    if first { Ok(()) } else { Err(duplicate(member)) }
}

#[cold]
pub(crate) fn envelope(member: &'static str, rule: &str) -> Fault {
    refuse(Code::MalformedEnvelope, rule).with_field(member).into()
}

#[cold]
pub(crate) fn duplicate(member: &'static str) -> Fault {
    refuse(Code::DuplicateKey, "must be there once").with_field(member).into()
}

#[cold]
fn incomplete(place: usize) -> Fault {
    let rule = format!("input {place} must have `name`, `shape`, `datatype` and `data`");
    envelope("inputs", &rule)
}
