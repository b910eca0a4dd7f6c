"""Prepares `.venv` from hashed requirements: for the demo, for work on Recourse, or for the benchmark.

Runs on any Python from 3.11 on (the Makefile checks that), with nothing installed. It can be interrupted and run twice
at once: what `.venv` was made from is written last, and removed before anything changes.
"""

import ast
import fcntl
import hashlib
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = str(VENV / "bin" / "python")
STAMP = VENV / "made-from.json"
LOG = ROOT / ".venv.log"
# Each level has all that the levels before it have.
LEVELS = {
    "demo": ("build.txt", "run.txt", "local.txt"),
    "dev": ("dev.txt",),
    "bench": ("dev.txt", "bench.txt"),
}
# What pip calls a setting, and the environment variable by which uv takes it.
FOR_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
}
# What the output of a failed step shows, and what it means.
CAUSES = (
    (
        r"No space left|os error 28\b|Disk quota",
        f"The disk is full. Make 1 GB free for {VENV} and for uv's cache, or set UV_CACHE_DIR to a folder elsewhere.",
    ),
    (
        r"(?i)permission denied|read-only file system|os error (13|17|20|30)\b|not a directory",
        f"A folder cannot be written: {VENV} or uv's cache. Set UV_CACHE_DIR to a folder of yours.",
    ),
    (
        r"(?i)dns error|error trying to connect|tcp connect|connection (refused|reset|error)|timed out|proxy|"
        r"failed to fetch|error sending request|no matching distribution|max retries",
        "No package index could be reached. Check the network; behind a proxy, set PIP_PROXY, and for an index of your "
        "own PIP_INDEX_URL. Other settings of pip count as well.",
    ),
    (
        r"no wheels? with a matching|not a supported wheel|doesn't have a (wheel|source distribution)",
        f"A package has no build for Python {platform.python_version()} on this machine. "
        "Name another Python: `make PYTHON=python3.13 …`.",
    ),
    (
        r"ensurepip is not available|No module named '?(venv|ensurepip|pip)",
        "This Python lacks pip. On Debian and Ubuntu, `apt install python3-venv`; or name another Python: "
        "`make PYTHON=python3.13 …`.",
    ),
)


