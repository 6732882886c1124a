#!/usr/bin/env python3
"""Makes difference.json.gz: confidence sequences of differences by `gbstats`, with and without a
covariate, and numbers of units by `statsmodels`.

    pip install gbstats==0.8.0 statsmodels==0.15.0 && python3 make_difference.py
"""

import gzip
import json
from pathlib import Path

import numpy as np
from gbstats.frequentist.tests import SequentialConfig, SequentialTwoSidedTTest
from gbstats.models.statistics import RegressionAdjustedStatistic, SampleMeanStatistic, compute_theta
from statsmodels.stats.power import NormalIndPower, normal_sample_size_one_tail

rng = np.random.default_rng(31)


def arms(name, size):
    """Values and covariates of a control and a treated arm."""
    a, b = size
    x, y = rng.normal(10, 3, a), rng.normal(10, 3, b)
    if name == "rates":
        return (rng.random(a) < 0.1).astype(float), x, (rng.random(b) < 0.14).astype(float), y
    if name == "explained":
        return 2 * x + rng.normal(0, 2, a), x, 2 * y + 0.4 + rng.normal(0, 2, b), y
    return rng.exponential(5, a), x, rng.exponential(5.5, b), y


def mean(x):
    return SampleMeanStatistic(n=len(x), sum=float(x.sum()), sum_squares=float((x**2).sum()))


def adjusted(v, x, theta):
    return RegressionAdjustedStatistic(n=len(v), post_statistic=mean(v), pre_statistic=mean(x),
                                       post_pre_sum_of_products=float((v * x).sum()), theta=theta)


def said(a, b, alpha, tuned):
    config = SequentialConfig(alpha=alpha, difference_type="absolute", sequential_tuning_parameter=tuned)
    test = SequentialTwoSidedTTest(a, b, config)
    return {"estimate": test.point_estimate, "interval": list(test.confidence_interval), "p": test.p_value}


differences = []
for name in ["rates", "explained", "heavy"]:
    for size in [(120, 150), (400, 90)]:
        for alpha, tuned in [(0.05, 5000), (0.01, 300)]:
            v, x, w, y = arms(name, size)
            theta = compute_theta(adjusted(v, x, 0), adjusted(w, y, 0))
            differences.append({
                "name": name, "alpha": alpha, "tuned": tuned, "control": v.tolist(), "control_x": x.tolist(),
                "treated": w.tolist(), "treated_x": y.tolist(), "plain": said(mean(v), mean(w), alpha, tuned),
                "theta": theta, "adjusted": said(adjusted(v, x, theta), adjusted(w, y, theta), alpha, tuned)})

powers = []
for effect in [0.05, 0.2, 0.8]:
    for ratio in [1.0, 0.5, 3.0]:
        for alpha, power in [(0.05, 0.8), (0.01, 0.95)]:
            units = NormalIndPower().solve_power(effect, alpha=alpha, power=power, ratio=ratio)
            powers.append({"kind": "mean", "effect": effect, "ratio": ratio, "alpha": alpha, "power": power,
                           "units": units})
for rate, effect in [(0.1, 0.02), (0.5, -0.03), (0.01, 0.01)]:
    for alpha, power in [(0.05, 0.8), (0.01, 0.95)]:
        spread = np.sqrt(rate * (1 - rate) + (rate + effect) * (1 - rate - effect))
        units = normal_sample_size_one_tail(abs(effect), power, alpha / 2, std_null=spread, std_alternative=spread)
        powers.append({"kind": "rate", "rate": rate, "effect": effect, "ratio": 1.0, "alpha": alpha, "power": power,
                       "units": float(units)})

with gzip.GzipFile(Path(__file__).with_name("difference.json.gz"), "wb", mtime=0) as file:
    file.write(json.dumps({"differences": differences, "powers": powers}, separators=(",", ":"),
                          default=float).encode())
