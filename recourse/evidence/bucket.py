"""Files of evidence in an S3 bucket, at Amazon or any server that speaks its protocol."""

import base64
import re
import shutil
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

from recourse.evidence.store import BadEvidenceStore, Sink, UploadAddress
from recourse.extras import require
from recourse.runtime.urls import read_url

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_KEYS = frozenset({"region", "endpoint"})


class Bucket:
    """Keeps files in a bucket. Credentials come from where AWS's own programs find them: environment, file or role."""

    timeout = 20.0

    def __init__(self, bucket: str, prefix: str, client: Any) -> None:
        self._bucket, self._prefix, self._client = bucket, prefix, client

    @classmethod
    def read(cls, text: str) -> "Bucket":
        """The store of `s3://bucket/prefix?region=…&endpoint=…`. Raises BadEvidenceStore, MissingExtra."""
        bucket, prefix, said = _parts(text)
        require("s3")
        from botocore.config import Config
        from botocore.session import Session

        endpoint = said.get("endpoint")
        config = Config(
            signature_version="s3v4",
            connect_timeout=5,
            read_timeout=15,
            retries={"mode": "standard", "total_max_attempts": 2},
            # Servers of one's own seldom have a name for each bucket.
            s3={"addressing_style": "path" if endpoint else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        client = Session().create_client(
            "s3", region_name=said.get("region", "us-east-1"), endpoint_url=endpoint, config=config
        )
        return cls(bucket, prefix, client)

    def put(self, key: str, file: BinaryIO, sha256: str, media_type: str) -> None:
        """Keep a file; the server compares its hash."""
        self._client.put_object(**self._at(key), Body=file, ContentType=media_type, ChecksumSHA256=_checksum(sha256))

    def get(self, key: str, into: Sink) -> None:
        """Write a file's content."""
        try:
            body = self._client.get_object(**self._at(key))["Body"]
        except self._client.exceptions.NoSuchKey:
            raise FileNotFoundError(key) from None
        with body:
            shutil.copyfileobj(body, into)

    def delete(self, key: str) -> None:
        """Delete a file."""
        self._client.delete_object(**self._at(key))

    def upload_address(self, key: str, size: int, sha256: str, media_type: str, seconds: int) -> UploadAddress:
        """An address that takes this file alone: its size, hash and type are signed."""
        said = {"ContentLength": size, "ContentType": media_type, "ChecksumSHA256": _checksum(sha256)}
        url = self._client.generate_presigned_url("put_object", Params={**self._at(key), **said}, ExpiresIn=seconds)
        return UploadAddress(url, {"Content-Type": media_type, "x-amz-checksum-sha256": _checksum(sha256)})

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}{key}"}


def _checksum(sha256: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256)).decode()


def _parts(text: str) -> tuple[str, str, dict[str, str]]:
    try:
        parts = urlsplit(text)
        said = {name: values[0] for name, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
    except ValueError:
        raise _bad("it cannot be read") from None
    if not _BUCKET.fullmatch(parts.netloc):
        raise _bad("write s3://bucket/prefix?region=…, with the name of a bucket")
    if unknown := sorted(said.keys() - _KEYS):
        raise _bad(f"{unknown[0]!r} is not one of {', '.join(sorted(_KEYS))}")
    if "endpoint" in said:
        try:
            read_url(said["endpoint"], "https", "http", user=False, query=False)
        except ValueError as error:
            raise _bad(f"endpoint: {error}") from None
    prefix = parts.path.strip("/")
    return parts.netloc, f"{prefix}/" if prefix else "", said


def _bad(why: str) -> BadEvidenceStore:
    return BadEvidenceStore(f"RECOURSE_EVIDENCE: {why}.")
