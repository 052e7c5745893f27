"""Whole columns of identifiers at once: Salesforce ids, UUIDs, ip addresses, numbered codes.

Every function is a pure function of integer keys, so an identifier is the same wherever it is
made again. Arrays are one-dimensional; results are Arrow string arrays of the same length.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
_BASE62 = np.frombuffer(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", dtype=np.uint8
)
_CHECK = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", dtype=np.uint8)
_HEX = np.array([list(f"{byte:02x}".encode()) for byte in range(256)], dtype=np.uint8)


def mix(keys: npt.ArrayLike, salt: int = 0) -> npt.NDArray[np.uint64]:
    """Scramble integers (splitmix64, Steele et al. 2014): equal keys and salts give equal words."""
    start = (salt * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) % 2**64
    with np.errstate(over="ignore"):
        word = np.asarray(keys).astype(np.uint64) + np.uint64(start)
        word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return word ^ (word >> np.uint64(31))


def fixed_width(letters: npt.NDArray[np.uint8]) -> pa.Array:
    """Arrow strings from a matrix of ASCII codes, shape (rows, width)."""
    rows, width = letters.shape
    offsets = np.arange(rows + 1, dtype=np.int64) * width
    return pa.LargeStringArray.from_buffers(
        rows, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(letters))
    ).cast(pa.string())


def salesforce_ids(prefix: str, numbers: Ints, pod: str = "5e") -> pa.Array:
    """18-character Salesforce ids: object prefix, pod, number, and the case checksum."""
    letters = np.empty((len(numbers), 18), dtype=np.uint8)
    letters[:, :8] = np.frombuffer(f"{prefix}{pod}000".encode(), dtype=np.uint8)
    rest = np.asarray(numbers, dtype=np.int64).copy()
    for place in range(14, 7, -1):
        rest, digit = np.divmod(rest, 62)
        letters[:, place] = _BASE62[digit]
    upper = (letters[:, :15] >= 65) & (letters[:, :15] <= 90)
    bits = upper.reshape(-1, 3, 5) @ np.array([1, 2, 4, 8, 16])
    letters[:, 15:] = _CHECK[bits]
    return fixed_width(letters)


def uuids(keys: npt.ArrayLike, salt: int) -> pa.Array:
    """UUID-shaped strings (version 4 layout), one for each key."""
    words = np.stack([mix(keys, salt), mix(keys, salt + 7919)], axis=1)
    raw = words.astype(">u8").view(np.uint8).reshape(-1, 16).copy()
    raw[:, 6] = (raw[:, 6] & 0x0F) | 0x40
    raw[:, 8] = (raw[:, 8] & 0x3F) | 0x80
    letters = np.full((len(raw), 36), ord("-"), dtype=np.uint8)
    places = [p for p in range(36) if p not in (8, 13, 18, 23)]
    letters[:, places] = _HEX[raw].reshape(-1, 32)
    return fixed_width(letters)


def codes(prefix: str, numbers: Ints, width: int) -> pa.Array:
    """`prefix` and the number with leading zeros: codes('INT-', [7], 5) is INT-00007."""
    head = np.frombuffer(prefix.encode(), dtype=np.uint8)
    letters = np.empty((len(numbers), len(head) + width), dtype=np.uint8)
    letters[:, : len(head)] = head
    rest = np.asarray(numbers, dtype=np.int64).copy()
    for place in range(width - 1, -1, -1):
        rest, digit = np.divmod(rest, 10)
        letters[:, len(head) + place] = 48 + digit
    return fixed_width(letters)


def ip_addresses(numbers: Ints) -> pa.Array:
    """Dotted addresses from 32-bit numbers."""
    octets = pa.array([str(octet) for octet in range(256)])
    parts = [octets.take(pa.array((numbers >> shift) & 255)) for shift in (24, 16, 8, 0)]
    return pc.binary_join_element_wise(*parts, ".")


def pick(words: Sequence[str | None], index: npt.ArrayLike) -> pa.Array:
    """The word at each index; null where the index is negative."""
    places = np.asarray(index, dtype=np.int64)
    return pa.array(words, pa.string()).take(pa.array(places, mask=places < 0))


def blank(values: pa.Array, where: npt.NDArray[np.bool_]) -> pa.Array:
    """The values, null where the mask holds."""
    return pc.if_else(pa.array(where), pa.scalar(None, values.type), values)


def join(*parts: pa.Array | str, by: str = "") -> pa.Array:
    """Texts joined row by row; plain strings repeat; null if any part is."""
    return pc.binary_join_element_wise(*parts, by)
