//! Statements that would take too much before they could be stopped: planning one is a single
//! step, and some plans grow beyond all bounds. Each limit is far beyond what people write.

use crate::error::LakeError;
use crate::query::told;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{ObjectName, Query, Visit, Visitor};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// How deep brackets are in one another. The parser tries each call twice, so that every level
/// doubles its time.
const MAX_BRACKETS: usize = 16;
/// Words and signs of a statement: about 500 values in a list.
const MAX_TOKENS: usize = 1000;
/// Operators upon one another. Planning takes time that grows with their square, in one go: a
/// second for the deepest.
const MAX_OPERATORS: usize = 128;
/// Tables of a statement, and steps of its plan before the tables are looked into.
const MAX_SCANS: usize = 32;
const MAX_NODES: usize = 500;
/// Uses of `||`. One after the other they could make texts of any length: 12 make one 81 times
/// as long as it was, or 729 times.
const MAX_JOINED: usize = 12;

/// Refuses what is too much to plan.
pub(crate) fn long(sql: &str) -> Result<(), LakeError> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize();
    let tokens = tokens.map_err(|error| LakeError::Statement(error.to_string()))?;
    let count = |is: fn(&Token) -> bool| tokens.iter().filter(|token| is(token)).count();
    if count(|token| !matches!(token, Token::Whitespace(_))) > MAX_TOKENS {
        let text = format!("a statement has at most {MAX_TOKENS} words and signs");
        return Err(LakeError::Statement(text));
    }
    let mut depth = 0_usize;
    for token in &tokens {
        match token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_BRACKETS {
            let text = format!("brackets are at most {MAX_BRACKETS} deep");
            return Err(LakeError::Statement(text));
        }
    }
    if count(|token| matches!(token, Token::StringConcat)) > MAX_JOINED {
        let text = format!("a statement has `||` at most {MAX_JOINED} times");
        return Err(LakeError::Statement(text));
    }
    Ok(())
}

/// Refuses statements whose names of `with` multiply: one that is used twice is planned twice,
/// and those it uses as often again.
pub(crate) fn wide(statement: &Statement) -> Result<(), LakeError> {
    let Statement::Statement(statement) = statement else { return Ok(()) };
    let mut uses = Uses::default();
    let ControlFlow::Continue(()) = statement.visit(&mut uses);
    let counts = uses.defined.iter().map(|name| uses.used.get(name).copied().unwrap_or(0));
    let times = counts.fold(1_usize, |times, count| times.saturating_mul(count.max(1)));
    if times > MAX_SCANS {
        let text = format!("names of `with` stand for more than {MAX_SCANS} tables");
        return Err(LakeError::Statement(text));
    }
    Ok(())
}

/// The names that a statement defines, and how often it uses which.
#[derive(Default)]
struct Uses {
    defined: Vec<String>,
    used: HashMap<String, usize>,
}

impl Visitor for Uses {
    type Break = std::convert::Infallible;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.defined.extend(tables.map(|table| table.alias.name.value.clone()));
        ControlFlow::Continue(())
    }
    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<Self::Break> {
        let name = name.0.last().and_then(|part| part.as_ident());
        if let Some(name) = name {
            *self.used.entry(name.value.clone()).or_default() += 1;
        }
        ControlFlow::Continue(())
    }
}

/// Refuses plans that would take too long to optimise, or whose rows could take all memory.
pub(crate) fn large(plan: &LogicalPlan) -> Result<(), LakeError> {
    let (mut nodes, mut scans, mut unnests, mut is_deep) = (0_usize, 0_usize, false, false);
    // A name of `with` that is used twice is planned twice, and so on: it is not walked to its end.
    let look = |plan: &LogicalPlan| {
        nodes += 1;
        scans += usize::from(matches!(plan, LogicalPlan::TableScan(_)));
        unnests |= matches!(plan, LogicalPlan::Unnest(_));
        plan.apply_expressions(|expr| {
            is_deep |= is_deeper(expr, MAX_OPERATORS)?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        let is_enough = nodes > MAX_NODES || scans > MAX_SCANS || unnests || is_deep;
        Ok(if is_enough { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    };
    plan.apply_with_subqueries(look).map_err(told)?;
    let text = if unnests {
        // A list becomes rows in one go: lists of lists would take all memory.
        "`unnest` is not answered".to_owned()
    } else if is_deep {
        format!("an expression is at most {MAX_OPERATORS} operators deep")
    } else if nodes > MAX_NODES || scans > MAX_SCANS {
        format!("a statement has at most {MAX_SCANS} tables and {MAX_NODES} steps")
    } else {
        return Ok(());
    };
    Err(LakeError::Statement(text))
}

fn is_deeper(expr: &Expr, left: usize) -> datafusion::common::Result<bool> {
    let Some(left) = left.checked_sub(1) else { return Ok(true) };
    let mut is = false;
    expr.apply_children(|child| {
        is = is_deeper(child, left)?;
        Ok(if is { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(is)
}
