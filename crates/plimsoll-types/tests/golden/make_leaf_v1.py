"""Makes leaf_v1.txt with an independent CBOR encoder (pip install cbor2), from docs/format/record.cddl."""
import cbor2

b = lambda n, size=16: bytes([n]) * size
minimal = {0: 1, 1: 1, 2: b(1), 3: b(2), 4: b(3), 5: 0, 6: b(0, 32), 7: 1_700_000_000_000_000, 8: 5}
full = {
    0: 1, 1: 1, 2: b(1), 3: b(2), 4: b(255), 5: 2**64 - 1, 6: b(0xEE, 32), 7: 2**64 - 1, 8: 2**64 - 1,
    9: b(4), 10: b(5, 32), 11: b(6, 32), 12: b(7, 32), 13: b(8, 32), 14: 1, 15: 1, 16: 5,
    17: b(9, 32), 18: b(10, 32), 19: 11,
    32: b(12), 33: 13, 34: b(14), 35: 15, 36: 16, 37: b(17), 38: 4, 39: b(18, 32), 40: b(19, 32),
    41: 20, 42: b(21), 43: b(22),
}
observed = minimal | {44: 1}
print("# Leaves of format version 1: name, canonical bytes. Made by make_leaf_v1.py; never changed.")
for name, leaf in (("minimal", minimal), ("full", full), ("observed", observed)):
    print(name, cbor2.dumps(leaf, canonical=True).hex())
