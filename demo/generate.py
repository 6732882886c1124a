"""Makes credit applications: who asks for a loan, for what, and how likely they are to default.

Nobody in this data exists. The population is drawn from simple distributions that hang together
(students are young, renters pay rent, people without a credit file have no late payments on it)
and that change with time. A month is a number: 0 is January 2026, in which the demo's model goes
live; negative months are the history it is trained on. What changes:

* prices rise by 0.25 % a month, and with them incomes, rents and amounts, from month -12 on;
* mobile applications displace the branch, by two points of share a month;
* from month 6 on a campaign brings more applicants from the south;
* from month 4 to month 10 the economy sours: more unemployed and temporary workers apply
  (the population moves), and the same application defaults more often, most so for people in
  temporary work or self-employed (the relation moves too);
* from month 8 on a changed form makes fewer applicants state their savings.

Values are missing for reasons, and the reason can be read from the rest of the row:

=============== ==========================================================================
field           missing when
=============== ==========================================================================
partner_income  the applicant applies alone
rent            housing costs nothing (own without mortgage, family)
job_months      there is no job: retired, student, unemployed
industry        likewise
savings         not stated; those with little state it less often, so this is informative
card_use        there is no card
file_months     no credit bureau has a file (has_file is false)
inquiries       likewise
late_30         likewise
defaulted       likewise
=============== ==========================================================================

The true probability of default within a year is a logistic function with interactions; it is
known here, as it never is in life, so that later chapters can compare estimates with it.

Needs numpy only. The same seed, month and count give the same rows wherever numpy's random
streams are the same (they are, for the pinned version); values are rounded, so that the last bit
of a library function does not show.

    python demo/generate.py --month 3 --rows 1000 --labels > applications.csv
"""

import argparse
import csv
import sys
from datetime import datetime, timedelta, timezone

import numpy as np

SEED = 20_260_101
GO_LIVE_YEAR = 2026
CUSTOMERS = 200_000

PERSONAL = "personal"


def field(name, kind, description, **rules):
    """One field of the contract; the generator keeps to the same rules."""
    return {"name": name, "kind": kind, "description": description, **rules}


# The order of this list is the order of the model's features. The order of `values` gives the
# codes that the model sees. Everything about the person is personal data; the terms of the loan
# alone say nothing about who asks. Nothing here is of a special category.
FEATURES = [
    field("age", "integer", "age of the applicant", unit="years", min=18, max=100, cls=PERSONAL),
    field("income", "number", "net income of the applicant", unit="EUR/month",
          min=0, max=50_000, cls=PERSONAL),
    field("partner_income", "number", "net income of a second applicant; null when there is none",
          unit="EUR/month", min=0, max=50_000, nullable=True, cls=PERSONAL),
    field("dependants", "integer", "people who live on these incomes", min=0, max=15, cls=PERSONAL),
    field("education", "category", "highest degree", cls=PERSONAL,
          values=["basic", "secondary", "vocational", "bachelor", "master"]),
    field("housing", "category", "how the applicant lives", cls=PERSONAL,
          values=["rent", "mortgage", "own", "family"]),
    field("rent", "number", "rent or mortgage payment; null when there is none", unit="EUR/month",
          min=0, max=10_000, nullable=True, cls=PERSONAL),
    field("employment", "category", "how the applicant earns", cls=PERSONAL,
          values=["permanent", "temporary", "public", "self_employed", "retired", "student",
                  "unemployed"]),
    field("job_months", "integer", "time in this job; null without one", unit="months",
          min=0, max=720, nullable=True, on_violation="clamp", cls=PERSONAL),
    field("industry", "category", "industry of the job; null without one", nullable=True,
          cls=PERSONAL, values=["office", "trade", "factory", "building", "health", "transport",
                                "hotels", "farming"]),
    field("verified", "boolean", "whether the income was checked against a payslip",
          cls=PERSONAL),
    field("amount", "number", "amount asked for", unit="EUR", min=500, max=75_000),
    field("term", "integer", "time to repay", unit="months", min=6, max=96),
    field("purpose", "category", "what the money is for",
          values=["car", "home", "furniture", "consolidation", "education", "travel"]),
    field("savings", "number", "savings; null when not stated", unit="EUR",
          min=0, max=2_000_000, nullable=True, cls=PERSONAL),
    field("debt", "number", "what is still owed elsewhere", unit="EUR", min=0, max=500_000, cls=PERSONAL),
    field("debt_service", "number", "payments on that", unit="EUR/month", min=0, max=20_000, cls=PERSONAL),
    field("cards", "integer", "credit cards", min=0, max=30, cls=PERSONAL),
    field("card_use", "number", "used share of the cards' limits; null without a card. Above 1.2 is "
          "rare and worth a look, not wrong", min=0, max=1.2, nullable=True, on_violation="flag",
          cls=PERSONAL),
    field("has_file", "boolean", "whether a credit bureau has a file", cls=PERSONAL),
    field("file_months", "integer", "age of that file; null without one", unit="months",
          min=0, max=720, nullable=True, cls=PERSONAL),
    field("inquiries", "integer", "inquiries by other lenders in six months; null without a file",
          min=0, max=50, nullable=True, cls=PERSONAL),
    field("late_30", "integer", "payments over 30 days late in two years; null without a file",
          min=0, max=24, nullable=True, cls=PERSONAL),
    field("defaulted", "boolean", "whether a default stands in the file; null without one",
          nullable=True, cls=PERSONAL),
    field("customer_months", "integer", "time as a customer of ours; 0 when new", unit="months",
          min=0, max=720, cls=PERSONAL),
]

