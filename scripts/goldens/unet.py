"""Goldens for models/unet_2d_condition_test.cpp: prediction, loss and every gradient of diffusers' UNet2DConditionModel."""
import json
import pathlib

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens"

# like Stable Diffusion 1.x: 1x1 convolutions around the transformers, one number of heads for all blocks
SD1 = dict(sample_size=8, in_channels=4, out_channels=4, block_out_channels=[4, 8], layers_per_block=2, norm_num_groups=2,
           cross_attention_dim=6, attention_head_dim=2, down_block_types=["CrossAttnDownBlock2D", "DownBlock2D"],
           up_block_types=["UpBlock2D", "CrossAttnUpBlock2D"])
# everything else that the config can say, and sides that do not halve evenly
LINEAR = dict(sample_size=7, in_channels=3, out_channels=2, block_out_channels=[4, 4, 8], layers_per_block=[1, 2, 1], norm_num_groups=4,
              cross_attention_dim=5, attention_head_dim=[1, 2, 4], transformer_layers_per_block=[1, 2, 1], use_linear_projection=True,
              norm_eps=1e-4, flip_sin_to_cos=False, freq_shift=1, center_input_sample=True, downsample_padding=0, mid_block_scale_factor=1.5,
              down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
              up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"])


def write(name, config, height, width, tokens):
    torch.manual_seed(0)
    model = UNet2DConditionModel(**config)
    with torch.no_grad():  # norms and biases too, in values that fp32 holds exactly
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    weights = {f"weight.{k}": v.detach().clone() for k, v in model.named_parameters()}
    model = model.double()
    sample = torch.randn(2, config["in_channels"], height, width, dtype=torch.float64)
    context = torch.randn(2, tokens, config["cross_attention_dim"], dtype=torch.float64, requires_grad=True)
    noise = torch.randn(2, config["out_channels"], height, width, dtype=torch.float64)
    timesteps = torch.tensor([17, 803])
    prediction = model(sample, timesteps, context).sample
    loss = torch.nn.functional.mse_loss(prediction, noise)
    loss.backward()
    grads = {f"grad.{k}": v.grad for k, v in model.named_parameters()}
    tensors = dict(sample=sample, context=context.detach(), noise=noise, timesteps=timesteps, prediction=prediction.detach(), loss=loss.detach(),
                   context_grad=context.grad, **weights, **grads)
    save_file({k: v.contiguous() for k, v in tensors.items()}, FOLDER / f"{name}.safetensors", metadata={"config": json.dumps(dict(model.config))})


if __name__ == "__main__":
    write("unet_sd1", SD1, 8, 8, 3)
    write("unet_linear", LINEAR, 7, 10, 4)
