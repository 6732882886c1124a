#!/usr/bin/env python3
"""Makes realized.json.gz: what scikit-learn says of answers with outcomes (generated rows, ties among them)."""

import gzip
import json
from pathlib import Path

import numpy as np
from sklearn import metrics as m

GOLDEN = Path(__file__).with_name("realized.json.gz")
CLASSES = 4


def binary(seed, rows, decimals):
    rng = np.random.default_rng(seed)
    scores = np.round(rng.beta(1.5, 3, rows), decimals)
    outcomes = rng.random(rows) < np.clip(scores * 1.2, 0, 1)
    answers = scores >= 0.4
    said = {"accuracy": m.accuracy_score(outcomes, answers), "precision": m.precision_score(outcomes, answers),
            "recall": m.recall_score(outcomes, answers), "specificity": m.recall_score(~outcomes, ~answers),
            "f1": m.f1_score(outcomes, answers), "auroc": m.roc_auc_score(outcomes, scores),
            "average_precision": m.average_precision_score(outcomes, scores),
            "log_loss": m.log_loss(outcomes, scores), "brier": m.brier_score_loss(outcomes, scores)}
    return {"scores": scores.tolist(), "answers": answers.astype(int).tolist(), "outcomes": outcomes.astype(int).tolist(), "said": said}


def multiclass(seed, rows):
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.ones(CLASSES), rows)
    outcomes = np.array([rng.choice(CLASSES, p=row) for row in scores])
    answers = scores.argmax(axis=1)
    mean = {"average": "macro", "zero_division": 0}
    said = {"accuracy": m.accuracy_score(outcomes, answers), "precision": m.precision_score(outcomes, answers, **mean),
            "recall": m.recall_score(outcomes, answers, **mean), "f1": m.f1_score(outcomes, answers, **mean),
            "auroc": m.roc_auc_score(outcomes, scores, multi_class="ovr"), "log_loss": m.log_loss(outcomes, scores)}
    return {"scores": scores.tolist(), "answers": answers.tolist(), "outcomes": outcomes.tolist(), "said": said}


def regression(seed, rows):
    rng = np.random.default_rng(seed)
    outcomes = rng.normal(50, 20, rows)
    answers = outcomes + rng.normal(1, 5, rows)
    said = {"mae": m.mean_absolute_error(outcomes, answers), "median_ae": m.median_absolute_error(outcomes, answers),
            "rmse": m.root_mean_squared_error(outcomes, answers), "mape": m.mean_absolute_percentage_error(outcomes, answers),
            "r2": m.r2_score(outcomes, answers)}
    return {"answers": answers.tolist(), "outcomes": outcomes.tolist(), "said": said}


def ranking(seed, rankings, at):
    rng = np.random.default_rng(seed)
    rows = [(np.round(rng.random(12), 1), rng.integers(0, 4, 12)) for _ in range(rankings)]
    # One item is relevant at least, or scikit-learn calls the average precision 0.
    rows = [(scores, np.append(relevance[1:], 1)) for scores, relevance in rows]
    said = {"ndcg": float(np.mean([m.ndcg_score([relevance], [scores], k=at) for scores, relevance in rows])),
            "mean_average_precision": float(np.mean([m.average_precision_score(relevance > 0, scores) for scores, relevance in rows]))}
    return {"at": at, "rankings": [[scores.tolist(), relevance.tolist()] for scores, relevance in rows], "said": said}


golden = {"binary": [binary(1, 400, 6), binary(2, 300, 1)], "multiclass": [multiclass(3, 300)],
          "regression": [regression(4, 200)], "ranking": [ranking(5, 60, 5), ranking(6, 60, 12)]}
with gzip.GzipFile(GOLDEN, "wb", mtime=0) as file:
    file.write(json.dumps(golden, separators=(",", ":"), default=float).encode())
