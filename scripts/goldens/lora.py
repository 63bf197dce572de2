"""Goldens for models/lora_test.cpp: an adapter of the tiny Stable Diffusion under tests/goldens/stable_diffusion with random A
and B, as diffusers, peft and other programs save it, and what the UNet computes with it: prediction, loss and the gradients of
A and B in float64.

    lora.py      write tests/goldens/lora/ and tests/goldens/lora.safetensors
"""
import pathlib
import shutil

import torch
from diffusers import StableDiffusionPipeline
from diffusers.training_utils import _collate_lora_metadata
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file

GOLDENS = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens"
FOLDER = GOLDENS / "lora"
RANK, ALPHA, STRONGER = 3, 6, 12
TARGETS = ["to_k", "to_q", "to_v", "to_out.0"]
PROMPTS = ["mild retinopathy", "Normal, 45° fundus!"]


def load():
    return StableDiffusionPipeline.from_pretrained(GOLDENS / "stable_diffusion")


def draw(model):
    """A and B away from their start, in values that fp16 holds exactly."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if "lora_" in name:
                parameter.copy_((0.3 * torch.randn(parameter.shape, generator=generator)).half())


def adapted():
    pipeline = load()
    pipeline.unet.add_adapter(LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=TARGETS, init_lora_weights="gaussian"))
    draw(pipeline.unet)
    return pipeline


def write_first_form(layers, path):
    """diffusers of early 2023: attention processors, no scale but 1, so that B carries it."""
    names = {".lora_A.weight": "_lora.down.weight", ".lora_B.weight": "_lora.up.weight"}
    tensors = {}
    for name, tensor in layers.items():
        ending = ".lora_A.weight" if name.endswith(".lora_A.weight") else ".lora_B.weight"
        block, layer = name[:-len(ending)].replace(".to_out.0", ".to_out").rsplit(".", 1)
        tensors[f"unet.{block}.processor.{layer}{names[ending]}"] = (tensor * (ALPHA / RANK if "lora_B" in name else 1)).contiguous()
    save_file(tensors, path)


def write_kohya(layers, path):
    """sd-scripts: underscores, fp16, an alpha for each layer."""
    tensors = {}
    for name, tensor in layers.items():
        layer, part = name.split(".lora_")[0].replace(".", "_"), {"A": "lora_down", "B": "lora_up"}[name.split(".lora_")[1][0]]
        tensors[f"lora_unet_{layer}.{part}.weight"] = tensor.half().contiguous()
        tensors[f"lora_unet_{layer}.alpha"] = torch.tensor(float(ALPHA))
    save_file(tensors, path)


def write_files(pipeline):
    unet = pipeline.unet
    layers = get_peft_model_state_dict(unet)
    metadata = _collate_lora_metadata({"unet": unet})
    save = StableDiffusionPipeline.save_lora_weights
    save(FOLDER, unet_lora_layers=layers, **metadata)
    # as train_text_to_image_lora.py does: lora.down and lora.up, and no scale
    scaled = {name: tensor * (ALPHA / RANK if "lora_B" in name else 1) for name, tensor in layers.items()}
    save(FOLDER, unet_lora_layers=convert_state_dict_to_diffusers(scaled), weight_name="down_up.safetensors")
    write_first_form(layers, FOLDER / "processors.safetensors")
    write_kohya(layers, FOLDER / "kohya.safetensors")


def check_files(sample, timesteps, context, prediction):
    """diffusers reads every form as the same adapter."""
    for name in ("pytorch_lora_weights", "down_up", "processors", "kohya"):
        pipeline = load()
        pipeline.load_lora_weights(FOLDER, weight_name=f"{name}.safetensors")
        error = (pipeline.unet.double()(sample, timesteps, context).sample - prediction).abs().max().item()
        assert error < 1e-6, (name, error)


def write_peft():
    """peft's own folder, where some layers have an alpha of their own; the same A and B."""
    unet = load().unet
    model = get_peft_model(unet, LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=TARGETS, alpha_pattern={"attn2.to_v": STRONGER}))
    draw(model)
    model.save_pretrained(FOLDER / "peft")
    (FOLDER / "peft" / "README.md").unlink()
    return model


def write_text_encoder():
    pipeline = load()
    model = get_peft_model(pipeline.text_encoder, LoraConfig(r=2, lora_alpha=2, target_modules=["q_proj", "k_proj", "v_proj", "out_proj"]))
    draw(model)
    layers = {name.removeprefix("base_model.model."): tensor for name, tensor in get_peft_model_state_dict(model).items()}
    StableDiffusionPipeline.save_lora_weights(FOLDER, text_encoder_lora_layers=convert_state_dict_to_diffusers(layers), weight_name="text.safetensors")
    ids = pipeline.tokenizer(PROMPTS, padding="max_length", max_length=pipeline.tokenizer.model_max_length, truncation=True, return_tensors="pt").input_ids
    return pipeline.text_encoder(ids).last_hidden_state.detach()


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    torch.manual_seed(0)
    pipeline = adapted()
    write_files(pipeline)
    unet = pipeline.unet.double()
    sample, context = torch.randn(2, 4, 8, 8, dtype=torch.float64), torch.randn(2, 5, 6, dtype=torch.float64)
    noise, timesteps = torch.randn_like(sample), torch.tensor([17, 803])
    base = load().unet.double()(sample, timesteps, context).sample.detach()
    prediction = unet(sample, timesteps, context).sample
    loss = torch.nn.functional.mse_loss(prediction, noise)
    loss.backward()
    check_files(sample, timesteps, context, prediction)
    grads = {"grad." + name.replace(".default", ""): parameter.grad for name, parameter in unet.named_parameters() if parameter.requires_grad}
    assert grads and all(".lora_" in name for name in grads)
    stronger = write_peft().double()(sample, timesteps, context).sample.detach()
    halved = adapted().unet
    halved.set_adapters(["default"], [0.5])
    half = halved.double()(sample, timesteps, context).sample.detach()
    tensors = dict(sample=sample, context=context, noise=noise, timesteps=timesteps, base=base, prediction=prediction.detach(), loss=loss.detach(),
                   alpha_pattern=stronger, half=half, text=write_text_encoder(), **grads)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, GOLDENS / "lora.safetensors")


if __name__ == "__main__":
    main()
