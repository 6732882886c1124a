//! What makes a query end when it is over. The engine's joins may work for minutes between two
//! rows; here they come to take turns with other queries, and look whether theirs still counts.

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder, SortMergeJoinExec,
};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::Instant;

/// Whether a query is over: its time is up, or nobody reads it any more.
#[derive(Debug)]
pub(crate) struct Over {
    deadline: Instant,
    left: AtomicBool,
}

impl Over {
    pub(crate) fn at(deadline: Instant) -> Self {
        Self { deadline, left: AtomicBool::new(false) }
    }
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }
    /// Nobody reads the query any more.
    pub(crate) fn leave(&self) {
        self.left.store(true, Ordering::Relaxed);
    }
    pub(crate) fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }
    fn is(&self) -> bool {
        self.left.load(Ordering::Relaxed) || self.is_late()
    }
}

/// The plan whose joins take turns and end when the query is over.
pub(crate) fn taking_turns(
    plan: Arc<dyn ExecutionPlan>,
    over: &Arc<Over>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let guarded =
        |filter: Option<&JoinFilter>| filter.map(|filter| looks(filter, over)).transpose();
    let done = plan.transform_up(|node| {
        let join: Arc<dyn ExecutionPlan> = if let Some(join) = node.downcast_ref::<HashJoinExec>() {
            match guarded(join.filter())? {
                Some(filter) => join.builder().with_filter(Some(filter)).build_exec()?,
                None => node,
            }
        } else if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
            let filter = guarded(join.filter())?;
            Arc::new(NestedLoopJoinExecBuilder::from(join).with_filter(filter).build()?)
        } else if node.is::<CrossJoinExec>() || node.is::<SortMergeJoinExec>() {
            node
        } else {
            return Ok(Transformed::no(node));
        };
        Ok(Transformed::yes(Arc::new(CooperativeExec::new(join)) as Arc<dyn ExecutionPlan>))
    })?;
    Ok(done.data)
}

/// The filter, which looks whether the query is over for every few thousand pairs.
fn looks(filter: &JoinFilter, over: &Arc<Over>) -> Result<JoinFilter> {
    let look = Arc::new(ScalarUDF::from(Look::new(Arc::clone(over))));
    let expression = ScalarFunctionExpr::try_new(
        look,
        vec![Arc::clone(filter.expression())],
        filter.schema(),
        Arc::new(ConfigOptions::default()),
    )?;
    let expression: Arc<dyn PhysicalExpr> = Arc::new(expression);
    let (columns, schema) = (filter.column_indices().to_vec(), Arc::clone(filter.schema()));
    Ok(JoinFilter::new(expression, columns, schema))
}

/// Gives what it is given, unless the query is over.
#[derive(Debug)]
struct Look {
    over: Arc<Over>,
    signature: Signature,
}

impl Look {
    fn new(over: Arc<Over>) -> Self {
        Self { over, signature: Signature::exact(vec![DataType::Boolean], Volatility::Volatile) }
    }
}

impl PartialEq for Look {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.over, &other.over)
    }
}
impl Eq for Look {}
impl Hash for Look {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.over).hash(state);
    }
}

impl ScalarUDFImpl for Look {
    fn name(&self) -> &str {
        "plimsoll_look"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if self.over.is() {
            return exec_err!("the query is over");
        }
        match args.args.into_iter().next() {
            Some(value) => Ok(value),
            None => exec_err!("there is nothing to give"),
        }
    }
}
