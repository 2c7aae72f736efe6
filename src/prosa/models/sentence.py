"""Sentence embeddings (Reimers & Gurevych 2019, "Sentence-BERT", arXiv 1908.10084): the mean of BERT's last states.

    v(text) = m / |m|,    m = Σ_t h_t / T       over the text's T tokens, [CLS] and [SEP] among them

Nearness of vectors means likeness only in a model trained for that; a folder of ``sentence-transformers`` holds one.
Shapes: n texts, T tokens, C = d_model.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from prosa.core.files import read_json
from prosa.models.bert import Bert
from prosa.models.huggingface import check_tokenizer
from prosa.models.huggingface_bert import load_bert
from prosa.tokenizers.frame import bert_frame
from prosa.tokenizers.load import load
from prosa.tokenizers.protocol import Tokenizer

TOKENS_AT_ONCE = 16_384
SETTINGS = "sentence_bert_config.json"  # of sentence-transformers: how long a text the model was made for


class SentenceEncoder:
    """Makes vectors of texts.

    Args:
        network: in evaluation mode.
        longest: tokens of a text that are read, the frame included; 0: the context.
    """

    def __init__(self, network: Bert, tokenizer: Tokenizer, *, longest: int = 0) -> None:
        self.network, self.tokenizer = network.eval(), tokenizer
        self.frame = bert_frame(tokenizer)
        self.longest = min(longest or network.config.context, network.config.context)
        self.width = network.config.d_model

    @torch.no_grad()
    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, C), each row of length 1; a text's does not depend on the others but for rounding."""
        device = next(self.network.parameters()).device
        rows = [self.frame.around(self.tokenizer.encode(text), self.longest) for text in texts]
        made = np.zeros((len(rows), self.width), np.float32)
        order = sorted(range(len(rows)), key=lambda n: -len(rows[n]))
        while order:
            length = len(rows[order[0]])
            now, order = order[: max(1, TOKENS_AT_ONCE // length)], order[max(1, TOKENS_AT_ONCE // length) :]
            ids = torch.zeros(len(now), length, dtype=torch.int64)
            there = torch.zeros(len(now), length, dtype=torch.int64)
            for place, n in enumerate(now):
                ids[place, : len(rows[n])] = torch.from_numpy(rows[n].astype(np.int64))
                there[place, : len(rows[n])] = 1
            hidden = self.network.hidden(ids.to(device), documents_BT=there.to(device)).float().cpu()
            mean = (hidden * there[..., None]).sum(1) / there.sum(1, keepdim=True)
            made[now] = torch.nn.functional.normalize(mean, dim=-1).numpy()
        return made


def load_sentence_encoder(folder: Path) -> SentenceEncoder:
    """The encoder of a folder of BERT, with its tokenizer.

    Raises:
        UserError: something is missing or damaged, or the tokenizer does not belong to the model.
    """
    network, tokenizer = load_bert(folder), load(folder)
    check_tokenizer(folder, tokenizer, network.config.vocab_size)
    told = read_json(folder / SETTINGS) if (folder / SETTINGS).is_file() else {}
    longest = told.get("max_seq_length") if isinstance(told, dict) else None
    return SentenceEncoder(network.float(), tokenizer, longest=longest if isinstance(longest, int) else 0)
