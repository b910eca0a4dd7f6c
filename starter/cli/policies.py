"""`recourse policy`: what the policies say."""

from cyclopts import App

from policies import PRESETS
from starter.cli.output import Json, console, say_json

app = App(name="policy", help="Read, check, draw and compare policies.")


@app.command(name="list")
def list_policies(*, json: Json = False) -> None:
    """The presets that come with Recourse."""
    if json:
        say_json(PRESETS)
    else:
        for name in PRESETS:
            console().print(name)
