"""`plimsoll-export model.joblib model.json`: exports a model that joblib or pickle wrote.

Loading such a file runs whatever it says: only load files you made.
"""

import argparse
import pickle
import sys

from .document import NotExportable, export


def main():
    parser = argparse.ArgumentParser(prog="plimsoll-export", description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a file written by joblib.dump or pickle.dump; loading it runs its code")
    parser.add_argument("output", help="where the JSON goes")
    given = parser.parse_args()
    try:
        import joblib

        model = joblib.load(given.model)
    except ImportError:
        with open(given.model, "rb") as file:
            model = pickle.load(file)
    try:
        export(model, given.output)
    except NotExportable as reason:
        sys.exit(f"not exportable: {reason}")


if __name__ == "__main__":
    main()
