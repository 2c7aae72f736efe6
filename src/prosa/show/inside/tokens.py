"""The tokens page: how a text is cut, each piece with its id and bytes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prosa.core.language import language, number, tr
from prosa.show.frame import document
from prosa.show.inside.reading import Word, shown, words_of
from prosa.show.inside.view import Summary
from prosa.show.markup import Html, tag
from prosa.show.parts import Figures, section, table, tiles
from prosa.show.picture import new_picture, plain, save_picture
from prosa.show.sections.vocabulary import COLOURS, coloured
from prosa.show.vocabulary import cuts
from prosa.tokenizers.pieces import Piece, pieces
from prosa.tokenizers.protocol import Tokenizer

LISTED = 400  # rows of a table that someone may read
PICTURED = 160  # pieces of a picture
_LINE = 84  # characters of a picture's line
_PAINTS = ("#d8e8f7", "#fbe3c4", "#d9efd9", "#f3d9e8", "#e6e0f5")


@dataclass(frozen=True)
class TokensView:
    """A text and what a tokenizer makes of it; ``bytes`` are what each token adds to a text."""

    tokenizer: str
    text: str
    pieces: list[Piece]
    bytes: list[bytes]
    words: list[Word]

    def to_json(self) -> dict[str, Any]:
        """Every piece with id, place and bytes, and the counts."""
        return {
            "tokenizer": self.tokenizer,
            "tokens": [
                {"id": piece.id, "text": piece.text, "start": piece.start, "end": piece.end, "bytes": each.hex(" ")}
                for piece, each in zip(self.pieces, self.bytes, strict=True)
            ],
            "count": len(self.pieces),
            "characters": len(self.text),
            "bytes": len(self.text.encode("utf-8")),
        }

    def summary(self) -> Summary:
        """The pieces, one a row."""
        return Summary(
            tr(f"{number(len(self.pieces))} tokens", f"{number(len(self.pieces))} tokens"),
            [
                tr("token", "token"),
                "id",
                tr("characters", "caracteres"),
                tr("bytes (hexadecimal)", "bytes (hexadecimal)"),
            ],
            [
                [shown(piece.text), str(piece.id), f"{piece.start}–{piece.end}", each.hex(" ")]
                for piece, each in zip(self.pieces[:LISTED], self.bytes, strict=False)
            ],
        )

    def page(self) -> str:
        """The HTML file."""
        return document("Tokens", self._main, generator="prosa show tokens")

    def _main(self, figures: Figures) -> Html:
        found, n = self.summary(), len(self.pieces)
        spoken = [word for word in self.words if any(c.isalnum() for c in word.text)]
        whole = sum(word.end - word.start == 1 for word in spoken)
        size = len(self.text.encode("utf-8"))
        left_out = n - len(found.rows)
        return tag(
            "main",
            tag("h1", "Tokens"),
            tag("p", self.tokenizer, class_="lead"),
            tiles(
                ("Tokens", number(n), tr(f"for {number(size)} bytes", f"para {number(size)} bytes")),
                (
                    tr("Bytes per token", "Bytes por token"),
                    number(size / n, 2),
                    tr(
                        f"{number(len(self.text) / n, 2)} characters per token",
                        f"{number(len(self.text) / n, 2)} caracteres por token",
                    ),
                ),
                (
                    tr("Words in one piece", "Palavras inteiras"),
                    number(whole),
                    tr(f"of {number(len(spoken))} words", f"de {number(len(spoken))} palavras"),
                ),
            ),
            section(
                "cut",
                tr("How it is cut", "Como é cortado"),
                tag(
                    "p",
                    tr(
                        "Each colour is one token; point at one to see its number. An underlined letter took several "
                        "tokens.",
                        "Cada cor é um token; aponte para um para ver o seu número. Uma letra sublinhada ocupa vários "
                        "tokens.",
                    ),
                    class_="note",
                ),
                coloured(cuts(self.pieces, self.text)),
            ),
            section(
                "numbers",
                tr("Ids and bytes", "Ids e bytes"),
                table(found.title, found.heads, found.rows),
                tag(
                    "p",
                    tr(
                        f"{number(left_out)} more are not listed; --json has all.",
                        f"Mais {number(left_out)} não estão na lista; --json tem todos.",
                    ),
                    class_="note",
                )
                if left_out
                else None,
            ),
            lang=language(),
        )

    def draw(self, path: Path) -> None:
        """The pieces in coloured boxes with their ids beneath."""
        boxes = [(shown(piece.text) or "∅", str(piece.id)) for piece in self.pieces[:PICTURED]]
        lines: list[list[tuple[float, float, str, str, int]]] = [[]]
        at = 0.0
        for i, (text, id) in enumerate(boxes):
            width = max(len(text), 0.8 * len(id)) + 0.8
            if at + width > _LINE and lines[-1]:
                lines.append([])
                at = 0.0
            lines[-1].append((at, width, text, id, i))
            at += width + 0.25
        picture = new_picture(10, 0.4 + 0.62 * len(lines))
        place = picture.subplots()
        from matplotlib.patches import FancyBboxPatch

        for row, line in enumerate(lines):
            for left, width, text, id, i in line:
                box = FancyBboxPatch((left, -row + 0.1), width, 0.42, boxstyle="round,pad=0,rounding_size=0.12", lw=0)
                box.set_facecolor(_PAINTS[i % COLOURS])
                place.add_patch(box)
                middle = left + width / 2
                place.text(middle, -row + 0.3, plain(text), ha="center", va="center", family="monospace", fontsize=9)
                place.text(middle, -row - 0.03, id, ha="center", va="center", fontsize=6, color="#575e66")
        place.set_xlim(0, _LINE)
        place.set_ylim(-len(lines) + 0.75, 0.7)
        place.set_axis_off()
        save_picture(picture, path)


def tokens_view(name: str, tokenizer: Tokenizer, text: str) -> TokensView:
    """The view of ``text``, which is not empty."""
    found = pieces(tokenizer, text)
    return TokensView(name, text, found, [tokenizer.token_bytes(p.id) for p in found], words_of(found, text))
