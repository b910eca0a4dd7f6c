"""What goes wrong for a caller: one base for every error that Recourse raises on purpose."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """How `recourse` ends when this error reaches its command line."""

    NO = 1
    BAD_INPUT = 2
    UNREACHABLE = 3


class RecourseError(Exception):
    """An error with one sentence that says what is wrong, where, and what to do.

    Whatever else is raised is a fault of Recourse or of the caller's program. A refused command is no error: it is an
    `Outcome`.
    """

    exit_status = ExitStatus.NO


class BadInput(RecourseError):
    """Something that was given cannot be used; nothing was done."""

    exit_status = ExitStatus.BAD_INPUT


class Unreachable(RecourseError):
    """A server cannot be reached, or does not answer."""

    exit_status = ExitStatus.UNREACHABLE
