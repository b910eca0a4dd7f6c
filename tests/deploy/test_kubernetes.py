"""The Kubernetes manifests: their structure, and that they run the image as it is made."""

from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from starlette.routing import Route
from temporalio.client import Client

from deploy.documents import variables
from recourse.cli.app import app
from recourse.runtime.health import Health, health_app

API = {
    "ConfigMap": "v1",
    "CronJob": "batch/v1",
    "Deployment": "apps/v1",
    "Job": "batch/v1",
    "PodDisruptionBudget": "policy/v1",
    "Service": "v1",
}


@pytest.fixture(scope="module")
def manifests(root: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Every object by its kind and name."""
    objects = [
        found
        for path in sorted((root / "deploy" / "kubernetes").glob("*.yaml"))
        for found in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]
    named = {(found["kind"], found["metadata"]["name"]): found for found in objects}
    assert len(named) == len(objects)
    return named


@pytest.fixture(scope="module")
def pods(manifests: dict[tuple[str, str], dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What each of our programs runs in, by the command it is given."""
    made = [found["spec"] for (kind, _), found in manifests.items() if kind in ("Job", "Deployment")]
    made += [found["spec"]["jobTemplate"]["spec"] for (kind, _), found in manifests.items() if kind == "CronJob"]
    templates = [one["template"]["spec"] for one in made]
    return {template["containers"][0]["args"][0]: template for template in templates}


def test_every_object_is_of_its_api_and_carries_the_same_name(manifests: dict[tuple[str, str], dict[str, Any]]) -> None:
    assert {kind for kind, _ in manifests} == set(API)
    for (kind, _), found in manifests.items():
        assert found["apiVersion"] == API[kind]
        assert found["metadata"]["labels"]["app.kubernetes.io/name"] == "recourse"


def test_selectors_find_their_own_pods_and_nothing_else(manifests: dict[tuple[str, str], dict[str, Any]]) -> None:
    labels = [
        found["spec"]["template"]["metadata"]["labels"]
        for (kind, _), found in manifests.items()
        if kind in ("Job", "Deployment")
    ]
    for name in ("recourse-worker", "recourse-web"):
        deployment, budget = manifests["Deployment", name]["spec"], manifests["PodDisruptionBudget", name]["spec"]
        own = deployment["template"]["metadata"]["labels"]
        assert labels.count(own) == 1
        assert deployment["selector"]["matchLabels"] == budget["selector"]["matchLabels"] == own
        assert deployment["replicas"] > budget["minAvailable"]
    service = manifests["Service", "recourse-web"]["spec"]
    assert service["selector"] == manifests["Deployment", "recourse-web"]["spec"]["template"]["metadata"]["labels"]


def test_the_web_server_listens_where_its_service_and_probes_look(
    manifests: dict[tuple[str, str], dict[str, Any]], pods: dict[str, dict[str, Any]]
) -> None:
    [container] = pods["serve"]["containers"]
    port, measured = container["ports"]
    assert measured == {"name": "metrics", "containerPort": 9464}
    assert container["args"] == ["serve", "--host", "0.0.0.0", "--port", str(port["containerPort"])]
    [offered] = manifests["Service", "recourse-web"]["spec"]["ports"]
    looked_at = [container[probe]["httpGet"] for probe in ("readinessProbe", "livenessProbe")]
    assert {offered["targetPort"], *(probe["port"] for probe in looked_at)} == {port["name"]}
    assert [probe["path"] for probe in looked_at] == ["/readyz", "/healthz"]


def test_there_is_one_program_to_migrate_one_to_work_one_to_serve_and_one_to_erase(
    manifests: dict[tuple[str, str], dict[str, Any]], pods: dict[str, dict[str, Any]]
) -> None:
    assert sorted(pods) == ["migrate", "privacy", "serve", "worker"]
    assert pods["migrate"]["restartPolicy"] == pods["privacy"]["restartPolicy"] == "OnFailure"
    assert manifests["CronJob", "recourse-sweep"]["spec"]["concurrencyPolicy"] == "Forbid"
    assert callable(app.parse_args(pods["privacy"]["containers"][0]["args"], exit_on_error=False)[0])


@pytest.mark.parametrize("program", ["migrate", "privacy", "serve", "worker"])
def test_a_pod_has_no_right_that_it_does_not_need(pods: dict[str, dict[str, Any]], program: str) -> None:
    pod = pods[program]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"requests", "limits"} == set(container["resources"])
    assert "memory" in container["resources"]["limits"]
    # The one folder that can be written to.
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]
    assert [volume["name"] for volume in pod["volumes"]] == [mount["name"] for mount in container["volumeMounts"]]


@pytest.mark.parametrize("program", ["migrate", "privacy", "serve", "worker"])
def test_settings_come_from_the_map_and_secrets_from_the_secret(
    manifests: dict[tuple[str, str], dict[str, Any]], pods: dict[str, dict[str, Any]], program: str, root: Path
) -> None:
    # None has the secrets of another: what signs tokens, what signs webhooks, the login that owns the tables.
    secret = {
        "migrate": "recourse-migrate",
        "worker": "recourse-worker",
        "serve": "recourse-web",
        "privacy": "recourse-keeper",
    }[program]
    assert pods[program]["containers"][0]["envFrom"] == [
        {"configMapRef": {"name": "recourse"}},
        {"secretRef": {"name": secret}},
    ]
    told = manifests["ConfigMap", "recourse"]["data"]
    assert set(told) <= set(variables()) | {"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"}
    assert not [name for name in told if "SECRET" in name or name.endswith("_URL")]
    page = (root / "docs" / "production.md").read_text(encoding="utf-8")
    assert f"kubectl create secret generic {secret} " in page


def test_the_probes_ask_what_a_worker_answers(
    manifests: dict[tuple[str, str], dict[str, Any]], pods: dict[str, dict[str, Any]]
) -> None:
    [container] = pods["worker"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    told = manifests["ConfigMap", "recourse"]["data"]
    assert told["RECOURSE_HEALTH_ADDRESS"] == f"0.0.0.0:{ports['health']}"
    assert told["RECOURSE_METRICS_ADDRESS"] == f"0.0.0.0:{ports['metrics']}"
    answered = {
        route.path for route in health_app(Health(cast(Client, None), None, "")).routes if isinstance(route, Route)
    }
    probes = {name: container[name]["httpGet"] for name in ("readinessProbe", "livenessProbe")}
    assert probes == {
        "readinessProbe": {"path": "/readyz", "port": "health"},
        "livenessProbe": {"path": "/healthz", "port": "health"},
    }
    assert {probe["path"] for probe in probes.values()} == answered
    pod = manifests["Deployment", "recourse-worker"]["spec"]["template"]["metadata"]
    assert pod["annotations"] == {"prometheus.io/scrape": "true", "prometheus.io/port": str(ports["metrics"])}