def say(text: str) -> None:
    """One line for people."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def made_from(level: str) -> dict[str, str]:
    """Fingerprints of everything that the environment depends on."""
    files = [ROOT / "requirements" / name for name in ("uv.txt", *LEVELS[level])]
    texts = [path.read_text(encoding="utf-8") for path in (*files, ROOT / "pyproject.toml")]
    return {"level": level, "python": f"{sys.version} {sys.prefix} {ROOT}", "packages": _digest("\0".join(texts))}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def stamp() -> dict[str, str]:
    """What `.venv` was made from; nothing where a set-up did not reach its end."""
    try:
        found = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def ready(level: str) -> bool:
    """Whether the environment has this level or one above it."""
    found = stamp()
    names = list(LEVELS)
    return any(found == made_from(name) for name in names[names.index(level) :])


def why(output: str) -> str:
    """What a failed step means, and what to do; its own last lines where that is not known."""
    for shown, sentence in CAUSES:
        if re.search(shown, output):
            return sentence
    return "Its last lines:\n" + "\n".join(output.splitlines()[-8:])


def run(what: str, *command: str, environment: "dict[str, str] | None" = None) -> None:
    """Run one step of the set-up with a sign of life; ends the program with a sentence where it fails."""
    started = told = time.monotonic()
    with (
        LOG.open("w") as output,
        subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}
        ) as process,
    ):
        while process.poll() is None:
            try:
                process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                if time.monotonic() - told >= 10 or told == started:
                    told = time.monotonic()
                    say(f"  … {what} ({told - started:.0f} s)")
    if process.returncode:
        sys.exit(f"Setup: {what} failed. {why(LOG.read_text(errors='replace'))}\nThe whole output is in {LOG.name}.")
    LOG.unlink()
    say(f"  {what}: {time.monotonic() - started:.0f} s")


def settings_of_pip(listed: str) -> dict[str, str]:
    """pip's settings by their names, from what `pip config list` prints: for all commands, for `install`, from the
    environment, each stronger than the one before."""
    found = dict[str, str]()
    for part in ("global", "install", ":env:"):
        for key, value in re.findall(rf"^{re.escape(part)}\.([a-z-]+)=('.*'|\".*\")$", listed, re.MULTILINE):
            found[key] = str(ast.literal_eval(value)).strip()
    return found


def for_uv(settings: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """The same settings for uv: environment variables, and flags. What is set for uv already stays."""
    given: dict[str, str] = {}
    for key, name in FOR_UV.items():
        values = settings.get(key, "").split()
        if key == "find-links":
            # A folder that is not there is nothing to pip, and an error to uv.
            values = [value for value in values if "://" in value or Path(value).exists()]
        if values and name not in os.environ:
            given[name] = (" " if key != "find-links" else ",").join(values)
    # pip takes a package from whichever index has it; the hashes say that it is the right one.
    given.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return given, ["--no-index"] if settings.get("no-index", "").lower() in ("1", "true", "yes", "on") else []


def make_environment(pip: list[str]) -> None:
    """An empty environment with uv in it."""
    # With a pip at hand the environment needs none of its own, whose installation takes seconds.
    without = ["--without-pip"] if pip else []
    run("creating the virtual environment", sys.executable, "-m", "venv", "--clear", *without, str(VENV))
    pip = [*pip, "--python", PYTHON] if pip else [PYTHON, "-m", "pip"]
    hashed = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(ROOT / "requirements" / "uv.txt"))
    run("installing uv", *pip, "install", *hashed)


def prepare(level: str) -> None:
    """Make or complete the environment."""
    say("Setup: making .venv (once; later runs skip this)")
    pip = [sys.executable, "-m", "pip"] if importlib.util.find_spec("pip") else []
    wanted, found = made_from(level), stamp()
    STAMP.unlink(missing_ok=True)
    if found.get("python") != wanted["python"]:
        make_environment(pip)
    listed = subprocess.run(
        [*(pip or [PYTHON, "-m", "pip"]), "config", "list"], capture_output=True, text=True, check=False
    )
    environment, flags = for_uv(settings_of_pip(listed.stdout))
    uv = (str(VENV / "bin" / "uv"), "pip", "install", "--python", PYTHON, "--no-deps", "--quiet")
    # Tests start hundreds of processes, a demonstration a few.
    compiled = [] if level == "demo" else ["--compile-bytecode"]
    files = [part for name in LEVELS[level] for part in ("-r", str(ROOT / "requirements" / name))]
    run(
        "installing the packages, checked against their hashes",
        *(*uv, "--require-hashes", "--only-binary", ":all:", *compiled, *flags, *files),
        environment=environment,
    )
    run(
        "installing Recourse itself",
        *(*uv, "--no-index", "--no-build-isolation", "-e", str(ROOT)),
        environment=environment,
    )
    STAMP.write_text(json.dumps(wanted), encoding="utf-8")


def check_machine() -> None:
    """End the program where Recourse cannot run at all."""
    known = platform.system() in ("Linux", "Darwin") and platform.machine() in ("x86_64", "aarch64", "arm64")
    if not known or (platform.system() == "Linux" and platform.libc_ver()[0] != "glibc"):
        sys.exit(
            f"Setup: there are no packages for {platform.system()} on {platform.machine()} with this C library. Linux "
            "with glibc and macOS work, on x86-64 and ARM64. Elsewhere use the image: `docker compose up`."
        )


def main(level: str) -> None:
    """Prepare the environment unless it is ready; two at once take turns."""
    check_machine()
    with (ROOT / ".venv.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Setup: another run is preparing .venv, waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready(level):
            os.environ.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_ROOT_USER_ACTION="ignore", PIP_NO_INPUT="1")
            prepare(level)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:] or ["dev"])
    except KeyboardInterrupt:
        sys.exit("\nSetup: interrupted; run it again, nothing half-done is kept.")
    except OSError as error:
        sys.exit(
            f"Setup: {error.filename or ROOT} cannot be written: {error.strerror}. Make room, or use another folder."
        )
