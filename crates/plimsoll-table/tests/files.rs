//! Tables written to real files and read back.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Int16Array,
    LargeStringArray, NullArray, StringViewArray, StructArray, TimestampSecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int8Type};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use plimsoll_table::{
    Coded, Column, ColumnData, ColumnKind, Limits, MAX_BATCH_ROWS, Table, TableError, TableReader,
    TableWriter, read, summarise,
};
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file in a folder that goes away with it.
struct Place(tempfile::TempDir, PathBuf);

fn place(name: &str) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    Place(folder, path)
}

fn csv(text: impl AsRef<[u8]>) -> Place {
    let place = place("table.csv");
    std::fs::write(&place.1, text).unwrap();
    place
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Place {
    let place = place("table.parquet");
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(&place.1).unwrap(), batch.schema(), None)
            .unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    place
}

fn all(path: &Path) -> Result<Table, TableError> {
    read(path, &Limits::default(), None)
}

fn table(columns: Vec<(&str, ColumnData)>) -> Table {
    let rows = columns.first().map_or(0, |(_, data)| data.len());
    let columns =
        columns.into_iter().map(|(name, data)| Column { name: name.to_owned(), data }).collect();
    Table { columns, rows }
}

/// What went wrong, with the folder taken out of it.
fn why(place: &Place) -> String {
    let error = all(&place.1).unwrap_err();
    error.to_string().replace(place.0.path().to_str().unwrap(), "")
}

fn write(path: &Path, table: &Table) {
    let schema: Vec<_> = table.schema().collect();
    let mut writer = TableWriter::create(path, &schema).unwrap();
    writer.write(table).unwrap();
    writer.finish().unwrap();
}

#[test]
fn csv_types_are_guessed_from_all_rows() {
    let file = csv("\u{feff}flag,count,share,code,long,when,text,nothing\n\
        true,1,1,007,12345678901234567890,2026-11-22T06:40:00Z,a,\n\
        ,-2,,12,1,,\"b, \"\"c\"\"\nd\",\n\
        FALSE,,2.5e3,3,2,2026-11-22 06:40:00.25+01:00,,\n");
    let text = |values: &[Option<&str>]| {
        ColumnData::Text(values.iter().map(|v| v.map(Box::from)).collect())
    };
    let read = all(&file.1).unwrap();
    let ColumnData::Number(share) = &read.column("share").unwrap().data else {
        panic!("no numbers")
    };
    assert_eq!((share[0], share[1].is_nan(), share[2]), (1.0, true, 2500.0));
    let ColumnData::Number(nothing) = &read.column("nothing").unwrap().data else {
        panic!("no numbers")
    };
    assert!(nothing.iter().all(|number| number.is_nan()));
    for (name, data) in [
        ("flag", ColumnData::Boolean(vec![Some(true), None, Some(false)])),
        ("count", ColumnData::Integer(vec![Some(1), Some(-2), None])),
        ("code", text(&[Some("007"), Some("12"), Some("3")])),
        ("long", text(&[Some("12345678901234567890"), Some("1"), Some("2")])),
        (
            "when",
            ColumnData::Timestamp(vec![
                Some(1_795_329_600_000_000),
                None,
                Some(1_795_326_000_250_000),
            ]),
        ),
        ("text", text(&[Some("a"), Some("b, \"c\"\nd"), None])),
    ] {
        assert_eq!(read.column(name).unwrap().data, data, "{name}");
    }
}

#[test]
fn columns_are_chosen_and_ordered() {
    for file in [
        csv("a,b,c\n1,2,3\n"),
        parquet(vec![
            ("a", Arc::new(Int16Array::from(vec![1]))),
            ("b", Arc::new(Int16Array::from(vec![2]))),
            ("c", Arc::new(Int16Array::from(vec![3]))),
        ]),
    ] {
        let read = |columns: &[&str]| read(&file.1, &Limits::default(), Some(columns));
        let expected = table(vec![
            ("c", ColumnData::Integer(vec![Some(3)])),
            ("a", ColumnData::Integer(vec![Some(1)])),
        ]);
        assert_eq!(read(&["c", "a"]).unwrap(), expected);
        assert!(read(&["d"]).unwrap_err().to_string().ends_with("has no column `d`"));
    }
}

