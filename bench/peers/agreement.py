#!/usr/bin/env python3
"""Writes stats/testdata/agreement.json: agreement of readers, by the definitions, with numpy and scipy alone.

    python3 bench/peers/agreement.py > stats/testdata/agreement.json

Nothing here shares a formula with package stats where there is another way: errors of kappa by numeric differentiation of kappa in the
table's cells, alpha by going through all pairs of values, AUC by all pairs of cases and its covariance by DeLong's loops, STAPLE by loops.
"""
import itertools, json, sys
import numpy as np
from scipy import stats

rng = np.random.default_rng(20261127)


def kappa(p, w):
    return 1 - (w * p).sum() / (w * np.outer(p.sum(1), p.sum(0))).sum()


def kappa_case(k, n, power):
    a = rng.integers(0, k, n)
    b = np.where(rng.random(n) < 0.6, a, rng.integers(0, k, n))
    d = np.abs(np.subtract.outer(np.arange(k), np.arange(k))).astype(float)
    w = (d > 0).astype(float) if power == 0 else d ** power
    p = np.zeros((k, k))
    for i, j in zip(a, b):
        p[i, j] += 1 / n
    grad, h = np.zeros((k, k)), 1e-6
    for i in range(k):
        for j in range(k):
            up, down = p.copy(), p.copy()
            up[i, j] += h
            down[i, j] -= h
            grad[i, j] = (kappa(up / up.sum(), w) - kappa(down / down.sum(), w)) / (2 * h)
    var = ((p * grad ** 2).sum() - (p * grad).sum() ** 2) / n
    return dict(a=a.tolist(), b=b.tolist(), k=k, weight=power, kappa=kappa(p, w), se=float(np.sqrt(var)))


def alpha(units, metric):
    units = [[v for v in u if v is not None] for u in units]
    units = [u for u in units if len(u) >= 2]
    values = [v for u in units for v in u]
    def delta(a, b):
        if a == b:
            return 0.0
        if metric == "nominal":
            return 1.0
        if metric == "interval":
            return (a - b) ** 2
        if metric == "ratio":
            return ((a - b) / (a + b)) ** 2
        lo, hi = min(a, b), max(a, b)
        between = sum(1 for v in values if lo <= v <= hi)
        return (between - (values.count(lo) + values.count(hi)) / 2) ** 2
    do = sum(delta(a, b) / (len(u) - 1) for u in units for a, b in itertools.permutations(u, 2)) / len(values)
    de = sum(delta(a, b) for a, b in itertools.permutations(values, 2)) / (len(values) * (len(values) - 1))
    return 1 - do / de


def alpha_case(n, readers, missing):
    units = []
    for _ in range(n):
        t = rng.integers(1, 6)
        units.append([None if rng.random() < missing else int(np.clip(t + rng.integers(-1, 2), 1, 5)) for _ in range(readers)])
    return dict(units=units, **{m: alpha(units, m) for m in ("nominal", "ordinal", "interval", "ratio")})


def fom(score, y, kind, thr):
    if kind == "auc":
        pos, neg = score[y == 1], score[y == 0]
        v = np.array([[1.0 if a > b else 0.5 if a == b else 0.0 for b in neg] for a in pos])
        return v.mean(), v.mean(1), v.mean(0)
    if kind == "sensitivity":
        v = (score[y == 1] >= thr).astype(float)
        return v.mean(), v, None
    v = (score[y == 0] < thr).astype(float)
    return v.mean(), None, v


def cov(f, g):
    out = 0.0
    for a, b in ((f[1], g[1]), (f[2], g[2])):
        if a is not None:
            out += ((a - a.mean()) * (b - b.mean())).sum() / (len(a) - 1) / len(a)
    return out


