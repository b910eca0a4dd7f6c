"""`recourse schema`: what is sent to orders and what they say, as JSON Schema."""

import sys
from typing import Annotated

from cyclopts import Parameter

from recourse.cli.output import Stop, as_json
from recourse.web.schemas import schemas


def schema(name: Annotated[str, Parameter(help="The name of a message.")] = "", /) -> None:
    """Print the JSON Schema of a message, such as `start`, `commands/request`, `outcome` or `notice`. Without a name,
    list the names."""
    known = schemas()
    if not name:
        sys.stdout.write("\n".join(known) + "\n")
    elif name in known:
        sys.stdout.write(as_json(known[name], indent=2) + "\n")
    else:
        raise Stop(f"there is no schema {name!r}; `recourse schema` lists the names")
