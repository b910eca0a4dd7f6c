"""`recourse`: its groups of commands, and how every failure ends in one sentence and an exit status."""

import sys

from cyclopts import App, CycloptsError

from recourse.errors import RecourseError
from recourse.starter.cli.output import (
    BROKEN_PIPE,
    INTERRUPTED,
    Stop,
    check_text,
    complain,
    help_screen,
    leave_the_broken_pipe,
    let_everything_be_written,
)

app = App(
    name="recourse",
    help="Durable order cancellation and dispute resolution for freelance marketplaces.",
    help_epilogue=(
        "Exit status: 0 success; 1 a refusal, a failed story or a finding; 2 invalid input; 3 Temporal or PostgreSQL "
        "cannot be reached; 130 interrupted; 141 nobody reads the output any more."
    ),
    version="0.1.0",
    result_action="return_value",
    help_format="markdown",
)
app.command(
    "recourse.starter.cli.demo:demo",
    name="demo",
    help="Play an order for each way it can end, on real servers, through its real time.",
)
app.command(
    "recourse.starter.cli.simulate:simulate",
    name="simulate",
    help="Play scenario files on the rules alone, on real servers, or on both.",
)
app.command("recourse.starter.cli.policies:app", name="policy", help="Read, check, draw and compare policies.")
app.command(
    "recourse.starter.cli.orders:app", name="order", help="Start orders, give their commands, see where they stand."
)
app.command(
    "recourse.starter.cli.doctor:doctor",
    name="doctor",
    help="Whether database and Temporal agree, and what to do if not.",
)
app.command("recourse.starter.cli.schemas:schema", name="schema", help="JSON Schemas of commands and answers.")
app.command(
    "recourse.starter.cli.finding:app", name="orders", help="Find orders: by phase, party, money, or what is late."
)
app.command(
    "recourse.starter.cli.cases:app", name="cases", help="Cases that wait for operators: see them, propose, rule."
)
app.command(
    "recourse.starter.cli.outbox:app", name="outbox", help="Notices that nobody has taken yet: why, and try again."
)
app.command("recourse.starter.cli.records:app", name="record", help="Export, verify and read the records of orders.")
app.command(
    "recourse.starter.cli.stats:app", name="stats", help="Scores, endings, reasons and marks over all closed orders."
)
app.command("recourse.starter.cli.serving:migrate", name="migrate", help="Bring the database up to date.")
app.command("recourse.starter.cli.serving:worker", name="worker", help="Run a worker until SIGINT or SIGTERM.")
app.command("recourse.starter.cli.serving:serve", name="serve", help="Serve the HTTP API and the pages.")
app.command(
    "recourse.starter.cli.serving:token",
    name="token",
    help="Make a token for the HTTP API, or a link that signs somebody in.",
)
app.command("recourse.starter.cli.codec:codec", name="codec", help="Serve decrypted payloads to the Temporal UI.")


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
        from recourse.starter.cli.refusing import misfit

        status = complain(Stop(misfit(error)))
    except Stop as stop:
        status = complain(stop)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except RecourseError as error:
        status = complain(Stop(str(error), error.exit_status))
    sys.stdout.flush()
    return status if isinstance(status, int) else 0
