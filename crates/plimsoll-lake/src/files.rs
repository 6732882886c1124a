//! The files of decision tables: their names, how one becomes durable, which of them count.
//!
//! ```text
//! DATA/lake/cursor                                      up to where the ledger is derived
//! DATA/lake/<deployment id>/columns.json                decisions
//! DATA/lake/<deployment id>.outcomes/…                  what turned out to be true of them
//! DATA/lake/<deployment id>.attributes/…                what fairness is measured by
//! DATA/lake/<deployment id>/2026-11-22T09/<first>-<end>-<generation>[s].parquet
//! ```
//!
//! A file holds the decisions of one deployment's hour (or what was told of decisions of that hour) among the ledger's entries `first..end`.
//! It counts if `end` is not beyond the cursor and no other file of its folder replaces it: one
//! with the same entries and a higher generation, or one that holds them and more. So a file
//! becomes valid, and replaces others, by a single rename, and a crash leaves nothing but files
//! that do not count. `s` marks files with strays: decisions whose id is of another hour.

use crate::builder::by_time;
use crate::error::LakeError;
use crate::shape::Slot;
use crate::table::TableId;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{Field, Schema, SchemaRef};
use fs_err as fs;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

/// Rows of a row group: what a look-up by id or subject decodes one column of. Small, so that
/// it takes a millisecond; large enough that a footer stays a thousandth of its file.
const ROW_GROUP: usize = 32_768;
/// Bytes of a row group, which is held encoded until it is whole.
const GROUP_BYTES: usize = 8 << 20;
/// What a column's dictionary may take. It is held beside the encoded pages, with a table of hashes
/// as large, and pays only while values come again.
const DICTIONARY_BYTES: usize = 64 << 10;
/// Rows of a page: what a look-up decodes of the other columns.
const PAGE_ROWS: usize = 4096;
/// The share of row groups that a look-up reads for nothing.
const FALSE_POSITIVES: f64 = 0.01;
/// A file while it is written.
const FRESH: &str = "fresh";
/// How the names of sealed columns begin.
const SEALED: &str = "sealed#";
pub(crate) const COLUMNS_FILE: &str = "columns.json";

/// A file of a decision table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TableFile {
    pub(crate) path: PathBuf,
    pub(crate) hour: u64,
    pub(crate) first: u64,
    pub(crate) end: u64,
    pub(crate) generation: u32,
    pub(crate) has_strays: bool,
    pub(crate) bytes: u64,
    pub(crate) modified: SystemTime,
}

impl TableFile {
    /// Whether this file takes the place of `other` in the same folder.
    fn replaces(&self, other: &Self) -> bool {
        let same = self.first == other.first && self.end == other.end;
        let holds = self.first <= other.first && other.end <= self.end;
        if same { self.generation > other.generation } else { holds }
    }

    fn parse(path: &Path, hour: u64) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_suffix(".parquet")?;
        let (first, rest) = name.split_once('-')?;
        let (end, rest) = rest.split_once('-')?;
        let (generation, has_strays) =
            rest.strip_suffix('s').map_or((rest, false), |rest| (rest, true));
        let meta = fs::metadata(path).ok()?;
        Some(Self {
            path: path.to_path_buf(),
            hour,
            first: first.parse().ok()?,
            end: end.parse().ok()?,
            generation: generation.parse().ok()?,
            has_strays,
            bytes: meta.len(),
            modified: meta.modified().ok()?,
        })
    }
}

/// The name of a file that is yet to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) table: TableId,
    pub(crate) hour: u64,
    pub(crate) first: u64,
    pub(crate) end: u64,
    pub(crate) generation: u32,
    pub(crate) has_strays: bool,
}

impl Wanted {
    fn path(&self, lake: &Path) -> PathBuf {
        let Self { table, hour, first, end, generation, has_strays } = self;
        let strays = if *has_strays { "s" } else { "" };
        lake.join(table.to_string())
            .join(hour_name(*hour))
            .join(format!("{first:020}-{end:020}-{generation}{strays}.parquet"))
    }
}

/// `2026-11-22T09`.
fn hour_name(hour: u64) -> String {
    let second = i64::try_from(hour.saturating_mul(3600)).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_second(second).unwrap_or(jiff::Timestamp::MAX);
    time.strftime("%Y-%m-%dT%H").to_string()
}

