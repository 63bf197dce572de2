"""Checks that diffusers loads a generator folder of ours and computes the same.

    DEFOUND_INTERCHANGE=/tmp/files build/tests/models_test --gtest_filter='Interchange.*'
    python scripts/goldens/check_generator.py /tmp/files/generator /tmp/files/generator_pair.safetensors

A generator of a run is checked when it is copied to /tmp/files/generator before the first command.
PAIR holds what our code computed with the folder, in float64: sample, timesteps, context, prediction; start, label_context, free_context,
images (a guided DDIM run: metadata steps, guidance_scale); and with a vae: vae_images, vae_mean, vae_latents, vae_decoded."""
import pathlib
import sys

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors import safe_open


def relative_error(actual, expected):
    return ((actual.double() - expected.double()).abs().max() / expected.double().abs().max()).item()


def ddim(unet, scheduler, pair, steps, scale):
    scheduler.set_timesteps(steps)
    latents, context = pair["start"], torch.cat([pair["free_context"], pair["label_context"]])
    for t in scheduler.timesteps:
        free, conditional = unet(torch.cat([latents, latents]), t, context).sample.chunk(2)
        latents = scheduler.step(free + scale * (conditional - free), t, latents).prev_sample
    return (latents / 2 + 0.5).clamp(0, 1)


@torch.no_grad()
def main(folder, pair_file):
    with safe_open(pair_file, "pt") as file:
        pair, metadata = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()
    pair = {key: tensor.double() if tensor.is_floating_point() else tensor for key, tensor in pair.items()}
    unet, info = UNet2DConditionModel.from_pretrained(folder / "unet", output_loading_info=True)
    unet.double()
    faults = [f"{kind}: {names}" for kind, names in info.items() if names]
    errors = {"unet": relative_error(unet(pair["sample"], pair["timesteps"], pair["context"]).sample, pair["prediction"])}
    if "images" in pair:
        scheduler = DDIMScheduler.from_pretrained(folder / "scheduler")
        errors["ddim"] = relative_error(ddim(unet, scheduler, pair, int(metadata["steps"]), float(metadata["guidance_scale"])), pair["images"])
    if "vae_images" in pair:
        vae = AutoencoderKL.from_pretrained(folder / "vae").double()
        errors["vae mean"] = relative_error(vae.encode(pair["vae_images"]).latent_dist.mean, pair["vae_mean"])
        errors["vae decode"] = relative_error(vae.decode(pair["vae_latents"]).sample, pair["vae_decoded"])
    for name, error in errors.items():
        print(f"{name}: relative error {error:.2e}")
        if not error < 1e-5:
            faults.append(f"{name} differs")
    print("\n".join(faults) or "diffusers loads the folder and computes the same")
    return 1 if faults else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2]))
