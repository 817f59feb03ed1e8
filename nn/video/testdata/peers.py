"""Networks that torchvision 0.14 lacks, written anew for comparison, in other ways than the program's.

Swin3D: attention is over all pairs of tokens, with a mask that says which pairs share a window; nothing is cut, rolled or put back. P3D is
the usual port's arrangement, a branch a block. Stills shows torchvision's Swin-T, made for pictures, as a video network of two frames that
looks at the first.
"""
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

WINDOW, PATCH = (8, 7, 7), (2, 4, 4)


def coordinates(grid):
    return torch.stack(torch.meshgrid(*[torch.arange(n) for n in grid], indexing="ij"), -1).reshape(-1, 3)


class Attention(nn.Module):
    def __init__(self, d, heads, shifted):
        super().__init__()
        self.heads, self.shifted = heads, shifted
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.relative_position_bias_table = nn.Parameter(torch.randn(15 * 13 * 13, heads) * 0.3)

    def forward(self, x):
        n, grid, d = x.shape[0], x.shape[1:4], x.shape[4]
        size = [min(a, b) for a, b in zip(WINDOW, grid)]
        full = [-(-g // s) * s for g, s in zip(grid, size)]
        shift = [w // 2 if self.shifted and g > w else 0 for w, g in zip(WINDOW, grid)]
        x = F.pad(x, (0, 0, 0, full[2] - grid[2], 0, full[1] - grid[1], 0, full[0] - grid[0]))
        at = coordinates(full)
        moved = (at - torch.tensor(shift)) % torch.tensor(full)  # where the shift puts each token
        window = moved // torch.tensor(size)
        wrapped = (at < torch.tensor(shift)).long()
        key = torch.cat([window, wrapped], 1)
        together = (key[:, None] == key[None]).all(-1)
        away = (moved[:, None] - moved[None] + torch.tensor([7, 6, 6])).clamp(min=0)
        row = ((away[..., 0] * 13 + away[..., 1]) * 13 + away[..., 2]).clamp(max=15 * 13 * 13 - 1)
        q, k, v = self.qkv(x.reshape(n, -1, d)).reshape(n, -1, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2) / (d // self.heads) ** 0.5 + self.relative_position_bias_table[row].permute(2, 0, 1)
        y = scores.masked_fill(~together, float("-inf")).softmax(-1) @ v
        y = self.proj(y.transpose(1, 2).reshape(n, -1, d)).reshape(n, *full, d)
        return y[:, : grid[0], : grid[1], : grid[2]]


class Block(nn.Module):
    def __init__(self, d, heads, shifted):
        super().__init__()
        self.norm1, self.attn, self.norm2 = nn.LayerNorm(d), Attention(d, heads, shifted), nn.LayerNorm(d)
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Identity(), nn.Linear(4 * d, d))

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Merge(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.reduction, self.norm = nn.Linear(4 * d, 2 * d, bias=False), nn.LayerNorm(4 * d)

    def forward(self, x):
        x = F.pad(x, (0, 0, 0, x.shape[3] % 2, 0, x.shape[2] % 2))
        n, t, h, w, d = x.shape
        x = x.reshape(n, t, h // 2, 2, w // 2, 2, d).permute(0, 1, 2, 4, 5, 3, 6)  # the column counts before the row
        return self.reduction(self.norm(x.reshape(n, t, h // 2, w // 2, 4 * d)))


class Embed(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.proj, self.norm = nn.Conv3d(3, d, PATCH, PATCH), nn.LayerNorm(d)

    def forward(self, x):
        pad = [(-n) % p for n, p in zip(x.shape[2:], PATCH)]
        return self.norm(self.proj(F.pad(x, (0, pad[2], 0, pad[1], 0, pad[0]))).permute(0, 2, 3, 4, 1))


class Swin3D(nn.Module):
    def __init__(self, d=96, depths=(2, 2, 6, 2), heads=3, classes=7):
        super().__init__()
        self.patch_embed, parts = Embed(d), []
        for i, n in enumerate(depths):
            parts.append(nn.Sequential(*[Block(d, heads, j % 2 == 1) for j in range(n)]))
            if i < 3:
                parts.append(Merge(d))
                d, heads = 2 * d, 2 * heads
        self.features, self.norm, self.head = nn.Sequential(*parts), nn.LayerNorm(d), nn.Linear(d, classes)

    def forward(self, x):
        return self.head(self.norm(self.features(self.patch_embed(x))).mean((1, 2, 3)))


class Stills(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = torchvision.models.swin_t(num_classes=7)

    def forward(self, x):
        return self.net(x[:, :, 0])

    def video(self, values):
        """Values of the picture's network, by name, as the video network has them."""
        out = {}
        for k, v in values.items():
            if k.endswith("relative_position_index"):
                continue
            k = k.replace("features.0.0.", "patch_embed.proj.").replace("features.0.2.", "patch_embed.norm.")
            if k.startswith("features."):
                first, rest = k[len("features."):].split(".", 1)
                k = f"features.{int(first) - 1}.{rest}"
            if k == "patch_embed.proj.weight":
                v = torch.stack([v, torch.zeros_like(v)], 2)  # the second frame does not count
            if k.endswith("relative_position_bias_table"):
                full = torch.zeros(15, 169, v.shape[1])
                full[7] = v  # no distance in time
                v = full.reshape(-1, v.shape[1])
            out[k] = v
        return out


class Pseudo(nn.Module):
    def __init__(self, i, planes, stride, number, flat):
        super().__init__()
        s = (1, stride, stride)
        self.kind = "flat" if flat else "ABC"[number % 3]
        self.conv1, self.bn1 = nn.Conv3d(i, planes, 1, s, bias=False), nn.BatchNorm3d(planes)
        if flat:
            self.conv_normal, self.bn_normal = nn.Conv3d(planes, planes, (1, 3, 3), 1, (0, 1, 1), bias=False), nn.BatchNorm3d(planes)
        else:
            self.conv2, self.bn2 = nn.Conv3d(planes, planes, (1, 3, 3), 1, (0, 1, 1), bias=False), nn.BatchNorm3d(planes)
            self.conv3, self.bn3 = nn.Conv3d(planes, planes, (3, 1, 1), 1, (1, 0, 0), bias=False), nn.BatchNorm3d(planes)
        self.conv4, self.bn4 = nn.Conv3d(planes, 4 * planes, 1, bias=False), nn.BatchNorm3d(4 * planes)
        self.downsample = None

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        if self.kind == "flat":
            y = F.relu(self.bn_normal(self.conv_normal(y)))
        elif self.kind == "A":
            y = F.relu(self.bn3(self.conv3(F.relu(self.bn2(self.conv2(y))))))
        elif self.kind == "B":
            y = F.relu(self.bn2(self.conv2(y))) + F.relu(self.bn3(self.conv3(y)))
        else:
            y = F.relu(self.bn2(self.conv2(y)))
            y = y + F.relu(self.bn3(self.conv3(y)))
        y = self.bn4(self.conv4(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class P3D(nn.Module):
    def __init__(self, depths=(3, 4, 6, 3), classes=7):
        super().__init__()
        self.conv1_custom, self.bn1 = nn.Conv3d(3, 64, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False), nn.BatchNorm3d(64)
        i, number = 64, 0
        for k, n in enumerate(depths):
            blocks = []
            for j in range(n):
                stride = 2 if j == 0 and k > 0 else 1
                blocks.append(Pseudo(i, 64 << k, stride, number, k == 3))
                if j == 0:
                    blocks[0].downsample = nn.Sequential(nn.Conv3d(i, 256 << k, 1, (1, stride, stride), bias=False), nn.BatchNorm3d(256 << k))
                i, number = 256 << k, number + 1
            setattr(self, f"layer{k + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(i, classes)

    def forward(self, x):
        x = F.max_pool3d(F.relu(self.bn1(self.conv1_custom(x))), (2, 3, 3), 2, (0, 1, 1))
        for k in range(3):
            x = F.max_pool3d(getattr(self, f"layer{k + 1}")(x), (2, 1, 1), (2, 1, 1))
        return self.fc(self.layer4(x).mean((2, 3, 4)))


def build(name):
    return {"swin3d_t": Swin3D, "p3d_63": P3D, "swin_stills": Stills}[name]()