fn parse_hour(name: &str) -> Option<u64> {
    let time: jiff::Timestamp = format!("{name}:00:00Z").parse().ok()?;
    u64::try_from(time.as_second() / 3600).ok().filter(|hour| hour_name(*hour) == name)
}

/// The files that count, as one query sees them: files that are replaced meanwhile stay until
/// the last query that may read them has ended.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) tables: HashMap<TableId, Arc<Hours>>,
    /// Set when data is erased: whoever still reads must stop.
    revoked: AtomicBool,
    replaced: Mutex<Vec<PathBuf>>,
    /// Files of this snapshot may be among those that a later one's successor replaced.
    next: OnceLock<Arc<Snapshot>>,
}

/// Files of one table by hour.
pub(crate) type Hours = BTreeMap<u64, Vec<Arc<TableFile>>>;

impl Snapshot {
    pub(crate) fn new(tables: HashMap<TableId, Arc<Hours>>) -> Self {
        let mut snapshot = Self::default();
        snapshot.tables = tables;
        snapshot
    }
    /// The snapshot after this one; what it replaces is removed when nobody reads it any more.
    pub(crate) fn followed_by(&self, next: &Arc<Self>, replaced: Vec<PathBuf>) {
        self.replaced.lock().unwrap_or_else(PoisonError::into_inner).extend(replaced);
        // Set once: only the current snapshot is ever followed.
        drop(self.next.set(Arc::clone(next)));
    }
    pub(crate) fn revoke(&self) {
        self.revoked.store(true, Ordering::Release);
    }
    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Acquire)
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let replaced = self.replaced.get_mut().unwrap_or_else(PoisonError::into_inner);
        for path in replaced.drain(..) {
            // What stays is removed at the next start: it does not count.
            if let Err(error) = fs::remove_file(&path) {
                tracing::debug!(%error, "a replaced table file could not be removed yet");
            }
        }
    }
}

/// The tables that have a folder in the lake.
pub(crate) fn tables(lake: &Path) -> Result<Vec<(TableId, PathBuf)>, LakeError> {
    let mut found = Vec::new();
    for path in list(lake)? {
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(id) = name.and_then(|name| name.parse().ok()).filter(|_| path.is_dir()) {
            found.push((id, path));
        }
    }
    Ok(found)
}

/// The files of a table that count, and those that do not.
pub(crate) fn survey(folder: &Path, cursor: u64) -> Result<(Hours, Vec<PathBuf>), LakeError> {
    let (mut hours, mut useless) = (Hours::new(), Vec::new());
    for inner in list(folder)? {
        let Some(hour) = inner.file_name().and_then(|name| name.to_str()).and_then(parse_hour)
        else {
            continue;
        };
        let mut files = Vec::new();
        for path in list(&inner)? {
            match TableFile::parse(&path, hour).filter(|file| file.end <= cursor) {
                Some(file) => files.push(file),
                None => useless.push(path),
            }
        }
        let counts = |file: &TableFile| !files.iter().any(|other| other.replaces(file));
        let (good, bad): (Vec<_>, Vec<_>) = files.iter().cloned().partition(counts);
        useless.extend(bad.into_iter().map(|file| file.path));
        let mut good: Vec<_> = good.into_iter().map(Arc::new).collect();
        good.sort_by_key(|file| file.first);
        if !good.is_empty() {
            hours.insert(hour, good);
        }
    }
    Ok((hours, useless))
}

/// The paths in a folder; none if there is no such folder.
fn list(folder: &Path) -> Result<Vec<PathBuf>, LakeError> {
    let items = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        items => items.map_err(LakeError::io("list", folder))?,
    };
    let paths = items.map(|item| Ok(item.map_err(LakeError::io("list", folder))?.path()));
    paths.collect()
}

/// Makes a file of these bytes durable under `path`, in one step.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), LakeError> {
    let fresh = path.with_extension(FRESH);
    fs::write(&fresh, bytes).map_err(LakeError::io("write", &fresh))?;
    settle(&fresh, path)
}

/// Contents, then name, then folder.
fn settle(fresh: &Path, path: &Path) -> Result<(), LakeError> {
    let file = fs::File::open(fresh).map_err(LakeError::io("open", fresh))?;
    file.sync_all().map_err(LakeError::io("sync", fresh))?;
    fs::rename(fresh, path).map_err(LakeError::io("rename", fresh))?;
    sync_folder(path.parent().unwrap_or(path))
}

