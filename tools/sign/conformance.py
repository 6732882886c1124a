"""What the specification of OpenSSF Model Signing asks of signers and verifiers, case by case, through the
command line of its public conformance suite (`oms_adapter`): the suite's own cases, written anew, with keys,
certificates and bundles made here by an independent signer.

    python tools/sign/conformance.py PLIMSOLL        # needs `cryptography`
"""

import base64
import copy
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import fixtures

HERE = pathlib.Path(__file__).resolve().parent
MEDIA = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
HASH = {"secp256r1": hashes.SHA256, "secp384r1": hashes.SHA384, "secp521r1": hashes.SHA512}
IGNORED = [".git", ".gitattributes", ".github", ".gitignore"]
CASES = []


def case(function):
    CASES.append(function)
    return function


class Site:
    """A folder with keys, and the command under test."""

    def __init__(self, plimsoll, folder):
        self.plimsoll, self.folder = plimsoll, folder
        self.keys = folder / "keys"
        fixtures.main(self.keys)
        self.model = folder / "model"
        self.bundle = folder / "model.sig"

    def make(self, files):
        shutil.rmtree(self.model, ignore_errors=True)
        for name, data in files.items():
            path = self.model / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data if isinstance(data, bytes) else data.encode())
        self.bundle.unlink(missing_ok=True)

    def run(self, verb, *words, model=None, bundle=None):
        words = [HERE / "oms_adapter", verb, "--model-path", model or self.model, *words]
        words += ["--output-bundle" if verb == "sign-model" else "--bundle", bundle or self.bundle]
        done = subprocess.run([str(w) for w in words], capture_output=True, text=True, env={**os.environ, "PLIMSOLL": self.plimsoll})
        assert done.returncode in (0, 1, 2, 3), f"it broke: {done.returncode} {done.stderr}"
        return done.returncode == 0

    def sign(self, how="key", *more, **at):
        if how == "certificate":
            more = ["--signing-cert", self.keys / "leaf.crt", "--cert-chain", self.keys / "between.crt", *more]
        key = self.keys / ("leaf.pem" if how == "certificate" else f"{how}.pem")
        method = "certificate" if how == "certificate" else "key"
        return self.run("sign-model", "--method", method, "--private-key", key, *more, **at)

    def verify(self, how="key", *more, root="root", **at):
        if how == "certificate":
            return self.run("verify-model", "--method", "certificate", "--cert-chain", self.keys / f"{root}.crt", *more, **at)
        return self.run("verify-model", "--method", "key", "--public-key", self.keys / f"{how}.pub", *more, **at)

    def statement(self, bundle=None):
        return json.loads(base64.b64decode(json.loads((bundle or self.bundle).read_text())["dsseEnvelope"]["payload"]))

    def names(self, bundle=None):
        """What is signed; the statement must be as the specification says."""
        told = self.statement(bundle)
        (subject,) = told["subject"]
        resources = told["predicate"]["resources"]
        names = [r["name"] for r in resources]
        assert told["_type"] == STATEMENT and told["predicateType"] == PREDICATE
        assert names == sorted(names) and names, names
        root = hashlib.sha256(b"".join(bytes.fromhex(r["digest"]) for r in resources)).hexdigest()
        assert subject["digest"] == {"sha256": root} and all(r["algorithm"] == "sha256" for r in resources)
        assert {"method", "hash_type", "allow_symlinks"} <= told["predicate"]["serialization"].keys()
        outer = json.loads((bundle or self.bundle).read_text())
        assert outer["mediaType"] == MEDIA and outer["dsseEnvelope"]["payloadType"] == PAYLOAD
        return names

    def state(self, names=None, **serialization):
        """The statement of the model as another signer would write it."""
        names = sorted(names or (p.relative_to(self.model).as_posix() for p in self.model.rglob("*") if p.is_file()))
        digests = [hashlib.sha256((self.model / n).read_bytes()) for n in names]
        root = hashlib.sha256(b"".join(d.digest() for d in digests)).hexdigest()
        how = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": IGNORED, **serialization}
        how = {k: v for k, v in how.items() if v is not None}
        resources = [{"name": n, "algorithm": "sha256", "digest": d.hexdigest()} for n, d in zip(names, digests)]
        return {"_type": STATEMENT, "subject": [{"name": "model", "digest": {"sha256": root}}], "predicateType": PREDICATE,
                "predicate": {"serialization": how, "resources": resources}}

    def write(self, statement, how="key", bundle=lambda b: b, payload_type=PAYLOAD):
        """A bundle made without Plimsoll."""
        key = serialization.load_pem_private_key((self.keys / ("leaf.pem" if how == "certificate" else f"{how}.pem")).read_bytes(), None)
        payload = json.dumps(statement).encode()
        pae = b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(payload), payload)
        sig = key.sign(pae, ec.ECDSA(HASH[key.curve.name]()))
        if how == "certificate":
            der = lambda name: {"rawBytes": base64.b64encode(x509.load_pem_x509_certificate((self.keys / f"{name}.crt").read_bytes()).public_bytes(serialization.Encoding.DER)).decode()}
            material = {"x509CertificateChain": {"certificates": [der("leaf"), der("between")]}, "tlogEntries": []}
        else:
            material = {"publicKey": {"hint": hashlib.sha256((self.keys / f"{how}.pub").read_bytes()).hexdigest()}, "tlogEntries": []}
        made = {"mediaType": MEDIA, "verificationMaterial": material, "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(), "payloadType": payload_type,
            "signatures": [{"sig": base64.b64encode(sig).decode(), "keyid": ""}]}}
        self.bundle.write_text(json.dumps(bundle(made)))