CONTEXT = [
    field("application_id", "string", "the application", pattern=r"A\d{9}", max_length=10, cls=PERSONAL),
    field("customer_id", "string", "the applicant", pattern=r"C\d{6}", max_length=7, cls=PERSONAL),
    field("submitted_at", "timestamp", "when the application came in"),
    field("region", "category", "where the applicant lives", cls=PERSONAL,
          values=["north", "east", "south", "west", "centre"]),
    field("channel", "category", "how the application came in",
          values=["branch", "online", "mobile", "broker"]),
]

MAP = {
    "subjects": ["customer_id"],
    "interaction": "application_id",
    "event_time": "submitted_at",
    "slices": ["region", "channel"],
}


def generate(month, rows, seed=SEED):
    """Columns by name (None or NaN where missing), and the true default probabilities."""
    rng = np.random.default_rng([seed, month + 1_200])
    stress = float(np.clip((month - 4) / 6, 0, 1))
    prices = 1.0025 ** (month + 12)
    person = people(rng, rows, prices, stress)
    loan = loans(rng, rows, prices, person)
    history = histories(rng, rows, month, prices, person)
    context = contexts(rng, rows, month)
    columns = {**person, **loan, **history, **context}
    probability = default_probability(columns, prices, stress)
    draws = rng.random(rows)
    for rule in FEATURES:
        keep_to(rule, columns)
    return columns, probability, draws < probability


