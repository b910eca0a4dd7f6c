"""`recourse`: its groups of commands, and how every failure ends in one sentence and an exit status."""

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Group

from recourse.cli.output import (
    BROKEN_PIPE,
    INTERRUPTED,
    Stop,
    check_text,
    complain,
    help_screen,
    leave_the_broken_pipe,
    let_everything_be_written,
)
from recourse.errors import RecourseError

EXIT_STATUS = (
    "Exit status: 0 success; 1 a refusal, a failed story or a finding; 2 invalid input; 3 Temporal or PostgreSQL "
    "cannot be reached, or the order has lost its workflow; 130 interrupted; 141 broken pipe."
)
app = App(
    name="recourse",
    help="Durable order cancellation and dispute resolution for freelance marketplaces.",
    help_epilogue=EXIT_STATUS,
    version="0.1.0",
    result_action="return_value",
    help_format="markdown",
)
_TRY = Group("Try it and write policies", sort_key=0)
_ORDERS = Group("Work with orders", sort_key=1)
_OPERATE = Group("Run it in production", sort_key=2)
_OPTIONS = Group("Options", sort_key=3)
_COMMANDS = {
    _TRY: {
        "demo": ("demo.command:demo", "Play sample orders to their end on real servers, with time skipped."),
        "dev": ("dev:dev", "Run a sandbox to build against, with clocks that can be moved."),
        "simulate": ("simulate:simulate", "Run scenario files against the rules engine, real servers, or both."),
        "policy": ("policies:app", "Read, check, draw and compare policies."),
        "schema": ("schemas:schema", "Print the JSON Schemas of commands and responses."),
    },
    _ORDERS: {
        "order": ("orders:app", "Start orders, send commands to them, see their state."),
        "group": ("groups:app", "Show a group of orders, such as milestones, and send a command to each of them."),
        "orders": ("finding:app", "Find orders by phase, party, settlement or due time."),
        "changes": ("changes:changes", "Show what changed since a cursor: every step of every order."),
        "cases": ("cases:app", "Handle cases as an operator: list, show, propose, rule."),
        "open": ("opening:open_order", "Open an order's page, or its workflow in the Temporal UI."),
        "record": ("records:app", "Export, verify and read the records of orders."),
        "stats": ("stats:app", "Show scores, outcomes, reasons and flags over all closed orders."),
    },
    _OPERATE: {
        "migrate": ("serving:migrate", "Apply database migrations."),
        "worker": ("serving:worker", "Run a worker until SIGINT or SIGTERM."),
        "serve": ("serving:serve", "Serve the HTTP API and the pages."),
        "token": ("serving:token", "Create a token for the HTTP API, or a sign-in link."),
        "sessions": ("sessions:app", "List who is signed in, with tokens or on the pages, and end it."),
        "doctor": (
            "doctor:doctor",
            "Check that the database and Temporal agree, and print the fix for each finding.",
        ),
        "money": ("money:app", "Show stuck money and providers' reports, and compare the books."),
        "relay": ("relay:app", "Hand the changes on to NATS or Debezium."),
        "outbox": ("outbox:app", "Show undelivered notices and retry them."),
        "privacy": ("privacy:app", "Show, erase and keep what is known of a person."),
        "codec": ("codec:codec", "Serve decrypted payloads to the Temporal UI."),
    },
}
for _group, _commands in _COMMANDS.items():
    for _name, (_home, _about) in _commands.items():
        # Loaded when they are called, so that help answers at once.
        app.command(f"recourse.cli.{_home}", name=_name, help=_about, group=_group)
app.register_install_completion_command(help="Complete commands and options in this shell with the Tab key.")
for _flag in ("--help", "--version", "--install-completion"):
    app[_flag].group = (_OPTIONS,)


def main() -> None:
    """The entry point of `recourse`."""
    let_everything_be_written()
    try:
        sys.exit(_run())
    except BrokenPipeError:
        leave_the_broken_pipe()
        sys.exit(BROKEN_PIPE)


def _below_the_help(typed: Sequence[str]) -> None:
    """Have the help that is asked for, if any, end with examples of its command."""
    if not {"--help", "-h"} & set(typed):
        return
    from recourse.cli.examples import as_markdown

    command = [word for word in app.parse_commands(typed)[0] if not word.startswith("-")]
    app.help_epilogue = as_markdown(" ".join(command)) if command else EXIT_STATUS


def _run() -> int:
    try:
        check_text(sys.argv)
        _below_the_help(sys.argv[1:])
        # Its own screen for help would end the process where the reader has read enough.
        status = app(sys.argv[1:], exit_on_error=False, print_error=False, console=help_screen())
    except CycloptsError as error:
        from recourse.cli.refusing import usage_problem

        status = complain(Stop(usage_problem(error)))
    except Stop as stop:
        status = complain(stop)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except RecourseError as error:
        status = complain(Stop(str(error), error.exit_status))
    sys.stdout.flush()
    return status if isinstance(status, int) else 0
