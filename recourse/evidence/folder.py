"""Files of evidence in a folder, which all web servers share."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

from recourse.evidence.store import BadEvidenceStore, Sink


class Folder:
    """Keeps each file under its key, in a folder of the key's first two letters."""

    timeout = 20.0

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def read(cls, path: str) -> "Folder":
        """The store of a folder that is there. Raises BadEvidenceStore."""
        folder = Path(path)
        if not folder.is_absolute():
            raise BadEvidenceStore(f"RECOURSE_EVIDENCE: folder:{path} must be a whole path, such as folder:/srv/files.")
        if not folder.is_dir():
            raise BadEvidenceStore(f"RECOURSE_EVIDENCE: there is no folder {path}. Make it first.")
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise BadEvidenceStore(f"RECOURSE_EVIDENCE: this process may not write to the folder {path}.")
        return cls(folder)

    def put(self, key: str, file: BinaryIO, sha256: str, media_type: str) -> None:
        """Keep a file: under another name first, so that nobody ever reads a part of it."""
        place = self._place(key)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, prefix=".", delete=False) as part:
            try:
                shutil.copyfileobj(file, part)
                part.flush()
                os.fsync(part.fileno())
                Path(part.name).replace(place)
            except BaseException:
                Path(part.name).unlink(missing_ok=True)
                raise

    def get(self, key: str, into: Sink) -> None:
        """Write a file's content."""
        with self._place(key).open("rb") as file:
            shutil.copyfileobj(file, into)

    def delete(self, key: str) -> None:
        """Delete a file."""
        self._place(key).unlink(missing_ok=True)

    def _place(self, key: str) -> Path:
        if not self._path.is_dir():
            # Not one file is gone, but all of them: it was not mounted, say.
            raise NotADirectoryError(f"there is no folder {self._path}")
        return self._path / key[:2] / key
