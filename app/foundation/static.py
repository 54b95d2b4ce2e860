"""The files that pages load: each under an address that holds its own hash, so that it may be kept for ever."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from app.foundation.routing import HotEndpoint, Router

FOLDER = Path(__file__).parents[1] / "static"

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    """One file as it is served. `path` begins at the root of the service."""

    path: str
    content: bytes
    media_type: str


def load(folder: Path = FOLDER) -> Mapping[str, StaticFile]:
    """Every file that may be served, by its name below the folder; licences and other types stay inside."""
    found = {}
    for path in sorted(folder.rglob("*")):
        media_type = _MEDIA_TYPES.get(path.suffix)
        if media_type is not None:
            name, content = path.relative_to(folder).as_posix(), path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:16]
            found[name] = StaticFile(path=f"/static/{digest}/{name}", content=content, media_type=media_type)
    return found


FILES = load()

router = Router(tags=["pages"])


def _endpoint(file: StaticFile) -> HotEndpoint:
    async def answer(_: Request) -> Response:
        return Response(file.content, media_type=file.media_type, headers={"Cache-Control": _FOR_EVER})

    return answer


for _file in FILES.values():
    router.add_api_route(_file.path, _endpoint(_file), methods=["GET"], include_in_schema=False)
    router.hot_endpoints["GET", _file.path] = _endpoint(_file)
