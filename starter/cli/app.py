"""`recourse`: its groups of commands, and how every failure ends in one sentence and an exit status."""

import sys

from cyclopts import App, CycloptsError

from starter.cli.output import (
    BAD_INPUT,
    BROKEN_PIPE,
    INTERRUPTED,
    NO,
    UNREACHABLE,
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
    "starter.cli.demo:demo",
    name="demo",
    help="Play an order for each way it can end, on real servers, through its real time.",
)
app.command(
    "starter.cli.simulate:simulate",
    name="simulate",
    help="Play scenario files on the rules alone, on real servers, or on both.",
)
app.command("starter.cli.policies:app", name="policy", help="Read, check, draw and compare policies.")
app.command("starter.cli.orders:app", name="order", help="Start orders, give their commands, see where they stand.")
app.command(
    "starter.cli.doctor:doctor", name="doctor", help="Whether database and Temporal agree, and what to do if not."
)
app.command("starter.cli.schemas:schema", name="schema", help="JSON Schemas of commands and answers.")
app.command("starter.cli.finding:app", name="orders", help="Find orders: by phase, party, money, or what is late.")
app.command("starter.cli.cases:app", name="cases", help="Cases that wait for operators: see them, propose, rule.")
app.command("starter.cli.outbox:app", name="outbox", help="Notices that nobody has taken yet: why, and try again.")
app.command("starter.cli.records:app", name="record", help="Export, verify and read the records of orders.")
app.command("starter.cli.stats:app", name="stats", help="Scores, endings, reasons and marks over all closed orders.")
app.command("starter.cli.serving:migrate", name="migrate", help="Bring the database up to date.")
app.command("starter.cli.serving:worker", name="worker", help="Run a worker until SIGINT or SIGTERM.")
app.command("starter.cli.serving:serve", name="serve", help="Serve the HTTP API and the pages.")
app.command(
    "starter.cli.serving:token", name="token", help="Make a token for the HTTP API, or a link that signs somebody in."
)
app.command("starter.cli.codec:codec", name="codec", help="Serve decrypted payloads to the Temporal UI.")

# By name, so that `--help` needs to load neither Temporal nor the database driver.
EXPECTED = {
    "local.progress.LocalError": UNREACHABLE,
    "workflows.connecting.TemporalUnreachable": UNREACHABLE,
    "database.pool.DatabaseUnreachable": UNREACHABLE,
    "database.migrate.MigrationError": BAD_INPUT,
    "activities.settings.BadSettings": BAD_INPUT,
    "resolution.policy.PolicyError": BAD_INPUT,
    "starter.simulate.story.StoryError": BAD_INPUT,
    "starter.simulate.temporal.OthersOrders": BAD_INPUT,
    "activities.paying.BadProvider": BAD_INPUT,
    "starter.answers.OrderExists": NO,
    "starter.answers.NoSuchOrder": NO,
    "starter.answers.OrderNotRunning": UNREACHABLE,
    "starter.answers.Unanswered": UNREACHABLE,
}


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
        from starter.cli.refusing import misfit

        status = complain(Stop(misfit(error)))
    except Stop as stop:
        status = complain(stop)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:
        kinds = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__)
        known = next((EXPECTED[kind] for kind in kinds if kind in EXPECTED), None)
        if known is None:  # a fault of ours keeps its traceback
            raise
        status = complain(Stop(str(error), known))
    sys.stdout.flush()
    return status if isinstance(status, int) else 0
