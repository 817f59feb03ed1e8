#!/usr/bin/env python3
"""Golden values for the tests of evaluate and stats, from scikit-learn and SciPy.

Run from the repository's root: python3 bench/peers/evaluate.py
It writes evaluate/testdata/sklearn.json and stats/testdata/scipy.json. No test runs it.
"""
import json
import math

import numpy as np
import scipy
import scipy.optimize
import scipy.stats
import sklearn
import sklearn.calibration
import sklearn.linear_model
import sklearn.metrics as m

VERSIONS = {"numpy": np.__version__, "scipy": scipy.__version__, "sklearn": sklearn.__version__}


def grid(rng, n, ties):
    """Probabilities, rounded to tenths when ties are wanted."""
    p = rng.beta(1.2, 1.6, n)
    return np.round(p, 1) if ties else np.round(p, 6)


def ece_width(conf, right, bins):
    """Equal-width bins (low, high], the first closed: Guo et al. 2017."""
    edges = np.arange(bins + 1) / bins
    index = np.clip(np.digitize(conf, edges, right=True) - 1, 0, bins - 1)
    total = 0.0
    for b in range(bins):
        at = index == b
        if at.any():
            total += at.sum() * abs(conf[at].mean() - right[at].mean())
    return total / len(conf)


def ece_mass(conf, right, bins):
    order = np.argsort(conf, kind="stable")
    total = 0.0
    for part in np.array_split(order, bins):
        if len(part):
            total += len(part) * abs(conf[part].mean() - right[part].mean())
    return total / len(conf)


def logit(p):
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return np.log(p) - np.log1p(-p)


def recalibrate(y, p):
    """Slope and intercept by an unpenalised logistic regression; intercept in the large by one-dimensional root finding."""
    x = logit(p)
    fit = scipy.optimize.minimize(
        lambda t: np.logaddexp(0, np.where(y == 1, -1, 1) * (t[0] + t[1] * x)).sum(), [0.0, 1.0], method="BFGS", options={"gtol": 1e-12})
    a, b = fit.x
    for _ in range(50):  # polish BFGS by Newton
        q = 1 / (1 + np.exp(-(a + b * x)))
        g = np.array([(y - q).sum(), ((y - q) * x).sum()])
        w = q * (1 - q)
        h = np.array([[w.sum(), (w * x).sum()], [(w * x).sum(), (w * x * x).sum()]])
        a, b = np.array([a, b]) + np.linalg.solve(h, g)
    large = scipy.optimize.brentq(lambda t: (y - 1 / (1 + np.exp(-(t + x)))).sum(), -30, 30, xtol=1e-14)
    return b, large


def sensitivity_at(y, p, spec):
    fpr, tpr, _ = m.roc_curve(y, p, drop_intermediate=False)
    return tpr[1 - fpr >= spec - 1e-12].max()


def binary(name, y, p):
    yhat = (p >= 0.5).astype(int)
    slope, large = recalibrate(y, p)
    tn, fp, fn, tp = m.confusion_matrix(y, yhat, labels=[0, 1]).ravel()
    return {
        "name": name, "kind": "binary", "truth": y.tolist(), "score": p.tolist(),
        "metrics": {
            "auroc": m.roc_auc_score(y, p), "auprc": m.average_precision_score(y, p),
            "accuracy": m.accuracy_score(y, yhat), "balanced_accuracy": m.balanced_accuracy_score(y, yhat), "f1": m.f1_score(y, yhat),
            "sensitivity": m.recall_score(y, yhat), "specificity": tn / (tn + fp), "ppv": m.precision_score(y, yhat), "npv": tn / (tn + fn),
            "sensitivity_at_specificity": sensitivity_at(y, p, 0.9),
            "brier": m.brier_score_loss(y, p), "log_loss": m.log_loss(y, np.clip(p, 1e-7, 1 - 1e-7)),
            "ece": ece_width(p, y, 10), "ece_mass": ece_mass(p, y, 10),
            "calibration_slope": slope, "calibration_intercept": large,
        },
    }


