"""Where large things are kept between runs: outside of any checkout, shared by all of them."""

import os
from pathlib import Path


def cache() -> Path:
    """The cache folder: RECOURSE_CACHE, or the user's own cache folder."""
    given = os.environ.get("RECOURSE_CACHE")
    base = Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "recourse"
    base.mkdir(parents=True, exist_ok=True)
    return base
