"""Which files make up the page? Static ones, named here one by one; they hold no data."""

import hashlib
from pathlib import Path

from aiohttp import hdrs, web

_FOLDER = Path(__file__).parent / "static"
_FILES = {
    "/": ("index.html", "text/html"),
    "/static/page.css": ("page.css", "text/css"),
    "/static/page.js": ("page.js", "text/javascript"),
    "/static/icon.svg": ("icon.svg", "image/svg+xml"),
}

PAGE_PATHS = frozenset(_FILES)


class Page:
    """The page's files, read when first asked for."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def routes(self) -> list[web.RouteDef]:
        """Return every path of the page."""
        return [web.get(path, self.serve) for path in _FILES]

    async def serve(self, request: web.Request) -> web.Response:
        """Send one file."""
        name, kind = _FILES[request.path]
        if name not in self._contents:
            self._contents[name] = (_FOLDER / name).read_bytes()
        content = self._contents[name]
        tag = hashlib.sha256(content).hexdigest()[:16]
        headers = {hdrs.CACHE_CONTROL: "no-cache", hdrs.ETAG: f'"{tag}"'}
        if any(etag.value == tag for etag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        return web.Response(body=content, content_type=kind, charset="utf-8", headers=headers)
