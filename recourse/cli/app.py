"""`recourse`: its groups of commands, and how every failure ends in one sentence and an exit status."""

import sys

from cyclopts import App, CycloptsError

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

app = App(
    name="recourse",
    help="Durable order cancellation and dispute resolution for freelance marketplaces.",
    help_epilogue=(
        "Exit status: 0 success; 1 a refusal, a failed story or a finding; 2 invalid input; 3 Temporal or PostgreSQL "
        "cannot be reached, or the order has lost its workflow; 130 interrupted; 141 broken pipe."
    ),
    version="0.1.0",
    result_action="return_value",
    help_format="markdown",
)
app.command(
    "recourse.cli.demo.command:demo",
    name="demo",
    help="Run one sample order per possible outcome on real servers, with time skipped.",
)
app.command(
    "recourse.cli.simulate:simulate",
    name="simulate",
    help="Run scenario files against the rules engine, real servers, or both.",
)
app.command("recourse.cli.policies:app", name="policy", help="Read, check, draw and compare policies.")
app.command("recourse.cli.orders:app", name="order", help="Start orders, send commands to them, see their state.")
app.command(
    "recourse.cli.doctor:doctor",
    name="doctor",
    help="Check that the database and Temporal agree, and print the fix for each finding.",
)
app.command("recourse.cli.schemas:schema", name="schema", help="Print the JSON Schemas of commands and responses.")
app.command("recourse.cli.finding:app", name="orders", help="Find orders by phase, party, settlement or due time.")
app.command("recourse.cli.cases:app", name="cases", help="Handle cases as an operator: list, show, propose, rule.")
app.command("recourse.cli.outbox:app", name="outbox", help="Show undelivered notices and retry them.")
app.command("recourse.cli.records:app", name="record", help="Export, verify and read the records of orders.")
app.command(
    "recourse.cli.stats:app",
    name="stats",
    help="Show scores, outcomes, reasons and flags over all closed orders.",
)
app.command("recourse.cli.serving:migrate", name="migrate", help="Apply database migrations.")
app.command("recourse.cli.serving:worker", name="worker", help="Run a worker until SIGINT or SIGTERM.")
app.command("recourse.cli.serving:serve", name="serve", help="Serve the HTTP API and the pages.")
app.command(
    "recourse.cli.serving:token",
    name="token",
    help="Create a token for the HTTP API, or a sign-in link.",
)
app.command("recourse.cli.codec:codec", name="codec", help="Serve decrypted payloads to the Temporal UI.")


def main() -> None:
    """The entry point of `recourse`."""
    let_everything_be_written()
    try:
        sys.exit(_run())
    except BrokenPipeError:
        leave_the_broken_pipe()
        sys.exit(BROKEN_PIPE)


def _run() -> int:
    try:
        check_text(sys.argv)
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
