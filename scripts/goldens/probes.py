"""Writes tests/goldens/probes.safetensors: probes on features, as scikit-learn and DINO's eval_knn.py compute them.

linear.CASE.{train,labels,test}; linear.CASE.C.{raw,standardized}: probabilities of LogisticRegression(C) on the test rows, the
second after StandardScaler. knn.{train,labels,test}; knn.K: DINO's votes at temperature 0.07, scaled to sum 1.
encoder.weights/NAME: a small MAE encoder; encoder.images; encoder.{cls,mean,fc_norm}: features by timm's VisionTransformer
with the forward_features of facebookresearch/mae's models_vit.py (without and with global_pool; fc_norm: with weights).
"""
import json
import sys
from functools import partial

import numpy as np
import sklearn
import timm
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

STRENGTHS = [0.001, 0.1, 1.0, 100.0]
TEMPERATURE = 0.07
ENCODER = {"img_size": 32, "patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2, "mlp_ratio": 4.0, "in_chans": 3}


def blobs(rng, classes, rows, width, spread):
    centers = rng.normal(size=(classes, width)) * spread
    labels = np.arange(rows) % classes
    scales = 10.0 ** rng.uniform(-1, 1, size=width)  # features of very different size
    return ((centers[labels] + rng.normal(size=(rows, width))) * scales).astype(np.float32), labels.astype(np.int64)


def linear(rng):
    out = {}
    for case, (classes, rows, width, spread) in {"four": (4, 120, 10, 0.5), "two": (2, 80, 6, 0.3), "wide": (3, 40, 60, 0.5)}.items():
        features, labels = blobs(rng, classes, rows + 50, width, spread)
        train, test = features[:rows], features[rows:]
        out |= {f"linear.{case}.train": train, f"linear.{case}.labels": labels[:rows], f"linear.{case}.test": test}
        for strength in STRENGTHS:
            def fitted(*steps):
                model = make_pipeline(*steps, LogisticRegression(C=strength, tol=1e-10, max_iter=200000))
                return model.fit(train.astype(np.float64), labels[:rows]).predict_proba(test.astype(np.float64))
            out[f"linear.{case}.{strength:g}.standardized"] = fitted(StandardScaler())
            if case == "four":
                out[f"linear.{case}.{strength:g}.raw"] = fitted()
    return out


def knn(rng):
    train, labels = blobs(rng, 5, 90, 12, 0.4)
    test, _ = blobs(rng, 5, 40, 12, 0.4)
    out = {"knn.train": train, "knn.labels": labels, "knn.test": test}
    known = torch.nn.functional.normalize(torch.tensor(train), dim=1)
    asked = torch.nn.functional.normalize(torch.tensor(test), dim=1)
    for k in (1, 5, 20, 90):
        distances, indices = (asked @ known.t()).double().topk(k, largest=True, sorted=True)
        one_hot = torch.nn.functional.one_hot(torch.tensor(labels)[indices], 5)
        votes = (one_hot * (distances / TEMPERATURE).exp()[..., None]).sum(1)
        out[f"knn.{k}"] = votes / votes.sum(1, keepdim=True)
    return out


def encoder():
    torch.manual_seed(4)
    model = timm.models.vision_transformer.VisionTransformer(**ENCODER, num_classes=2, qkv_bias=True, norm_layer=partial(torch.nn.LayerNorm, eps=1e-6)).eval()
    fc_norm = torch.nn.LayerNorm(ENCODER["embed_dim"], eps=1e-6)
    with torch.no_grad():
        for parameter in list(model.parameters()) + list(fc_norm.parameters()):
            parameter.copy_(torch.randn_like(parameter) * 0.2 + (parameter.ndim == 1) * 0.5)
        images = torch.randn(5, 3, 32, 32)
        x = model.patch_embed(images)
        x = torch.cat((model.cls_token.expand(len(x), -1, -1), x), dim=1) + model.pos_embed
        for block in model.blocks:
            x = block(x)
        pooled = x[:, 1:].mean(1)
        out = {"encoder.images": images, "encoder.cls": model.norm(x)[:, 0], "encoder.fc_norm": fc_norm(pooled),
               "encoder.mean": torch.nn.functional.layer_norm(pooled, pooled.shape[1:], eps=1e-6)}
    weights = {k: v for k, v in model.state_dict().items() if not k.startswith("head.")} | {f"fc_norm.{k}": v for k, v in fc_norm.state_dict().items()}
    return out | {f"encoder.weights/{k}": v.detach() for k, v in weights.items()}


def main(path="tests/goldens/probes.safetensors"):
    rng = np.random.default_rng(5)
    tensors = {k: torch.as_tensor(np.ascontiguousarray(v)) for k, v in (linear(rng) | knn(rng) | encoder()).items()}
    save_file(tensors, path, metadata={"config": json.dumps(ENCODER), "made_by": f"scripts/goldens/probes.py, scikit-learn {sklearn.__version__}, timm {timm.__version__}"})


if __name__ == "__main__":
    main(*sys.argv[1:])
