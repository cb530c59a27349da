#!/usr/bin/env python3
"""Random-weight models at real shapes, for timing: a Hugging Face folder and a GGUF file of the same bf16 weights.

    python models.py [--no-gguf] FOLDER NAME...        needs numpy and gguf

writes the folder FOLDER/NAME and, unless told not to, the file FOLDER/NAME-BF16.gguf. Speed does not depend on what the weights are,
and random ones need no download. The tokenizer knows no words: the benches feed token ids.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

CONTEXT = 8192
ROPE_BASE = 10000.0
NORM_EPS = 1e-5


@dataclass(frozen=True)
class Shape:
    layers: int
    width: int
    heads: int
    kv_heads: int
    feed_forward: int
    vocabulary: int

    @property
    def head_width(self) -> int:
        return self.width // self.heads


SHAPES = {
    # SmolLM2-135M's shape.
    "135m": Shape(layers=30, width=576, heads=9, kv_heads=3, feed_forward=1536, vocabulary=49152),
    # Qwen3-0.6B's sizes, save for its heads, which are twice as wide.
    "0.6b": Shape(layers=28, width=1024, heads=16, kv_heads=8, feed_forward=3072, vocabulary=151936),
    # Llama 3.1 8B's, save that its output matrix is the embedding. Takes 16 GB of memory to make, for GPUs.
    "8b": Shape(layers=32, width=4096, heads=32, kv_heads=8, feed_forward=14336, vocabulary=128256),
}

# Hugging Face's names within a layer, llama.cpp's, and the size of the matrix.
MATRICES = [
    ("self_attn.q_proj", "attn_q", lambda s: (s.width, s.width)),
    ("self_attn.k_proj", "attn_k", lambda s: (s.kv_heads * s.head_width, s.width)),
    ("self_attn.v_proj", "attn_v", lambda s: (s.kv_heads * s.head_width, s.width)),
    ("self_attn.o_proj", "attn_output", lambda s: (s.width, s.width)),
    ("mlp.gate_proj", "ffn_gate", lambda s: (s.feed_forward, s.width)),
    ("mlp.up_proj", "ffn_up", lambda s: (s.feed_forward, s.width)),
    ("mlp.down_proj", "ffn_down", lambda s: (s.width, s.feed_forward)),
]
NORMS = [("input_layernorm", "attn_norm"), ("post_attention_layernorm", "ffn_norm")]


def tensors(shape: Shape):
    """Yields (Hugging Face's name, llama.cpp's name, heads whose rows llama.cpp reorders, values).

    The values are f32 that bf16 holds exactly, so that both files carry the same numbers.
    """
    random = np.random.default_rng(20)

    def matrix(rows: int, columns: int, deviation: float) -> np.ndarray:
        values = random.standard_normal((rows, columns), dtype=np.float32)
        values *= np.float32(deviation)
        values.view(np.uint32)[...] &= np.uint32(0xFFFF0000)
        return values

    ones = np.ones(shape.width, np.float32)
    yield "model.embed_tokens", "token_embd", 0, matrix(shape.vocabulary, shape.width, 0.05)
    for layer in range(shape.layers):
        hf, cpp = f"model.layers.{layer}.", f"blk.{layer}."
        for norm_hf, norm_cpp in NORMS:
            yield hf + norm_hf, cpp + norm_cpp, 0, ones
        for name_hf, name_cpp, size in MATRICES:
            rows, columns = size(shape)
            heads = {"attn_q": shape.heads, "attn_k": shape.kv_heads}.get(name_cpp, 0)
            yield hf + name_hf, cpp + name_cpp, heads, matrix(rows, columns, columns**-0.5)
    yield "model.norm", "output_norm", 0, ones


def neighbors(rows: np.ndarray, heads: int) -> np.ndarray:
    """The rows of a projection in llama.cpp's order for this architecture.

    Hugging Face rotates component i of a head together with i + half, llama.cpp 2i together with 2i + 1.
    """
    by_half = rows.reshape(heads, 2, -1, rows.shape[1])
    return np.ascontiguousarray(by_half.transpose(0, 2, 1, 3)).reshape(rows.shape)


def bf16(values: np.ndarray) -> np.ndarray:
    return (values.view(np.uint32) >> np.uint32(16)).astype(np.uint16)


def write_folder(folder: Path, shape: Shape) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    stored = [(name + ".weight", bf16(values)) for name, _, _, values in tensors(shape)]
    # The format: length of the header, the header as JSON, the tensors one after the other.
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, values in stored:
        end = offset + values.nbytes
        header[name] = {"dtype": "BF16", "shape": values.shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, values in stored:
            values.tofile(file)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": shape.width,
        "intermediate_size": shape.feed_forward,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": CONTEXT,
        "rope_theta": ROPE_BASE,
        "rms_norm_eps": NORM_EPS,
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    special = [{"id": i, "content": text} for i, text in enumerate(["<unk>", "<s>", "</s>"])]
    plain = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
    vocabulary = {token["content"]: token["id"] for token in special}
    tokenizer = {
        "version": "1.0",
        "added_tokens": [token | plain for token in special],
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"},
    }
    write_json(folder / "tokenizer.json", tokenizer)
    write_json(folder / "tokenizer_config.json", {"bos_token": "<s>", "eos_token": "</s>"})
    # Last, since its being there says that the folder is complete.
    write_json(folder / "config.json", config)


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")


def write_gguf(path: Path, name: str, shape: Shape) -> None:
    unfinished = path.with_suffix(".part")
    writer = gguf.GGUFWriter(unfinished, "llama")
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)
    writer.add_context_length(CONTEXT)
    writer.add_block_count(shape.layers)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_layer_norm_rms_eps(NORM_EPS)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_tokenizer_model("none")
    for _, tensor, heads, values in tensors(shape):
        if heads:
            values = neighbors(values, heads)
        if values.ndim == 1:
            writer.add_tensor(tensor + ".weight", values)
        else:
            kind = gguf.GGMLQuantizationType.BF16
            # The shape in bytes, as the writer wants it for data that it does not convert.
            writer.add_tensor(tensor + ".weight", bf16(values).view(np.uint8), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(unfinished, path)


def main() -> None:
    words = [word for word in sys.argv[1:] if word != "--no-gguf"]
    if len(words) < 2 or not set(words[1:]) <= SHAPES.keys():
        sys.exit(f"usage: models.py [--no-gguf] FOLDER NAME... (of {', '.join(SHAPES)})")
    folder = Path(words[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name in words[1:]:
        shape = SHAPES[name]
        if not (folder / name / "config.json").exists():
            write_folder(folder / name, shape)
        if "--no-gguf" not in sys.argv and not (folder / f"{name}-BF16.gguf").exists():
            write_gguf(folder / f"{name}-BF16.gguf", name, shape)


main()
