//! After an erasure nothing of the person is left in any file, and everything else is.

use super::*;

const HOUR: u64 = 3_600_000_000;

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Decisions of two people, alone and in one request, in two hours.
fn decisions() -> Vec<Made> {
    let ann = || row(11.0, 33, "canary-illness-of-ann", "canary-ann");
    let bob = || row(22.0, 44, "canary-illness-of-bob", "canary-bob");
    vec![
        Made::new(BEGIN, vec![ann()]),
        Made::new(BEGIN + 1, vec![bob()]),
        Made::new(BEGIN + 2, vec![ann(), bob(), ann()]),
        Made::new(BEGIN + HOUR, vec![ann(), ann()]),
        Made::new(BEGIN + HOUR + 1, vec![row(3.0, 20, "nothing", "")]),
        Made { deployment: OTHER, ..Made::new(BEGIN + HOUR, vec![ann()]) },
    ]
}

#[test]
fn nothing_is_left_and_the_rest_is_what_a_rebuild_gives() {
    for merged in [false, true] {
        let mut site = Site::new();
        for made in decisions() {
            site.record(&[made]);
            site.lake().catch_up(|_| {}).expect("write");
        }
        if merged {
            site.clock.0.store(BEGIN + 9 * HOUR, Ordering::Relaxed);
            let lake = site.lake();
            while lake.compact().expect("compact") {}
        }
        check(&site);
    }
}

fn check(site: &Site) {
    let keys = site.ledger().keys();
    let key = keys.find_subject(TENANT, "canary-ann").expect("read").expect("there");
    let pseudonym = plimsoll_types::digest::hex(&keys.subject_pseudonym(TENANT, "canary-ann"));
    let before = all(&site.lake());
    let of_ann = before.iter().filter(|row| row["subject"] == *pseudonym).count();
    assert_eq!(of_ann, 5);
    let pages = tables(site);
    for needle in [pseudonym.as_bytes(), key.as_bytes()] {
        assert!(pages.iter().any(|path| is_in_pages(path, needle)), "it is looked for rightly");
    }
    assert!(pages.iter().any(|path| has_bloom(path, &pseudonym)));
    site.ledger().erase(&[key]).expect("erase");
    let lake = site.lake();
    // Before the tables are rewritten: what was sealed is already gone.
    let found =
        sql(&lake, "select age, illness, subject from \"credit-default\" order by index, row");
    assert!(
        found.iter().filter(|row| row["subject"] == *pseudonym).all(|row| row["age"].is_null())
    );
    let erased = lake.erase().expect("erase");
    assert_eq!(erased.rows, 6);
    assert!(erased.files >= 3, "{erased:?}");
    let after = all(&lake);
    assert_eq!(lake.erase().expect("erase"), crate::Erased::default(), "once is enough");

    // No byte of the person: not in values, dictionaries, statistics, bloom filters, key ids.
    for path in files(&site.data().join("lake")) {
        let bytes = std::fs::read(&path).expect("read");
        for needle in [pseudonym.as_bytes(), key.as_bytes(), b"canary-"] {
            assert!(!holds(&bytes, needle), "{}", path.display());
        }
        assert!(!has_bloom(&path, &pseudonym), "{}", path.display());
        // Pages are compressed: once more as they are read.
        for needle in [pseudonym.as_bytes(), key.as_bytes(), b"canary-"] {
            assert!(!is_in_pages(&path, needle), "{}", path.display());
        }
    }
    let text = serde_json::to_string(&after).expect("json");
    assert!(!text.contains(&pseudonym) && !text.contains("ann"));
    assert!(text.contains("canary-illness-of-bob"), "of others everything is there");

    lake.rebuild(|_| {}).expect("rebuild");
    assert_eq!(all(&lake), after, "as if the tables were made now");
    let others = sql(&lake, "select decision_id, result, principal from fraud");
    assert_eq!(others.len(), 1);
    assert_eq!((&others[0]["result"], &others[0]["principal"]), (&"answered".into(), &Value::Null));
}

/// Whether any column of the file holds the bytes, hidden ones too.
fn is_in_pages(path: &Path, needle: &[u8]) -> bool {
    fn is_in(data: &arrow::array::ArrayData, needle: &[u8]) -> bool {
        data.buffers().iter().any(|buffer| holds(buffer, needle))
            || data.child_data().iter().any(|child| is_in(child, needle))
    }
    if path.extension().is_none_or(|extension| extension != "parquet") {
        return false;
    }
    let file = std::fs::File::open(path).expect("open");
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file);
    let mut batches = reader.expect("parquet").build().expect("reader");
    batches.any(|batch| {
        let batch = batch.expect("rows");
        batch.columns().iter().any(|column| is_in(&column.to_data(), needle))
    })
}

/// Whether a bloom filter of the file knows the text.
fn has_bloom(path: &Path, text: &str) -> bool {
    use parquet::file::properties::ReaderProperties;
    use parquet::file::reader::FileReader;
    use parquet::file::serialized_reader::{ReadOptionsBuilder, SerializedFileReader};
    if path.extension().is_none_or(|extension| extension != "parquet") {
        return false;
    }
    let options = ReadOptionsBuilder::new();
    let properties = ReaderProperties::builder().set_read_bloom_filter(true).build();
    let options = options.with_reader_properties(properties).build();
    let file = std::fs::File::open(path).expect("open");
    let reader = SerializedFileReader::new_with_options(file, options).expect("parquet");
    (0..reader.num_row_groups()).any(|group| {
        let group = reader.get_row_group(group).expect("group");
        let columns = group.metadata().columns().iter().enumerate();
        let mut subjects = columns.filter(|(_, c)| c.column_path().string() == "subject");
        subjects
            .any(|(place, _)| group.get_column_bloom_filter(place).is_some_and(|b| b.check(&text)))
    })
}

#[test]
fn an_erasure_that_a_crash_cut_off_is_carried_out_later() {
    let mut site = Site::new();
    site.record(&decisions());
    site.lake().catch_up(|_| {}).expect("write");
    let key = site.ledger().keys().find_subject(TENANT, "canary-ann").expect("read").expect("key");
    site.ledger().erase(&[key]).expect("erase");
    // The lake was not told.
    let lake = site.lake();
    lake.advance().expect("advance");
    let text = serde_json::to_string(&all(&lake)).expect("json");
    assert!(text.contains("canary-illness-of-bob") && !text.contains("canary-ann"));
    for path in tables(&site) {
        assert!(!holds(&std::fs::read(&path).expect("read"), key.as_bytes()));
    }
    drop(lake);
    assert_eq!(site.lake().erase().expect("erase"), crate::Erased::default(), "and only once");
}

#[test]
fn running_queries_end() {
    let mut site = Site::new();
    let many: Vec<Made> =
        (0..200).map(|n| Made::new(BEGIN + n, vec![row(1.0, 2, "x", "canary-ann"); 100])).collect();
    site.record(&many);
    let lake = site.lake();
    lake.catch_up(|_| {}).expect("write");
    let key =
        site.ledger().keys().find_subject(TENANT, "canary-ann").expect("read").expect("there");
    site.ledger().erase(&[key]).expect("erase");
    let mut answer = lake.query(ask("select age from \"credit-default\"")).expect("query");
    answer.next_blocking().expect("rows").expect("rows");
    lake.erase().expect("erase");
    let mut last = None;
    while let Some(batch) = answer.next_blocking() {
        last = Some(batch);
    }
    // What waited for the reader may still come; then it breaks off, if it had not ended.
    assert!(matches!(last, Some(Err(crate::LakeError::Erased))), "{last:?}");
}
