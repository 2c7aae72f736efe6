"""The chat page: files of this package, known by name when the server starts, and no others."""

from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response

from prosa.core.language import tr
from prosa.serve.errors import ApiError

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class Page:
    """The files, read once."""

    files: dict[str, tuple[bytes, str]]

    @classmethod
    def load(cls, folder: Path = FOLDER) -> "Page":
        """Those of a folder that a browser may ask for."""
        return cls(
            {
                path.relative_to(folder).as_posix(): (path.read_bytes(), TYPES[path.suffix])
                for path in sorted(folder.rglob("*"))
                if path.is_file() and path.suffix in TYPES
            }
        )

    def response(self, name: str) -> Response:
        """A file.

        Raises:
            ApiError: there is none of that name.
        """
        if name not in self.files:
            raise ApiError(404, tr("There is no such file.", "Não existe este arquivo."), code="not_found")
        data, kind = self.files[name]
        return Response(data, headers=HEADERS, media_type=kind)
