//! The data folder: made on first start, its format checked at every start.

use crate::error::ServerError;
use fs_err as fs;
use std::io::ErrorKind;
use std::path::Path;

/// The content of the file `format`. The number goes up when an older binary could not read
/// the folder any more.
const FORMAT: &str = "plimsoll-data 1";

/// Makes the folder if it is not there; refuses one that another version wrote.
pub(crate) fn prepare(data: &Path) -> Result<(), ServerError> {
    let failed = |what| {
        let path = data.to_path_buf();
        move |source| ServerError::Folder { what, path, source }
    };
    fs::create_dir_all(data).map_err(failed("make the data folder"))?;
    let path = data.join("format");
    match fs::read_to_string(&path) {
        Ok(found) if found.trim_end() == FORMAT => Ok(()),
        Ok(found) => Err(ServerError::Format {
            path: data.to_path_buf(),
            found: found.trim_end().chars().take(64).collect(),
            expected: FORMAT,
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => first(data, &path),
        Err(source) => Err(ServerError::Folder { what: "read", path, source }),
    }
}

/// A folder without a format file must be empty: it is ours from now on.
fn first(data: &Path, path: &Path) -> Result<(), ServerError> {
    let failed = |what: &'static str| {
        let path = path.to_path_buf();
        move |source| ServerError::Folder { what, path, source }
    };
    if fs::read_dir(data).map_err(failed("read"))?.next().is_some() {
        return Err(ServerError::Format {
            path: data.to_path_buf(),
            found: "files, but no format file".into(),
            expected: FORMAT,
        });
    }
    let temporary = data.join("format.new");
    fs::write(&temporary, format!("{FORMAT}\n")).map_err(failed("write"))?;
    fs::File::open(&temporary).and_then(|file| file.sync_all()).map_err(failed("sync"))?;
    fs::rename(&temporary, path).map_err(failed("write"))?;
    fs::File::open(data).and_then(|folder| folder.sync_all()).map_err(failed("sync"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_folder_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().expect("temp");
        let data = folder.path().join("a/b");
        prepare(&data).expect("made");
        prepare(&data).expect("again");
        fs::write(data.join("format"), "plimsoll-data 2\n").expect("write");
        assert!(
            matches!(prepare(&data), Err(ServerError::Format { found, .. }) if found == "plimsoll-data 2")
        );
        let foreign = folder.path().join("a");
        assert!(matches!(prepare(&foreign), Err(ServerError::Format { .. })));
        assert!(!foreign.join("format").exists());
    }
}
