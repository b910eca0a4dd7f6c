"""What is said of what the image and the wheel are made of, and of what is known against it."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.model.bom import Bom
from packaging.requirements import Requirement

from deploy.documents import runtime
from dev import sbom
from dev.audit import NONE, SOME, UNKNOWN, offline


def test_the_bill_of_the_image_names_all_that_it_installs_and_is_the_same_each_time() -> None:
    text = sbom.image()
    assert text == sbom.image()
    read = json.loads(text)
    assert {(one["name"], one["version"]) for one in read["components"] if one["type"] == "library"} == {
        (one.name, str(one.specifier)[2:]) for one in runtime()
    }
    assert all(one["hashes"] and one["licenses"] for one in read["components"] if one["type"] == "library")
    assert [one["name"] for one in read["components"] if one["type"] == "container"] == ["python"]
    assert Bom.from_json(read).metadata.component is not None  # type: ignore[attr-defined]


def test_the_bill_of_the_wheel_names_what_it_asks_for() -> None:
    text = sbom.wheel()
    assert text == sbom.wheel()
    ranges = {one["name"]: [said["value"] for said in one["properties"]] for one in json.loads(text)["components"]}
    assert any(value.startswith("temporalio") for value in ranges["temporalio"])
    assert "fastapi" in ranges


def advisory(**affected: Any) -> dict[str, Any]:
    package = {"ecosystem": "PyPI", "name": "Some.Package"}
    return {"id": "PYSEC-1", "modified": "2026-01-02T03:04:05Z", "affected": [{"package": package, **affected}]}


RANGE = {"type": "ECOSYSTEM", "events": [{"introduced": "2.0"}, {"fixed": "2.5"}]}


@pytest.mark.parametrize(
    ("version", "affected", "expected"),
    [
        ("2.4.9", {"ranges": [RANGE]}, SOME),
        ("2.5", {"ranges": [RANGE]}, NONE),
        ("1.9", {"ranges": [RANGE]}, NONE),
        ("1.9", {"versions": ["1.9"], "ranges": [RANGE]}, SOME),
        ("3.0", {"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"last_affected": "2.9"}]}]}, NONE),
        ("2.9", {"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"last_affected": "2.9"}]}]}, SOME),
    ],
)
def test_a_copy_of_advisories_is_asked_where_it_is_given(
    tmp_path: Path, version: str, affected: dict[str, Any], expected: int
) -> None:
    (tmp_path / "one.json").write_text(json.dumps(advisory(**affected)))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        packed.write(tmp_path / "one.json", "one.json")
    for copy in (tmp_path, tmp_path / "all.zip"):
        status, said = offline(copy, [Requirement(f"some-package=={version}")])
        assert status == expected
        assert "as of 2026-01-02" in said[-1]
        assert (f"Some.Package {version}: PYSEC-1" in said[0]) == (expected == SOME)


def test_an_empty_copy_says_that_nothing_is_known(tmp_path: Path) -> None:
    status, said = offline(tmp_path, [Requirement("some-package==1")])
    assert status == UNKNOWN
    assert "holds no advisories" in said[0]
