"""tests/goldens/ema.safetensors: a parameter over ten steps and diffusers' EMAModel of it after each."""
import os
import sys

import torch
from diffusers.training_utils import EMAModel
from safetensors.torch import save_file

torch.manual_seed(0)
parameter = torch.nn.Parameter(torch.randn(5, dtype=torch.float64).float())
average = EMAModel([parameter], decay=0.6)
values, averages = [parameter.detach().clone()], []
for _ in range(10):
    with torch.no_grad():
        parameter.add_(torch.randn(5))
    average.step([parameter])
    values.append(parameter.detach().clone())
    averages.append(average.shadow_params[0].clone())
folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "../../tests/goldens")
save_file({"values": torch.stack(values), "averages": torch.stack(averages)}, os.path.join(folder, "ema.safetensors"))
