"""Names of facebookresearch/mae for the parameters of transformers' ViTMAEForPreTraining, and back."""
import re

import torch

PLAIN = [
    (r"^vit\.embeddings\.cls_token$", "cls_token"),
    (r"^vit\.embeddings\.position_embeddings$", "pos_embed"),
    (r"^vit\.embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^vit\.layernorm\.", "norm."),
    (r"^vit\.layers\.", "blocks."),
    (r"^decoder\.mask_token$", "mask_token"),
    (r"^decoder\.decoder_layers\.", "decoder_blocks."),
    (r"^decoder\.", ""),
]
IN_BLOCK = [(".layernorm_before.", ".norm1."), (".layernorm_after.", ".norm2."), (".attention.o_proj.", ".attn.proj.")]


def reference_name(name):
    for pattern, replacement in PLAIN:
        name, count = re.subn(pattern, replacement, name)
        if count:
            break
    for ours, theirs in IN_BLOCK:
        name = name.replace(ours, theirs)
    return name


def to_reference(tensors):
    """{transformers name: tensor} -> {reference name: tensor}; q, k, v become one qkv."""
    out = {}
    for name, tensor in tensors.items():
        if re.search(r"\.attention\.[qkv]_proj\.", name):
            if ".q_proj." in name:
                parts = [tensors[name.replace(".q_proj.", f".{x}_proj.")] for x in "qkv"]
                out[reference_name(name).replace(".attention.q_proj.", ".attn.qkv.")] = torch.cat(parts)
        else:
            out[reference_name(name)] = tensor
    return out


def from_reference(names, tensors):
    """The tensors of a reference file under transformers' names."""
    out = {}
    for name in names:
        part = re.search(r"\.attention\.([qkv])_proj\.", name)
        if part:
            packed = tensors[reference_name(name).replace(f".attention.{part[1]}_proj.", ".attn.qkv.")]
            out[name] = packed.chunk(3)["qkv".index(part[1])]
        else:
            out[name] = tensors[reference_name(name)]
    return out
