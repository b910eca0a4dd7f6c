"""Where large things are kept between runs: outside of any checkout, shared by all of them."""

import os
from pathlib import Path

from recourse.local.progress import LocalError


def cache() -> Path:
    """The cache folder: RECOURSE_CACHE, or the user's own cache folder. Raises LocalError."""
    given = os.environ.get("RECOURSE_CACHE")
    base = Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "recourse"
    try:
        base.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(base, error) from error
    return base


def unwritable(base: Path, error: OSError) -> LocalError:
    """What to do about a cache folder that takes no files."""
    return LocalError(
        f"The cache folder {base} cannot be written ({error.strerror}). Set RECOURSE_CACHE to a folder of yours."
    )
