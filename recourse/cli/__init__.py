"""The command line `recourse`. Each group of commands is a module of its own, loaded only when it is used."""

from recourse.cli.app import main

__all__ = ["main"]
