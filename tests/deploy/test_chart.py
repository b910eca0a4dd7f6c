"""The Helm chart: rendered by Helm itself, with few values and with many, for each way to run the workers."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from starlette.routing import Route
from temporalio.client import Client

from deploy import chart
from recourse.cli.app import app
from recourse.runtime.health import Health, health_app
from recourse.runtime.settings import Settings, read_settings
from recourse.worker import STOPPED_WITHIN

Objects = list[dict[str, Any]]
# Everything that can be switched on; every setting has a value.
FULL: dict[str, Any] = {
    "image": {"digest": f"sha256:{'0' * 64}", "pullSecrets": ["registry"]},
    "temporal": {
        "address": "ns.acct.tmprl.cloud:7233",
        "namespace": "ns.acct",
        "tls": {"enabled": True, "serverName": "temporal.example", "clientSecret": "temporal-client", "caSecret": "ca"},
    },
    "settings": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "NO_PROXY": "localhost"},
    "files": [
        {"programs": ["worker", "web"], "path": "/etc/recourse/words", "volume": {"configMap": {"name": "words"}}}
    ],
    "worker": {"autoscaling": {"enabled": True}},
    "web": {
        "autoscaling": {"enabled": True},
        "ingress": {"enabled": True, "className": "nginx", "host": "orders.example", "tlsSecret": "orders-tls"},
    },
    "anchor": {"enabled": True},
    "podMonitors": {"enabled": True},
    "networkPolicy": {"web": [{"podSelector": {"matchLabels": {"app": "ingress"}}}]},
    "serviceAccountName": "orders",
    "podLabels": {"team": "orders"},
    "tolerations": [{"key": "orders", "operator": "Exists"}],
    "nodeSelector": {"disk": "fast"},
    "priorityClassName": "high",
}
BUILDS = {"worker": {"versioning": "builds", "builds": [{"id": "1a2b", "tag": "1.0"}, {"id": "3C.4d", "tag": "1.1"}]}}
CONTROLLER = {"worker": {"versioning": "controller"}}
KEY = {"temporal": {"apiKey": {"secret": "temporal-key"}}}
CASES: dict[str, list[dict[str, Any]]] = {
    "few values": [],
    "many values": [FULL],
    "builds": [FULL, BUILDS],
    "few values and builds": [BUILDS],
    "controller": [FULL, CONTROLLER],
    "few values and the controller": [CONTROLLER, KEY],
}
NOTHING: dict[str, Any] = {}
NATIVE = {"apps/v1", "autoscaling/v2", "batch/v1", "networking.k8s.io/v1", "policy/v1", "v1"}


def tool(name: str) -> str:
    """A program of Kubernetes; skips where it is not."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed; .ci/run builds it where Go is")
    return found


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Values, and others over them."""
    both = {name: merged(one[name], other[name]) for name in one.keys() & other.keys() if isinstance(one[name], dict)}
    return one | other | both


def helm(*arguments: str, values: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    """What Helm answers about the chart with these values."""
    given = [f"--set-json={name}={json.dumps(value)}" for name, value in reduce(merged, values, NOTHING).items()]
    return subprocess.run(
        [tool("helm"), *arguments, str(chart.CHART), *given], capture_output=True, text=True, check=False
    )


def render(values: list[dict[str, Any]]) -> str:
    """The manifests with these values."""
    rendered = helm("template", "recourse", "--namespace", "shop", values=values)
    assert rendered.returncode == 0, rendered.stderr
    return rendered.stdout


@pytest.fixture(scope="module")
def manifests() -> Callable[[str], Objects]:
    """The objects of a case."""
    made: dict[str, Objects] = {}

    def read(case: str) -> Objects:
        if case not in made:
            made[case] = [found for found in yaml.safe_load_all(render(CASES[case])) if found]
        return made[case]

    return read


def templates(objects: Objects) -> list[dict[str, Any]]:
    """The pod templates among the objects."""
    found = []
    for one in objects:
        spec = one["spec"]["jobTemplate"]["spec"] if one["kind"] == "CronJob" else one["spec"]
        if one["kind"] in ("Job", "CronJob", "Deployment", "WorkerDeployment"):
            found.append(spec["template"])
    return found


def program(template: dict[str, Any]) -> str:
    """Which of our programs runs in the pod."""
    [container] = template["spec"]["containers"]
    return str(container["name"])


def of_kind(objects: Objects, kind: str) -> Objects:
    return [one for one in objects if one["kind"] == kind]


def env(template: dict[str, Any]) -> dict[str, Any]:
    """A pod's variables; each is there once."""
    listed = template["spec"]["containers"][0]["env"]
    named = {one["name"]: one.get("value", one.get("valueFrom")) for one in listed}
    assert len(named) == len(listed)
    return named


