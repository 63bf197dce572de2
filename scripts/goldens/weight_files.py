"""Writes tests/goldens/weight_files/*.txt: the names and shapes of the weight files that users bring, as the Python packages
make them (no values: the models stand on the meta device), one "name size size ..." a line; and pos_embed.safetensors, a
position table resized by timm (fp32) and by torch's bicubic as in facebookresearch/mae's util/pos_embed.py (fp64).

    python scripts/goldens/weight_files.py
"""
import pathlib

import timm
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from timm.layers import resample_abs_pos_embed
from transformers import CLIPTextConfig, CLIPTextModel, ViTMAEConfig, ViTMAEForPreTraining

from mae_names import to_reference

FOLDER = pathlib.Path(__file__).parents[2] / "tests/goldens/weight_files"
SD1_VAE = dict(down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, block_out_channels=(128, 256, 512, 512),
               layers_per_block=2, latent_channels=4, sample_size=512)


def write(name, tensors):
    lines = [" ".join([key, *map(str, tensor.shape)]) for key, tensor in tensors.items()]
    (FOLDER / f"{name}.txt").write_text("\n".join(sorted(lines)) + "\n")


def mae(width, depth, heads):
    config = ViTMAEConfig(hidden_size=width, num_hidden_layers=depth, num_attention_heads=heads, intermediate_size=4 * width)
    with torch.device("meta"):
        return ViTMAEForPreTraining(config).state_dict()


def vit(name, **options):
    with torch.device("meta"):
        return timm.create_model(name, **options).state_dict()


def dinov2(tensors):
    """As facebookresearch/dinov2 saves its averaged network; timm's model has the same blocks and no mask token."""
    tensors = tensors | {"mask_token": torch.empty(1, tensors["cls_token"].shape[-1], device="meta")}
    return {"backbone." + key: tensor for key, tensor in tensors.items()} | {"dino_head.last_layer.weight_g": torch.empty(65536, 1, device="meta")}


def diffusion():
    with torch.device("meta"):
        write("unet_sd1", UNet2DConditionModel(sample_size=64, cross_attention_dim=768).state_dict())
        write("autoencoder_kl", AutoencoderKL(**SD1_VAE).state_dict())
        clip = CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
        write("clip_text", CLIPTextModel(clip).state_dict())


def position_tables():
    torch.manual_seed(1)
    table = torch.randn(1, 1 + 36, 8, dtype=torch.float64)
    out = {"table": table}
    for grid in (4, 9):
        patches = table[:, 1:].reshape(1, 6, 6, 8).permute(0, 3, 1, 2)
        resized = torch.nn.functional.interpolate(patches, size=(grid, grid), mode="bicubic", align_corners=False)
        out[f"mae_{grid}"] = torch.cat([table[:, :1], resized.permute(0, 2, 3, 1).flatten(1, 2)], 1)
        out[f"timm_{grid}"] = resample_abs_pos_embed(table.float(), [grid, grid])
    save_file({name: tensor.contiguous() for name, tensor in out.items()}, FOLDER / "pos_embed.safetensors")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    large = mae(1024, 24, 16)
    write("vit_mae_large_transformers", large)
    reference = {name: torch.empty(tensor.shape, device="meta") for name, tensor in to_reference(large).items()}
    write("mae_vit_large_full", reference)
    write("mae_vit_large_encoder", {name: tensor for name, tensor in reference.items() if not name.startswith(("decoder_", "mask_token"))})
    write("retfound_finetuned_5", vit("vit_large_patch16_224", num_classes=5, global_pool="avg"))
    write("timm_vit_base", vit("vit_base_patch16_224"))
    write("retfound_dinov2", dinov2(vit("vit_large_patch14_dinov2", num_classes=0, img_size=224)))
    write("timm_dinov2_registers", vit("vit_small_patch14_reg4_dinov2", num_classes=0, img_size=392))
    diffusion()
    position_tables()
