"""`recourse`: its groups of commands, and how every failure ends in one sentence and an exit status."""

import sys
import time

from cyclopts import App

from starter.cli.output import BAD_INPUT, INTERRUPTED, Stop, complain

app = App(
    name="recourse",
    help="Durable order cancellation and dispute resolution for freelance marketplaces.",
    help_epilogue=(
        "Exit status: 0 done; 1 the answer is no (a refusal, a failed story, a finding); 2 input that cannot be used; "
        "3 Temporal or PostgreSQL cannot be reached; 130 interrupted."
    ),
    version="0.1.0",
    result_action="return_value",
    help_format="markdown",
)
app.command("starter.cli.policies:app", name="policy", help="Read, check, draw and compare policies.")
app.command("starter.cli.records:app", name="record", help="Export, verify and read the records of orders.")
app.command("starter.cli.stats:app", name="stats", help="Scores, endings, reasons and marks over all closed orders.")


def main() -> None:
    """The entry point of `recourse`."""
    try:
        status = app(exit_on_error=False, print_error=True)
    except Stop as stop:
        status = complain(stop)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except SystemExit as ended:
        status = ended.code
    except Exception as error:
        # cyclopts has printed its own errors already; anything else is a fault of ours and keeps its traceback.
        if type(error).__module__.split(".")[0] != "cyclopts":
            raise
        status = BAD_INPUT
    sys.stdout.flush()
    if "temporalio" in sys.modules:
        # A process that ends within some 10 ms after its last call to the SDK crashes at times.
        time.sleep(0.1)
    sys.exit(status if isinstance(status, int) else 0)
