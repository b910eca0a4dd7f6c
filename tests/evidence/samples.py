"""Small files of the kinds that people send, as browsers send them."""

import hashlib
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int = 2, height: int = 2) -> bytes:
    """A picture; of many pixels it is as small, but no browser could hold it."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\x00" + b"\x1d\x4f\x91" * min(width, 2) for _ in range(min(height, 2))))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc0000b080002000301011100") + b"\xff\xd9"
GIF = b"GIF89a" + struct.pack("<HH", 3, 2) + b"\x00\x00\x00;"
PDF = b"%PDF-1.4\n%%EOF\n"
ZIP = b"PK\x05\x06" + bytes(18)
HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def kept_in(folder: Path) -> list[Path]:
    """Every file in a store of evidence."""
    return [one for one in folder.rglob("*") if one.is_file()]


@contextmanager
def without(folder: Path) -> Iterator[None]:
    """The folder is gone for as long as the block runs."""
    away = folder.rename(folder.with_name("away"))
    yield
    away.rename(folder)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
