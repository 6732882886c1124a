//! The pickle machine with a symbolic stack and memo: it follows what a loader would do, and
//! notes what the loader would import, call and change, without doing any of it.
//!
//! Where CPython's two loaders differ, or what is called cannot be known, that is a note.

use super::Loader;
use super::globals::{Verdict, judge};
use super::opcode::*;
use super::value::{Dtype, Import, Text, Value};
use crate::finding::Rule;
use crate::reader::Reader;
use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

/// Values on the stack: 40 bytes each. A loader puts items of a list there a thousand at a time.
const MAX_STACK: usize = 4 << 20;
/// Values in the memo, one for each text of a vocabulary.
const MAX_MEMO: usize = 8 << 20;
/// Notes of one stream; the same one is taken once.
const MAX_NOTES: usize = 1000;
/// Digits of an integer as text, as Python bounds them.
const MAX_DIGITS: usize = 4300;
/// Bytes literals of a stream that are looked into.
const MAX_NESTED: usize = 1000;
/// Elements of an array that a constructor is asked for; real ones are filled later.
const MAX_CONSTRUCTED: i64 = 1 << 16;
/// Opcodes that are read a second time, because another loader would see them there.
const MAX_SECOND_READING: u64 = 16 << 20;
/// Tensors of one model.
const MAX_STORAGES: usize = 1 << 20;

const MULTIARRAY: &[&str] = &["numpy.core.multiarray", "numpy._core.multiarray"];
const COPYREG: &[&str] = &["copyreg", "copy_reg"];
const BUILTINS: &[&str] = &["builtins", "__builtin__"];
const JOBLIB: &[&str] = &["joblib.numpy_pickle"];

/// The number that PyTorch's old format begins with, as LONG1 has it.
const TORCH_MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// Something a loader would do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Note {
    pub(super) rule: Rule,
    pub(super) at: usize,
    pub(super) why: String,
}

/// A tensor's values, which lie elsewhere.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    pub(super) key: String,
    pub(super) bytes: u64,
}

/// What came of one stream.
#[derive(Debug, Default)]
pub(super) struct Outcome<'a> {
    pub(super) notes: Vec<Note>,
    /// Where and why it could not be read on.
    pub(super) fault: Option<(usize, &'static str)>,
    /// Where the stream ended.
    pub(super) end: usize,
    /// Whether it called something, or imported what is dangerous.
    pub(super) acts: bool,
    /// Bytes literals that are worth a look of their own.
    pub(super) nested: Vec<(usize, &'a [u8])>,
    pub(super) is_torch_magic: bool,
    pub(super) storages: Vec<Storage>,
    /// Texts, for PyTorch's list of keys.
    pub(super) texts: Vec<&'a str>,
}

type Fault = &'static str;
const TOO_SHORT: Fault = "the pickle ends within an opcode";
const UNDERFLOW: Fault = "an opcode takes more from the stack than there is";

/// The machine.
#[derive(Debug)]
pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    reader: Reader<'a>,
    stack: Vec<Value<'a>>,
    marks: Vec<usize>,
    memo: HashMap<u64, Value<'a>>,
    frame_end: Option<usize>,
    /// Where the opcode at hand begins.
    op: usize,
    start: usize,
    loader: Loader,
    /// Whether what is missing on the stack or in the memo came from before.
    is_second: bool,
    second_left: u64,
    outcome: Outcome<'a>,
}

