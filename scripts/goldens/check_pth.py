"""Reads .pth files that we wrote in Python and compares them bit for bit with the .safetensors beside them.

    DEFOUND_INTERCHANGE=/tmp/files build/tests/tensor_test --gtest_filter='Pth.WhatIsWritten*'
    python scripts/goldens/check_pth.py /tmp/files
"""
import pathlib
import sys

import torch
from safetensors.torch import load_file


def bits(tensor):
    return tensor.contiguous().flatten().view(torch.uint8)


files = sorted(pathlib.Path(sys.argv[1]).glob("*.pth"))
for path in files:
    found, expected = torch.load(path, weights_only=True)["model"], load_file(path.with_suffix(".safetensors"))
    if found.keys() != expected.keys():
        sys.exit(f"{path.name}: names differ: {sorted(found.keys() ^ expected.keys())}")
    for name, tensor in expected.items():
        if found[name].dtype != tensor.dtype or found[name].shape != tensor.shape or not torch.equal(bits(found[name]), bits(tensor)):
            sys.exit(f"{path.name}: '{name}' differs")
    print(f"{path.name}: {type(found).__name__} of {len(found)} tensors, equal bit for bit")
if not files:
    sys.exit(f"{sys.argv[1]} holds no .pth files")
