"""tests/goldens/mae.safetensors: a masked autoencoder of transformers in float64, its loss and every gradient."""
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import ViTMAEConfig, ViTMAEForPreTraining
from transformers.models.vit_mae.modeling_vit_mae import build_2d_sinusoidal_position_embedding

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from mae_names import to_reference

torch.manual_seed(0)
config = ViTMAEConfig(image_size=16, patch_size=4, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=96,
                      decoder_hidden_size=16, decoder_num_hidden_layers=2, decoder_num_attention_heads=2, decoder_intermediate_size=64,
                      mask_ratio=0.75, norm_pix_loss=True, layer_norm_eps=1e-6)
model = ViTMAEForPreTraining(config).double().train()
with torch.no_grad():
    for parameter in model.parameters():
        parameter.add_(0.2 * torch.randn_like(parameter))
images = torch.randn(3, 3, 16, 16, dtype=torch.float64)
noise = torch.rand(3, 16, dtype=torch.float64)
out = model(pixel_values=images, noise=noise)
out.loss.backward()
model.config.norm_pix_loss = False
raw = model(pixel_values=images, noise=noise).loss

table = build_2d_sinusoidal_position_embedding(3, 3, 24, cls_token=True, dtype=torch.float64)
table = torch.cat([table[:, 12:], table[:, :12]], dim=1)  # the reference puts columns before rows
patches = table[1:].reshape(1, 3, 3, 24).permute(0, 3, 1, 2)
resized = torch.nn.functional.interpolate(patches, size=(5, 5), mode="bicubic", align_corners=False)
resized = torch.cat([table[:1], resized.permute(0, 2, 3, 1).reshape(25, 24)])

tensors = {"images": images, "noise": noise, "loss": out.loss, "loss_raw_pixels": raw, "prediction": out.logits, "mask": out.mask.double(),
           "sincos": table[None], "sincos_resized": resized[None]}
tensors |= {f"weight/{k}": v for k, v in to_reference(dict(model.named_parameters())).items()}
tensors |= {f"grad/{k}": v for k, v in to_reference({k: p.grad for k, p in model.named_parameters() if p.grad is not None}).items()}
out_path = pathlib.Path(__file__).parents[2] / "tests/goldens/mae.safetensors"
save_file({k: v.detach().contiguous() for k, v in tensors.items()}, out_path)
