//! The search grammar (`mlflow/utils/search_utils.py`): `clause (AND clause)*` without OR or
//! brackets, and lists of orders. Parsed to typed clauses; what they mean in a database is the
//! store's to say.

use crate::error::{Error, shown};

/// The longest filter, in bytes.
const MAX_FILTER: usize = 20_000;
/// The most clauses of a filter. Each is a subquery.
const MAX_CLAUSES: usize = 50;
/// The most values in brackets.
const MAX_LIST: usize = 2_000;
/// The most orders of a search.
const MAX_ORDERS: usize = 20;

type Result<T> = std::result::Result<T, Error>;

/// What is searched, which decides what a clause may speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// Runs.
    Runs,
    /// Experiments.
    Experiments,
    /// Registered models.
    Models,
    /// Versions of registered models.
    Versions,
    /// Logged models.
    Logged,
}

/// What a clause compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// An attribute, by one of the names of its grammar.
    Attribute(&'static str),
    /// The newest value of a metric.
    Metric(String),
    /// A parameter.
    Param(String),
    /// A tag.
    Tag(String),
    /// `name`, `digest` or `context` of a dataset.
    Dataset(&'static str),
}

/// How it compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    Unequal,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `LIKE`, which tells capitals from small letters.
    Like,
    /// `ILIKE`, which does not.
    ILike,
    /// `IN`
    In,
    /// `NOT IN`
    NotIn,
    /// `IS NULL`
    IsNull,
    /// `IS NOT NULL`
    IsNotNull,
}

/// What it compares with.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// Nothing: `IS NULL`.
    None,
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// Texts in brackets.
    List(Vec<String>),
}

/// A clause.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    /// What.
    pub field: Field,
    /// How.
    pub comparison: Comparison,
    /// With what.
    pub literal: Literal,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub field: Field,
    /// Whether the smallest comes first.
    pub ascending: bool,
}

impl Grammar {
    /// Attributes of text.
    const fn texts(self) -> &'static [&'static str] {
        match self {
            Self::Runs => &["run_id", "run_name", "status", "artifact_uri", "user_id"],
            Self::Experiments | Self::Models => &["name"],
            Self::Versions => &["name", "run_id", "source_path"],
            Self::Logged => &["name", "model_id", "model_type", "status", "source_run_id"],
        }
    }
    /// Attributes of numbers.
    const fn numbers(self) -> &'static [&'static str] {
        match self {
            Self::Runs => &["start_time", "end_time"],
            Self::Experiments => &["creation_time", "last_update_time"],
            Self::Models => &[],
            Self::Versions => &["version_number"],
            Self::Logged => &["creation_timestamp", "last_updated_timestamp"],
        }
    }
    /// Attributes that results may be ordered by, beside those that may be compared.
    const fn orders(self) -> &'static [&'static str] {
        match self {
            Self::Runs => &[],
            Self::Experiments => &["experiment_id"],
            Self::Models => &["creation_timestamp", "last_updated_timestamp"],
            Self::Versions => &["creation_timestamp", "last_updated_timestamp"],
            Self::Logged => &["experiment_id"],
        }
    }
    /// Old and short names of attributes.
    fn canonical(self, name: &str) -> &str {
        match (self, name) {
            (Self::Runs, "run name" | "Run name" | "Run Name" | "runName") => "run_name",
            (Self::Runs, "Created" | "created") => "start_time",
            (Self::Runs, "User" | "user") => "user_id",
            (Self::Runs, "run ID" | "Run ID") => "run_id",
            (Self::Models | Self::Logged, "timestamp" | "last_updated_timestamp") => {
                "last_updated_timestamp"
            }
            (Self::Logged, "creation_timestamp_ms") => "creation_timestamp",
            (Self::Logged, "last_updated_timestamp_ms") => "last_updated_timestamp",
            _ => name,
        }
    }
    fn attribute(self, name: &str, in_order: bool) -> Result<&'static str> {
        let name = self.canonical(name);
        let extra = if in_order { self.orders() } else { &[] };
        let all = self.texts().iter().chain(self.numbers()).chain(extra);
        all.clone().copied().find(|known| *known == name).ok_or_else(|| {
            let known: Vec<&str> = all.copied().collect();
            Error::invalid(format!(
                "Invalid attribute key '{}' specified. Valid keys are '{}'",
                shown(name),
                known.join("', '")
            ))
        })
    }
    /// The field that a prefix and key name.
    fn field(self, prefix: Option<&str>, key: &str, in_order: bool) -> Result<Field> {
        let Some(prefix) = prefix else {
            // A logged model's metrics and parameters are written with their prefix.
            return Ok(Field::Attribute(self.attribute(key, in_order)?));
        };
        let (runs, logged) = (self == Self::Runs, self == Self::Logged);
        match prefix.to_ascii_lowercase().as_str() {
            "metric" | "metrics" if runs || logged => Ok(Field::Metric(key.to_owned())),
            "param" | "params" | "parameter" | "parameters" if runs || logged => {
                Ok(Field::Param(key.to_owned()))
            }
            "tag" | "tags" => Ok(Field::Tag(key.to_owned())),
            "attribute" | "attributes" | "attr" => {
                Ok(Field::Attribute(self.attribute(key, in_order)?))
            }
            "run" if runs => Ok(Field::Attribute(self.attribute(key, in_order)?)),
            "dataset" | "datasets" if runs && !in_order => {
                let known = ["name", "digest", "context"];
                let found = known.into_iter().find(|known| *known == key);
                Ok(Field::Dataset(found.ok_or_else(|| {
                    Error::invalid(format!(
                        "Invalid dataset attribute key: {}. Valid keys are name, digest, context",
                        shown(key)
                    ))
                })?))
            }
            other => Err(Error::invalid(format!(
                "Invalid entity type '{}'. Valid values are metric, parameter, tag, attribute, \
                 dataset",
                shown(other)
            ))),
        }
    }
    fn is_number(self, field: &Field) -> bool {
        match field {
            Field::Metric(_) => true,
            Field::Attribute(name) => self.numbers().contains(name),
            Field::Param(_) | Field::Tag(_) | Field::Dataset(_) => false,
        }
    }
}

