"""Makes `record-key.hex` and `sealed.hex` from the words of docs/format/segment.md alone.

    pip install cryptography; python sealed.py record-key > record-key.hex
"""

import hashlib
import hmac
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def expand(key, info, length):
    """HKDF-Expand, RFC 5869 section 2.3, SHA-256."""
    out, block, n = b"", b"", 1
    while len(out) < length:
        block = hmac.new(key, block + info + bytes([n]), hashlib.sha256).digest()
        out, n = out + block, n + 1
    return out[:length]


def dump(data):
    for at in range(0, len(data), 16):
        print(f"{at:04x}: {data[at:at + 16].hex(' ')}")


holder, salt, key_id = bytes(range(32)), bytes(range(24)), bytes(range(0xA0, 0xB0))
record = expand(holder, b"plimsoll record key v1\0" + salt + key_id, 32)
header = bytes([1, 1, 0, 0]) + key_id
info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + salt + header
material = expand(record, info, 76)
key, nonce, commitment = material[:32], material[32:44], material[44:]
text = (b"golden" + b"\x80").ljust(64, b"\0")
dump(record if sys.argv[1] == "record-key" else
     header + salt + commitment + AESGCM(key).encrypt(nonce, text, None))