#[test]
fn what_is_wrong_with_a_csv_file() {
    for (text, error) in [
        (&b""[..], "`/table.csv` has an unusable header: the file is empty"),
        (b"a,b,a\n", "`/table.csv` has an unusable header: column `a` is there twice"),
        (b"a,,b\n", "`/table.csv` has an unusable header: column 2 has no name"),
        (
            b"a,b\n1,2\n3\n",
            "line 3 of `/table.csv` cannot be read: it has 1 fields, the header has 2",
        ),
        (b"a,b\n1,2\n3,\xff\n", "line 3 of `/table.csv` cannot be read: column 2 is not UTF-8"),
    ] {
        assert_eq!(why(&csv(text)), error);
    }
    let endless = [&b"a\n\""[..], &vec![b'x'; 20 << 20]].concat();
    assert_eq!(
        why(&csv(endless)),
        "line 2 of `/table.csv` cannot be read: a row is longer than 16777216 bytes; is a quote left open?",
    );
}

#[test]
fn what_is_wrong_with_a_parquet_file() {
    let damaged = place("table.parquet");
    std::fs::write(&damaged.1, "PAR1 and then nothing PAR1").unwrap();
    assert_eq!(why(&damaged), "`/table.parquet` is not readable or writable as Parquet");
    let decimal = Decimal128Array::from(vec![1]).with_precision_and_scale(10, 2).unwrap();
    let inner: ArrayRef = Arc::new(Int16Array::from(vec![1]));
    let nested = StructArray::from(vec![(Arc::new(Field::new("x", DataType::Int16, true)), inner)]);
    for (array, data_type) in
        [(Arc::new(decimal) as ArrayRef, "Decimal128(10, 2)"), (Arc::new(nested), "Struct(")]
    {
        let why = why(&parquet(vec![("odd", array)]));
        let expected = format!("column `odd` of `/table.parquet` has the type {data_type}");
        assert!(why.starts_with(&expected), "{why}");
    }
    let large = parquet(vec![("id", Arc::new(UInt64Array::from(vec![u64::MAX])))]);
    assert_eq!(
        why(&large),
        "column `id` of `/table.parquet` has a value that does not fit its type"
    );
    assert_eq!(why(&place("table.json")), "`/table.json` is neither a .csv nor a .parquet file");
    assert_eq!(why(&place("none.csv")), "cannot read or write `/none.csv`");
}

#[test]
fn parquet_types_become_ours() {
    let dictionary: DictionaryArray<Int8Type> =
        vec![Some("x"), None, Some("x")].into_iter().collect();
    let file = parquet(vec![
        ("f32", Arc::new(Float32Array::from(vec![Some(0.1), None, Some(f32::NAN)]))),
        ("u64", Arc::new(UInt64Array::from(vec![Some(1), None, Some(3)]))),
        ("dictionary", Arc::new(dictionary)),
        ("view", Arc::new(StringViewArray::from(vec![Some("a"), None, Some("b")]))),
        ("large", Arc::new(LargeStringArray::from(vec![Some("a"), None, Some("b")]))),
        (
            "seconds",
            Arc::new(
                TimestampSecondArray::from(vec![Some(1), None, Some(-1)]).with_timezone("+02:00"),
            ),
        ),
        ("date", Arc::new(Date32Array::from(vec![Some(1), None, Some(-1)]))),
        ("null", Arc::new(NullArray::new(3))),
    ]);
    let read = all(&file.1).unwrap();
    let shown: Vec<String> =
        read.columns.iter().map(|column| format!("{}: {:?}", column.name, column.data)).collect();
    assert_eq!(
        shown,
        [
            "f32: Number([0.10000000149011612, NaN, NaN])",
            "u64: Integer([Some(1), None, Some(3)])",
            "dictionary: Text([Some(\"x\"), None, Some(\"x\")])",
            "view: Text([Some(\"a\"), None, Some(\"b\")])",
            "large: Text([Some(\"a\"), None, Some(\"b\")])",
            "seconds: Timestamp([Some(1000000), None, Some(-1000000)])",
            "date: Timestamp([Some(86400000000), None, Some(-86400000000)])",
            "null: Number([NaN, NaN, NaN])",
        ]
    );
}