/// Parses a filter. An empty one has no clauses.
///
/// # Errors
/// [`Error`] if it is not of the grammar.
pub fn filter(grammar: Grammar, text: &str) -> Result<Vec<Clause>> {
    if text.len() > MAX_FILTER {
        return Err(invalid("it is too long"));
    }
    let tokens = tokens(text)?;
    let mut rest = tokens.as_slice();
    let mut clauses = Vec::new();
    while !rest.is_empty() {
        if !clauses.is_empty() {
            let Some((Token::Word(word), after)) = rest.split_first() else {
                return Err(invalid(text));
            };
            if !word.eq_ignore_ascii_case("and") {
                return Err(invalid(text));
            }
            rest = after;
        }
        let (clause, after) = clause(grammar, text, rest)?;
        clauses.push(clause);
        rest = after;
        if clauses.len() > MAX_CLAUSES {
            return Err(invalid("it has too many clauses"));
        }
    }
    Ok(clauses)
}

/// Parses a list of orders.
///
/// # Errors
/// [`Error`] if one is not of the grammar.
pub fn order(grammar: Grammar, texts: &[String]) -> Result<Vec<Order>> {
    if texts.len() > MAX_ORDERS {
        return Err(Error::invalid("Invalid order_by: there are too many"));
    }
    let wrong = |text: &str| {
        Error::invalid(format!(
            "Invalid order_by clause '{}': expected `<key> [ASC|DESC]`",
            shown(text)
        ))
    };
    let mut orders = Vec::new();
    for text in texts {
        if text.len() > MAX_FILTER {
            return Err(wrong("…"));
        }
        // Old clients write an order without quotes: `metrics.my metric DESC`.
        let trimmed = text.trim();
        let (key, ascending) = match trimmed.rsplit_once(char::is_whitespace) {
            Some((key, way)) if way.eq_ignore_ascii_case("asc") => (key.trim_end(), true),
            Some((key, way)) if way.eq_ignore_ascii_case("desc") => (key.trim_end(), false),
            _ => (trimmed, true),
        };
        let tokens = tokens(key)?;
        let (prefix, name) = match tokens.as_slice() {
            [Token::Word(word)] => split(word),
            [Token::Name(name)] => (None, name.clone()),
            [Token::Prefixed(prefix, name)] => (Some(prefix.clone()), name.clone()),
            _ => return Err(wrong(text)),
        };
        let field = grammar.field(prefix.as_deref(), &name, true)?;
        orders.push(Order { field, ascending });
    }
    Ok(orders)
}

