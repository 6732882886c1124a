//! What a pickle may import. Allowed is what stands in `allowed.txt`, by exact name; all else is
//! a finding. The list of what is known to be dangerous only makes the finding worse.
//!
//! `allowed.txt` is written by hand for what is small, and by `tools/scan/allowlist.py` for the
//! classes of scikit-learn.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// What is thought of an import.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// On the list.
    Allowed,
    /// On no list.
    Unknown,
    /// Known to run code, or to reach out.
    Dangerous,
}

/// Judges an import by its exact names.
pub(crate) fn judge(module: &str, name: &str) -> Verdict {
    if ALLOWED.get(module).is_some_and(|names| names.contains(name)) {
        return Verdict::Allowed;
    }
    let is_dangerous = DANGEROUS.iter().any(|&dangerous| {
        module == dangerous
            || module.strip_prefix(dangerous).is_some_and(|rest| rest.starts_with('.'))
    });
    let is_builtin = matches!(module, "builtins" | "__builtin__" | "__builtins__")
        && DANGEROUS_BUILTINS.contains(&name.split('.').next().unwrap_or_default());
    let is_function = DANGEROUS_NAMES.contains(&(module, name));
    if is_dangerous || is_builtin || is_function || name.contains("__") && name.contains('.') {
        return Verdict::Dangerous;
    }
    Verdict::Unknown
}

const LISTS: [&str; 2] = [include_str!("allowed.txt"), include_str!("allowed_sklearn.txt")];

static ALLOWED: LazyLock<HashMap<&'static str, HashSet<&'static str>>> = LazyLock::new(|| {
    let mut allowed: HashMap<_, HashSet<_>> = HashMap::new();
    let lines = LISTS.iter().flat_map(|list| list.lines()).filter(|line| !line.starts_with('#'));
    for (modules, names) in lines.filter_map(|line| line.split_once(": ")) {
        for module in modules.split_whitespace() {
            allowed.entry(module).or_default().extend(names.split_whitespace());
        }
    }
    allowed
});

/// Modules, with all below them.
const DANGEROUS: &[&str] = &[
    "_aix_support",
    "_ctypes",
    "_frozen_importlib",
    "_frozen_importlib_external",
    "_imp",
    "_interpreters",
    "_operator",
    "_osx_support",
    "_pickle",
    "_posixsubprocess",
    "_pyrepl",
    "_socket",
    "_thread",
    "_xxsubinterpreters",
    "aiohttp",
    "asyncio",
    "atexit",
    "bdb",
    "cProfile",
    "cloudpickle",
    "code",
    "codeop",
    "commands",
    "compileall",
    "ctypes",
    "dill",
    "distutils",
    "doctest",
    "ensurepip",
    "filecmp",
    "ftplib",
    "functools",
    "gc",
    "http",
    "httplib",
    "idlelib",
    "imaplib",
    "imp",
    "importlib",
    "inspect",
    "joblib.memory",
    "joblib.parallel",
    "lib2to3",
    "linecache",
    "marshal",
    "mlflow",
    "mmap",
    "multiprocessing",
    "nntplib",
    "nt",
    "ntpath",
    "numpy.distutils",
    "numpy.f2py",
    "numpy.testing",
    "operator",
    "os",
    "pathlib",
    "pdb",
    "pexpect",
    "pickle",
    "pickletools",
    "pip",
    "pipes",
    "pkgutil",
    "platform",
    "poplib",
    "posix",
    "posixpath",
    "profile",
    "pty",
    "py_compile",
    "pydoc",
    "requests",
    "runpy",
    "shelve",
    "shutil",
    "signal",
    "site",
    "smtplib",
    "socket",
    "socketserver",
    "sqlite3",
    "ssl",
    "subprocess",
    "sys",
    "telnetlib",
    "tempfile",
    "test",
    "threading",
    "timeit",
    "torch._dynamo",
    "torch._inductor",
    "torch.compile",
    "torch.distributed",
    "torch.fx",
    "torch.hub",
    "torch.jit",
    "torch.utils",
    "trace",
    "types",
    "unittest",
    "urllib",
    "urllib2",
    "uuid",
    "venv",
    "webbrowser",
    "xmlrpc",
    "zipimport",
];

const DANGEROUS_BUILTINS: &[&str] = &[
    "__build_class__",
    "__import__",
    "apply",
    "breakpoint",
    "compile",
    "delattr",
    "eval",
    "exec",
    "execfile",
    "exit",
    "file",
    "getattr",
    "globals",
    "help",
    "input",
    "locals",
    "memoryview",
    "open",
    "quit",
    "raw_input",
    "reload",
    "setattr",
    "super",
    "type",
    "vars",
];

const DANGEROUS_NAMES: &[(&str, &str)] = &[
    ("_io", "FileIO"),
    ("_io", "open"),
    ("io", "FileIO"),
    ("io", "open"),
    ("io", "open_code"),
    ("joblib", "load"),
    ("joblib.numpy_pickle", "load"),
    ("logging", "FileHandler"),
    ("logging.config", "dictConfig"),
    ("numpy", "load"),
    ("numpy", "fromfile"),
    ("numpy", "loadtxt"),
    ("numpy", "genfromtxt"),
    ("numpy", "memmap"),
    ("pandas", "read_pickle"),
    ("pandas", "read_csv"),
    ("pandas", "eval"),
    ("pandas.io.pickle", "read_pickle"),
    ("sklearn.externals.joblib", "load"),
    ("torch", "load"),
    ("torch", "compile"),
    ("torch.serialization", "load"),
    ("torch.storage", "_load_from_bytes"),
    ("keras.layers", "Lambda"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_names_are_allowed() {
        let cases = [
            ("collections", "OrderedDict", Verdict::Allowed),
            ("sklearn.linear_model._logistic", "LogisticRegression", Verdict::Allowed),
            ("sklearn.linear_model._logistic", "LogisticRegression.fit", Verdict::Unknown),
            ("sklearn.linear_model._logistic", "os", Verdict::Unknown),
            ("numpy.core.multiarray", "_reconstruct", Verdict::Allowed),
            ("numpy.core.multiarray", "fromfile", Verdict::Unknown),
            ("builtins", "eval", Verdict::Dangerous),
            ("os", "system", Verdict::Dangerous),
            ("os.path", "exists", Verdict::Dangerous),
            ("osx", "system", Verdict::Unknown),
            ("asyncio.unix_events", "_UnixSubprocessTransport._start", Verdict::Dangerous),
            ("numpy", "size.__builtins__", Verdict::Dangerous),
            ("", "", Verdict::Unknown),
        ];
        for (module, name, wanted) in cases {
            assert_eq!(judge(module, name), wanted, "{module}.{name}");
        }
    }

    #[test]
    fn nothing_is_both_allowed_and_dangerous() {
        for (module, names) in &*ALLOWED {
            let roots = DANGEROUS.iter().any(|root| module == root);
            assert!(!roots, "{module} is allowed and dangerous: {names:?}");
            for name in names {
                assert!(!name.contains('.'), "{module}.{name} reaches through a class");
                assert!(!DANGEROUS_NAMES.contains(&(*module, *name)), "{module}.{name}");
            }
        }
        let builtins = &ALLOWED["builtins"];
        assert!(DANGEROUS_BUILTINS.iter().all(|name| !builtins.contains(name)));
    }
}
