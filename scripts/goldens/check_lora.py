"""Checks that diffusers and peft load our LoRA files and compute the same.

    DEFOUND_INTERCHANGE=/tmp/files build/tests/models_test --gtest_filter='LoraFile.SavedAndReadAgain*'
    DEFOUND_INTERCHANGE=/tmp/files build/tests/tasks_test --gtest_filter='LoraTraining.WritesTheAdapterAlone*'
    python scripts/goldens/check_lora.py /tmp/files

The first writes pytorch_lora_weights.safetensors and what our UNet predicts with it (lora_pair.safetensors, float64), the second
trained_lora.safetensors. Both belong to tests/goldens/stable_diffusion. `--base GENERATOR --lora FILE` instead loads any pair."""
import argparse
import json
import pathlib
import sys

import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig, inject_adapter_in_model, set_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import load_file

BASE = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "stable_diffusion"


def relative_error(actual, expected):
    return ((actual.double() - expected.double()).abs().max() / expected.double().abs().max()).item()


def load(base, file):
    """The pipeline with the adapter, and the names of adapted layers that are not in the file."""
    pipeline = StableDiffusionPipeline.from_pretrained(base)
    pipeline.load_lora_weights(file.parent, weight_name=file.name)
    loaded = {name.replace(".default_0", "") for name, _ in pipeline.unet.named_parameters() if ".lora_" in name}
    return pipeline, loaded ^ {name.removeprefix("unet.") for name in load_file(file)}


def with_peft(base, file):
    """The same by peft alone."""
    unet = StableDiffusionPipeline.from_pretrained(base).unet
    with safe_open(file, "pt") as opened:
        config = {name.removeprefix("unet."): value for name, value in json.loads(opened.metadata()["lora_adapter_metadata"]).items()}
    unet = inject_adapter_in_model(LoraConfig(**config), unet)
    result = set_peft_model_state_dict(unet, {name.removeprefix("unet."): tensor for name, tensor in load_file(file).items()})
    assert not result.unexpected_keys, result.unexpected_keys
    return unet


@torch.no_grad()
def main(folder, base, lora):
    faults = []
    for file in [lora] if lora else [folder / "pytorch_lora_weights.safetensors", folder / "trained_lora.safetensors"]:
        pipeline, names = load(base, file)
        faults += [f"{file.name}: {name} is on one side only" for name in sorted(names)]
        images = pipeline(["a fundus"], num_inference_steps=2, output_type="np").images
        print(f"{file.name}: {type(pipeline).__name__} drew {images.shape} with {len(load_file(file)) // 2} adapted layers")
    if folder:
        file, pair = folder / "pytorch_lora_weights.safetensors", load_file(folder / "lora_pair.safetensors")
        for name, unet in (("diffusers", load(base, file)[0].unet), ("peft", with_peft(base, file))):
            error = relative_error(unet.double()(pair["sample"], pair["timesteps"], pair["context"]).sample, pair["prediction"])
            print(f"{name}: relative error {error:.2e}")
            if not error < 1e-6:
                faults.append(f"{name} computes something else")
    print("\n".join(faults) or "diffusers and peft load the files and compute the same")
    return 1 if faults else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path, help="with the three files")
    parser.add_argument("--base", type=pathlib.Path, default=BASE, help="generator folder that the adapter belongs to")
    parser.add_argument("--lora", type=pathlib.Path, help="an adapter to load")
    arguments = parser.parse_args()
    if bool(arguments.folder) == bool(arguments.lora):
        parser.error("give FOLDER or --lora FILE")
    sys.exit(main(arguments.folder, arguments.base, arguments.lora))
