"""`recourse schema`: what is sent to orders, what they say, and stories, as JSON Schema."""

import sys
from typing import Annotated

from cyclopts import Parameter

from recourse.cli.output import Stop, as_json
from recourse.starter.simulate.story_keys import story_schema
from recourse.web.schemas import schemas


def schema(name: Annotated[str, Parameter(help="The name of a message, or `story`.")] = "", /) -> None:
    """Print the JSON Schema of a message, such as `start`, `commands/request`, `outcome` or `notice`, or of a `story`.
    Without a name, list the names."""
    known = {**schemas(), "story": story_schema()}
    if not name:
        sys.stdout.write("\n".join(known) + "\n")
    elif name in known:
        sys.stdout.write(as_json(known[name], indent=2) + "\n")
    else:
        raise Stop(f"there is no schema {name!r}; `recourse schema` lists the names")
