"""Restores the headers of gzip files that a packager has stripped.

Debian strips name and time from the header of each gzip file in a package, so that builds are
reproducible. The compressed data do not change, but the checksum of the file does.
"""

import hashlib
import os
import pathlib
import struct

# What gzip wrote into the headers of Fashion-MNIST's files, beside their names.
_TIMES = {"train": 1504176606, "t10k": 1504176627}
_MAGIC, _DEFLATE, _HAS_NAME, _UNIX = b"\x1f\x8b", 8, 8, 3
_HEADER_BYTES = 10


def restored(file: pathlib.Path, checksum: str) -> bytes | None:
    """A file's content with its published header.

    Args:
        file: a gzip file, whose header may lack the name and the time.
        checksum: SHA-256 of the published file.

    Returns:
        The published content; None if the file already has it, or differs in anything else.
    """
    content = file.read_bytes()
    if _is(content, checksum) or content[:4] != _MAGIC + bytes([_DEFLATE, 0]):
        return None
    name = file.name.removesuffix(".gz")
    time = _TIMES.get(name.split("-")[0], 0)
    header = _MAGIC + struct.pack("<BBIBB", _DEFLATE, _HAS_NAME, time, 0, _UNIX)
    published = header + os.fsencode(name) + b"\0" + content[_HEADER_BYTES:]
    return published if _is(published, checksum) else None


def _is(content: bytes, checksum: str) -> bool:
    return hashlib.sha256(content).hexdigest() == checksum
