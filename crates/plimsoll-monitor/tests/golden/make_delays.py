#!/usr/bin/env python3
"""Makes delays.json: the days on which river's ADWIN and Page-Hinkley alarm on our own streams.

    PLIMSOLL_STREAMS=/tmp/streams cargo nextest run --release -p plimsoll-monitor -E 'test(delays)'
    python3 make_delays.py /tmp/streams      (river==0.26.1, numpy)

A stream is a file of little-endian doubles, row after row, named KIND-SEED-FEATURES-ROWS.f64. Each
feature has a detector with river's defaults that sees every row; a day counts if any of them
alarmed. On labels the one feature is whether the model was wrong.
"""

import json
import sys
from pathlib import Path

import numpy as np
from river import drift


def days(detector, values, features, rows):
    found = set()
    for feature in range(features):
        own = detector()
        for row, value in enumerate(values[feature::features].tolist()):
            own.update(value)
            if own.drift_detected:
                found.add(row // rows)
    return sorted(found)


def main():
    said = {}
    for path in sorted(Path(sys.argv[1]).glob("*.f64")):
        kind, seed, features, rows = path.stem.rsplit("-", 3)
        values = np.fromfile(path, dtype="<f8")
        said[f"{kind}-{seed}"] = {
            "adwin": days(drift.ADWIN, values, int(features), int(rows)),
            "page_hinkley": days(drift.PageHinkley, values, int(features), int(rows)),
        }
        print(path.stem, {name: len(all) for name, all in said[f"{kind}-{seed}"].items()}, flush=True)
    lines = [f"{json.dumps(stream)}: {json.dumps(found)}" for stream, found in sorted(said.items())]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    Path(__file__).with_name("delays.json").write_text(text)


if __name__ == "__main__":
    main()
