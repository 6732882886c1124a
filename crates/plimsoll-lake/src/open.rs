//! The functions that queries have beside the engine's own: one opens sealed cells, and is put
//! into plans by us alone; one turns a subject's name into the pseudonym it is stored under.

use crate::cell;
use crate::column::{Column, Kind};
use crate::source::Source;
use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, UInt64Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use plimsoll_ledger::{CellKey, Keys};
use plimsoll_types::digest::hex;
use plimsoll_types::{DeploymentId, KeyId, TenantId};
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

/// The name of [`OpenCell`] in plans. Nobody can call it: it is not registered.
pub(crate) const OPEN: &str = "plimsoll_open";
/// Cell keys that one thread of a query keeps; 4,096 × about 600 bytes are 2.5 MB.
const MAX_CELL_KEYS: usize = 4096;

type CellKeys = HashMap<(Vec<u8>, Vec<u8>), Option<CellKey>>;

/// Opens sealed cells of one stored column. A cell whose key is gone is null.
pub(crate) struct OpenCell {
    source: Source,
    deployment: DeploymentId,
    /// Number of the stored column, as cells were sealed with.
    column: usize,
    kind: Kind,
    signature: Signature,
    /// Keys for the threads of the query to take and give back.
    keys: Mutex<Vec<CellKeys>>,
}

impl OpenCell {
    pub(crate) fn new(source: Source, deployment: DeploymentId, column: usize, kind: Kind) -> Self {
        // cell, keys, salt, index, row
        let types = vec![
            DataType::Binary,
            DataType::Binary,
            DataType::Binary,
            DataType::UInt64,
            DataType::UInt64,
        ];
        let signature = Signature::exact(types, Volatility::Stable);
        Self { source, deployment, column, kind, signature, keys: Mutex::default() }
    }

    fn pool(&self) -> std::sync::MutexGuard<'_, Vec<CellKeys>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, keys: &Keys, cells: &Cells<'_>) -> Result<ArrayRef> {
        let mut known = self.pool().pop().unwrap_or_default();
        let mut column = Column::new(self.kind);
        let (mut cell, mut text) = (Vec::new(), String::new());
        for place in 0..cells.cell.len() {
            if cells.cell.is_null(place) || cells.keys.is_null(place) || cells.salt.is_null(place) {
                column.push_null();
                continue;
            }
            let name = (cells.keys.value(place).to_vec(), cells.salt.value(place).to_vec());
            if known.len() >= MAX_CELL_KEYS && !known.contains_key(&name) {
                known.clear();
            }
            if !known.contains_key(&name) {
                let key = cell_key(keys, &name.0, &name.1)?;
                known.insert(name.clone(), key);
            }
            cell.clear();
            cell.extend_from_slice(cells.cell.value(place));
            let nonce = cell::nonce(cells.index.value(place), cells.row.value(place), self.column);
            let key = known.get(&name).and_then(Option::as_ref);
            let opened = key.and_then(|key| key.open(nonce, &mut cell)).and_then(cell::decode);
            match opened.as_ref().and_then(|value| value.as_kind(self.kind, &mut text)) {
                Some(value) => column.push(value),
                None => column.push_null(),
            }
        }
        self.pool().push(known);
        let array = column.array();
        Ok(if self.kind == Kind::Text { cast(&array, &DataType::Utf8View)? } else { array })
    }
}

/// The arguments, as arrays of one length.
struct Cells<'a> {
    cell: &'a BinaryArray,
    keys: &'a BinaryArray,
    salt: &'a BinaryArray,
    index: &'a PrimitiveArray<UInt64Type>,
    row: &'a PrimitiveArray<UInt64Type>,
}

fn cell_key(keys: &Keys, holders: &[u8], salt: &[u8]) -> Result<Option<CellKey>> {
    let (holders, rest) = holders.as_chunks::<16>();
    let Ok(salt) = <&[u8; 16]>::try_from(salt) else { return Ok(None) };
    if !rest.is_empty() {
        return Ok(None);
    }
    let holders: Vec<KeyId> = holders.iter().copied().map(KeyId::from_bytes).collect();
    match keys.cell_key(&holders, salt) {
        Ok(key) => Ok(key),
        Err(error) => exec_err!("the keys could not be read: {error}"),
    }
}

impl std::fmt::Debug for OpenCell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenCell").field("column", &self.column).finish_non_exhaustive()
    }
}

impl PartialEq for OpenCell {
    fn eq(&self, other: &Self) -> bool {
        (self.deployment, self.column, self.kind) == (other.deployment, other.column, other.kind)
    }
}
impl Eq for OpenCell {}
impl Hash for OpenCell {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.deployment, self.column, self.kind).hash(state);
    }
}

impl ScalarUDFImpl for OpenCell {
    fn name(&self) -> &str {
        OPEN
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.kind {
            Kind::Text => DataType::Utf8View,
            kind => kind.data_type(),
        })
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(keys) = self.source.keys() else {
            let null = ScalarValue::try_new_null(args.return_field.data_type())?;
            return Ok(ColumnarValue::Scalar(null));
        };
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let binary = |place: usize| arrays.get(place).and_then(|a| a.as_binary_opt::<i32>());
        let count =
            |place: usize| arrays.get(place).and_then(|a| a.as_primitive_opt::<UInt64Type>());
        let (Some(cell), Some(key), Some(salt), Some(index), Some(row)) =
            (binary(0), binary(1), binary(2), count(3), count(4))
        else {
            return exec_err!("sealed cells are not in the form they should be in");
        };
        let cells = Cells { cell, keys: key, salt, index, row };
        Ok(ColumnarValue::Array(self.open(keys, &cells)?))
    }
}

/// `subject('name')`: the pseudonym that the column `subject` holds.
#[derive(Debug)]
pub(crate) struct SubjectOf {
    source: Source,
    tenant: TenantId,
    signature: Signature,
}

impl SubjectOf {
    pub(crate) fn new(source: Source, tenant: TenantId) -> Self {
        let signature = Signature::exact(vec![DataType::Utf8], Volatility::Immutable);
        Self { source, tenant, signature }
    }
}

impl PartialEq for SubjectOf {
    fn eq(&self, other: &Self) -> bool {
        self.tenant == other.tenant
    }
}
impl Eq for SubjectOf {}
impl Hash for SubjectOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.tenant.hash(state);
    }
}

impl ScalarUDFImpl for SubjectOf {
    fn name(&self) -> &str {
        "subject"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(keys) = self.source.keys() else {
            return exec_err!("looking for a subject needs the keys folder");
        };
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let Some(names) = arrays.first().and_then(|a| a.as_string_opt::<i32>()) else {
            return exec_err!("`subject` takes one text");
        };
        let pseudonym = |name: &str| hex(&keys.subject_pseudonym(self.tenant, name));
        match args.args.first() {
            Some(ColumnarValue::Scalar(_)) if names.len() == 1 => {
                let name = names.is_valid(0).then(|| pseudonym(names.value(0)));
                Ok(ColumnarValue::Scalar(ScalarValue::Utf8(name)))
            }
            _ => {
                let all = names.iter().map(|name| name.map(pseudonym));
                Ok(ColumnarValue::Array(Arc::new(all.collect::<arrow::array::StringArray>())))
            }
        }
    }
}