SIMPLE = {"signme-1": "one", "signme-2": "two", "ignore-me": "three"}
MANY = {"weights.bin": bytes(range(256)), "config.json": "{}", "subdir/adapter.bin": b"\0\1"}

# ---- Signed here, verified here


def round_trip(name, files, signed, how="key", ignored=()):
    def run(site):
        site.make(files)
        more = [w for path in ignored for w in ("--ignore-paths", site.model / path)]
        assert site.sign(how, *more)
        assert site.names() == signed, site.names()
        assert site.verify(how, *more)
    run.__name__ = name
    case(run)


round_trip("key-simple", SIMPLE, ["signme-1", "signme-2"], ignored=["ignore-me"])
round_trip("certificate-simple", SIMPLE, ["signme-1", "signme-2"], "certificate", ["ignore-me"])
round_trip("key-multi-file", MANY, ["config.json", "subdir/adapter.bin", "weights.bin"])
round_trip("certificate-multi-file", MANY, ["config.json", "subdir/adapter.bin", "weights.bin"], "certificate")
round_trip("key-nested", {"a/b/c/d/e/deep": "x", "a/b/side": "y", "top": "z"}, ["a/b/c/d/e/deep", "a/b/side", "top"])
round_trip("key-p384", MANY, ["config.json", "subdir/adapter.bin", "weights.bin"], "p384")
round_trip("key-p521", MANY, ["config.json", "subdir/adapter.bin", "weights.bin"], "p521")
round_trip("key-binary-content", {"header.bin": bytes(range(256)) * 99, "nul": b"\0" * 9}, ["header.bin", "nul"])
round_trip("key-empty-file", {"empty": "", "full": "x"}, ["empty", "full"])
round_trip("key-unicode-filename", {"模型.bin": "x", "ünïcode.txt": "y"}, sorted(["模型.bin", "ünïcode.txt"]))
round_trip("key-special-chars-path", {"a b/c+d (1).bin": "x", "e&f='g'.txt": "y"}, ["a b/c+d (1).bin", "e&f='g'.txt"])
round_trip("key-dotfile-included", {".env.example": "x", "model.bin": "y"}, [".env.example", "model.bin"])
round_trip("key-files-in-hidden-dir", {".cache/weights.bin": "x", "model.bin": "y"}, [".cache/weights.bin", "model.bin"])
round_trip("key-default-ignores", {".git/HEAD": "x", ".gitignore": "x", ".gitattributes": "x", ".github/a": "x", "model.bin": "y"}, ["model.bin"])
round_trip("key-nested-git-not-excluded", {"sub/.gitignore": "x", "model.bin": "y"}, ["model.bin", "sub/.gitignore"])
round_trip("key-ignore-paths-exact-match", {"ignore-me": "x", "subdir/ignore-me": "y", "signme-1": "z"}, ["signme-1", "subdir/ignore-me"], ignored=["ignore-me"])
round_trip("key-ignore-paths-folder", {"notes/a": "x", "notes/b/c": "y", "notes2": "z"}, ["notes2"], ignored=["notes"])
round_trip("key-case-sensitive", {"Model": "a", "model": "b"}, ["Model", "model"])


