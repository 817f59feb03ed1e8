"""Writes a torchvision network's random weights and what it computes from them, for comparison.

usage: reference.py NAME OUT.safetensors

The file holds the state dict ("w." + name), an input clip "x" [2, 3, 4, 30, 34], the scores in eval mode "eval" and train mode
"train", the gradients of mean(train scores * "mix") for parameters of at most 200,000 values ("g." + name), and the running
statistics after that step ("s." + name).
"""
import json
import struct
import sys

import torch
import torchvision


class FrameMean(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = torchvision.models.resnet18(num_classes=7)

    def forward(self, x):
        n, c, t, h, w = x.shape
        net = self.net
        f = x.permute(0, 2, 1, 3, 4).reshape(n * t, c, h, w)
        f = net.maxpool(net.relu(net.bn1(net.conv1(f))))
        f = net.layer4(net.layer3(net.layer2(net.layer1(f))))
        f = torch.flatten(net.avgpool(f), 1).reshape(n, t, -1).mean(1)
        return net.fc(f)


def save(path, tensors):
    kinds = {torch.float32: "F32", torch.int64: "I64"}
    header, blobs, end = {}, [], 0
    for name, t in tensors.items():
        b = t.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": kinds[t.dtype], "shape": list(t.shape), "data_offsets": [end, end + len(b)]}
        blobs.append(b)
        end += len(b)
    h = json.dumps(header).encode()
    h += b" " * (-len(h) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(h)) + h + b"".join(blobs))


torch.set_num_threads(2)
torch.manual_seed(20)
name, path = sys.argv[1:]
if name == "resnet18_mean":
    model = FrameMean()
    inner = model.net
else:
    model = inner = getattr(torchvision.models.video, name)(num_classes=7)
for m in model.modules():
    if isinstance(m, (torch.nn.BatchNorm3d, torch.nn.BatchNorm2d)):
        torch.nn.init.uniform_(m.weight, 0.5, 1.5)
        torch.nn.init.normal_(m.bias, 0, 0.2)
        torch.nn.init.normal_(m.running_mean, 0, 0.2)
        torch.nn.init.uniform_(m.running_var, 0.5, 1.5)
x = torch.randn(2, 3, 4, 30, 34)
mix = torch.randn(2, 7)
out = {"w." + k: v.clone() for k, v in inner.state_dict().items()}
out.update(x=x, mix=mix)
model.eval()
with torch.no_grad():
    out["eval"] = model(x)
model.train()
scores = model(x)
out["train"] = scores
(scores * mix).mean().backward()
out.update({"g." + k: p.grad for k, p in inner.named_parameters() if p.numel() <= 200_000})
out.update({"s." + k: b for k, b in inner.named_buffers()})
save(path, out)
