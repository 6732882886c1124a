"""Makes the keys and certificates that the tests of signing use. None of them is used elsewhere.

    python tools/sign/fixtures.py FOLDER      # needs `cryptography`
"""

import base64
import datetime
import hashlib
import json
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


def pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())


def public(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def certificate(name, key, issuer, issuer_key, authority, years=80, usage=ExtendedKeyUsageOID.CODE_SIGNING, signs=True, most=None, purpose=False):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(BEGIN).not_valid_after(BEGIN + datetime.timedelta(days=int(365 * years)))
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=most), critical=True)
    builder = builder.add_extension(x509.KeyUsage(signs, False, False, False, False, authority, False, False, False), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    if purpose or not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return subject, builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def elders(write, leaf):
    """Certificates of a signer that say it is an authority, as the reference implementation takes them, and
    a root whose time is over."""
    keys = {name: ec.generate_private_key(ec.SECP384R1()) for name in ("elder", "low", "gone")}
    write("own.crt", certificate("Own", leaf, None, leaf, True, purpose=True)[1])
    write("own-server.crt", certificate("Own", leaf, None, leaf, True, usage=ExtendedKeyUsageOID.SERVER_AUTH, purpose=True)[1])
    elder, elder_pem = certificate("Elder", keys["elder"], None, keys["elder"], True, most=1)
    low, low_pem = certificate("Low", keys["low"], elder, keys["elder"], True, most=0)
    write("elder.crt", elder_pem)
    write("low.crt", low_pem)
    write("authority.crt", certificate("Both", leaf, low, keys["low"], True, purpose=True)[1])
    write("authority-expired.crt", certificate("Both", leaf, low, keys["low"], True, years=0.1, purpose=True)[1])
    # `Low` may issue no authority that issues: this one is signed by a signer.
    write("below.crt", certificate("Below", leaf, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Both")]), leaf, True, purpose=True)[1])
    gone, gone_pem = certificate("Gone", keys["gone"], None, keys["gone"], True, years=0.1)
    write("gone.crt", gone_pem)
    write("of-gone.crt", certificate("Model Builder", leaf, gone, keys["gone"], False)[1])


def early(write):
    """A bundle as v0.2 of the reference implementation wrote it: each file is a subject, the signature is over
    Python's own words for the payload, and by SHA-256 whatever the curve."""
    root_key, key = (ec.generate_private_key(ec.SECP384R1()) for _ in range(2))
    root, root_pem = certificate("Early root", root_key, None, root_key, True)
    leaf = x509.load_pem_x509_certificate(certificate("Early", key, root, root_key, False)[1])
    subject = lambda name, data: {"name": name, "digest": {"sha256": hashlib.sha256(data).hexdigest()}, "annotations": {"actual_hash_algorithm": "file-sha256"}}
    payload = json.dumps({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [subject("config.json", b"{}"), subject("weights.bin", bytes(range(256)))],
        "predicateType": "https://model_signing/Digests/v0.1",
        "predicate": {"unused": "Unused"},
    }, indent=2).encode()
    kind = "application/vnd.in-toto+json"
    signature = key.sign(f"DSSEV1 {len(kind)} {kind} {len(payload)} {payload}".encode(), ec.ECDSA(hashes.SHA256()))
    text = lambda data: base64.b64encode(data).decode()
    write("v0.2-root.crt", root_pem)
    write("v0.2.json", json.dumps({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"x509CertificateChain": {"certificates": [{"rawBytes": text(leaf.public_bytes(serialization.Encoding.DER))}]}},
        "dsseEnvelope": {"payload": text(payload), "payloadType": kind, "signatures": [{"sig": text(signature), "keyid": None}]},
    }).encode())


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)

    def write(name, data):
        (folder / name).write_bytes(data)

    for name, curve in (("key", ec.SECP256R1()), ("other", ec.SECP256R1()), ("p384", ec.SECP384R1()), ("p521", ec.SECP521R1())):
        key = ec.generate_private_key(curve)
        write(f"{name}.pem", pem(key))
        write(f"{name}.pub", public(key))
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("root", "between", "leaf", "stranger")}
    write("leaf.pem", pem(keys["leaf"]))
    elders(write, keys["leaf"])
    early(write)
    root, root_pem = certificate("Plimsoll test root", keys["root"], None, keys["root"], True)
    between, between_pem = certificate("Plimsoll test authority", keys["between"], root, keys["root"], True)
    _, stranger_pem = certificate("Stranger", keys["stranger"], None, keys["stranger"], True)
    write("root.crt", root_pem)
    write("between.crt", between_pem)
    write("stranger.crt", stranger_pem)
    for name, options in (("leaf", {}), ("expired", {"years": 0.1}), ("server", {"usage": ExtendedKeyUsageOID.SERVER_AUTH}), ("silent", {"signs": False})):
        write(f"{name}.crt", certificate("Model Builder", keys["leaf"], between, keys["between"], False, **options)[1])


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
