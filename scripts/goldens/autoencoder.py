"""Goldens for models/autoencoder_kl_test.cpp: encoder moments and decoded images of diffusers' AutoencoderKL."""
import json
import pathlib

import torch
from diffusers import AutoencoderKL
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens"


def main():
    torch.manual_seed(0)
    model = AutoencoderKL(block_out_channels=(4, 8), down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
                          layers_per_block=1, norm_num_groups=2, latent_channels=2, sample_size=16)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    weights = {f"weight.{k}": v.detach().clone() for k, v in model.named_parameters()}
    model = model.double()
    image = torch.rand(2, 3, 16, 12, dtype=torch.float64) * 2 - 1
    latents = torch.randn(2, 2, 8, 6, dtype=torch.float64)
    with torch.no_grad():
        posterior = model.encode(image).latent_dist
        decoded = model.decode(latents).sample
    tensors = dict(image=image, latents=latents, mean=posterior.mean, logvar=posterior.logvar, decoded=decoded, **weights)
    save_file({k: v.contiguous() for k, v in tensors.items()}, FOLDER / "autoencoder.safetensors", metadata={"config": json.dumps(dict(model.config))})


if __name__ == "__main__":
    main()
