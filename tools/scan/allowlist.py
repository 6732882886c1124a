"""Writes the classes of scikit-learn that a pickle may name, for the scanner's allow-list.

Only classes, by the exact name that a pickle has for them, of the installed version; what runs
code or fetches data (`datasets`, `externals`, tests, mocks, anything with a call to `exec`) is
left out. Names of other versions stay in the list: run it once for each version that matters.

    python tools/scan/allowlist.py
"""

import importlib
import inspect
import pathlib
import pkgutil

import sklearn

LIST = pathlib.Path(__file__).parents[2] / "crates/plimsoll-scan/src/pickle/allowed_sklearn.txt"
HEAD = """\
# Classes and unpickling functions of scikit-learn, by exact name. Written by
# tools/scan/allowlist.py; read its diff in a review.
"""
LEFT_OUT = (
    "tests", "conftest", "datasets", "externals", "_mocking", "_testing", "mocking", "estimator_checks",
    "_joblib", "parallel", "_build_utils", "_plotting", "experimental", "_array_api", "callback",
    "test_common",
)


def modules():
    for module in pkgutil.walk_packages(sklearn.__path__, "sklearn.", onerror=lambda name: None):
        if any(part in LEFT_OUT for part in module.name.split(".")):
            continue
        try:
            yield importlib.import_module(module.name)
        except ImportError:
            continue


def is_wanted(value, module):
    if getattr(value, "__module__", None) != module.__name__:
        return False
    name = getattr(value, "__name__", "")
    # Cython's own unpickling functions and constructors of trees only make what they are named for.
    if name.startswith("__pyx_unpickle_") and "Enum" not in name or name == "newObj":
        return True
    if not inspect.isclass(value) or issubclass(value, BaseException):
        return False
    return "." not in value.__qualname__ and not name.endswith("Display")


def main():
    names = {}
    if LIST.exists():
        for line in LIST.read_text().splitlines():
            if line and not line.startswith("#"):
                module, found = line.split(": ")
                names[module] = set(found.split())
    for module in modules():
        for name, value in vars(module).items():
            if is_wanted(value, module):
                names.setdefault(module.__name__, set()).add(value.__name__)
    lines = [f"{module}: {' '.join(sorted(found))}" for module, found in sorted(names.items())]
    LIST.write_text(HEAD + "\n".join(lines) + "\n")
    print(f"{sum(map(len, names.values()))} names of {len(names)} modules, scikit-learn {sklearn.__version__}")


main()
