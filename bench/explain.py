#!/usr/bin/env python3
"""`make bench-explain`: what exact SHAP values cost next to what people use, in one run.

One thread each, CPU time, the same rows and models wherever the library takes them:

  small   100 trees of depth 6, 25 features, missing values (a golden model of plimsoll-model)
  large   500 trees of depth 8, about 73 leaves each, trained here on the same rows

path: absent features are averaged by the training shares of each node. background: over 100 rows.
Every library's values are compared with Plimsoll's; where XGBoost's or `shap`'s differ, the run fails. LightGBM trains a
model of the same size of its own, and what only guesses (LIME, KernelExplainer) is compared with
nothing. A library that does not install is left out of the table, and said so.

Environment: BENCH_SECONDS (3, per measurement), BENCH_ONLY (names, comma-separated),
PLIMSOLL_BENCH (binary).
"""

import gzip
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
GOLDEN = ROOT / "crates" / "plimsoll-model" / "tests" / "golden"
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
ONLY = [name for name in os.environ.get("BENCH_ONLY", "").split(",") if name]
ROWS, BACKGROUND = 10_000, slice(5_000, 5_100)
# Libraries that cannot live together have environments of their own.
ENVIRONMENTS = {
    "main": ["xgboost-cpu==3.2.0", "shap==0.51.0", "lightgbm==4.7.0", "lime==0.2.0.1", "numpy==2.4.6", "scipy==1.17.1"],
    "fasttreeshap": ["fasttreeshap==0.1.6", "xgboost==1.7.6", "numpy==1.23.5"],
    "woodelf": ["woodelf-explainer==0.4.8", "xgboost-cpu==3.2.0", "numpy==2.4.6"],
}
PEERS = {
    "xgboost": "main", "shap": "main", "lightgbm": "main", "lime": "main", "kernel": "main",
    "fasttreeshap": "fasttreeshap", "woodelf": "woodelf",
}
# Others have been seen to err where a value is missing or equals a threshold; the table shows it.
REFERENCES = {"xgboost", "shap"}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        pythons = {name: environment(name) for name in set(PEERS.values())}
        run([pythons["main"], __file__, "prepare", folder])
        lines = plimsoll(folder)
        for peer, name in PEERS.items():
            if ONLY and peer not in ONLY:
                continue
            if pythons[name] is None:
                lines.append({"name": peer, "note": "does not install here"})
                continue
            made = subprocess.run([pythons[name], __file__, "peer", folder, peer], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, env=os.environ | ONE_THREAD)
            found = [json.loads(line) for line in made.stdout.splitlines() if line.startswith("{")]
            lines += found
            if made.returncode:
                reason = made.stderr.strip().splitlines()[-1:] or ["no reason given"]
                lines.append({"name": peer, "note": f"failed: {reason[0]}"})
        text = table(lines)
        results = HERE / "results"
        results.mkdir(exist_ok=True)
        (results / "explain.md").write_text(text)
        (results / "explain.json").write_text(json.dumps(lines, indent=1))
        print(text)
        disagree = [line for line in lines if line["name"].split()[0] in REFERENCES
                    and line.get("difference", 0) > 1e-4 * line["scale"]]
        sys.exit(f"values disagree: {disagree}" if disagree else 0)


def run(command, **more):
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True, **more).stdout


def environment(name):
    """The Python of a virtual environment with the packages of `name`, or None."""
    folder = ROOT / ".venv" / f"bench-explain-{name}"
    python, done = folder / "bin" / "python", folder / "done"
    if done.exists():
        return python
    run([sys.executable, "-m", "venv", folder])
    made = subprocess.run([python, "-m", "pip", "install", "-q", *ENVIRONMENTS[name]])
    if made.returncode:
        return None
    done.touch()
    return python


def prepare(folder):
    """Rows, background and both models, as every library reads them."""
    import numpy as np
    import xgboost as xgb

    rows = np.frombuffer(gzip.open(GOLDEN / "rows.f32.gz").read(), "<f4").reshape(ROWS, -1)
    rows.tofile(folder / "rows.f32")
    rows[BACKGROUND].tofile(folder / "background.f32")
    small = xgb.Booster({"nthread": 1})
    small.load_model(bytearray(gzip.open(GOLDEN / "3.2" / "bench.json.gz").read()))
    x = np.nan_to_num(rows.astype("f8"), nan=0.4)
    score = x[:, 0] - 0.8 * x[:, 3] * x[:, 5] + np.log1p(np.abs(x[:, 1])) * 0.5 - np.abs(x[:, 8]) * 0.6
    label = score + np.random.default_rng(3).normal(size=ROWS)
    parameters = {"objective": "reg:squarederror", "max_depth": 8, "min_child_weight": 18, "eta": 0.05,
                  "tree_method": "hist", "nthread": 1, "seed": 1}
    large = xgb.train(parameters, xgb.DMatrix(rows, label), 500)
    for name, model in [("small", small), ("large", large)]:
        model.save_model(folder / f"{name}.json")
        # The version before 3.1 wrote base_score without brackets, and some libraries still want it.
        document = json.loads((folder / f"{name}.json").read_text())
        parameters = document["learner"]["learner_model_param"]
        parameters["base_score"] = parameters["base_score"].strip("[]")
        (folder / f"{name}-old.json").write_text(json.dumps(document))
        leaves = sum(t["left_children"].count(-1) for t in
                     document["learner"]["gradient_booster"]["model"]["trees"])
        (folder / f"{name}.leaves").write_text(str(leaves))


