//! A decision table as the query engine sees it: the stored columns ([`Stored`]) and, over
//! them, the view that is shown: sealed columns opened or masked, variants under one name.

use crate::column::Kind;
use crate::error::LakeError;
use crate::files::{Hours, Snapshot, TableFile, fit, is_looked_up};
use crate::open::{OPEN, OpenCell};
use crate::shape::{COMMON, DEPLOYMENT, Level, Role, Shape, Slot, Variant};
use crate::source::Source;
use crate::table::TableId;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Column, DFSchema, Result, ScalarValue, TableReference};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{
    BinaryExpr, Expr, LogicalPlan, LogicalPlanBuilder, Operator, ScalarUDF,
    TableProviderFilterPushDown, TableType, cast, lit,
};
use datafusion::object_store::ObjectMeta;
use datafusion::object_store::path::Path;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::union::UnionExec;
use plimsoll_types::{DecisionId, DeploymentId};
use std::sync::Arc;

/// Microseconds of an hour.
const HOUR: u64 = 3_600_000_000;

/// A deployment whose decisions a query may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visible {
    /// The deployment.
    pub deployment: DeploymentId,
    /// Its name, which is its table's.
    pub name: String,
    /// Whether bodies may be read: features, outputs, subjects, principals. They are null
    /// otherwise.
    pub may_open: bool,
}

/// A column as a query sees it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ShownColumn {
    /// Its name.
    pub name: String,
    /// Its type, in the words of Arrow.
    pub kind: String,
    /// Where it comes from: `decision`, `feature`, `context`, `slice`, `output`, `subject`.
    pub role: &'static str,
    /// Whether its cells are sealed under the subjects' keys.
    pub is_sealed: bool,
}

/// The stored columns of a decision table.
#[derive(Debug)]
pub(crate) struct Stored {
    schema: SchemaRef,
    hours: Option<Arc<Hours>>,
    pending: Vec<RecordBatch>,
    /// Keeps the files while they may be read.
    _files: Arc<Snapshot>,
}

impl Stored {
    pub(crate) fn new(
        shape: &Shape,
        id: TableId,
        files: &Arc<Snapshot>,
        pending: &[RecordBatch],
    ) -> Result<Self, LakeError> {
        let schema = shape.schema();
        let pending = pending.iter().map(|batch| fit(batch, &schema)).collect::<Result<_, _>>()?;
        let hours = files.tables.get(&id).cloned();
        Ok(Self { schema, hours, pending, _files: Arc::clone(files) })
    }

    /// Files that may hold what the filters ask for.
    fn wanted(&self, filters: &[Expr]) -> Vec<Arc<TableFile>> {
        let range = Range::of(filters);
        let hours = self.hours.iter().flat_map(|hours| hours.values().flatten());
        hours.filter(|file| range.may_hold(file)).cloned().collect()
    }

