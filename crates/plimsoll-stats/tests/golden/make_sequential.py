#!/usr/bin/env python3
"""Makes sequential.json.gz: confidence sequences and wealths of `confseq` on fixed series.

confseq 0.0.11 has no wheel for Python 3.11 and does not compile there; what is used of it is pure
Python, so a wheel for 3.9 unpacked on the path will do:

    pip download --no-deps --only-binary=:all: --python-version 3.9 --platform manylinux2014_x86_64 confseq
    python3 -m zipfile -e confseq-*.whl unpacked && PYTHONPATH=unpacked python3 make_sequential.py

with numpy, scipy, matplotlib and multiprocess installed.
"""

import gzip
import json
from pathlib import Path

import numpy as np

np.float_ = np.float64  # It was written before numpy 2.
from confseq.betting import betting_mart  # noqa: E402
from confseq.predmix import predmix_empbern_twosided_cs  # noqa: E402

rng = np.random.default_rng(12)
SERIES = {
    "rare": (rng.random(600) < 0.03).astype(float),
    "coin": (rng.random(500) < 0.5).astype(float),
    "beta": rng.beta(2, 6, 400),
    "shift": np.concatenate([rng.beta(3, 3, 150), rng.beta(6, 2, 250)]),
    "constant": np.full(60, 0.25),
    "ends": np.tile([0.0, 1.0], 40),
}
golden = []
for name, x in SERIES.items():
    for alpha, bound in [(0.05, 0.1), (0.01, 0.4)]:
        lower, upper = predmix_empbern_twosided_cs(x, alpha=alpha, running_intersection=True)
        wealth = {side: betting_mart(x, bound, alpha=alpha, theta=theta, convex_comb=True)
                  for side, theta in [("above", 1), ("below", 0)]}
        golden.append({"name": name, "alpha": alpha, "bound": bound, "values": x.tolist(), "lower": lower.tolist(),
                       "upper": upper.tolist(), **{side: values.tolist() for side, values in wealth.items()}})
with gzip.GzipFile(Path(__file__).with_name("sequential.json.gz"), "wb", mtime=0) as file:
    file.write(json.dumps(golden, separators=(",", ":")).encode())
