#!/usr/bin/env python3
"""Tokens and key sets for the tests of `plimsoll-identity`, made by PyJWT and cryptography.

    python tools/tokens/make_corpus.py > crates/plimsoll-identity/tests/corpus.json

Another hand than the one that verifies them makes the tokens. Keys are new each time and thrown
away, so a run changes every token and no verdict. Each case is a name and a token; what must
become of it stands in the golden table of the test.
"""

import base64
import hashlib
import hmac
import json

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

NOW = 1_800_000_000
ISSUER = "https://issuer.example.org"


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value):
    return url64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def jwk(key, kid, **more):
    public = key.public_key()
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = public.public_numbers()
        kind = {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        numbers = public.public_numbers()
        size = (public.curve.key_size + 7) // 8
        kind = {
            "kty": "EC",
            "crv": f"P-{public.curve.key_size}",
            "x": url64(numbers.x.to_bytes(size, "big")),
            "y": url64(numbers.y.to_bytes(size, "big")),
        }
    else:
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        kind = {"kty": "OKP", "crv": "Ed25519", "x": url64(raw)}
    return {**kind, "kid": kid, **more}


RSA1 = rsa.generate_private_key(public_exponent=65537, key_size=2048)
RSA2 = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
P256 = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
ED = ed25519.Ed25519PrivateKey.generate()

# `before` and `after` a rotation: the first key goes, a second one comes.
COMMON = [
    jwk(P256, "ec", use="sig", alg="ES256"),
    jwk(P384, "ec-384", use="sig"),
    jwk(ED, "ed", use="sig", alg="EdDSA"),
    jwk(SMALL, "small", use="sig"),
    jwk(RSA2, "for-encryption", use="enc"),
    {"kty": "oct", "k": url64(b"shared secret"), "kid": "shared"},
    {"kty": "unheard-of", "kid": "new"},
]
BEFORE = {"keys": [jwk(RSA1, "one", use="sig")] + COMMON}
AFTER = {"keys": [jwk(RSA2, "two", use="sig", alg="RS256")] + COMMON}

CLAIMS = {
    "iss": ISSUER,
    "aud": "plimsoll",
    "sub": "scorer",
    "iat": NOW - 10,
    "nbf": NOW - 10,
    "exp": NOW + 600,
    "groups": ["credit-callers", "everyone"],
    "azp": "batch",
}


def signed(key=RSA1, algorithm="RS256", kid="one", headers=None, without=(), **claims):
    claims = {k: v for k, v in {**CLAIMS, **claims}.items() if k not in without}
    return by_hand(key, {"typ": "JWT", "alg": algorithm, **({"kid": kid} if kid else {}),
                         **(headers or {})}, json.dumps(claims))


def by_hand(key, header, claims, sign_as=None):
    """A token whose header and claims are exactly these texts or objects."""
    header = header if isinstance(header, str) else json.dumps(header)
    algorithm = sign_as or json.loads(header)["alg"]
    message = f"{url64(header.encode())}.{url64(claims.encode())}"
    maker = jwt.get_algorithm_by_name(algorithm)
    return f"{message}.{url64(maker.sign(message.encode(), key))}"


def shared(secret, kid="one"):
    message = f"{url64(json.dumps({'alg': 'HS256', 'kid': kid}).encode())}.{url64(json.dumps(CLAIMS).encode())}"
    return f"{message}.{url64(hmac.new(secret, message.encode(), hashlib.sha256).digest())}"


def none(word):
    return f"{url64(json.dumps({'alg': word}).encode())}.{url64(json.dumps(CLAIMS).encode())}."


def tampered():
    head, _, signature = signed().split(".")
    return f"{head}.{url64(json.dumps({**CLAIMS, 'sub': 'admin'}).encode())}.{signature}"


def flipped():
    token = signed()
    head, _, signature = token.rpartition(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[5] ^= 1
    return f"{head}.{url64(bytes(raw))}"


def der_signature():
    """ES256 with a signature in DER, as certificates have it, and not as RFC 7518 wants it."""
    from cryptography.hazmat.primitives import hashes

    head = signed(P256, "ES256", "ec").rpartition(".")[0]
    return f"{head}.{url64(P256.sign(head.encode(), ec.ECDSA(hashes.SHA256())))}"


PEM = RSA1.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
OWN = {"jwk": jwk(STRANGER, "own")}
TEXT = json.dumps(CLAIMS)

CASES = {
    # What is right.
    "valid RS256": signed(),
    "valid PS256": signed(algorithm="PS256"),
    "valid ES256": signed(P256, "ES256", "ec"),
    "valid ES384": signed(P384, "ES384", "ec-384"),
    "valid EdDSA": signed(ED, "EdDSA", "ed"),
    "valid Ed25519 (RFC 9864)": by_hand(ED, {"alg": "Ed25519", "kid": "ed"}, TEXT, "EdDSA"),
    "valid, several audiences": signed(aud=["others", "plimsoll"]),
    "valid, typ at+jwt": signed(headers={"typ": "at+jwt"}),
    "valid, typ application/at+JWT": signed(headers={"typ": "application/at+JWT"}),
    "valid, without kid": signed(kid=None),
    "valid, one group as a text": signed(groups="credit-callers"),
    "valid, unmapped groups": signed(groups=["everyone"]),
    "valid, no groups": signed(without=["groups"]),
    "valid, expired within the leeway": signed(exp=NOW - 29),
    "valid, jku and x5u to nowhere": signed(headers={"jku": "http://127.0.0.1/k", "x5u": "http://127.0.0.1/c"}),
    # No signature, or somebody else's.
    "alg none": none("none"),
    "alg None": none("None"),
    "alg nOnE": none("nOnE"),
    "no alg": by_hand(RSA1, {"kid": "one"}, TEXT, "RS256"),
    "alg is a number": by_hand(RSA1, {"alg": 1, "kid": "one"}, TEXT, "RS256"),
    "HS256 with the public key as secret (PEM)": shared(PEM),
    "HS256 with the public key as secret (n)": shared(number(RSA1.public_key().public_numbers().n).encode()),
    "HS256 with a shared secret of the set": shared(b"shared secret", "shared"),
    "signature left out": signed().rpartition(".")[0] + ".",
    "signature flipped": flipped(),
    "claims changed": tampered(),
    "key of a stranger": signed(STRANGER),
    "key of a stranger, embedded jwk": signed(STRANGER, kid="own", headers=OWN),
    "key of a stranger, embedded jwk, known kid": signed(STRANGER, headers=OWN),
    "key of a stranger, x5c": signed(STRANGER, headers={"x5c": ["MIIB"]}),
    "key of a stranger, jku": signed(STRANGER, headers={"jku": "https://evil.example.org/keys"}),
    # Algorithms and keys that do not go together.
    "RS512, not pinned": signed(algorithm="RS512"),
    "ES256 named, RSA key": by_hand(RSA1, {"alg": "ES256", "kid": "one"}, TEXT, "RS256"),
    "RS256 named, EC key": by_hand(P256, {"alg": "RS256", "kid": "ec"}, TEXT, "ES256"),
    "ES256 with the P-384 key": by_hand(P384, {"alg": "ES256", "kid": "ec-384"}, TEXT, "ES384"),
    "PS256 named, signed as RS256": by_hand(RSA1, {"alg": "PS256", "kid": "one"}, TEXT, "RS256"),
    "ES256 in DER": der_signature(),
    "key of 1024 bits": signed(SMALL, kid="small"),
    "key for encryption": signed(RSA2, kid="for-encryption"),
    "unknown kid": signed(kid="three"),
    "kid of another key": signed(kid="ed"),
    "kid is a number": signed(headers={"kid": 1}),
    "kid with SQL": signed(kid="one' OR '1'='1"),
    # Headers.
    "crit": signed(headers={"crit": ["exp"], "exp": NOW + 600}),
    "crit, empty": signed(headers={"crit": []}),
    "b64 false": signed(headers={"b64": False}),
    "typ logout+jwt": signed(headers={"typ": "logout+jwt"}),
    "typ is a list": signed(headers={"typ": ["JWT"]}),
    "cty JWT (nested)": signed(headers={"cty": "JWT"}),
    "zip": signed(headers={"zip": "DEF"}),
    "duplicate alg": by_hand(RSA1, '{"alg":"none","alg":"RS256","kid":"one"}', TEXT, "RS256"),
    # Whom it is from and for.
    "other issuer": signed(iss="https://other.example.org"),
    "issuer with a slash": signed(iss=ISSUER + "/"),
    "issuer in capitals": signed(iss=ISSUER.upper()),
    "no issuer": signed(without=["iss"]),
    "issuer is a list": signed(iss=[ISSUER]),
    "wrong audience": signed(aud="others"),
    "wrong audiences": signed(aud=["others", "plimsoll2"]),
    "no audience": signed(without=["aud"]),
    "audience is null": signed(aud=None),
    "audience empty": signed(aud=[]),
    "audience with a number": signed(aud=["plimsoll", 1]),
    "audience is an object": signed(aud={"plimsoll": True}),
    # When.
    "expired": signed(exp=NOW - 30),
    "expired long ago": signed(exp=1),
    "no exp": signed(without=["exp"]),
    "exp is a text": signed(exp=str(NOW + 600)),
    "exp is null": signed(exp=None),
    "exp is a fraction": signed(exp=NOW + 600.5),
    "exp is a float": by_hand(RSA1, {"alg": "RS256", "kid": "one"}, TEXT.replace(str(NOW + 600), f"{NOW + 600}.0")),
    "exp is negative": signed(exp=-1),
    "exp is 2^64": signed(exp=2**64),
    "exp is 2^64 - 1": signed(exp=2**64 - 1),
    "exp in a list": signed(exp=[NOW + 600]),
    "exp is true": signed(exp=True),
    "lives two days": signed(exp=NOW + 2 * 86_400),
    "not yet": signed(nbf=NOW + 31),
    "nbf is a text": signed(nbf=str(NOW - 10)),
    "nbf is an object": signed(nbf={}),
    "issued in the future": signed(iat=NOW + 31),
    "iat is a text": signed(iat="now"),
    # What else.
    "no subject": signed(without=["sub"]),
    "subject empty": signed(sub=""),
    "subject is a number": signed(sub=7),
    "subject with a control character": signed(sub="scorer\n"),
    "subject of 256 letters": signed(sub="a" * 256),
    "groups are an object": signed(groups={"credit-callers": True}),
    "groups with a number": signed(groups=["credit-callers", 1]),
    "required claim missing": signed(without=["azp"]),
    "required claim of another value": signed(azp="other"),
    "required claim of another type": signed(azp=["batch"]),
    "duplicate sub": by_hand(RSA1, {"alg": "RS256", "kid": "one"}, TEXT[:-1] + ', "sub": "admin"}'),
    "duplicate exp": by_hand(RSA1, {"alg": "RS256", "kid": "one"}, TEXT[:-1] + f', "exp": {NOW + 60}}}'),
    "duplicate aud, escaped": by_hand(RSA1, {"alg": "RS256", "kid": "one"}, TEXT[:-1] + ', "\\u0061ud": "plimsoll"}'),
    # Shapes.
    "claims are a list": by_hand(RSA1, {"alg": "RS256", "kid": "one"}, f"[{TEXT}]"),
    "claims are no JSON": by_hand(RSA1, {"alg": "RS256", "kid": "one"}, "scorer"),
    "claims go on": by_hand(RSA1, {"alg": "RS256", "kid": "one"}, TEXT + "{}"),
    "two parts": signed().rpartition(".")[0],
    "four parts": signed() + ".x",
    "five parts (JWE)": "e30.e30.e30.e30.e30",
    "padding": signed() + "==",
    "base64 of the other alphabet": signed().replace("-", "+").replace("_", "/") + "+/",
    "blank within": signed().replace(".", ". ", 1),
    "empty": "",
    "two dots": "..",
    "oversized": signed(padding="x" * 16_384),
    # Rotation: known to the set after it only.
    "signed with the next key": signed(RSA2, kid="two"),
}

print(json.dumps({"now": NOW, "before": BEFORE, "after": AFTER, "cases": CASES}, indent=1))
