#!/usr/bin/env python3
"""`make bench-drift`: what comparing two tables costs next to what people use, in one run.

25 columns (19 of numbers, 6 of ten categories each), the same Parquet files for all, a reference
and a current table of so many rows, five columns shifted. CPU seconds and peak memory are those
of a whole process, start and reading included, as a scheduled job pays them; `work` is the CPU time of the
comparison alone, without start, imports and reading, which only the libraries can be asked for.
A library that does not install or takes no such table is left out of the table, and said so.

Environment: BENCH_ROWS (10000,100000), BENCH_OWN_ROWS (1000000, for Plimsoll alone), BENCH_ONLY
(names, comma-separated), PLIMSOLL (binary).
"""

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
ROWS = [int(rows) for rows in os.environ.get("BENCH_ROWS", "10000,100000").split(",")]
OWN_ROWS = [int(rows) for rows in os.environ.get("BENCH_OWN_ROWS", "1000000").split(",") if rows]
ONLY = [name for name in os.environ.get("BENCH_ONLY", "").split(",") if name]
NUMBERS, CATEGORIES = 19, 6
# Libraries that cannot live together have environments of their own.
ENVIRONMENTS = {
    "evidently": ["evidently==0.7.23", "pandas<3", "pyarrow"],
    "nannyml": ["nannyml==0.13.1", "statsmodels", "pyarrow"],
    # The newest pyarrow that works with numpy 1, which whylogs asks for.
    "whylogs": ["whylogs==1.6.4", "numpy<2", "pandas<2.3", "pyarrow==17.0.0", "scipy", "ipython"],
    "scouter": ["scouter-ml", "pandas<3", "pyarrow"],
}
PEERS = {"evidently": "evidently", "nannyml": "nannyml", "scipy": "nannyml", "whylogs": "whylogs", "scouter": "scouter"}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
              # NannyML and Evidently would tell their makers of every call, and wait for the network.
              "NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1", "WHYLOGS_NO_ANALYTICS": "True"}


def main():
    pythons = {name: environment(name) for name in ENVIRONMENTS}
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for rows in sorted(set(ROWS + OWN_ROWS)):
            files = [str(Path(folder) / f"{name}-{rows}.parquet") for name in ("reference", "current")]
            subprocess.run([pythons["nannyml"], __file__, "prepare", str(rows), *files], check=True)
            lines += plimsoll(rows, files)
            for peer, name in PEERS.items():
                if rows not in ROWS or (ONLY and peer not in ONLY):
                    continue
                if pythons[name] is None:
                    lines.append({"name": peer, "rows": rows, "note": "does not install here"})
                    continue
                lines.append(measured(peer, rows, [pythons[name], __file__, "peer", peer, *files]))
    text = table(lines)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "drift.md").write_text(text)
    (results / "drift.json").write_text(json.dumps(lines, indent=1))
    print(text)
    wrong = [line for line in lines if line["name"].startswith("Plimsoll") and "note" in line]
    sys.exit(f"failed: {wrong}" if wrong else 0)


def environment(name):
    """The Python of a virtual environment with the packages of `name`, or None."""
    folder = ROOT / ".venv" / f"bench-drift-{name}"
    python, done = folder / "bin" / "python", folder / "done"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        if subprocess.run([python, "-m", "pip", "install", "-q", *ENVIRONMENTS[name]]).returncode:
            return None
        done.touch()
    return str(python)


