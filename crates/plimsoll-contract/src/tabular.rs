//! The dialects that carry a table: the `:predict` of KServe v1 and TensorFlow Serving
//! (tensorflow/serving, `tensorflow_serving/g3doc/api_rest.md`) and the `/invocations` of MLflow
//! (mlflow, `mlflow/pyfunc/scoring_server/__init__.py`).
//!
//! | member | rows |
//! |---|---|
//! | `instances` | `[{"age": 35}, …]`, or `[[35, …], …]` in the contract's order |
//! | `inputs` | `{"age": [35, …], …}` by column, or rows as in `instances` |
//! | `dataframe_split` | `{"columns": ["age"], "index"?, "data": [[35], …]}` |
//! | `dataframe_records` | `[{"age": 35}, …]` |
//!
//! A request has one of them; the last two only MLflow's. Numbers have no types of their own
//! here: whole ones are integers, 0 and 1 are booleans, as the contract wants them. The contract
//! is as strict as elsewhere: a column that it does not name is refused, not ignored.

use crate::compile::{CompiledContract, Rule};
use crate::contract::Kind;
use crate::json::{MAX_DEPTH, Number, Raw, Reader};
use crate::oip::{DEPTH_IN_REQUEST, DEPTH_IN_TENSOR, Envelope, duplicate, envelope};
use crate::writer::{Fault, FieldWriter, Scratch, Value, Violations, refuse};
use plimsoll_types::{Phase, Refusal, RefusalCode as Code};

/// Which table a request carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Table {
    /// Of KServe v1 and TensorFlow Serving.
    Predict,
    /// Of MLflow.
    Invocations,
}

/// MLflow's own words, which its clients look for.
const ONE_OF_MLFLOW: &str = "The input must be a JSON dictionary with exactly one of the input \
    fields {'dataframe_split', 'dataframe_records', 'instances', 'inputs'}";
const ONE_OF: &str = "must be an object with either `instances` or `inputs`";
const SPLIT: &str = "must have `columns`, a list of texts, and `data`, a list of rows as long";
/// TensorFlow Serving's name of the one signature that a deployment has.
const SIGNATURE: &str = "serving_default";

/// Reads one request.
pub(crate) fn read<'a>(
    contract: &CompiledContract,
    table: Table,
    body: &'a [u8],
    scratch: &mut Scratch,
) -> Result<Envelope<'a>, Violations> {
    let reader = Reader::new(body).map_err(|code| Refusal::new(Phase::Validate, code))?;
    let mut buffer = std::mem::take(&mut scratch.buffer);
    let mut request = Request {
        contract,
        table,
        reader,
        writer: FieldWriter::new(contract, scratch),
        envelope: Envelope::default(),
        buffer: &mut buffer,
    };
    let read = request.read();
    let read = read.map_err(|fault| fault.at(request.reader.position()));
    let Request { writer, mut envelope, .. } = request;
    envelope.rows = writer.rows();
    let result = writer.finish(read);
    scratch.buffer = buffer;
    result.map(|()| envelope)
}

/// A request being read.
struct Request<'a, 'c, 's> {
    contract: &'c CompiledContract,
    table: Table,
    reader: Reader<'a>,
    writer: FieldWriter<'c, 's>,
    envelope: Envelope<'a>,
    buffer: &'s mut String,
}

/// What is no field, and was refused.
const NO_FIELD: usize = usize::MAX;

impl<'a> Request<'a, '_, '_> {
    fn read(&mut self) -> Result<(), Fault> {
        if self.reader.peek() != b'{' {
            let rule = self.one_of();
            return self.misplaced("body", rule, MAX_DEPTH);
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
        if seen & DATA == 0 {
            return Err(envelope("body", self.one_of()));
        }
        Ok(())
    }

    fn one_of(&self) -> &'static str {
        match self.table {
            Table::Predict => ONE_OF,
            Table::Invocations => ONE_OF_MLFLOW,
        }
    }

