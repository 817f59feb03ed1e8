"""Survival networks trained by a PyTorch loop, the peer of bench/survival: pycox's published algorithms (Kvamme et al. 2019; Kvamme
and Borgan 2019) written plainly, with torchtuples' network, the same folds and hyper-parameters as `cineloop survival bench`.

Arguments: data folder, folds folder, data set, models (comma separated). Prints one JSON line a model: wall and CPU seconds of training and
prediction of each fold (not of scoring), epochs, and the test fold's survival curves' C-td (ties wrong) and integrated Brier score.
One thread, as each of cineloop's engines.
"""
import csv
import json
import math
import sys
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)
HIDDEN, DROPOUT, LR, BATCH, PATIENCE, EPOCHS, SUB = [32, 32], 0.1, 0.01, 256, 10, 512, 10


def read(path):
    with open(path) as f:
        rows = list(csv.reader(f))
    return rows[0], rows[1:]


def load(data, folds, name):
    head, rows = read(f"{data}/{name}.csv")
    drop = {"duration", "event", "deepsurv_split"}
    x = np.array([[float(r[i]) for i, h in enumerate(head) if h not in drop] for r in rows])
    t = np.array([float(r[head.index("duration")]) for r in rows], dtype="float64")
    e = np.array([int(float(r[head.index("event")])) for r in rows])
    return x, t, e, np.array(read(f"{folds}/{name}.csv")[1])


def design(x, train, one_hot):
    out = []
    for j in range(x.shape[1]):
        c, values = x[:, j], np.unique(x[:, j])
        if set(values) <= {0.0, 1.0}:
            out.append(c[:, None])
        elif one_hot and 3 <= len(values) <= 10:
            out.append((c[:, None] == np.unique(c[train])[None, :]).astype(float))
        else:
            out.append(((c - c[train].mean()) / c[train].std())[:, None])
    return np.hstack(out).astype("float32")