pub(crate) fn sync_folder(folder: &Path) -> Result<(), LakeError> {
    let handle = fs::File::open(folder).map_err(LakeError::io("open", folder))?;
    handle.sync_all().map_err(LakeError::io("sync", folder))
}

/// Makes a folder and those above it, and their names durable up to `root`.
pub(crate) fn make_folder(root: &Path, folder: &Path) -> Result<(), LakeError> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(LakeError::io("make", folder))?;
    for parent in folder.ancestors().skip(1) {
        sync_folder(parent)?;
        if parent == root {
            break;
        }
    }
    Ok(())
}

/// A file being written: row groups of [`ROW_GROUP`] rows or [`GROUP_BYTES`], what comes first.
/// Rows come in about the order of time; within a page they are in it.
pub(crate) struct FileWriter {
    writer: ArrowWriter<std::fs::File>,
    schema: SchemaRef,
    written: u64,
    fresh: PathBuf,
    path: PathBuf,
    hour: u64,
}

impl FileWriter {
    /// Begins a file with these columns.
    pub(crate) fn new(lake: &Path, wanted: &Wanted, schema: SchemaRef) -> Result<Self, LakeError> {
        let path = wanted.path(lake);
        let folder = path.parent().unwrap_or(lake);
        make_folder(lake, folder)?;
        let fresh = path.with_extension(FRESH);
        let file = fs::File::create(&fresh).map_err(LakeError::io("make", &fresh))?;
        let (file, _) = file.into_parts();
        let properties = properties(&schema, wanted)?;
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties))
            .map_err(LakeError::table)?;
        Ok(Self { writer, schema, written: 0, fresh, path, hour: wanted.hour })
    }

    /// Adds rows, a page of them after the other, so that what sorting and encoding take beside
    /// them is small.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        let rows = batch.num_rows();
        for start in (0..rows).step_by(PAGE_ROWS) {
            let page = batch.slice(start, PAGE_ROWS.min(rows - start));
            let page = fit(&by_time(&page)?, &self.schema)?;
            self.writer.write(&page).map_err(LakeError::table)?;
            self.written += page.num_rows() as u64;
        }
        Ok(())
    }

    /// Ends the file and gives it its name, durably.
    pub(crate) fn finish(self) -> Result<(Arc<TableFile>, u64), LakeError> {
        self.writer.close().map_err(LakeError::table)?;
        settle(&self.fresh, &self.path)?;
        let file = TableFile::parse(&self.path, self.hour);
        let what = "a file vanished as soon as it was written";
        let file = file.ok_or(LakeError::Format { path: self.path, what })?;
        Ok((Arc::new(file), self.written))
    }
}

fn properties(schema: &Schema, wanted: &Wanted) -> Result<WriterProperties, LakeError> {
    let zstd = Compression::ZSTD(ZstdLevel::try_new(1).map_err(LakeError::table)?);
    let pair = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    let mut properties = WriterProperties::builder()
        .set_created_by(format!("plimsoll {}", env!("CARGO_PKG_VERSION")))
        .set_compression(zstd)
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_max_row_group_bytes(Some(GROUP_BYTES))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(vec![
            pair("plimsoll.format", "1".into()),
            pair("plimsoll.deployment", wanted.table.deployment.to_string()),
            pair("plimsoll.holds", wanted.table.holds.as_str().into()),
        ]));
    for field in schema.fields() {
        let path = ColumnPath::new(vec![field.name().clone()]);
        if is_unique(field.name()) {
            properties = properties.set_column_dictionary_enabled(path.clone(), false);
        }
        if is_looked_up(field.name()) {
            properties = properties
                .set_column_bloom_filter_enabled(path.clone(), true)
                .set_column_bloom_filter_fpp(path.clone(), FALSE_POSITIVES)
                .set_column_bloom_filter_max_ndv(path.clone(), ROW_GROUP as u64);
        }
        if field.name().starts_with(SEALED) {
            // Nothing is as incompressible as what is sealed.
            properties = properties.set_column_compression(path.clone(), Compression::UNCOMPRESSED);
        }
        let statistics = match field.data_type() {
            // Sealed cells, key ids and salts have no order worth knowing.
            arrow::datatypes::DataType::Binary => EnabledStatistics::None,
            _ if ["decision_id", "time"].contains(&field.name().as_str()) => {
                EnabledStatistics::Page
            }
            _ => continue,
        };
        properties = properties.set_column_statistics_enabled(path, statistics);
    }
    Ok(properties.build())
}

