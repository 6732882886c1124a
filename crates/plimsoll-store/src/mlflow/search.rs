//! Searches: typed clauses and orders as SQL. Every text of a caller is a parameter.

use super::Result;
use crate::read::Read;
use crate::row::Columns;
use plimsoll_mlflow::{Clause, Comparison, Field, Literal, Order, Page};
use rusqlite::params_from_iter;
use rusqlite::types::Value;

/// What a search asks.
#[derive(Debug, Clone)]
pub struct Search {
    /// All of these must hold.
    pub clauses: Vec<Clause>,
    /// How the results are ordered.
    pub orders: Vec<Order>,
    /// Which of them.
    pub page: Page,
    /// The datasets, by name and perhaps digest, that the metrics of what is found are about. None
    /// asks for nothing.
    pub datasets: Vec<(String, Option<String>)>,
}

/// Whether deleted things are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Only what is not deleted.
    Active,
    /// Only what is.
    Deleted,
    /// Both.
    All,
}

impl Audience {
    pub(super) fn sql(self, column: &str) -> String {
        match self {
            Self::Active => format!("{column} = 'active'"),
            Self::Deleted => format!("{column} = 'deleted'"),
            Self::All => "1".to_owned(),
        }
    }
}

/// What is searched, in words of SQL.
pub(super) struct Searched {
    /// The tables.
    pub(super) from: &'static str,
    /// The number of a thing.
    pub(super) row: &'static str,
    /// The kind of its tags.
    pub(super) tags: &'static str,
    /// The kind of its parameters.
    pub(super) params: &'static str,
    /// A query for `value, is_nan` of its metrics, to which a key is added.
    pub(super) metrics: &'static str,
    /// The tag whose lack differs from every value: what no prompt says it is.
    pub(super) differs: &'static str,
    /// The column of an attribute.
    pub(super) column: fn(&str) -> &'static str,
    /// The orders when nobody asks for any.
    pub(super) last: &'static str,
    /// The orders after those that somebody asked for.
    pub(super) ties: &'static str,
}

/// A query under construction: text, and the values of its `?` in the order of the text.
#[derive(Default)]
struct Sql {
    text: String,
    values: Vec<Value>,
}

impl Sql {
    fn put(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }
    fn value(&mut self, value: Value) -> &mut Self {
        self.values.push(value);
        self
    }
}

/// The things that `search` finds, within further conditions.
pub(super) fn find<T: Columns>(
    read: &Read<'_>,
    searched: &Searched,
    search: &Search,
    within: &[(String, Vec<Value>)],
) -> Result<Vec<T>> {
    let mut sql = Sql::default();
    sql.put("SELECT ").put(T::COLUMNS).put(" FROM ").put(searched.from).put(" WHERE 1");
    for (condition, values) in within {
        sql.put(" AND ").put(condition);
        sql.values.extend(values.iter().cloned());
    }
    for clause in &search.clauses {
        sql.put(" AND ");
        self::clause(&mut sql, searched, &search.datasets, clause);
    }
    let of_metric = |clause: &Clause| matches!(clause.field, Field::Metric(_));
    if !search.datasets.is_empty() && !search.clauses.iter().any(of_metric) {
        sql.put(" AND EXISTS (").put(searched.metrics);
        about(&mut sql, &search.datasets);
        sql.put(")");
    }
    sql.put(" ORDER BY ");
    for order in &search.orders {
        self::order(&mut sql, searched, order);
    }
    let last = if search.orders.is_empty() { searched.last } else { searched.ties };
    sql.put(last).put(" LIMIT ? OFFSET ?");
    sql.value(Value::Integer(search.page.look().into()));
    sql.value(Value::Integer(search.page.offset.into()));
    let mut statement = read.0.prepare_cached(&sql.text)?;
    let rows = statement.query_map(params_from_iter(sql.values), T::read)?;
    Ok(rows.collect::<std::result::Result<_, _>>()?)
}

/// Which datasets a metric `m` must be about, if any are asked for.
fn about(sql: &mut Sql, datasets: &[(String, Option<String>)]) {
    if datasets.is_empty() {
        return;
    }
    sql.put(" AND (0");
    for (name, digest) in datasets {
        sql.put(" OR m.dataset_name = ?").value(Value::Text(name.clone()));
        if let Some(digest) = digest {
            sql.put(" AND m.dataset_digest = ?").value(Value::Text(digest.clone()));
        }
    }
    sql.put(")");
}

fn clause(
    sql: &mut Sql,
    searched: &Searched,
    datasets: &[(String, Option<String>)],
    clause: &Clause,
) {
    let Clause { field, comparison, literal } = clause;
    match field {
        Field::Attribute(name) => compare(sql, (searched.column)(name), *comparison, literal),
        Field::Tag(key) => pair(sql, searched, searched.tags, key, *comparison, literal),
        Field::Param(key) => pair(sql, searched, searched.params, key, *comparison, literal),
        Field::Metric(key) => {
            sql.put("EXISTS (").put(searched.metrics).put(" AND m.key = ? AND m.is_nan = 0 AND ");
            sql.value(Value::Text(key.clone()));
            compare(sql, "m.value", *comparison, literal);
            about(sql, datasets);
            sql.put(")");
        }
        Field::Dataset(name) => dataset(sql, name, *comparison, literal),
    }
}

