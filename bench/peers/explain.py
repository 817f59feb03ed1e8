"""Attributions of a video ResNet in PyTorch, the peer of bench/explain: a stand-in for Captum, which is not packaged.

The algorithms are written plainly after the published methods, in the way Captum's documentation describes its own: a saliency map is one
backward pass to the input; integrated gradients take Gauss-Legendre steps in internal batches; Grad-CAM takes the gradient by the layer's
output alone; occlusion perturbs several windows a forward pass. Run: python3 explain.py WEIGHTS.safetensors INPUT.bin OUT_DIR THREADS

INPUT.bin is float32 [1, 1, T, H, W] with T, H, W as in SHAPE below. For each line "METHOD" on standard input it answers
"SECONDS CPU_SECONDS" and writes float32 to OUT_DIR/METHOD.bin.
"""
import json
import os
import struct
import sys
import time

import numpy as np
import torch
from torch import nn

SHAPE = (1, 1, 32, 112, 112)
WINDOW = (8, 28, 28)
BATCH = 16


def conv_block(i, o, stride):
    return nn.Sequential(nn.Conv3d(i, o, 3, stride, 1, bias=False), nn.BatchNorm3d(o))


class Block(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.conv1, self.conv2 = conv_block(i, o, stride), conv_block(o, o, 1)
        self.downsample = None
        if stride != 1 or i != o:
            self.downsample = nn.Sequential(nn.Conv3d(i, o, 1, stride, bias=False), nn.BatchNorm3d(o))

    def forward(self, x):
        short = x if self.downsample is None else self.downsample(x)
        return torch.relu(self.conv2(torch.relu(self.conv1(x))) + short)


class Net(nn.Module):
    """torchvision's r3d_18 with another width."""

    def __init__(self, width, classes):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv3d(1, width, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False), nn.BatchNorm3d(width), nn.ReLU())
        i = width
        for k in range(4):
            o = width << k
            setattr(self, f"layer{k + 1}", nn.Sequential(Block(i, o, 1 if k == 0 else 2), Block(o, o, 1)))
            i = o
        self.fc = nn.Linear(i, classes)

    def features(self, x):
        return self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))

    def head(self, f):
        return self.fc(f.mean((2, 3, 4)))

    def forward(self, x):
        return self.head(self.features(x))


def read(path):
    with open(path, "rb") as f:
        (n,) = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(n))
        data = f.read()
    kinds = {"F32": np.float32, "I64": np.int64}
    return {k: torch.from_numpy(np.frombuffer(data[slice(*v["data_offsets"])], kinds[v["dtype"]]).reshape(v["shape"]).copy())
            for k, v in header.items() if k != "__metadata__"}


torch.set_num_threads(int(sys.argv[4]))
state = read(sys.argv[1])
weight = next(k for k, v in state.items() if v.dim() == 2)
state["fc.weight"] = state.pop(weight)
state["fc.bias"] = state.pop(weight.replace("weight", "bias"))
net = Net(state["stem.0.weight"].shape[0], state["fc.weight"].shape[0]).eval()
missing = net.load_state_dict(state, strict=False)
assert not missing.unexpected_keys and all("num_batches" in k for k in missing.missing_keys), missing
x = torch.from_numpy(np.fromfile(sys.argv[2], np.float32).reshape(SHAPE))
target = 1


def gradient():
    leaf = x.clone().requires_grad_()
    return torch.autograd.grad(net(leaf)[:, target].sum(), leaf)[0]


def integrated(steps=24, internal=8):
    at, weight = np.polynomial.legendre.leggauss(steps)
    at, weight = torch.tensor((at + 1) / 2, dtype=torch.float32), torch.tensor(weight / 2, dtype=torch.float32)
    total = torch.zeros_like(x)
    for lo in range(0, steps, internal):
        a = at[lo:lo + internal].view(-1, 1, 1, 1, 1)
        leaf = (a * x).requires_grad_()
        g = torch.autograd.grad(net(leaf)[:, target].sum(), leaf)[0]
        total += (g * weight[lo:lo + internal].view(-1, 1, 1, 1, 1)).sum(0, keepdim=True)
    return total * x


def gradcam():
    with torch.no_grad():
        value = net.features(x)
    leaf = value.detach().requires_grad_()
    g = torch.autograd.grad(net.head(leaf)[:, target].sum(), leaf)[0]
    return (value * g.mean((2, 3, 4), keepdim=True)).sum(1, keepdim=True)


def occlusion():
    t, h, w = WINDOW
    out = torch.zeros(SHAPE[2:])
    fill = x.mean()
    with torch.no_grad():
        base = net(x)[0, target]
        places = [(a, b, c) for a in range(0, SHAPE[2], t) for b in range(0, SHAPE[3], h) for c in range(0, SHAPE[4], w)]
        for lo in range(0, len(places), BATCH):
            part = places[lo:lo + BATCH]
            batch = x.repeat(len(part), 1, 1, 1, 1)
            for i, (a, b, c) in enumerate(part):
                batch[i, :, a:a + t, b:b + h, c:c + w] = fill
            scores = net(batch)[:, target]
            for (a, b, c), s in zip(part, scores):
                out[a:a + t, b:b + h, c:c + w] = base - s
    return out


methods = {"gradient": gradient, "integrated-gradients": integrated, "integrated-gradients-one": lambda: integrated(internal=1), "gradcam": gradcam, "occlusion": occlusion}
print("ready", torch.__version__, flush=True)
for line in sys.stdin:
    name = line.strip()
    wall, cpu = time.perf_counter(), time.process_time()
    result = methods[name]()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    result.detach().numpy().astype(np.float32).tofile(os.path.join(sys.argv[3], name + ".bin"))
    print(wall, cpu, flush=True)