@case
def key_single_file(site):
    site.make({"model.bin": "x"})
    assert site.sign() and site.names() == ["model.bin"] and site.verify()
    # Without its folder, a file has the name that the reference implementation gives it.
    assert site.sign(model=site.model / "model.bin") and site.names() == ["."]
    assert site.verify(model=site.model / "model.bin")


@case
def key_signature_inside_the_model(site):
    site.make(MANY)
    for how in ("key", "certificate"):
        inside = site.model / "model.sig"
        assert site.sign(how, bundle=inside) and "model.sig" not in site.names(inside)
        assert site.verify(how, bundle=inside)


@case
def key_ignore_unsigned(site):
    site.make(MANY)
    assert site.sign()
    (site.model / "extra.bin").write_text("x")
    assert not site.verify() and site.verify("key", "--ignore-unsigned-files")


@case
def key_the_same_manifest_twice(site):
    site.make(MANY)
    assert site.sign()
    first = site.statement()
    assert site.sign(bundle=site.folder / "again.sig")
    assert site.statement(site.folder / "again.sig") == first


@case
def key_empty_model_rejected(site):
    site.make({"x": ""})
    (site.model / "x").unlink()
    assert not site.sign() and not site.bundle.exists()
    site.make({".git/HEAD": "x"})
    assert not site.sign() and not site.bundle.exists(), "nothing is left after what is excluded"


def link(name, target):
    def run(site):
        site.make(MANY)
        (site.folder / "outside").write_text("x")
        (site.model / "link").symlink_to(target(site))
        assert not site.sign() and not site.bundle.exists()
        (site.model / "link").unlink()
        assert site.sign()
        (site.model / "link").symlink_to(target(site))
        assert not site.verify()
    run.__name__ = name
    case(run)


link("key-symlink-default-rejected", lambda site: site.model / "config.json")
link("key-symlink-outside-root", lambda site: site.folder / "outside")
link("key-symlink-cycle", lambda site: site.model)

# ---- Signed elsewhere


def elsewhere(name, files=MANY, how="key", holds=True, more=(), change=lambda s: s, bundle=lambda b: b, after=lambda site: None,
              names=None, verify=None, root="root", payload_type=PAYLOAD, **serialization):
    def run(site):
        site.make(files)
        site.write(change(site.state(names, **serialization)), how, lambda b: bundle(copy.deepcopy(b)), payload_type)
        after(site)
        words = [w for path in more for w in ("--ignore-paths", site.model / path)]
        assert site.verify(verify or how, *words, root=root) == holds
    run.__name__ = name
    case(run)


def within(path, value):
    """Sets a member of a bundle or statement; `None` takes it away."""
    def change(whole):
        *upper, last = path
        inner = whole
        for step in upper:
            inner = inner[step]
        if value is None:
            del inner[last]
        else:
            inner[last] = value
        return whole
    return change


KEY = ("verificationMaterial", "publicKey")
SIGNATURES = ("dsseEnvelope", "signatures")


