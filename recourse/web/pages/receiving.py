"""A form with files, as a browser sends it: read piece by piece, so that no file is ever whole in memory."""

from collections.abc import Iterator
from contextlib import contextmanager

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from recourse.web.files import Received
from recourse.web.problems import Failure, malformed

MOST_FILES = 10  # of one form
_MOST_FIELDS, _MOST_TEXT = 200, 200_000  # fields, bytes of all that is no file
_LONGEST_HEAD = 64 * 1024  # of a part; a name of thousands of letters is refused at its field


class Filled:
    """What came of a form: `typed`, each field with all its values, and its files. They end with the block."""

    def __init__(self) -> None:
        self.typed: dict[str, list[str]] = {}
        self.files: list[Received] = []
        self._name = self._head = ""
        self._part: Received | bytearray | None = None
        self._heads: dict[str, str] = {}
        self._text = 0

    def begin(self) -> None:
        """A part begins."""
        self._heads, self._head = {}, ""

    def head_name(self, data: bytes, start: int, end: int) -> None:
        """A piece of a header's name."""
        self._head += data[start:end].decode("latin-1").lower()

    def head_value(self, data: bytes, start: int, end: int) -> None:
        """A piece of a header's value."""
        self._heads[self._head] = self._heads.get(self._head, "") + data[start:end].decode("latin-1")

    def head_ends(self) -> None:
        """The header is there."""
        self._head = ""

    def content_begins(self) -> None:
        """All headers are there. Raises Failure."""
        _, said = parse_options_header(self._heads.get("content-disposition", ""))
        self._name = said.get(b"name", b"").decode(errors="replace")
        if b"filename" not in said:
            self._part = bytearray()
        elif len(self.files) >= MOST_FILES:
            raise malformed(body=f"has more than {MOST_FILES} files")
        else:
            self._part = Received(said[b"filename"].decode(errors="replace"))
            self.files.append(self._part)

    def content(self, data: bytes, start: int, end: int) -> None:
        """A piece of the content. Raises Failure, EvidenceAway."""
        if isinstance(self._part, Received):
            self._part.write(data[start:end])
            return
        assert self._part is not None
        self._text += end - start
        if self._text > _MOST_TEXT:
            raise Failure(413, "too_large", "The body is too large.", detail=f"At most {_MOST_TEXT} bytes of text.")
        self._part += data[start:end]

    def end(self) -> None:
        """The part ends. Raises Failure."""
        if isinstance(self._part, bytearray):
            if len(self.typed) >= _MOST_FIELDS:
                raise malformed(body="is not a form that can be used")
            try:
                self.typed.setdefault(self._name, []).append(self._part.decode())
            except UnicodeDecodeError as error:
                raise malformed(body="is not a form that can be used") from error
        elif self._part is not None and not self._part.name and not self._part.size:
            # A field for files in which none was chosen.
            self.files.remove(self._part)
            self._part.close()
        self._part = None

    def close(self) -> None:
        """Let go of the files."""
        for file in self.files:
            file.close()


@contextmanager
def filling() -> Iterator[Filled]:
    """A form to be read, whose files end with the block."""
    filled = Filled()
    try:
        yield filled
    finally:
        filled.close()


async def fill(filled: Filled, request: Request) -> None:
    """Read a form from its request. Raises Failure, EvidenceAway."""
    _, said = parse_options_header(request.headers.get("content-type", ""))
    try:
        parser = MultipartParser(
            said.get(b"boundary", b""),
            {
                "on_part_begin": filled.begin,
                "on_header_field": filled.head_name,
                "on_header_value": filled.head_value,
                "on_header_end": filled.head_ends,
                "on_headers_finished": filled.content_begins,
                "on_part_data": filled.content,
                "on_part_end": filled.end,
            },
            max_header_size=_LONGEST_HEAD,
        )
        async for piece in request.stream():
            parser.write(piece)
        parser.finalize()
    except FormParserError as error:
        raise malformed(body="is not a form that can be used") from error


def has_files(request: Request) -> bool:
    """Whether this form may have files."""
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")
