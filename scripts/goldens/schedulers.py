"""Goldens for diffusion/sampler_test.cpp: whole runs of diffusers' schedulers in float64, each step kept.

The schedulers keep their constants in float32 and two of them cast the samples to it; here both are lifted to float64,
so that the mathematics can be compared to 1e-9."""
import json
import math
import pathlib

import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler, PNDMScheduler
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg
from diffusers.schedulers import scheduling_ddpm
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens"
SD = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
CASES = {  # name: (sampler, class, config, steps, eta)
    "ddim": ("ddim", DDIMScheduler, dict(clip_sample=False), 10, 0),
    "ddim_clip_v": ("ddim", DDIMScheduler, dict(SD, prediction_type="v_prediction", clip_sample_range=0.8, set_alpha_to_one=False, steps_offset=1), 7, 0),
    "ddim_eta_trailing": ("ddim", DDIMScheduler, dict(SD, clip_sample=False, timestep_spacing="trailing"), 6, 0.7),
    "ddim_sample_linspace": ("ddim", DDIMScheduler, dict(SD, prediction_type="sample", timestep_spacing="linspace"), 9, 1.0),
    "ddpm": ("ddpm", DDPMScheduler, dict(), 8, 0),
    "ddpm_large_v": ("ddpm", DDPMScheduler, dict(SD, variance_type="fixed_large", prediction_type="v_prediction", timestep_spacing="trailing", clip_sample=False), 5, 0),
    "ddpm_cosine": ("ddpm", DDPMScheduler, dict(beta_schedule="squaredcos_cap_v2", clip_sample_range=1.5), 8, 0),
    "pndm": ("pndm", PNDMScheduler, dict(), 8, 0),
    "pndm_skip": ("pndm", PNDMScheduler, dict(SD, skip_prk_steps=True, steps_offset=1), 8, 0),
    "pndm_v_linspace": ("pndm", PNDMScheduler, dict(SD, prediction_type="v_prediction", timestep_spacing="linspace", set_alpha_to_one=True), 9, 0),
    "dpm": ("dpmpp_2m", DPMSolverMultistepScheduler, dict(SD), 10, 0),
    "dpm_long_sigma_min": ("dpmpp_2m", DPMSolverMultistepScheduler, dict(SD, final_sigmas_type="sigma_min", timestep_spacing="leading", steps_offset=1), 16, 0),
    "dpm_v_trailing": ("dpmpp_2m", DPMSolverMultistepScheduler, dict(prediction_type="v_prediction", timestep_spacing="trailing", lower_order_final=False), 6, 0),
    "euler": ("euler", EulerDiscreteScheduler, dict(SD), 7, 0),
    "euler_v_leading": ("euler", EulerDiscreteScheduler, dict(SD, prediction_type="v_prediction", timestep_spacing="leading", steps_offset=1), 6, 0),
}

lower = torch.Tensor.to
torch.Tensor.to = lambda self, *a, **k: self if a == (torch.float32,) and self.dtype == torch.float64 else lower(self, *a, **k)


def lift(scheduler, config):
    count, start, end = scheduler.config.num_train_timesteps, scheduler.config.beta_start, scheduler.config.beta_end
    if scheduler.config.beta_schedule == "linear":
        scheduler.betas = torch.linspace(start, end, count, dtype=torch.float64)
    elif scheduler.config.beta_schedule == "scaled_linear":
        scheduler.betas = torch.linspace(start**0.5, end**0.5, count, dtype=torch.float64) ** 2
    else:
        bar = lambda t: np.cos((t + 0.008) / 1.008 * np.pi / 2) ** 2
        scheduler.betas = torch.tensor([min(1 - bar((i + 1) / count) / bar(i / count), 0.999) for i in range(count)], dtype=torch.float64)
    scheduler.alphas = 1 - scheduler.betas
    scheduler.alphas_cumprod = torch.cumprod(scheduler.alphas, 0)
    scheduler.one = torch.tensor(1.0, dtype=torch.float64)
    if hasattr(scheduler, "final_alpha_cumprod"):
        scheduler.final_alpha_cumprod = scheduler.one if scheduler.config.set_alpha_to_one else scheduler.alphas_cumprod[0]


def lift_sigmas(scheduler):
    sigmas = (((1 - scheduler.alphas_cumprod) / scheduler.alphas_cumprod) ** 0.5).numpy()
    levels = np.interp(scheduler.timesteps.numpy().astype(np.float64), np.arange(len(sigmas)), sigmas)
    last = sigmas[0] if scheduler.config.final_sigmas_type == "sigma_min" else 0.0
    scheduler.sigmas = torch.from_numpy(np.append(levels, last))


def run(name, sampler, cls, config, steps, eta, tensors):
    scheduler = cls(**config)
    lift(scheduler, config)
    scheduler.set_timesteps(steps)
    if hasattr(scheduler, "sigmas"):
        lift_sigmas(scheduler)
    generator = torch.Generator().manual_seed(len(name))
    latents = torch.randn(2, 3, 4, 4, dtype=torch.float64, generator=generator)
    tensors[f"{name}.start"] = latents
    latents = latents * scheduler.init_noise_sigma
    noises, states = [], []
    draw = lambda shape, **_: noises.append(torch.randn(shape, dtype=torch.float64, generator=generator)) or noises[-1]
    scheduling_ddpm.randn_tensor = draw
    for t in scheduler.timesteps:
        prediction = scheduler.scale_model_input(latents, t) * t / (t + 1)
        extra = dict(eta=eta, variance_noise=draw(latents.shape)) if cls is DDIMScheduler else {}
        latents = scheduler.step(prediction, t, latents, **extra).prev_sample
        states.append(latents)
        if cls is DDPMScheduler and len(noises) < len(states):
            noises.append(torch.zeros_like(latents))
    assert states[-1].dtype == torch.float64
    tensors[f"{name}.timesteps"] = scheduler.timesteps.double()
    tensors[f"{name}.states"] = torch.stack(states)
    if eta > 0 or cls is DDPMScheduler:
        tensors[f"{name}.noises"] = torch.stack(noises)


def finite(config):
    """Without infinities, which JSON has no word for."""
    return {key: value for key, value in config.items() if not (isinstance(value, float) and math.isinf(value))}


def main():
    tensors = {}
    for name, (sampler, cls, config, steps, eta) in CASES.items():
        run(name, sampler, cls, config, steps, eta, tensors)
    generator = torch.Generator().manual_seed(1)
    clean, noise, free, conditional = torch.randn(4, 3, 2, 4, 4, dtype=torch.float64, generator=generator)
    timesteps = torch.tensor([0, 421, 999])
    scheduler = DDPMScheduler(**SD)
    lift(scheduler, SD)
    guided = free + 3.5 * (conditional - free)
    tensors |= dict(clean=clean, noise=noise, noisy=scheduler.add_noise(clean, noise, timesteps), velocity=scheduler.get_velocity(clean, noise, timesteps),
                    noise_timesteps=timesteps, free=free, conditional=conditional, guided=guided,
                    rescaled=rescale_noise_cfg(guided, conditional, guidance_rescale=0.7))
    cases = {name: dict(sampler=sampler, steps=steps, eta=eta, config=finite(cls(**config).config)) for name, (sampler, cls, config, steps, eta) in CASES.items()}
    save_file({k: v.contiguous() for k, v in tensors.items()}, FOLDER / "schedulers.safetensors", metadata={"config": json.dumps(cases, default=str)})


if __name__ == "__main__":
    main()
