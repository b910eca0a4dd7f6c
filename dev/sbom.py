"""Bills of materials in CycloneDX: what the image installs, and what the wheel asks for.

The same files give the same bytes: no time, no random number.
"""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.documents import licence_of, runtime
from recourse.local.progress import say

ROOT = Path(__file__).resolve().parent.parent
_LICENCE = DisjunctiveLicense(id="Apache-2.0")


def image() -> str:
    """Every package that the image installs, at its version, with the hashes of the files that are accepted for it."""
    text = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")
    found = re.findall(r"^\w.*?(?=^\w|\Z)", text, re.MULTILINE | re.DOTALL)
    entries = {entry.split("==")[0]: entry for entry in found}
    components = []
    for wanted in runtime():
        hashes = re.findall(r"sha256:(\w+)", entries[wanted.name])
        made = _component(wanted.name, str(wanted.specifier)[2:])
        made.licenses.add(DisjunctiveLicense(name=licence_of(wanted.name)))
        made.hashes.update(HashType(alg=HashAlgorithm.SHA_256, content=one) for one in hashes)
        components.append(made)
    base = re.findall(
        r"^ARG PYTHON_IMAGE=(\S+):(\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    components += [Component(type=ComponentType.CONTAINER, name=name, version=tag, bom_ref=name) for name, tag in base]
    return _bill(
        Component(type=ComponentType.CONTAINER, name="recourse", version=_version(), bom_ref="image"), components
    )


def wheel() -> str:
    """What the wheel asks for, by the range that it accepts; which versions are installed is decided elsewhere."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    components: dict[str, Component] = {}
    for extra, lines in {"": project["dependencies"], **project["optional-dependencies"]}.items():
        for wanted in map(Requirement, lines):
            name = canonicalize_name(wanted.name)
            if name != "recourse":
                made = components.setdefault(name, _component(name, None))
                made.properties.add(Property(name=f"recourse:range{f':{extra}' if extra else ''}", value=str(wanted)))
    return _bill(_component("recourse", _version()), components.values())


def _version() -> str:
    version: str = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return version


def _component(name: str, version: str | None) -> Component:
    purl = PackageURL("pypi", name=canonicalize_name(name), version=version)
    return Component(type=ComponentType.LIBRARY, name=name, version=version, purl=purl, bom_ref=str(purl))


def _bill(of: Component, components: Iterable[Component]) -> str:
    of.licenses.add(_LICENCE)
    bom = Bom(components=components)
    bom.metadata.component = of
    bom.register_dependency(of, bom.components)
    bom.metadata.timestamp = None  # type: ignore[assignment]  # the format does not ask for it
    bom.serial_number = uuid5(NAMESPACE_URL, "")
    bom.serial_number = uuid5(NAMESPACE_URL, JsonV1Dot6(bom).output_as_string())
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def main() -> None:
    """Write both into `dist/`."""
    folder = ROOT / "dist"
    folder.mkdir(exist_ok=True)
    for name, text in (("image", image()), ("wheel", wheel())):
        path = folder / f"recourse-{name}.cdx.json"
        path.write_text(text, encoding="utf-8")
        say(f"{path.relative_to(ROOT)}: written")


if __name__ == "__main__":
    main()
