"""Has Python compute a network for masks with random weights: python3 reference.py NAME OUT.safetensors

deeplabv3_resnet50 is torchvision's. unet and resenc_unet are written here with torch.nn after dynamic_network_architectures' description
(PlainConvUNet, ResidualEncoderUNet) with its parameter names. Written: weight/NAME for every parameter and buffer before the pass, x, and
for eval and train mode MODE/out/I; for train also train/grad/NAME of the gradient of sum(out * cos(0, 1, 2, ...)) of the first map.
"""
import json
import struct
import sys

import torch
from torch import nn

name, path = sys.argv[1:]
torch.manual_seed(3)
torch.set_num_threads(2)


class Conv(nn.Module):
    def __init__(self, i, o, k, s, bias=True, linear=False):
        super().__init__()
        self.conv = nn.Conv3d(i, o, k, s, [(a - 1) // 2 for a in k], bias=bias)
        self.norm = nn.InstanceNorm3d(o, eps=1e-5, affine=True)
        self.linear = linear

    def forward(self, x):
        x = self.norm(self.conv(x))
        return x if self.linear else nn.functional.leaky_relu(x, 0.01)


class Stack(nn.Module):
    def __init__(self, n, i, o, k, s):
        super().__init__()
        self.convs = nn.Sequential(*[Conv(i if j == 0 else o, o, k, s if j == 0 else [1, 1, 1]) for j in range(n)])

    def forward(self, x):
        return self.convs(x)


class Block(nn.Module):
    def __init__(self, i, o, k, s):
        super().__init__()
        self.conv1, self.conv2 = Conv(i, o, k, s), Conv(o, o, k, [1, 1, 1], linear=True)
        ops = []
        if max(s) > 1:
            ops.append(nn.AvgPool3d(s, s))
        if i != o:
            ops.append(Conv(i, o, [1, 1, 1], [1, 1, 1], bias=False, linear=True))
        self.skip = nn.Sequential(*ops)

    def forward(self, x):
        return nn.functional.leaky_relu(self.conv2(self.conv1(x)) + self.skip(x), 0.01)


class Blocks(nn.Module):
    def __init__(self, n, i, o, k, s):
        super().__init__()
        self.blocks = nn.Sequential(*[Block(i if j == 0 else o, o, k, s if j == 0 else [1, 1, 1]) for j in range(n)])

    def forward(self, x):
        return self.blocks(x)


class UNet(nn.Module):
    def __init__(self, residual, features, blocks, kernels, strides, classes):
        super().__init__()
        self.encoder, self.decoder = nn.Module(), nn.Module()
        i = 1
        if residual:
            self.encoder.stem = Stack(1, 1, features[0], kernels[0], [1, 1, 1])
            i = features[0]
        stages = []
        for f, n, k, s in zip(features, blocks, kernels, strides):
            stages.append(Blocks(n, i, f, k, s) if residual else nn.Sequential(Stack(n, i, f, k, s)))
            i = f
        self.encoder.stages = nn.ModuleList(stages)
        up, dec, seg = [], [], []
        for j in range(len(features) - 1, 0, -1):
            a, b = features[j], features[j - 1]
            up.append(nn.ConvTranspose3d(a, b, strides[j], strides[j]))
            dec.append(Stack(1 if residual else 2, 2 * b, b, kernels[j - 1], [1, 1, 1]))
            seg.append(nn.Conv3d(b, classes, 1))
        self.decoder.stages, self.decoder.transpconvs, self.decoder.seg_layers = nn.ModuleList(dec), nn.ModuleList(up), nn.ModuleList(seg)

    def forward(self, x):
        if hasattr(self.encoder, "stem"):
            x = self.encoder.stem(x)
        skips = []
        for s in self.encoder.stages:
            x = s(x)
            skips.append(x)
        outs = []
        for j, (u, d, h) in enumerate(zip(self.decoder.transpconvs, self.decoder.stages, self.decoder.seg_layers)):
            x = d(torch.cat((u(x), skips[-2 - j]), 1))
            outs.append(h(x))
        return outs[::-1] if self.training else outs[-1:]


if name == "deeplabv3_resnet50":
    import torchvision
    net = torchvision.models.segmentation.deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=5, aux_loss=True)
    for m in net.modules():  # dropout's draws are the engine's own
        if isinstance(m, nn.Dropout):
            m.p = 0.0
    x = torch.randn(2, 3, 65, 48)

    def run():
        out = net(x)
        return [out["out"], out["aux"]] if net.training else [out["out"]]
else:
    net = UNet(name == "resenc_unet", [4, 6, 8], [1, 2, 2] if name == "resenc_unet" else [2, 2, 2], [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
               [[1, 1, 1], [1, 2, 2], [2, 2, 2]], 3)
    x = torch.randn(2, 1, 6, 16, 12)

    def run():
        return net(x)

for p in net.parameters():
    p.data += 0.05 * torch.randn_like(p)
for n, b in net.named_buffers():
    if b.is_floating_point():
        b.data = b.data + 0.1 * torch.rand_like(b)
tensors = {"x": x}
for n, v in net.state_dict().items():
    tensors["weight/" + n] = v.clone()
net.eval()
with torch.no_grad():
    for i, y in enumerate(run()):
        tensors[f"eval/out/{i}"] = y
net.train()
outs = run()
for i, y in enumerate(outs):
    tensors[f"train/out/{i}"] = y
(outs[0] * torch.cos(torch.arange(outs[0].numel(), dtype=torch.float32)).reshape(outs[0].shape)).sum().backward()
for n, p in net.named_parameters():
    if p.grad is not None:
        tensors["train/grad/" + n] = p.grad
kinds = {torch.float32: "F32", torch.int64: "I64"}
head, blobs, at = {}, [], 0
for n, v in sorted(tensors.items()):
    b = v.detach().contiguous().numpy().tobytes()
    head[n] = {"dtype": kinds[v.dtype], "shape": list(v.shape), "data_offsets": [at, at + len(b)]}
    blobs.append(b)
    at += len(b)
js = json.dumps(head).encode()
js += b" " * (-len(js) % 8)
with open(path, "wb") as f:
    f.write(struct.pack("<Q", len(js)) + js + b"".join(blobs))
