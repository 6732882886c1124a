#!/usr/bin/env python3
"""Verifies what a Plimsoll ledger publishes, and the receipts of its decisions, on its own.

    verify.py receipt FILE --key VKEY|FILE [--policy FILE] [--body]
    verify.py proof FILE --entry FILE --key VKEY|FILE [--policy FILE]
    verify.py checkpoint FILE --key VKEY|FILE [--policy FILE]
    verify.py log FOLDER|URL --key VKEY|FILE [--policy FILE] [--older CHECKPOINT]... [--opaque]
    verify.py consistency OLD NEW --key VKEY|FILE (--proof FILE | --log FOLDER|URL)

It needs Python 3.9 and nothing else, and shares no code with Plimsoll: it was written from the
texts of the specifications alone, so that an auditor has a second opinion and can read all of it.

    tree, proofs          RFC 6962 section 2.1, RFC 9162 section 2.1
    tiles, bundles        c2sp.org/tlog-tiles            notes, keys     c2sp.org/signed-note
    checkpoints           c2sp.org/tlog-checkpoint       cosignatures    c2sp.org/tlog-cosignature
    offline proofs        c2sp.org/tlog-proof            trust policies  c2sp.org/tlog-policy
    sealed bodies         c2sp.org/chunked-encryption    Ed25519         RFC 8032
    receipts, records     docs/format/receipt.md, record.cddl, segment.md, log.md

`log` recomputes the whole tree: every tile against its parent up to the signed root, every entry
against its tile, every record against the one before. A log behind a key is read with the key in
the environment variable PLIMSOLL_KEY. Exit code 0: it holds; 3: refused, and the words name the
step and the place; 1: it could not be tried.
"""

import argparse
import base64
import binascii
import gzip
import hashlib
import hmac
import http.client
import json
import os
import struct
import sys
import urllib.error
import urllib.parse
import urllib.request
import zlib

NOTE_BYTES_MAX = 160 << 10
SIGNATURES_MAX = 64
NAME_BYTES_MAX = 255
PROOF_BYTES_MAX = 256 << 10
POLICY_BYTES_MAX = 256 << 10
POLICY_NAMES_MAX = 512
LEAF_BYTES_MAX = 1024
RECEIPT_BYTES_MAX = 64 << 20  # a body of many rows, in base64
SIZE_END = 1 << 63  # docs/format/log.md: sizes are below it
TILE_WIDTH = 256
HASH_BYTES = 32
BUNDLE_BYTES_MAX = TILE_WIDTH * (2 + 0xFFFF)
HTTP_SECONDS = 30


class Refused(Exception):
    """The answer is no: `step` says what was being checked."""

    def __init__(self, step, why):
        super().__init__(why)
        self.step = step


class Unreadable(Exception):
    """Nothing could be checked: a file is not there, an address does not answer."""


