"""`recourse schema`: what is sent to orders and what they say, as JSON Schema."""

import json
import sys

from starter.cli.output import Stop
from starter.schemas import schemas


def schema(name: str = "", /) -> None:
    """The JSON Schema of a message, such as `start`, `commands/request`, `outcome` or `notice`; without a name, the
    names."""
    known = schemas()
    if not name:
        sys.stdout.write("\n".join(known) + "\n")
    elif name in known:
        sys.stdout.write(json.dumps(known[name], indent=2, ensure_ascii=False) + "\n")
    else:
        raise Stop(f"there is no schema {name!r}; `recourse schema` lists the names")