fn pair(
    sql: &mut Sql,
    searched: &Searched,
    kind: &str,
    key: &str,
    comparison: Comparison,
    literal: &Literal,
) {
    let is_unequal = comparison == Comparison::Unequal && searched.differs == key;
    let is_missing = comparison == Comparison::IsNull;
    if is_unequal || is_missing {
        sql.put("NOT ");
    }
    sql.put("EXISTS (SELECT 1 FROM ml_pairs p WHERE p.kind = '").put(kind).put("' AND p.owner = ");
    sql.put(searched.row).put(" AND p.key = ?").value(Value::Text(key.to_owned()));
    if !matches!(comparison, Comparison::IsNull | Comparison::IsNotNull) {
        sql.put(" AND ");
        let comparison = if is_unequal { Comparison::Equal } else { comparison };
        compare(sql, "p.value", comparison, literal);
    }
    sql.put(")");
}

fn dataset(sql: &mut Sql, name: &str, comparison: Comparison, literal: &Literal) {
    sql.put("EXISTS (SELECT 1 FROM ml_inputs i JOIN ml_datasets d ON d.row = i.dataset");
    let column = match name {
        "name" => "d.name",
        "digest" => "d.digest",
        _ => {
            sql.put(" JOIN ml_pairs p ON p.kind = 'input' AND p.owner = i.row");
            sql.put(" AND p.key = 'mlflow.data.context'");
            "p.value"
        }
    };
    sql.put(" WHERE i.run = r.row AND ");
    compare(sql, column, comparison, literal);
    sql.put(")");
}

fn compare(sql: &mut Sql, column: &str, comparison: Comparison, literal: &Literal) {
    let operator = match comparison {
        Comparison::Equal => "=",
        Comparison::Unequal => "<>",
        Comparison::Greater => ">",
        Comparison::AtLeast => ">=",
        Comparison::Less => "<",
        Comparison::AtMost => "<=",
        Comparison::Like => "GLOB",
        Comparison::ILike => "LIKE",
        Comparison::In => "IN",
        Comparison::NotIn => "NOT IN",
        Comparison::IsNull => "IS NULL",
        Comparison::IsNotNull => "IS NOT NULL",
    };
    sql.put(column).put(" ").put(operator);
    match literal {
        Literal::None => {}
        Literal::Number(number) => {
            sql.put(" ?").value(Value::Real(*number));
        }
        Literal::Text(text) => {
            let text = if comparison == Comparison::Like { glob(text) } else { text.clone() };
            sql.put(" ?").value(Value::Text(text));
        }
        Literal::List(list) => {
            sql.put(" (").put(&vec!["?"; list.len()].join(", ")).put(")");
            sql.values.extend(list.iter().cloned().map(Value::Text));
        }
    }
}

/// A pattern of LIKE, which here tells capitals from small letters, as one of GLOB.
fn glob(pattern: &str) -> String {
    let mut glob = String::with_capacity(pattern.len());
    for c in pattern.chars() {
        match c {
            '%' => glob.push('*'),
            '_' => glob.push('?'),
            '*' | '?' | '[' => glob.extend(['[', c, ']']),
            c => glob.push(c),
        }
    }
    glob
}

/// One order, with what is missing at the end.
fn order(sql: &mut Sql, searched: &Searched, order: &Order) {
    let way = if order.ascending { " ASC, " } else { " DESC, " };
    let (value, key) = match &order.field {
        Field::Attribute(name) => ((searched.column)(name).to_owned(), None),
        Field::Tag(key) => (of_pair(searched, searched.tags), Some(key)),
        Field::Param(key) => (of_pair(searched, searched.params), Some(key)),
        Field::Metric(key) => {
            // Numbers, then NaN, then what has no such metric.
            let of =
                format!("FROM ({} AND m.key = ? ORDER BY m.step DESC LIMIT 1)", searched.metrics);
            sql.put(&format!("coalesce((SELECT is_nan {of}), 2) ASC, (SELECT value {of})"))
                .put(way);
            sql.value(Value::Text(key.clone())).value(Value::Text(key.clone()));
            return;
        }
        Field::Dataset(_) => return,
    };
    sql.put(&value).put(" IS NULL ASC, ").put(&value).put(way);
    for _ in 0..2 {
        if let Some(key) = key {
            sql.value(Value::Text(key.clone()));
        }
    }
}

fn of_pair(searched: &Searched, kind: &str) -> String {
    format!(
        "(SELECT value FROM ml_pairs WHERE kind = '{kind}' AND owner = {} AND key = ?)",
        searched.row
    )
}
