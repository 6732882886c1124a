#!/usr/bin/env python3
"""Makes drift.json.gz: pairs of columns, and what scipy, Evidently and NannyML say of them.

Three environments, because Evidently and NannyML do not share one:

    python3 make_drift.py data                          (scikit-learn, NannyML, statsmodels: the data)
    python3 make_drift.py evidently                     (evidently==0.7.23 "pandas<3")
    python3 make_drift.py nannyml                       (nannyml==0.13.1 statsmodels)

each adds its part to drift.json.gz. The data sets ship with scikit-learn (breast cancer, wine,
diabetes), NannyML (titanic, California housing, car loan) and statsmodels (anes96); the rest is
generated with the seeds below. Of long ones a few thousand rows are taken.
"""

import gzip
import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

# NannyML would tell its makers of every call.
os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
GOLDEN = Path(__file__).with_name("drift.json.gz")


def halves(frame, names, by=None):
    """Two parts of one table that differ: sorted by a column and mixed a little."""
    frame = frame.sort_values(by, kind="stable") if by else frame
    place = np.arange(len(frame)) % 3
    order = np.arange(len(frame)) < len(frame) // 2
    first = order ^ (place == 0)
    return {name: (frame[name][first], frame[name][~first]) for name in names}


def data():
    import nannyml
    import statsmodels.api as sm
    from sklearn import datasets

    pairs = {}
    def put(prefix, found):
        pairs.update({f"{prefix}.{name}": pair for name, pair in found.items()})

    cancer = datasets.load_breast_cancer(as_frame=True).frame
    put("breast_cancer", halves(cancer, ["mean radius", "worst area", "mean fractal dimension"], "mean texture"))
    wine = datasets.load_wine(as_frame=True).frame
    put("wine", halves(wine, ["alcohol", "proline"], "hue"))
    diabetes = datasets.load_diabetes(as_frame=True, scaled=False).frame
    put("diabetes", halves(diabetes, ["age", "sex", "bmi", "s4"], "bp"))
    anes = sm.datasets.anes96.load_pandas().data
    put("anes96", halves(anes, ["popul", "TVnews", "age", "educ", "income"], "selfLR"))
    reference, current, _ = nannyml.load_titanic_dataset()
    put("titanic", {name: (reference[name], current[name]) for name in ["Age", "Fare", "Pclass", "Sex", "Embarked"]})
    reference, current, _ = nannyml.load_synthetic_car_loan_dataset()
    put("car_loan", {name: (reference[name][:4000], current[name][-3000:])
                     for name in ["car_value", "salary_range", "debt_to_income_ratio", "size_of_downpayment"]})
    reference, current, _ = nannyml.load_modified_california_housing_dataset()
    put("california", {name: (reference[name][:2500], current[name][:2000]) for name in ["MedInc", "HouseAge", "Population"]})
    rng = np.random.default_rng(8)
    series = lambda values: pd.Series(values)
    pairs["generated.normal_small"] = series(rng.normal(size=90)), series(rng.normal(0.4, 1.2, size=70))
    pairs["generated.equal_sizes"] = series(rng.normal(size=200)), series(rng.normal(0.2, size=200))
    pairs["generated.long"] = series(rng.gamma(2.0, size=12_000).round(5)), series(rng.gamma(2.1, size=11_000).round(5))
    pairs["generated.long_short"] = series(rng.normal(size=11_000).round(5)), series(rng.normal(0.3, size=120).round(5))
    pairs["generated.long_same"] = series(rng.normal(size=10_500).round(4)), series(rng.normal(size=10_500).round(4))
    pairs["generated.far"] = series(rng.normal(size=300)), series(rng.normal(9.0, size=400))
    pairs["generated.three_values"] = series(rng.integers(0, 3, 500)), series(rng.choice(3, 400, p=[0.5, 0.2, 0.3]))
    pairs["generated.two_values"] = series(rng.integers(0, 2, 500)), series(rng.choice(2, 400, p=[0.6, 0.4]))
    pairs["generated.texts"] = series(rng.choice(list("abcdef"), 1500)), series(rng.choice(list("bcdefg"), 1400))
    pairs["generated.flags"] = series(rng.choice(["no", "yes"], 600)), series(rng.choice(["no", "yes"], 500, p=[0.4, 0.6]))
    cases = []
    for name, (reference, current) in pairs.items():
        reference, current = reference.dropna(), current.dropna()
        is_text = not pd.api.types.is_numeric_dtype(reference)
        is_integer = not is_text and all(pd.api.types.is_integer_dtype(s) for s in (reference, current))
        plain = lambda s: [str(v) for v in s] if is_text else [float(v) for v in s]
        case = {"name": name, "kind": "text" if is_text else "integer" if is_integer else "number",
                "reference": plain(reference), "current": plain(current)}
        case["scipy"] = scipy_says(reference, current, is_text)
        cases.append(case)
    write(cases)