def measured(name, rows, command, wanted=(0,)):
    """Runs the command; CPU seconds and peak memory are the kernel's count for that process."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=err, env=os.environ | ONE_THREAD)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        line = {"name": name, "rows": rows, "cpu": usage.ru_utime + usage.ru_stime, "mb": usage.ru_maxrss / 1024}
        if process.returncode not in wanted:
            return {"name": name, "rows": rows, "note": f"failed: {(err.read().strip().splitlines() or ['no reason'])[-1][:160]}"}
        said = [text for text in out.read().splitlines() if text.startswith('{"work"')]
        return line | (json.loads(said[-1]) if said else {})


def plimsoll(rows, files):
    binary = os.environ.get("PLIMSOLL") or Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "plimsoll"
    lines = []
    for preset in ["plimsoll", "evidently", "nannyml"]:
        report = files[0].replace(".parquet", ".html")
        command = [binary, "drift", "compare", *files, "--preset", preset, "--html", report, "--quiet", "--json"]
        # 2: the shifted columns must be found.
        line = measured(f"Plimsoll, --preset {preset}", rows, command, wanted=(2,))
        lines.append(line | {"report_kb": Path(report).stat().st_size / 1024} if "cpu" in line else line)
    return lines


def prepare(rows, reference, current):
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(5)
    def frame(shift):
        columns = {f"x{i}": rng.normal(shift if i < 4 else 0.0, size=rows) for i in range(NUMBERS)}
        share = np.full(10, 0.1)
        for i in range(CATEGORIES):
            weights = share + (np.linspace(-shift, shift, 10) / 5 if i == 0 else 0)
            columns[f"c{i}"] = rng.choice(list("abcdefghij"), rows, p=weights / weights.sum())
        return pd.DataFrame(columns)
    frame(0.0).to_parquet(reference)
    frame(0.4).to_parquet(current)


def peer(name, reference, current):
    import pandas as pd

    frames = pd.read_parquet(reference), pd.read_parquet(current)
    work = globals()[f"peer_{name}"]()
    start = time.process_time()
    work(*frames)
    print(json.dumps({"work": time.process_time() - start}))


def peer_evidently():
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    definition = DataDefinition(numerical_columns=[f"x{i}" for i in range(NUMBERS)],
                                categorical_columns=[f"c{i}" for i in range(CATEGORIES)])
    def work(reference, current):
        made = [Dataset.from_pandas(frame, data_definition=definition) for frame in (current, reference)]
        Report([DataDriftPreset()]).run(*made).get_html_str(as_iframe=False)
    return work


def peer_nannyml():
    import nannyml

    def work(reference, current):
        calculator = nannyml.UnivariateDriftCalculator(column_names=list(reference.columns))
        calculator.fit(reference)
        calculator.calculate(current).to_df()
    return work


def peer_scipy():
    import pandas as pd
    from scipy import stats

    def work(reference, current):
        for name in reference.columns:
            if name.startswith("x"):
                stats.ks_2samp(reference[name], current[name])
                stats.wasserstein_distance(reference[name], current[name])
            else:
                stats.chi2_contingency(pd.concat([f[name].value_counts() for f in (reference, current)], axis=1).fillna(0))
    return work


def peer_whylogs():
    import whylogs
    from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

    def work(reference, current):
        views = [whylogs.log(frame).view() for frame in (current, reference)]
        calculate_drift_scores(target_view=views[0], reference_view=views[1], with_thresholds=True)
    return work


def peer_scouter():
    from scouter.drift import Drifter, PsiDriftConfig

    def work(reference, current):
        # It has no comparison offline: the profile of the reference and that of the current table.
        columns = [f"c{i}" for i in range(CATEGORIES)]
        for frame in (reference, current):
            frame = frame.astype({name: "category" for name in columns})
            Drifter().create_drift_profile(frame, PsiDriftConfig(categorical_features=columns))
    return work


def table(lines):
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    text = [f"{os.cpu_count()} cores, {cpu}, Linux {platform.release()}. Whole processes, CPU time; 25 columns.\n"]
    for rows in sorted({line["rows"] for line in lines}):
        own = [line for line in lines if line["rows"] == rows and "cpu" in line]
        text.append(f"\n{rows:,} rows in each table:\n\n| | CPU s | of it work | peak MB | times Plimsoll |\n|---|---|---|---|---|")
        least = next((line["cpu"] for line in own if line["name"] == "Plimsoll, --preset plimsoll"), None)
        for line in sorted(own, key=lambda line: line["cpu"]):
            work = f"{line['work']:.2f}" if "work" in line else ""
            times = f"{line['cpu'] / least:,.1f}" if least else ""
            text.append(f"| {line['name']} | {line['cpu']:.3f} | {work} | {line['mb']:.0f} | {times} |")
    text += [f"\n{line['name']} at {line['rows']:,} rows: {line['note']}" for line in lines if "note" in line]
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["prepare", rows, reference, current]:
            prepare(int(rows), reference, current)
        case ["peer", name, reference, current]:
            peer(name, reference, current)
        case _:
            main()
