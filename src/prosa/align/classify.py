"""Classification: a model reads a text and its head says which of several classes it is of.

    loss = - log softmax(W h[last])[label]            (fine-tuning of GPT: Radford et al. 2018, 3.2)
    loss = - log softmax(W tanh(P h[0]) + b)[label]   (of BERT: Devlin et al. 2018, 4.1)

The same head and loop as a reward model's, from a trained model or from random weights. Beside it stand the linear
classifiers over bags of words (``models.linear_text``), which ``load_classifier`` opens alike.
"""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from prosa.core.device import DeviceName, choose_device
from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.tokenizers.frame import Frame, bert_frame
from prosa.tokenizers.protocol import Tokenizer
from prosa.train.config import TrainConfig

if TYPE_CHECKING:
    from torch import Tensor

    from prosa.data.batches import Batch
    from prosa.models.cnn import TextCNN
    from prosa.models.linear_text import LinearText
    from prosa.models.scored import Scored

Method = Literal["transformer", "cnn", "naive-bayes", "logistic", "svm"]


@dataclass(frozen=True)
class ClassifyConfig(TrainConfig):
    """How a classifier is trained; what differs from pretraining, and its own."""

    method: Method = "transformer"
    """transformer: the model that --model names, or a new GPT. cnn: a new convolutional network. naive-bayes, logistic,
    svm: from bags of words; the training options below do not concern them."""
    epochs: float = 10.0
    """With steps 0: the most passes over the texts. 0: no limit."""
    batch_size: int = 16
    """Texts a step, over the whole step."""
    micro_batch: int = 0
    """Texts a process computes at once; a divisor of batch_size. 0: as many as the memory takes."""
    document_mask: bool = False
    """Every text is alone and sees no other: always false here."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """adamw, or muon for the hidden matrices with AdamW for the rest."""
    lr: float = 1e-3
    """AdamW's peak learning rate."""
    embedding_lr: float = 0.0
    """AdamW's peak learning rate for the embeddings. 0: the same as lr."""
    schedule: Literal["cosine", "linear", "constant"] = "linear"
    """How the learning rate falls after the warm-up."""
    decay_fraction: float = 0.9
    """With linear: the fraction of the steps, at the end, over which the learning rate falls."""
    held_out: float = 0.2
    """Share of each class that is not trained on but measured on; the same texts whatever their order."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.held_out < 1 or self.document_mask:
            raise UserError(
                tr(
                    f"classify: held_out is {self.held_out!r} but must be from 0 to below 1; document_mask must be "
                    "false.",
                    f"classify: held_out é {self.held_out!r}, mas deve ser de 0 a menos de 1; document_mask deve ser "
                    "false.",
                )
            )


class ClassLoss:
    """Cross-entropy of the labels, in nats a text (or image); an objective of ``train.loop``.

    Args:
        outputs: model and batch -> (B, n) logits; of a decoder unless told.
    """

    def __init__(self, outputs: "Callable[[Any, Any], Tensor] | None" = None) -> None:
        self.outputs = outputs

    def __call__(self, model: Any, batch: "Batch") -> "tuple[Tensor, int, dict[str, float]]":
        """See ``train.objectives.Objective``; the targets are the labels' numbers. The other sum is ``accuracy``."""
        import torch.nn.functional as F

        from prosa.align.scoring import outputs_of

        outputs: Any = self.outputs or outputs_of
        logits = outputs(model, batch)
        right = (logits.detach().argmax(-1) == batch.targets).sum()
        loss = F.cross_entropy(logits, batch.targets, reduction="sum")
        return loss, len(batch.targets), {"accuracy": float(right)}


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of a text."""

    text: str
    label: str
    probabilities: dict[str, float] | None
    """Of every class; None of an svm, which knows none."""
    cut: bool
    """The text is longer than the context: only its beginning was read."""
    margins: dict[str, float] | None = None
    """Of an svm: how far inside each class the text is; negative: outside."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "text": self.text,
            "label": self.label,
            **({"probabilities": self.probabilities} if self.probabilities is not None else {}),
            **({"margins": self.margins} if self.margins is not None else {}),
            "cut": self.cut,
        }


class TextClassifier(Protocol):
    """What says of texts which class they are of."""

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """The class of each text; it does not depend on the other texts.

        Raises:
            UserError: an empty text, or one with a lone surrogate.
        """
        ...