@pytest.mark.parametrize("case", CASES)
def test_helm_has_nothing_to_say_of_it(case: str) -> None:
    checked = helm("lint", "--strict", "--quiet", values=CASES[case])
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_object_is_valid_for_kubernetes(manifests: Callable[[str], Objects], tmp_path: Path) -> None:
    validate = tool("kubectl-validate")
    for at, case in enumerate(CASES):
        for number, one in enumerate(manifests(case)):
            if one["apiVersion"] in NATIVE:
                (tmp_path / f"{at}-{number}.yaml").write_text(yaml.safe_dump(one), encoding="utf-8")
    checked = subprocess.run([validate, "--version", "1.30", tmp_path], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    # It would say so of another field.
    bad = tmp_path / "bad" / "bad.yaml"
    bad.parent.mkdir()
    bad.write_text(
        yaml.safe_dump({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"to": 1}})
    )
    refused = subprocess.run([validate, "--version", "1.30", bad], capture_output=True, text=True, check=False)
    assert refused.returncode == 1


@pytest.mark.parametrize("case", CASES)
def test_a_pod_has_no_right_that_it_does_not_need(manifests: Callable[[str], Objects], case: str) -> None:
    for template in templates(manifests(case)):
        pod = template["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        [container] = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"]
        assert "memory" in container["resources"]["limits"]
        assert container["volumeMounts"][0] == {"name": "scratch", "mountPath": "/tmp"}
        assert [mount["name"] for mount in container["volumeMounts"]] == [volume["name"] for volume in pod["volumes"]]
        assert all(mount.get("readOnly") for mount in container["volumeMounts"][1:])


@pytest.mark.parametrize("case", CASES)
def test_each_program_has_its_own_secret_and_no_secret_is_written_down(
    manifests: Callable[[str], Objects], case: str
) -> None:
    objects = manifests(case)
    assert not [one for one in objects if one["kind"] == "Secret"]
    secrets = yaml.safe_load((chart.CHART / "values.yaml").read_text(encoding="utf-8"))["secrets"]
    assert len(set(secrets.values())) == len(secrets)
    for template in templates(objects):
        [container] = template["spec"]["containers"]
        assert container["envFrom"] == [{"secretRef": {"name": secrets[program(template)]}}]
        for name, value in env(template).items():
            assert not chart.is_secret(name) or name == "TEMPORAL_API_KEY", name
            assert name != "TEMPORAL_API_KEY" or set(value) == {"secretKeyRef"}


def test_every_setting_can_be_set_and_reaches_every_program() -> None:
    plain = {name for name in chart.all_variables() if name not in chart.OWN and not chart.is_secret(name)}
    assert len(plain) > 15
    values = dict.fromkeys(plain, "accept")
    found = templates([one for one in yaml.safe_load_all(render([{"settings": values}])) if one])
    assert [program(one) for one in found if env(one).items() >= values.items()] == ["web", "worker", "sweep"]


