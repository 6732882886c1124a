#!/usr/bin/env python3
"""`make bench-counterfactual`: the smallest change that approves a declined loan, next to DiCE.

500 applications that the demo's credit model declines. Plimsoll searches each by
`plimsoll explain counterfactual` under demo/credit/explain-profile.yaml; `dice-ml` (genetic and
random, one counterfactual each) is given the same model, the same threshold, the same features that
may change and, row by row, the same ranges and directions. Steps (round amounts: a multiple of 250
EUR) DiCE cannot be told, so that it may stop nearer.

Neither is believed: XGBoost itself answers the changed rows, and every change is held against the
profile (direction, step, contract) here. Two figures compare them where both found one: features
changed, and the sum of changes in units of each feature's contract range.

DiCE knows no missing values: it sees the features that a row has and that may change, and the model
around them is closed over the rest of the row. Plimsoll may also state what is missing (a second
applicant, savings); that counts as a distance of 1.

Environment: BENCH_ROWS (500), BENCH_METHODS (random:500,genetic:10; DiCE's methods, and how many of
the rows each is given: its genetic search can take a minute a row), PLIMSOLL.
"""

import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CREDIT = ROOT / "demo" / "credit"
VENV = ROOT / ".venv" / "bench-counterfactual"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))

ROWS = int(os.environ.get("BENCH_ROWS", "500"))
METHODS = os.environ.get("BENCH_METHODS", f"random:{ROWS},genetic:10").split(",")
MONTH, SEED = 6, 20_261_122
CANDIDATES = 20_000
TRAINING_ROWS = 4_000
LIMIT_MICROS = 100_000
# What a difference of numbers that should be equal may come to, in steps.
STEP_SLACK = 1e-6


def main():
    prepare()
    import numpy as np
    import xgboost as xgb
    import yaml

    sys.path.insert(0, str(ROOT / "demo"))
    import artifacts
    from generate import FEATURES, generate, row_values
    from train import frame, matrix

    profile = yaml.safe_load((CREDIT / "explain-profile.yaml").read_text())
    threshold = profile["decision"]["threshold"]
    booster = xgb.Booster(model_file=CREDIT / "model.json")
    booster.set_param({"nthread": 1})
    columns, _, _ = generate(MONTH, CANDIDATES, SEED)
    rows = matrix(columns)
    declined = np.flatnonzero(booster.predict(frame(rows)) >= threshold)[:ROWS]
    assert len(declined) == ROWS, f"only {len(declined)} of {CANDIDATES} are declined"

    bench = Bench(np, booster, frame, FEATURES, profile["features"], threshold)
    bodies = [artifacts.request_body(row_values(columns, index)) for index in declined]
    rows = rows[declined].astype(np.float64)
    ours, seconds = plimsoll(bodies)
    changes = [bench.numbers(found) for found in ours["changes"]]
    results = {"Plimsoll": bench.judge(rows, changes, is_stepped=True) | {
        "cpu_ms": seconds * 1e3 / ROWS,
        "in_limit": sum(found is not None and micros <= LIMIT_MICROS
                        for found, micros in zip(changes, ours["micros"])) / ROWS,
        "minimal": ours["minimal"] / ROWS}}
    train, _, _ = generate(0, TRAINING_ROWS, SEED + 1)
    for method, count in (one.split(":") for one in METHODS):
        some = rows[:int(count)]
        found, seconds = dice(bench, matrix(train).astype(np.float64), some, method)
        results[f"dice-ml, {method}"] = bench.judge(some, found) | {"cpu_ms": seconds * 1e3 / len(some)}
        # The next method may take an hour.
        write(report(results))
    text = report(results)
    print(text)
    write(text)
    first = results["Plimsoll"]
    if first["found"] and first["valid"] < first["found"] or first["allowed"] < first["found"]:
        raise SystemExit("a counterfactual of ours is not valid or breaks the profile")


def write(text):
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "counterfactual.md").write_text(text)


