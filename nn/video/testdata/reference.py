"""Writes a torchvision (or, see peers.py, another) network's random weights and what it computes from them, for comparison.

usage: reference.py NAME T H W OUT.safetensors

The file holds the state dict ("w." + name), an input clip "x" [2, 3, T, H, W], the scores in eval mode "eval" and, for networks that
draw nothing at random, in train mode "train". From mean(scores * "mix"), of train mode where there is one, come the gradients of
parameters of at most 200,000 values ("g." + name) and the running statistics after that step ("s." + name).
"""
import json
import struct
import sys

import torch
import torchvision


class FrameMean(torch.nn.Module):
    """An image network on every frame; its features are averaged before the last linear layer, which is where the mean may be moved."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        n, c, t, h, w = x.shape
        return self.net(x.permute(0, 2, 1, 3, 4).reshape(n * t, c, h, w)).reshape(n, t, -1).mean(1)


class ResNetMean(FrameMean):
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
name, t, h, w, path = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5]
if name.endswith("_mean"):
    kwargs = {"image_size": h} if name.startswith("vit") else {}
    inner = getattr(torchvision.models, name[: -len("_mean")])(num_classes=7, **kwargs)
    model = (ResNetMean if name.startswith("resnet") else FrameMean)(inner)
elif name in ("swin3d_t", "p3d_63", "swin_stills"):
    import peers

    model = inner = peers.build(name)
else:
    mvit = torchvision.models.video.mvit
    whole = mvit.MViT
    mvit.MViT = lambda **kw: whole(**{**kw, "spatial_size": (h, w), "temporal_size": t})  # the builders fix 224×224
    model = inner = getattr(torchvision.models.video, name)(num_classes=7)
for m in model.modules():
    if isinstance(m, (torch.nn.BatchNorm3d, torch.nn.BatchNorm2d)):
        torch.nn.init.uniform_(m.weight, 0.5, 1.5)
        torch.nn.init.normal_(m.bias, 0, 0.2)
        torch.nn.init.normal_(m.running_mean, 0, 0.2)
        torch.nn.init.uniform_(m.running_var, 0.5, 1.5)
for key, p in inner.named_parameters():
    if p.dim() == 1 or "layer_scale" in key or "pos" in key or "token" in key or "head" in key:  # nothing may stay at zero, where mistakes hide
        torch.nn.init.normal_(p, p.mean().item(), 0.2)
x = torch.randn(2, 3, t, h, w)
mix = torch.randn(2, 7)
own = getattr(inner, "video", dict)
state = {k[len("net."):] if name == "swin_stills" else k: v.clone() for k, v in inner.state_dict().items()}
out = {"w." + k: v for k, v in own(state).items()}
out.update(x=x, mix=mix)
model.eval()
with torch.no_grad():
    out["eval"] = model(x)
if name == "swin3d_t" or any(isinstance(m, (torch.nn.Dropout, torchvision.ops.StochasticDepth)) for m in model.modules()):
    scores = model(x)
else:
    model.train()
    scores = out["train"] = model(x)
(scores * mix).mean().backward()
grads = {k[len("net."):] if name == "swin_stills" else k: p.grad for k, p in inner.named_parameters() if p.numel() <= 200_000 and p.grad is not None}
out.update({"g." + k: g for k, g in own(grads).items() if name != "swin_stills" or k != "patch_embed.proj.weight"})
out.update({"s." + k: b for k, b in inner.named_buffers()})
save(path, out)