# ---- Ed25519 (RFC 8032 section 5.1): verification only, over integers ------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def point_add(a, b):
    """In extended coordinates (X, Y, Z, T), x = X/Z, y = Y/Z, xy = T/Z."""
    m, n = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = n - m, d - c, d + c, n + m
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def point_multiply(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = point_add(result, point)
        point, scalar = point_add(point, point), scalar >> 1
    return result


def point_equal(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def point_decode(text):
    """Section 5.1.3; None for bytes that are no point, or not its one spelling."""
    y = int.from_bytes(text, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = point_decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_verifies(public, message, signature):
    """Section 5.1.7, without the cofactor, which accepts fewer signatures."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, r = point_decode(public), point_decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if key is None or r is None or s >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    k = int.from_bytes(digest, "little") % ORDER
    return point_equal(point_multiply(s, BASE), point_add(r, point_multiply(k, key)))


# ---- AES-256-GCM (FIPS 197, SP 800-38D): opening only ----------------------------------------


def aes_sbox():
    """FIPS 197 section 5.1.1: the inverse in GF(2^8), then an affine map."""
    box, p, q = [0] * 256, 1, 1
    while True:
        p ^= (p << 1) ^ (0x11B if p & 0x80 else 0)  # times 3
        q ^= q << 1  # divided by 3
        q ^= q << 2
        q ^= q << 4
        q &= 0xFF
        q ^= 0x09 if q & 0x80 else 0
        turned = q
        for shift in range(1, 5):
            turned ^= (q << shift | q >> (8 - shift)) & 0xFF
        box[p] = turned ^ 0x63
        if p == 1:
            box[0] = 0x63
            return box


SBOX = aes_sbox()
DOUBLE = [(b << 1) ^ (0x11B if b & 0x80 else 0) for b in range(256)]


class Aes256:
    """Of the cipher only what counter mode needs: encryption of a block."""

    def __init__(self, key):
        words = [key[at:at + 4] for at in range(0, 32, 4)]
        constant = 1
        for i in range(8, 60):
            word = words[-1]
            if i % 8 == 0:
                word = bytes(SBOX[b] for b in word[1:] + word[:1])
                word = bytes([word[0] ^ constant]) + word[1:]
                constant = DOUBLE[constant]
            elif i % 8 == 4:
                word = bytes(SBOX[b] for b in word)
            words.append(bytes(a ^ b for a, b in zip(words[i - 8], word)))
        self.round_keys = [b"".join(words[at:at + 4]) for at in range(0, 60, 4)]

    def encrypt(self, block):
        state = [a ^ b for a, b in zip(block, self.round_keys[0])]
        for number in range(1, 15):
            # SubBytes and ShiftRows at once: column c, row r comes from column c + r.
            state = [SBOX[state[(at + 4 * (at % 4)) % 16]] for at in range(16)]
            if number < 14:
                mixed = []
                for c in range(0, 16, 4):
                    column = state[c:c + 4]
                    every = column[0] ^ column[1] ^ column[2] ^ column[3]
                    mixed += [
                        column[r] ^ every ^ DOUBLE[column[r] ^ column[(r + 1) % 4]]
                        for r in range(4)
                    ]
                state = mixed
            state = [a ^ b for a, b in zip(state, self.round_keys[number])]
        return bytes(state)


def ghash(key, data):
    """SP 800-38D section 6.4, over data of whole blocks."""
    h, y = int.from_bytes(key, "big"), 0
    for at in range(0, len(data), 16):
        x, v, y = y ^ int.from_bytes(data[at:at + 16], "big"), h, 0
        for bit in range(127, -1, -1):
            if x >> bit & 1:
                y ^= v
            v = (v >> 1) ^ (0xE1 << 120 if v & 1 else 0)
    return y.to_bytes(16, "big")


def gcm_open(cipher, nonce, sealed):
    """The plaintext, or None if the tag is not right. No associated data."""
    text, tag = sealed[:-16], sealed[-16:]
    padded = text + bytes(-len(text) % 16) + struct.pack(">QQ", 0, 8 * len(text))
    mask = cipher.encrypt(nonce + b"\0\0\0\1")
    hashed = ghash(cipher.encrypt(bytes(16)), padded)
    if not hmac.compare_digest(bytes(a ^ b for a, b in zip(hashed, mask)), tag):
        return None
    plain = bytearray()
    for number, at in enumerate(range(0, len(text), 16), 2):
        stream = cipher.encrypt(nonce + number.to_bytes(4, "big"))
        plain += bytes(a ^ b for a, b in zip(text[at:at + 16], stream))
    return bytes(plain)


# ---- Texts: one spelling each ----------------------------------------------------------------


def decimal(text, step, what):
    if not text.isascii() or not text.isdigit() or (text[0] == "0" and text != "0"):
        raise Refused(step, f"{what} is not a decimal in its one spelling")
    if len(text) > 19 or int(text) >= SIZE_END:
        raise Refused(step, f"{what} is beyond 2^63")
    return int(text)


def unbase64(text, step, what, length=None):
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise Refused(step, f"{what} is not base64") from None
    if base64.b64encode(data).decode() != text:
        raise Refused(step, f"{what} is base64 in another than its one spelling")
    if length is not None and len(data) != length:
        raise Refused(step, f"{what} has {len(data)} bytes, not {length}")
    return data


# ---- Signed notes and keys (c2sp.org/signed-note) --------------------------------------------

LOG_KEY, WITNESS_KEY = 0x01, 0x04


def is_key_name(name):
    return 0 < len(name.encode()) <= NAME_BYTES_MAX and "+" not in name and not any(
        c.isspace() for c in name
    )


class Key:
    """A verifier key: `<name>+<key id in hex>+<base64 of type and public key>`."""

    def __init__(self, vkey, kind):
        parts = vkey.split("+", 2)
        if len(parts) != 3 or not is_key_name(parts[0]):
            raise Unreadable("the key is not `<name>+<key id>+<base64>`")
        self.name = parts[0]
        try:
            data = unbase64(parts[2], "key", "the key")
        except Refused as refused:
            raise Unreadable(str(refused)) from None
        if len(data) != 33 or data[0] != kind:
            raise Unreadable(f"the key of `{self.name}` is not an Ed25519 key of type {kind}")
        self.id = hashlib.sha256(self.name.encode() + b"\n" + data).digest()[:4]
        if self.id.hex() != parts[1]:
            raise Unreadable(f"the key id of `{self.name}` is not the one of its key")
        self.kind, self.public = kind, data[1:]


class Note:
    def __init__(self, data, step):
        self.step = step
        if len(data) > NOTE_BYTES_MAX:
            raise Refused(step, f"a note has at most {NOTE_BYTES_MAX} bytes")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused(step, "the note is not UTF-8") from None
        if any(c < " " and c != "\n" for c in text):
            raise Refused(step, "the note has a control character")
        split = text.rfind("\n\n")
        if split < 0 or not text.endswith("\n"):
            raise Refused(step, "the note has no signatures after an empty line")
        self.text, lines = text[:split + 1], text[split + 2:].split("\n")[:-1]
        if not 0 < len(lines) <= SIGNATURES_MAX:
            raise Refused(step, f"the note has {len(lines)} signatures, not 1 to {SIGNATURES_MAX}")
        self.signatures = [self.signature(line) for line in lines]

    def signature(self, line):
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "\u2014" or not is_key_name(parts[1]):
            raise Refused(self.step, "a line of the note is not a signature")
        data = unbase64(parts[2], self.step, "a signature")
        if len(data) < 5:
            raise Refused(self.step, "a signature is shorter than its key id")
        return parts[1], data[:4], data[4:]

    def signed_by(self, key):
        """Whether the key signed. One bad signature by a known key rejects the note."""
        found = False
        for name, key_id, signature in self.signatures:
            if (name, key_id) != (key.name, key.id):
                continue
            message = self.text.encode()
            if key.kind == WITNESS_KEY:
                time = int.from_bytes(signature[:8], "big")
                if len(signature) != 72 or time >= SIZE_END:
                    raise Refused(self.step, f"the cosignature of `{name}` is not one")
                message = f"cosignature/v1\ntime {time}\n".encode() + message
                signature = signature[8:]
            if not ed25519_verifies(key.public, message, signature):
                raise Refused(self.step, f"the signature of `{name}` is wrong")
            found = True
        return found


class Checkpoint:
    """c2sp.org/tlog-checkpoint. Nothing in it counts before `Trust.accept`."""

    def __init__(self, data, step="checkpoint"):
        self.note = Note(data, step)
        lines = self.note.text.split("\n")[:-1]
        if len(lines) < 3 or not all(lines):
            raise Refused(step, "the checkpoint has not three lines and no empty one")
        self.origin = lines[0]
        self.size = decimal(lines[1], step, "the size of the checkpoint")
        self.root = unbase64(lines[2], step, "the root of the checkpoint", HASH_BYTES)
        if self.size == 0 and self.root != hashlib.sha256().digest():
            raise Refused(step, "an empty tree has another root")


class Trust:
    """Whose signatures count: a key, or a policy (c2sp.org/tlog-policy), or both."""

    def __init__(self, key=None, policy=None):
        self.logs, self.groups, self.quorum = [], {}, None
        if policy is not None:
            self.read(policy)
        if key is not None:
            key = Key(key, LOG_KEY)
            if policy is not None and self.logs and key.public not in [k.public for k in self.logs]:
                raise Unreadable("the policy does not name the key's log")
            self.logs = [key]
        if not self.logs:
            raise Unreadable("no log is trusted: give --key, or a policy that names one")

    def read(self, data):
        if len(data) > POLICY_BYTES_MAX:
            raise Unreadable(f"a policy has at most {POLICY_BYTES_MAX} bytes")
        seen, members = set(), set()
        for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), 1):
            words = line.replace("\t", " ").split(" ")
            words = [word for word in words if word]
            if any((c < " " and c != "\t") or c == "\x7f" for c in line):
                raise Unreadable(f"line {number} of the policy has a control character")
            if not words or words[0].startswith("#"):
                continue
            self.define(words, number, seen, members)
        if self.quorum is None:
            raise Unreadable("the policy has no quorum line")

    def define(self, words, number, seen, members):
        def wrong(why):
            return Unreadable(f"line {number} of the policy: {why}")

        def name(word):
            if word in self.groups or word == "none" or len(self.groups) >= POLICY_NAMES_MAX:
                raise wrong("a name is taken, reserved, or one too many")
            return word

        def key(vkey, kind):
            found = Key(vkey, kind)
            if found.public in seen:
                raise wrong("the key is there already")
            seen.add(found.public)
            return found

        kind, rest = words[0], words[1:]
        if kind == "log" and len(rest) in (1, 2):
            self.logs.append(key(rest[0], LOG_KEY))
        elif kind == "witness" and len(rest) in (2, 3):
            self.groups[name(rest[0])] = key(rest[1], WITNESS_KEY)
        elif kind == "group" and len(rest) >= 3:
            of = rest[2:]
            if any(m not in self.groups or m in members for m in of) or len(set(of)) != len(of):
                raise wrong("a member is unknown, or a member of another group")
            members.update(of)
            least = {"any": "1", "all": str(len(of))}.get(rest[1], rest[1])
            if not least.isdigit() or least[0] == "0" or not 1 <= int(least) <= len(of):
                raise wrong("the threshold is not from 1 to the number of members")
            self.groups[name(rest[0])] = (int(least), of)
        elif kind == "quorum" and len(rest) == 1 and self.quorum is None:
            if rest[0] != "none" and rest[0] not in self.groups:
                raise wrong("the quorum is not defined above")
            self.quorum = rest[0]
        else:
            raise wrong("not a log, witness, group or quorum")

    def accept(self, checkpoint):
        """Refuses a checkpoint unless a trusted log signed it, and a quorum of witnesses."""
        note, step = checkpoint.note, checkpoint.note.step
        logs = [key for key in self.logs if note.signed_by(key)]
        if not any(key.name == checkpoint.origin for key in logs):
            raise Refused(step, "the checkpoint is not signed by the log")
        signed = {
            name: note.signed_by(key) for name, key in self.groups.items() if isinstance(key, Key)
        }
        for name, group in self.groups.items():
            if isinstance(group, tuple):
                signed[name] = sum(signed[member] for member in group[1]) >= group[0]
        if self.quorum not in (None, "none") and not signed[self.quorum]:
            raise Refused(step, "the checkpoint is not cosigned by the policy's quorum")


# ---- The tree (RFC 6962 section 2.1) and its proofs (RFC 9162 section 2.1) -------------------


def leaf_hash(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def merkle_root(hashes):
    """Of nodes of one height, the last of which may be lower: splits are the same."""
    while len(hashes) > 1:
        odd = hashes[-1:] if len(hashes) % 2 else []
        hashes = [node_hash(*hashes[at:at + 2]) for at in range(0, len(hashes) - 1, 2)] + odd
    return hashes[0]


def inclusion_root(index, size, leaf, path):
    """RFC 9162 section 2.1.3.2: the root that the path leads to, or None."""
    if index >= size:
        return None
    at, last, root = index, size - 1, leaf
    for hash_ in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            root = node_hash(hash_, root)
            while at & 1 == 0 and at:
                at, last = at >> 1, last >> 1
        else:
            root = node_hash(root, hash_)
        at, last = at >> 1, last >> 1
    return root if last == 0 else None


def is_consistent(old, old_root, new, new_root, path):
    """RFC 9162 section 2.1.4.2."""
    if old > new:
        return False
    if old == new:
        return old_root == new_root and not path
    if old == 0:
        return old_root == hashlib.sha256().digest() and not path
    if old & (old - 1) == 0:
        path = [old_root] + path
    if not path:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for hash_ in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(hash_, first), node_hash(hash_, second)
            while at & 1 == 0 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, hash_)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


# ---- Tiles (c2sp.org/tlog-tiles), out of a folder or over HTTP -------------------------------


def tile_path(level, index, width):
    digits = f"{index:03d}"
    digits = digits.rjust(-(-len(digits) // 3) * 3, "0")
    groups = [digits[at:at + 3] for at in range(0, len(digits), 3)]
    path = "/".join(["x" + group for group in groups[:-1]] + groups[-1:])
    return f"tile/{level}/{path}" + (f".p/{width}" if width < TILE_WIDTH else "")


class Folder:
    def __init__(self, path):
        self.path = path

    def get(self, name, limit):
        """The bytes of a file; None if it is not there."""
        try:
            with open(os.path.join(self.path, *name.split("/")), "rb") as file:
                return file.read(limit + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unreadable(f"{name}: {error.strerror}") from None


class StayHere(urllib.request.HTTPRedirectHandler):
    """The key is for the address that was given, and for no other."""

    def redirect_request(self, *_):
        return None


class Http:
    def __init__(self, prefix):
        self.prefix = prefix.rstrip("/")
        self.open = urllib.request.build_opener(StayHere).open

    def get(self, name, limit):
        request = urllib.request.Request(f"{self.prefix}/{name}")
        request.add_header("Accept-Encoding", "gzip, identity")
        if key := os.environ.get("PLIMSOLL_KEY"):
            request.add_header("Authorization", f"Bearer {key}")
        try:
            with self.open(request, timeout=HTTP_SECONDS) as answer:
                if answer.headers.get("Content-Encoding") == "gzip":
                    with gzip.GzipFile(fileobj=answer) as plain:
                        return plain.read(limit + 1)
                return answer.read(limit + 1)
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                return None
            raise Unreadable(f"{name}: the server says {error.code}") from None
        except (OSError, EOFError, zlib.error, http.client.HTTPException) as error:
            raise Unreadable(f"{name}: {error}") from None


def source(place):
    if urllib.parse.urlsplit(place).scheme in ("http", "https"):
        return Http(place)
    if not os.path.isdir(place):
        raise Unreadable(f"`{place}` is not a folder, nor the URL of a log")
    return Folder(place)


class Log:
    """A log's tiles up to a checkpoint's root, each believed only if its parent has its root."""

    def __init__(self, place, checkpoint):
        self.place, self.size = place, checkpoint.size
        self.widths = []  # by level: the number of its hashes
        count = self.size
        while count:
            self.widths.append(count)
            count //= TILE_WIDTH
        self.levels = {}
        self.check_edge(checkpoint.root)
        for level in reversed(range(1, len(self.widths))):
            self.levels[level] = self.read_level(level)

    def fetch(self, level, index):
        """A tile's hashes, not yet believed."""
        width = min(self.widths[level] - index * TILE_WIDTH, TILE_WIDTH)
        name = tile_path(level, index, width)
        data = self.place.get(name, TILE_WIDTH * HASH_BYTES)
        if data is None and width < TILE_WIDTH:
            full = self.place.get(tile_path(level, index, TILE_WIDTH), TILE_WIDTH * HASH_BYTES)
            data = full and full[:width * HASH_BYTES]
        if data is None:
            raise Refused("tiles", f"{name} is not there")
        if len(data) != width * HASH_BYTES:
            raise Refused("tiles", f"{name} has {len(data)} bytes, not {width * HASH_BYTES}")
        return name, [data[at:at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]

    def check_edge(self, root):
        """The partial tiles of all levels together give the root."""
        self.edge, names, rest = {}, [], []
        for level, count in enumerate(self.widths):
            if count % TILE_WIDTH:
                name, hashes = self.fetch(level, count // TILE_WIDTH)
                self.edge[level] = hashes
                names.append(name)
                rest = [merkle_root(hashes + rest)]
        if self.size and rest != [root]:
            raise Refused(
                "tiles", f"{', '.join(names)} do not give the root of {self.size} entries"
            )

    def read_level(self, level):
        """The hashes of a level, where the level above is believed."""
        hashes = []
        for index in range(self.widths[level] // TILE_WIDTH):
            hashes += self.read_full(level, index)
        return hashes + self.edge.get(level, [])

    def read_full(self, level, index):
        name, tile = self.fetch(level, index)
        if merkle_root(tile) != self.levels[level + 1][index]:
            raise Refused("tiles", f"{name} is not the tile that its parent has")
        return tile

    def leaf_tiles(self):
        """The tiles of level 0, from the first, one at a time."""
        for index in range(self.widths[0] // TILE_WIDTH if self.widths else 0):
            yield self.read_full(0, index)
        if 0 in self.edge:
            yield self.edge[0]

    def bundle(self, index, leaves):
        """The entries of a bundle, whose hashes are believed."""
        name = tile_path("entries", index, len(leaves))
        data = self.place.get(name, BUNDLE_BYTES_MAX)
        if data is None and len(leaves) < TILE_WIDTH:
            data = self.place.get(tile_path("entries", index, TILE_WIDTH), BUNDLE_BYTES_MAX)
            if data is not None:  # of the full one, its first entries
                data = data[:sum(2 + len(e) for e in split_bundle(data, name, len(leaves), True))]
        if data is None:
            raise Refused("entries", f"{name} is not there")
        entries = split_bundle(data, name, len(leaves))
        for at, (entry, leaf) in enumerate(zip(entries, leaves)):
            if leaf_hash(entry) != leaf:
                number = index * TILE_WIDTH + at
                raise Refused("entries", f"entry {number} in {name} is not the one in the tree")
        return entries


def split_bundle(data, name, count, may_go_on=False):
    entries, at = [], 0
    while at < len(data) and not (may_go_on and len(entries) == count):
        end = at + 2 + int.from_bytes(data[at:at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            raise Refused("entries", f"{name} ends within its entry {len(entries)}")
        entries.append(data[at + 2:end])
        at = end
    if len(entries) != count:
        raise Refused("entries", f"{name} has {len(entries)} entries, not {count}")
    return entries


class Frontier:
    """The roots of the complete subtrees so far, the largest first: enough for any root to come."""

    def __init__(self):
        self.size, self.roots = 0, []

    def push(self, hash_):
        at = self.size
        while at & 1:
            hash_, at = node_hash(self.roots.pop(), hash_), at >> 1
        self.roots.append(hash_)
        self.size += 1

    def root(self):
        if not self.roots:
            return hashlib.sha256().digest()
        root = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            root = node_hash(left, root)
        return root


# ---- Records (docs/format/record.cddl): CBOR of RFC 8949 -------------------------------------


class Cbor:
    """Reads what the records use of CBOR. With `canonical`, only section 4.2.1's encoding."""

    DEPTH_MAX = 16

    def __init__(self, data, canonical, step):
        self.data, self.at, self.canonical, self.step = data, 0, canonical, step

    def take(self, count):
        part = self.data[self.at:self.at + count]
        if len(part) != count:
            raise Refused(self.step, f"CBOR ends early, at byte {len(self.data)}")
        self.at += count
        return part

    def argument(self, low):
        if low < 24:
            return low
        if low > 27:
            raise Refused(self.step, f"CBOR of unknown length at byte {self.at}")
        value = int.from_bytes(self.take(1 << (low - 24)), "big")
        least = (24, 1 << 8, 1 << 16, 1 << 32)[low - 24]
        if self.canonical and value < least:
            raise Refused(self.step, f"a number in a longer form than needed before {self.at}")
        return value

    def value(self, depth=0):
        if depth > self.DEPTH_MAX:
            raise Refused(self.step, "CBOR nested too deeply")
        major, low = divmod(self.take(1)[0], 32)
        if major == 7:
            return self.simple(low)
        count = self.argument(low)
        if major in (0, 1):
            return count if major == 0 else -1 - count
        if major in (2, 3):
            part = self.take(count)
            try:
                return part if major == 2 else part.decode("utf-8")
            except UnicodeDecodeError:
                raise Refused(self.step, "a text that is not UTF-8") from None
        if count > len(self.data) - self.at:
            raise Refused(self.step, "more items than bytes")
        if major == 4:
            return [self.value(depth + 1) for _ in range(count)]
        if major == 5:
            return self.map(count, depth)
        raise Refused(self.step, "a tag, which records do not have")

    def map(self, count, depth):
        """Keys ascend by their bytes; those of records are unsigned integers."""
        members, last = {}, -1
        for _ in range(count):
            key = self.value(depth + 1)
            if type(key) is not int or key <= last:
                raise Refused(self.step, "keys of a map are not ascending numbers")
            members[key], last = self.value(depth + 1), key
        return members

    def simple(self, low):
        if low in (20, 21, 22):
            return (False, True, None)[low - 20]
        if low == 27:
            return struct.unpack(">d", self.take(8))[0]
        raise Refused(self.step, f"a value that records do not have, before byte {self.at}")

    def whole(self):
        value = self.value()
        if self.at != len(self.data):
            raise Refused(self.step, "bytes after the end")
        return value


UINT, ID, DIGEST = range(1 << 64), "id", "digest"
BYTE, SHORT = range(1 << 8), range(1 << 16)
NAMES = {
    "kind": ["intent", "decision", "control_event", "refusal_tally", "gap", "heartbeat", "outcome",
             "review", "explanation", "finding", "attribute"],
    "route": ["primary", "canary", "shadow", "fallback", "arm"],
    "result": ["answered", "refused", "failed", "timed_out", "abandoned", "replayed",
               "held"],
}
LEAF = {
    0: range(1, 2), 1: range(11), 2: ID, 3: ID, 4: ID, 5: UINT, 6: DIGEST, 7: UINT, 8: UINT,
    9: ID, 10: DIGEST, 11: DIGEST, 12: DIGEST, 13: DIGEST, 14: range(5), 15: range(7),
    16: range(12), 17: DIGEST, 18: DIGEST, 19: BYTE, 32: ID, 33: UINT, 34: ID, 35: SHORT,
    36: SHORT, 37: ID, 38: range(5), 39: DIGEST, 40: DIGEST, 41: BYTE, 42: ID, 43: ID,
    44: range(1, 2),
}
REQUIRED, SEALED = set(range(9)), {17, 18, 19}
RESERVED_KINDS = (9,)
DECISION = 1


def read_leaf(data, step):
    if len(data) > LEAF_BYTES_MAX:
        raise Refused(step, f"the leaf has more than {LEAF_BYTES_MAX} bytes")
    leaf = Cbor(data, True, step).whole()
    if type(leaf) is not dict or not REQUIRED <= leaf.keys() or not leaf.keys() <= LEAF.keys():
        raise Refused(step, "the leaf lacks a member, or has one that leaves do not have")
    if SEALED & leaf.keys() not in (set(), SEALED):
        raise Refused(step, "members 17, 18 and 19 of a leaf are there together or not at all")
    for number, value in leaf.items():
        kind = LEAF[number]
        if kind in (ID, DIGEST):
            holds = type(value) is bytes and len(value) == (16 if kind == ID else 32)
        else:
            holds = type(value) is int and value in kind
        if not holds:
            raise Refused(step, f"member {number} of the leaf is not what it should be")
    if leaf[1] in RESERVED_KINDS:
        raise Refused(step, "the leaf is of a kind that is reserved")
    return leaf


class Chain:
    """Sequence numbers without gaps, each leaf with the hash of the one before."""

    def __init__(self):
        self.next, self.previous, self.owner = 0, bytes(HASH_BYTES), None

    def add(self, entry):
        step, number = "records", self.next
        try:
            leaf = read_leaf(entry, step)
        except Refused as refused:
            raise Refused(step, f"entry {number}: {refused}") from None
        if leaf[5] != number:
            raise Refused(step, f"entry {number} has the sequence number {leaf[5]}")
        if leaf[6] != self.previous:
            raise Refused(step, f"entry {number} does not follow from the one before")
        if self.owner not in (None, (leaf[3], leaf[4])):
            raise Refused(step, f"entry {number} is of another tenant or gateway")
        self.next, self.previous, self.owner = number + 1, leaf_hash(entry), (leaf[3], leaf[4])


# ---- Sealed bodies (docs/format/segment.md, c2sp.org/chunked-encryption) ---------------------

CHUNK, TAG = 16 << 10, 16


def hkdf_expand(key, info, length):
    """RFC 5869 section 2.3 with SHA-256."""
    output, block = b"", b""
    for number in range(1, -(-length // HASH_BYTES) + 1):
        block = hmac.new(key, block + info + bytes([number]), hashlib.sha256).digest()
        output += block
    return output[:length]


def open_body(sealed, record_key, leaf):
    """The members of a decision's body; None without a record key."""
    step = "body"
    if 17 not in leaf or hashlib.sha256(sealed).digest() != leaf[17]:
        raise Refused(step, "the sealed body is not the one in the leaf")
    if len(sealed) < 4 or sealed[0] != 1 or not 1 <= sealed[1] <= 16 or sealed[2:4] != b"\0\0":
        raise Refused(step, "the sealed body is not of version 1 with 1 to 16 holders")
    header = 20 if sealed[1] == 1 else 4 + 64 * sealed[1]
    context, salt = sealed[:header], sealed[header:header + 24]
    commitment, chunks = sealed[header + 24:header + 56], sealed[header + 56:]
    if len(commitment) != 32 or commitment != leaf[18]:
        raise Refused(step, "the sealed body's commitment is not the one in the leaf")
    if record_key is None:
        return None
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + salt + context
    material = hkdf_expand(record_key, info, 76)
    if not hmac.compare_digest(material[44:], commitment):
        raise Refused(step, "the message does not commit to the record key")
    plain = open_chunks(Aes256(material[:32]), material[32:44], chunks, step)
    body = plain.rstrip(b"\0")
    if len(plain) % 64 or body[-1:] != b"\x80" or len(plain) - len(body) >= 64:
        raise Refused(step, "the body is not padded as it should be")
    return decision_body(Cbor(body[:-1], False, step).whole(), step)


def open_chunks(cipher, base_nonce, chunks, step):
    if len(chunks) % (CHUNK + TAG) < TAG:
        raise Refused(step, "the sealed body is cut off")
    plain, base = b"", int.from_bytes(base_nonce, "big")
    for number, at in enumerate(range(0, len(chunks), CHUNK + TAG)):
        nonce = (base ^ number).to_bytes(12, "big")
        part = gcm_open(cipher, nonce, chunks[at:at + CHUNK + TAG])
        if part is None:
            raise Refused(step, f"chunk {number} of the sealed body was altered")
        plain += part
    return plain


BODY = ["version", "principal", "key", "deployment", "model_version", "caller_id", "idempotency",
        "request", "request_length", "rows", "mapped", "flags", "outputs", "explanation",
        "refusal", "phases"]
PROTOCOLS = ["oip", "grpc", "predict", "explain", "invocations"]


def decision_body(items, step):
    # One more item, the protocol that the request came by, is there since records have it.
    if type(items) is not list or len(items) - len(BODY) not in (0, 1) or items[0] != 1:
        raise Refused(step, "the body is not a decision's")
    if len(items) > len(BODY) and (type(items[-1]) is not int or items[-1] >= len(PROTOCOLS)):
        raise Refused(step, "the body names a protocol that there is not")
    body = dict(zip(BODY, items))
    kinds = {"principal": bytes, "deployment": str, "model_version": int, "request_length": int,
             "rows": list, "mapped": list, "flags": list, "outputs": list, "phases": list}
    for name, kind in kinds.items():
        if type(body[name]) is not kind:
            raise Refused(step, f"`{name}` of the body is not what it should be")
    for output in body["outputs"]:
        if type(output) is not list or [type(v) for v in output] != [str, int, list]:
            raise Refused(step, "an output of the body is not a name, a width and values")
    return body


# ---- What is verified ------------------------------------------------------------------------


def read_proof(text, step="proof"):
    """c2sp.org/tlog-proof: index, path, and the bytes of the checkpoint."""
    if len(text.encode()) > PROOF_BYTES_MAX:
        raise Refused(step, f"a proof has at most {PROOF_BYTES_MAX} bytes")
    head, split, note = text.partition("\n\n")
    lines = head.split("\n")
    if not split or lines.pop(0) != "c2sp.org/tlog-proof@v1":
        raise Refused(step, "not a c2sp.org/tlog-proof@v1")
    if lines and lines[0].startswith("extra "):
        unbase64(lines.pop(0)[6:], step, "the extra data")
    if not lines or not lines[0].startswith("index "):
        raise Refused(step, "the proof has no index")
    index = decimal(lines.pop(0)[6:], step, "the index")
    path = [unbase64(line, step, "a hash of the path", HASH_BYTES) for line in lines]
    if len(path) > 63:
        raise Refused(step, "the path is longer than any")
    return index, path, note.encode()


def check_proof(text, entry, trust):
    """The index of an entry that the log holds, and its checkpoint."""
    index, path, note = read_proof(text)
    checkpoint = Checkpoint(note)
    trust.accept(checkpoint)
    if inclusion_root(index, checkpoint.size, leaf_hash(entry), path) != checkpoint.root:
        raise Refused("inclusion", f"the entry is not at index {index} of the tree")
    return index, checkpoint


def json_object(data, step):
    def once(pairs):
        members = dict(pairs)
        if len(members) != len(pairs):
            raise Refused(step, "a member is there twice")
        return members

    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise Refused(step, "not JSON") from None
    if type(value) is not dict:
        raise Refused(step, "not a JSON object")
    return value


def check_receipt(data, trust):
    """docs/format/receipt.md, in the order of its steps."""
    step = "format"
    if len(data) > RECEIPT_BYTES_MAX:
        raise Refused(step, f"a receipt has at most {RECEIPT_BYTES_MAX} bytes")
    receipt = json_object(data, step)
    if set(receipt) != {"format", "proof", "leaf", "sealed", "record_key"}:
        raise Refused(step, "the receipt lacks a member, or has one that receipts do not have")
    if receipt["format"] != "plimsoll-receipt 1":
        raise Refused(step, "not a plimsoll-receipt 1")

    def binary(name, length=None, may_be_null=True):
        text = receipt[name]
        if text is None and may_be_null:
            return None
        if type(text) is not str:
            raise Refused(step, f"`{name}` is not a text")
        return unbase64(text, step, f"`{name}`", length)

    entry, sealed = binary("leaf", may_be_null=False), binary("sealed")
    record_key = binary("record_key", 32)
    if type(receipt["proof"]) is not str or any("\ud800" <= c <= "\udfff" for c in receipt["proof"]):
        raise Refused(step, "`proof` is not a text")
    index, checkpoint = check_proof(receipt["proof"], entry, trust)
    leaf = read_leaf(entry, "leaf")
    if leaf[1] != DECISION:
        raise Refused("leaf", "the leaf is not a decision's")
    if leaf[5] != index:
        raise Refused("leaf", "the leaf has another sequence number than its index")
    if record_key is not None and sealed is None:
        raise Refused("body", "a record key without a sealed body")
    body = None if sealed is None else open_body(sealed, record_key, leaf)
    return index, checkpoint, leaf, body


def check_log(place, trust, older, opaque, progress):
    """Everything: returns the checkpoint. Older checkpoints must lie on the way to it."""
    data = place.get("checkpoint", NOTE_BYTES_MAX)
    if data is None:
        raise Refused("checkpoint", "there is no checkpoint")
    checkpoint = Checkpoint(data)
    trust.accept(checkpoint)
    wanted = {}
    for past in older:
        trust.accept(past)
        if past.origin != checkpoint.origin or past.size > checkpoint.size:
            raise Refused("consistency", f"a checkpoint of {past.size} entries is not older")
        if wanted.setdefault(past.size, past.root) != past.root:
            raise Refused("consistency", f"two checkpoints of {past.size} entries differ")
    log, tree, chain = Log(place, checkpoint), Frontier(), Chain()

    def compare():
        if wanted.get(tree.size, tree.root()) != tree.root():
            raise Refused("consistency", f"the first {tree.size} entries had another root once")

    compare()
    for index, leaves in enumerate(log.leaf_tiles()):
        for entry, leaf in zip(log.bundle(index, leaves), leaves):
            if not opaque:
                chain.add(entry)
            tree.push(leaf)
            if tree.size in wanted:
                compare()
        progress(tree.size, checkpoint.size)
    if tree.root() != checkpoint.root:
        raise Refused("tiles", "the entries give another root")
    return checkpoint


def check_consistency(old, new, proof, place):
    """With the proof that `plimsoll ledger consistency` prints, or out of the log's tiles."""
    step = "consistency"
    if old.origin != new.origin:
        raise Refused(step, "the checkpoints are of two logs")
    if old.size > new.size:
        raise Refused(step, f"{old.size} entries are not before {new.size}")
    if place is not None:
        tree = Frontier()
        for leaf in (leaf for tile in Log(place, new).leaf_tiles() for leaf in tile):
            if tree.size == old.size:
                break
            tree.push(leaf)
        holds = tree.root() == old.root
    else:
        proof = json_object(proof, step)
        hashes = proof.get("hashes")
        if type(hashes) is not list or not all(type(text) is str for text in hashes):
            raise Refused(step, "the proof has no `hashes`")
        path = [unbase64(text, step, "a hash of the proof", HASH_BYTES) for text in hashes]
        holds = is_consistent(old.size, old.root, new.size, new.root, path)
    if not holds:
        raise Refused(step, f"{new.size} entries do not begin with those {old.size}")


# ---- The command line ------------------------------------------------------------------------


def read(path, limit):
    try:
        with open(path, "rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from None


def plain(value):
    """What JSON can say of a body: bytes in hex."""
    if type(value) is bytes:
        return value.hex()
    if type(value) is list:
        return [plain(item) for item in value]
    return {name: plain(item) for name, item in value.items()} if type(value) is dict else value


def of_enum(name, number):
    return None if number is None else NAMES[name][number]


def uuid_text(data):
    text = data.hex()
    return "-".join([text[:8], text[8:12], text[12:16], text[16:20], text[20:]])


def run(arguments):
    trust = trusted(arguments)
    if arguments.command == "receipt":
        data = read(arguments.file, RECEIPT_BYTES_MAX)
        index, checkpoint, leaf, body = check_receipt(data, trust)
        said = {
            "entry": index, "decision": uuid_text(leaf[2]), "time_us": leaf[7],
            "result": of_enum("result", leaf.get(15)), "route": of_enum("route", leaf.get(14)),
            "body_opened": body is not None,
        }
        if arguments.body:
            said["body"] = plain(body)
    elif arguments.command == "proof":
        text = read(arguments.file, PROOF_BYTES_MAX)
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused("proof", "not UTF-8") from None
        index, checkpoint = check_proof(text, read(arguments.entry, 0xFFFF), trust)
        said = {"entry": index}
    elif arguments.command == "checkpoint":
        checkpoint = Checkpoint(read(arguments.file, NOTE_BYTES_MAX))
        trust.accept(checkpoint)
        said = {}
    elif arguments.command == "log":
        older = [Checkpoint(read(path, NOTE_BYTES_MAX), "consistency") for path in arguments.older]
        checkpoint = check_log(source(arguments.place), trust, older, arguments.opaque, progress)
        said = {}
    else:
        old = Checkpoint(read(arguments.old, NOTE_BYTES_MAX))
        checkpoint = Checkpoint(read(arguments.new, NOTE_BYTES_MAX))
        trust.accept(old)
        trust.accept(checkpoint)
        proof = arguments.proof and read(arguments.proof, PROOF_BYTES_MAX)
        place = arguments.log and source(arguments.log)
        check_consistency(old, checkpoint, proof, place)
        said = {"old": old.size}
    return {
        **said, "origin": checkpoint.origin, "size": checkpoint.size,
        "root": base64.b64encode(checkpoint.root).decode(),
    }


def progress(done, size):
    if sys.stderr.isatty():
        end = "\n" if done == size else ""
        print(f"\r{done} of {size} entries", end=end, file=sys.stderr, flush=True)


def trusted(arguments):
    key = arguments.key
    if key is not None and os.path.exists(key):
        try:
            key = read(key, NOTE_BYTES_MAX).decode("utf-8")
        except UnicodeDecodeError:
            raise Unreadable("the key's file is not a text") from None
    policy = arguments.policy and read(arguments.policy, POLICY_BYTES_MAX)
    return Trust(key and key.strip(), policy)


def command_line():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    trust = argparse.ArgumentParser(add_help=False)
    trust.add_argument("--key", metavar="VKEY|FILE", help="the log's public key")
    trust.add_argument("--policy", metavar="FILE", help="trusted logs and witnesses (tlog-policy)")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name, text):
        return commands.add_parser(name, help=text, parents=[trust])

    receipt = command("receipt", "a decision's receipt")
    receipt.add_argument("file", metavar="FILE")
    receipt.add_argument("--body", action="store_true", help="print the opened body, too")
    proof = command("proof", "a .tlog-proof of an entry")
    proof.add_argument("file", metavar="FILE")
    proof.add_argument("--entry", metavar="FILE", required=True)
    command("checkpoint", "who signed a checkpoint").add_argument("file", metavar="FILE")
    log = command("log", "a whole log")
    log.add_argument("place", metavar="FOLDER|URL", help="as .../ledger/public, https://.../ledger")
    log.add_argument("--older", metavar="CHECKPOINT", action="append", default=[],
                     help="a checkpoint that the log must have grown from")
    log.add_argument("--opaque", action="store_true",
                     help="entries are not Plimsoll's records: check the tree alone")
    grown = command("consistency", "that one checkpoint extends another")
    grown.add_argument("old", metavar="OLD")
    grown.add_argument("new", metavar="NEW")
    how = grown.add_mutually_exclusive_group(required=True)
    how.add_argument("--proof", metavar="FILE", help="what `plimsoll ledger consistency` printed")
    how.add_argument("--log", metavar="FOLDER|URL", help="read the log's tiles")
    return parser


def main():
    parser = command_line()
    try:
        arguments = parser.parse_args()
    except SystemExit as stop:
        return 1 if stop.code else 0
    try:
        print(json.dumps(run(arguments), indent=2))
        return 0
    except Refused as refused:
        print(f"refused at `{refused.step}`: {refused}", file=sys.stderr)
        return 3
    except Unreadable as unreadable:
        print(f"not tried: {unreadable}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
