"""What the tests of the corpus share: words that do not repeat, and files of every format."""

import json
import random
from pathlib import Path

SAMPLES = Path(__file__).parent / "samples"
_SYLLABLES = [c + v for c in "bcdfglmnprst" for v in "aeo"]


def words(n: int, seed: int) -> list[str]:
    """``n`` pseudo-words."""
    generator = random.Random(seed)
    return ["".join(generator.choices(_SYLLABLES, k=generator.randint(1, 4))) for _ in range(n)]


def prose(n: int, seed: int) -> str:
    """A text of ``n`` pseudo-words in sentences and paragraphs, unlike that of any other seed."""
    pieces = words(n, seed)
    for i in range(9, n, 10):
        pieces[i] += ".\n\n" if i % 50 == 49 else "."
    return " ".join(pieces).replace("\n\n ", "\n\n").strip()


def portuguese() -> str:
    """Real prose, not wrapped."""
    return " ".join((SAMPLES / "dom-casmurro.txt").read_text(encoding="utf-8").split())


def write_jsonl(path: Path, texts: list[str]) -> Path:
    """A JSONL file with one text a line."""
    path.write_text("".join(json.dumps({"text": t}, ensure_ascii=False) + "\n" for t in texts), encoding="utf-8")
    return path


def pdf_bytes(lines: list[str]) -> bytes:
    """A one-page PDF made by hand, its text in Windows-1252."""
    shown = b" ".join(
        b"(" + line.encode("cp1252").replace(b"(", rb"\(").replace(b")", rb"\)") + b") ' " for line in lines
    )
    stream = b"BT /F1 12 Tf 72 720 Td 14 TL " + shown + b"ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Font << /F1 5 0 R >> >>",
    ]
    out = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return out + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
