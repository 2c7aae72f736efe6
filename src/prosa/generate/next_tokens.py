"""From a batch's logits to its next tokens: check, choose, choose again where rounding could have decided, report."""

import math
from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.generate.adjust import adjust
from prosa.generate.choose import choose
from prosa.generate.completion import Alternative, Token
from prosa.generate.reader import Reader
from prosa.generate.row import Row
from prosa.generate.sampling import Sampling
from prosa.tokenizers.protocol import Tokenizer


def all_finite(logits: Tensor) -> bool:
    """Whether there is neither a nan nor an infinity."""
    lowest, highest = logits.aminmax()  # of which a nan is both
    return math.isfinite(lowest.item()) and math.isfinite(highest.item())


class Diverged(UserError):
    """A model's logits are not finite."""


def diverged() -> Diverged:
    """The error for such a model."""
    return Diverged(
        tr("the model gives values that are not finite.", "o modelo produz valores que não são finitos."),
        tr("Its training diverged: use an earlier checkpoint.", "O treino divergiu: use um checkpoint anterior."),
    )


class NextTokens:
    """Chooses a token for each row, by the row's own settings and random stream.

    Args:
        again: what computes the logits of a doubtful row in the canonical way, alone and without a cache; None: nothing
            is computed again (rounding is coarse, in bfloat16).
    """

    def __init__(self, tokenizer: Tokenizer, again: Reader | None) -> None:
        self.tokenizer = tokenizer
        self._again = again

    def __call__(self, logits: Tensor, rows: Sequence[Row]) -> list[Token]:
        """The next token of each row; their texts come later.

        Args:
            logits: (B, V) of what comes after each row's window, as the model gives them.

        Raises:
            UserError: they are not finite.
        """
        logits = self._checked(logits)
        groups: dict[Sampling, list[int]] = defaultdict(list)
        for i, row in enumerate(rows):
            groups[row.sampling.choice].append(i)
        if len(groups) == 1:
            ids = self._choose(logits, rows)
        else:
            ids = torch.empty(len(rows), dtype=torch.int64, device=logits.device)
            for members in groups.values():
                part = logits[members]
                ids[members] = self._choose(part, [rows[i] for i in members])
                logits[members] = part
        return self._tokens(logits, ids, [row.sampling.top_logprobs for row in rows])

    def _checked(self, logits: Tensor) -> Tensor:
        """(B, V) float32 over the tokenizer's vocabulary: what pads the model's is never sampled."""
        logits = logits[:, : self.tokenizer.vocab_size].float()
        if not all_finite(logits):
            raise diverged()
        return logits.cpu() if logits.device.type == "mps" else logits  # MPS has no float64, which the walk needs

    def _choose(self, logits: Tensor, rows: Sequence[Row]) -> Tensor:
        """Ids (B,) for rows of the same settings. Logits that were computed again are put in place of the others."""
        sampling = rows[0].sampling.choice
        draws = torch.tensor([row.draw() for row in rows], dtype=torch.float64, device=logits.device)
        ids, doubtful = choose(adjust(logits, rows), draws, sampling)
        if self._again is not None:
            for i in doubtful.nonzero().flatten().tolist():
                one = slice(i, i + 1)
                logits[one] = self._checked(self._again([rows[i].window]))
                ids[one] = choose(adjust(logits[one], rows[one]), draws[one], sampling)[0]
        return ids

    def _tokens(self, logits: Tensor, ids: Tensor, tops: Sequence[int]) -> list[Token]:
        """Tokens with their log-probabilities, and those of the ``tops`` most probable ones where that is not 0."""
        logprobs = logits.log_softmax(dim=-1)
        chosen: list[float] = logprobs.gather(-1, ids[:, None])[:, 0].tolist()
        reports: dict[int, tuple[Alternative, ...]] = {}
        asking = [i for i, top in enumerate(tops) if top]
        if asking:
            most = min(max(tops), logprobs.shape[-1])
            best = logprobs[asking].topk(most, dim=-1)
            name = self.tokenizer.token_text
            for i, b, v in zip(asking, best.indices.tolist(), best.values.tolist(), strict=True):
                n = tops[i]
                reports[i] = tuple(Alternative(id, name(id), p) for id, p in zip(b[:n], v[:n], strict=True))
        return [
            Token(id, "", p, reports.get(i, ())) for i, (id, p) in enumerate(zip(ids.tolist(), chosen, strict=True))
        ]