def plimsoll(folder):
    binary = os.environ.get("PLIMSOLL_BENCH") or Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "plimsoll-bench"
    lines = []
    for model in ["small", "large"]:
        for mode in ["path", "background"]:
            for simd in ["avx512", "avx2", "portable"]:
                values = folder / f"plimsoll-{model}-{mode}.f64"
                command = [binary, "explain", "--model", folder / f"{model}.json", "--rows", folder / "rows.f32",
                           "--simd", simd, "--seconds", str(SECONDS), "--values", values]
                if mode == "background":
                    command += ["--background", folder / "background.f32"]
                report = json.loads(run(command))
                if report["simd"].lower() != simd:
                    continue
                lines.append({"name": f"Plimsoll, {report['simd']}", "model": model, "mode": mode,
                              "per_second": report["rows_per_cpu_second"], "single_us": report["single_us"]["mean"],
                              "prepare_ms": report["prepare_ms"], "table_bytes": report["table_bytes"]})
    return lines


class Peer:
    """What every peer needs: rows, models, values to compare with, a clock."""

    def __init__(self, folder):
        import numpy as np

        self.np, self.folder = np, folder
        self.rows = np.fromfile(folder / "rows.f32", "<f4").reshape(ROWS, -1)
        self.background = np.fromfile(folder / "background.f32", "<f4").reshape(100, -1)

    def cost(self, name, model, mode, explain, least=20, most=ROWS, single=True, compare=True):
        """explain(rows) -> contributions. Rows are added until one call takes long enough."""
        count, values = min(least, most), None
        while True:
            start = time.process_time()
            values = explain(self.rows[:count])
            taken = time.process_time() - start
            if taken >= SECONDS or count == most:
                break
            count = min(most, max(count * 2, int(count * SECONDS / max(taken, 1e-3))))
        line = {"name": name, "model": model, "mode": mode, "per_second": count / max(taken, 1e-9)}
        if single:
            start, calls = time.process_time(), 0
            while time.process_time() - start < SECONDS / 2 and calls < 1_000:
                explain(self.rows[calls:calls + 1])
                calls += 1
            line["single_us"] = (time.process_time() - start) / calls * 1e6
        if compare:
            own = self.np.fromfile(self.folder / f"plimsoll-{model}-{mode}.f64", "<f8").reshape(ROWS, -1)[:count]
            values = self.np.asarray(values, "f8").reshape(count, -1)[:, :own.shape[1]]
            line["difference"] = float(self.np.abs(values - own).max())
            line["scale"] = float(self.np.abs(own.sum(1)).max())
        print(json.dumps(line), flush=True)

    def booster(self, model, old=False):
        import xgboost as xgb

        booster = xgb.Booster({"nthread": 1})
        booster.load_model(self.folder / f"{model}{'-old' if old else ''}.json")
        return booster


def peer_xgboost(peer):
    import xgboost as xgb

    for model in ["small", "large"]:
        booster = peer.booster(model)
        peer.cost(f"xgboost {xgb.__version__} pred_contribs", model, "path",
                  lambda rows: booster.predict(xgb.DMatrix(rows, nthread=1), pred_contribs=True))


def peer_shap(peer):
    import shap

    for model in ["small", "large"]:
        explainer = shap.TreeExplainer(peer.booster(model), feature_perturbation="tree_path_dependent")
        # Else it hands over to XGBoost.
        explainer.model.model_type = "internal"
        peer.cost(f"shap {shap.__version__} TreeExplainer", model, "path",
                  lambda rows: explainer.shap_values(rows.astype("f8"), check_additivity=False))
        explainer = shap.TreeExplainer(peer.booster(model), peer.background.astype("f8"),
                                       feature_perturbation="interventional")
        peer.cost(f"shap {shap.__version__} TreeExplainer", model, "background",
                  lambda rows: explainer.shap_values(rows.astype("f8"), check_additivity=False), most=1_000)


