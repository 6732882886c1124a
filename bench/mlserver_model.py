"""The demo's model in MLServer: a runtime of its own, as its documentation shows.

It takes the same requests as Plimsoll: a tensor per field, categories as texts, or all features as
one matrix. XGBoost predicts in place, without a DMatrix. Environment: MODEL, CODES (JSON: the code
of every category, by feature, in the order of the features), MATRIX (the matrix's name).
"""

import json
import os

import numpy as np
import xgboost
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

CODES = json.loads(os.environ["CODES"])
MATRIX = os.environ["MATRIX"]
PLACES = {name: place for place, name in enumerate(CODES)}


class Credit(MLModel):
    async def load(self):
        self.booster = xgboost.Booster(model_file=os.environ["MODEL"])
        self.booster.set_param({"nthread": 1})
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = self.rows(payload)
        margins = self.booster.inplace_predict(rows, validate_features=False)
        output = NumpyCodec.encode_output("probability", margins.reshape(-1).astype(np.float64))
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=[output])

    def rows(self, payload):
        columns = [None] * len(PLACES)
        for tensor in payload.inputs:
            if tensor.name == MATRIX:
                return np.array(tensor.data.root, dtype=np.float64).reshape(tensor.shape)
            if tensor.name in PLACES:
                columns[PLACES[tensor.name]] = self.column(tensor)
        return np.stack(columns, axis=1)

    @staticmethod
    def column(tensor):
        codes = CODES[tensor.name]
        if tensor.datatype == "BYTES" and tensor.data.root[0] is not None:
            return np.array([codes[text] for text in StringCodec.decode_input(tensor)], dtype=np.float64)
        return np.array(tensor.data.root, dtype=np.float64).reshape(-1)
