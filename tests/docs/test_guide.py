"""The guide's commands that need no server are run, one after the other, as somebody does who follows it."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT, Page

GUIDE = Page(ROOT / "docs" / "guide.md")


def test_its_commands_do_what_it_says(tmp_path: Path) -> None:
    story = Path("tests", "scenarios", "s03a-silence-on-clients-request.yaml")
    (tmp_path / story).parent.mkdir(parents=True)
    shutil.copy(ROOT / story, tmp_path / story)
    done = []
    for block in [text for language, text in GUIDE.blocks if language == "sh"]:
        for line in block.splitlines():
            if not line.startswith(("recourse policy", "recourse simulate")) or "--engine temporal" in line:
                continue
            ran = subprocess.run(
                f"{Path(sys.executable).parent}/{line}", shell=True, cwd=tmp_path, capture_output=True, check=False
            )
            assert (ran.returncode, ran.stderr) == (0, b""), line
            done.append(line.split()[1:3])
    assert len(done) == 5
    assert {path.name for path in tmp_path.iterdir()} == {"my_shop.toml", "policy.json", "tests"}
