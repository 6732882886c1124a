"""Makes the keys and certificates that the tests of signing use. None of them is used elsewhere.

    python tools/sign/fixtures.py FOLDER      # needs `cryptography`
"""

import datetime
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


def certificate(name, key, issuer, issuer_key, authority, years=80, usage=ExtendedKeyUsageOID.CODE_SIGNING, signs=True):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(BEGIN).not_valid_after(BEGIN + datetime.timedelta(days=int(365 * years)))
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    builder = builder.add_extension(x509.KeyUsage(signs, False, False, False, False, authority, False, False, False), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return subject, builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)

    def write(name, data):
        (folder / name).write_bytes(data)

    for name, curve in (("key", ec.SECP256R1()), ("other", ec.SECP256R1()), ("p384", ec.SECP384R1()), ("p521", ec.SECP521R1())):
        key = ec.generate_private_key(curve)
        write(f"{name}.pem", pem(key))
        write(f"{name}.pub", public(key))
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("root", "between", "leaf", "stranger")}
    root, root_pem = certificate("Plimsoll test root", keys["root"], None, keys["root"], True)
    between, between_pem = certificate("Plimsoll test authority", keys["between"], root, keys["root"], True)
    _, stranger_pem = certificate("Stranger", keys["stranger"], None, keys["stranger"], True)
    write("root.crt", root_pem)
    write("between.crt", between_pem)
    write("stranger.crt", stranger_pem)
    write("leaf.pem", pem(keys["leaf"]))
    for name, options in (("leaf", {}), ("expired", {"years": 0.1}), ("server", {"usage": ExtendedKeyUsageOID.SERVER_AUTH}), ("silent", {"signs": False})):
        write(f"{name}.crt", certificate("Model Builder", keys["leaf"], between, keys["between"], False, **options)[1])


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
