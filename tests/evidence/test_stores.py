"""Each store keeps a file as a whole or not at all, and says in a sentence what is wrong with its setting."""

import base64
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from recourse.evidence.store import BadEvidenceStore, EvidenceAway, KeptFiles, load_store
from tests.evidence.samples import kept_in, png, sha256, without

KEY = "0f" * 16
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "evidence-encrypted"


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest) -> KeptFiles:
    kept: KeptFiles = request.getfixturevalue(request.param)
    return kept


async def content(store: KeptFiles) -> bytes:
    into = io.BytesIO()
    await store.get(KEY, into)
    return into.getvalue()


async def test_a_file_is_kept_read_and_deleted(store: KeptFiles) -> None:
    for _ in range(2):  # it may be sent again
        await store.put(KEY, io.BytesIO(png()), sha256(png()), "image/png")
    assert await content(store) == png()
    await store.delete(KEY)
    with pytest.raises(FileNotFoundError):
        await content(store)
    await store.delete(KEY)


async def test_a_file_of_megabytes_comes_back_as_it_was(store: KeptFiles) -> None:
    large = bytes(range(256)) * 40_000
    await store.put(KEY, io.BytesIO(large), sha256(large), "application/zip")
    assert sha256(await content(store)) == sha256(large)
    await store.delete(KEY)


async def test_a_folder_that_is_gone_as_a_whole_is_away_and_loses_no_file(folder: KeptFiles, tmp_path: Path) -> None:
    await folder.put(KEY, io.BytesIO(png()), sha256(png()), "image/png")
    with without(tmp_path):
        for call in (content(folder), folder.delete(KEY)):
            with pytest.raises(EvidenceAway, match="there is no folder"):
                await call
    assert await content(folder) == png()


class _Breaks(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise OSError(28, "No space left on device")
        return super().read(10)


async def test_of_a_file_that_breaks_off_nothing_is_kept(folder: KeptFiles, tmp_path: Path) -> None:
    with pytest.raises(EvidenceAway, match="No space left"):
        await folder.put(KEY, _Breaks(png()), sha256(png()), "image/png")
    assert kept_in(tmp_path) == []


async def test_the_address_of_an_upload_takes_this_very_file(bucket: KeptFiles) -> None:
    made = await bucket.upload_address(KEY, len(png()), sha256(png()), "image/png", 900)
    signed = httpx2.URL(made.url).params
    # The server refuses whatever differs in one of these.
    assert signed["X-Amz-SignedHeaders"] == "content-length;content-type;host;x-amz-checksum-sha256"
    assert signed["X-Amz-Expires"] == "900"
    async with httpx2.AsyncClient() as http:
        assert (await http.put(made.url, content=png(), headers=dict(made.headers))).status_code == 200
    assert await content(bucket) == png()
    await bucket.delete(KEY)


async def test_a_server_that_is_away_is_named_in_no_answer_but_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    away = load_store("s3://evidence?endpoint=http://127.0.0.1:9")
    assert away
    with pytest.raises(EvidenceAway, match=r"127\.0\.0\.1:9"):
        await content(away)


async def test_the_example_keeps_files_that_nobody_can_read_in_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.setenv("VAULT_FOLDER", str(tmp_path))
    monkeypatch.setenv("VAULT_KEY", base64.b64encode(bytes(32)).decode())
    vault = load_store("vault:Vault")
    assert vault
    await vault.put(KEY, io.BytesIO(png()), sha256(png()), "image/png")
    assert await content(vault) == png()
    [place] = kept_in(tmp_path)
    assert b"PNG" not in place.read_bytes()
    # As another file, it is nothing.
    place.rename(place.with_name("a" * 32))
    with pytest.raises(FileNotFoundError):
        await content(vault)
    with pytest.raises(EvidenceAway, match="InvalidTag"):
        await vault.get("a" * 32, io.BytesIO())
    await vault.delete("a" * 32)
    assert kept_in(tmp_path) == []


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("somewhere", "'somewhere' is not of a form that can be read: write folder:/path"),
        ("folder:files", "folder:files must be a whole path"),
        ("folder:/no/such/place", "there is no folder /no/such/place. Make it first."),
        ("s3://", "with the name of a bucket"),
        ("s3://Not_A_Bucket", "with the name of a bucket"),
        ("s3://evidence?regoin=eu", "'regoin' is not one of endpoint, region"),
        ("s3://evidence?endpoint=ftp://a", "endpoint: "),
        ("no_such_module:store", "'no_such_module:store' cannot be loaded: ModuleNotFoundError"),
        ("tests.evidence.test_stores:half", "returned SimpleNamespace, which has no method `get`"),
    ],
)
def test_a_setting_that_cannot_be_used_says_why(setting: str, says: str) -> None:
    with pytest.raises(BadEvidenceStore) as error:
        load_store(setting)
    assert says in str(error.value)
    assert str(error.value).startswith("RECOURSE_EVIDENCE: ")


def half() -> Any:
    return SimpleNamespace(put=print)


def test_without_the_setting_there_is_no_store() -> None:
    assert load_store("") is None
