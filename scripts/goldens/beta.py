"""Goldens for diffusion/condition_mixing_test.cpp: quantiles of Beta(a, b) from scipy.

    beta.py      write tests/goldens/beta.safetensors: "shapes" [S, 2], "shares" [Q], "quantiles" [S, Q]
"""
import pathlib

import torch
from safetensors.torch import save_file
from scipy.stats import beta

FILE = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "beta.safetensors"

if __name__ == "__main__":
    shapes = torch.tensor([[0.1, 0.1], [0.2, 0.2], [0.5, 0.5], [1, 1], [2, 2], [8, 8], [0.4, 3], [5, 1.5]], dtype=torch.float64)
    shares = torch.tensor([0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95], dtype=torch.float64)
    quantiles = torch.stack([torch.tensor(beta.ppf(shares.numpy(), a, b)) for a, b in shapes.tolist()])
    save_file(dict(shapes=shapes, shares=shares, quantiles=quantiles), FILE)
