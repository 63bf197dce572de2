"""Converts weight files of Python programs with defound-weights and loads the results, strictly, into the programs that
they are for: timm, RETFound's models_vit.py (emulated: timm's VisionTransformer, average of the patches, fc_norm),
transformers' ViTMAE under facebookresearch/mae's names. Random weights; outputs are compared.

    python scripts/goldens/check_weights.py build/bin/defound-weights
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import timm
import torch
from safetensors.torch import load_file, save_file
from timm.layers import resample_abs_pos_embed
from timm.models.vision_transformer import VisionTransformer
from transformers import ViTMAEConfig, ViTMAEForPreTraining

from mae_names import to_reference

SMALL = dict(img_size=224, patch_size=16, embed_dim=192, depth=3, num_heads=3)


class RetfoundVit(VisionTransformer):
    """RETFound's models_vit.py with global_pool."""

    def __init__(self, **kwargs):
        super().__init__(global_pool="avg", **kwargs)

    def forward(self, images):
        x = torch.cat([self.cls_token.expand(len(images), -1, -1), self.patch_embed(images)], 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.head(self.fc_norm(x[:, 1:].mean(1)))


def shaken(model):
    """All parameters off their start values, so that one in a wrong place shows."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model.eval()


def report(what, found, expected, limit=1e-5):
    error = ((found - expected).abs().max() / expected.abs().max()).item()
    print(f"{what}: relative error {error:.2e}")
    if not error <= limit:
        sys.exit(f"{what}: more than {limit}")


def same_bits(what, found, expected):
    if found.keys() != expected.keys() or not all(torch.equal(found[name], expected[name]) for name in expected):
        sys.exit(f"{what}: names or values differ")
    print(f"{what}: {len(expected)} tensors, bit by bit")


class Check:
    def __init__(self, program, folder):
        self.program, self.folder = program, pathlib.Path(folder)
        self.images = torch.randn(2, 3, 224, 224)

    def run(self, *words):
        print(subprocess.run([self.program, *map(str, words)], check=True, capture_output=True, text=True).stdout.split("\n")[0])

    def convert(self, file, to, output, *options):
        self.run("convert", self.folder / file, "--to", to, "--output", self.folder / output, *options)
        return torch.load(self.folder / output, weights_only=True)["model"] if output.endswith(".pth") else load_file(self.folder / output)

    def retfound(self):
        model = shaken(RetfoundVit(num_classes=5, **SMALL))
        optimizer = torch.optim.AdamW(model.parameters())
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "args": argparse.Namespace(nb_classes=5)}, self.folder / "checkpoint-best.pth")
        self.run("inspect", self.folder / "checkpoint-best.pth")
        there = self.convert("checkpoint-best.pth", "timm", "timm.safetensors")
        timm_model = VisionTransformer(num_classes=5, global_pool="avg", **SMALL).eval()
        timm_model.load_state_dict(there, strict=True)
        report("RETFound -> timm, logits", timm_model(self.images), model(self.images))
        back = self.convert("timm.safetensors", "retfound", "back.pth")
        RetfoundVit(num_classes=5, **SMALL).load_state_dict(back, strict=True)
        same_bits("timm -> RETFound", back, model.state_dict())

    def timm_token(self):
        model = shaken(VisionTransformer(num_classes=7, **SMALL))
        save_file(model.state_dict(), self.folder / "token.safetensors")
        RetfoundVit(num_classes=7, **SMALL).load_state_dict(self.convert("token.safetensors", "retfound", "token.pth"), strict=True)
        VisionTransformer(num_classes=3, **SMALL).load_state_dict(self.convert("token.safetensors", "timm", "head3.pth", "--num_classes", 3), strict=True)
        VisionTransformer(num_classes=0, **SMALL).load_state_dict(self.convert("token.safetensors", "timm", "headless.pth", "--drop_head"), strict=True)

    def mae(self):
        config = ViTMAEConfig(hidden_size=192, num_hidden_layers=3, num_attention_heads=3, intermediate_size=768, decoder_hidden_size=64,
                              decoder_num_hidden_layers=1, decoder_num_attention_heads=2, decoder_intermediate_size=256, mask_ratio=0.0, layer_norm_eps=1e-6)
        model = shaken(ViTMAEForPreTraining(config))
        save_file(model.state_dict(), self.folder / "vit_mae.safetensors")
        expected = to_reference(model.state_dict())
        same_bits("transformers -> MAE", self.convert("vit_mae.safetensors", "mae", "mae.pth"), expected)
        timm_model = VisionTransformer(num_classes=0, **SMALL).eval()
        timm_model.load_state_dict(self.convert("mae.pth", "timm", "encoder.safetensors"), strict=True)
        order = torch.arange(196).expand(2, 196) / 196
        report("MAE -> timm, tokens", timm_model.forward_features(self.images), model.vit(self.images, noise=order).last_hidden_state)
        table = expected["pos_embed"]
        resampled = self.convert("encoder.safetensors", "timm", "timm160.safetensors", "--input_size", 160, "--interpolation", "timm")["pos_embed"]
        report("pos_embed for 160 px, timm's", resampled, resample_abs_pos_embed(table, [10, 10]))
        patches = table[:, 1:].reshape(1, 14, 14, 192).permute(0, 3, 1, 2)
        grid = torch.nn.functional.interpolate(patches, size=(24, 24), mode="bicubic", align_corners=False).permute(0, 2, 3, 1).flatten(1, 2)
        resized = self.convert("encoder.safetensors", "mae", "mae384.safetensors", "--input_size", 384)["pos_embed"]
        report("pos_embed for 384 px, MAE's", resized, torch.cat([table[:, :1], grid], 1))

    def dinov2(self, name, size):
        model = shaken(timm.create_model(name, num_classes=0, img_size=size, depth=3))
        file = dict(model.state_dict(), mask_token=torch.zeros(1, 384))
        if "reg_token" in file:  # timm keeps the class token's position in the token itself
            first = torch.randn(1, 1, 384)
            file |= {"register_tokens": file.pop("reg_token"), "cls_token": file["cls_token"] - first, "pos_embed": torch.cat([first, file["pos_embed"]], 1)}
        torch.save({"teacher": {"backbone." + key: tensor for key, tensor in file.items()} | {"dino_head.mlp.0.weight": torch.zeros(2, 2)}}, self.folder / "dino.pth")
        self.run("inspect", self.folder / "dino.pth")
        again = timm.create_model(name, num_classes=0, img_size=size, depth=3).eval()
        again.load_state_dict(self.convert("dino.pth", "timm", "dino.safetensors", "--overwrite"), strict=True)
        images = torch.randn(1, 3, size, size)
        report(f"DINOv2 -> {name}", again(images), model(images))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="defound-weights")
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as temporary, torch.no_grad():
        check = Check(parser.parse_args().program, temporary)
        check.retfound()
        check.timm_token()
        check.mae()
        check.dinov2("vit_small_patch14_dinov2", 112)
        check.dinov2("vit_small_patch14_reg4_dinov2", 112)
