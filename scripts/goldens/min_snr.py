"""Goldens for diffusion/noise_schedule_test.cpp: signal-to-noise ratios of Stable Diffusion's schedule by diffusers' compute_snr.

    min_snr.py   write tests/goldens/min_snr.safetensors: "timesteps" [N], "snr" [N]
"""
import pathlib

import torch
from diffusers import DDPMScheduler
from diffusers.training_utils import compute_snr
from safetensors.torch import save_file

FILE = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "min_snr.safetensors"

if __name__ == "__main__":
    scheduler = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    timesteps = torch.tensor([0, 1, 50, 200, 333, 334, 500, 800, 999])
    save_file(dict(timesteps=timesteps, snr=compute_snr(scheduler, timesteps).contiguous()), FILE)
