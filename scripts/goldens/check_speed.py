"""Times a whole synthesis job beside diffusers' StableDiffusionPipeline, in turn: text, denoising, decoding, encoding and
writing of the same prompts, at the same solver, steps, guidance, batch, precision and threads, on a generator folder of Stable
Diffusion 1.x (check_stable_diffusion.py --folder makes one with random weights).

    check_speed.py GENERATOR PATH/TO/defound-synthesize [--size 64] [--count 16] [--batch 8] [--steps 20] [--precision fp32]

Loading is not counted on either side; the time of the whole command, and of the peer with its imports, are printed beside it."""
import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

PROMPTS = ["a fundus photograph of glaucoma", "a fundus photograph of a normal eye"]


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("generator", type=pathlib.Path)
    parser.add_argument("program", type=pathlib.Path)
    for name, default in dict(size=64, count=16, batch=8, steps=20, threads=2, turns=3).items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--guidance_scale", type=float, default=7.5)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--output", type=pathlib.Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def smaller(generator, size, folder):
    """The same weights for images of another size."""
    for part in generator.iterdir():
        (folder / part.name).symlink_to(part) if part.name != "unet" else (folder / "unet").mkdir()
    config = json.loads((generator / "unet" / "config.json").read_text())
    (folder / "unet" / "config.json").write_text(json.dumps(config | dict(sample_size=size // 8)))
    for file in (generator / "unet").glob("*.safetensors"):
        (folder / "unet" / file.name).symlink_to(file)
    return folder


def run_peer(args):
    """What a script with diffusers does, in a process of its own."""
    import torch
    from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
    torch.set_num_threads(args.threads)
    dtype = torch.bfloat16 if args.precision == "bf16" else torch.float32
    pipeline = StableDiffusionPipeline.from_pretrained(args.generator, torch_dtype=dtype, safety_checker=None)
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.unet.to(memory_format=torch.channels_last)
    pipeline.vae.to(memory_format=torch.channels_last)
    pipeline.set_progress_bar_config(disable=True)
    args.output.mkdir()
    start, made = time.perf_counter(), 0
    for prompt in PROMPTS:
        for begin in range(0, args.count // len(PROMPTS), args.batch):
            batch = min(args.batch, args.count // len(PROMPTS) - begin)
            for image in pipeline([prompt] * batch, num_inference_steps=args.steps, guidance_scale=args.guidance_scale).images:
                image.save(args.output / f"{made}.png")
                made += 1
    print(json.dumps(dict(seconds=time.perf_counter() - start, images=made)))


def timed(command):
    start = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return time.perf_counter() - start, done.stdout + done.stderr


def main(args):
    if args.peer:
        return run_peer(args)
    rows = dict(defound=[], diffusers=[])
    with tempfile.TemporaryDirectory() as place:
        folder = smaller(args.generator.resolve(), args.size, pathlib.Path(tempfile.mkdtemp(dir=place)))
        for turn in range(args.turns):
            prompts = [word for prompt in PROMPTS for word in ("--prompt", f"{prompt}={args.count // len(PROMPTS)}")]
            whole, text = timed([args.program, "--generator", folder, *prompts, "--sampler", "dpmpp_2m", "--steps", str(args.steps), "--guidance_scale",
                                 str(args.guidance_scale), "--batch_size", str(args.batch), "--precision", args.precision, "--threads", str(args.threads),
                                 "--output", f"{place}/ours-{turn}"])
            split = re.search(r"info ([\d.]+) s: weights ([\d.]+) s, (text .*)", text)
            rows["defound"].append((float(split[1]) - float(split[2]), whole, split[3]))
            words = [word for name in ("size", "count", "batch", "steps", "threads", "guidance_scale", "precision") for word in (f"--{name}", str(getattr(args, name)))]
            whole, text = timed([sys.executable, __file__, folder, args.program, *words, "--peer", "--output", f"{place}/peers-{turn}"])
            rows["diffusers"].append((json.loads(text.splitlines()[-1] if text.splitlines()[-1].startswith("{") else re.search(r"\{.*\}", text)[0])["seconds"], whole, ""))
    medians = {name: statistics.median(row[0] for row in values) for name, values in rows.items()}
    for name, values in rows.items():
        for seconds, whole, split in values:
            print(f"{name:10} job {seconds:7.2f} s, command {whole:7.2f} s  {split}")
    print(f"ratio {medians['diffusers'] / medians['defound']:.2f} ({args.count} images of {args.size} px in batches of {args.batch}, {args.steps} steps, {args.precision})")


if __name__ == "__main__":
    main(arguments())
