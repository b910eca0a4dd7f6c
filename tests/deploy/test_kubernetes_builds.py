"""Each build of the workers has a Deployment: those of two stand beside each other, and differ in nothing else."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from recourse.worker import version_of

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
MARK = "# BUILD"


def of_build(build_id: str) -> list[Any]:
    """The objects of the manifest after what it says: the id put into each marked line."""
    lines = (FOLDER / "builds" / "worker.yaml").read_text(encoding="utf-8").splitlines()
    filled = [line.replace("1", build_id) if line.endswith(MARK) else line for line in lines]
    return list(yaml.safe_load_all("\n".join(filled)))


@pytest.fixture
def usual() -> list[Any]:
    return list(yaml.safe_load_all((FOLDER / "worker.yaml").read_text(encoding="utf-8")))


def test_two_builds_stand_beside_each_other() -> None:
    (one, budget), (two, other_budget) = of_build("1a2b"), of_build("3c4d")
    assert budget == other_budget
    assert one["metadata"]["name"] != two["metadata"]["name"]
    for build, foreign in ((one, two), (two, one)):
        chosen = build["spec"]["selector"]["matchLabels"].items()
        assert chosen <= build["spec"]["template"]["metadata"]["labels"].items()
        assert not chosen <= foreign["spec"]["template"]["metadata"]["labels"].items()
        assert budget["spec"]["selector"]["matchLabels"].items() <= chosen
        assert build["metadata"]["labels"].items() <= chosen


@pytest.mark.parametrize("build_id", ["1", "1a2b"])
def test_the_workers_tell_temporal_their_build(build_id: str) -> None:
    [container] = of_build(build_id)[0]["spec"]["template"]["spec"]["containers"]
    told = {variable["name"]: variable["value"] for variable in container["env"]}
    assert told.items() >= {"RECOURSE_DEPLOYMENT": "recourse", "RECOURSE_BUILD_ID": build_id}.items()
    version = version_of(told["RECOURSE_DEPLOYMENT"], told["RECOURSE_BUILD_ID"])
    assert version is not None
    assert version.version.build_id == build_id
    assert container["image"] == f"recourse:{build_id}"


def test_a_build_is_run_as_any_worker_is(usual: list[Any]) -> None:
    build, budget = of_build("1")
    deployment, usual_budget = usual
    assert budget == usual_budget
    own, [container] = build["spec"], build["spec"]["template"]["spec"]["containers"]
    container["env"] = [one for one in container["env"] if not one["name"].startswith("RECOURSE_")]
    container["image"] = "recourse:local"
    for labels in (own["selector"]["matchLabels"], own["template"]["metadata"]["labels"]):
        assert labels.pop("app.kubernetes.io/version") == "1"
    assert own == deployment["spec"]
