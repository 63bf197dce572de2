"""Goldens for models/stable_diffusion_test.cpp: a tiny Stable Diffusion 1.x folder with random weights as diffusers saves it,
what its parts compute, and whole guided runs of StableDiffusionPipeline.

    stable_diffusion.py      write tests/goldens/stable_diffusion/ and stable_diffusion.safetensors
"""
import json
import pathlib
import shutil

import torch
from diffusers import AutoencoderKL, DDIMScheduler, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from tokenizer import byte_characters

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens"
SCHEDULER = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1, set_alpha_to_one=False)
UNET = dict(sample_size=8, in_channels=4, out_channels=4, block_out_channels=[4, 8], layers_per_block=1, norm_num_groups=2, cross_attention_dim=6,
            attention_head_dim=2, down_block_types=["CrossAttnDownBlock2D", "DownBlock2D"], up_block_types=["UpBlock2D", "CrossAttnUpBlock2D"])
VAE = dict(block_out_channels=[4, 8], down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2, layers_per_block=1,
           norm_num_groups=2, latent_channels=4, sample_size=16)
PROMPTS, STEPS, SCALE, LENGTH = ["mild retinopathy", "Normal, 45° fundus!"], 10, 7.5, 20


def write_tokenizer(folder):
    """A byte-pair vocabulary of its own: the bytes and a few merges."""
    folder.mkdir(parents=True)
    single = byte_characters()
    merges = ["r e", "i n", "m i", "l d</w>", "mi ld</w>", "f u", "re t", "o p", "a t"]
    tokens = single + [c + "</w>" for c in single] + [merge.replace(" ", "") for merge in merges] + ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(dict(
        tokenizer_class="CLIPTokenizer", model_max_length=LENGTH, bos_token="<|startoftext|>", eos_token="<|endoftext|>", unk_token="<|endoftext|>",
        pad_token="<|endoftext|>")))
    return len(tokens)


def shake(model, deviation=0.1):
    """Biases and norms off their start values, so that one in a wrong place shows."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(deviation * torch.randn_like(parameter))
    return model.eval()


def make_pipeline(folder, unet, vae, text, tokenizer):
    """Saves a pipeline of these models with the tokenizer's own files, as Stable Diffusion 1.4 has them."""
    pipeline = StableDiffusionPipeline(vae=vae, text_encoder=text, tokenizer=CLIPTokenizer.from_pretrained(tokenizer), unet=unet,
                                       scheduler=PNDMScheduler(**SCHEDULER), safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    pipeline.save_pretrained(folder)
    shutil.rmtree(folder / "tokenizer")
    shutil.copytree(tokenizer, folder / "tokenizer")
    return StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)


@torch.no_grad()
def pair_of(pipeline):
    """Inputs and outputs of each part."""
    unet, vae, side = pipeline.unet, pipeline.vae, pipeline.unet.config.sample_size
    images = torch.rand(1, 3, side * pipeline.vae_scale_factor, side * pipeline.vae_scale_factor) * 2 - 1
    latents, sample, timesteps = torch.randn(1, 4, side, side), torch.randn(2, 4, side, side), torch.tensor([17, 803])
    ids = pipeline.tokenizer(PROMPTS, padding="max_length", max_length=pipeline.tokenizer.model_max_length, truncation=True, return_tensors="pt").input_ids
    context = pipeline.text_encoder(ids).last_hidden_state
    return dict(images=images, latents=latents, sample=sample, timesteps=timesteps, context=context, prediction=unet(sample, timesteps, context).sample,
                mean=vae.encode(images).latent_dist.mean, decoded=vae.decode(latents).sample)


def main():
    shutil.rmtree(FOLDER / "stable_diffusion", ignore_errors=True)
    torch.manual_seed(0)
    tokenizer = FOLDER / "stable_diffusion" / "tokenizer"
    count = write_tokenizer(tokenizer)
    temporary = shutil.copytree(tokenizer, FOLDER / "tokenizer-files")
    text = CLIPTextModel(CLIPTextConfig(vocab_size=count, hidden_size=6, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2,
                                        max_position_embeddings=LENGTH, bos_token_id=count - 2, eos_token_id=count - 1, pad_token_id=count - 1))
    pipeline = make_pipeline(FOLDER / "stable_diffusion", shake(UNet2DConditionModel(**UNET)), shake(AutoencoderKL(**VAE)), shake(text), temporary)
    shutil.rmtree(temporary)
    pipeline.set_progress_bar_config(disable=True)
    start = torch.randn(len(PROMPTS), 4, UNET["sample_size"], UNET["sample_size"])
    tensors = pair_of(pipeline) | dict(start=start)
    # latents are not clipped: the pipeline sees to it when it is made, and not when its scheduler is changed
    for name, scheduler in dict(pndm=PNDMScheduler(**SCHEDULER), ddim=DDIMScheduler.from_config(pipeline.scheduler.config, clip_sample=False)).items():
        pipeline.scheduler = scheduler
        tensors[name] = pipeline(PROMPTS, num_inference_steps=STEPS, guidance_scale=SCALE, latents=start.clone(), output_type="latent").images
        tensors[f"{name}_images"] = (pipeline.vae.decode(tensors[name] / pipeline.vae.config.scaling_factor).sample / 2 + 0.5).clamp(0, 1).detach()
    save_file({k: v.contiguous() for k, v in tensors.items()}, FOLDER / "stable_diffusion.safetensors",
              metadata=dict(prompts=json.dumps(PROMPTS), steps=str(STEPS), guidance_scale=str(SCALE)))


if __name__ == "__main__":
    main()
