"""Loads our weight files into the Python programs they are meant for and compares the outputs (1e-5).

    DEFOUND_INTERCHANGE=/tmp/files build/tests/models_test --gtest_filter='Interchange.*'
    python scripts/goldens/check_interchange.py /tmp/files

The folder holds best.safetensors and mae.safetensors, each with an input and output saved as *_pair.safetensors.
Either file may be given by itself: --vit FILE PAIR, --mae FILE PAIR.
"""
import argparse
import json
import pathlib
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from timm.models.vision_transformer import Block, VisionTransformer
from transformers import ViTMAEConfig, ViTMAEForPreTraining

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from mae_names import from_reference


def read_config(path):
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["defound.config"])


def report(what, found, expected):
    error = ((found - expected).abs().max() / expected.abs().max()).item()
    print(f"{what}: relative error {error:.2e}")
    if not error < 1e-5:
        sys.exit(f"{what} differs")


@torch.no_grad()
def check_vit(path, pair):
    config = read_config(path)
    names = ("img_size", "patch_size", "in_chans", "embed_dim", "depth", "num_heads", "mlp_ratio", "num_classes", "global_pool")
    model = VisionTransformer(**{name: config[name] for name in names}).eval()
    model.load_state_dict(load_file(path), strict=True)
    example = load_file(pair)
    report("timm logits", model(example["images"]), example["logits"])


def reference_keys(config):
    """Names and shapes of facebookresearch/mae models_mae.py, whose blocks are timm's."""
    width, decoder_width, patch = config["embed_dim"], config["decoder_embed_dim"], config["patch_size"]
    patches = (config["img_size"] // patch) ** 2
    shapes = {"cls_token": (1, 1, width), "pos_embed": (1, patches + 1, width), "mask_token": (1, 1, decoder_width),
              "decoder_pos_embed": (1, patches + 1, decoder_width), "patch_embed.proj.weight": (width, config["in_chans"], patch, patch),
              "patch_embed.proj.bias": (width,), "decoder_embed.weight": (decoder_width, width), "decoder_embed.bias": (decoder_width,),
              "decoder_pred.weight": (patch * patch * config["in_chans"], decoder_width), "decoder_pred.bias": (patch * patch * config["in_chans"],)}
    for norm, size in (("norm", width), ("decoder_norm", decoder_width)):
        shapes |= {f"{norm}.weight": (size,), f"{norm}.bias": (size,)}
    for blocks, depth, size, heads in (("blocks", config["depth"], width, config["num_heads"]),
                                       ("decoder_blocks", config["decoder_depth"], decoder_width, config["decoder_num_heads"])):
        block = Block(size, heads, config["mlp_ratio"], qkv_bias=True)
        for i in range(depth):
            shapes |= {f"{blocks}.{i}.{name}": tuple(tensor.shape) for name, tensor in block.state_dict().items()}
    return shapes


@torch.no_grad()
def check_mae(path, pair):
    config, tensors, example = read_config(path), load_file(path), load_file(pair)
    expected, found = reference_keys(config), {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if expected != found:
        sys.exit(f"keys or shapes differ from the reference: {sorted(set(expected.items()) ^ set(found.items()))[:10]}")
    print(f"facebookresearch/mae: all {len(found)} names and shapes agree")
    model = ViTMAEForPreTraining(ViTMAEConfig(
        image_size=config["img_size"], patch_size=config["patch_size"], num_channels=config["in_chans"], hidden_size=config["embed_dim"],
        num_hidden_layers=config["depth"], num_attention_heads=config["num_heads"], intermediate_size=int(config["mlp_ratio"] * config["embed_dim"]),
        decoder_hidden_size=config["decoder_embed_dim"], decoder_num_hidden_layers=config["decoder_depth"],
        decoder_num_attention_heads=config["decoder_num_heads"], decoder_intermediate_size=int(config["mlp_ratio"] * config["decoder_embed_dim"]),
        mask_ratio=0.75, norm_pix_loss=config["norm_pix_loss"], layer_norm_eps=1e-6)).eval()
    model.load_state_dict(from_reference(model.state_dict(), tensors), strict=True)
    out = model(pixel_values=example["images"], noise=example["noise"])
    report("transformers MAE loss", out.loss, example["loss"])
    report("transformers MAE prediction", out.logits, example["prediction"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path)
    parser.add_argument("--vit", nargs=2, metavar=("FILE", "PAIR"))
    parser.add_argument("--mae", nargs=2, metavar=("FILE", "PAIR"))
    args = parser.parse_args()
    if args.folder:
        args.vit = args.vit or (args.folder / "best.safetensors", args.folder / "best_pair.safetensors")
        args.mae = args.mae or (args.folder / "mae.safetensors", args.folder / "mae_pair.safetensors")
    if args.vit:
        check_vit(*args.vit)
    if args.mae:
        check_mae(*args.mae)