    fn files_exec(
        &self,
        state: &dyn Session,
        files: &[Arc<TableFile>],
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let env = state.runtime_env();
        let url = ObjectStoreUrl::local_filesystem();
        let footers = env.cache_manager.get_file_metadata_cache();
        let readers = CachedParquetFileReaderFactory::new(env.object_store(&url)?, footers);
        let mut source = ParquetSource::new(Arc::clone(&self.schema))
            .with_parquet_file_reader_factory(Arc::new(readers))
            .with_enable_page_index(true)
            .with_bloom_filter_on_read(true);
        if let Some(filter) = conjunction(filters.iter().cloned()) {
            let schema = DFSchema::try_from(Arc::clone(&self.schema))?;
            source = source
                .with_predicate(state.create_physical_expr(filter, &schema)?)
                // For a few rows of many: read the column asked by first, of the others what
                // is left.
                .with_pushdown_filters(filters.iter().any(is_look_up));
        }
        let groups = groups(files, state.config().target_partitions())?;
        let config = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_groups(groups)
            .with_limit(limit)
            .with_projection_indices(projection.cloned())?
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// Files in as many groups as there are threads, each about as large.
fn groups(files: &[Arc<TableFile>], count: usize) -> Result<Vec<FileGroup>> {
    let mut groups: Vec<(u64, Vec<PartitionedFile>)> = vec![(0, Vec::new()); count.max(1)];
    for file in files {
        let meta = ObjectMeta {
            location: Path::from_absolute_path(&file.path)?,
            last_modified: file.modified.into(),
            size: file.bytes,
            e_tag: None,
            version: None,
        };
        if let Some((bytes, group)) = groups.iter_mut().min_by_key(|(bytes, _)| *bytes) {
            *bytes += file.bytes;
            group.push(PartitionedFile::new_from_meta(meta));
        }
    }
    let groups = groups.into_iter().filter(|(_, group)| !group.is_empty());
    Ok(groups.map(|(_, group)| FileGroup::new(group)).collect())
}

#[async_trait]
impl TableProvider for Stored {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
    fn table_type(&self) -> TableType {
        TableType::Base
    }
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // What looks into sealed cells is evaluated after they are opened; everything else
        // serves to leave files, row groups and pages out, and is evaluated as well.
        let one = |filter: &&Expr| {
            if opens(filter) {
                TableProviderFilterPushDown::Unsupported
            } else {
                TableProviderFilterPushDown::Inexact
            }
        };
        Ok(filters.iter().map(one).collect())
    }
    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let limit = limit.filter(|_| filters.is_empty());
        let mut plans: Vec<Arc<dyn ExecutionPlan>> = Vec::new();
        let files = self.wanted(filters);
        if !files.is_empty() {
            plans.push(self.files_exec(state, &files, projection, filters, limit)?);
        }
        if !self.pending.is_empty() || plans.is_empty() {
            let pending = [self.pending.clone()];
            let schema = Arc::clone(&self.schema);
            plans.push(MemorySourceConfig::try_new_exec(&pending, schema, projection.cloned())?);
        }
        match <[_; 1]>::try_from(plans) {
            Ok([plan]) => Ok(plan),
            Err(plans) => UnionExec::try_new(plans),
        }
    }
}

fn opens(filter: &Expr) -> bool {
    use datafusion::common::tree_node::TreeNode;
    let is_open =
        |expr: &Expr| Ok(matches!(expr, Expr::ScalarFunction(call) if call.name() == OPEN));
    filter.exists(is_open).unwrap_or(true)
}

/// Whether the filter is an equality by which single decisions are found.
fn is_look_up(filter: &Expr) -> bool {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let is_it = |side: &Expr| matches!(side, Expr::Column(c) if is_looked_up(&c.name));
            is_it(left) || is_it(right)
        }
        // Several subjects' columns with one name asked for.
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or | Operator::And, right }) => {
            is_look_up(left) && is_look_up(right)
        }
        Expr::InList(list) => {
            !list.negated && matches!(&*list.expr, Expr::Column(c) if is_looked_up(&c.name))
        }
        _ => false,
    }
}

/// The times that filters leave, in microseconds, and the one decision, if they name one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    from: i64,
    to: i64,
    id: Option<DecisionId>,
}

impl Range {
    fn of(filters: &[Expr]) -> Self {
        let mut range = Self { from: i64::MIN, to: i64::MAX, id: None };
        filters.iter().for_each(|filter| range.narrow(filter));
        range
    }

