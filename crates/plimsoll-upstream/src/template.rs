//! Requests as declared: pieces of text with places for values, made once, filled per request.
//! It knows no contract, only the names of fields.

use crate::declaration::{Declaration, DeclarationError, Protocol, RemoteModel, wrong};
use crate::grpc;
use serde_json::Value as Json;

/// Pieces of one template: some for each of the fields.
const MAX_PIECES: usize = 65_536;
/// Levels of JSON in a template.
const MAX_DEPTH: usize = 32;
/// The member that stands for a list of all rows.
const ROWS: &str = "$rows";

/// A part of a request. Numbers are places among [`Template::fields`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// As it is.
    Raw(Box<[u8]>),
    /// A value as JSON: a number, a text with quotes, true, null.
    Value(usize),
    /// A value within a JSON text.
    InText(usize),
    /// A value within a path, percent-encoded.
    InPath(usize),
    /// The values of all rows, with commas between.
    Column(usize),
    /// The pieces once for each row, with commas between.
    Rows(Box<[Self]>),
    /// How many rows there are.
    Count,
    /// The datatype of a field, as the Open Inference Protocol calls it.
    Datatype(usize),
}

/// A request to be filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    /// The fields that it has places for, each once.
    pub(crate) fields: Vec<Box<str>>,
    pub(crate) path: Vec<Piece>,
    pub(crate) body: Vec<Piece>,
    /// Whether one request holds all rows; else each row is a request.
    pub(crate) takes_all_rows: bool,
    /// Whether every field must be a number: a matrix holds nothing else.
    pub(crate) is_numeric: bool,
}

impl Template {
    pub(crate) fn of(declared: &Declaration) -> Result<Self, DeclarationError> {
        let mut maker = Maker::default();
        for input in &declared.inputs {
            let count = maker.fields.len();
            if maker.place(input.field()) != count {
                return Err(wrong("inputs", format!("has `{}` twice", input.field())));
            }
        }
        let names: Vec<&str> = declared.inputs.iter().map(crate::InputRule::name).collect();
        let mut path = String::new();
        match (declared.kind, &declared.model, &declared.request) {
            (Protocol::OipV2, Some(model), _) => {
                path = remote_path("v2", model, "/infer");
                maker.oip(&names, model);
            }
            // Its body is a message, not a text with places.
            (Protocol::OipV2Grpc, Some(_), _) => path.push_str(grpc::PATH),
            (Protocol::TfServing, Some(model), _) => {
                path = remote_path("v1", model, ":predict");
                maker.instances(&names);
            }
            (Protocol::Mlflow, _, _) => {
                path.push_str("/invocations");
                maker.frame(&names);
            }
            (Protocol::JsonTemplate, _, Some(request)) => return maker.template(request),
            _ => return Err(wrong("kind", "lacks what it needs")),
        }
        let (fields, body) = maker.finish();
        let is_numeric = declared.model.as_ref().is_some_and(|model| model.matrix.is_some());
        let path = vec![Piece::Raw(path.into_bytes().into())];
        Ok(Self { fields, path, body, takes_all_rows: true, is_numeric })
    }
}

fn remote_path(version: &str, model: &RemoteModel, verb: &str) -> String {
    let at =
        model.version.as_ref().map_or_else(String::new, |version| format!("/versions/{version}"));
    format!("/{version}/models/{}{at}{verb}", model.name)
}

/// Puts pieces together; text that touches becomes one piece.
#[derive(Default)]
struct Maker {
    fields: Vec<Box<str>>,
    done: Vec<Piece>,
    raw: Vec<u8>,
    count: usize,
    /// Whether it is between the rows of a list, or before it.
    in_rows: bool,
    has_rows: bool,
    /// A field outside a list of rows: then a request is about one row.
    has_single: bool,
}

