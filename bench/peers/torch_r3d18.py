"""r3d_18 of torchvision on a small input: what package torch must reproduce bit for bit. Run: python3 torch_r3d18.py OUT.pth THREADS

OUT.pth is one dict: "state/NAME" before, "x", "target", and for modes eval and train "MODE/out", "MODE/grad/NAME" of the cross
entropy, "MODE/after/NAME" of the buffers after the forward pass, and "sgd/loss" of three steps with momentum.
"""
import sys

import torch
import torchvision

torch.set_num_threads(int(sys.argv[2]))
torch.manual_seed(5)
model = torchvision.models.video.r3d_18(weights=None, num_classes=7)
for name, buffer in model.named_buffers():  # running statistics that are not the initial ones
    if buffer.is_floating_point():
        buffer.copy_(torch.rand_like(buffer) + (0.5 if name.endswith("var") else -0.5))
x, target = torch.randn(2, 3, 4, 32, 32), torch.tensor([3, 6])
out = {"state/" + k: v.clone() for k, v in model.state_dict().items()}
out.update({"x": x, "target": target})
for mode in "eval", "train":
    model.load_state_dict({k[6:]: v for k, v in out.items() if k.startswith("state/")})
    model.train(mode == "train")
    model.zero_grad()
    y = model(x)
    torch.nn.functional.cross_entropy(y, target).backward()
    out[mode + "/out"] = y.detach()
    out.update({f"{mode}/grad/{k}": p.grad.clone() for k, p in model.named_parameters()})
    out.update({f"{mode}/after/{k}": b.clone() for k, b in model.named_buffers()})
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
losses = []
for _ in range(3):
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(x), target)
    loss.backward()
    optimizer.step()
    losses.append(loss.detach())
out["sgd/loss"] = torch.stack(losses)
torch.save(out, sys.argv[1])
print(torch.__version__)
