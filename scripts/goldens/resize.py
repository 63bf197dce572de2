"""Crops, resizes, rotations, grayscale and normalisation by Pillow and torchvision, for tests/image/parity_test.cpp."""
import sys
import numpy as np
import torch
from PIL import Image
from safetensors.numpy import save_file
from torchvision import transforms as T
from torchvision.transforms import functional as F
from torchvision.transforms.functional import InterpolationMode as M

rng = np.random.default_rng(7)
y, x = np.mgrid[0:43, 0:59]
smooth = np.stack([127 + 120 * np.sin(x / 7 + y / 11), 255 * (x % 13 < 6), 4.3 * x], -1)
source = np.clip(smooth + rng.normal(0, 20, smooth.shape), 0, 255).astype(np.uint8)
image = Image.fromarray(source)
out = {"source": source}

cases = []  # left, top, width, height, out_width, out_height
for box in [(0, 0, 59, 43), (5, 9, 40, 31), (48, 30, 11, 13), (3, 0, 52, 43), (58, 42, 1, 1)]:
    for size in [(24, 24), (64, 64), (9, 40), (47, 33)]:
        cases.append((*box, *size))
out["cases"] = np.array(cases, dtype=np.int64)
for name, mode in [("bicubic", M.BICUBIC), ("bilinear", M.BILINEAR)]:
    for i, (left, top, width, height, w, h) in enumerate(cases):
        out[f"{name}.{i}"] = np.asarray(F.resized_crop(image, top, left, height, width, [h, w], mode))

big = Image.fromarray(rng.integers(0, 256, (130, 170, 3), dtype=np.uint8))
out["big"] = np.asarray(big)
out["big.bicubic"] = np.asarray(big.resize((17, 11), Image.BICUBIC))
out["big.bilinear"] = np.asarray(big.resize((17, 11), Image.BILINEAR))
out["shorter_bicubic"] = np.asarray(T.Compose([T.Resize(40, M.BICUBIC), T.CenterCrop(32)])(image))
out["shorter_bilinear"] = np.asarray(T.Compose([T.Resize(32, M.BILINEAR), T.CenterCrop(32)])(image))

square = image.crop((0, 0, 40, 40))
out["angles"] = np.array([0, 90, 180, -90, 270, -180, -47.3, 179.999, 1e-3, 133.7])
for i, angle in enumerate(out["angles"]):
    out[f"rotated.{i}"] = np.asarray(F.rotate(image, float(angle)))
    out[f"rotated_square.{i}"] = np.asarray(F.rotate(square, float(angle)))
out["gray"] = np.asarray(F.to_grayscale(image, 3))
out["flipped"] = np.asarray(F.vflip(F.hflip(image)))
out["normalized"] = F.normalize(F.to_tensor(image), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]).numpy()

torch.manual_seed(1)  # the distribution of crops: quantiles of area share and log ratio, means of the position
crops = np.array([T.RandomResizedCrop.get_params(image, (0.2, 1.0), (3 / 4, 4 / 3)) for _ in range(40000)], dtype=np.float64)
share, ratio = crops[:, 2] * crops[:, 3] / (59 * 43), crops[:, 3] / crops[:, 2]
out["crop.share"] = np.quantile(share, [0.1, 0.25, 0.5, 0.75, 0.9])
out["crop.ratio"] = np.quantile(ratio, [0.1, 0.25, 0.5, 0.75, 0.9])
out["crop.position"] = np.array([crops[:, 1].mean(), crops[:, 0].mean()])
save_file({k: np.ascontiguousarray(v) for k, v in out.items()}, sys.argv[1] if len(sys.argv) > 1 else "tests/goldens/resize.safetensors")