impl Maker {
    fn place(&mut self, field: &str) -> usize {
        let known = self.fields.iter().position(|name| &**name == field);
        known.unwrap_or_else(|| {
            self.fields.push(field.into());
            self.fields.len() - 1
        })
    }
    fn raw(&mut self, text: &str) {
        self.raw.extend_from_slice(text.as_bytes());
    }
    fn json(&mut self, text: &str) {
        self.raw(&Json::from(text).to_string());
    }
    fn piece(&mut self, piece: Piece) {
        if !self.raw.is_empty() {
            self.done.push(Piece::Raw(std::mem::take(&mut self.raw).into()));
        }
        self.count += 1;
        self.done.push(piece);
    }
    fn pieces(&mut self) -> Vec<Piece> {
        if !self.raw.is_empty() {
            self.done.push(Piece::Raw(std::mem::take(&mut self.raw).into()));
        }
        std::mem::take(&mut self.done)
    }
    fn finish(mut self) -> (Vec<Box<str>>, Vec<Piece>) {
        let pieces = self.pieces();
        (self.fields, pieces)
    }
    fn between<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) {
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.raw(",");
            }
            each(self, item);
        }
    }

    /// The pieces of one row, for a list of all.
    fn rows(&mut self, row: impl FnOnce(&mut Self)) {
        let before = self.pieces();
        row(self);
        let row = self.pieces();
        self.done = before;
        self.piece(Piece::Rows(row.into()));
    }

    /// Open Inference Protocol v2: a tensor per input, or one matrix.
    fn oip(&mut self, names: &[&str], model: &RemoteModel) {
        self.raw(r#"{"inputs":["#);
        if let Some(matrix) = &model.matrix {
            self.raw(r#"{"name":"#);
            self.json(matrix);
            self.raw(r#","shape":["#);
            self.piece(Piece::Count);
            let datatype = model.numbers.as_str();
            self.raw(&format!(r#",{}],"datatype":"{datatype}","data":["#, names.len()));
            self.rows(|row| {
                row.between(0..names.len(), |row, place| row.piece(Piece::Value(place)))
            });
            self.raw("]}");
        } else {
            self.between(names.iter().enumerate(), |to, (place, name)| {
                to.raw(r#"{"name":"#);
                to.json(name);
                to.raw(r#","shape":["#);
                to.piece(Piece::Count);
                to.raw(r#",1],"datatype":""#);
                to.piece(Piece::Datatype(place));
                to.raw(r#"","data":["#);
                to.piece(Piece::Column(place));
                to.raw("]}");
            });
        }
        self.raw("]}");
    }

    /// TensorFlow Serving: an object per row.
    fn instances(&mut self, names: &[&str]) {
        self.raw(r#"{"instances":["#);
        self.rows(|row| {
            row.raw("{");
            row.between(names.iter().enumerate(), |row, (place, name)| {
                row.json(name);
                row.raw(":");
                row.piece(Piece::Value(place));
            });
            row.raw("}");
        });
        self.raw("]}");
    }

    /// `MLflow`: a data frame in orientation `split`.
    fn frame(&mut self, names: &[&str]) {
        self.raw(r#"{"dataframe_split":{"columns":["#);
        self.between(names, |to, name| to.json(name));
        self.raw(r#"],"data":["#);
        self.rows(|row| {
            row.raw("[");
            row.between(0..names.len(), |row, place| row.piece(Piece::Value(place)));
            row.raw("]");
        });
        self.raw("]}}");
    }

    fn template(mut self, request: &crate::RequestRule) -> Result<Template, DeclarationError> {
        self.path(&request.path)?;
        let path = self.pieces();
        if let Some(body) = &request.body {
            if request.method == crate::Method::Get {
                return Err(wrong("request", "has a body, which GET has not"));
            }
            self.body(body, 0)?;
        }
        let (has_rows, has_single) = (self.has_rows, self.has_single);
        if has_rows && has_single {
            return Err(wrong("request", "uses a field both within `$rows` and outside of it"));
        }
        if !has_rows && !has_single {
            return Err(wrong("request", "uses no field, so every answer would be the same"));
        }
        if self.count > MAX_PIECES {
            return Err(wrong("request", "has too many places for values"));
        }
        let (fields, body) = self.finish();
        Ok(Template { fields, path, body, takes_all_rows: has_rows, is_numeric: false })
    }

    fn path(&mut self, path: &str) -> Result<(), DeclarationError> {
        if !path.is_empty() && !path.starts_with('/') {
            return Err(wrong("request", "must have a `path` that begins with a slash"));
        }
        self.text(path, Piece::InPath, |to, text| {
            let fits = |b: u8| {
                b.is_ascii_graphic()
                    && !matches!(b, b'#' | b'"' | b'<' | b'>' | b'\\' | b'{' | b'}')
            };
            if !text.bytes().all(fits) {
                return Err(wrong(
                    "request",
                    "must have a `path` of characters that a URL may have",
                ));
            }
            to.raw(text);
            Ok(())
        })
    }

    fn body(&mut self, value: &Json, depth: usize) -> Result<(), DeclarationError> {
        if depth > MAX_DEPTH {
            return Err(wrong("request", "is nested more than 32 levels deep"));
        }
        match value {
            Json::Object(members) if members.contains_key(ROWS) => {
                let (Some(row), 1) = (members.get(ROWS), members.len()) else {
                    return Err(wrong("request", "has `$rows` beside other members"));
                };
                if self.in_rows || std::mem::replace(&mut self.has_rows, true) {
                    return Err(wrong("request", "has `$rows` twice"));
                }
                self.in_rows = true;
                self.raw("[");
                let mut made = Ok(());
                self.rows(|to| made = to.body(row, depth + 1));
                made?;
                self.raw("]");
                self.in_rows = false;
            }
            Json::Object(members) => {
                self.raw("{");
                let mut made = Ok(());
                self.between(members, |to, (name, value)| {
                    to.json(name);
                    to.raw(":");
                    if made.is_ok() {
                        made = to.body(value, depth + 1);
                    }
                });
                made?;
                self.raw("}");
            }
            Json::Array(items) => {
                self.raw("[");
                let mut made = Ok(());
                self.between(items, |to, value| {
                    if made.is_ok() {
                        made = to.body(value, depth + 1);
                    }
                });
                made?;
                self.raw("]");
            }
            Json::String(text) => match whole_field(text) {
                Some(field) => self.field(field, Piece::Value)?,
                None => {
                    self.raw("\"");
                    self.text(text, Piece::InText, |to, text| {
                        let quoted = Json::from(text).to_string();
                        to.raw(quoted.get(1..quoted.len() - 1).unwrap_or_default());
                        Ok(())
                    })?;
                    self.raw("\"");
                }
            },
            other => self.raw(&other.to_string()),
        }
        Ok(())
    }

    fn field(&mut self, field: &str, piece: fn(usize) -> Piece) -> Result<(), DeclarationError> {
        if field.is_empty() || field.contains(['{', '}']) {
            return Err(wrong("request", "has a place without the name of a field"));
        }
        self.has_single |= !self.in_rows;
        let place = self.place(field);
        self.piece(piece(place));
        Ok(())
    }

    /// A text with `{field}` in it; `{{` and `}}` stand for braces.
    fn text(
        &mut self,
        mut rest: &str,
        piece: fn(usize) -> Piece,
        raw: fn(&mut Self, &str) -> Result<(), DeclarationError>,
    ) -> Result<(), DeclarationError> {
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            raw(self, before)?;
            rest = if let Some(after) = from.strip_prefix("{{") {
                raw(self, "{")?;
                after
            } else if let Some(after) = from.strip_prefix("}}") {
                raw(self, "}")?;
                after
            } else {
                let inner = from.strip_prefix('{').and_then(|inner| inner.split_once('}'));
                let (field, after) = inner.ok_or_else(|| {
                    wrong("request", "has a brace that is no place; write `{{` or `}}` for one")
                })?;
                self.field(field, piece)?;
                after
            };
        }
        raw(self, rest)
    }
}

/// The field, if a text is nothing but its place.
fn whole_field(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    (!inner.is_empty() && !inner.contains(['{', '}'])).then_some(inner)
}