/// A word without quotes: what stands before its first dot, and the rest.
fn split(word: &str) -> (Option<String>, String) {
    match word.split_once('.') {
        Some((prefix, key)) => (Some(prefix.to_owned()), key.to_owned()),
        None => (None, word.to_owned()),
    }
}

fn clause<'a>(grammar: Grammar, text: &str, tokens: &'a [Token]) -> Result<(Clause, &'a [Token])> {
    let (first, rest) = tokens.split_first().ok_or_else(|| invalid(text))?;
    let (prefix, key) = match first {
        Token::Word(word) => split(word),
        Token::Name(name) => (None, name.clone()),
        Token::Prefixed(prefix, key) => (Some(prefix.clone()), key.clone()),
        Token::Text(_) | Token::Symbol(_) => return Err(invalid(text)),
    };
    let field = grammar.field(prefix.as_deref(), &key, false)?;
    let (comparison, rest) = comparison(text, rest)?;
    let (literal, rest) = match comparison {
        Comparison::IsNull | Comparison::IsNotNull => (Literal::None, rest),
        Comparison::In | Comparison::NotIn => {
            let (list, rest) = list(text, rest)?;
            (Literal::List(list), rest)
        }
        _ => literal(grammar, &field, text, rest)?,
    };
    check(grammar, &field, comparison)?;
    Ok((Clause { field, comparison, literal }, rest))
}

fn comparison<'a>(text: &str, tokens: &'a [Token]) -> Result<(Comparison, &'a [Token])> {
    let (first, rest) = tokens.split_first().ok_or_else(|| invalid(text))?;
    let word = match first {
        Token::Symbol(symbol) => {
            return symbol_of(symbol).map(|c| (c, rest)).ok_or_else(|| invalid(text));
        }
        Token::Word(word) => word.to_ascii_uppercase(),
        _ => return Err(invalid(text)),
    };
    let next = |rest: &'a [Token], wanted: &str| match rest.split_first() {
        Some((Token::Word(word), rest)) if word.eq_ignore_ascii_case(wanted) => Some(rest),
        _ => None,
    };
    match word.as_str() {
        "LIKE" => Ok((Comparison::Like, rest)),
        "ILIKE" => Ok((Comparison::ILike, rest)),
        "IN" => Ok((Comparison::In, rest)),
        "NOT" => {
            next(rest, "IN").map(|rest| (Comparison::NotIn, rest)).ok_or_else(|| invalid(text))
        }
        "IS" => match next(rest, "NOT") {
            Some(rest) => next(rest, "NULL").map(|rest| (Comparison::IsNotNull, rest)),
            None => next(rest, "NULL").map(|rest| (Comparison::IsNull, rest)),
        }
        .ok_or_else(|| invalid(text)),
        _ => Err(invalid(text)),
    }
}

fn symbol_of(symbol: &str) -> Option<Comparison> {
    Some(match symbol {
        "=" => Comparison::Equal,
        "!=" | "<>" => Comparison::Unequal,
        ">" => Comparison::Greater,
        ">=" => Comparison::AtLeast,
        "<" => Comparison::Less,
        "<=" => Comparison::AtMost,
        _ => return None,
    })
}

fn literal<'a>(
    grammar: Grammar,
    field: &Field,
    text: &str,
    tokens: &'a [Token],
) -> Result<(Literal, &'a [Token])> {
    let (first, rest) = tokens.split_first().ok_or_else(|| invalid(text))?;
    if grammar.is_number(field) {
        let number = match first {
            Token::Word(word) | Token::Text(word) => word.parse::<f64>().ok(),
            _ => None,
        };
        let number = number.filter(|n| n.is_finite()).ok_or_else(|| {
            Error::invalid("Expected numeric value type for a metric or time in the filter string")
        })?;
        return Ok((Literal::Number(number), rest));
    }
    match first {
        Token::Text(text) => Ok((Literal::Text(text.clone()), rest)),
        // A name in double quotes is a text here.
        Token::Name(text) => Ok((Literal::Text(text.clone()), rest)),
        _ => Err(Error::invalid(
            "Expected a quoted string value in the filter string. Parameter values and tags must \
             be in quotes",
        )),
    }
}