class Block(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.linear, self.norm, self.drop = nn.Linear(i, o), nn.BatchNorm1d(o), nn.Dropout(DROPOUT)
        nn.init.kaiming_normal_(self.linear.weight, nonlinearity="relu")

    def forward(self, x):
        return self.drop(self.norm(F.relu(self.linear(x))))


def mlp(i, o, bias):
    layers = []
    for h in HIDDEN:
        layers.append(Block(i, h))
        i = h
    return nn.Sequential(*layers, nn.Linear(i, o, bias=bias))


def equidistant(t, n):
    return np.linspace(0, t.max(), n)


def discrete(t, e, cuts):
    right = np.searchsorted(cuts, t, side="left")
    left = np.searchsorted(cuts, t, side="right") - 1
    over = t > cuts[-1]
    idx = np.where(e == 1, np.minimum(right, len(cuts) - 1), left)
    return idx.clip(0, len(cuts) - 1), np.where(over, 0, e)


# losses
def cox_loss(out, t, e):
    order = t.sort(descending=True)[1]
    h, e = out.view(-1)[order], e[order].float()
    g = h.max()
    return -(h - (h.sub(g).exp().cumsum(0).add(1e-7).log().add(g))).mul(e).sum().div(e.sum())


def hazard_loss(phi, idx, e):
    y = torch.zeros_like(phi).scatter(1, idx.view(-1, 1), e.view(-1, 1).float())
    return F.binary_cross_entropy_with_logits(phi, y, reduction="none").cumsum(1).gather(1, idx.view(-1, 1)).mean()


def pad(phi):
    return torch.cat([phi, torch.zeros_like(phi[:, :1])], 1)


def pmf_loss(phi, idx, e):
    phi, e, idx = pad(phi), e.float(), idx.view(-1, 1)
    g = phi.max(1)[0]
    c = phi.sub(g.view(-1, 1)).exp().cumsum(1)
    s = c[:, -1]
    a = phi.gather(1, idx).view(-1).sub(g).mul(e)
    b = s.sub(c.gather(1, idx).view(-1)).relu().add(1e-7).log().mul(1 - e)
    return -(a - s.relu().add(1e-7).log() + b).mean()


def revcum(phi):
    return phi.sum(1, keepdim=True) - phi.cumsum(1) + phi


def deephit_loss(phi, idx, e, alpha=0.2, sigma=0.1):
    ti, tj = idx.view(-1, 1), idx.view(1, -1)
    rank = (((ti < tj) | ((ti == tj) & (e.view(1, -1) == 0))) & (e.view(-1, 1) == 1)).float()
    pmf = pad(phi).softmax(1)
    y = torch.zeros_like(pmf).scatter(1, idx.view(-1, 1), 1.0)
    r = pmf.cumsum(1).matmul(y.t())
    r = (r.diag().view(1, -1) - r).t()
    return alpha * pmf_loss(phi, idx, e) + (1 - alpha) * (rank * torch.exp(-r / sigma)).mean(1).mean()


def fit(net, batches, val_loss):
    opt = torch.optim.Adam(net.parameters(), lr=LR)
    best, best_state, at, epoch = math.inf, None, 0, 0
    for epoch in range(1, EPOCHS + 1):
        net.train()
        for loss_of in batches():
            opt.zero_grad()
            loss = loss_of()
            if not torch.isfinite(loss):  # a batch without an event: 0/0 in the original; left out here, so that it can compete
                continue
            loss.backward()
            opt.step()
        net.eval()
        with torch.no_grad():
            v = val_loss().item()
        if v < best:
            best, at, best_state = v, epoch, {k: w.clone() for k, w in net.state_dict().items()}
        elif epoch - at >= PATIENCE:
            break
    net.load_state_dict(best_state)
    net.eval()
    return epoch


def interpolate(s, cuts):
    n, m = s.shape
    rho = np.arange(SUB) / SUB
    out = s[:, :-1, None] + (s[:, 1:, None] - s[:, :-1, None]) * rho
    grid = (cuts[:-1, None] + (cuts[1:] - cuts[:-1])[:, None] * rho).ravel()
    return np.append(grid, cuts[-1]), np.hstack([out.reshape(n, -1), s[:, -1:]]).T


def breslow(g, t, e):
    order = np.argsort(-t, kind="stable")
    times, first = np.unique(t, return_index=False, return_inverse=True)
    d = np.bincount(first, weights=e)
    risk = np.bincount(first, weights=np.exp(g))[::-1].cumsum()[::-1]
    return times, d / risk


def train(model, x, t, e, tr, va, te):
    X, T, E = torch.from_numpy(x), torch.from_numpy(t), torch.from_numpy(e)
    started = time.perf_counter(), time.process_time()
    n = len(tr)
    if model in ("CoxCC", "CoxTime"):
        timed = model == "CoxTime"
        mean, std = t[tr].mean(), t[tr].std()
        scale = lambda v: ((v - mean) / std).astype("float32")
        net = mlp(x.shape[1] + timed, 1, False)

        def pairs(rows):
            order = rows[np.argsort(t[rows], kind="stable")]
            ts = t[order]
            events = order[e[order] == 1]
            first = np.searchsorted(ts, t[events])

            def sample():
                ctrl = order[first + (np.random.rand(len(events)) * (len(order) - first)).astype(int)]
                a, b, u = x[events], x[ctrl], scale(t[events])[:, None]
                if timed:
                    a, b = np.hstack([a, u]), np.hstack([b, u])
                return torch.from_numpy(a), torch.from_numpy(b)
            return sample
        sample = pairs(tr)
        vs = [pairs(va)() for _ in range(10)]
        vc, vd = torch.cat([a for a, _ in vs]), torch.cat([b for _, b in vs])

        def together(a, b):  # one pass for cases and controls, so that both are normalised alike
            g = net(torch.cat([a, b]))
            return F.softplus(g[len(a):] - g[:len(a)]).mean()

        def batches():
            a, b = sample()
            p = torch.randperm(len(a))
            for i in range(0, len(a), BATCH):
                k = p[i:i + BATCH]
                yield lambda: together(a[k], b[k])
        epochs = fit(net, batches, lambda: together(vc, vd))
        with torch.no_grad():
            if not timed:
                times, h0 = breslow(net(X[tr]).numpy().ravel().astype("float64"), t[tr], e[tr])
                surv = np.exp(-np.outer(h0.cumsum(), np.exp(net(X[te]).numpy().ravel())))
            else:
                order = tr[np.argsort(t[tr], kind="stable")]
                ts, es = t[order], e[order]
                times = np.unique(ts)
                h0, cum, surv = np.zeros(len(times)), np.zeros(len(te)), np.empty((len(times), len(te)))
                Xo, Xt = X[order], X[te]
                for k, u in enumerate(times):
                    lo = np.searchsorted(ts, u)
                    d = es[ts == u].sum()
                    if d:
                        v = float(scale(np.array(u)))
                        at = torch.cat([Xo[lo:], torch.full((len(order) - lo, 1), v)], 1)
                        h0[k] = d / net(at).exp().sum().item()
                        cum = cum + h0[k] * net(torch.cat([Xt, torch.full((len(te), 1), v)], 1)).exp().numpy().ravel()
                    surv[k] = np.exp(-cum)
    else:
        if model == "CoxPH":
            net = mlp(x.shape[1], 1, False)
            labels, loss = (T, E), cox_loss
            cuts = None
        else:
            cuts = equidistant(t[tr], 11 if model == "PCHazard" else 10)
            net = mlp(x.shape[1], 10, True)
            if model == "PCHazard":
                right = np.searchsorted(cuts, np.minimum(t, cuts[-1]), side="left")
                frac = 1 - (cuts[right] - np.minimum(t, cuts[-1])) / np.diff(cuts)[right - 1]
                idx, ev = right - 1, np.where(t > cuts[-1], 0, e)
                FR = torch.from_numpy(frac.astype("float32"))

                def loss(phi, idx, e, fr):
                    keep = idx >= 0
                    phi, idx, e, fr = phi[keep], idx[keep].view(-1, 1), e[keep].float(), fr[keep]
                    h = F.softplus(phi)
                    own = h.gather(1, idx).view(-1)
                    past = torch.cat([torch.zeros_like(h[:, :1]), h], 1).cumsum(1).gather(1, idx).view(-1)
                    return -(own.log().mul(e) - own.mul(fr) - past).mean()
                labels = (torch.from_numpy(idx), torch.from_numpy(ev), FR)
            else:
                idx, ev = discrete(t, e, cuts)
                labels = (torch.from_numpy(idx), torch.from_numpy(ev))
                loss = {"LogisticHazard": hazard_loss, "MTLR": lambda p, i, d: pmf_loss(revcum(p), i, d),
                        "PMF": pmf_loss, "DeepHit": deephit_loss}[model]
        Xt, Lt = X[tr], [v[tr] for v in labels]
        Xv, Lv = X[va], [v[va] for v in labels]

        def batches():
            p = torch.randperm(n)
            for i in range(0, n, BATCH):
                k = p[i:i + BATCH]
                if len(k) > 1:
                    yield lambda: loss(net(Xt[k]), *[v[k] for v in Lt])
        epochs = fit(net, batches, lambda: loss(net(Xv), *Lv))
        with torch.no_grad():
            phi = net(X[te])
            if model == "CoxPH":
                times, h0 = breslow(net(X[tr]).numpy().ravel().astype("float64"), t[tr], e[tr])
                surv = np.exp(-np.outer(h0.cumsum(), np.exp(phi.numpy().ravel())))
            elif model == "LogisticHazard":
                times, surv = interpolate((1 - phi.sigmoid()).log().cumsum(1).exp().numpy(), cuts)
            elif model == "PCHazard":
                h = F.softplus(phi).repeat_interleave(SUB, 1).div(SUB)
                rho = np.arange(SUB) / SUB
                times = np.append((cuts[:-1, None] + np.diff(cuts)[:, None] * rho).ravel(), cuts[-1])
                surv = torch.cat([torch.zeros_like(h[:, :1]), h], 1).cumsum(1).mul(-1).exp().numpy().T
            else:
                p = pad(revcum(phi) if model == "MTLR" else phi).softmax(1)[:, :-1]
                times, surv = interpolate(1 - p.cumsum(1).numpy(), cuts)
    return (time.perf_counter() - started[0], time.process_time() - started[1]), epochs, times, surv


def judge(times, surv, t, e):
    at = np.searchsorted(times, t, side="right") - 1
    num = den = 0
    for i in np.nonzero(e)[0]:
        row = surv[max(at[i], 0)]
        later = (t > t[i]) | ((t == t[i]) & (e == 0))
        den += later.sum()
        num += (row[i] < row[later]).sum()
    # censoring by Kaplan-Meier of (time, 1 - event), G(t-) at events
    u, inverse = np.unique(t, return_inverse=True)
    risk = len(t) - np.concatenate([[0], np.bincount(inverse).cumsum()[:-1]])
    g = np.cumprod(1 - np.bincount(inverse, weights=1 - e) / risk)
    left = np.concatenate([[1], g[:-1]])[inverse]
    grid, brier = np.linspace(t.min(), t.max(), 100), []
    for v in grid:
        k = np.searchsorted(u, v, side="right") - 1
        row = surv[max(np.searchsorted(times, v, side="right") - 1, 0)]
        dead, alive = (t <= v) & (e == 1), t > v
        w = dead / left + (alive / max(g[k], 1e-300) if k >= 0 else alive)
        brier.append((w * (dead * row ** 2 + alive * (1 - row) ** 2)).sum() / w.sum())
    return num / den, float(np.sum((np.array(brier)[1:] + np.array(brier)[:-1]) / 2 * np.diff(grid)) / (grid[-1] - grid[0]))


def main():
    data, folds, name, models = sys.argv[1:5]
    x, t, e, deal = load(data, folds, name)
    for model in models.split(","):
        seconds, cpu, epochs, ctd, ibs = [], [], [], [], []
        for f in range(deal.shape[1]):
            torch.manual_seed(f)
            np.random.seed(f)
            tr, va, te = (np.nonzero(deal[:, f] == k)[0] for k in ("tr", "va", "te"))
            s, n, times, surv = train(model, design(x, tr, name == "support"), t, e, tr, va, te)
            c, b = judge(times, surv, t[te], e[te])
            seconds.append(s[0]), cpu.append(s[1]), epochs.append(n), ctd.append(float(c)), ibs.append(b)
        print(json.dumps({"dataset": name, "model": model, "seconds": seconds, "cpu": cpu, "epochs": epochs, "c_td": ctd, "ibs": ibs}), flush=True)


main()
