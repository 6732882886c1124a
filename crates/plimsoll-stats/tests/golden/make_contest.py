#!/usr/bin/env python3
"""Makes contest.json.gz: purses over the bets of `confseq`, and sample-ratio tests of `ssrm-test`.

As for make_sequential.py; besides:

    pip install ssrm-test

What a fixed stake brings for each value is taken from confseq's capital process; how the purse
is spread over the stakes and refilled is done here a second time.
"""

import gzip
import json
from pathlib import Path

import numpy as np

np.float_, np.Inf = np.float64, np.inf  # They were written before numpy 2.
from confseq.betting import betting_mart  # noqa: E402
from ssrm_test.ssrm_test import sequential_posteriors  # noqa: E402

STAKES, AFTER = [0.05, 0.1, 0.2, 0.4, 0.8], 10_000


def purse(x, bound, renewed):
    """The purse after each value; at the places in `renewed` half of the reserve is bet anew."""
    capital = [betting_mart(x, bound, lambdas_fn_positive=lambda x, m, c=c: np.full(len(x), c / m), theta=1,
                            convex_comb=True, trunc_scale=1) for c in STAKES]
    brought = np.array([np.diff(np.log(np.concatenate([[1.0], one]))) for one in capital])
    bets, reserve, held = np.full(5, 0.12), 0.4, []
    for place in range(len(x)):
        if place in renewed:
            bets, reserve = bets + reserve / 2 / 5, reserve / 2
        bets = bets * np.exp(brought[:, place])
        held.append(bets.sum() + reserve)
        part = 1 / (AFTER + place + 1)
        bets, reserve = bets + reserve * part / 5, reserve * (1 - part)
    return held


rng = np.random.default_rng(21)
SERIES = {
    "rare": ((rng.random(280) < 0.03).astype(float), 0.05),
    "fair": ((rng.random(280) < 0.5).astype(float), 0.5),
    "beta": (rng.beta(2, 6, 400), 0.3),
    "late": (np.concatenate([rng.beta(3, 3, 300), rng.beta(6, 2, 12)]), 0.55),
}
means = [{"name": name, "bound": bound, "renewed": renewed, "values": x.tolist(), "wealth": purse(x, bound, renewed)}
         for name, (x, bound) in SERIES.items() for renewed in ([], [100, 250])]

splits = []
for shares, true in [([0.5, 0.5], [0.5, 0.5]), ([0.99, 0.01], [0.97, 0.03]), ([0.2, 0.3, 0.5], [0.25, 0.3, 0.45])]:
    for prior in (100, 10_000):
        places = rng.choice(len(shares), size=400, p=true)
        said = sequential_posteriors(np.eye(len(shares))[places], np.array(shares), dirichlet_concentration=prior)
        splits.append({"shares": shares, "prior": prior, "places": places.tolist(),
                       "log": [one["log_bayes_factor"] for one in said][-400:]})

with gzip.GzipFile(Path(__file__).with_name("contest.json.gz"), "wb", mtime=0) as file:
    file.write(json.dumps({"means": means, "splits": splits}, separators=(",", ":")).encode())