    fn member(&mut self, seen: &mut u8) -> Result<(), Fault> {
        let (name, bit) = match (self.table, self.key()?) {
            (_, "instances") => ("instances", DATA),
            (_, "inputs") => ("inputs", DATA),
            (Table::Invocations, "dataframe_split") => ("dataframe_split", DATA),
            (Table::Invocations, "dataframe_records") => ("dataframe_records", DATA),
            (Table::Invocations, "params") => ("params", PARAMETERS),
            (Table::Predict, "parameters") => ("parameters", PARAMETERS),
            (Table::Predict, "signature_name") => ("signature_name", SIGNATURE_NAME),
            _ => {
                let rule = "has a member that the protocol does not name";
                return self.misplaced("body", rule, DEPTH_IN_REQUEST);
            }
        };
        if *seen & bit != 0 {
            // The second table, or the same member again.
            return Err(if bit == DATA {
                envelope("body", self.one_of())
            } else {
                duplicate(name)
            });
        }
        *seen |= bit;
        match name {
            "instances" => self.rows("must be a list with at least one row"),
            "inputs" => self.inputs(),
            "dataframe_split" => self.split(),
            "dataframe_records" => self.records(),
            "signature_name" => self.signature(),
            _ => self.parameters(name),
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

    fn signature(&mut self) -> Result<(), Fault> {
        const RULE: &str = "must be `serving_default`, the one signature there is";
        if self.reader.peek() != b'"' {
            return self.misplaced("signature_name", RULE, DEPTH_IN_REQUEST);
        }
        match self.reader.string()?.text {
            SIGNATURE => Ok(()),
            _ => Err(envelope("signature_name", RULE)),
        }
    }

    /// The one parameter that means something here; a wish passed over in silence would be
    /// answered wrongly.
    fn parameters(&mut self, member: &'static str) -> Result<(), Fault> {
        const RULE: &str = "may hold `explain`, true or false, and nothing else";
        if self.reader.peek() != b'{' {
            return self.misplaced(member, RULE, DEPTH_IN_REQUEST);
        }
        self.reader.expect(b'{')?;
        if self.reader.eat(b'}') {
            return Ok(());
        }
        if self.key()? != "explain" || !matches!(self.reader.peek(), b't' | b'f') {
            return self.misplaced(member, RULE, DEPTH_IN_TENSOR);
        }
        let yes = self.reader.eat_literal(b"true");
        if !yes && !self.reader.eat_literal(b"false") {
            return Err(Code::MalformedJson.into());
        }
        self.envelope.explain = Some(yes);
        if self.reader.another(b'}')? { Err(envelope(member, RULE)) } else { Ok(()) }
    }

    /// A list of rows, each with names or without.
    fn rows(&mut self, rule: &'static str) -> Result<(), Fault> {
        if self.reader.peek() != b'[' {
            return self.misplaced("instances", rule, DEPTH_IN_REQUEST);
        }
        self.reader.expect(b'[')?;
        if self.reader.peek() == b']' {
            return Err(refuse(Code::ShapeMismatch, rule).into());
        }
        loop {
            let row = self.writer.add_row()?;
            self.writer.begin_fields();
            match self.reader.peek() {
                b'{' => self.named_row(row)?,
                b'[' if !self.is_one_tensor() => self.plain_row(row)?,
                _ => self.bare_row(row)?,
            }
            self.writer.end_fields()?;
            if !self.reader.another(b']')? {
                return Ok(());
            }
        }
    }

    fn records(&mut self) -> Result<(), Fault> {
        const RULE: &str = "Dataframe records format must be a list of records.";
        match self.reader.peek() {
            b'[' => self.rows("must be a list with at least one record"),
            _ => {
                let rule = format!("{RULE} Got {}.", self.kind());
                self.misplaced("dataframe_records", &rule, DEPTH_IN_REQUEST)
            }
        }
    }

    /// What stands here, in Python's words.
    fn kind(&mut self) -> &'static str {
        match self.reader.peek() {
            b'{' => "dictionary",
            b'[' => "list",
            b'"' => "string",
            _ => "a value of another kind",
        }
    }

    /// Whether a row is the values of one tensor, so that a list is not a list of fields.
    fn is_one_tensor(&self) -> bool {
        let first = self.contract.rules.first();
        self.contract.features == 1 && first.is_some_and(|rule| rule.kind == Kind::Tensor)
    }

    /// `{"age": 35, …}`.
    fn named_row(&mut self, row: usize) -> Result<(), Fault> {
        self.reader.expect(b'{')?;
        if self.reader.eat(b'}') {
            return Ok(());
        }
        let mut expected = 0;
        let mut place = 0_usize;
        loop {
            let field = self.named_field(&mut expected, place)?;
            self.reader.expect(b':')?;
            self.value(field, row)?;
            place += 1;
            if !self.reader.another(b'}')? {
                return Ok(());
            }
        }
    }

    /// A name, and which field it is.
    fn named_field(&mut self, expected: &mut usize, place: usize) -> Result<usize, Fault> {
        self.reader.peek();
        let found = match self.contract.rules.get(*expected) {
            Some(rule) if self.reader.eat_literal(&rule.quoted) => Some(*expected),
            _ => {
                let name = self.reader.string()?.decode(self.buffer);
                self.contract.index.find(name)
            }
        };
        let Some(field) = found else {
            let rule = format!("column {place} is not a field of the contract");
            self.writer.gather(refuse(Code::UnknownField, rule))?;
            return Ok(NO_FIELD);
        };
        *expected = field + 1;
        self.claim(field)
    }

    fn claim(&mut self, field: usize) -> Result<usize, Fault> {
        if self.writer.claim(field) {
            return Ok(field);
        }
        let name = self.contract.index.get(field).unwrap_or_default();
        self.writer.gather(refuse(Code::DuplicateField, "must be there once").with_field(name))?;
        Ok(NO_FIELD)
    }

    /// `[35, …]`: the features in the contract's order, or all of its fields.
    fn plain_row(&mut self, row: usize) -> Result<(), Fault> {
        self.reader.expect(b'[')?;
        let mut place = 0;
        if !self.reader.eat(b']') {
            loop {
                if place == self.contract.width() {
                    return Err(self.uneven_row(row));
                }
                let field = self.claim(place)?;
                self.value(field, row)?;
                place += 1;
                if !self.reader.another(b']')? {
                    break;
                }
            }
        }
        if place == self.contract.features || place == self.contract.width() {
            return Ok(());
        }
        Err(self.uneven_row(row))
    }

    #[cold]
    fn uneven_row(&self, row: usize) -> Fault {
        let features = self.contract.features;
        let rule = format!("a row without names must have the {features} features in their order");
        let mut refusal = refuse(Code::ShapeMismatch, rule);
        refusal.row = u32::try_from(row).ok();
        refusal.into()
    }

    /// `35`: the one feature there is.
    fn bare_row(&mut self, row: usize) -> Result<(), Fault> {
        if self.contract.features != 1 {
            self.reader.skip(DEPTH_IN_TENSOR)?;
            return Err(self.uneven_row(row));
        }
        let field = self.claim(0)?;
        self.value(field, row)
    }

    /// `inputs`: columns by name, else rows.
    fn inputs(&mut self) -> Result<(), Fault> {
        self.envelope.columns = true;
        match self.reader.peek() {
            b'{' => self.columns(),
            b'[' => self.rows("must be a list with at least one row"),
            _ => self.misplaced("inputs", "must be an object of columns", DEPTH_IN_REQUEST),
        }
    }

    fn columns(&mut self) -> Result<(), Fault> {
        self.reader.expect(b'{')?;
        if self.reader.eat(b'}') {
            return Err(envelope("inputs", "must have a column for each field"));
        }
        let mut expected = 0;
        let mut place = 0_usize;
        loop {
            let field = self.named_field(&mut expected, place)?;
            self.reader.expect(b':')?;
            self.column(field)?;
            place += 1;
            if !self.reader.another(b'}')? {
                return Ok(());
            }
        }
    }

    /// A column: a value for each row.
    fn column(&mut self, field: usize) -> Result<(), Fault> {
        if field == NO_FIELD {
            return Ok(self.reader.skip(DEPTH_IN_TENSOR)?);
        }
        if self.reader.peek() != b'[' {
            return self.misplaced("inputs", "a column must be a list", DEPTH_IN_TENSOR);
        }
        if self.writer.rows() == 0 {
            let rows = self.count()?;
            self.writer.set_rows(rows)?;
        }
        let rows = self.writer.rows() as usize;
        self.reader.expect(b'[')?;
        if self.reader.eat(b']') {
            return Err(self.uneven_column(field));
        }
        let mut row = 0;
        loop {
            if row == rows {
                return Err(self.uneven_column(field));
            }
            self.value(field, row)?;
            row += 1;
            if !self.reader.another(b']')? {
                break;
            }
        }
        if row == rows { Ok(()) } else { Err(self.uneven_column(field)) }
    }

    #[cold]
    fn uneven_column(&self, field: usize) -> Fault {
        let name = self.contract.index.get(field).unwrap_or_default();
        refuse(Code::ShapeMismatch, "all columns must have as many rows").with_field(name).into()
    }

    /// How many elements the list has that stands here.
    fn count(&mut self) -> Result<u64, Fault> {
        let start = self.reader.position();
        let mut count = 0;
        self.reader.expect(b'[')?;
        if !self.reader.eat(b']') {
            loop {
                self.reader.skip(DEPTH_IN_TENSOR)?;
                count += 1;
                if !self.reader.another(b']')? {
                    break;
                }
            }
        }
        self.reader.go_to(start);
        Ok(count)
    }

    /// `{"columns": […], "index"?: […], "data": [[…], …]}`, in any order.
    fn split(&mut self) -> Result<(), Fault> {
        if self.reader.peek() != b'{' {
            let kind = self.kind();
            let rule = format!("Dataframe split format must be a dictionary. Got {kind}.");
            return self.misplaced("dataframe_split", &rule, DEPTH_IN_REQUEST);
        }
        self.reader.expect(b'{')?;
        if self.reader.eat(b'}') {
            return Err(envelope("dataframe_split", SPLIT));
        }
        let (mut columns, mut data, mut has_index) = (None, None, false);
        loop {
            match self.key()? {
                "columns" if columns.is_none() => columns = Some(self.column_names()?),
                "data" if data.is_none() => {
                    data = Some(self.reader.position());
                    match &columns {
                        Some(columns) => self.split_rows(columns)?,
                        None => self.reader.skip(DEPTH_IN_TENSOR)?,
                    }
                }
                "index" if !has_index => {
                    has_index = true;
                    self.reader.skip(DEPTH_IN_TENSOR)?;
                }
                "columns" | "data" | "index" => return Err(duplicate("dataframe_split")),
                _ => return self.misplaced("dataframe_split", SPLIT, DEPTH_IN_TENSOR),
            }
            if !self.reader.another(b'}')? {
                break;
            }
        }
        let (Some(columns), Some(start)) = (columns, data) else {
            return Err(envelope("dataframe_split", SPLIT));
        };
        if self.writer.rows() > 0 {
            return Ok(());
        }
        // The rows came before the names.
        let end = self.reader.position();
        self.reader.go_to(start);
        self.split_rows(&columns)?;
        self.reader.go_to(end);
        Ok(())
    }

    /// The field of each column.
    fn column_names(&mut self) -> Result<Vec<usize>, Fault> {
        if self.reader.peek() != b'[' {
            self.misplaced("dataframe_split", SPLIT, DEPTH_IN_TENSOR)?;
        }
        self.reader.expect(b'[')?;
        // At most as many as fields and one that is refused for each violation that is gathered.
        let mut fields = Vec::new();
        let mut expected = 0;
        if self.reader.eat(b']') {
            return Err(envelope("dataframe_split", SPLIT));
        }
        loop {
            if self.reader.peek() != b'"' {
                self.misplaced("dataframe_split", SPLIT, DEPTH_IN_TENSOR)?;
            }
            let field = self.named_field(&mut expected, fields.len())?;
            fields.push(field);
            if !self.reader.another(b']')? {
                return Ok(fields);
            }
        }
    }

    fn split_rows(&mut self, columns: &[usize]) -> Result<(), Fault> {
        if self.reader.peek() != b'[' {
            return self.misplaced("dataframe_split", SPLIT, DEPTH_IN_TENSOR);
        }
        self.reader.expect(b'[')?;
        if self.reader.peek() == b']' {
            return Err(refuse(Code::ShapeMismatch, "there must be at least one row").into());
        }
        loop {
            let row = self.writer.add_row()?;
            if self.reader.peek() != b'[' {
                return self.misplaced("dataframe_split", SPLIT, DEPTH_IN_TENSOR);
            }
            self.reader.expect(b'[')?;
            let mut fields = columns.iter();
            loop {
                let Some(&field) = fields.next() else { return Err(uneven_split(row)) };
                self.value(field, row)?;
                if !self.reader.another(b']')? {
                    break;
                }
            }
            if fields.next().is_some() {
                return Err(uneven_split(row));
            }
            if !self.reader.another(b']')? {
                return Ok(());
            }
        }
    }

    /// One value of a row.
    fn value(&mut self, field: usize, row: usize) -> Result<(), Fault> {
        let contract = self.contract;
        let Some(rule) = contract.rules.get(field) else {
            return Ok(self.reader.skip(DEPTH_IN_TENSOR)?);
        };
        let read = if rule.kind == Kind::Tensor {
            self.tensor(rule, field, row)
        } else {
            self.scalar(field, row)
        };
        // Also what is wrong with the text is told with the field.
        read.map_err(|fault| match fault.at(self.reader.position()) {
            Fault::Refusal(refusal) if refusal.field.is_none() => {
                refusal.with_field(&*rule.name).into()
            }
            fault => fault,
        })
    }

    /// A scalar, or a list of one.
    fn scalar(&mut self, field: usize, row: usize) -> Result<(), Fault> {
        let is_list = self.reader.peek() == b'[';
        if is_list {
            self.reader.expect(b'[')?;
        }
        if matches!(self.reader.peek(), b'[' | b'{') || (is_list && self.reader.peek() == b']') {
            return self.not_scalar(field, row, is_list);
        }
        let value = read_value(&mut self.reader, self.buffer)?;
        self.writer.put_untyped(field, row, value)?;
        if is_list && self.reader.another(b']')? {
            return Err(refuse(Code::ShapeMismatch, "must be one value for each row").into());
        }
        Ok(())
    }

    #[cold]
    fn not_scalar(&mut self, field: usize, row: usize, is_list: bool) -> Result<(), Fault> {
        if is_list {
            return Err(refuse(Code::ShapeMismatch, "must be one value for each row").into());
        }
        self.reader.skip(DEPTH_IN_TENSOR)?;
        self.writer.put(field, row, Value::Wrong(Code::WrongKind, None))
    }

    /// The values of a tensor: nested as its shape says, or flat.
    fn tensor(&mut self, rule: &Rule, field: usize, row: usize) -> Result<(), Fault> {
        let uneven = || Fault::from(refuse(Code::ShapeMismatch, rule.text(Code::ShapeMismatch)));
        if self.reader.peek() != b'[' {
            self.reader.skip(DEPTH_IN_TENSOR)?;
            return Err(uneven());
        }
        let start = self.reader.position();
        self.reader.expect(b'[')?;
        let is_nested = rule.shape.len() > 1 && self.reader.peek() == b'[';
        self.reader.go_to(start);
        let flat = [rule.elements as u64];
        let sizes = if is_nested { &*rule.shape } else { &flat };
        let mut index = 0;
        if self.list(sizes, (field, row), &mut index)? { Ok(()) } else { Err(uneven()) }
    }

    /// One list of a tensor; false if data and shape disagree.
    fn list(
        &mut self,
        sizes: &[u64],
        at: (usize, usize),
        index: &mut usize,
    ) -> Result<bool, Fault> {
        let Some((&size, inner)) = sizes.split_first() else { return Ok(false) };
        if !self.reader.eat(b'[') {
            return Ok(false);
        }
        for place in 0..size {
            if place > 0 && !self.reader.another(b']')? {
                return Ok(false);
            }
            if inner.is_empty() {
                if matches!(self.reader.peek(), b'[' | b'{' | b']') {
                    return Ok(false);
                }
                let value = read_value(&mut self.reader, self.buffer)?;
                self.writer.put_element(at.0, at.1, *index, value)?;
                *index += 1;
            } else if !self.list(inner, at, index)? {
                return Ok(false);
            }
        }
        Ok(!self.reader.another(b']')?)
    }
}

const DATA: u8 = 1;
const PARAMETERS: u8 = 2;
const SIGNATURE_NAME: u8 = 4;

#[cold]
fn uneven_split(row: usize) -> Fault {
    let mut refusal = refuse(Code::ShapeMismatch, "a row must have a value for each column");
    refusal.row = u32::try_from(row).ok();
    refusal.with_field("dataframe_split").into()
}

/// A scalar that the contract judges.
fn read_value<'a: 'b, 'b>(
    reader: &mut Reader<'a>,
    buffer: &'b mut String,
) -> Result<Value<'b>, Fault> {
    Ok(match reader.peek() {
        b'"' => Value::Text(reader.string()?.decode(buffer)),
        b'n' if reader.eat_literal(b"null") => Value::Null,
        b't' if reader.eat_literal(b"true") => Value::Boolean(true),
        b'f' if reader.eat_literal(b"false") => Value::Boolean(false),
        _ => match reader.number()? {
            Number::Integer(integer) => Value::Integer(integer),
            Number::Decimal(number) => Value::Number(number),
        },
    })
}
