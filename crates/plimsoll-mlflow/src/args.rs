//! The arguments of a request, wherever they stand, and MLflow's words about wrong ones.

use crate::error::{Error, shown};
use crate::wire::Pair;
use serde_json::{Map, Value};

/// The most values of one list. MLflow bounds its lists far lower, each in its own words.
const MAX_LIST: usize = 20_000;

/// The arguments of a request: of a JSON body, or of a query string, where every value is
/// text and a repeated name is a list. Unknown ones are ignored, as MLflow does.
#[derive(Debug, Clone, Default)]
pub struct Args {
    map: Map<String, Value>,
    is_query: bool,
}

type Result<T> = std::result::Result<T, Error>;

impl Args {
    /// The arguments of a JSON body. An empty one has none.
    ///
    /// # Errors
    /// [`Error`] if it is not a JSON object.
    pub fn of_body(body: &[u8]) -> Result<Self> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        let mut value: Value =
            serde_json::from_slice(body).map_err(|_| Error::invalid("the body is not JSON"))?;
        // Some clients send the object as text within JSON.
        if let Value::String(text) = &value {
            value =
                serde_json::from_str(text).map_err(|_| Error::invalid("the body is not JSON"))?;
        }
        match value {
            Value::Object(map) => Ok(Self { map, is_query: false }),
            _ => Err(Error::invalid("the body must be a JSON object")),
        }
    }

    /// The arguments of a query string, decoded into pairs.
    #[must_use]
    pub fn of_query(pairs: Vec<(String, String)>) -> Self {
        let mut map = Map::new();
        for (key, value) in pairs {
            match map.get_mut(&key) {
                None => {
                    map.insert(key, Value::String(value));
                }
                Some(Value::Array(list)) if list.len() < MAX_LIST => {
                    list.push(Value::String(value));
                }
                Some(Value::Array(_)) => {}
                Some(first) => {
                    let first = first.take();
                    map.insert(key, Value::Array(vec![first, Value::String(value)]));
                }
            }
        }
        Self { map, is_query: true }
    }

    /// The same with an argument that the path holds.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.map.insert(name.to_owned(), Value::String(value.to_owned()));
        self
    }

    /// The same without an argument.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let mut rest = self.clone();
        rest.map.remove(name);
        rest
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }
    /// Whether there is such an argument.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// [`Error`] if it is missing, empty or no text.
    pub fn text(&self, name: &str) -> Result<&str> {
        match self.maybe_text(name)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(missing(name)),
        }
    }
    /// A text that must be there and may be empty.
    ///
    /// # Errors
    /// [`Error`] if it is missing or no text.
    pub fn any_text(&self, name: &str) -> Result<&str> {
        self.maybe_text(name)?.ok_or_else(|| missing(name))
    }
    /// A text.
    ///
    /// # Errors
    /// [`Error`] if it is no text.
    pub fn maybe_text(&self, name: &str) -> Result<Option<&str>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(name, other)),
        }
    }
    /// The id of a run: `run_id`, or `run_uuid` of old clients.
    ///
    /// # Errors
    /// [`Error`] if neither is there.
    pub fn run_id(&self) -> Result<&str> {
        let name = if self.has("run_id") || !self.has("run_uuid") { "run_id" } else { "run_uuid" };
        let id = self.text(name)?;
        if crate::run_id_fits(id) { Ok(id) } else { Err(wrong(name, &Value::from(id))) }
    }

    /// A whole number, also as text.
    ///
    /// # Errors
    /// [`Error`] if it is none.
    pub fn maybe_int(&self, name: &str) -> Result<Option<i64>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        integer(value).map(Some).ok_or_else(|| wrong(name, value))
    }
    /// A whole number that must be there.
    ///
    /// # Errors
    /// [`Error`] if it is missing or none.
    pub fn int(&self, name: &str) -> Result<i64> {
        self.maybe_int(name)?.ok_or_else(|| missing(name))
    }
    /// A number, `"NaN"` and `"Infinity"` included. What is infinite becomes the largest
    /// finite number, as MLflow stores it.
    ///
    /// # Errors
    /// [`Error`] if it is missing or none.
    pub fn number(&self, name: &str) -> Result<f64> {
        let value = self.get(name).ok_or_else(|| missing(name))?;
        number(value).ok_or_else(|| wrong(name, value))
    }
    /// A truth.
    ///
    /// # Errors
    /// [`Error`] if it is none.
    pub fn maybe_bool(&self, name: &str) -> Result<Option<bool>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(Value::String(text)) if text == "true" || text == "True" => Ok(Some(true)),
            Some(Value::String(text)) if text == "false" || text == "False" => Ok(Some(false)),
            Some(other) => Err(wrong(name, other)),
        }
    }

    /// The items of a list; none if it is not there.
    ///
    /// # Errors
    /// [`Error`] if it is no list.
    pub fn list(&self, name: &str) -> Result<&[Value]> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Value::Array(list)) if list.len() <= MAX_LIST => Ok(list),
            // One value in a query string is a list of one.
            Some(one) if self.is_query => Ok(std::slice::from_ref(one)),
            Some(other) => Err(wrong(name, other)),
        }
    }
    /// The texts of a list.
    ///
    /// # Errors
    /// [`Error`] if it is no list of texts.
    pub fn texts(&self, name: &str) -> Result<Vec<String>> {
        let texts = self.list(name)?.iter().map(|item| item.as_str().map(str::to_owned));
        texts
            .collect::<Option<_>>()
            .ok_or_else(|| wrong(name, self.get(name).unwrap_or(&Value::Null)))
    }
    /// The objects of a list, each as arguments of its own.
    ///
    /// # Errors
    /// [`Error`] if it is no list of objects.
    pub fn objects(&self, name: &str) -> Result<Vec<Self>> {
        let object = |item: &Value| match item {
            Value::Object(map) => Ok(Self { map: map.clone(), is_query: false }),
            _ => Err(wrong(name, self.get(name).unwrap_or(&Value::Null))),
        };
        self.list(name)?.iter().map(object).collect()
    }
    /// An object, as arguments of its own.
    ///
    /// # Errors
    /// [`Error`] if it is missing or none.
    pub fn object(&self, name: &str) -> Result<Self> {
        match self.get(name) {
            None => Err(missing(name)),
            Some(Value::Object(map)) => Ok(Self { map: map.clone(), is_query: false }),
            Some(other) => Err(wrong(name, other)),
        }
    }
    /// Keys and values, as tags and parameters are written.
    ///
    /// # Errors
    /// [`Error`] if it is no list of objects with a `key`, or a value is missing or no text.
    pub fn pairs(&self, name: &str) -> Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        for (index, item) in self.objects(name)?.into_iter().enumerate() {
            let at = |what| format!("{name}[{index}].{what}");
            let Some(key) = item.get("key") else { return Err(missing(&at("key"))) };
            let value = item.get("value").unwrap_or(&Value::Null);
            let Some(key) = key.as_str() else { return Err(wrong(&at("key"), key)) };
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => return Err(wrong(&at("value"), other)),
            };
            pairs.push(Pair { key: key.to_owned(), value });
        }
        Ok(pairs)
    }
}

