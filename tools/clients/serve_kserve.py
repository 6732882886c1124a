#!/usr/bin/env python3
"""A model behind KServe's own server of the Open Inference Protocol, for the end-to-end tests.

Prints `grpc PORT` and serves a model `credit` whose answer shows that every input arrived: of
each row (age + income / 1000 + employed + letters of the region + letters of the id) / 100.
"""

import socket

import kserve
import numpy as np


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Credit(kserve.Model):
    def __init__(self):
        super().__init__("credit")
        self.ready = True

    async def predict(self, payload, headers=None, response_headers=None):
        columns = {tensor.name: tensor.as_numpy().reshape(-1) for tensor in payload.inputs}
        letters = [np.array([len(text) for text in columns[name]]) for name in ["region", "ID"]]
        numbers = columns["age"] + columns["income"] / 1000 + columns["employed"]
        answer = (numbers + letters[0] + letters[1]) / 100
        output = kserve.InferOutput(name="p", shape=[len(answer), 1], datatype="FP64")
        output.set_data_from_numpy(answer.reshape(-1, 1), binary_data=True)
        return kserve.InferResponse(payload.id, self.name, [output])


if __name__ == "__main__":
    http, grpc = free_port(), free_port()
    print(f"grpc {grpc}", flush=True)
    kserve.ModelServer(http_port=http, grpc_port=grpc, workers=1).start([Credit()])