def classes(name, y, p):
    k = p.shape[1]
    yhat = p.argmax(1)
    conf, right = p.max(1), (yhat == y).astype(float)
    onehot = np.eye(k)[y]
    return {
        "name": name, "kind": "class", "classes": k, "truth": y.tolist(), "score": p.tolist(),
        "metrics": {
            "auroc": m.roc_auc_score(y, p, multi_class="ovr", average="macro"),
            "auroc_weighted": m.roc_auc_score(y, p, multi_class="ovr", average="weighted"),
            "auprc": np.mean([m.average_precision_score(onehot[:, c], p[:, c]) for c in range(k)]),
            "accuracy": m.accuracy_score(y, yhat), "balanced_accuracy": m.balanced_accuracy_score(y, yhat),
            "f1": m.f1_score(y, yhat, average="macro"), "kappa": m.cohen_kappa_score(y, yhat),
            "brier": ((p - onehot) ** 2).sum(1).mean(), "log_loss": m.log_loss(y, p),
            "ece": ece_width(conf, right, 10), "ece_mass": ece_mass(conf, right, 10),
        },
    }


def labels(name, y, p):
    k = y.shape[1]
    yhat = (p >= 0.5).astype(int)
    mean = lambda f: float(np.mean([f(c) for c in range(k)]))
    return {
        "name": name, "kind": "multilabel", "classes": k, "truth": y.tolist(), "score": p.tolist(),
        "metrics": {
            "auroc": m.roc_auc_score(y, p, average="macro"), "auprc": m.average_precision_score(y, p, average="macro"),
            "accuracy": mean(lambda c: m.accuracy_score(y[:, c], yhat[:, c])), "f1": m.f1_score(y, yhat, average="macro"),
            "sensitivity": m.recall_score(y, yhat, average="macro"),
            "brier": mean(lambda c: m.brier_score_loss(y[:, c], p[:, c])), "ece": mean(lambda c: ece_width(p[:, c], y[:, c], 10)),
        },
    }


def regression(name, y, p):
    return {
        "name": name, "kind": "regression", "truth": y.tolist(), "score": p.tolist(),
        "metrics": {
            "mae": m.mean_absolute_error(y, p), "rmse": math.sqrt(m.mean_squared_error(y, p)), "r2": m.r2_score(y, p),
            "pearson": scipy.stats.pearsonr(y, p)[0], "spearman": scipy.stats.spearmanr(y, p)[0], "bias": float(np.mean(p - y)),
        },
    }


def evaluate_cases():
    rng = np.random.default_rng(20)
    cases = []
    for n, ties, prevalence in [(12, False, 0.5), (60, True, 0.5), (200, False, 0.1), (150, True, 0.7)]:
        p = grid(rng, n, ties)
        y = (rng.random(n) < np.clip(p + prevalence - 0.5 + 0.15 * rng.normal(size=n), 0.02, 0.98)).astype(int)
        y[:2] = [0, 1]
        cases.append(binary(f"binary n={n} ties={ties}", y, p))
    for n, k in [(30, 3), (120, 5)]:
        y = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
        z = rng.normal(size=(n, k))
        z[np.arange(n), y] += 1
        p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        p = np.round(p, 6)
        p[:, -1] = 1 - p[:, :-1].sum(1)
        cases.append(classes(f"class n={n} k={k}", y, p))
    p = np.round(rng.random((80, 3)), 2)
    cases.append(labels("multilabel n=80", (rng.random((80, 3)) < p).astype(int), p))
    for n, ties in [(25, False), (100, True)]:
        y = 55 + 10 * rng.normal(size=n)
        q = y + 5 * rng.normal(size=n) - 1
        cases.append(regression(f"regression n={n} ties={ties}", np.round(y, 0 if ties else 3), np.round(q, 0 if ties else 3)))
    return cases


def delong(y, scores):
    """Area and covariance by the definition: placements of every pair."""
    y = np.asarray(y)
    v10, v01, area = [], [], []
    for s in scores:
        s = np.asarray(s)
        psi = (s[y == 1][:, None] > s[y == 0][None]) + 0.5 * (s[y == 1][:, None] == s[y == 0][None])
        v10.append(psi.mean(1)), v01.append(psi.mean(0)), area.append(psi.mean())
    cov = np.cov(v10) / (y == 1).sum() + np.cov(v01) / (y == 0).sum()
    return area, np.atleast_2d(cov)


