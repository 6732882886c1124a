"""One answer that shows that every input arrived, for MLServer and for MLflow.

Of each row: (age + income / 1000 + employed + letters of the region + letters of the id) / 100.
"""

import mlflow
import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceResponse


def score(age, income, employed, region, identity):
    letters = np.array([len(text) for text in region]) + np.array([len(text) for text in identity])
    numbers = (np.asarray(column, dtype=np.float64) for column in (age, income, employed))
    age, income, employed = numbers
    return (age + income / 1000 + employed + letters) / 100


class Served(MLModel):
    async def load(self):
        return True

    async def predict(self, payload):
        columns = {}
        for tensor in payload.inputs:
            codec = StringCodec if tensor.datatype == "BYTES" else NumpyCodec
            columns[tensor.name] = np.asarray(codec.decode_input(tensor)).reshape(-1)
        answer = score(*(columns[name] for name in ("age", "income", "employed", "region", "ID")))
        outputs = [NumpyCodec.encode_output("p", answer.reshape(-1, 1))]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)


class Saved(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        columns = (model_input[name] for name in ("age", "income", "employed", "region", "ID"))
        return score(*columns).tolist()
