"""The programs of ours as processes."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def environment(**settings: str) -> Mapping[str, str]:
    """This process's environment with `recourse` on the path, no settings of ours but the given ones."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RECOURSE_", "TEMPORAL_")) and name != "DATABASE_URL"
    }
    here = str(Path(sys.executable).parent)
    return {**clean, "PATH": f"{here}{os.pathsep}{clean.get('PATH', '')}", **settings}