class Bench:
    """The model, what may change in it, and the judge of both sides."""

    def __init__(self, np, booster, frame, features, rules, threshold):
        self.np, self.booster, self.frame = np, booster, frame
        self.features, self.rules, self.threshold = features, rules, threshold
        self.names = [rule["name"] for rule in features]
        self.changeable = [place for place, name in enumerate(self.names)
                           if "change" in rules.get(name, {})]

    def predict(self, rows):
        return self.booster.predict(self.frame(rows.astype(self.np.float32))).astype(float)

    def numbers(self, found):
        """Changes by name as numbers by place; None stays None."""
        return found and {self.names.index(name): float(value) for name, value in found.items()}

    def span(self, place):
        """The contract's range of a feature; a boolean's is 1."""
        rule = self.features[place]
        return (0.0, 1.0) if rule["kind"] == "boolean" else (float(rule["min"]), float(rule["max"]))

    def permitted(self, place, value):
        """The range that the profile leaves a feature whose value is `value`."""
        low, high = self.span(place)
        way = self.rules[self.names[place]]["change"]
        return [value if way == "up" else low, value if way == "down" else high]

    def allows(self, place, before, after, is_stepped):
        """What is missing may be stated: any value of the contract."""
        low, high = self.span(place) if math.isnan(before) else self.permitted(place, before)
        step = self.rules[self.names[place]].get("step") if is_stepped else None
        steps = after / step if step else 0.0
        edge = after in self.span(place)
        return low <= after <= high and (edge or abs(steps - round(steps)) <= STEP_SLACK)

    def away(self, place, before, after):
        """In units of the contract's range; from a missing value it is 1."""
        low, high = self.span(place)
        return 1.0 if math.isnan(before) else abs(after - before) / (high - low)

    def judge(self, rows, found, is_stepped=False):
        """What was found, by row; validity by XGBoost. `is_stepped`: its values keep to the steps."""
        changed = rows.copy()
        for row, changes in enumerate(found):
            for place, value in (changes or {}).items():
                changed[row, place] = value
        answers = self.predict(changed)
        valid = [changes is not None and answers[row] < self.threshold
                 for row, changes in enumerate(found)]
        allowed = [changes is not None and all(
            place in self.changeable and self.allows(place, rows[row, place], value, is_stepped)
            for place, value in changes.items()) for row, changes in enumerate(found)]
        return {
            "rows": len(rows), "found": sum(c is not None for c in found) / len(rows),
            "valid": sum(valid) / len(rows), "allowed": sum(allowed) / len(rows),
            "features": [len(c) if ok else None for c, ok in zip(found, valid)],
            "distance": [sum(self.away(p, rows[row, p], v) for p, v in c.items()) if ok else None
                         for row, (c, ok) in enumerate(zip(found, valid))],
        }