    fn narrow(&mut self, filter: &Expr) {
        match filter {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                self.narrow(left);
                self.narrow(right);
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (&**left, &**right) {
                (Expr::Column(column), Expr::Literal(value, _)) => self.bound(column, *op, value),
                (Expr::Literal(value, _), Expr::Column(column)) => {
                    if let Some(op) = op.swap() {
                        self.bound(column, op, value);
                    }
                }
                _ => {}
            },
            Expr::Between(between) if !between.negated => {
                if let Expr::Column(column) = &*between.expr {
                    for (op, end) in
                        [(Operator::GtEq, &between.low), (Operator::LtEq, &between.high)]
                    {
                        if let Expr::Literal(value, _) = &**end {
                            self.bound(column, op, value);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn bound(&mut self, column: &Column, op: Operator, value: &ScalarValue) {
        let is = |slot: Slot| COMMON.get(slot as usize).is_some_and(|c| c.name == column.name);
        if is(Slot::Time)
            && let ScalarValue::TimestampMicrosecond(Some(micros), _) = value
        {
            if matches!(op, Operator::Gt | Operator::GtEq | Operator::Eq) {
                self.from = self.from.max(*micros);
            }
            if matches!(op, Operator::Lt | Operator::LtEq | Operator::Eq) {
                self.to = self.to.min(*micros);
            }
        }
        if is(Slot::DecisionId)
            && op == Operator::Eq
            && let Some(Some(id)) = value.try_as_str()
        {
            self.id = id.parse().ok();
        }
    }

    fn may_hold(&self, file: &TableFile) -> bool {
        let begin = i64::try_from(file.hour.saturating_mul(HOUR)).unwrap_or(i64::MAX);
        let end = i64::try_from((file.hour + 1).saturating_mul(HOUR)).unwrap_or(i64::MAX);
        let in_time = self.from < end && self.to >= begin;
        let may_be = |id: DecisionId| id.time().as_micros() / HOUR == file.hour;
        in_time && (file.has_strays || self.id.is_none_or(may_be))
    }
}

/// Columns as [`view`] shows them.
pub(crate) fn shown(shape: &Shape) -> Vec<ShownColumn> {
    let text = |kind: Kind| match kind {
        Kind::Text => "text".to_owned(),
        kind => kind.data_type().to_string(),
    };
    let common = |common: &crate::shape::Common| ShownColumn {
        name: common.name.to_owned(),
        kind: text(common.kind),
        role: "decision",
        is_sealed: false,
    };
    let deployment = ShownColumn {
        name: DEPLOYMENT.to_owned(),
        kind: "text".to_owned(),
        role: "decision",
        is_sealed: false,
    };
    let first = COMMON.iter().filter(|c| c.level != Level::Hidden).map(common);
    let own = names(shape).into_iter().map(|(name, variants)| ShownColumn {
        name: name.to_owned(),
        kind: text(kind_of(&variants)),
        role: variants.first().map_or(Role::Feature, |(_, v)| v.role).as_str(),
        is_sealed: variants.iter().any(|(_, variant)| variant.sealed),
    });
    std::iter::once(deployment).chain(first).chain(own).collect()
}

/// The deployment's own columns by the names they are shown under, each with its variants and
/// their numbers.
fn names(shape: &Shape) -> Vec<(&str, Vec<(usize, &Variant)>)> {
    let mut names: Vec<(&str, Vec<(usize, &Variant)>)> = Vec::new();
    for (number, variant) in shape.variants().iter().enumerate() {
        match names.iter_mut().find(|(name, _)| *name == variant.name) {
            Some((_, variants)) => variants.push((number, variant)),
            None => names.push((&variant.name, vec![(number, variant)])),
        }
    }
    names
}

fn kind_of(variants: &[(usize, &Variant)]) -> Kind {
    let kinds = variants.iter().map(|(_, variant)| variant.kind);
    kinds.reduce(Kind::widest).unwrap_or(Kind::Text)
}

pub(crate) fn stored(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

pub(crate) fn shown_type(kind: Kind) -> DataType {
    match kind {
        Kind::Text => DataType::Utf8View,
        kind => kind.data_type(),
    }
}

/// The table that is shown: every column under its name, masked where it may not be read.
pub(crate) fn view(
    table: Arc<Stored>,
    shape: &Shape,
    visible: &Visible,
    source: &Source,
) -> Result<LogicalPlan> {
    let mut columns = common_columns(visible)?;
    for (name, variants) in names(shape) {
        let kind = kind_of(&variants);
        let value = if visible.may_open {
            let values = variants.iter().map(|(number, variant)| {
                let value = open(*number, variant, visible, source);
                if variant.kind == kind { value } else { cast(value, shown_type(kind)) }
            });
            let mut values: Vec<Expr> = values.collect();
            if values.len() == 1 { values.remove(0) } else { coalesce(values) }
        } else {
            lit(ScalarValue::try_new_null(&shown_type(kind))?)
        };
        columns.push(value.alias(name));
    }
    // The name is never seen; it must not be one that a caller's aliases could meet.
    LogicalPlanBuilder::scan(TableReference::bare("#stored"), provider_as_source(table), None)?
        .project(columns)?
        .build()
}

/// The columns that every table has, as they are shown.
fn common_columns(visible: &Visible) -> Result<Vec<Expr>> {
    let mut columns =
        vec![lit(ScalarValue::Utf8View(Some(visible.name.clone()))).alias(DEPLOYMENT)];
    for common in COMMON.iter().filter(|common| common.level != Level::Hidden) {
        let value = if common.level == Level::Leaf || visible.may_open {
            stored(common.name)
        } else {
            lit(ScalarValue::try_new_null(&shown_type(common.kind))?).alias(common.name)
        };
        columns.push(value);
    }
    Ok(columns)
}

pub(crate) fn open(number: usize, variant: &Variant, visible: &Visible, source: &Source) -> Expr {
    let cell = stored(&variant.stored);
    if !variant.sealed {
        return cell;
    }
    let function = OpenCell::new(source.clone(), visible.deployment, number, variant.kind);
    let of = |slot: Slot| stored(COMMON.get(slot as usize).map_or("", |common| common.name));
    let args = vec![cell, of(Slot::Keys), of(Slot::Salt), of(Slot::Index), of(Slot::Row)];
    ScalarUDF::from(function).call(args)
}

/// All decisions of these tables, each once: the columns that every table has.
pub(crate) fn decisions(views: Vec<LogicalPlan>) -> Result<LogicalPlan> {
    let names = || {
        let common = COMMON.iter().filter(|common| common.level != Level::Hidden);
        std::iter::once(DEPLOYMENT).chain(common.map(|common| common.name))
    };
    let mut all: Option<LogicalPlanBuilder> = None;
    for view in views {
        let first = stored("row").eq(lit(0_u64));
        let columns = names().map(stored);
        let one = LogicalPlanBuilder::from(view).filter(first)?.project(columns)?.build()?;
        all = Some(match all {
            None => LogicalPlanBuilder::from(one),
            Some(all) => all.union(one)?,
        });
    }
    match all {
        Some(all) => all.build(),
        None => {
            let columns = COMMON.iter().filter(|common| common.level != Level::Hidden);
            let null = |kind: Kind| ScalarValue::try_new_null(&shown_type(kind)).map(lit);
            let mut empty = vec![null(Kind::Text)?.alias(DEPLOYMENT)];
            for common in columns {
                empty.push(null(common.kind)?.alias(common.name));
            }
            LogicalPlanBuilder::empty(false).project(empty)?.build()
        }
    }
}

/// A plan as a table.
pub(crate) fn table(plan: LogicalPlan) -> Arc<dyn TableProvider> {
    Arc::new(ViewTable::new(plan, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::logical_expr::col;
    use plimsoll_types::Time;

    fn file(hour: u64, has_strays: bool) -> TableFile {
        let path = "/x".into();
        let modified = std::time::UNIX_EPOCH;
        TableFile { path, hour, first: 0, end: 1, generation: 0, has_strays, bytes: 0, modified }
    }

    #[test]
    fn files_of_other_hours_are_left_out() {
        let at =
            |micros: i64| lit(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())));
        let hour = i64::try_from(HOUR).expect("small");
        let left = |filters: &[Expr]| {
            let range = Range::of(filters);
            (0..6).filter(|hour| range.may_hold(&file(*hour, false))).collect::<Vec<_>>()
        };
        assert_eq!(left(&[]), [0, 1, 2, 3, 4, 5]);
        assert_eq!(left(&[col("time").gt_eq(at(2 * hour))]), [2, 3, 4, 5]);
        assert_eq!(left(&[col("time").lt(at(2 * hour))]), [0, 1, 2], "a bound is taken as in");
        assert_eq!(left(&[col("time").gt(at(hour)).and(col("time").lt_eq(at(hour + 1)))]), [1]);
        assert_eq!(left(&[at(4 * hour).lt_eq(col("time"))]), [4, 5]);
        assert_eq!(left(&[col("time").between(at(hour + 5), at(2 * hour + 5))]), [1, 2]);
        assert_eq!(left(&[col("time").gt(at(hour)).or(col("time").lt(at(0)))]).len(), 6);
        let id = DecisionId::new(Time::from_micros(3 * HOUR + 17));
        assert_eq!(left(&[col("decision_id").eq(lit(id.to_string()))]), [3]);
        let range = Range::of(&[col("decision_id").eq(lit(id.to_string()))]);
        assert!(range.may_hold(&file(5, true)), "strays may be anywhere");
        assert_eq!(left(&[col("decision_id").eq(lit("no id"))]).len(), 6);
    }
}
