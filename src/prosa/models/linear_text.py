"""A linear classifier of texts: a weight for each n-gram and class, added up over the text's bag of words.

    y = x W + b        x: (N, V), ``bag_of_words.py``;  W: (V, K);  y: (N, K);  the class is the largest y

    naive-bayes   W[t, c] = ln P(t | c), b[c] = ln P(c); y is ln P(c, text), its softmax P(c | text)
                  P(t | c) = (count of t in texts of c + a) / (all counts there + a V)    (McCallum & Nigam 1998)
    logistic      minimises ½ |W|² + C sum of -ln softmax(y)[label]; softmax(y) is P(c | text)        (Cox 1958)
    svm           minimises ½ |W|² + C sum of max(0, 1 - m)²; y are margins, no probabilities  (Cortes & Vapnik 1995)

With two classes logistic and svm have one column, of the second class: y = (0, m), or (-m, m). Learning is in
``train.classical``; here is what is needed to classify: numpy alone. The folder has ``config.json``,
``model.safetensors`` (W and b in float32, idf) and ``vocabulary.json``.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from prosa.core.errors import UserError
from prosa.core.files import read_json, write_text
from prosa.core.language import tr
from prosa.models.bag_of_words import LONGEST_NGRAM, Bag, FeatureName

LinearMethod = Literal["naive-bayes", "logistic", "svm"]
MODEL_TYPE = "prosa-linear-text"
VOCABULARY = "vocabulary.json"


@dataclass(frozen=True)
class LinearText:
    """A classifier of texts.

    Attributes:
        labels: K classes.
        weight: (V, K), or (V, 1) for logistic and svm of two classes; float32.
        bias: (K,), or (1,).
    """

    method: LinearMethod
    labels: tuple[str, ...]
    bag: Bag
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def outputs(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """y of each text, (N, K)."""
        y_NK = self.bag.rows(texts).times(self.weight) + self.bias
        if y_NK.shape[1] == 1:
            first = -y_NK if self.method == "svm" else np.zeros_like(y_NK)
            y_NK = np.concatenate([first, y_NK], 1)
        return y_NK

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """How probable each class is, (N, K); not of an svm, whose margins are none.

        Raises:
            ValueError: it is an svm.
        """
        if self.method == "svm":
            raise ValueError("an svm has margins, not probabilities")
        return softmax(self.outputs(texts))


def softmax(y_NK: NDArray[np.float64]) -> NDArray[np.float64]:
    """exp(y) / sum of exp(y) in each row."""
    e_NK = np.exp(y_NK - y_NK.max(1, keepdims=True))
    softened: NDArray[np.float64] = e_NK / e_NK.sum(1, keepdims=True)
    return softened


def save_linear(model: LinearText, folder: Path) -> None:
    """Write the model's folder.

    Raises:
        UserError: the folder cannot be written or the disk is full.
    """
    from torch import from_numpy

    from prosa.models.folder import write_folder

    vocabulary = json.dumps(model.bag.terms, ensure_ascii=False) + "\n"
    write_text(folder / VOCABULARY, vocabulary)
    config = {
        "model_type": MODEL_TYPE,
        "method": model.method,
        "features": model.bag.features,
        "ngrams": list(model.bag.lengths),
        "id2label": {str(n): label for n, label in enumerate(model.labels)},
        "vocabulary_sha256": hashlib.sha256(vocabulary.encode("utf-8")).hexdigest(),
    }
    arrays: dict[str, NDArray[Any]] = {"weight": model.weight, "bias": model.bias}
    if model.bag.idf is not None:
        arrays["idf"] = model.bag.idf
    write_folder(folder, config, {name: from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()})


def is_linear(config: Mapping[str, Any]) -> bool:
    """Whether a ``config.json`` is of such a classifier."""
    return config.get("model_type") == MODEL_TYPE


def load_linear(folder: Path) -> LinearText:
    """The classifier in a folder.

    Raises:
        UserError: a part is missing, damaged, or fits no other.
    """
    from prosa.models.folder import CONFIG, read_config, read_weights

    config = read_config(folder)
    tensors, where = read_weights(folder)
    terms = read_json(folder / VOCABULARY)
    names: Any = config.get("id2label")
    lengths: Any = config.get("ngrams")
    method: Any = config.get("method")
    features: Any = config.get("features")
    good = (
        method in get_args(LinearMethod)
        and features in get_args(FeatureName)
        and isinstance(names, dict)
        and sorted(names) == sorted(str(n) for n in range(len(names)))
        and isinstance(lengths, list)
        and len(lengths) == 2
        and all(isinstance(n, int) and 1 <= n <= LONGEST_NGRAM for n in lengths)
    )
    if not good:
        raise _damaged(folder / CONFIG)
    written = (folder / VOCABULARY).read_bytes()
    if (
        not isinstance(terms, list)
        or not all(isinstance(term, str) for term in terms)
        or hashlib.sha256(written).hexdigest() != config.get("vocabulary_sha256")
    ):
        raise _damaged(folder / VOCABULARY)
    labels = tuple(str(names[str(n)]) for n in range(len(names)))
    columns = 1 if len(labels) == 2 and method != "naive-bayes" else len(labels)
    shapes = {"weight": (len(terms), columns), "bias": (columns,)}
    if features != "counts":
        shapes["idf"] = (len(terms),)
    if {name: tuple(tensor.shape) for name, tensor in tensors.items()} != shapes:
        raise _damaged(Path(where))
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    bag = Bag(features, (lengths[0], lengths[1]), tuple(terms), arrays.get("idf"))
    return LinearText(method, labels, bag, arrays["weight"], arrays["bias"])


def _damaged(path: Path) -> UserError:
    return UserError(
        tr(f"{path} is damaged, or of another model.", f"{path} está danificado, ou é de outro modelo."),
        tr("Copy the model folder again.", "Copie a pasta do modelo de novo."),
    )
