#!/usr/bin/env python3
"""Makes bootstrap.json.gz: intervals of `scipy.stats.bootstrap` (scipy==1.17.1, scikit-learn).

scipy draws the rows of a resample by `rng_integers`; here that is replaced by the sequence of the
product (SplitMix64), so that both see the same resamples and the intervals can be compared exactly.
"""

import gzip
import json
from pathlib import Path

import numpy as np
from scipy import stats
from scipy.stats import _resampling
from sklearn.metrics import roc_auc_score

MASK = (1 << 64) - 1
RESAMPLES, SEED = 400, 20261122


def splitmix(seed):
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) & MASK
        z = ((seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def interval(data, statistic, method, confidence):
    numbers = splitmix(SEED)

    def ours(rng, low, high=None, size=None, **_):
        count = int(np.prod(size))
        return np.array([next(numbers) % (high - low) + low for _ in range(count)]).reshape(size)

    _resampling.rng_integers = ours
    found = stats.bootstrap(data, statistic, paired=True, vectorized=False, n_resamples=RESAMPLES,
                            confidence_level=confidence, method=method, rng=np.random.default_rng(0))
    return [found.confidence_interval.low, found.confidence_interval.high]


rng = np.random.default_rng(7)
cases = []
for name, rows, worse, confidence in [("alike", 90, 0.0, 0.9), ("worse", 120, 0.9, 0.9), ("rare", 150, 0.3, 0.95)]:
    latent = rng.normal(size=rows)
    outcomes = rng.random(rows) < 1 / (1 + np.exp(-(latent * 2 - (2 if name == "rare" else 0))))
    before = np.round(latent + rng.normal(size=rows) * 0.5, 2)  # Rounded, so that there are ties.
    now = np.round(latent + rng.normal(size=rows) * (0.5 + worse), 2)
    right = lambda scores: (scores > 0) == outcomes
    losses = right(before).astype(float) - right(now).astype(float)
    lost = lambda y, a, b: roc_auc_score(y, a) - roc_auc_score(y, b)
    for method in ("BCa", "percentile"):
        cases.append({
            "name": name, "method": method, "confidence": confidence, "seed": SEED, "resamples": RESAMPLES,
            "before": before.tolist(), "now": now.tolist(), "outcomes": outcomes.tolist(),
            "losses": losses.tolist(),
            "mean": interval((losses,), np.mean, method, confidence),
            "auroc": interval((outcomes, before, now), lost, method, confidence),
        })

with gzip.GzipFile(Path(__file__).with_name("bootstrap.json.gz"), "wb", mtime=0) as file:
    file.write(json.dumps(cases, separators=(",", ":")).encode())
