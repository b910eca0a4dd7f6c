"""The Helm chart's settings, read off the code: `make docs` writes them into its schema, a test holds them to it."""

import json
import re
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from deploy.documents import ROOT, SETTINGS, variables

CHART = ROOT / "deploy" / "helm" / "recourse"
SCHEMA = CHART / "values.schema.json"
# What other values say.
OWN = {"RECOURSE_METRICS_ADDRESS", "RECOURSE_HEALTH_ADDRESS", "RECOURSE_DEPLOYMENT", "RECOURSE_BUILD_ID"}
_SECRET = re.compile(r"(_KEYS?|_SECRET|DATABASE_URL|_SMTP_URL|_WEBHOOK_URL|_NATS_URL)$")
_LINK = re.compile(r"\[([^]]+)\]\([^)]+\)")
_HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


def all_variables() -> dict[str, FieldInfo]:
    """Every variable of ours that a program in the image reads."""
    return {name: field for settings, _ in SETTINGS for name, field in variables(settings).items()}


def is_secret(name: str) -> bool:
    """Whether a variable is or may contain a secret, and belongs into a Secret."""
    return _SECRET.search(name) is not None


def _schema(field: FieldInfo) -> dict[str, Any]:
    meaning = {"description": _LINK.sub(r"\1", field.description or "").replace("`", "")}
    if get_origin(field.annotation) is Literal:
        return meaning | {"enum": list(get_args(field.annotation))}
    return meaning | {"type": ["integer", "string"] if field.annotation is int else "string"}


def settings_schema() -> dict[str, Any]:
    """The JSON Schema of the value `settings`."""
    plain = {name: _schema(field) for name, field in all_variables().items() if not is_secret(name) and name not in OWN}
    proxies = {
        name: {"description": "A proxy, without a password.", "type": "string", "pattern": "^[^@]*$"}
        for name in _PROXIES
    }
    # Headers hold keys, and each program has its own name.
    refused = dict.fromkeys(
        ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_SERVICE_NAME"), False
    )
    return {
        "description": "Variables that are no secret; written by `make docs`.",
        "type": "object",
        "additionalProperties": False,
        "properties": plain | proxies | refused,
        "patternProperties": {"^OTEL_[A-Z0-9_]+$": {"type": ["string", "number", "boolean"]}},
    }


def with_settings(schema: str) -> str:
    """The chart's schema with the settings as they are now."""
    read = json.loads(schema)
    read["properties"]["settings"] = settings_schema()
    return json.dumps(read, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the schema anew."""
    SCHEMA.write_text(with_settings(SCHEMA.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
