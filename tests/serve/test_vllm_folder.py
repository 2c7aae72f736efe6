"""What vLLM needs of a model folder, seen through transformers, which it reads folders with.

vLLM picks its model by ``architectures``, takes the context from ``max_position_embeddings``, loads every tensor of the
architecture by name, renders messages with the folder's chat template, ends a reply at the ``eos_token_id`` of
generation_config.json and shows text without special tokens.
"""

import json
from pathlib import Path

import pytest
import torch

from prosa.align.sft import SftConfig
from prosa.core.files import mark_complete
from prosa.generate.engine import Engine
from prosa.generate.reply import replies
from prosa.generate.sampling import Sampling
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import save_model
from prosa.pipeline.run import load
from prosa.pipeline.sft import sft
from prosa.tokenizers.chat import ChatEncoder, Message
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train

transformers = pytest.importorskip("transformers")

ASKED = "Qual é a capital da França?"
ANSWER = "A capital da França é Paris."
VLLM_HAS = {"Qwen3ForCausalLM", "GPT2LMHeadModel"}  # of its list of supported models, those that ours are


@pytest.fixture(scope="module", params=["modern", "classic"])
def assistant(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows one answer by heart, as `prosa sft` leaves it."""
    run = tmp_path_factory.mktemp(request.param)
    tokenizer = train([f"{ASKED} {ANSWER}"] * 4, TokenizerConfig(vocab_size=320))
    torch.manual_seed(0)
    shape = {"modern": {}, "classic": {"shape": "classic"}}[request.param]
    save_model(GPT(GPTConfig(320, 64, 2, 2, 32, **shape)), run / "base", tokenizer=tokenizer)
    mark_complete(run / "base")
    (run / "talks.jsonl").write_text(json.dumps({"instruction": ASKED, "output": ANSWER}) + "\n", encoding="utf-8")
    quick = SftConfig(
        steps=60, held_out=0.0, batch_size=1, micro_batch=1, precision="float32", workers=1, compile=False, lr=1e-2
    )
    return sft(str(run / "base"), data=(run / "talks.jsonl",), out=run, sft=quick).folder


def test_the_architecture_is_one_that_vllm_has_with_the_whole_context(assistant: Path) -> None:
    config = transformers.AutoConfig.from_pretrained(assistant)
    assert set(config.architectures) <= VLLM_HAS
    assert config.max_position_embeddings == 64
    assert not getattr(config, "auto_map", None)  # no code of the folder's own is to be trusted


def test_every_tensor_has_the_name_and_shape_of_the_architecture(assistant: Path) -> None:
    theirs, report = transformers.AutoModelForCausalLM.from_pretrained(assistant, output_loading_info=True)
    assert not (set(report["missing_keys"]) | set(report["unexpected_keys"]) | set(report["mismatched_keys"]))
    assert theirs.generation_config.eos_token_id == [
        transformers.AutoTokenizer.from_pretrained(assistant).convert_tokens_to_ids(token)
        for token in ("<|endoftext|>", "<|end|>")
    ]


def test_a_request_is_read_and_answered_as_by_our_own_engine(assistant: Path) -> None:
    network, tokenizer, folder = load(str(assistant))
    encoder = ChatEncoder(tokenizer)
    greedy = Sampling(temperature=0)
    (ours,) = replies(Engine(network, tokenizer), encoder, [[Message("user", ASKED)]], greedy, max_tokens=40)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    their_tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    read = their_tokenizer.apply_chat_template(
        [{"role": "user", "content": ASKED}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    assert read["input_ids"][0].tolist() == list(ours.prompt)
    written = theirs.generate(**read, do_sample=False, max_new_tokens=40)[0, len(ours.prompt) :]
    assert written.tolist() == list(ours.ids)
    assert their_tokenizer.decode(written, skip_special_tokens=True) == ours.text == ANSWER