def people(rng, n, prices, stress):
    """The applicants: age, work, home, income."""
    age = np.clip(18 + rng.gamma(3.0, 7.5, n), 18, 92).astype(np.int64)
    young, old = age < 26, age >= 64
    shares = {
        "permanent": np.where(old, 0.04, np.where(young, 0.34, 0.58)),
        "temporary": np.where(old, 0.01, np.where(young, 0.22, 0.10)) * (1 + 0.6 * stress),
        "public": np.where(old, 0.01, np.where(young, 0.06, 0.13)),
        "self_employed": np.where(old, 0.05, np.where(young, 0.03, 0.13)),
        "retired": np.where(old, 0.88, np.where(age >= 58, 0.10, 0.0)),
        "student": np.where(young, 0.28, np.where(age < 32, 0.03, 0.0)),
        "unemployed": np.where(old, 0.0, 0.045) * (1 + 1.2 * stress),
    }
    employment = choose(rng, shares)
    jobless = np.isin(employment, ["retired", "student", "unemployed"])
    education = choose(rng, {"basic": 0.12, "secondary": 0.27, "vocational": 0.33, "bachelor": 0.17,
                             "master": 0.11}, n)
    degree = look_up(education, {"basic": -0.25, "secondary": -0.08, "vocational": 0.0,
                                 "bachelor": 0.18, "master": 0.38})
    level = look_up(employment, {"permanent": 7.75, "temporary": 7.45, "public": 7.80,
                                 "self_employed": 7.85, "retired": 7.35, "student": 6.60,
                                 "unemployed": 6.85})
    seniority = 0.012 * np.clip(age - 25, 0, 30)
    income = np.round(prices * np.exp(level + degree + seniority + 0.32 * rng.standard_normal(n)), 0)
    together = rng.random(n) < np.where(age < 28, 0.15, 0.42)
    partner = np.round(income * rng.uniform(0.35, 1.15, n), 0)
    dependants = np.minimum(rng.poisson(np.where(together, 1.1, 0.35), n), 9)
    home = {
        "rent": np.where(young, 0.55, 0.47),
        "mortgage": np.where(young, 0.02, np.where(old, 0.10, 0.26)),
        "own": np.where(young, 0.01, np.where(old, 0.42, 0.14)),
        "family": np.where(young, 0.42, 0.07),
    }
    housing = choose(rng, home)
    rent = np.round(income ** 0.72 * rng.uniform(1.6, 3.4, n), 0)
    job = np.minimum(rng.gamma(1.3, 48, n), (age - 17) * 12.0).astype(np.int64)
    industry = choose(rng, {"office": 0.28, "trade": 0.16, "factory": 0.15, "building": 0.10,
                            "health": 0.12, "transport": 0.08, "hotels": 0.07, "farming": 0.04}, n)
    return {
        "age": age,
        "income": income,
        "partner_income": np.where(together, partner, np.nan),
        "dependants": dependants,
        "education": education,
        "housing": housing,
        "rent": np.where(np.isin(housing, ["rent", "mortgage"]), rent, np.nan),
        "employment": employment,
        "job_months": np.where(jobless, np.nan, job),
        "industry": np.where(jobless, None, industry),
    }


def loans(rng, n, prices, person):
    """What they ask for."""
    purpose = choose(rng, {"car": 0.30, "home": 0.17, "furniture": 0.15, "consolidation": 0.22,
                           "education": 0.06, "travel": 0.10}, n)
    size = look_up(purpose, {"car": 9.35, "home": 9.65, "furniture": 8.20, "consolidation": 9.40,
                             "education": 8.90, "travel": 8.00})
    reach = 0.35 * np.log(np.maximum(person["income"], 300) / (2_300 * prices))
    amount = np.round(prices * np.exp(size + reach + 0.45 * rng.standard_normal(n)) / 50) * 50
    wanted = 12 + 60 * (amount / 20_000) ** 0.6 + 10 * rng.standard_normal(n)
    return {
        "verified": rng.random(n) < np.where(person["employment"] == "self_employed", 0.45, 0.78),
        "amount": amount,
        "term": (np.clip(np.round(wanted / 6), 1, 16) * 6).astype(np.int64),
        "purpose": purpose,
    }