@pytest.mark.parametrize("case", CASES)
def test_every_program_takes_its_variables(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    strict = [{"settings": {"RECOURSE_PAYLOADS_PLAIN": "refuse", "RECOURSE_MAIL_FROM": "orders@market.example"}}]
    for template in templates([one for one in yaml.safe_load_all(render(CASES[case] + strict)) if one]):
        with monkeypatch.context() as patch:
            for name, value in env(template).items():
                patch.setenv(name, value if isinstance(value, str) else "from a Secret")
            if program(template) in ("worker", "web", "sweep"):
                patch.setenv("RECOURSE_PAYLOAD_KEYS", f"k1={'A' * 43}=")
            assert read_settings().task_queue == "recourse"


def test_a_secret_is_refused_as_a_value_and_so_is_what_other_values_say() -> None:
    refused = {name for name in chart.all_variables() if name in chart.OWN or chart.is_secret(name)}
    assert {"DATABASE_URL", "RECOURSE_TOKEN_KEYS", "RECOURSE_STRIPE_KEY", "RECOURSE_SMTP_URL"} < refused
    rendered = helm("template", "recourse", values=[{"settings": dict.fromkeys(refused, "x")}])
    assert rendered.returncode == 1
    assert set(re.findall(r"'([A-Z_]+)'", rendered.stderr)) == refused


def test_the_schema_has_the_settings_as_they_are(root: Path) -> None:
    schema = chart.SCHEMA.read_text(encoding="utf-8")
    assert schema == chart.with_settings(schema), "run `make docs`"
    secret = {name for name, field in chart.all_variables().items() if "Secret" in str(field.annotation)}
    assert {name for name in secret if not chart.is_secret(name)} == set()
    page = (root / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    for name in filter(chart.is_secret, chart.all_variables()):
        assert f"`{name}`" in page, name


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"wroker": {}}, "'wroker'"),
        ({"worker": {"replica": 3}}, "'replica'"),
        ({"worker": {"versioning": "both"}}, "/worker/versioning"),
        ({"worker": {"versioning": "builds"}}, "/worker/builds"),
        ({"worker": {"builds": [{"id": "1"}]}}, "/worker/builds"),
        ({"worker": {"stopSeconds": 20}}, "/worker/stopSeconds"),
        ({"worker": {"resources": {"limits": {"memory": None}}}}, "/worker/resources/limits"),
        ({"settings": {"RECOURSE_TASK": "a"}}, "'RECOURSE_TASK'"),
        ({"settings": {"RECOURSE_PAYLOADS_PLAIN": "perhaps"}}, "RECOURSE_PAYLOADS_PLAIN"),
        ({"settings": {"OTEL_EXPORTER_OTLP_HEADERS": "key=1"}}, "OTEL_EXPORTER_OTLP_HEADERS"),
        ({"settings": {"HTTPS_PROXY": "http://user:secret@proxy:3128"}}, "HTTPS_PROXY"),
        ({"temporal": {"address": "https://temporal"}}, "/temporal/address"),
        ({"temporal": {"apiKey": {"value": "secret"}}}, "'value'"),
        ({"web": {"ingress": {"enabled": True}}}, "/web/ingress/host"),
        ({"sweep": {"schedule": "daily"}}, "/sweep/schedule"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_and_named(values: dict[str, Any], said: str) -> None:
    refused = helm("template", "recourse", values=[values])
    assert refused.returncode == 1
    assert said in refused.stderr


def test_every_value_is_in_the_schema_and_the_other_way_round() -> None:
    schema = json.loads(chart.SCHEMA.read_text(encoding="utf-8"))
    values = yaml.safe_load((chart.CHART / "values.yaml").read_text(encoding="utf-8"))

    def compare(described: dict[str, Any], given: dict[str, Any], where: str) -> None:
        named = {name: one for name, one in described["properties"].items() if name not in ("global", "claims")}
        assert set(named) == set(given), where
        for name, one in named.items():
            if "properties" in one and name not in ("settings", "rollout"):
                compare(one, given[name], f"{where}.{name}")

    compare(schema, values, "values")


@pytest.mark.parametrize("case", CASES)
def test_selectors_find_their_own_pods_and_nothing_else(manifests: Callable[[str], Objects], case: str) -> None:
    objects = manifests(case)
    pods = [template["metadata"]["labels"] for template in templates(objects)]
    for one in objects:
        spec = one["spec"]
        selector = spec.get("podSelector", spec.get("selector"))
        if one["kind"] in ("NetworkPolicy", "PodDisruptionBudget", "Deployment", "Service", "PodMonitor"):
            chosen = selector.get("matchLabels", selector).items()
            found = [pod for pod in pods if chosen <= pod.items()]
            assert found, one["metadata"]["name"]
            assert {pod["app.kubernetes.io/component"] for pod in found} == {
                selector.get("matchLabels", selector)["app.kubernetes.io/component"]
            }
            if one["kind"] == "Deployment":
                assert found == [spec["template"]["metadata"]["labels"]]
    budgets = {
        one["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"]
        for one in of_kind(objects, "PodDisruptionBudget")
    }
    assert budgets == {"worker", "web"}
    guarded = {
        one["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        for one in of_kind(objects, "NetworkPolicy")
    }
    assert guarded == {pod["app.kubernetes.io/component"] for pod in pods}


def test_strangers_reach_the_web_server_alone_and_only_through_whom_you_name(
    manifests: Callable[[str], Objects],
) -> None:
    doors = {
        one["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]: one["spec"]["ingress"]
        for one in of_kind(manifests("many values"), "NetworkPolicy")
    }
    anybody: list[dict[str, Any]] = [{"namespaceSelector": {}}]
    assert doors.pop("web") == [
        {"ports": [{"port": "http"}], "from": [{"podSelector": {"matchLabels": {"app": "ingress"}}}]},
        {"ports": [{"port": "metrics"}], "from": anybody},
    ]
    assert doors.pop("worker") == [{"ports": [{"port": "metrics"}], "from": anybody}]
    assert doors
    assert set(map(str, doors.values())) == {"[]"}


@pytest.mark.parametrize("case", CASES)
def test_the_probes_ask_what_a_program_answers_and_it_has_time_to_stop(
    manifests: Callable[[str], Objects], case: str
) -> None:
    answered = {
        route.path for route in health_app(Health(cast(Client, None), None, "")).routes if isinstance(route, Route)
    }
    served = [one for one in templates(manifests(case)) if program(one) in ("worker", "web")]
    assert {program(one) for one in served} == {"worker", "web"}
    for template in served:
        [container] = template["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        probes = [container[name]["httpGet"] for name in ("readinessProbe", "livenessProbe")]
        assert {probe["path"] for probe in probes} == answered
        asked = {ports[probe["port"]] for probe in probes}
        told = env(template)
        if program(template) == "worker":
            assert {told["RECOURSE_HEALTH_ADDRESS"]} == {f"0.0.0.0:{port}" for port in asked}
            assert template["spec"]["terminationGracePeriodSeconds"] > STOPPED_WITHIN.total_seconds() + 5
        else:
            assert container["args"] == ["serve", "--host", "0.0.0.0", "--port", *map(str, asked)]
        assert told["RECOURSE_METRICS_ADDRESS"] == f"0.0.0.0:{ports['metrics']}"
        assert template["metadata"]["annotations"] == {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(ports["metrics"]),
        }


def test_every_program_gets_a_command_that_there_is(manifests: Callable[[str], Objects]) -> None:
    found = {program(one): one["spec"]["containers"][0]["args"] for one in templates(manifests("many values"))}
    assert sorted(found) == ["anchor", "migrate", "sweep", "web", "worker"]
    for words in found.values():
        if words[0] not in ("serve", "worker"):
            assert callable(app.parse_args(words, exit_on_error=False)[0])


def test_a_migration_runs_once_before_everything_else_and_not_on_the_way_back(
    manifests: Callable[[str], Objects],
) -> None:
    hooked = [one for one in manifests("few values") if "annotations" in one["metadata"]]
    assert [one["kind"] for one in sorted(hooked, key=lambda one: str(one["metadata"]["annotations"]))] == [
        "Job",
        "NetworkPolicy",
    ]
    for one in hooked:
        assert one["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    [job] = of_kind(hooked, "Job")
    # It waits for nothing that only comes after it.
    assert "configMapRef" not in str(job)
    assert "serviceAccountName" not in str(job)


def test_the_builds_stand_side_by_side_and_tell_temporal_which_they_are(manifests: Callable[[str], Objects]) -> None:
    objects = manifests("builds")
    workers = [one for one in of_kind(objects, "Deployment") if program(one["spec"]["template"]) == "worker"]
    assert [one["metadata"]["name"] for one in workers] == ["recourse-worker-1a2b", "recourse-worker-3c-4d"]
    told = [env(one["spec"]["template"]) for one in workers]
    assert [(one["RECOURSE_DEPLOYMENT"], one["RECOURSE_BUILD_ID"]) for one in told] == [
        ("recourse", "1a2b"),
        ("recourse", "3C.4d"),
    ]
    assert [one["spec"]["template"]["spec"]["containers"][0]["image"] for one in workers] == [
        "recourse:1.0",
        "recourse:1.1",
    ]
    scaled = {
        one["spec"]["scaleTargetRef"]["name"]: one["spec"]["triggers"][0]["metadata"]
        for one in of_kind(objects, "ScaledObject")
    }
    assert {name: (one["workerDeploymentName"], one["workerDeploymentBuildId"]) for name, one in scaled.items()} == {
        "recourse-worker-1a2b": ("recourse", "1a2b"),
        "recourse-worker-3c-4d": ("recourse", "3C.4d"),
    }


def test_a_new_build_changes_nothing_of_the_one_that_runs() -> None:
    [one] = BUILDS["worker"]["builds"][:1]
    alone = [
        found for found in yaml.safe_load_all(render([{"worker": {"versioning": "builds", "builds": [one]}}])) if found
    ]
    both = [found for found in yaml.safe_load_all(render([BUILDS])) if found]
    assert [found for found in of_kind(alone, "Deployment") if found not in both] == []


def test_workers_are_scaled_by_the_tasks_that_wait(manifests: Callable[[str], Objects]) -> None:
    objects = manifests("many values")
    [scaled] = of_kind(objects, "ScaledObject")
    [trigger] = scaled["spec"]["triggers"]
    assert trigger == {
        "type": "temporal",
        "metadata": {
            "endpoint": "ns.acct.tmprl.cloud:7233",
            "namespace": "ns.acct",
            "taskQueue": "recourse",
            "queueTypes": "workflow,activity",
            "targetQueueSize": "50",
            "tlsServerName": "temporal.example",
        },
        "authenticationRef": {"name": "recourse-worker"},
    }
    [proof] = of_kind(objects, "TriggerAuthentication")
    assert [one["parameter"] for one in proof["spec"]["secretTargetRef"]] == ["cert", "key", "ca"]
    # The number of pods is the scaler's.
    scaled_kinds = [one for one in objects if one["kind"] == "Deployment"]
    assert [one["metadata"]["name"] for one in scaled_kinds if "replicas" in one["spec"]] == []
    assert {one["spec"]["replicas"] for one in of_kind(manifests("few values"), "Deployment")} == {2}


def test_the_controller_gets_what_it_needs_and_sets_the_rest(manifests: Callable[[str], Objects]) -> None:
    objects = manifests("controller")
    assert [program(one["spec"]["template"]) for one in of_kind(objects, "Deployment")] == ["web"]
    [connection], [deployment] = of_kind(objects, "Connection"), of_kind(objects, "WorkerDeployment")
    assert connection["spec"] == {
        "hostPort": "ns.acct.tmprl.cloud:7233",
        "tls": {"serverName": "temporal.example"},
        "mutualTLSSecretRef": {"name": "temporal-client"},
    }
    spec = deployment["spec"]
    assert spec["workerOptions"] == {"connectionRef": {"name": "recourse-worker"}, "temporalNamespace": "ns.acct"}
    assert spec["rollout"] == {"strategy": "Progressive", "steps": [{"rampPercentage": 10, "pauseDuration": "10m"}]}
    assert spec["sunset"] == {"scaledownDelay": "1h", "deleteDelay": "24h"}
    # It adds these itself, and a name that is there twice is refused.
    assert {name for name in env(spec["template"]) if name.startswith("TEMPORAL_")} == {
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH"
    }
    assert not [name for name in env(spec["template"]) if name in ("RECOURSE_DEPLOYMENT", "RECOURSE_BUILD_ID")]
    [scaling] = of_kind(objects, "WorkerResourceTemplate")
    assert scaling["spec"]["workerDeploymentRef"] == {"name": "recourse-worker"}
    scaled = scaling["spec"]["template"]
    assert (scaled["kind"], scaled["spec"]["scaleTargetRef"]) == ("ScaledObject", {})
    told = scaled["spec"]["triggers"][0]["metadata"]
    assert [told[name] for name in ("namespace", "workerDeploymentName", "workerDeploymentBuildId")] == ["", "", ""]
    [other] = of_kind(manifests("few values and the controller"), "Connection")
    assert other["spec"]["apiKeySecretRef"] == {"name": "temporal-key", "key": "TEMPORAL_API_KEY"}


def test_a_worker_takes_the_build_that_the_controller_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # The image has an id of its own, which is another one.
    monkeypatch.setenv("RECOURSE_BUILD_ID", "1.0")
    monkeypatch.setenv("TEMPORAL_DEPLOYMENT_NAME", "shop/recourse-worker")
    monkeypatch.setenv("TEMPORAL_WORKER_BUILD_ID", "1-0-4f2a")
    settings: Settings = read_settings()
    assert (settings.deployment, settings.build_id) == ("shop/recourse-worker", "1-0-4f2a")


def test_the_version_is_that_of_the_package(root: Path) -> None:
    about = yaml.safe_load((chart.CHART / "Chart.yaml").read_text(encoding="utf-8"))
    [version] = re.findall(r'^version = "(.+)"$', (root / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert about["version"] == about["appVersion"] == version
