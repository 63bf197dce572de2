"""tests/goldens/layer_decay.safetensors: rate scale and weight decay of each parameter, from timm's parameter groups."""
import pathlib

import torch
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer
from timm.optim import param_groups_layer_decay, param_groups_weight_decay

model = VisionTransformer(img_size=16, patch_size=8, embed_dim=8, depth=24, num_heads=2, num_classes=3, global_pool="avg")
names = {id(p): name for name, p in model.named_parameters()}
tensors = {}
groups = param_groups_layer_decay(model, weight_decay=0.05, no_weight_decay_list=model.no_weight_decay(), layer_decay=0.65)
for group in groups:
    for parameter in group["params"]:
        tensors["layer_decay/" + names[id(parameter)]] = torch.tensor([group["lr_scale"], group["weight_decay"]], dtype=torch.float64)
for group in param_groups_weight_decay(model, weight_decay=0.05):
    for parameter in group["params"]:
        tensors["weight_decay/" + names[id(parameter)]] = torch.tensor([1.0, group["weight_decay"]], dtype=torch.float64)
save_file(tensors, pathlib.Path(__file__).parents[2] / "tests/goldens/layer_decay.safetensors")