def histories(rng, n, month, prices, person):
    """What they own and owe, and what the bureau knows."""
    age, income = person["age"], person["income"]
    thrift = rng.standard_normal(n)
    savings = np.round(income * np.exp(0.6 + 0.9 * thrift + 0.02 * (age - 30)), -1)
    stated = (0.90 if month < 8 else 0.68) - 0.22 * (savings < income)
    debt = np.where(rng.random(n) < 0.46, np.round(income * rng.gamma(1.2, 2.6, n), 0), 0.0)
    service = np.where(debt > 0, np.round(debt / rng.uniform(18, 60, n), 0), 0.0)
    cards = np.minimum(rng.poisson(np.where(income > 1_800 * prices, 1.6, 0.7)), 12)
    use = np.round(np.clip(rng.beta(1.1, 1.9, n) - 0.07 * thrift, 0, 1.15), 2)
    over = rng.random(n) < 0.004
    file = rng.random(n) < np.where(age < 24, 0.62, 0.94)
    file_months = np.minimum(rng.gamma(2.2, 45, n), (age - 17) * 12.0).astype(np.int64)
    strain = -0.55 * thrift + 0.5 * use + 0.05 * np.minimum(service / np.maximum(income, 200), 2)
    inquiries = np.minimum(rng.poisson(np.exp(0.1 + 0.45 * strain)), 30)
    late = np.minimum(rng.poisson(np.exp(-1.5 + 0.95 * strain)), 24)
    defaulted = rng.random(n) < 1 / (1 + np.exp(3.9 - 0.55 * late - 0.4 * strain))
    known = rng.random(n) < 0.47
    return {
        "savings": np.where(rng.random(n) < stated, savings, np.nan),
        "debt": debt,
        "debt_service": service,
        "cards": cards,
        "card_use": np.where(cards == 0, np.nan, np.where(over, np.round(use + 1.25, 2), use)),
        "has_file": file,
        "file_months": np.where(file, file_months, np.nan),
        "inquiries": np.where(file, inquiries, np.nan),
        "late_30": np.where(file, late, np.nan),
        "defaulted": np.where(file, defaulted, np.nan),
        "customer_months": np.where(known, np.minimum(rng.gamma(1.6, 40, n), (age - 17) * 12.0),
                                    0).astype(np.int64),
    }


def contexts(rng, n, month):
    """Who, when, where and how; none of it is given to the model."""
    start = month_start(month)
    seconds = int((month_start(month + 1) - start).total_seconds())
    offsets = np.sort(rng.integers(0, seconds, n))
    times = [(start + timedelta(seconds=int(s))).strftime("%Y-%m-%dT%H:%M:%SZ") for s in offsets]
    number = (month + 100) * 1_000_000
    south = 0.20 + (0.12 if month >= 6 else 0.0)
    mobile = float(np.clip(0.34 + 0.02 * month, 0.08, 0.60))
    rest = 1 - mobile
    return {
        "application_id": np.array([f"A{number + i:09d}" for i in range(n)], dtype=object),
        "customer_id": np.array([f"C{c:06d}" for c in rng.integers(0, CUSTOMERS, n)], dtype=object),
        "submitted_at": np.array(times, dtype=object),
        "region": choose(rng, {"north": 0.19, "east": 0.16, "south": south, "west": 0.28,
                               "centre": 0.17}, n),
        "channel": choose(rng, {"branch": 0.42 * rest, "online": 0.43 * rest, "mobile": mobile,
                                "broker": 0.15 * rest}, n),
    }