#[test]
fn large_files_come_in_batches() {
    let rows = MAX_BATCH_ROWS * 2 + 5;
    let values: Vec<_> = (0..i64::try_from(rows).unwrap()).map(Some).collect();
    let written = table(vec![("row", ColumnData::Integer(values))]);
    for name in ["t.csv", "t.parquet"] {
        let file = place(name);
        write(&file.1, &written);
        let reader = TableReader::open(&file.1, &Limits::default(), None).unwrap();
        let sizes: Vec<_> = reader.map(|batch| batch.unwrap().rows).collect();
        assert_eq!(sizes, [MAX_BATCH_ROWS, MAX_BATCH_ROWS, 5]);
        assert_eq!(all(&file.1).unwrap(), written);
        let few = Limits { max_rows: 70_000, ..Limits::default() };
        let mut reader = TableReader::open(&file.1, &few, None).unwrap();
        assert!(reader.next().unwrap().is_ok());
        assert!(
            reader
                .next()
                .unwrap()
                .unwrap_err()
                .to_string()
                .ends_with("is too large: more than 70000 rows")
        );
        assert!(reader.next().is_none());
        let small = Limits { max_bytes: 10, ..Limits::default() };
        assert!(matches!(read(&file.1, &small, None), Err(TableError::TooLarge { .. })));
        let narrow = Limits { max_columns: 0, ..Limits::default() };
        assert!(matches!(read(&file.1, &narrow, None), Err(TableError::Header { .. })));
    }
}

#[test]
fn a_batch_must_have_the_columns_of_the_file() {
    let file = place("t.parquet");
    let one = table(vec![("a", ColumnData::Integer(vec![Some(1)]))]);
    let mut writer = TableWriter::create(&file.1, &one.schema().collect::<Vec<_>>()).unwrap();
    let other = table(vec![("a", ColumnData::Number(vec![1.0]))]);
    assert!(matches!(writer.write(&other), Err(TableError::OtherColumns { .. })));
}

#[test]
fn a_summary_holds_what_a_contract_needs() {
    let mut text = "name,n,x,when\n".to_owned();
    for i in 0..60 {
        text += &format!(
            "{},{i},{},1970-01-01T00:00:{i:02}Z\n",
            ["a", "", "bcé"][i % 3],
            if i == 7 { "".to_owned() } else { format!("{i}.5") }
        );
    }
    let file = csv(text);
    let reader = TableReader::open(&file.1, &Limits::default(), None).unwrap();
    let schema = reader.schema().to_vec();
    let summaries = summarise(&schema, reader).unwrap();
    let shown: Vec<_> = summaries
        .iter()
        .map(|one| (one.kind, one.rows, one.nulls, one.min, one.max, one.max_length))
        .collect();
    assert_eq!(
        shown,
        [
            (ColumnKind::Text, 60, 20, None, None, 3),
            (ColumnKind::Integer, 60, 0, Some(0.0), Some(59.0), 0),
            (ColumnKind::Number, 60, 1, Some(0.5), Some(59.5), 0),
            (ColumnKind::Timestamp, 60, 0, Some(0.0), Some(59e6), 0),
        ]
    );
    assert_eq!(summaries[0].distinct.as_deref(), Some(&["a".to_owned(), "bcé".to_owned()][..]));
    let many = csv((0..52).fold("name\n".to_owned(), |text, i| text + &format!("n{i}\n")));
    let reader = TableReader::open(&many.1, &Limits::default(), None).unwrap();
    let schema = reader.schema().to_vec();
    assert_eq!(summarise(&schema, reader).unwrap()[0].distinct, None);
}

fn some<T: std::fmt::Debug + Clone + 'static>(
    values: impl Strategy<Value = T> + 'static,
    rows: usize,
) -> impl Strategy<Value = Vec<Option<T>>> {
    prop::collection::vec(prop::option::weighted(0.8, values), rows)
}

/// A table; `text` is what its texts are made of.
fn tables(text: &'static str) -> impl Strategy<Value = Table> {
    // Within the years that timestamps in nanoseconds have.
    let micros = -9_000_000_000_000_000..9_000_000_000_000_000_i64;
    (1..20_usize)
        .prop_flat_map(move |rows| {
            (
                some(any::<f64>().prop_filter("a number", |v| !v.is_nan()), rows),
                some(any::<i64>(), rows),
                some(any::<bool>(), rows),
                some(text.prop_map(|text: String| text.into_boxed_str()), rows),
                some(micros.clone(), rows),
            )
        })
        .prop_map(|(numbers, integers, booleans, texts, times)| {
            let numbers = numbers.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect();
            table(vec![
                ("number, with a comma", ColumnData::Number(numbers)),
                ("integer", ColumnData::Integer(integers)),
                ("boolean", ColumnData::Boolean(booleans)),
                ("text", ColumnData::Text(texts)),
                ("time", ColumnData::Timestamp(times)),
            ])
        })
}

