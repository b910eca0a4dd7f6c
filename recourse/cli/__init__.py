"""The command line `recourse`. Each group of commands is a module of its own, loaded only when it is used."""

import sys

from recourse.extras import MissingExtra, require

__all__ = ["main"]


def main() -> None:
    """The entry point of `recourse`."""
    try:
        require("cli")
    except MissingExtra as missing:
        print(f"recourse: {missing}", file=sys.stderr)  # noqa: T201
        sys.exit(missing.exit_status)
    from recourse.cli.app import main

    main()
