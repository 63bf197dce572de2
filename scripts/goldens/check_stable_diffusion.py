"""Checks Stable Diffusion 1.4 in its full size, with seeded random weights, against diffusers and transformers.

    check_stable_diffusion.py TEST [--folder FOLDER]
    check_stable_diffusion.py --product GENERATOR

The first writes a diffusers folder (4.3 GB) and what its parts compute, and runs TEST (a program with the StableDiffusion tests),
which loads the folder and compares its own UNet, autoencoder and text encoder. Without --folder a temporary one is used.
The second loads a folder that defound-train-generator made from Stable Diffusion with StableDiffusionPipeline and draws its labels."""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

import stable_diffusion
from tokenizer import write_folder

UNET = dict(sample_size=64, cross_attention_dim=768)
VAE = dict(block_out_channels=[128, 256, 512, 512], down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
           layers_per_block=2, latent_channels=4, sample_size=512)
TEXT = dict(hidden_size=768, intermediate_size=3072, num_attention_heads=12, num_hidden_layers=12, hidden_act="quick_gelu", eos_token_id=2,
            bos_token_id=0, pad_token_id=1)


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def main(test, folder):
    torch.manual_seed(0)
    (folder / "files").mkdir(parents=True)
    write_folder(folder / "files")
    models = UNet2DConditionModel(**UNET), AutoencoderKL(**VAE), CLIPTextModel(CLIPTextConfig(**TEXT))
    for name, model in zip(("UNet", "VAE", "text encoder"), models):
        print(f"{name}: {count(model):,} parameters")
    pipeline = stable_diffusion.make_pipeline(folder / "sd", *(stable_diffusion.shake(model, 0.002) for model in models), folder / "files")
    del models
    pair = {key: value.contiguous() for key, value in stable_diffusion.pair_of(pipeline).items()}
    save_file(pair, folder / "pair.safetensors", metadata=dict(prompts=json.dumps(stable_diffusion.PROMPTS)))
    del pipeline
    subprocess.run([test, "--gtest_filter=StableDiffusion.PartsComputeWhatTheirReferencesDo"], check=True,
                   env=os.environ | {"DEFOUND_STABLE_DIFFUSION": str(folder)})


def check_product(folder):
    faults = []
    for kind, part in ((UNet2DConditionModel, "unet"), (AutoencoderKL, "vae"), (CLIPTextModel, "text_encoder")):
        _, info = kind.from_pretrained(folder / part, output_loading_info=True)
        faults += [f"{part}: {what}: {names}" for what, names in info.items() if names]
    pipeline = StableDiffusionPipeline.from_pretrained(folder)
    prompts = [item["prompt"] for item in json.loads((folder / "labels.json").read_text())["labels"]]
    images = pipeline(prompts, num_inference_steps=2, output_type="np").images
    print(f"{type(pipeline).__name__} drew {images.shape} of {prompts}")
    sys.exit("\n".join(faults))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("test", nargs="?", help="a test program with the StableDiffusion tests")
    parser.add_argument("--product", type=pathlib.Path, metavar="GENERATOR", help="a generator folder to load")
    parser.add_argument("--folder", type=pathlib.Path, help="a new folder for the files")
    arguments = parser.parse_args()
    if bool(arguments.test) == bool(arguments.product):
        parser.error("give TEST or --product GENERATOR")
    if arguments.product:
        check_product(arguments.product)
    with tempfile.TemporaryDirectory() as temporary:
        main(arguments.test, arguments.folder or pathlib.Path(temporary))
