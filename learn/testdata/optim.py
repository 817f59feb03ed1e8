"""Writes optim.json: parameters after each of five steps of torch's own optimisers, for gradients given by a formula."""
import json
import math

import torch


def gradient(step, shape, phase):
    n = math.prod(shape)
    return torch.tensor([math.sin(1.7 * step + 0.9 * i + phase) for i in range(n)], dtype=torch.float32).reshape(shape)


def run(make):
    weight = torch.nn.Parameter(torch.tensor([[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]]))
    bias = torch.nn.Parameter(torch.tensor([0.1, -0.2, 0.3]))
    groups = [{"params": [weight]}, {"params": [bias], "weight_decay": 0.0}]
    opt = make(groups)
    steps = []
    for step in range(5):
        weight.grad = gradient(step, weight.shape, 0.0)
        bias.grad = gradient(step, bias.shape, 0.5)
        opt.step()
        steps.append({"weight": weight.detach().flatten().tolist(), "bias": bias.detach().flatten().tolist()})
    return steps


out = {
    "torch": torch.__version__,
    "sgd": run(lambda g: torch.optim.SGD(g, lr=0.1, weight_decay=0.01, foreach=True)),
    "sgd_momentum": run(lambda g: torch.optim.SGD(g, lr=0.1, momentum=0.9, weight_decay=0.01, foreach=True)),
    "adam": run(lambda g: torch.optim.Adam(g, lr=0.01, weight_decay=0.05, foreach=True)),
    "adamw": run(lambda g: torch.optim.AdamW(g, lr=0.01, weight_decay=0.05, foreach=True)),
}
weight = torch.nn.Parameter(torch.zeros(2, 2))
weight.grad = torch.tensor([[3.0, 4.0], [0.0, 12.0]])
norm = torch.nn.utils.clip_grad_norm_([weight], 6.5)
out["clip"] = {"norm": float(norm), "grad": weight.grad.flatten().tolist()}
json.dump(out, open("optim.json", "w"), indent=1)