class Classifier:
    """Classifies texts.

    Args:
        network: moved to the device (in place).
        tokenizer: the one whose ids it knows.
        device: "auto": CUDA, else MPS, else the CPU.
    """

    def __init__(self, network: "Scored | TextCNN", tokenizer: Tokenizer, *, device: DeviceName = "auto") -> None:
        self.network = network.to(choose_device(device)).eval()
        self.tokenizer = tokenizer
        self.frame = frame_of(network, tokenizer)

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """The class of each text, in float32; see ``TextClassifier``."""
        from prosa.align.scoring import score_sequences
        from prosa.data.labelled_batches import encode_texts

        labels, context = self.network.config.labels, self.network.config.context
        encoded = encode_texts(self.tokenizer, _as_learnt(texts))
        logits = score_sequences(self.network, [self.frame.around(ids, context).tolist() for ids in encoded])
        return [
            Prediction(
                text, labels[max(range(len(row)), key=row.__getitem__)], dict(zip(labels, row, strict=True)), cut
            )
            for text, row, cut in zip(
                texts,
                logits.softmax(-1).tolist(),
                (self.frame.cuts(ids, context) for ids in encoded),
                strict=True,
            )
        ]


class LinearClassifier:
    """Classifies texts by their bags of words."""

    def __init__(self, model: "LinearText") -> None:
        self.model = model

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """The class of each text; see ``TextClassifier``."""
        from prosa.models.linear_text import softmax

        labels, margins_only = self.model.labels, self.model.method == "svm"
        found = []
        for text, y in zip(texts, self.model.outputs(_as_learnt(texts)), strict=True):
            of_class = dict(zip(labels, (y if margins_only else softmax(y[None])[0]).tolist(), strict=True))
            label = labels[int(y.argmax())]
            found.append(
                Prediction(text, label, None, False, of_class)
                if margins_only
                else Prediction(text, label, of_class, False)
            )
        return found


def _as_learnt(texts: Sequence[str]) -> list[str]:
    """The texts in NFC, as training texts are; none may be empty or have a lone surrogate."""
    from prosa.data.labelled import is_blank

    for text in texts:
        if is_blank(text):
            raise UserError(tr("an empty text has no class.", "um texto vazio não tem classe."))
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise UserError(
                tr(f"{text!r} has half of a character.", f"{text!r} tem metade de um caractere (surrogate solto).")
            )
    return [unicodedata.normalize("NFC", text) for text in texts]


def frame_of(network: "Scored | TextCNN", tokenizer: Tokenizer) -> Frame:
    """What stands around a text that the model reads.

    Raises:
        UserError: the model is BERT and the tokenizer has no [CLS] and [SEP].
    """
    return bert_frame(tokenizer) if network.reads_first else Frame()


def load_classifier(folder: Path, *, device: DeviceName = "auto") -> TextClassifier:
    """The classifier of a folder that ``prosa train-classifier`` made, or of that form.

    Raises:
        UserError: it is none, something is missing or damaged, or its tokenizer is not the one it was trained with.
    """
    from prosa.models.cnn import TEXT_TYPE, TextCNN, load_cnn
    from prosa.models.folder import read_config
    from prosa.models.huggingface import check_tokenizer
    from prosa.models.huggingface_scored import load_scored
    from prosa.models.linear_text import is_linear, load_linear
    from prosa.tokenizers.load import load

    config = read_config(folder)
    if is_linear(config):
        return LinearClassifier(load_linear(folder))
    if config.get("model_type") == TEXT_TYPE:
        cnn, tokenizer = load_cnn(folder), load(folder)
        assert isinstance(cnn, TextCNN)
        check_tokenizer(folder, tokenizer, cnn.config.vocab_size)
        return Classifier(cnn, tokenizer, device=device)
    network = load_scored(folder)
    if len(network.config.labels) < 2:
        raise UserError(
            tr(
                f"{folder} is a reward model, not a classifier.",
                f"{folder} é um modelo de recompensa, não um classificador.",
            )
        )
    tokenizer = load(folder)
    check_tokenizer(folder, tokenizer, network.config.backbone.vocab_size)
    return Classifier(network.float(), tokenizer, device=device)
