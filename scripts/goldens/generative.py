"""Writes tests/goldens/generative.safetensors: distances of made-up feature sets as torch-fidelity and prdc compute them.

CASE.{real,synthetic}: features; CASE.frechet_distance: torch-fidelity's FID of them in float64, checked against scipy's matrix
square root; CASE.kernel_distance: torch-fidelity's KID with one subset of all rows, where both sets have one size;
CASE.K.{precision,recall,density,coverage}: prdc with nearest_k = K, checked against torch-fidelity's precision and recall.
"""
import contextlib
import io
import sys

import numpy as np
import prdc
import scipy.linalg
import torch
import torch_fidelity
from safetensors.numpy import save_file
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

# rows of either set, width, and how far the synthetic set is moved, stretched and narrowed
CASES = {"near": (60, 60, 6, 0.2, 1.1, 1.0), "far": (50, 80, 4, 1.5, 0.5, 0.6), "wide": (30, 40, 50, 0.3, 1.0, 1.0)}


def sets(rng, reals, made, width, shift, scale, share):
    mix = rng.normal(size=(width, width)) / np.sqrt(width)
    real = rng.normal(size=(reals, width)) @ mix
    synthetic = (rng.normal(size=(made, width)) * scale * (rng.uniform(size=width) < share)) @ mix + shift
    return real.astype(np.float32).astype(np.float64), synthetic.astype(np.float32).astype(np.float64)


def frechet(real, synthetic):
    one, two = (fid_features_to_statistics(torch.tensor(x)) for x in (real, synthetic))
    value = fid_statistics_to_metric(one, two, False)["frechet_inception_distance"]
    root = scipy.linalg.sqrtm(one["sigma"] @ two["sigma"]).real
    direct = ((one["mu"] - two["mu"]) ** 2).sum() + np.trace(one["sigma"] + two["sigma"] - 2 * root)
    assert abs(value - direct) < 1e-4 * max(1, abs(value)), (value, direct)
    return value


def main(path="tests/goldens/generative.safetensors"):
    rng, out = np.random.default_rng(11), {}
    for case, options in CASES.items():
        real, synthetic = sets(rng, *options)
        out |= {f"{case}.real": real.astype(np.float32), f"{case}.synthetic": synthetic.astype(np.float32)}
        out[f"{case}.frechet_distance"] = frechet(real, synthetic)
        one, two = torch.tensor(synthetic), torch.tensor(real)
        if len(real) == len(synthetic):
            subset = {"kid_subsets": 1, "kid_subset_size": len(real), "kid_kernel": "poly", "verbose": False, "rng_seed": 1}
            out[f"{case}.kernel_distance"] = kid_features_to_metric(one, two, **subset)["kernel_inception_distance_mean"]
        for k in (1, 3, 5):
            with contextlib.redirect_stdout(io.StringIO()):
                shares = prdc.compute_prdc(real, synthetic, nearest_k=k)
            other = prc_features_to_metric(one, two, prc_neighborhood=k, prc_batch_size=64, save_cpu_ram=False, verbose=False)
            assert all(abs(shares[name] - other[name]) < 1e-6 for name in ("precision", "recall"))
            out |= {f"{case}.{k}.{name}": value for name, value in shares.items()}
    arrays = {key: np.atleast_1d(np.ascontiguousarray(value)) for key, value in out.items()}
    made_by = f"scripts/goldens/generative.py, torch-fidelity {torch_fidelity.__version__}, prdc 0.2"
    save_file(arrays, path, metadata={"made_by": made_by})
    for key, value in out.items():
        if np.ndim(value) == 0:
            print(f"{key:<30}{value:.6f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