def scipy_says(reference, current, is_text):
    from scipy import stats
    from scipy.spatial.distance import jensenshannon

    counts = pd.concat([reference.value_counts(), current.value_counts()], axis=1).fillna(0).sort_index()
    r, c = counts.iloc[:, 0].to_numpy(), counts.iloc[:, 1].to_numpy()
    p, q = r / r.sum(), c / c.sum()
    said = {"by_value": {"js_bits": jensenshannon(p, q, 2), "js_nats": jensenshannon(p, q),
                         "tvd": 0.5 * np.abs(p - q).sum(), "l_infinity": np.abs(p - q).max()}}
    if len(counts) <= 60:
        found = stats.chi2_contingency(counts)
        said["contingency"] = [found.statistic, found.pvalue]
    if is_text:
        return said
    a, b = reference.to_numpy(float), current.to_numpy(float)
    ks = stats.ks_2samp(a, b)
    said["ks"] = [ks.statistic, ks.pvalue]
    said["ks_asymptotic"] = stats.ks_2samp(a, b, method="asymp").pvalue
    cvm = stats.cramervonmises_2samp(a, b)
    said["cvm"] = [cvm.statistic, cvm.pvalue]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ad = stats.anderson_ksamp([a, b])
        said["anderson"] = [ad.statistic, ad.pvalue]
    said["wasserstein"] = stats.wasserstein_distance(a, b)
    said["energy"] = stats.energy_distance(a, b)
    return said


def series_of(case):
    kind = {"text": str, "integer": "int64", "number": "float64"}[case["kind"]]
    return pd.Series(case["reference"], dtype=kind), pd.Series(case["current"], dtype=kind)


def evidently():
    from evidently.legacy.calculations import stattests
    from evidently.legacy.calculations.stattests.registry import _get_default_stattest
    from evidently.legacy.core import ColumnType

    tests = {"ks": stattests.ks_stat_test, "wasserstein": stattests.wasserstein_stat_test, "chi2": stattests.chi_stat_test,
             "z": stattests.z_stat_test, "js": stattests.jensenshannon_stat_test, "psi": stattests.psi_stat_test,
             "kl": stattests.kl_div_stat_test, "hellinger": stattests.hellinger_stat_test,
             "energy": stattests.energy_dist_test, "cvm": stattests.cramer_von_mises, "anderson": stattests.anderson_darling_test}
    cases = read()
    for case in cases:
        reference, current = series_of(case)
        kind = ColumnType.Categorical if case["kind"] == "text" else ColumnType.Numerical
        usual = _get_default_stattest(reference, current, kind)
        said = {"default": next(name for name, test in tests.items() if test.name == usual.name)}
        distinct = pd.concat([reference, current]).nunique()
        for name, test in tests.items():
            is_numeric_only = name in ("ks", "wasserstein", "energy", "cvm", "anderson")
            if (is_numeric_only and case["kind"] == "text") or (name == "z" and distinct > 2) or (name == "chi2" and distinct > 60):
                continue
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                said[name] = float(test(reference.copy(), current.copy(), kind, None).drift_score)
        case["evidently"] = said
    write(cases)


def nannyml():
    import nannyml as nml

    cases = read()
    for case in cases:
        reference, current = series_of(case)
        by_kind = {"categorical_methods": ["jensen_shannon", "hellinger", "l_infinity", "chi2"],
                   "continuous_methods": ["jensen_shannon", "hellinger", "wasserstein", "kolmogorov_smirnov"]}
        methods = by_kind["categorical_methods" if case["kind"] == "text" else "continuous_methods"]
        calculator = nml.UnivariateDriftCalculator(column_names=["x"], **by_kind)
        calculator.fit(reference.to_frame("x"))
        found = calculator.calculate(current.to_frame("x")).to_df()
        analysis = found[found["chunk"]["chunk"]["period"] == "analysis"]["x"]
        # As one chunk against the whole reference.
        whole = nml.UnivariateDriftCalculator(column_names=["x"], chunk_number=1, **by_kind)
        whole.fit(reference.to_frame("x"))
        one = whole.calculate(current.to_frame("x")).to_df()
        one = one[one["chunk"]["chunk"]["period"] == "analysis"]["x"]
        case["nannyml"] = {"chunks": [float(v) for v in analysis["jensen_shannon"]["value"]],
                           "threshold": float(analysis["jensen_shannon"]["upper_threshold"].iloc[0])}
        for method in methods:
            case["nannyml"][method] = float(one[method]["value"].iloc[0])
    write(cases)


def write(cases):
    clean = json.loads(json.dumps(cases), parse_constant=lambda word: None)
    with gzip.GzipFile(GOLDEN, "wb", mtime=0) as file:
        file.write(json.dumps(clean, separators=(",", ":")).encode())


def read():
    return json.loads(gzip.open(GOLDEN).read())


if __name__ == "__main__":
    {"data": data, "evidently": evidently, "nannyml": nannyml}[sys.argv[1]]()