def plimsoll(bodies):
    """Every body's search by our own command; and the CPU seconds of them all."""
    binary = os.environ.get("PLIMSOLL", TARGET / "release" / "plimsoll")
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write("".join(body + "\n" for body in bodies))
        file.flush()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [binary, "explain", "counterfactual", CREDIT / "model.json", file.name, "--contract",
             CREDIT / "contract.yaml", "--profile", CREDIT / "explain-profile.yaml", "--adverse"],
            stdout=subprocess.PIPE, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["line"] for one in told] == list(range(1, len(bodies) + 1)), "declined there, not here"
    searches = [one["search"] if isinstance(one["search"], dict) else None for one in told]
    return ({"changes": [search and search["changes"] for search in searches],
             "micros": [one["micros"] for one in told],
             "minimal": sum(bool(search and search["is_minimal"]) for search in searches)},
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


class Closed:
    """The model as DiCE asks it: a table of the features that can change, the rest as in `row`."""

    def __init__(self, bench, places):
        self.bench, self.places, self.row = bench, places, None

    def predict_proba(self, table):
        np = self.bench.np
        rows = np.repeat(self.row[None, :], len(table), axis=0)
        for place in self.places:
            rows[:, place] = table[self.bench.names[place]].astype(float)
        p = np.clip(self.bench.predict(rows), 1e-9, 1 - 1e-9)
        # DiCE decides at one half: the odds are scaled so that the threshold lies there.
        odds = p / (1 - p) * (1 - self.bench.threshold) / self.bench.threshold
        return np.column_stack([1 / (1 + odds), odds / (1 + odds)])

    def predict(self, table):
        return self.predict_proba(table).argmax(axis=1)


def dice(bench, train, rows, method):
    """One counterfactual a row, or None; and the CPU seconds of all."""
    import dice_ml
    import pandas as pd

    np, known, found = bench.np, {}, []
    begun = time.process_time()
    for number, row in enumerate(rows):
        places = tuple(p for p in bench.changeable if not math.isnan(row[p]))
        if places not in known:
            table = pd.DataFrame({bench.names[p]: train[:, p] for p in places}).dropna()
            for p in places:
                if bench.features[p]["kind"] in ("integer", "boolean"):
                    table[bench.names[p]] = table[bench.names[p]].astype(int)
            closed = Closed(bench, places)
            closed.row = row
            table["declined"] = closed.predict(table)
            known[places] = closed, table
        closed, table = known[places]
        closed.row = row
        # Its examples of the wanted class are those that the model around this row approves.
        table = table.assign(declined=closed.predict(table.drop(columns="declined")))
        data = dice_ml.Data(dataframe=table, continuous_features=[bench.names[p] for p in places],
                            outcome_name="declined")
        search = dice_ml.Dice(data, dice_ml.Model(model=closed, backend="sklearn"), method=method)
        query = pd.DataFrame({bench.names[p]: [row[p]] for p in places}).astype(
            {n: t for n, t in table.dtypes.items() if n != "declined"})
        options = {"random_seed": 1} if method == "random" else {"verbose": False}
        try:
            example = search.generate_counterfactuals(
                query, total_CFs=1, desired_class=0, permitted_range={
                    bench.names[p]: bench.permitted(p, row[p]) for p in places}, **options)
            best = example.cf_examples_list[0].final_cfs_df
        except Exception as error:  # It raises its own kinds where it finds none.
            print(f"{method}, row {number}: {type(error).__name__}: {error}", file=sys.stderr)
            best = None
        if best is None or not len(best):
            found.append(None)
            continue
        after = {p: float(best.iloc[0][bench.names[p]]) for p in places}
        found.append({p: v for p, v in after.items() if not math.isclose(v, row[p], rel_tol=1e-6)})
        if sys.stderr.isatty():
            print(f"\r{method}: {number + 1} of {len(rows)}", end="", file=sys.stderr)
    return found, time.process_time() - begun


def report(results):
    ours = results["Plimsoll"]
    lines = [f"{ours['rows']} declined applications of month {MONTH}; found, valid and within the "
             "profile as shares of all rows; the profile's steps bind Plimsoll only.", "",
             "| | rows | found | valid | within the profile | CPU ms a row | features changed | distance "
             "| ours on the same rows |", "|---|---|---|---|---|---|---|---|---|"]
    for name, result in results.items():
        both = [at for at in range(result["rows"])
                if result["features"][at] is not None and ours["features"][at] is not None]
        def mean(source, key):
            return statistics.mean(source[key][at] for at in both)
        lines.append(
            f"| {name} | {result['rows']} | {result['found']:.1%} | {result['valid']:.1%} | "
            f"{result['allowed']:.1%} | {result['cpu_ms']:.1f} | {mean(result, 'features'):.2f} | "
            f"{mean(result, 'distance'):.4f} | "
            + (f"{mean(ours, 'features'):.2f}, {mean(ours, 'distance'):.4f} |"
               if result is not ours else "|"))
    lines += ["", f"Plimsoll found one within {LIMIT_MICROS // 1000} ms for {ours['in_limit']:.1%} and knew "
              f"it to be the smallest for {ours['minimal']:.1%}."]
    return "\n".join(lines) + "\n"


def prepare():
    """Goes on in a Python that has what is compared with."""
    python = VENV / "bin" / "python"
    if Path(sys.prefix) == VENV:
        return
    if not (VENV / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r",
                        HERE / "requirements-counterfactual.txt"], check=True)
        (VENV / "ready").touch()
    # DiCE draws a progress bar for every row.
    os.execve(python, [python, *sys.argv], os.environ | {"TQDM_DISABLE": "1"})


if __name__ == "__main__":
    main()
