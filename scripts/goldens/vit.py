"""tests/goldens/vit_{avg,token}.safetensors: timm's vision transformer in float64, its logits and every gradient."""
import pathlib

import torch
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer

for pool in ("avg", "token"):
    torch.manual_seed(0)
    model = VisionTransformer(img_size=16, patch_size=4, embed_dim=24, depth=2, num_heads=3, num_classes=5, global_pool=pool).double().train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    images = torch.randn(3, 3, 16, 16, dtype=torch.float64)
    direction = torch.randn(3, 5, dtype=torch.float64)
    tokens = model.forward_features(images)
    logits = model(images)
    (logits * direction).sum().backward()
    tensors = {"images": images, "direction": direction, "tokens": tokens, "logits": logits}
    tensors["pre_logits"] = model.forward_head(tokens, pre_logits=True)
    tensors |= {f"weight/{k}": p for k, p in model.named_parameters()}
    tensors |= {f"grad/{k}": p.grad for k, p in model.named_parameters()}
    out_path = pathlib.Path(__file__).parents[2] / f"tests/goldens/vit_{pool}.safetensors"
    save_file({k: v.detach().contiguous() for k, v in tensors.items()}, out_path)
