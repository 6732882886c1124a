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

/// What a cell takes in its column: a number, or the place of a text.
const SLOT: usize = 8;

/// Rows while they are made.
#[derive(Debug)]
pub(crate) struct Builder {
    rows: usize,
    bytes: usize,
    /// By place in the shape; those not met yet are absent.
    columns: Vec<Option<Column>>,
    salt: [u8; 16],
    cell_keys: HashMap<Vec<KeyId>, Arc<Option<CellKey>>>,
    /// The last of them that was used: the cells of a row have one key.
    last_key: (Vec<KeyId>, Arc<Option<CellKey>>),
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
            bytes: 0,
            columns: Vec::new(),
            salt,
            cell_keys: HashMap::new(),
            last_key: (Vec::new(), Arc::new(None)),
            scratch: Vec::new(),
            sealed: Vec::new(),
            has_strays: false,
        }
    }

    /// What the rows take in memory, about: never much less than they do.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sets a column of the current row.
    pub(crate) fn set(&mut self, shape: &Shape, place: usize, value: Value<'_>) {
        let rows = self.rows;
        if let Some(column) = self.column(shape, place).filter(|column| column.len() == rows) {
            column.push(value);
            self.bytes += value.beside();
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
        if self.last_key.1.is_none() || self.last_key.0 != at.holders {
            self.last_key = (at.holders.to_vec(), self.cell_key(keys, at.holders)?);
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut sealed = std::mem::take(&mut self.sealed);
        scratch.clear();
        sealed.clear();
        cell::encode(value, &mut scratch);
        if let Some(key) = self.last_key.1.as_ref() {
            let nonce = cell::nonce(at.index, at.row, place.saturating_sub(COMMON.len()));
            key.seal(nonce, &scratch, &mut sealed)?;
            self.set(shape, place, Value::Bytes(&sealed));
        }
        (self.scratch, self.sealed) = (scratch, sealed);
        Ok(())
    }

    /// The key of the cells of these holders; none if one of theirs is gone.
    fn cell_key(
        &mut self,
        keys: &Keys,
        holders: &[KeyId],
    ) -> Result<Arc<Option<CellKey>>, LakeError> {
        if let Some(key) = self.cell_keys.get(holders) {
            return Ok(Arc::clone(key));
        }
        if self.cell_keys.len() >= MAX_CELL_KEYS {
            self.cell_keys.clear();
        }
        let key = Arc::new(keys.cell_key(holders, &self.salt)?);
        self.cell_keys.insert(holders.to_vec(), Arc::clone(&key));
        Ok(key)
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
        self.bytes += self.columns.len() * SLOT;
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

    /// The rows so far.
    pub(crate) fn batch(&self, shape: &Shape) -> Result<RecordBatch, LakeError> {
        let arrays = self.columns.iter().map(|column| column.as_ref().map(Column::array));
        batch(shape, arrays)
    }

    /// The rows, and no second copy of them.
    pub(crate) fn into_batch(self, shape: &Shape) -> Result<RecordBatch, LakeError> {
        let arrays = self.columns.into_iter().map(|column| column.map(Column::into_array));
        batch(shape, arrays)
    }
}

/// Columns by their place in the shape, as a batch.
fn batch(
    shape: &Shape,
    arrays: impl Iterator<Item = Option<ArrayRef>>,
) -> Result<RecordBatch, LakeError> {
    let named = arrays.enumerate().filter_map(|(place, array)| shape.stored_name(place).zip(array));
    let (fields, arrays): (Vec<_>, Vec<_>) = named
        .map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array))
        .unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(LakeError::table)
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
