"""Writing the export of a record that may be too long to be held as a whole."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from recourse.resolution.model.order import Opening
from recourse.resolution.model.record import Reader, beginning, export_frame, exported_entry, may_see
from recourse.resolution.model.step import RecordEntry
from recourse.verify_record import canonical


class ExportText:
    """An export as JSON text, piece by piece, so that nobody has to hold all of it: first `beginning`, then
    `entries` in their order, then `rest`, then `end`.

    Its keys come in the order in which the seal is taken over them.
    """

    def __init__(
        self,
        opening: Opening,
        reader: Reader,
        *,
        at: datetime,
        keys: Sequence[Mapping[str, str]] = (),
        day: Mapping[str, Any] | None = None,
    ) -> None:
        self._opening, self._reader, self._keys, self._day = opening, reader, keys, day
        self._frame = export_frame(opening, reader, at)
        self._length, self._hash = 0, hashlib.sha256(b"seal\x1f")
        self.order_id: str = opening.terms.order_id
        self.exported_at: str = self._frame["exported_at"]
        self.count, self.head = 0, beginning(opening)

    def beginning(self) -> str:
        """What stands before the entries."""
        return self._sealed(f'{{"day":{canonical(self._day)},"entries":[' if self._day else '{"entries":[')

    def entries(self, entries: Sequence[RecordEntry]) -> str:
        """The next entries."""
        text = ",".join(canonical(exported_entry(self._opening, entry, self._reader)) for entry in entries)
        between = "," if self.count and entries else ""
        self._length += sum(may_see(entry.parsed, self._reader) for entry in entries)
        self.count += len(entries)
        self.head = entries[-1].hash if entries else self.head
        return self._sealed(between + text)

    def rest(self) -> str:
        """What stands behind the entries, but for the seal."""
        more = {**self._frame, "record_length": self._length, "head": self.head}
        if self._keys:
            more["keys"] = list(self._keys)
        return self._sealed(f"],{canonical(more)[1:-1]}")

    @property
    def seal(self) -> str:
        """The seal, once everything else is written."""
        closed = self._hash.copy()
        closed.update(b"}")
        return closed.hexdigest()

    def end(self, signatures: Mapping[str, Any] | None) -> str:
        """The seal and the signatures."""
        outside = {"seal": self.seal, **({"signatures": signatures} if signatures else {})}
        return f",{canonical(outside)[1:]}"

    def _sealed(self, text: str) -> str:
        self._hash.update(text.encode())
        return text