/// Columns in which no value comes again: a dictionary would be one more copy of them.
fn is_unique(name: &str) -> bool {
    name.starts_with(SEALED) || name == "decision_id" || name == "index"
}

/// Columns that single decisions are found by.
pub(crate) fn is_looked_up(name: &str) -> bool {
    let further = name.strip_prefix("subject_").is_some_and(|n| n.parse::<u8>().is_ok());
    name == "decision_id" || name == "subject" || further
}

/// The batch with exactly the columns of `schema`: absent ones null, texts in its form.
pub(crate) fn fit(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, LakeError> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    let column = |field: &Arc<Field>| -> Result<ArrayRef, LakeError> {
        match batch.column_by_name(field.name()) {
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
            Some(array) if array.data_type() == field.data_type() => Ok(Arc::clone(array)),
            Some(array) => cast(array, field.data_type()).map_err(LakeError::table),
        }
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(LakeError::table)
}

/// All columns of these schemas, each once, in the order in which they are met.
pub(crate) fn union<'s>(schemas: impl Iterator<Item = &'s SchemaRef>) -> SchemaRef {
    let mut fields: Vec<Arc<Field>> = Vec::new();
    for field in schemas.flat_map(|schema| schema.fields().iter()) {
        if !fields.iter().any(|known| known.name() == field.name()) {
            fields.push(Arc::clone(field));
        }
    }
    Arc::new(Schema::new(fields))
}

/// Reads a file, some of its columns or all.
pub(crate) fn read(
    file: &TableFile,
    columns: Option<&[Slot]>,
) -> Result<parquet::arrow::arrow_reader::ParquetRecordBatchReader, LakeError> {
    let handle = fs::File::open(&file.path).map_err(LakeError::io("open", &file.path))?;
    let (handle, _) = handle.into_parts();
    let builder = ParquetRecordBatchReaderBuilder::try_new(handle).map_err(LakeError::table)?;
    let builder = builder.with_batch_size(PAGE_ROWS);
    let builder = match columns {
        None => builder,
        Some(slots) => {
            let names = slots.iter().filter_map(|slot| crate::shape::COMMON.get(*slot as usize));
            let names: Vec<_> = names.map(|common| common.name).collect();
            let mask = parquet::arrow::ProjectionMask::columns(builder.parquet_schema(), names);
            builder.with_projection(mask)
        }
    };
    builder.build().map_err(LakeError::table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_have_names() {
        assert_eq!(hour_name(498_585), "2026-11-17T09");
        assert_eq!(parse_hour("2026-11-17T09"), Some(498_585));
        for wrong in ["2026-11-17", "2026-11-17T9", "x", "2026-11-17T25", "1969-12-31T23"] {
            assert_eq!(parse_hour(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_file_that_holds_more_counts() {
        let folder = tempfile::tempdir().expect("folder");
        let deployment = plimsoll_types::DeploymentId::from_bytes([1; 16]);
        let id = TableId::decisions(deployment);
        let wanted =
            Wanted { table: id, hour: 9, first: 0, end: 0, generation: 0, has_strays: false };
        let make = |first, end, generation, has_strays| {
            let wanted = Wanted { first, end, generation, has_strays, ..wanted };
            let path = wanted.path(folder.path());
            fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            fs::write(&path, b"x").expect("write");
            path
        };
        let old = [make(0, 10, 0, false), make(10, 20, 0, true), make(20, 30, 0, false)];
        let merged = make(0, 20, 0, true);
        let rewritten = make(20, 30, 1, false);
        let beyond = make(30, 40, 0, false);
        let fresh = make(0, 20, 0, true).with_extension("fresh");
        fs::write(&fresh, b"x").expect("write");
        let table = folder.path().join(id.to_string());
        let (hours, mut useless) = survey(&table, 30).expect("survey");
        let counting: Vec<_> = hours[&9].iter().map(|file| file.path.clone()).collect();
        assert_eq!(counting, [merged, rewritten]);
        let [a, b, c] = old;
        let mut expected = vec![a, b, c, beyond, fresh];
        useless.sort();
        expected.sort();
        assert_eq!(useless, expected);
    }
}
