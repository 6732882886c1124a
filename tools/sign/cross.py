"""Signs with one implementation and verifies with the other, both ways: Plimsoll and the package
`model-signing`, for a file, a folder and a nested folder, with keys and with certificates. Every
change to the model must fail in both.

    python tools/sign/cross.py PLIMSOLL FIXTURES
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

PLIMSOLL, FIXTURES = sys.argv[1], pathlib.Path(sys.argv[2])


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True)


def python(*words):
    return run(sys.executable, "-m", "model_signing", *words)


def plimsoll(*words):
    return run(PLIMSOLL, *words)


def our_sign(model, signature, how):
    if how == "certificate":
        done = plimsoll("model", "sign", model, "-o", signature, "--signing-key", FIXTURES / "leaf.pem",
                        "--certificate", FIXTURES / "leaf.crt", "--chain", FIXTURES / "between.crt")
    else:
        done = plimsoll("model", "sign", model, "-o", signature, "--signing-key", FIXTURES / f"{how}.pem")
    assert done.returncode == 0, done.stderr


def their_sign(model, signature, how):
    if how == "certificate":
        done = python("sign", "certificate", model, "--signature", signature, "--private_key", FIXTURES / "leaf.pem",
                      "--signing_certificate", FIXTURES / "leaf.crt", "--certificate_chain", FIXTURES / "between.crt")
    else:
        done = python("sign", "key", model, "--signature", signature, "--private_key", FIXTURES / f"{how}.pem")
    assert done.returncode == 0, done.stdout + done.stderr


def our_verify(model, signature, how):
    by = ["--root", FIXTURES / "root.crt"] if how == "certificate" else ["--public-key", FIXTURES / f"{how}.pub"]
    done = plimsoll("model", "verify", model, "--signature", signature, *by)
    assert done.returncode in (0, 3), done.stderr
    return done.returncode == 0, done.stderr


def their_verify(model, signature, how):
    if how == "certificate":
        done = python("verify", "certificate", model, "--signature", signature, "--certificate_chain", FIXTURES / "root.crt")
    else:
        done = python("verify", "key", model, "--signature", signature, "--public_key", FIXTURES / f"{how}.pub")
    return done.returncode == 0, done.stdout + done.stderr


def models(folder):
    single = folder / "model.bin"
    single.write_bytes(b"\0\1\2 a model")
    flat = folder / "flat"
    flat.mkdir()
    (flat / "weights.bin").write_bytes(bytes(range(256)) * 10)
    (flat / "config.json").write_text("{}")
    nested = folder / "nested"
    shutil.copytree(flat, nested)
    (nested / "a" / "b").mkdir(parents=True)
    (nested / "a" / "b" / "ünïcode name.txt").write_text("deep")
    (nested / "a" / "empty").write_text("")
    (nested / ".git").mkdir()
    (nested / ".git" / "HEAD").write_text("left out")
    return [single, flat, nested]


def flip(model):
    target = model if model.is_file() else model / "weights.bin"
    data = bytearray(target.read_bytes())
    data[len(data) // 2] ^= 1
    target.write_bytes(data)


def add(model):
    (model / "added.py").write_text("")


def remove(model):
    (model / "config.json").unlink()


def rename(model):
    (model / "config.json").rename(model / "config2.json")


def link(model):
    (model / "link").symlink_to(model / "config.json")


def main():
    count = 0
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        (scratch / "original").mkdir()
        for model in models(scratch / "original"):
            for how in ("key", "p384", "p521", "certificate"):
                for sign, verify, words in ((our_sign, their_verify, "ours, verified by theirs"), (their_sign, our_verify, "theirs, verified by ours"),
                                            (our_sign, our_verify, "ours by ours")):
                    signature = scratch / "model.sig"
                    sign(model, signature, how)
                    held, said = verify(model, signature, how)
                    assert held, f"{model.name}, {how}: {words}: {said}"
                    count += 1
                    changes = [flip] if model.is_file() else [flip, add, remove, rename, link]
                    for change in changes if how in ("key", "certificate") else []:
                        copy = scratch / "copy"
                        shutil.copytree(model, copy, symlinks=True) if model.is_dir() else shutil.copy(model, copy)
                        change(copy)
                        held, said = verify(copy, signature, how)
                        assert not held, f"{model.name}, {how}: {words} after {change.__name__}"
                        count += 1
                        shutil.rmtree(copy) if copy.is_dir() else copy.unlink()
                    if how == "key":
                        held, said = verify(model, signature, "other")
                        assert not held, f"{model.name}: {words} with another key"
                        count += 1
            # The signature may lie in the model's own folder.
            if model.is_dir():
                our_sign(model, model / "model.sig", "key")
                assert their_verify(model, model / "model.sig", "key")[0]
                their_sign(model, model / "model.sig", "key")
                assert our_verify(model, model / "model.sig", "key")[0]
                count += 2
    print(f"{count} checks hold")


main()