def peer_lightgbm(peer):
    import lightgbm

    x = peer.np.nan_to_num(peer.rows, nan=0.4)
    label = x[:, 0] - 0.8 * x[:, 3] * x[:, 5]
    for model, leaves, trees, depth in [("small", 58, 100, 6), ("large", 73, 500, 8)]:
        data = lightgbm.Dataset(peer.rows, label + peer.np.random.default_rng(1).normal(size=ROWS))
        booster = lightgbm.train({"objective": "regression", "num_leaves": leaves, "max_depth": depth, "num_threads": 1,
                                  "verbosity": -1, "min_data_in_leaf": 5}, data, trees)
        peer.cost(f"lightgbm {lightgbm.__version__} pred_contrib, own model", model, "path",
                  lambda rows: booster.predict(rows, pred_contrib=True, num_threads=1), compare=False)


def probabilities(peer):
    import xgboost as xgb

    booster = peer.booster("small")
    return lambda rows: booster.predict(xgb.DMatrix(rows, nthread=1), output_margin=True)


def peer_lime(peer):
    from lime.lime_tabular import LimeTabularExplainer

    np = peer.np
    filled = np.nan_to_num(peer.rows, nan=0.4)
    predict = probabilities(peer)
    explainer = LimeTabularExplainer(filled, mode="regression", random_state=1)
    peer.cost("lime 0.2.0.1", "small", "background",
              lambda rows: [explainer.explain_instance(row, predict) and 0 for row in np.nan_to_num(rows, nan=0.4)],
              most=200, single=False, compare=False)


def peer_kernel(peer):
    import shap

    explainer = shap.KernelExplainer(probabilities(peer), peer.background.astype("f8"))
    peer.cost(f"shap {shap.__version__} KernelExplainer", "small", "background",
              lambda rows: explainer.shap_values(rows.astype("f8"), silent=True), most=40, single=False, compare=False)


def peer_fasttreeshap(peer):
    import fasttreeshap
    import numpy as np

    for model in ["small", "large"]:
        booster = peer.booster(model, old=True)
        explainer = fasttreeshap.TreeExplainer(booster, algorithm="v2", n_jobs=1)
        peer.cost("fasttreeshap 0.1.6 v2", model, "path",
                  lambda rows: explainer(rows.astype("f8"), check_additivity=False).values if len(rows) > 1
                  else np.asarray(explainer.shap_values(rows.astype("f8"), check_additivity=False)))


def peer_woodelf(peer):
    import pandas as pd
    from woodelf import WoodelfExplainer

    frame = lambda rows: pd.DataFrame(rows, columns=[f"f{i}" for i in range(rows.shape[1])])
    for model in ["small", "large"]:
        booster = peer.booster(model)
        for mode, arguments in [("path", []), ("background", [frame(peer.background)])]:
            explainer = WoodelfExplainer(booster, *arguments)
            # It prepares in every call, so it is given all rows at once.
            peer.cost("woodelf-explainer 0.4.8", model, mode,
                      lambda rows: explainer.shap_values(frame(rows), verbose=False), least=ROWS, single=False)


def table(lines):
    """Rows of a model and mode, the fastest first."""
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    text = [f"{os.cpu_count()} cores, {cpu}, Linux {platform.release()}. One thread, CPU time, {SECONDS:g} s a figure.\n"]
    words = {"small": "100 trees × depth 6", "large": "500 trees × depth 8"}
    modes = {"path": "path-dependent", "background": "100 background rows"}
    for model in words:
        for mode in modes:
            text.append(f"\n{words[model]}, {modes[mode]}:\n")
            text.append("| | rows per CPU-second | one row, µs | difference |")
            text.append("|---|---|---|---|")
            own = [line for line in lines if (line.get("model"), line.get("mode")) == (model, mode)]
            for line in sorted(own, key=lambda line: -line["per_second"]):
                single = f"{line['single_us']:,.1f}" if "single_us" in line else ""
                difference = f"{line['difference']:.1e}" if "difference" in line else ""
                text.append(f"| {line['name']} | {line['per_second']:,.0f} | {single} | {difference} |")
    text += [f"\n{line['name']}: {line['note']}" for line in lines if "note" in line]
    prepared = [f"{words[line['model']]}, {modes[line['mode']]}: {line['prepare_ms']:.0f} ms, {line['table_bytes'] / 1e6:.1f} MB"
                for line in lines if line["name"] == "Plimsoll, Avx2"]
    text.append("\nPreparing Plimsoll's tables took " + "; ".join(prepared) + ".\n")
    return "\n".join(text)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["prepare", folder]:
            prepare(Path(folder))
        case ["peer", folder, name]:
            globals()[f"peer_{name}"](Peer(Path(folder)))
        case _:
            main()