def default_probability(c, prices, stress):
    """The truth: the probability of default within a year."""
    household = c["income"] + np.nan_to_num(c["partner_income"])
    free = household - np.nan_to_num(c["rent"]) - c["debt_service"] - 330 * prices * (1 + c["dependants"])
    burden = c["amount"] / c["term"] / np.maximum(free, 120 * prices)
    late = np.nan_to_num(c["late_30"])
    use = np.nan_to_num(c["card_use"])
    job = np.nan_to_num(c["job_months"])
    insecure = np.isin(c["employment"], ["temporary", "self_employed"])
    logit = -3.05
    logit = logit + 1.7 * np.log1p(np.minimum(burden, 6))
    logit = logit + 0.55 * np.minimum(late, 5) + 1.5 * (np.nan_to_num(c["defaulted"]) == 1)
    logit = logit + 1.8 * np.maximum(use - 0.45, 0)
    logit = logit + 0.16 * np.minimum(np.nan_to_num(c["inquiries"]), 8)
    logit = logit + np.where(c["employment"] == "unemployed", 1.5, 0.0) + 0.5 * insecure
    logit = logit - 0.5 * np.minimum(job / 60, 2) - 0.022 * np.minimum(c["age"] - 18, 40)
    logit = logit - 0.42 * np.log1p(np.nan_to_num(c["savings"]) / 2_000)
    logit = logit + 0.30 * np.isnan(c["savings"])
    file_years = np.nan_to_num(c["file_months"]) / 12
    logit = logit + np.where(c["has_file"], -0.05 * np.minimum(file_years, 10), 0.8)
    logit = logit - 0.25 * np.minimum(c["customer_months"] / 60, 2) - 0.35 * c["verified"]
    logit = logit + 0.5 * (c["purpose"] == "consolidation")
    logit = logit + 0.8 * ((c["purpose"] == "travel") & (late > 0))
    logit = logit + 0.4 * (c["industry"] == "hotels") + 0.2 * (c["industry"] == "building")
    logit = logit + stress * (0.35 + 0.75 * insecure)
    return 1 / (1 + np.exp(-logit))


def choose(rng, shares, n=None):
    """One name per row, with these shares (numbers, or arrays per row)."""
    names = np.array(list(shares), dtype=object)
    weights = np.array([np.broadcast_to(share, n or np.shape(share)) for share in shares.values()])
    edges = np.cumsum(weights / weights.sum(axis=0), axis=0)
    draws = rng.random(weights.shape[1])
    return names[np.minimum((draws >= edges).sum(axis=0), len(names) - 1)]


def look_up(names, numbers):
    """The number of each row's name."""
    return np.array([numbers[name] for name in names])


def keep_to(rule, columns):
    """Clips a column into its documented range; a range that only flags stays open."""
    if "min" in rule and rule.get("on_violation") != "flag":
        column = columns[rule["name"]]
        columns[rule["name"]] = np.clip(column, rule["min"], rule["max"])


def month_start(month):
    """The first moment of a month, counted from January of the go-live year."""
    years, rest = divmod(month, 12)
    return datetime(GO_LIVE_YEAR + years, rest + 1, 1, tzinfo=timezone.utc)


def value(rule, cell):
    """A cell as a value of JSON: None when missing, whole numbers without a fraction."""
    if cell is None or (isinstance(cell, (float, np.floating)) and np.isnan(cell)):
        return None
    if rule["kind"] == "boolean":
        return bool(cell)
    if rule["kind"] == "integer":
        return int(cell)
    if rule["kind"] == "number":
        number = round(float(cell), 2)
        return int(number) if number.is_integer() else number
    return str(cell)


def row_values(columns, index):
    """One application: (rule, value) for every field, context first, as a form would send it."""
    return [(rule, value(rule, columns[rule["name"]][index])) for rule in CONTEXT + FEATURES]


def write_csv(file, columns, count, labels=None):
    """Rows as CSV; an empty cell is a missing value."""
    writer = csv.writer(file, lineterminator="\n")
    head = [rule["name"] for rule in CONTEXT + FEATURES]
    writer.writerow(head + (["default_probability", "default"] if labels else []))
    for index in range(count):
        row = ["" if v is None else str(v).lower() if isinstance(v, bool) else v
               for _, v in row_values(columns, index)]
        if labels:
            row += [f"{labels[0][index]:.6f}", str(bool(labels[1][index])).lower()]
        writer.writerow(row)


def main():
    parser = argparse.ArgumentParser(description="writes credit applications as CSV")
    parser.add_argument("--month", type=int, default=0, help="0 is January 2026; may be negative")
    parser.add_argument("--rows", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--labels", action="store_true", help="with true probability and outcome")
    args = parser.parse_args()
    columns, probability, outcome = generate(args.month, args.rows, args.seed)
    write_csv(sys.stdout, columns, args.rows, (probability, outcome) if args.labels else None)


if __name__ == "__main__":
    main()
