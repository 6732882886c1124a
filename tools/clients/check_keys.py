#!/usr/bin/env python3
"""gRPC over TLS, and keys in its metadata.

    python tools/clients/check_keys.py localhost:8443 ca.pem 127.0.0.1:8080 plim_…

The first address speaks TLS under the authority and asks for no keys; the second asks for keys,
has no deployment, and knows this one. Messages are few enough to be written by hand: field 1 is
the name of a model, and whether it is ready.
"""

import sys

import grpc

NAME = b"\x0a\x0ecredit-default"
READY = "/inference.GRPCInferenceService/ModelReady"


def code_of(call, *keys):
    metadata = [("authorization", f"Bearer {key}") for key in keys]
    try:
        return call(NAME, metadata=metadata)
    except grpc.RpcError as error:
        return error.code()


def main():
    secure, authority, production, key = sys.argv[1:]
    with open(authority, "rb") as pem:
        credentials = grpc.ssl_channel_credentials(pem.read())
    with grpc.secure_channel(secure, credentials) as channel:
        ready = channel.unary_unary(READY)
        assert code_of(ready) == b"\x08\x01"
        assert code_of(ready, "plim_nobody") == grpc.StatusCode.UNAUTHENTICATED
    with grpc.secure_channel(secure, grpc.ssl_channel_credentials()) as channel:
        # An authority that is not trusted.
        assert code_of(channel.unary_unary(READY)) == grpc.StatusCode.UNAVAILABLE
    with grpc.insecure_channel(production) as channel:
        ready = channel.unary_unary(READY)
        assert code_of(ready) == grpc.StatusCode.UNAUTHENTICATED
        assert code_of(ready, key) == grpc.StatusCode.NOT_FOUND
        live = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
        assert live(b"") == b"\x08\x01", "open to anyone"
        load = channel.unary_unary("/inference.GRPCInferenceService/RepositoryModelLoad")
        assert code_of(load) == grpc.StatusCode.UNAUTHENTICATED
        assert code_of(load, key) == grpc.StatusCode.PERMISSION_DENIED
    print("all checks passed")


if __name__ == "__main__":
    main()