impl<'a> Machine<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize, loader: Loader) -> Self {
        Self {
            bytes,
            reader: Reader::at(bytes, at),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            frame_end: None,
            op: at,
            start: at,
            loader,
            is_second: false,
            second_left: MAX_SECOND_READING,
            outcome: Outcome::default(),
        }
    }

    /// Reads one stream to its end or to what is wrong.
    pub(super) fn run(mut self) -> Outcome<'a> {
        let fault = self.stream().err();
        self.outcome.fault = fault.map(|problem| (self.op, problem));
        self.outcome.end = self.reader.position();
        self.outcome
    }

    fn stream(&mut self) -> Result<(), Fault> {
        loop {
            self.op = self.reader.position();
            self.check_frame();
            let opcode = self.reader.u8().ok_or("the pickle has no end")?;
            if opcode == STOP {
                self.pop()?;
                if !self.stack.is_empty() && !self.is_second {
                    self.note(Rule::PickleAmbiguous, "values are left at the pickle's end");
                }
                return Ok(());
            }
            if self.is_second {
                self.second_left = self.second_left.checked_sub(1).ok_or("a second reading")?;
            }
            self.step(opcode)?;
        }
    }

    /// An opcode across the end of a frame is read in two ways by CPython's two loaders.
    fn check_frame(&mut self) {
        match self.frame_end {
            Some(end) if self.op == end => self.frame_end = None,
            Some(end) if self.op > end => {
                self.frame_end = None;
                self.note(Rule::PickleAmbiguous, "an opcode reaches across the end of its frame");
            }
            _ => {}
        }
    }

    fn step(&mut self, opcode: u8) -> Result<(), Fault> {
        match opcode {
            PROTO | FRAME => self.header(opcode),
            MARK => self.mark(),
            POP => self.pop_or_mark(),
            POP_MARK => self.pop_mark().map(drop),
            DUP => self.top().and_then(|value| self.push(value)),
            NONE => self.push(Value::None),
            FLOAT | INT | LONG => self.number_line(opcode),
            BININT | BININT1 | BININT2 | BINFLOAT | LONG1 | LONG4 | NEWTRUE | NEWFALSE => {
                self.number(opcode)
            }
            STRING | UNICODE => self.text_line(opcode),
            BINSTRING | SHORT_BINSTRING | BINUNICODE | SHORT_BINUNICODE | BINUNICODE8 => {
                self.text(opcode)
            }
            BINBYTES | SHORT_BINBYTES | BINBYTES8 | BYTEARRAY8 => self.literal(opcode),
            EMPTY_TUPLE | TUPLE1 | TUPLE2 | TUPLE3 | TUPLE => self.tuple(opcode),
            EMPTY_LIST | EMPTY_SET => self.push(Value::Other),
            EMPTY_DICT => self.push(Value::dict()),
            LIST | FROZENSET => {
                self.pop_mark()?;
                self.push(Value::Other)
            }
            DICT => {
                let items = self.pop_mark()?;
                self.push(Value::dict())?;
                self.set_items(items)
            }
            APPEND => self.pop().and_then(|_| self.check_target("appends to")),
            APPENDS | ADDITEMS => self.pop_mark().and_then(|_| self.check_target("appends to")),
            SETITEM => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(vec![key, value])
            }
            SETITEMS => self.pop_mark().and_then(|items| self.set_items(items)),
            GET | BINGET | LONG_BINGET => self.get(opcode),
            PUT | BINPUT | LONG_BINPUT | MEMOIZE => self.put(opcode),
            GLOBAL => self.global(),
            STACK_GLOBAL => self.stack_global(),
            EXT1 | EXT2 | EXT4 => self.extension(opcode),
            PERSID | BINPERSID => self.persistent(opcode),
            REDUCE | NEWOBJ | NEWOBJ_EX | INST | OBJ => self.call_opcode(opcode),
            BUILD => self.build(),
            NEXT_BUFFER => self.push(Value::Other),
            READONLY_BUFFER => self.top().map(drop),
            _ => Err("an opcode is unknown"),
        }
    }

    fn header(&mut self, opcode: u8) -> Result<(), Fault> {
        if opcode == PROTO {
            let version = self.reader.u8().ok_or(TOO_SHORT)?;
            if self.op != self.start {
                self.note(Rule::PickleAmbiguous, "a protocol is stated within the pickle");
            }
            return if version > 5 { Err("the protocol is unknown") } else { Ok(()) };
        }
        let length = self.reader.u64().ok_or(TOO_SHORT)?;
        if self.frame_end.is_some() {
            self.note(Rule::PickleAmbiguous, "a frame begins within a frame");
        }
        let length = usize::try_from(length).ok().filter(|&n| n <= self.reader.rest().len());
        let length = length.ok_or("a frame is longer than the pickle")?;
        self.frame_end = Some(self.reader.position() + length);
        Ok(())
    }

    // The stack.

    fn push(&mut self, value: Value<'a>) -> Result<(), Fault> {
        if self.stack.len() >= MAX_STACK {
            return Err("the stack grows without bound");
        }
        self.stack.push(value);
        Ok(())
    }

    fn fence(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Value<'a>, Fault> {
        if self.stack.len() > self.fence()
            && let Some(value) = self.stack.pop()
        {
            return Ok(value);
        }
        if self.is_second { Ok(Value::Other) } else { Err(UNDERFLOW) }
    }

    fn top(&mut self) -> Result<Value<'a>, Fault> {
        let value = self.pop()?;
        self.push(value.clone())?;
        Ok(value)
    }

    fn mark(&mut self) -> Result<(), Fault> {
        if self.marks.len() >= MAX_STACK {
            return Err("the stack grows without bound");
        }
        self.marks.push(self.stack.len());
        Ok(())
    }

    fn pop_mark(&mut self) -> Result<Vec<Value<'a>>, Fault> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark.min(self.stack.len()))),
            None if self.is_second => Ok(std::mem::take(&mut self.stack)),
            None => Err("an opcode needs a mark, and there is none"),
        }
    }

    fn pop_or_mark(&mut self) -> Result<(), Fault> {
        if self.stack.len() == self.fence() && self.marks.pop().is_some() {
            return Ok(());
        }
        self.pop().map(drop)
    }

    // Data.

    fn line(&mut self) -> Result<&'a [u8], Fault> {
        self.reader.line().ok_or(TOO_SHORT)
    }

    fn number_line(&mut self, opcode: u8) -> Result<(), Fault> {
        let line = self.line()?;
        if line.len() > MAX_DIGITS {
            self.note(Rule::PickleAllocation, "an integer has more digits than Python reads");
        }
        if opcode == FLOAT {
            return self.push(Value::Other);
        }
        let text = std::str::from_utf8(line).map_err(|_| "a number is none")?;
        let text = text.trim();
        let text = if opcode == LONG { text.strip_suffix('L').unwrap_or(text) } else { text };
        self.push(match integer(text)? {
            Some(number) => Value::Int(number),
            None => Value::Other,
        })
    }

    fn number(&mut self, opcode: u8) -> Result<(), Fault> {
        let reader = &mut self.reader;
        let value = match opcode {
            BININT => reader.i32().map(|number| Value::Int(number.into())),
            BININT1 => reader.u8().map(|number| Value::Int(number.into())),
            BININT2 => reader.u16().map(|number| Value::Int(number.into())),
            BINFLOAT => reader.take(8).map(|_| Value::Other),
            NEWTRUE => Some(Value::Int(1)),
            NEWFALSE => Some(Value::Int(0)),
            _ => {
                let length = match opcode {
                    LONG1 => reader.u8().map(u32::from),
                    _ => reader.i32().and_then(|length| u32::try_from(length).ok()),
                };
                let digits = length.and_then(|length| reader.take_u64(length.into()));
                if digits.is_some_and(|digits| digits == TORCH_MAGIC) {
                    self.outcome.is_torch_magic = true;
                }
                digits.map(|digits| long(digits).map_or(Value::Other, Value::Int))
            }
        };
        self.push(value.ok_or(TOO_SHORT)?)
    }

    fn text_line(&mut self, opcode: u8) -> Result<(), Fault> {
        let line = self.line()?;
        let text = match opcode {
            STRING => {
                let quoted = match line {
                    [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => inner,
                    _ => return Err("a text has no quotes"),
                };
                unescape(quoted, Escapes::Python)
            }
            _ => unescape(line, Escapes::Unicode),
        };
        self.push(text.map_or(Value::Other, |text| Value::Text(Text::Owned(text.into()))))
    }

    fn sized(&mut self, opcode: u8) -> Result<&'a [u8], Fault> {
        let reader = &mut self.reader;
        let length = match opcode {
            SHORT_BINSTRING | SHORT_BINUNICODE | SHORT_BINBYTES => reader.u8().map(u64::from),
            BINUNICODE8 | BINBYTES8 | BYTEARRAY8 => reader.u64(),
            BINSTRING => reader.i32().and_then(|length| u64::try_from(length).ok()),
            _ => reader.u32().map(u64::from),
        };
        length.and_then(|length| reader.take_u64(length)).ok_or(TOO_SHORT)
    }

    fn text(&mut self, opcode: u8) -> Result<(), Fault> {
        let bytes = self.sized(opcode)?;
        let text = std::str::from_utf8(bytes);
        if opcode == BINSTRING || opcode == SHORT_BINSTRING {
            self.look_into(bytes);
            // Python 2 wrote bytes so; they are texts if they are ASCII.
            return self.push(text.map_or(Value::Other, |text| Value::Text(Text::Slice(text))));
        }
        if let Ok(text) = text
            && self.loader == Loader::Torch
            && self.outcome.texts.len() < MAX_STORAGES
        {
            self.outcome.texts.push(text);
        }
        // Surrogates pass in Python and name nothing that can be imported.
        self.push(text.map_or(Value::Other, |text| Value::Text(Text::Slice(text))))
    }

    fn literal(&mut self, opcode: u8) -> Result<(), Fault> {
        let bytes = self.sized(opcode)?;
        self.look_into(bytes);
        self.push(Value::Bytes)
    }

    fn look_into(&mut self, bytes: &'a [u8]) {
        let is_container = super::has_header(bytes)
            || bytes.starts_with(b"PK\x03\x04")
            || bytes.starts_with(&[0x1f, 0x8b]);
        if is_container && self.outcome.nested.len() < MAX_NESTED {
            self.outcome.nested.push((self.op, bytes));
        }
    }

    fn tuple(&mut self, opcode: u8) -> Result<(), Fault> {
        let count = match opcode {
            EMPTY_TUPLE => 0,
            TUPLE1 => 1,
            TUPLE2 => 2,
            TUPLE3 => 3,
            _ => {
                let elements = self.pop_mark()?;
                return self.push(Value::tuple(elements));
            }
        };
        let mut elements = Vec::with_capacity(count);
        for _ in 0..count {
            elements.push(self.pop()?);
        }
        elements.reverse();
        self.push(Value::tuple(elements))
    }

    fn set_items(&mut self, items: Vec<Value<'a>>) -> Result<(), Fault> {
        self.check_target("sets items of")?;
        let target = self.top()?;
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            target.set(&key, value);
        }
        Ok(())
    }

    /// Lists, sets and dictionaries are filled so; an import has no business there.
    fn check_target(&mut self, verb: &str) -> Result<(), Fault> {
        if let Value::Import(import) = self.top()? {
            let why = format!("it {verb} the imported `{}`", import.full());
            self.note(Rule::PickleForgery, why);
        }
        Ok(())
    }

    // The memo.

    fn get(&mut self, opcode: u8) -> Result<(), Fault> {
        let key = self.key(opcode)?;
        match self.memo.get(&key) {
            Some(value) => {
                let value = value.clone();
                self.push(value)
            }
            None if self.is_second => self.push(Value::Other),
            None => Err("it takes from the memo what was never put there"),
        }
    }

    fn put(&mut self, opcode: u8) -> Result<(), Fault> {
        let key = match opcode {
            MEMOIZE => u64::try_from(self.memo.len()).unwrap_or(u64::MAX),
            _ => self.key(opcode)?,
        };
        let value = self.top()?;
        if self.memo.len() >= MAX_MEMO {
            return Err("the memo grows without bound");
        }
        self.memo.insert(key, value);
        Ok(())
    }

    fn key(&mut self, opcode: u8) -> Result<u64, Fault> {
        let key = match opcode {
            BINGET | BINPUT => self.reader.u8().map(u64::from),
            LONG_BINGET | LONG_BINPUT => self.reader.u32().map(u64::from),
            _ => {
                let line = self.line()?;
                let text = std::str::from_utf8(line).map_err(|_| "a key of the memo is none")?;
                let key = integer(text.trim())?;
                return key
                    .and_then(|key| u64::try_from(key).ok())
                    .ok_or("a key of the memo is none");
            }
        };
        key.ok_or(TOO_SHORT)
    }

    // Imports.

    fn global(&mut self) -> Result<(), Fault> {
        let (module, name) = self.two_lines()?;
        let import = self.import(Text::Slice(module), Text::Slice(name));
        self.push(Value::Import(import))
    }

    fn two_lines(&mut self) -> Result<(&'a str, &'a str), Fault> {
        let module = self.line()?;
        let name = self.line()?;
        let text = |line| std::str::from_utf8(line).map_err(|_| "a name is no text");
        Ok((text(module)?, text(name)?))
    }

    fn stack_global(&mut self) -> Result<(), Fault> {
        let name = self.pop()?;
        let module = self.pop()?;
        let (Value::Text(module), Value::Text(name)) = (module, name) else {
            self.outcome.acts = true;
            self.note(Rule::PickleUnresolved, "the name of an import is not a text of the pickle");
            return self.push(Value::Other);
        };
        let import = self.import(module, name);
        self.push(Value::Import(import))
    }

    fn import(&mut self, module: Text<'a>, name: Text<'a>) -> Import<'a> {
        let verdict = judge(module.as_str(), name.as_str());
        let import = Import { module, name, verdict };
        match verdict {
            Verdict::Allowed => {}
            Verdict::Unknown => {
                let why = format!("it imports `{}`, which is on no list", import.full());
                self.note(Rule::PickleUnknownImport, why);
            }
            Verdict::Dangerous => {
                self.outcome.acts = true;
                self.note(Rule::PickleDangerousImport, format!("it imports `{}`", import.full()));
            }
        }
        import
    }

    fn extension(&mut self, opcode: u8) -> Result<(), Fault> {
        let code = match opcode {
            EXT1 => self.reader.u8().map(u32::from),
            EXT2 => self.reader.u16().map(u32::from),
            _ => self.reader.u32(),
        };
        let code = code.ok_or(TOO_SHORT)?;
        self.outcome.acts = true;
        self.note(
            Rule::PickleExtension,
            format!("it imports what extension code {code} stands for"),
        );
        self.push(Value::Other)
    }

    fn persistent(&mut self, opcode: u8) -> Result<(), Fault> {
        let storage = match opcode {
            PERSID => {
                self.line()?;
                None
            }
            _ => self.pop().map(|id| storage(&id))?,
        };
        match storage {
            Some(storage) if self.loader == Loader::Torch => {
                if self.outcome.storages.len() < MAX_STORAGES {
                    self.outcome.storages.push(storage);
                }
            }
            Some(_) => self.note(
                Rule::PicklePersistentId,
                "it refers to a tensor of PyTorch, and is no PyTorch file",
            ),
            None => {
                self.note(Rule::PicklePersistentId, "it refers to what only its loader can find")
            }
        }
        self.push(Value::Other)
    }

    // Calls.

    fn call_opcode(&mut self, opcode: u8) -> Result<(), Fault> {
        let (callee, arguments) = match opcode {
            INST => {
                let (module, name) = self.two_lines()?;
                let import = self.import(Text::Slice(module), Text::Slice(name));
                let arguments = Value::tuple(self.pop_mark()?);
                (Value::Import(import), arguments)
            }
            OBJ => {
                let mut values = self.pop_mark()?;
                if values.is_empty() {
                    return Err(UNDERFLOW);
                }
                let rest = values.split_off(1);
                (values.pop().unwrap_or(Value::Other), Value::tuple(rest))
            }
            NEWOBJ_EX => {
                self.pop()?;
                let arguments = self.pop()?;
                (self.pop()?, arguments)
            }
            _ => {
                let arguments = self.pop()?;
                (self.pop()?, arguments)
            }
        };
        let result = self.call(&callee, &arguments);
        self.push(result)
    }

    fn call(&mut self, callee: &Value<'a>, arguments: &Value<'a>) -> Value<'a> {
        self.outcome.acts = true;
        let Value::Import(import) = callee else {
            self.note(Rule::PickleUnresolved, "it calls what it did not import");
            return Value::Other;
        };
        self.check_arguments(import, arguments);
        if import.is(&["numpy"], "dtype") {
            let code = arguments.elements().and_then(|elements| elements.first());
            if let Some(dtype) = code.and_then(Value::text).and_then(dtype) {
                return Value::Dtype(Rc::new(Cell::new(dtype)));
            }
        }
        Value::Made(import.clone())
    }

    /// Some of what is allowed is harmless only with the arguments that savers give it.
    fn check_arguments(&mut self, import: &Import<'a>, arguments: &Value<'a>) {
        let elements = arguments.elements().unwrap_or_default();
        if import.is(&["_codecs"], "encode") {
            let is_latin = elements.get(1).and_then(Value::text) == Some("latin1");
            if !is_latin {
                self.note(Rule::PickleUnresolved, "it encodes with a codec of its choice");
            }
        } else if import.is(BUILTINS, "bytearray") || import.is(BUILTINS, "bytes") {
            if let Some(Value::Int(size)) = elements.first()
                && *size > MAX_CONSTRUCTED
            {
                self.note(Rule::PickleAllocation, "it asks for memory by a number");
            }
        } else if import.is(MULTIARRAY, "_reconstruct") || import.is(&["numpy"], "ndarray") {
            let place = usize::from(!import.is(&["numpy"], "ndarray"));
            let shape = elements.get(place).and_then(Value::elements).unwrap_or_default();
            let size = shape.iter().try_fold(1_i64, |size, side| match side {
                Value::Int(side) => size.checked_mul(*side),
                _ => None,
            });
            if size.is_none_or(|size| size > MAX_CONSTRUCTED) {
                self.note(Rule::PickleAllocation, "it asks for an array of a size of its choice");
            }
        } else if has_files(import) && !elements.is_empty() {
            self.note(Rule::PickleUnresolved, "it makes a model with arguments of its choice");
        } else if import.is(COPYREG, "_reconstructor") || import.is(COPYREG, "__newobj__") {
            let are_known = elements.first().is_some_and(|of| matches!(of, Value::Import(_)));
            if !are_known {
                self.note(Rule::PickleUnresolved, "it makes an object of an unknown class");
            }
        }
    }

    fn build(&mut self) -> Result<(), Fault> {
        let state = self.pop()?;
        self.outcome.acts = true;
        match self.top()? {
            Value::Import(import) => {
                let why = format!("it sets attributes of the imported `{}`", import.full());
                self.note(Rule::PickleForgery, why);
            }
            Value::Dtype(dtype) => {
                dtype.set(rebuilt(dtype.get(), &state));
            }
            Value::Made(import) if import.is(JOBLIB, "NumpyArrayWrapper") => {
                return self.joblib_array(&state);
            }
            _ => {}
        }
        Ok(())
    }

    /// joblib writes an array after the opcode that builds its wrapper: padding and raw values,
    /// or a pickle if they are objects (`joblib.numpy_pickle.NumpyArrayWrapper.read_array`).
    fn joblib_array(&mut self, state: &Value<'a>) -> Result<(), Fault> {
        self.pop()?;
        let unknown = "an array of joblib has no size";
        let Some(Value::Dtype(dtype)) = state.get("dtype") else { return Err(unknown) };
        self.second_reading();
        if dtype.get().has_objects {
            let inner = Machine::new(self.bytes, self.reader.position(), self.loader).run();
            self.outcome.notes.extend(inner.notes);
            self.outcome.nested.extend(inner.nested);
            if let Some((at, problem)) = inner.fault {
                self.op = at;
                return Err(problem);
            }
            self.reader = Reader::at(self.bytes, inner.end);
            self.frame_end = None;
            return self.push(Value::Other);
        }
        let shape = state.get("shape").ok_or(unknown)?;
        let mut sides = shape.elements().ok_or(unknown)?.iter();
        let count = sides.try_fold(1_u64, |count, side| match side {
            Value::Int(side) => count.checked_mul(u64::try_from(*side).ok()?),
            _ => None,
        });
        if matches!(state.get("numpy_array_alignment_bytes"), Some(Value::Int(_))) {
            let padding = self.reader.u8().ok_or(TOO_SHORT)?;
            self.reader.take(padding.into()).ok_or(TOO_SHORT)?;
        }
        let length = count.zip(dtype.get().size).and_then(|(n, size)| n.checked_mul(size));
        self.reader.take_u64(length.ok_or(unknown)?).ok_or("an array of joblib is cut short")?;
        self.frame_end = None;
        self.push(Value::Other)
    }

    /// What joblib reads as an array, `pickle` reads as opcodes. Real values stop it at once.
    fn second_reading(&mut self) {
        if self.is_second {
            return;
        }
        let mut second = Machine::new(self.bytes, self.reader.position(), self.loader);
        second.is_second = true;
        second.second_left = self.second_left;
        let fault = second.stream().err();
        self.second_left = second.second_left;
        if self.second_left == 0 {
            self.note(Rule::Limit, "array after array can be read as opcodes");
        }
        let outcome = second.outcome;
        // A whole second stream of data alone is no coincidence either.
        if outcome.acts && !outcome.notes.is_empty() && (fault.is_none() || outcome.notes.len() > 1)
            || outcome.notes.iter().any(|note| note.rule == Rule::PickleDangerousImport)
        {
            self.note(Rule::PickleAmbiguous, "values of an array are opcodes to another loader");
            self.outcome.notes.extend(outcome.notes);
        }
    }

    fn note(&mut self, rule: Rule, why: impl Into<String>) {
        let why = why.into();
        let notes = &mut self.outcome.notes;
        let is_known = notes.iter().any(|note| note.rule == rule && note.why == why);
        if notes.len() < MAX_NOTES && !is_known {
            notes.push(Note { rule, at: self.op, why });
        }
    }
}

