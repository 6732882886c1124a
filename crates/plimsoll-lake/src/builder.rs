//! Rows of one deployment's hour while they are made.

use crate::cell;
use crate::column::{Column, Value};
use crate::error::LakeError;
use crate::shape::{COMMON, Shape, Slot};
use arrow::array::ArrayRef;
use arrow::compute::{SortColumn, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use plimsoll_ledger::{CellKey, Keys};
use plimsoll_types::KeyId;
use std::collections::HashMap;
use std::sync::Arc;

/// Cell keys kept while a table is made; subjects come back within minutes or not at all.
/// 4,096 × about 600 bytes are 2.5 MB.
const MAX_CELL_KEYS: usize = 4096;

/// Rows while they are made.
#[derive(Debug)]
pub(crate) struct Builder {
    rows: usize,
    /// By place in the shape; those not met yet are absent.
    columns: Vec<Option<Column>>,
    salt: [u8; 16],
    cell_keys: HashMap<Vec<KeyId>, Option<CellKey>>,
    scratch: Vec<u8>,
    sealed: Vec<u8>,
    /// Whether a decision's id was made in another hour than the decision: one that a crash
    /// cut short and the next start closed.
    pub(crate) has_strays: bool,
}

/// The row that is being made: which entry, which of its rows, under whose keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) index: u64,
    pub(crate) row: u64,
    pub(crate) holders: &'a [KeyId],
}

impl Builder {
    pub(crate) fn new(salt: [u8; 16]) -> Self {
        Self {
            rows: 0,
            columns: Vec::new(),
            salt,
            cell_keys: HashMap::new(),
            scratch: Vec::new(),
            sealed: Vec::new(),
            has_strays: false,
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Sets a column of the current row.
    pub(crate) fn set(&mut self, shape: &Shape, place: usize, value: Value<'_>) {
        let rows = self.rows;
        if let Some(column) = self.column(shape, place).filter(|column| column.len() == rows) {
            column.push(value);
        }
    }

    /// Sets a column that every table has.
    pub(crate) fn common(&mut self, shape: &Shape, slot: Slot, value: Value<'_>) {
        self.set(shape, slot as usize, value);
    }

    /// Sets a column of the current row to a sealed cell.
    pub(crate) fn seal(
        &mut self,
        keys: &Keys,
        shape: &Shape,
        at: Place<'_>,
        place: usize,
        value: Option<Value<'_>>,
    ) -> Result<(), LakeError> {
        if self.cell_keys.len() >= MAX_CELL_KEYS {
            self.cell_keys.clear();
        }
        if !self.cell_keys.contains_key(at.holders) {
            let key = keys.cell_key(at.holders, &self.salt)?;
            self.cell_keys.insert(at.holders.to_vec(), key);
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut sealed = std::mem::take(&mut self.sealed);
        scratch.clear();
        sealed.clear();
        cell::encode(value, &mut scratch);
        if let Some(Some(key)) = self.cell_keys.get(at.holders) {
            let nonce = cell::nonce(at.index, at.row, place.saturating_sub(COMMON.len()));
            key.seal(nonce, &scratch, &mut sealed)?;
            self.set(shape, place, Value::Bytes(&sealed));
        }
        (self.scratch, self.sealed) = (scratch, sealed);
        Ok(())
    }

    /// Names the keys of the current row, so that it can be opened and erased.
    pub(crate) fn holders(&mut self, shape: &Shape, holders: &[KeyId]) {
        let bytes: Vec<u8> = holders.iter().flat_map(KeyId::as_bytes).copied().collect();
        self.common(shape, Slot::Keys, Value::Bytes(&bytes));
        let salt = self.salt;
        self.common(shape, Slot::Salt, Value::Bytes(&salt));
    }

    /// Ends the current row: what was not set is null.
    pub(crate) fn end_row(&mut self) {
        self.rows += 1;
        let rows = self.rows;
        self.columns.iter_mut().flatten().for_each(|column| column.fill(rows));
    }

    fn column(&mut self, shape: &Shape, place: usize) -> Option<&mut Column> {
        if place >= self.columns.len() {
            self.columns.resize_with(place + 1, || None);
        }
        let column = self.columns.get_mut(place)?;
        if column.is_none() {
            let mut fresh = Column::new(shape.stored_kind(place)?);
            fresh.fill(self.rows);
            *column = Some(fresh);
        }
        column.as_mut()
    }

    /// The rows so far, by time.
    pub(crate) fn batch(&self, shape: &Shape) -> Result<RecordBatch, LakeError> {
        let mut fields = Vec::with_capacity(self.columns.len());
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        for (place, column) in self.columns.iter().enumerate() {
            let Some((column, name)) = column.as_ref().zip(shape.stored_name(place)) else {
                continue;
            };
            let array = column.array();
            fields.push(Field::new(name, array.data_type().clone(), true));
            arrays.push(array);
        }
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(schema, arrays).map_err(LakeError::table)?;
        by_time(&batch)
    }
}

/// The rows in the order of their time, then of the ledger.
pub(crate) fn by_time(batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
    let column = |slot: Slot| {
        let name = COMMON.get(slot as usize).map_or("", |common| common.name);
        batch
            .column_by_name(name)
            .map(|values| SortColumn { values: Arc::clone(values), options: None })
    };
    let order: Vec<_> =
        [Slot::Time, Slot::Index, Slot::Row].into_iter().filter_map(column).collect();
    let order = lexsort_to_indices(&order, None).map_err(LakeError::table)?;
    if order.values().iter().zip(0..).all(|(place, expected)| *place == expected) {
        return Ok(batch.clone());
    }
    take_record_batch(batch, &order).map_err(LakeError::table)
}