def stats_cases():
    rng = np.random.default_rng(21)
    out = {"ranks": [], "mann_whitney": [], "proportions": [], "delong": [], "kappa": [], "bca": []}
    for n, ties in [(8, False), (40, True)]:
        x, y = rng.normal(size=n), rng.normal(size=n)
        y += 0.6 * x
        if ties:
            x, y = np.round(x, 0), np.round(y, 0)
        out["ranks"].append({"x": x.tolist(), "y": y.tolist(), "midranks": scipy.stats.rankdata(x).tolist(),
                             "spearman": scipy.stats.spearmanr(x, y)[0], "pearson": scipy.stats.pearsonr(x, y)[0]})
    for m1, n1, ties in [(5, 7, False), (12, 9, False), (30, 25, False), (15, 20, True)]:
        x, y = rng.normal(size=m1) + 0.7, rng.normal(size=n1)
        if ties:
            x, y = np.round(x, 0), np.round(y, 0)
        method = "exact" if not ties and m1 <= 20 and n1 <= 20 else "asymptotic"
        r = scipy.stats.mannwhitneyu(x, y, method=method)
        out["mann_whitney"].append({"x": x.tolist(), "y": y.tolist(), "u": r.statistic, "p": r.pvalue, "exact": method == "exact"})
    for k, n in [(0, 10), (10, 10), (1, 1), (3, 17), (81, 263), (999, 1000)]:
        for level in (0.9, 0.95):
            t = scipy.stats.binomtest(k, n)
            w, c = t.proportion_ci(level, "wilson"), t.proportion_ci(level, "exact")
            out["proportions"].append({"k": k, "n": n, "level": level, "wilson": [w.low, w.high], "exact": [c.low, c.high]})
    for n, ties in [(14, False), (60, True)]:
        y = np.concatenate([[0, 0, 1, 1], rng.integers(0, 2, n - 4)])
        a = y + rng.normal(size=n)
        b = 0.5 * y + 0.6 * a + rng.normal(size=n)
        if ties:
            a, b = np.round(a, 0), np.round(b, 0)
        area, cov = delong(y, [a, b])
        d = area[0] - area[1]
        se = math.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1])
        out["delong"].append({"y": y.tolist(), "a": a.tolist(), "b": b.tolist(), "area": area, "cov": cov.tolist(),
                              "p": 2 * scipy.stats.norm.sf(abs(d / se))})
    a, b = rng.integers(0, 4, 60), rng.integers(0, 4, 60)
    b[:35] = a[:35]
    out["kappa"].append({"a": a.tolist(), "b": b.tolist(), "k": 4, "none": m.cohen_kappa_score(a, b),
                         "linear": m.cohen_kappa_score(a, b, weights="linear"), "quadratic": m.cohen_kappa_score(a, b, weights="quadratic")})
    x = rng.exponential(size=40)
    r = scipy.stats.bootstrap((x,), np.mean, n_resamples=200000, batch=5000, method="BCa", random_state=np.random.default_rng(1))
    q = scipy.stats.bootstrap((x,), np.mean, n_resamples=200000, batch=5000, method="percentile", random_state=np.random.default_rng(1))
    out["bca"].append({"x": x.tolist(), "bca": list(r.confidence_interval), "percentile": list(q.confidence_interval)})
    return out


def write(path, value):
    def plain(v):
        if isinstance(v, dict):
            return {k: plain(x) for k, x in v.items()}
        if isinstance(v, (list, tuple)):
            return [plain(x) for x in v]
        return v.item() if isinstance(v, np.generic) else v

    with open(path, "w") as f:
        json.dump(plain({"versions": VERSIONS, **value}), f, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    write("evaluate/testdata/sklearn.json", {"cases": evaluate_cases()})
    write("stats/testdata/scipy.json", stats_cases())
