"""What this web server has got from payment providers, counted for Prometheus."""

from collections.abc import Iterable
from typing import Literal, get_args

from recourse.starter.reporting import Result

NAME = "recourse_payment_reports_total"
MEANING = (
    "Reports of payment providers to this web server, by `provider` and `result` (`taken`, `repeated`, `refused`, "
    "`not_ours`, `early`, `bad_signature`, `unreadable`)."
)
Counted = Result | Literal["bad_signature", "unreadable"]
RESULTS: tuple[Counted, ...] = (*get_args(Result), "bad_signature", "unreadable")


class Reported:
    """Counts of reports, by provider and result: those of `providers` are there from the start, as 0."""

    def __init__(self, providers: Iterable[str] = ()) -> None:
        self._counts = {(provider, result): 0 for provider in sorted(providers) for result in RESULTS}

    def count(self, provider: str, result: Counted) -> None:
        """One more."""
        self._counts[provider, result] = self._counts.get((provider, result), 0) + 1

    def of(self, provider: str, result: Counted) -> int:
        """How many there were."""
        return self._counts.get((provider, result), 0)

    def text(self) -> str:
        """All of them in Prometheus' text format."""
        lines = [f"# HELP {NAME} {MEANING}\n# TYPE {NAME} counter\n"]
        lines += [
            f'{NAME}{{provider="{_escaped(provider)}",result="{result}"}} {count}\n'
            for (provider, result), count in self._counts.items()
        ]
        return "".join(lines) if self._counts else ""


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')
