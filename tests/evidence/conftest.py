"""A folder and a bucket on a real S3 server, each as the programs load it."""

from pathlib import Path

import pytest

from recourse.evidence.store import KeptFiles, load_store


@pytest.fixture
def bucket(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> KeptFiles:
    """The store in that bucket."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    store = load_store(s3_address)
    assert store
    return store


@pytest.fixture
def folder(tmp_path: Path) -> KeptFiles:
    """The store in a folder."""
    store = load_store(f"folder:{tmp_path}")
    assert store
    return store
