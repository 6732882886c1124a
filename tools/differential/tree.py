"""The tree of model.json as a runtime of MLServer."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Tree(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        ages = next(one for one in payload.inputs if one.name == "age")
        ages = NumpyCodec.decode_input(ages).reshape(-1).astype(np.float32)
        right = np.where(ages < 40, np.float32(0.25), np.float32(1))
        name = self.settings.parameters.extra["output"]
        output = NumpyCodec.encode_output(name, right.astype(np.float32))
        return InferenceResponse(
            model_name=self.name, model_version=self.version, outputs=[output], id=payload.id
        )