/// Says that an argument is missing, in MLflow's words.
#[must_use]
pub fn missing(name: &str) -> Error {
    Error::invalid(format!(
        "Missing value for required parameter '{name}'. See the API docs for more information \
         about request parameters."
    ))
}

/// Says that an argument does not fit, in MLflow's words.
pub(crate) fn wrong(name: &str, value: &Value) -> Error {
    let kind = match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(n) if n.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    };
    Error::invalid(format!(
        "Invalid value {} for parameter '{name}' supplied: Hint: Value was of type '{kind}'. See \
         the API docs for more information about request parameters.",
        shown(&value.to_string())
    ))
}

/// Says that a number written as text is none, in MLflow's words.
#[must_use]
pub fn no_integer(name: &str, text: &str) -> Error {
    Error::invalid(format!("Parameter '{name}' must be an integer, got '{}'.", shown(text)))
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(n) => n.as_i64().or_else(|| whole(n.as_f64()?)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A float that is a whole number within 2^53, beyond which floats are not exact.
fn whole(value: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (value.fract() == 0.0 && value.abs() <= EXACT).then(|| format!("{value:.0}").parse().ok())?
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(n) => n.as_f64()?,
        Value::String(text) => match text.trim() {
            "Infinity" => f64::MAX,
            "-Infinity" => f64::MIN,
            text => text.parse().ok()?,
        },
        _ => return None,
    };
    Some(if number.is_infinite() { f64::MAX.copysign(number) } else { number })
}