def mrmc_case(t, r, n, kind):
    y = (rng.random(n) < 0.4).astype(int)
    signal = rng.normal(size=n) + 1.2 * y
    score = np.round(2 * (signal[None, None] * (1 + 0.2 * np.arange(t))[:, None, None] + rng.normal(size=(1, r, 1)) * 0.3
                          + rng.normal(size=(t, r, n)))) / 2
    f = [[fom(score[i, j], y, kind, 0.5) for j in range(r)] for i in range(t)]
    v = np.array([[f[i][j][0] for j in range(r)] for i in range(t)])
    c = np.array([[[[cov(f[i][j], f[k][l]) for l in range(r)] for k in range(t)] for j in range(r)] for i in range(t)])
    mean = lambda keep: float(np.mean([c[i, j, k, l] for i in range(t) for j in range(r) for k in range(t) for l in range(r) if keep(i, j, k, l)]))
    var, c1 = mean(lambda i, j, k, l: i == k and j == l), mean(lambda i, j, k, l: i != k and j == l)
    c2, c3 = mean(lambda i, j, k, l: i == k and j != l), mean(lambda i, j, k, l: i != k and j != l)
    mst = r * v.mean(1).var(ddof=1)
    resid = v - v.mean(1, keepdims=True) - v.mean(0, keepdims=True) + v.mean()
    mstr = (resid ** 2).sum() / ((t - 1) * (r - 1))
    den = mstr + r * max(c2 - c3, 0)
    df = den ** 2 / (mstr ** 2 / ((t - 1) * (r - 1)))
    fixed = var - c1 + (r - 1) * (c2 - c3)
    d, se = float(v[1].mean() - v[0].mean()), float(np.sqrt(2 * den / r))
    half = stats.t.ppf(0.975, df) * se
    # The AI is the first modality's first reader, the panel are the others.
    ai, panel = f[0][0], f[0][1:]
    diff = np.array([ai[0] - p[0] for p in panel])
    dc = np.array([[cov(ai, ai) - cov(ai, p) - cov(ai, q) + cov(p, q) for q in panel] for p in panel])
    m = len(panel)
    c2p = (dc.sum() - np.trace(dc)) / (m * (m - 1))
    whole = diff.var(ddof=1) + m * max(c2p, 0)
    pdf = whole ** 2 / (diff.var(ddof=1) ** 2 / (m - 1))
    pse = float(np.sqrt(whole / m))
    return dict(kind=kind, truth=y.tolist(), score=score.tolist(), value=v.tolist(), var=var, cov1=c1, cov2=c2, cov3=c3, mst=mst, mstr=mstr,
                f=mst / den, df=df, p=float(stats.f.sf(mst / den, t - 1, df)), difference=d, se=se, low=d - half, high=d + half,
                fixed_p=float(stats.chi2.sf((t - 1) * mst / fixed, t - 1)), cases_fixed_p=float(stats.f.sf(mst / mstr, t - 1, (t - 1) * (r - 1))),
                panel=dict(difference=float(diff.mean()), se=pse, df=float(pdf), p=float(2 * stats.t.sf(abs(diff.mean() / pse), pdf))),
                noninferior=dict(bound=float(d - stats.t.ppf(0.95, df) * se), p=float(stats.t.sf((d + 0.05) / se, df))))


def staple_case(readers, n, k, missing):
    truth = rng.integers(0, k, n)
    votes = np.where(rng.random((readers, n)) < np.linspace(0.6, 0.95, readers)[:, None], truth, rng.integers(0, k, (readers, n)))
    votes[rng.random((readers, n)) < missing] = -1
    prior = np.array([(votes == c).sum() for c in range(k)]) / (votes >= 0).sum()
    theta = np.full((readers, k, k), 1e-5 / max(1, k - 1))
    for c in range(k):
        theta[:, c, c] = 1 - 1e-5
    for _ in range(3000):
        w = np.tile(prior, (n, 1))
        for i in range(n):
            for r in range(readers):
                if votes[r, i] >= 0:
                    w[i] *= theta[r, :, votes[r, i]]
            w[i] /= w[i].sum()
        new = theta.copy()
        for r in range(readers):
            seen = votes[r] >= 0
            for c in range(k):
                new[r, :, c] = w[seen & (votes[r] == c)].sum(0) / w[seen].sum(0)
        if np.abs(new - theta).max() < 1e-12:
            break
        theta = new
    return dict(votes=votes.tolist(), k=k, posterior=w.tolist(), confusion=theta.tolist())


def icc_case(n, k):
    x = rng.normal(size=(n, 1)) * 2 + rng.normal(size=(1, k)) + rng.normal(size=(n, k))
    msr = k * x.mean(1).var(ddof=1)
    msc = n * x.mean(0).var(ddof=1)
    mse = ((x - x.mean(1, keepdims=True) - x.mean(0) + x.mean()) ** 2).sum() / ((n - 1) * (k - 1))
    f, df = msr / mse, (n - 1) * (k - 1)
    return dict(x=x.tolist(), agreement=(msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n), consistency=(msr - mse) / (msr + (k - 1) * mse),
                low=(f / stats.f.ppf(.975, n - 1, df) - 1) / (f / stats.f.ppf(.975, n - 1, df) + k - 1),
                high=(f * stats.f.ppf(.975, df, n - 1) - 1) / (f * stats.f.ppf(.975, df, n - 1) + k - 1))


z = stats.norm.ppf(0.975)
out = dict(
    kappa=[kappa_case(k, n, w) for k, n, w in ((2, 60, 0), (4, 90, 0), (4, 90, 1), (5, 200, 2))],
    alpha=[alpha_case(20, 3, 0), alpha_case(30, 5, 0.3)],
    mrmc=[mrmc_case(2, 4, 60, "auc"), mrmc_case(3, 5, 80, "auc"), mrmc_case(2, 3, 70, "sensitivity"), mrmc_case(2, 6, 50, "specificity")],
    staple=[staple_case(3, 60, 2, 0), staple_case(5, 40, 3, 0.2)],
    icc=[icc_case(8, 3), icc_case(30, 5)],
    limits=[dict(n=n, near=float(stats.nct.ppf(.025, n - 1, z * np.sqrt(n)) / np.sqrt(n)), far=float(stats.nct.ppf(.975, n - 1, z * np.sqrt(n)) / np.sqrt(n)))
            for n in (2, 3, 5, 10, 17, 50, 85)],
)
json.dump(out, sys.stdout, indent=None, separators=(",", ":"))