/// The table as text, in which NaN equals itself and -0 is not 0.
fn shown(table: &Table) -> String {
    format!("{table:?}")
}

/// A file's batches, read with places instead of texts, as they were without.
fn coded(path: &Path) -> Vec<Vec<ColumnData>> {
    let mut reader = TableReader::open_coded(path, &Limits::default(), None).unwrap();
    let plain = |column: Coded| match column {
        Coded::Plain(data) => data,
        Coded::Texts { texts, places } => {
            let text = |place: Option<u32>| Some(texts[usize::try_from(place?).unwrap()].clone());
            ColumnData::Text(places.into_iter().map(text).collect())
        }
    };
    std::iter::from_fn(|| reader.next_coded().unwrap())
        .map(|columns| columns.into_iter().map(plain).collect())
        .collect()
}

/// The same batches, read as ever.
fn each(path: &Path) -> Vec<Vec<ColumnData>> {
    let reader = TableReader::open(path, &Limits::default(), None).unwrap();
    let data = |batch: Table| batch.columns.into_iter().map(|column| column.data).collect();
    reader.map(|batch| data(batch.unwrap())).collect()
}

#[test]
fn texts_by_their_place_are_the_same_texts() {
    let keyed: DictionaryArray<Int8Type> =
        vec![Some("a"), None, Some("b"), Some("a")].into_iter().collect();
    let long = LargeStringArray::from(vec![Some("x"), Some(""), None, Some("x")]);
    let view =
        StringViewArray::from(vec![None, Some("a text that is not inlined"), None, Some("y")]);
    let file = parquet(vec![
        ("keyed", Arc::new(keyed) as ArrayRef),
        ("long", Arc::new(long)),
        ("view", Arc::new(view)),
        ("number", Arc::new(Float32Array::from(vec![Some(1.0), None, Some(0.5), Some(2.0)]))),
    ]);
    assert_eq!(format!("{:?}", coded(&file.1)), format!("{:?}", each(&file.1)));
    // A list that is too long for a file's dictionary, over several batches.
    let rows = MAX_BATCH_ROWS * 2 + 7;
    let text = |row: usize| {
        (!row.is_multiple_of(5)).then(|| format!("{}-{}", row % 70_001, "x".repeat(40)).into())
    };
    let file = place("t.parquet");
    write(&file.1, &table(vec![("t", ColumnData::Text((0..rows).map(text).collect()))]));
    assert!(coded(&file.1) == each(&file.1));
    let file = csv("a,b\nx,1\n,2\n");
    assert_eq!(coded(&file.1), each(&file.1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn parquet_gives_back_what_it_got(table in tables(".{0,12}")) {
        let file = place("t.parquet");
        write(&file.1, &table);
        prop_assert_eq!(shown(&all(&file.1).unwrap()), shown(&table));
        prop_assert_eq!(format!("{:?}", coded(&file.1)), format!("{:?}", each(&file.1)));
    }

    #[test]
    fn csv_gives_back_what_it_got(table in tables("x[ -~\n\r]{0,12}é")) {
        let file = place("t.csv");
        write(&file.1, &table);
        let read = all(&file.1).unwrap();
        for (column, written) in read.columns.iter().zip(&table.columns) {
            // A column of nulls has lost its type.
            let is_null = matches!(&column.data, ColumnData::Number(values) if values.iter().all(|v| v.is_nan()));
            prop_assert!(is_null || format!("{column:?}") == format!("{written:?}"), "{column:?} {written:?}");
        }
    }

    #[test]
    fn damaged_parquet_never_panics(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let file = place("t.parquet");
        let numbers = (0..100).map(f64::from).collect();
        let texts = (0..100).map(|i| (i % 3 > 0).then(|| format!("v{i}").into())).collect();
        write(&file.1, &table(vec![("n", ColumnData::Number(numbers)), ("t", ColumnData::Text(texts))]));
        let mut bytes = std::fs::read(&file.1).unwrap();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        std::fs::write(&file.1, bytes).unwrap();
        drop(all(&file.1));
        if let Ok(mut reader) = TableReader::open_coded(&file.1, &Limits::default(), None) {
            while let Ok(Some(columns)) = reader.next_coded() {
                drop(columns);
            }
        }
    }

    #[test]
    fn bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "[a-c0-9,\"\n\r.+e-]{0,60}") {
        drop(all(&csv(bytes).1));
        drop(all(&csv(text).1));
    }
}