/// Constructors that read a file if they are given its name. Savers give them nothing.
fn has_files(import: &Import<'_>) -> bool {
    matches!(import.module.as_str(), "xgboost.core" | "lightgbm.basic")
}

/// An integer as Python's `int` reads it, if it fits; a fault if it is none.
fn integer(text: &str) -> Result<Option<i64>, Fault> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_number = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
        && !digits.starts_with('_')
        && !digits.ends_with('_');
    if !is_number {
        return Err("a number is none");
    }
    Ok(text.replace('_', "").parse().ok())
}

/// A little-endian integer in two's complement, if it fits.
fn long(digits: &[u8]) -> Option<i64> {
    if digits.len() > 8 {
        return None;
    }
    let is_negative = digits.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut bytes = [if is_negative { 0xff } else { 0 }; 8];
    bytes.get_mut(..digits.len())?.copy_from_slice(digits);
    Some(i64::from_le_bytes(bytes))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    /// Of a string literal.
    Python,
    /// `\u` and `\U` alone.
    Unicode,
}

/// A text with its escapes resolved; `None` if it is longer than a name may be, or is none.
fn unescape(bytes: &[u8], escapes: Escapes) -> Option<String> {
    /// Names of modules and classes are shorter.
    const MAX_NAME: usize = 4096;
    if bytes.len() > MAX_NAME {
        return None;
    }
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            text.push(char::from(byte));
            continue;
        }
        let (&kind, after) = rest.split_first()?;
        let digits = match (escapes, kind) {
            (Escapes::Python, b'x') => 2,
            (Escapes::Unicode, b'u') => 4,
            (Escapes::Unicode, b'U') => 8,
            (Escapes::Unicode, _) => {
                text.push('\\');
                continue;
            }
            (Escapes::Python, b'0'..=b'7') => {
                let length = rest.iter().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
                let octal = std::str::from_utf8(rest.get(..length)?).ok()?;
                text.push(char::from_u32(u32::from_str_radix(octal, 8).ok()?)?);
                rest = rest.get(length..)?;
                continue;
            }
            (Escapes::Python, _) => {
                rest = after;
                match kind {
                    b'\n' => {}
                    b'a' => text.push('\u{7}'),
                    b'b' => text.push('\u{8}'),
                    b'f' => text.push('\u{c}'),
                    b'n' => text.push('\n'),
                    b'r' => text.push('\r'),
                    b't' => text.push('\t'),
                    b'v' => text.push('\u{b}'),
                    b'\\' | b'\'' | b'"' => text.push(char::from(kind)),
                    other => text.extend(['\\', char::from(other)]),
                }
                continue;
            }
        };
        let hex = std::str::from_utf8(after.get(..digits)?).ok()?;
        text.push(char::from_u32(u32::from_str_radix(hex, 16).ok()?)?);
        rest = after.get(digits..)?;
    }
    Some(text)
}

