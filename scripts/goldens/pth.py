"""tests/goldens/pth/: files of torch.save and pickle. Beside NAME.pth stand its tensors as NAME.safetensors (names as a reader should give
them, wrappers taken off); beside values-N.pkl (pickle protocol N) stands its content as values.json.
"""
import argparse
import collections
import io
import json
import os
import pathlib
import pickle
import sys
import tarfile

import numpy
import torch
from safetensors.torch import save_file

folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "../../tests/goldens/pth"))
folder.mkdir(parents=True, exist_ok=True)


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.cls_token = torch.nn.Parameter(torch.randn(1, 1, 4))
        self.norm = torch.nn.BatchNorm1d(4)
        self.head = torch.nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.norm(x + self.cls_token[0]))


class Recipe:
    """Of a module that no reader has."""
    def __init__(self):
        self.depth, self.itself = 12, self


def save(name, content, tensors, **options):
    torch.save(content, folder / name, **options)
    save_file({key: value.detach().clone().contiguous() for key, value in tensors.items()}, (folder / name).with_suffix(".safetensors"))


def trained():
    """A module and its optimizer after two steps."""
    model = Block()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95))
    for _ in range(2):
        model(torch.randn(6, 4)).square().mean().backward()
        optimizer.step()
    return model, optimizer


def containers(model, optimizer):
    state = model.state_dict()
    args = argparse.Namespace(model="mae_vit_tiny", mask_ratio=0.75, epochs=800, norm_pix_loss=True, resume="", output_dir=pathlib.PurePosixPath("out"), seed=None)
    save("mae.pth", {"model": state, "optimizer": optimizer.state_dict(), "epoch": 3, "scaler": {"scale": 65536.0}, "args": args}, state)
    save("bare.pth", state, state, pickle_protocol=4)
    save("ddp.pth", {"model_state": {"module." + key: value for key, value in state.items()}, "epoch": 1}, state, pickle_protocol=5)
    heads = {"dino_head.mlp.weight": torch.randn(2, 2)}
    save("dinov2.pth", {"teacher": {"backbone." + key: value for key, value in state.items()} | heads}, state)
    save("lightning.ckpt", {
        "epoch": 7, "global_step": 900, "pytorch-lightning_version": "2.4.0", "state_dict": {"model." + key: value for key, value in state.items()},
        "callbacks": {"ModelCheckpoint{'monitor': 'val'}": {"best_model_score": torch.tensor(0.9), "best_model_path": "a.ckpt", "kth_value": None}},
        "optimizer_states": [optimizer.state_dict()], "lr_schedulers": [collections.Counter(a=1)], "hparams_name": "kwargs",
        "hyper_parameters": {"lr": 0.001, "shape": torch.Size([2, 3]), "recipe": Recipe(), "kind": collections.defaultdict(list, a=[1])}}, state)
    save("unknown.pth", {"state_dict": state, "recipe": Recipe(), "device": torch.device("cpu"), "dtype": torch.float16, "join": os.path.join}, state)
    save("sparse.pth", {"model": state | {"sparse": torch.eye(3).to_sparse()}}, state)
    save("tensor.pth", torch.ones(2), {"unnamed": torch.ones(2)})
    save("legacy.pth", {"model": state}, state, _use_new_zipfile_serialization=False)
    torch.jit.script(model).save(str(folder / "script.pt"))
    torch.serialization.set_crc32_options(False)
    save("without_checksums.pth", {"model": state}, state)
    torch.serialization.set_crc32_options(True)


def tensors():
    whole = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    views = {"whole": whole, "rows": whole[1:3], "transposed": whole.t(), "every_second": whole[:, ::2], "one": whole[2, 3], "expanded": whole[:1].expand(3, 6),
             "permuted": torch.arange(8, dtype=torch.int16).reshape(2, 2, 2).permute(2, 0, 1)}
    save("views.pth", views, views)
    names = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 uint16 uint32 uint64 bool complex64 float8_e4m3fn float8_e5m2"
    types = {name: torch.tensor([[0, 1, 1], [1, 0, 1]]).to(getattr(torch, name)) for name in names.split()}
    types |= {"half": torch.randn(5).half(), "brain": torch.randn(5).bfloat16(), "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 4)}
    save("types.pth", types, types)
    tagged = torch.randn(3)
    tagged.source = "an attribute"
    parameters = {"weight": torch.nn.Parameter(torch.randn(2, 3)), "fixed": torch.nn.Parameter(torch.randn(2), requires_grad=False), "tagged": tagged}
    save("parameters.pth", parameters, parameters)


def values():
    array = numpy.arange(6, dtype=numpy.int32).reshape(2, 3)
    content = {"none": None, "true": True, "false": False, "zero": 0, "small": 200, "word": 60000, "negative": -7, "long": 1 << 40, "longest": -(1 << 62),
               "real": 0.1, "text": "caf\u00e9", "empty": "", "long text": "ab" * 200, "bytes": b"\x00\xff\x80", "list": [1, [2, [3]]], "tuple": (1, 2, 3, 4),
               "nested": {"a": {"b": ()}}, "ordered": collections.OrderedDict([("z", 1), ("a", 2)]), "set": {5}, "frozen": frozenset([6]),
               "rows": [{"img_root": f"train/{i}.png", "label": i % 3} for i in range(1200)], "float64": numpy.float64(0.25), "float32": numpy.float32(0.5),
               "int64": numpy.int64(-3), "bool_": numpy.bool_(True), "array": array, "fortran": numpy.asfortranarray(array), "swapped": array.astype(">f8"),
               "bytearray": bytearray(b"abc")}
    content["again"] = content["nested"]
    for protocol in (2, 3, 4, 5):
        (folder / f"values-{protocol}.pkl").write_bytes(pickle.dumps(content, protocol))

    def plain(value):
        if isinstance(value, numpy.ndarray):
            return {"dtype": value.dtype.str, "shape": list(value.shape), "values": value.astype(float).flatten().tolist()}
        if isinstance(value, numpy.generic):
            return value.item()
        if isinstance(value, (bytes, bytearray)):
            return {"bytes": list(value)}
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, (list, tuple, set, frozenset)) else value

    (folder / "values.json").write_text(json.dumps(plain(content)))


def tar():
    with tarfile.open(folder / "legacy_tar.pth", "w", format=tarfile.USTAR_FORMAT) as archive:  # the layout of torch 0.1.1
        for name in ("sys_info", "pickle", "tensors", "storages"):
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(b"\x80\x02K\x00"))


if __name__ == "__main__":
    torch.manual_seed(0)
    containers(*trained())
    tensors()
    values()
    tar()
