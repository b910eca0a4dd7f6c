"""Which files are taken: by the ending of their name, and by how their content begins. No file is ever decoded here."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pydantic import TypeAdapter, ValidationError

from recourse.errors import BadInput
from recourse.resolution.model.fields import Visible

LARGEST = 25_000_000  # bytes
SHOWN_LARGEST = "25 MB"
# A picture of more pixels is offered for download only: a browser would need hundreds of megabytes to show it.
MOST_PIXELS = 40_000_000
_PIECE = 64 * 1024
# Where a JPEG says its size, behind what a camera writes first.
_HEAD = 512 * 1024
_NAME: TypeAdapter[str] = TypeAdapter(Visible)


class UnusableFile(BadInput):
    """This file is not taken; the text is a sentence for the person who chose it."""


@dataclass(frozen=True)
class Kind:
    """A kind of file. `kind` is what evidence calls it; `begins` are bytes and their places, one of which must fit.

    A kind without them is text.
    """

    kind: str
    media_type: str
    endings: tuple[str, ...]
    begins: tuple[tuple[int, bytes], ...] = ()


_OFFICE = "application/vnd.openxmlformats-officedocument"
_ZIP = ((0, b"PK\x03\x04"), (0, b"PK\x05\x06"))
_KINDS = (
    Kind("picture", "image/png", ("png",), ((0, b"\x89PNG\r\n\x1a\n"),)),
    Kind("picture", "image/jpeg", ("jpg", "jpeg"), ((0, b"\xff\xd8\xff"),)),
    Kind("picture", "image/gif", ("gif",), ((0, b"GIF87a"), (0, b"GIF89a"))),
    Kind("picture", "image/webp", ("webp",), ((8, b"WEBP"),)),
    Kind("picture", "image/heic", ("heic",), ((4, b"ftyp"),)),
    Kind("document", "application/pdf", ("pdf",), ((0, b"%PDF-"),)),
    Kind("document", f"{_OFFICE}.wordprocessingml.document", ("docx",), _ZIP),
    Kind("document", f"{_OFFICE}.spreadsheetml.sheet", ("xlsx",), _ZIP),
    Kind("document", f"{_OFFICE}.presentationml.presentation", ("pptx",), _ZIP),
    Kind("document", "application/vnd.oasis.opendocument.text", ("odt",), _ZIP),
    Kind("text", "text/plain", ("txt", "log", "csv", "md")),
    Kind("archive", "application/zip", ("zip",), _ZIP),
    Kind("recording", "audio/mpeg", ("mp3",), ((0, b"ID3"), (0, b"\xff\xfb"), (0, b"\xff\xf3"), (0, b"\xff\xf2"))),
    Kind("recording", "audio/mp4", ("m4a",), ((4, b"ftyp"),)),
    Kind("video", "video/mp4", ("mp4",), ((4, b"ftyp"),)),
    Kind("video", "video/quicktime", ("mov",), ((4, b"ftyp"), (4, b"moov"), (4, b"mdat"), (4, b"wide"))),
)
_BY_ENDING = {ending: kind for kind in _KINDS for ending in kind.endings}
ENDINGS = tuple(_BY_ENDING)


def kind_of_name(name: str) -> Kind:
    """The kind that a file's name says. Raises UnusableFile."""
    if len(name) > 200:
        raise UnusableFile("Its name is longer than 200 letters. Give it a shorter name.")
    if "/" in name or "\\" in name:
        raise UnusableFile("Its name may hold no slash. Give the name without the folder.")
    try:
        _NAME.validate_python(name)
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UnusableFile(f"Its name cannot be used: it {why}." if name else "It has no name.") from None
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if ending not in _BY_ENDING:
        raise UnusableFile(f"Files of this type are not taken. Send one of these: {', '.join(ENDINGS)}.")
    return _BY_ENDING[ending]


def check_content(kind: Kind, file: BinaryIO) -> None:
    """Return where the content is what the name says. Raises UnusableFile."""
    file.seek(0)
    if kind.begins:
        head = file.read(16)
        if not any(head[at : at + len(begins)] == begins for at, begins in kind.begins):
            raise UnusableFile(f"It is called .{kind.endings[0]}, but its content is something else.")
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in pieces(file):
            if "\x00" in decoder.decode(piece):
                raise UnusableFile("It is called a text, but its content is something else.")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise UnusableFile("It is called a text, but it is no text in UTF-8.") from error


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """The content from its beginning, piece by piece."""
    file.seek(0)
    while piece := file.read(_PIECE):
        yield piece


def can_be_shown(kind: Kind, file: BinaryIO) -> bool:
    """Whether a browser can show it as a small picture: of a safe type, and not too large once it is decoded."""
    file.seek(0)
    size = _picture_size(kind.media_type, file.read(_HEAD))
    return size is not None and 0 < size[0] * size[1] <= MOST_PIXELS


def _picture_size(media_type: str, head: bytes) -> tuple[int, int] | None:
    """Width and height as the head of the file says; None where it does not."""
    match media_type:
        case "image/png" if head[12:16] == b"IHDR" and len(head) >= 24:
            return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
        case "image/gif" if len(head) >= 10:
            return int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
        case "image/jpeg":
            return _jpeg_size(head)
        case _:
            return None


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4])
        # The frames that say the size; between them lie three markers that are something else.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(head[at + 7 : at + 9]), int.from_bytes(head[at + 5 : at + 7])
        at += 2 + max(length, 2)
    return None
