"""Checks a folder of defound-data cache-latents against diffusers and transformers.

    check_latent_cache.py CACHE GENERATOR

Encodes the images of the cache's manifest (center crop and mirror image, so --crops 0 or 1) with AutoencoderKL and its prompts
with CLIPTextModel, both of the diffusers folder GENERATOR, and prints the largest differences; exit 1 where they are above what the
cache's number type rounds away."""
import argparse
import csv
import json
import pathlib
import sys

import numpy
import torch
from diffusers import AutoencoderKL
from PIL import Image
from safetensors import safe_open
from transformers import CLIPTextModel, CLIPTokenizer

TOLERANCE = dict(fp16=2e-3, fp32=2e-5)  # of the largest value


def center_crop(path, size):
    """As diffusers' train_text_to_image.py: shorter side to size, center crop, values in -1..1."""
    image = Image.open(path).convert("RGB")
    scale = size / min(image.size)
    image = image.resize([size if side == min(image.size) else int(side * scale) for side in image.size], Image.BILINEAR)
    left, top = (round((side - size) / 2) for side in image.size)
    pixels = numpy.asarray(image.crop((left, top, left + size, top + size)), dtype=numpy.float32)
    return torch.from_numpy(pixels / 127.5 - 1).permute(2, 0, 1)


def difference(found, expected):
    return ((found.float() - expected).abs().max() / expected.abs().max()).item()


@torch.no_grad()
def main(cache, generator):
    info = json.loads((cache / "cache.json").read_text())
    if info["crops"] > 1:
        sys.exit("only caches of the center crop can be checked: --crops 0 or 1")
    vae = AutoencoderKL.from_pretrained(generator / "vae").eval()
    with open(cache / "manifest.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    worst = dict(latents=0.0, text=0.0)
    for shard, path in enumerate(sorted(cache.glob("latents-*.safetensors"))):
        moments = safe_open(path, "pt").get_tensor("moments")
        for place, views in enumerate(moments):
            row = rows[shard * info["images_per_shard"] + place]
            image = center_crop(cache / row["path"], info["resolution"])
            for view, found in enumerate(views):
                gaussian = vae.encode((image.flip(2) if view else image)[None]).latent_dist
                worst["latents"] = max(worst["latents"], difference(found, torch.cat([gaussian.mean, gaussian.logvar], 1)[0]))
    if info["prompts"]:
        encoder, tokenizer = CLIPTextModel.from_pretrained(generator / "text_encoder"), CLIPTokenizer.from_pretrained(generator / "tokenizer")
    for path in sorted(cache.glob("text-*.safetensors")):
        with safe_open(path, "pt") as file:
            prompts, states = json.loads(file.metadata()["defound.prompts"]), file.get_tensor("hidden_states")
        for prompt, found in zip(prompts, states, strict=True):
            ids = tokenizer(prompt, padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="pt").input_ids
            worst["text"] = max(worst["text"], difference(found, encoder(ids).last_hidden_state[0]))
    print(f"{len(rows)} images, {info['prompts']} prompts, {info['latent_type']}: relative differences {worst}")
    sys.exit(max(worst.values()) > TOLERANCE[info["latent_type"]])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=pathlib.Path)
    parser.add_argument("generator", type=pathlib.Path)
    main(**vars(parser.parse_args()))