fn list<'a>(text: &str, tokens: &'a [Token]) -> Result<(Vec<String>, &'a [Token])> {
    let is = |token: &Token, symbol: &str| matches!(token, Token::Symbol(s) if s == symbol);
    let Some((open, mut rest)) = tokens.split_first() else { return Err(invalid(text)) };
    if !is(open, "(") {
        return Err(invalid(text));
    }
    let mut list = Vec::new();
    loop {
        let Some((item, after)) = rest.split_first() else { return Err(invalid(text)) };
        let (Token::Text(item) | Token::Name(item)) = item else {
            return Err(Error::invalid(
                "While parsing a list in the query, expected a non-empty list of string values",
            ));
        };
        list.push(item.clone());
        let Some((end, after)) = after.split_first() else { return Err(invalid(text)) };
        rest = after;
        if is(end, ")") {
            return Ok((list, rest));
        }
        if !is(end, ",") || list.len() >= MAX_LIST {
            return Err(invalid(text));
        }
        // `('a',)`: Python's list of one.
        if let Some((end, after)) = rest.split_first()
            && is(end, ")")
        {
            return Ok((list, after));
        }
    }
}

/// Which comparisons each field knows.
fn check(grammar: Grammar, field: &Field, comparison: Comparison) -> Result<()> {
    use Comparison as C;
    let texts = matches!(comparison, C::Equal | C::Unequal | C::Like | C::ILike);
    let numbers =
        matches!(comparison, C::Equal | C::Unequal | C::Greater | C::AtLeast | C::Less | C::AtMost);
    let nulls = matches!(comparison, C::IsNull | C::IsNotNull);
    let fits = match field {
        field if grammar.is_number(field) => numbers,
        Field::Tag(_) | Field::Param(_) => texts || nulls,
        Field::Attribute("run_id" | "model_id" | "source_run_id") => {
            texts || matches!(comparison, C::In | C::NotIn)
        }
        Field::Attribute(_) if grammar == Grammar::Models => {
            matches!(comparison, C::Equal | C::Like | C::ILike)
        }
        _ => texts || matches!(comparison, C::In | C::NotIn),
    };
    if fits {
        return Ok(());
    }
    Err(Error::invalid("Invalid comparator in the filter string: this key does not know it"))
}

/// A piece of a filter.
#[derive(Debug, PartialEq)]
enum Token {
    /// Without quotes: a key, a keyword, a number.
    Word(String),
    /// In backticks or double quotes.
    Name(String),
    /// `prefix.` before a name in quotes.
    Prefixed(String, String),
    /// In single quotes.
    Text(String),
    /// `= != < <= > >= ( ) ,`
    Symbol(String),
}

fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '\'' => {
                let (inside, after) = quoted(text, rest, '\'')?;
                (Token::Text(inside), after)
            }
            '`' | '"' => {
                let (inside, after) = quoted(text, rest, first)?;
                (Token::Name(inside), after)
            }
            '(' | ')' | ',' | '=' => {
                let (symbol, after) = rest.split_at(1);
                (Token::Symbol(symbol.to_owned()), after)
            }
            '!' | '<' | '>' => {
                let long = ["!=", "<=", ">=", "<>"].iter().any(|two| rest.starts_with(two));
                let (symbol, after) = rest.split_at(if long { 2 } else { 1 });
                (Token::Symbol(symbol.to_owned()), after)
            }
            _ => word(text, rest)?,
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Ok(tokens)
}

fn word<'a>(text: &str, rest: &'a str) -> Result<(Token, &'a str)> {
    let ends = |c: char| c.is_whitespace() || "'`\"(),=!<>".contains(c);
    let end = rest.find(ends).unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    if let (Some(prefix), Some(quote)) = (word.strip_suffix('.'), after.chars().next())
        && (quote == '`' || quote == '"')
    {
        let (key, after) = quoted(text, after, quote)?;
        return Ok((Token::Prefixed(prefix.to_owned(), key), after));
    }
    Ok((Token::Word(word.to_owned()), after))
}

/// What stands between the quote at the front and its end. A quote twice is one, as in SQL.
fn quoted<'a>(text: &str, rest: &'a str, quote: char) -> Result<(String, &'a str)> {
    let mut inside = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            inside.push(c);
        } else if chars.peek().is_some_and(|&(_, next)| next == quote) {
            inside.push(quote);
            chars.next();
        } else {
            let after = rest.get(at + c.len_utf8()..).unwrap_or_default();
            return Ok((inside, after));
        }
    }
    Err(invalid(text))
}

fn invalid(text: &str) -> Error {
    Error::invalid(format!("Invalid clause(s) in filter string: {}", shown(text)))
}
