"""Files of evidence: brought to an order, and read by those who may read the order."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from recourse.database.files import EvidenceFile
from recourse.evidence.kinds import ENDINGS, LARGEST, UnusableFile, kind_of_name
from recourse.http.shapes import KeptFile
from recourse.resolution.model.vocabulary import PARTIES, Party, View
from recourse.web.access import OrderId, TheActor, TheReader, TheSite, answers
from recourse.web.api.bodies import TokenRoute
from recourse.web.files import (
    Received,
    address_of,
    announce,
    arrived,
    check_size,
    give_out,
    keep,
    own_file,
    readable,
    the_store,
    unusable,
)
from recourse.web.problems import forbidden

router = APIRouter(tags=["files"], route_class=TokenRoute)

UPLOAD_LASTS = 900  # seconds
_NAME = f"The file's name. Its ending is one of {', '.join(ENDINGS)}, and the content must fit."
_SHA256 = "The file's SHA-256 hash, 64 hexadecimal digits."
FileName = Annotated[str, Query(description=_NAME)]
FileId = Annotated[str, Path(description="The file's id.", pattern=r"^[0-9a-f]{32}$")]


class FileToCome(BaseModel):
    """A file that the caller will put into the store itself."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description=_NAME)
    size: int = Field(strict=True, description=f"The file's size in bytes, {LARGEST} at most.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description=_SHA256)


class UploadTo(View):
    """Where to put a file, which no other file fits."""

    file: KeptFile = Field(description="The file, which has not arrived yet.")
    method: str = Field(description="The HTTP method: `PUT`.")
    url: str = Field(description=f"The address. It is good for {UPLOAD_LASTS} seconds, without a token.")
    headers: dict[str, str] = Field(description="The headers to send with it, as they are.")


def _kept(file: EvidenceFile) -> KeptFile:
    return KeptFile(**file.model_dump(), address=address_of(file), kind=kind_of_name(file.name).kind)


def _party(role: str) -> Party:
    if role not in PARTIES:
        raise forbidden("Only the two parties bring evidence.")
    return "client" if role == "client" else "freelancer"


@router.get("/orders/{order_id}/files", responses=answers(403, 404, 422))
async def list_files(site: TheSite, order_id: OrderId, reader: TheReader) -> list[KeptFile]:
    """The files that the caller may read: what evidence on record names, and a party's own."""
    return [_kept(file) for file in await readable(site, order_id, reader)]


@router.post(
    "/orders/{order_id}/files",
    status_code=201,
    responses=answers(403, 404, 413, 422),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def upload_file(
    site: TheSite,
    request: Request,
    order_id: OrderId,
    actor: TheActor,
    name: FileName,
    sha256: Annotated[str | None, Query(pattern=r"^[0-9a-f]{64}$", description=f"{_SHA256} It is compared.")] = None,
) -> KeptFile:
    """Upload a file: the body is its content. Then name it with `add_evidence`, within a day; else it is deleted."""
    party = _party(actor.role)
    the_store(site)
    with site.uploads.begin(actor.role, actor.id), Received(name) as received:
        try:
            kind_of_name(name)
            async for piece in request.stream():
                received.write(piece)
                if received.size > LARGEST:
                    check_size(received.size)
            if sha256 is not None and sha256 != received.sha256:
                raise UnusableFile(f"Its SHA-256 is {received.sha256}, and not the one that was given.")
            return _kept(await keep(site, order_id, party, received))
        except UnusableFile as error:
            raise unusable(error) from error


@router.post("/orders/{order_id}/files/uploads", status_code=201, responses=answers(403, 404, 413, 422))
async def announce_file(site: TheSite, order_id: OrderId, actor: TheActor, body: FileToCome) -> UploadTo:
    """Get an address to which the file is put past this server. Then say that it has arrived."""
    party, store = _party(actor.role), the_store(site)
    if not store.gives_addresses:
        raise forbidden("The store of this marketplace takes files through this server alone.")
    try:
        kind = kind_of_name(body.name)
        check_size(body.size)
        file = await announce(site, order_id, party, body.name, kind.media_type, body.size, body.sha256)
    except UnusableFile as error:
        raise unusable(error) from error
    made = await store.upload_address(file.file_id, body.size, body.sha256, kind.media_type, UPLOAD_LASTS)
    return UploadTo(file=_kept(file), method="PUT", url=made.url, headers=dict(made.headers))


@router.post("/orders/{order_id}/files/{file_id}/arrived", responses=answers(403, 404, 422))
async def file_arrived(site: TheSite, order_id: OrderId, actor: TheActor, file_id: FileId) -> KeptFile:
    """Say that a file was put to its address. Its size, type and hash are checked."""
    party = _party(actor.role)
    file = await own_file(site, order_id, file_id, party)
    try:
        return _kept(await arrived(site, file))
    except UnusableFile as error:
        raise unusable(error) from error


@router.get(
    "/orders/{order_id}/files/{file_id}",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/octet-stream": {}}}, **answers(403, 404, 409, 422)},
)
async def read_file(site: TheSite, order_id: OrderId, reader: TheReader, file_id: FileId) -> StreamingResponse:
    """A file's content, once its hash was found to be right."""
    return await give_out(site, order_id, file_id, reader)
