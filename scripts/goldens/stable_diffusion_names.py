"""Goldens for models/key_maps_stable_diffusion_test.cpp: the names of Stable Diffusion 1.x's original file (CompVis/stable-diffusion,
ldm/modules/diffusionmodules) and what diffusers' own conversion makes of them, for a small and the full size.

diffusers' result must be exactly the names and shapes of its models, which shows that the original names below are complete.
The golden keeps modules, not tensors: .weight and .bias go together."""
import json
import pathlib

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint

from check_stable_diffusion import UNET, VAE

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens"
SMALL_UNET = dict(sample_size=8, block_out_channels=[32, 64, 64], layers_per_block=1, cross_attention_dim=24,
                  down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
                  up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"])
SMALL_VAE = dict(block_out_channels=[32, 32], down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2, layers_per_block=1,
                 latent_channels=4, sample_size=16)
ATTENTION = ["norm", "proj_in", "proj_out"] + ["transformer_blocks.0." + part for part in (
    "norm1", "norm2", "norm3", "ff.net.0.proj", "ff.net.2", *(f"attn{i}.{layer}" for i in (1, 2) for layer in ("to_q", "to_k", "to_v", "to_out.0")))]
RESNET = ["in_layers.0", "in_layers.2", "emb_layers.1", "out_layers.0", "out_layers.3"]


def unet_modules(config):
    """Modules of the original UNet: openaimodel.py, UNetModel."""
    channels, layers, modules = config["block_out_channels"], config["layers_per_block"], ["time_embed.0", "time_embed.2", "out.0", "out.2", "input_blocks.0.0"]

    def add(prefix, ins, outs, attends):
        modules.extend(f"{prefix}.0.{name}" for name in RESNET + (["skip_connection"] if ins != outs else []))
        modules.extend(f"{prefix}.1.{name}" for name in (ATTENTION if attends else []))

    at, skips, number = channels[0], [channels[0]], 1
    for level, width in enumerate(channels):
        for _ in range(layers):
            add(f"input_blocks.{number}", at, width, config["down_block_types"][level].startswith("Cross"))
            at, number = width, number + 1
            skips.append(at)
        if level + 1 < len(channels):
            modules.append(f"input_blocks.{number}.0.op")
            skips.append(at)
            number += 1
    modules.extend(f"middle_block.{i}.{name}" for i in (0, 2) for name in RESNET)
    modules.extend(f"middle_block.1.{name}" for name in ATTENTION)
    number = 0
    for up, width in enumerate(reversed(channels)):
        attends = config["up_block_types"][up].startswith("Cross")
        for layer in range(layers + 1):
            add(f"output_blocks.{number}", at + skips.pop(), width, attends)
            if layer == layers and up + 1 < len(channels):
                modules.append(f"output_blocks.{number}.{2 if attends else 1}.conv")
            at, number = width, number + 1
    return ["model.diffusion_model." + module for module in modules]


def vae_modules(config):
    """Modules of the original autoencoder: model.py, Encoder and Decoder."""
    channels, layers, modules = config["block_out_channels"], config["layers_per_block"], ["quant_conv", "post_quant_conv"]
    resnet = lambda prefix, ins, outs: modules.extend(f"{prefix}.{name}" for name in ["norm1", "conv1", "norm2", "conv2"] + (["nin_shortcut"] if ins != outs else []))
    for half in ("encoder", "decoder"):
        modules.extend(f"{half}.{name}" for name in ("conv_in", "norm_out", "conv_out"))
        for block in ("block_1", "block_2"):
            resnet(f"{half}.mid.{block}", 0, 0)
        modules.extend(f"{half}.mid.attn_1.{name}" for name in ("norm", "q", "k", "v", "proj_out"))
    at = channels[0]
    for level, width in enumerate(channels):
        for layer in range(layers):
            resnet(f"encoder.down.{level}.block.{layer}", at, width)
            at = width
        if level + 1 < len(channels):
            modules.append(f"encoder.down.{level}.downsample.conv")
    for level in reversed(range(len(channels))):
        for layer in range(layers + 1):
            resnet(f"decoder.up.{level}.block.{layer}", at, channels[level])
            at = channels[level]
        if level > 0:
            modules.append(f"decoder.up.{level}.upsample.conv")
    return ["first_stage_model." + module for module in modules]


def convert(modules, model, convert_names, component):
    """{original module: component.module in diffusers}, by marking each tensor with its number."""
    names = [f"{module}.{kind}" for module in modules for kind in ("weight", "bias")]
    marks = {name: torch.full((1, 1, 1, 1) if ".attn_1." in name and name.endswith("weight") else (1,), float(i)) for i, name in enumerate(names)}
    converted = convert_names(dict(marks), dict(model.config))
    result = {}
    for name, mark in converted.items():
        if mark is not None:
            original = names[int(mark.flatten()[0])]
            assert original.rsplit(".", 1)[1] == name.rsplit(".", 1)[1]
            result.setdefault(original.rsplit(".", 1)[0], f"{component}.{name.rsplit('.', 1)[0]}")
    assert {f"{component}.{name.rsplit('.', 1)[0]}" for name in model.state_dict()} == set(result.values()), component
    assert set(modules) == set(result), set(modules) ^ set(result)
    return result


def main():
    cases = {}
    for name, unet, vae in (("small", SMALL_UNET, SMALL_VAE), ("full", {"block_out_channels": [320, 640, 1280, 1280], "layers_per_block": 2} | UNET, VAE)):
        with torch.device("meta"):
            models = UNet2DConditionModel(**unet), AutoencoderKL(**vae)
        configs = [dict(model.config) for model in models]
        pairs = convert(unet_modules(configs[0]), models[0], convert_ldm_unet_checkpoint, "unet")
        pairs |= convert(vae_modules(configs[1]), models[1], convert_ldm_vae_checkpoint, "vae")
        cases[name] = dict(unet=configs[0], vae=configs[1], modules=pairs)
        print(f"{name}: {len(pairs)} modules")
    (FOLDER / "stable_diffusion_names.json").write_text(json.dumps(cases, separators=(",", ":"), default=str))


if __name__ == "__main__":
    main()
