//! What clients name and what DVC writes: paths of files, sources of versions, `.dvc` files.

use crate::signature::Signature;
use plimsoll_artifact::FilePath;
use plimsoll_dvc::{Config, Lock, Pipeline, Tracked, graph, read_folder};
use std::path::{Component, Path};

/// Words of both.
pub(crate) const WORDS: &[&str] = &[
    "../",
    "/",
    "..",
    "%2e",
    "%2f",
    "\\",
    "mlflow-artifacts:/",
    "mlflow-artifacts://h/",
    "#",
    "?",
    "/api/2.0/mlflow-artifacts/artifacts/",
    "http://",
    "outs:\n",
    "- md5: ",
    "  path: ",
    ".dir",
    "  hash: md5\n",
    "deps:\n",
    "schema: '2.0'\n",
    "stages:\n",
    "cmd: ",
    "params:\n",
    "wdir: ",
    "[{\"md5\": \"",
    "\", \"relpath\": \"",
    "['remote \"a\"']\n",
    "url = ",
    "[core]\n",
    "artifacts:\n",
];

pub(crate) fn path(input: &[u8]) -> Signature {
    let text = String::from_utf8_lossy(input);
    let read = text.parse::<FilePath>();
    for path in [read.clone().ok(), FilePath::from_source(&text)].into_iter().flatten() {
        let joined = Path::new("/root").join(path.as_str());
        let is_plain =
            |part: Component<'_>| matches!(part, Component::Normal(_) | Component::RootDir);
        assert!(joined.starts_with("/root") && joined.components().all(is_plain), "{path}");
        assert_eq!(path.as_str().parse::<FilePath>().as_ref(), Ok(&path), "a path changes");
        assert!(path.folders().all(|folder| path.as_str().starts_with(folder)));
    }
    Signature::of(&read, |path| path.folders().count())
}

pub(crate) fn dvc(input: &[u8]) -> Signature {
    let text = String::from_utf8_lossy(input);
    let stays =
        |path: &str| Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    let tracked = Tracked::read(&text, "data");
    let lock = Lock::read(&text, "").unwrap_or_default();
    let files = tracked.as_ref().map(|file| vec![("x.dvc".to_owned(), file.clone())]);
    let files = files.unwrap_or_default();
    let outputs = files.iter().flat_map(|(_, file)| &file.outputs);
    let locked = lock.stages.values().flat_map(|stage| stage.inputs.iter().chain(&stage.outputs));
    for output in outputs.chain(locked) {
        assert!(stays(&output.path), "{}", output.path);
        if let Some(object) = output.hash.as_ref().and_then(plimsoll_dvc::Hash::object) {
            assert!(stays(&object), "{object}");
        }
    }
    for entry in read_folder(input).unwrap_or_default() {
        assert!(stays(&entry.path), "{}", entry.path);
    }
    drop((Pipeline::read(&text, "a/b"), Config::read(&text)));
    let steps = graph(&files, &lock).edges.len();
    Signature::of(&tracked, |file| file.outputs.len() + steps)
}