def early(name, how="key", **more):
    """Bundles as releases before 1.1 wrote them: the key itself, no key's id, no ignored paths."""
    def run(site):
        site.make(SIMPLE)
        def bundle(made):
            if how != "certificate":
                der = serialization.load_pem_public_key((site.keys / f"{how}.pub").read_bytes()).public_bytes(
                    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
                made["verificationMaterial"]["publicKey"] = {"rawBytes": base64.b64encode(der).decode(), "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
            made["dsseEnvelope"]["signatures"][0]["keyid"] = None
            del made["verificationMaterial"]["tlogEntries"]
            return made
        site.write(site.state(["signme-1", "signme-2"], ignore_paths=None), how, bundle)
        words = ["--ignore-paths", site.model / "ignore-me"]
        assert site.verify(how, *words)
        assert not site.verify(how), "what no signature covers is not passed over"
    run.__name__ = name
    case(run)


early("historical-elliptic-key")
early("historical-certificate", "certificate")
for how in ("key", "p384", "p521", "certificate"):
    elsewhere(f"{how}-of-another-signer", how=how)
LEFT_OUT = {"files": SIMPLE, "names": ["signme-1", "signme-2"], "ignore_paths": [*IGNORED, "ignore-me"]}
elsewhere("key-ignore-paths-in-the-predicate", more=["ignore-me"], **LEFT_OUT)
# Stricter than the reference: a signer does not decide alone what is looked at.
elsewhere("key-ignore-paths-of-the-signer-alone", holds=False, **LEFT_OUT)
elsewhere("key-without-hint", bundle=within(KEY, {}))
elsewhere("key-without-log", bundle=within(("verificationMaterial", "tlogEntries"), None))
elsewhere("key-without-keyid", bundle=within((*SIGNATURES, 0, "keyid"), None))
elsewhere("key-with-keyid", bundle=within((*SIGNATURES, 0, "keyid"), "mine"))
elsewhere("key-with-more-in-the-predicate", change=within(("predicate", "evidence"), {"auc": 0.9}))
elsewhere("key-with-another-name", change=within(("subject", 0, "name"), "somebody"))


def in_order(statement):
    """The same turned round, with its root."""
    resources = statement["predicate"]["resources"][::-1]
    root = hashlib.sha256(b"".join(bytes.fromhex(r["digest"]) for r in resources)).hexdigest()
    statement["predicate"]["resources"], statement["subject"][0]["digest"] = resources, {"sha256": root}
    return statement


elsewhere("key-resources-in-another-order", change=in_order)
elsewhere("tampered-content", holds=False, after=lambda s: (s.model / "config.json").write_text("[]"))
elsewhere("tampered-content-certificate", how="certificate", holds=False, after=lambda s: (s.model / "config.json").write_text("[]"))
elsewhere("missing-file", holds=False, after=lambda s: (s.model / "config.json").unlink())
elsewhere("extra-file", holds=False, after=lambda s: (s.model / "injected.bin").write_text("x"))
elsewhere("renamed-file", holds=False, after=lambda s: (s.model / "config.json").rename(s.model / "config2.json"))
elsewhere("swapped-files", holds=False, after=lambda s: ((s.model / "config.json").rename(s.model / "t"), (s.model / "weights.bin").rename(s.model / "config.json"), (s.model / "t").rename(s.model / "weights.bin")))
elsewhere("wrong-key", holds=False, verify="other")
elsewhere("wrong-curve", holds=False, verify="p384")
elsewhere("wrong-ca", how="certificate", holds=False, root="stranger")
elsewhere("verify-as-certificate", holds=False, verify="certificate")
elsewhere("verify-certificate-as-key", how="certificate", holds=False, verify="key")
elsewhere("wrong-mediatype", holds=False, bundle=within(("mediaType",), "application/vnd.dev.sigstore.bundle.v0.1+json"))
elsewhere("no-mediatype", holds=False, bundle=within(("mediaType",), None))
elsewhere("wrong-payload-type", holds=False, bundle=within(("dsseEnvelope", "payloadType"), "application/json"))
elsewhere("wrong-payload-type-signed", holds=False, payload_type="application/json")
elsewhere("no-signature", holds=False, bundle=within(SIGNATURES, []))
elsewhere("no-signatures", holds=False, bundle=within(SIGNATURES, None))
elsewhere("no-envelope", holds=False, bundle=within(("dsseEnvelope",), None))
elsewhere("no-material", holds=False, bundle=within(("verificationMaterial",), None))
elsewhere("both-materials", holds=False, bundle=lambda b: {**b, "verificationMaterial": {**b["verificationMaterial"], "x509CertificateChain": {"certificates": []}}}, verify="certificate")
elsewhere("wrong-hint", holds=False, bundle=within((*KEY, "hint"), "0" * 64))
elsewhere("payload-of-another", holds=False, bundle=within(("dsseEnvelope", "payload"), base64.b64encode(b"{}").decode()))
elsewhere("signature-of-another", holds=False, bundle=within((*SIGNATURES, 0, "sig"), base64.b64encode(bytes(70)).decode()))
elsewhere("wrong-predicate", holds=False, change=within(("predicateType",), "https://slsa.dev/provenance/v1"))
elsewhere("wrong-statement", holds=False, change=within(("_type",), "https://in-toto.io/Statement/v0.1"))
elsewhere("no-subject", holds=False, change=within(("subject",), []))
elsewhere("two-subjects", holds=False, change=lambda s: {**s, "subject": s["subject"] * 2})
elsewhere("wrong-root", holds=False, change=within(("subject", 0, "digest"), {"sha256": "0" * 64}))
elsewhere("no-resources", holds=False, change=within(("predicate", "resources"), []))
elsewhere("a-resource-twice", holds=False, change=lambda s: within(("predicate", "resources"), s["predicate"]["resources"] + s["predicate"]["resources"][-1:])(s))
elsewhere("a-resource-outside", holds=False, change=within(("predicate", "resources", 0, "name"), "../config.json"))
elsewhere("an-unknown-method", holds=False, method="whole")
elsewhere("an-unknown-hash", holds=False, hash_type="md5")


def bytes_of(name, data):
    def run(site):
        site.make(MANY)
        assert site.sign()
        site.bundle.write_bytes(data(site.bundle.read_bytes()))
        assert not site.verify()
    run.__name__ = name
    case(run)


bytes_of("empty-bundle", lambda whole: b"")
bytes_of("truncated-bundle", lambda whole: whole[:100])
bytes_of("corrupted-bundle", lambda whole: b"\xff{" + whole)
bytes_of("a-list-for-a-bundle", lambda whole: b"[" + whole + b"]")
bytes_of("a-deep-bundle", lambda whole: b"[" * 100_000)


@case
def certificate_expired(site):
    """At a time when it held, a signature stays; who asks about now gets no."""
    site.make(MANY)
    (site.keys / "leaf.crt").rename(site.keys / "kept.crt")
    shutil.copy(site.keys / "expired.crt", site.keys / "leaf.crt")
    try:
        site.write(site.state(), "certificate")
        assert not site.verify("certificate")
    finally:
        (site.keys / "kept.crt").rename(site.keys / "leaf.crt")


@case
def any_flipped_byte_of_a_bundle(site):
    """Of the envelope: whatever changes in payload or signature breaks it."""
    site.make(MANY)
    assert site.sign()
    made = json.loads(site.bundle.read_text())
    payload = bytearray(base64.b64decode(made["dsseEnvelope"]["payload"]))
    for at in range(0, len(payload), 37):
        changed = copy.deepcopy(made)
        flipped = payload.copy()
        flipped[at] ^= 1
        changed["dsseEnvelope"]["payload"] = base64.b64encode(flipped).decode()
        site.bundle.write_text(json.dumps(changed))
        assert not site.verify(), f"byte {at}"


def main():
    failed = []
    with tempfile.TemporaryDirectory() as scratch:
        site = Site(sys.argv[1], pathlib.Path(scratch))
        for one in CASES:
            try:
                one(site)
            except AssertionError as error:
                failed.append(one.__name__)
                print(f"not as it should be: {one.__name__} {error}")
    print(f"{len(CASES) - len(failed)} of {len(CASES)} cases hold")
    sys.exit(bool(failed))


main()