/// The tensor that a persistent id of PyTorch stands for: `("storage", type, key, place, count)`.
fn storage(id: &Value<'_>) -> Option<Storage> {
    let [kind, of, key, _, Value::Int(count), ..] = id.elements()? else { return None };
    let (Some("storage"), Value::Import(of)) = (kind.text(), of) else { return None };
    if of.verdict != Verdict::Allowed {
        return None;
    }
    let size = match of.name.as_str() {
        "ComplexDoubleStorage" => 16,
        "DoubleStorage" | "LongStorage" | "ComplexFloatStorage" => 8,
        "FloatStorage" | "IntStorage" => 4,
        "HalfStorage" | "BFloat16Storage" | "ShortStorage" => 2,
        _ => 1,
    };
    let bytes = u64::try_from(*count).ok()?.checked_mul(size)?;
    Some(Storage { key: key.text()?.to_owned(), bytes })
}

/// The facts of a dtype by its code: `f8`, `<i4`, `U10`, `V64`, `O8`.
fn dtype(code: &str) -> Option<Dtype> {
    let code = code.trim_start_matches(['<', '>', '=', '|']);
    let mut chars = code.chars();
    let kind = chars.next()?;
    let number = chars.as_str();
    let width = if number.is_empty() { None } else { Some(number.parse::<u64>().ok()?) };
    let size = match kind {
        'O' => Some(8),
        '?' | 'b' if number.is_empty() => Some(1),
        'U' => width.and_then(|width| width.checked_mul(4)),
        'M' | 'm' => Some(8),
        'b' | 'i' | 'u' | 'f' | 'c' | 'S' | 'V' | 'a' => width,
        _ => return None,
    };
    Some(Dtype { size, has_objects: kind == 'O' })
}

