"""llama.cpp's part of decoding.py, run by a Python that has ``xllamacpp``, ``gguf`` and ``safetensors``; not by hand.

Reads one JSON request a line, ``{"folder", "precision", "prompts", "tokens"}``; answers with ``{"seconds", "ids"}``.
A model folder of Qwen3's shape becomes a GGUF file once. Each (folder, precision, number of prompts) has a server with
as many slots and two threads, and the settings that came out fastest: a float16 cache, flash attention left to itself,
and a sampler that does no more than take the best token.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import xllamacpp
from safetensors.numpy import load_file

SLOTS = 512  # the longest text
WHOLE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
LAYER = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip


def write_gguf(folder: Path, precision: str, path: Path) -> None:
    """The folder's model as GGUF, its matrices in this precision; token i is the text "t<i>"."""
    c = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_context_length(c["max_position_embeddings"])
    writer.add_embedding_length(c["hidden_size"])
    writer.add_block_count(c["num_hidden_layers"])
    writer.add_feed_forward_length(c["intermediate_size"])
    writer.add_head_count(c["num_attention_heads"])
    writer.add_head_count_kv(c["num_key_value_heads"])
    writer.add_key_length(c["head_dim"])
    writer.add_value_length(c["head_dim"])
    writer.add_rope_freq_base(c["rope_theta"])
    writer.add_layer_norm_rms_eps(c["rms_norm_eps"])
    writer.add_vocab_size(c["vocab_size"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([f"t{i}" for i in range(c["vocab_size"])])
    writer.add_token_types([gguf.TokenType.NORMAL] * c["vocab_size"])
    writer.add_token_merges(["t 0"])
    writer.add_bos_token_id(c["vocab_size"] - 1)
    writer.add_eos_token_id(c["vocab_size"] - 1)
    writer.add_add_bos_token(False)
    low = gguf.GGMLQuantizationType.BF16
    for name, tensor in load_file(folder / "model.safetensors").items():
        base = name.removesuffix(".weight")
        if base in WHOLE:
            theirs = WHOLE[base]
        else:
            _, _, layer, part = base.split(".", 3)
            theirs = f"blk.{layer}.{LAYER[part]}"
        if precision == "bfloat16" and tensor.ndim == 2:
            writer.add_tensor(f"{theirs}.weight", gguf.quants.quantize(tensor, low), raw_dtype=low)
        else:
            writer.add_tensor(f"{theirs}.weight", tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def start(folder: Path, precision: str, rows: int) -> Any:
    """A server for so many prompts at once."""
    path = folder / f"{precision}.gguf"
    if not path.exists():
        write_gguf(folder, precision, path)
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_parallel = rows
    params.n_ctx = SLOTS * rows
    params.n_gpu_layers = 0
    params.fit_params = False
    params.verbosity = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    return xllamacpp.Server(params)


def complete(server: Any, prompts: list[list[int]], tokens: int) -> dict[str, Any]:
    """All prompts at once, greedily."""
    texts = [""] * len(prompts)

    def one(row: int) -> None:
        request = {
            "prompt": prompts[row], "n_predict": tokens, "temperature": 0, "samplers": ["top_k"], "top_k": 1,
            "cache_prompt": False,
        }  # fmt: skip
        texts[row] = server.handle_completions(request)["choices"][0]["text"]

    threads = [threading.Thread(target=one, args=(row,)) for row in range(len(prompts))]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "seconds": time.perf_counter() - begin,
        "ids": [[int(id) for id in text.split("t")[1:]] for text in texts],
    }


def main() -> None:
    """Answer requests until there are no more."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # llama.cpp prints to stdout
    np.seterr(all="ignore")
    servers: dict[tuple[str, str, int], Any] = {}
    for line in sys.stdin:
        request = json.loads(line)
        key = (request["folder"], request["precision"], len(request["prompts"]))
        if key not in servers:
            servers[key] = start(Path(key[0]), key[1], key[2])
        print(json.dumps(complete(servers[key], request["prompts"], request["tokens"])), file=out, flush=True)


if __name__ == "__main__":
    main()
