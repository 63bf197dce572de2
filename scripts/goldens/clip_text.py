"""Goldens for models/clip_text_test.cpp: last hidden state of transformers' CLIPTextModel, and the gradient of its sum of squares."""
import json
import pathlib

import torch
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens"
# nothing as in the defaults, but for the activation in one of the two
CASES = dict(quick=dict(vocab_size=60, hidden_size=12, intermediate_size=20, num_hidden_layers=3, num_attention_heads=3, max_position_embeddings=9,
                        layer_norm_eps=1e-3, hidden_act="quick_gelu", eos_token_id=59, bos_token_id=58, pad_token_id=1),
             gelu=dict(vocab_size=30, hidden_size=8, intermediate_size=24, num_hidden_layers=1, num_attention_heads=4, max_position_embeddings=6,
                       layer_norm_eps=1e-6, hidden_act="gelu", eos_token_id=29, bos_token_id=28, pad_token_id=0))


def main():
    tensors, configs = {}, {}
    for name, values in CASES.items():
        torch.manual_seed(len(name))
        config = CLIPTextConfig(**values)
        model = CLIPTextModel(config).eval()
        with torch.no_grad():  # norms and biases too, in values that fp32 holds exactly
            for parameter in model.parameters():
                parameter.copy_(0.3 * torch.randn_like(parameter) + (parameter if parameter.dim() == 1 else 0))
        prefix = lambda key: key if key.startswith("text_model.") else "text_model." + key
        tensors |= {f"{name}/weight/{prefix(k)}": v.detach().clone() for k, v in model.named_parameters()}
        model = model.double()
        ids = torch.randint(0, values["vocab_size"], (2, values["max_position_embeddings"]))
        hidden = model(ids).last_hidden_state
        short = model(ids[:, :4]).last_hidden_state
        hidden.square().sum().backward()
        tensors |= {f"{name}/grad/{prefix(k)}": v.grad for k, v in model.named_parameters()}
        tensors |= {f"{name}/ids": ids, f"{name}/hidden": hidden.detach(), f"{name}/short": short.detach()}
        configs[name] = json.loads(config.to_json_string())
    save_file({k: v.contiguous() for k, v in tensors.items()}, FOLDER / "clip_text.safetensors", metadata={"config": json.dumps(configs)})


if __name__ == "__main__":
    main()