/// The dtype after BUILD with `(3, order, subdtype, names, fields, size, alignment, flags)`
/// (`numpy/_core/src/multiarray/descriptor.c`, `arraydescr_setstate`).
fn rebuilt(dtype: Dtype, state: &Value<'_>) -> Dtype {
    /// `NPY_ITEM_REFCOUNT`: what `dtype.hasobject` asks for.
    const HAS_OBJECTS: i64 = 1;
    let Some([_, _, _, _, _, Value::Int(size), _, Value::Int(flags), ..]) = state.elements() else {
        return dtype;
    };
    let size = u64::try_from(*size).ok().or(dtype.size);
    Dtype { size, has_objects: flags & HAS_OBJECTS != 0 || dtype.has_objects }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_unescaped_as_python_does() {
        let python = |text: &str| unescape(text.as_bytes(), Escapes::Python);
        assert_eq!(python("o\\x73").as_deref(), Some("os"));
        assert_eq!(python("o\\163\\n\\\\").as_deref(), Some("os\n\\"));
        assert_eq!(python("\\q").as_deref(), Some("\\q"));
        assert_eq!(python("\\x7"), None);
        let unicode = |text: &str| unescape(text.as_bytes(), Escapes::Unicode);
        assert_eq!(unicode("o\\u0073\\n").as_deref(), Some("os\\n"));
    }

    #[test]
    fn integers_are_read_as_python_does() {
        assert_eq!(integer("1_0"), Ok(Some(10)));
        assert_eq!(integer("-7"), Ok(Some(-7)));
        assert_eq!(integer("99999999999999999999"), Ok(None));
        assert!(integer("").is_err() && integer("_1").is_err() && integer("0x1").is_err());
        assert_eq!(long(&[0xff]), Some(-1));
        assert_eq!(long(&[]), Some(0));
    }

    #[test]
    fn dtypes_have_their_sizes() {
        let size = |code| dtype(code).and_then(|dtype| dtype.size);
        assert_eq!(size("<f8"), Some(8));
        assert_eq!(size("U10"), Some(40));
        assert_eq!(size("V64"), Some(64));
        assert_eq!(size("b1"), Some(1));
        assert!(dtype("O").is_some_and(|dtype| dtype.has_objects));
        assert!(dtype("zz").is_none());
    }
}
