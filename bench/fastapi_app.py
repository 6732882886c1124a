"""The credit model behind FastAPI and onnxruntime, as one would write it by hand in an hour.

It validates kinds, ranges and categories with pydantic and answers with a probability. It does
not check who asks, has no policy, and keeps no record of what it decided. Bodies are flat JSON
objects, smaller and easier to read than the tensors that Plimsoll gets.
"""

import os
from typing import Literal

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

EDUCATION = ("basic", "secondary", "vocational", "bachelor", "master")
HOUSING = ("rent", "mortgage", "own", "family")
EMPLOYMENT = ("permanent", "temporary", "public", "self_employed", "retired", "student", "unemployed")
INDUSTRY = ("office", "trade", "factory", "building", "health", "transport", "hotels", "farming")
PURPOSE = ("car", "home", "furniture", "consolidation", "education", "travel")


class Application(BaseModel):
    model_config = ConfigDict(extra="forbid")

    application_id: str = Field(pattern=r"^A\d{9}$")
    customer_id: str = Field(pattern=r"^C\d{6}$")
    submitted_at: str
    region: Literal["north", "east", "south", "west", "centre"]
    channel: Literal["branch", "online", "mobile", "broker"]
    age: int = Field(ge=18, le=100)
    income: float = Field(ge=0, le=50_000)
    partner_income: float | None = Field(ge=0, le=50_000)
    dependants: int = Field(ge=0, le=15)
    education: Literal[EDUCATION]
    housing: Literal[HOUSING]
    rent: float | None = Field(ge=0, le=10_000)
    employment: Literal[EMPLOYMENT]
    job_months: int | None = Field(ge=0, le=720)
    industry: Literal[INDUSTRY] | None
    verified: bool
    amount: float = Field(ge=500, le=75_000)
    term: int = Field(ge=6, le=96)
    purpose: Literal[PURPOSE]
    savings: float | None = Field(ge=0, le=2_000_000)
    debt: float = Field(ge=0, le=500_000)
    debt_service: float = Field(ge=0, le=20_000)
    cards: int = Field(ge=0, le=30)
    card_use: float | None = Field(ge=0, le=5)
    has_file: bool
    file_months: int | None = Field(ge=0, le=720)
    inquiries: int | None = Field(ge=0, le=50)
    late_30: int | None = Field(ge=0, le=24)
    defaulted: bool | None
    customer_months: int = Field(ge=0, le=720)


CODES = {name: {value: code for code, value in enumerate(values)}
         for name, values in [("education", EDUCATION), ("housing", HOUSING),
                              ("employment", EMPLOYMENT), ("industry", INDUSTRY),
                              ("purpose", PURPOSE)]}
FEATURES = list(Application.model_fields)[5:]

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options,
                                       providers=["CPUExecutionProvider"])
app = FastAPI()


@app.post("/predict")
async def predict(application: Application):
    row = np.empty((1, len(FEATURES)), dtype=np.float32)
    for index, name in enumerate(FEATURES):
        value = getattr(application, name)
        codes = CODES.get(name)
        row[0, index] = np.nan if value is None else codes[value] if codes else value
    probabilities = session.run(["probabilities"], {"x": row})[0]
    return {"application_id": application.application_id, "probability": float(probabilities[0][1])}
