#!/usr/bin/env python3
"""Writes annotate/agree/testdata/projects.json: small reading projects with what the agreement report has to say of them.

    python3 bench/peers/agreement_projects.py > annotate/agree/testdata/projects.json

Needs numpy, scipy and scikit-learn. Nothing here shares a formula with the report where there is another way: kappa is scikit-learn's, its error
comes from numeric differentiation, Fleiss' from numeric derivatives by case, alpha from all pairs of values, correlations from least-squares
fits, limits from SciPy's noncentral t, surface distances from all pairs of surface pixels. Bootstrap intervals have the range in which another
program's interval of 4,000 resamples lies, four standard errors each way.
"""
import itertools, json, sys
import numpy as np
from scipy import stats
from sklearn.metrics import cohen_kappa_score

rng = np.random.default_rng(19710101)
LEVEL, DRAWS, THEIRS = 0.95, 20000, 4000
NAN = None


def boot(figure, patients):
    """Range of each end of the percentile interval, patients resampled; None where there is none."""
    names = sorted(set(patients))
    rows = {p: [i for i, q in enumerate(patients) if q == p] for p in names}
    out = []
    with np.errstate(all="ignore"):
        for _ in range(DRAWS):
            pick = [i for p in rng.integers(0, len(names), len(names)) for i in rows[names[p]]]
            v = figure(pick)
            if v is not None and np.isfinite(v):
                out.append(v)
    if 2 * len(out) < DRAWS or max(out) - min(out) < 1e-12:
        return dict(none=True)
    def at(p):
        d = 4 * np.sqrt(p * (1 - p) / THEIRS * DRAWS / len(out))
        return [float(np.quantile(out, max(0, p - d))), float(np.quantile(out, min(1, p + d)))]
    return dict(low=at(0.025), high=at(0.975))


def exact(low, high):
    return dict(low=[low, low], high=[high, high])


def wilson(k, n):
    z = stats.norm.ppf(0.975)
    # the roots of (k/n − p)² = z²·p(1 − p)/n
    a, b, c = 1 + z * z / n, -(2 * k / n + z * z / n), (k / n) ** 2
    r = np.sort(np.roots([a, b, c]).real)
    return exact(max(0.0, float(r[0])), min(1.0, float(r[1])))


def kappa_table(p, w):
    return 1 - (w * p).sum() / (w * np.outer(p.sum(1), p.sum(0))).sum()


def kappa(a, b, k, power):
    w = np.abs(np.subtract.outer(np.arange(k), np.arange(k))) ** power if power else (1 - np.eye(k))
    value = cohen_kappa_score(a, b, labels=list(range(k)), weights=[None, "linear", "quadratic"][power])
    p = np.zeros((k, k))
    for i, j in zip(a, b):
        p[i, j] += 1 / len(a)
    if not np.isfinite(value):
        return None, dict(none=True)
    grad, h = np.zeros((k, k)), 1e-5
    for i in range(k):
        for j in range(k):
            up, down = p.copy(), p.copy()
            up[i, j] += h
            down[i, j] -= h
            grad[i, j] = (kappa_table(up / up.sum(), w) - kappa_table(down / down.sum(), w)) / (2 * h)
    var = (p * grad ** 2).sum() - (p * grad).sum() ** 2
    if var < 1e-9:
        return value, dict(none=True)
    half = stats.norm.ppf(0.975) * np.sqrt(var / len(a))
    return value, exact(max(-1.0, value - half), min(1.0, value + half))


def fleiss(counts, w=None):
    c = np.asarray(counts, float)
    w = np.ones(len(c)) if w is None else w
    r = c.sum(1)
    some, two = r > 0, r > 1
    share = (w[some, None] * c[some] / r[some, None]).sum(0) / w[some].sum()
    po = (w[two] * (c[two] * (c[two] - 1)).sum(1) / (r[two] * (r[two] - 1))).sum() / w[two].sum()
    pe = (share ** 2).sum()
    return None if pe >= 1 - 1e-15 else (po - pe) / (1 - pe)


def fleiss_case(counts):
    v = fleiss(counts)
    n = sum(1 for c in counts if sum(c) > 0)
    if v is None:
        return None, dict(none=True)
    h, total = 1e-5, 0.0
    for i, c in enumerate(counts):
        if sum(c) == 0:
            continue
        up, down = np.ones(len(counts)), np.ones(len(counts))
        up[i] += h
        down[i] -= h
        total += ((fleiss(counts, up) - fleiss(counts, down)) / (2 * h)) ** 2
    se = np.sqrt(total * n / (n - 1)) if n > 1 else 0
    if se < 1e-9:
        return v, dict(none=True)
    half = stats.norm.ppf(0.975) * se
    return v, exact(max(-1.0, v - half), min(1.0, v + half))


def alpha(units, metric):
    units = [[v for v in u if v is not None] for u in units]
    units = [u for u in units if len(u) >= 2]
    values = [v for u in units for v in u]
    if len(set(values)) < 2:
        return None
    num = {v: values.count(v) for v in set(values)}
    def delta(a, b):
        if a == b:
            return 0.0
        if metric == "nominal":
            return 1.0
        if metric == "interval":
            return (a - b) ** 2
        lo, hi = min(a, b), max(a, b)
        return (sum(c for v, c in num.items() if lo <= v <= hi) - (num[lo] + num[hi]) / 2) ** 2
    do = sum(delta(a, b) / (len(u) - 1) for u in units for a, b in itertools.permutations(u, 2)) / len(values)
    de = sum(delta(a, b) * num[a] * num[b] for a in num for b in num) / (len(values) * (len(values) - 1))
    return 1 - do / de


def squares(x):
    """Mean squares of a two-way table by fitting models with least squares."""
    n, k = x.shape
    y = x.reshape(-1)
    rows = np.kron(np.eye(n), np.ones((k, 1)))
    cols = np.kron(np.ones((n, 1)), np.eye(k))
    rss = lambda m: float(((y - m @ np.linalg.lstsq(m, y, rcond=None)[0]) ** 2).sum())
    one, r, c, both = rss(np.ones((n * k, 1))), rss(rows), rss(cols), rss(np.hstack([rows, cols]))
    return (one - r) / (n - 1), (one - c) / (k - 1), both / ((n - 1) * (k - 1))


def icc(x):
    x = np.asarray(x, float)
    n, k = x.shape if x.ndim == 2 else (0, 0)
    if n < 2 or k < 2 or np.ptp(x) == 0:
        return (None, dict(none=True)), (None, dict(none=True))
    msr, msc, mse = squares(x)
    a = (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
    c = (msr - mse) / (msr + (k - 1) * mse)
    if mse < 1e-12:
        return (a, dict(none=True)), (c, dict(none=True))
    f = msr / mse
    F = lambda p, d1, d2: stats.f.ppf(p, d1, d2)
    d = (n - 1) * (k - 1)
    fl, fu = f / F(0.975, n - 1, d), f * F(0.975, d, n - 1)
    ci3 = exact((fl - 1) / (fl + k - 1), (fu - 1) / (fu + k - 1))
    p, q = k * a / (n * (1 - a)), 1 + k * a * (n - 1) / (n * (1 - a))
    v = (p * msc + q * mse) ** 2 / ((p * msc) ** 2 / (k - 1) + (q * mse) ** 2 / d)
    gl, gu = F(0.975, n - 1, v), F(0.975, v, n - 1)
    ci2 = exact(n * (msr - gl * mse) / (gl * (k * msc + (k * n - k - n) * mse) + n * msr),
                n * (gu * msr - mse) / (k * msc + (k * n - k - n) * mse + n * gu * msr))
    return (a, ci2), (c, ci3)


def icc1(units):
    units = [np.array([v for v in u if v is not None], float) for u in units]
    units = [u for u in units if len(u) >= 2]
    n, ks = len(units), np.array([len(u) for u in units])
    if n < 2:
        return None
    grand = np.concatenate(units).mean()
    msb = sum(len(u) * (u.mean() - grand) ** 2 for u in units) / (n - 1)
    msw = sum(((u - u.mean()) ** 2).sum() for u in units) / (ks.sum() - n)
    k0 = (ks.sum() - (ks ** 2).sum() / ks.sum()) / (n - 1)
    return (msb - msw) / (msb + (k0 - 1) * msw)


def icc1_case(units, patients):
    ks = {len([v for v in u if v is not None]) for u in units} - {0, 1}
    v = icc1(units)
    if len(ks) == 1 and len(set(patients)) == len(patients):
        k, n = ks.pop(), sum(1 for u in units if len([w for w in u if w is not None]) > 1)
        f = (1 + (k - 1) * v) / (1 - v)
        fl, fu = f / stats.f.ppf(0.975, n - 1, n * (k - 1)), f * stats.f.ppf(0.975, n * (k - 1), n - 1)
        return v, exact((fl - 1) / (fl + k - 1), (fu - 1) / (fu + k - 1))
    return v, boot(lambda pick: icc1([units[i] for i in pick]), patients)


def limits(d):
    n, mean = len(d), float(np.mean(d))
    if n < 2:
        return [(mean, dict(none=True)), (None, dict(none=True)), (None, dict(none=True))]
    sd, z = float(np.std(d, ddof=1)), stats.norm.ppf(0.975)
    t = stats.t.ppf(0.975, n - 1) * sd / np.sqrt(n)
    near, far = (stats.nct.ppf(p, n - 1, z * np.sqrt(n)) / np.sqrt(n) for p in (0.025, 0.975))
    return [(mean, exact(mean - t, mean + t)), (mean - z * sd, exact(mean - far * sd, mean - near * sd)), (mean + z * sd, exact(mean + near * sd, mean + far * sd))]


def surface(m):
    p = np.pad(m, 1)
    inner = p[1:-1, :-2] & p[1:-1, 2:] & p[:-2, 1:-1] & p[2:, 1:-1]
    return np.argwhere(m & ~inner)


def hd95(a, b, dy, dx):
    if not a.any() or not b.any():
        return None
    p, q = surface(a) * [dy, dx], surface(b) * [dy, dx]
    d = np.sqrt(((p[:, None] - q[None]) ** 2).sum(2))
    return max(float(np.percentile(d.min(1), 95)), float(np.percentile(d.min(0), 95)))


def dice(a, b):
    s = a.sum() + b.sum()
    return None if s == 0 else 2 * float((a & b).sum()) / float(s)


class Project:
    """answers[reader][case] is an option's number, a number, a mask, "cannot", or None where there is no reading."""

    def __init__(self, name, kind, answers, k=0, patients=None, unit="%", scale=None, why=""):
        self.name, self.kind, self.answers, self.k, self.unit, self.scale = name, kind, answers, k, unit, scale
        n = max((len(v) for v in answers.values()), default=0)
        self.patients = patients or ["p%02d" % i for i in range(n)]
        self.expect, self.people = [], sorted(r for r in answers if not r.startswith("ai"))
        self.models = sorted(r for r in answers if r.startswith("ai"))

    def say(self, who, measure, value, ci, n=None, tol=1e-9):
        e = dict(who=who, measure=measure, value=None if value is None or not np.isfinite(value) else float(value), **ci)
        if n is not None:
            e["n"] = n
        e["tolerance"] = tol
        self.expect.append(e)

    def clustered(self, cases):
        p = [self.patients[i] for i in cases]
        return len(set(p)) < len(p)

    def value(self, r, i):
        v = self.answers[r][i] if i < len(self.answers[r]) else None
        return None if isinstance(v, str) else v

    def work(self):
        n = len(self.patients)
        have = lambda i: any(i < len(self.answers[r]) and self.answers[r][i] is not None for r in self.answers)
        units = [i for i in range(n) if have(i)]
        table = [[self.value(r, i) for r in self.people] for i in units]
        pats = [self.patients[i] for i in units]
        cl = len(set(pats)) < len(pats)
        if self.kind in ("choice", "ordinal"):
            self.labels(units, table, pats, cl)
        elif self.kind == "mask":
            self.masks(units, table, pats)
        else:
            self.numbers(units, table, pats, cl)
        for a, b in list(itertools.combinations(self.people, 2)) + [(m, p) for m in self.models for p in self.people]:
            self.pair(a, b)
        return self

    def labels(self, units, table, pats, cl):
        pairs = [(x, y, i) for i, row in enumerate(table) for x, y in itertools.combinations([v for v in row if v is not None], 2)]
        if not pairs:
            return
        def share(pick):
            c = np.bincount(pick, minlength=len(table)) if len(pick) else np.zeros(len(table))
            n = sum(c[i] for _, _, i in pairs)
            return None if n == 0 else sum(c[i] for x, y, i in pairs if x == y) / n
        self.say("people", "agreement", share(np.arange(len(table))), boot(share, pats))
        counts = [[sum(1 for v in row if v == q) for q in range(self.k)] for row in table]
        v, ci = fleiss_case(counts)
        if cl and v is not None:
            ci = boot(lambda pick: fleiss([counts[i] for i in pick]), pats)
        self.say("people", "Fleiss kappa", v, ci, tol=1e-6)
        metric = "ordinal" if self.kind == "ordinal" else "nominal"
        self.say("people", "Krippendorff alpha, " + metric, alpha(table, metric), boot(lambda pick: alpha([table[i] for i in pick], metric), pats))

    def numbers(self, units, table, pats, cl):
        if len(self.people) < 2:
            return
        full = [row for row in table if all(v is not None for v in row)]
        for (v, ci), name in zip(icc(full), ["ICC(2,1), agreement", "ICC(3,1), consistency"]):
            if cl and v is not None:
                at = ["ICC(2,1), agreement", "ICC(3,1), consistency"].index(name)
                ci = boot(lambda pick: icc([table[i] for i in pick if all(v is not None for v in table[i])])[at][0], pats)
            self.say("people", name, v, ci, n=len(full), tol=1e-7)
        two = sum(1 for i in units if sum(1 for r in self.people if i < len(self.answers[r]) and self.answers[r][i] is not None) > 1)
        if len(full) < two:
            v, ci = icc1_case(table, pats)
            self.say("people", "ICC(1,1), readers differ by case", v, ci, tol=1e-8)
        self.say("people", "Krippendorff alpha, interval", alpha(table, "interval"), boot(lambda pick: alpha([table[i] for i in pick], "interval"), pats))

    def masks(self, units, table, pats):
        dy, dx = self.scale
        for name, of in [("mean Dice", dice), ("mean HD95", lambda a, b: hd95(a, b, dy, dx))]:
            rows = [[of(a, b) for a, b in itertools.combinations([m for m in row if m is not None], 2)] for row in table]
            if not any(rows):
                continue
            def mean(pick):
                v = [x for i in pick for x in rows[i] if x is not None]
                return None if not v else float(np.mean(v))
            self.say("people", name, mean(range(len(rows))), boot(mean, pats))

    def pair(self, a, b):
        cases = [i for i in range(len(self.patients)) if self.value(a, i) is not None and self.value(b, i) is not None]
        if not cases:
            return
        who, pats = a + "|" + b, [self.patients[i] for i in cases]
        x, y = [self.value(a, i) for i in cases], [self.value(b, i) for i in cases]
        cl = self.clustered(cases)
        if self.kind in ("choice", "ordinal"):
            same = [float(p == q) for p, q in zip(x, y)]
            self.say(who, "agreement", np.mean(same), boot(lambda pick: np.mean([same[i] for i in pick]), pats) if cl else wilson(sum(same), len(same)), n=len(same))
            for power, name in enumerate(["kappa", "kappa, linear weights", "kappa, quadratic weights"]):
                if power and self.kind != "ordinal":
                    break
                v, ci = kappa(x, y, self.k, power)
                if cl and v is not None:
                    ci = boot(lambda pick: cohen_kappa_score([x[i] for i in pick], [y[i] for i in pick], labels=list(range(self.k)), weights=[None, "linear", "quadratic"][power]), pats)
                self.say(who, name, v, ci, tol=1e-6)
        elif self.kind == "mask":
            dy, dx = self.scale
            for name, v in [("mean Dice", [dice(p, q) for p, q in zip(x, y)]), ("mean HD95", [hd95(p, q, dy, dx) for p, q in zip(x, y)])]:
                at = [i for i, w in enumerate(v) if w is not None]
                self.say(who, name, np.mean([v[i] for i in at]) if at else None, boot(lambda pick: np.mean([v[at[i]] for i in pick]), [pats[i] for i in at]) if at else dict(none=True), n=len(at))
        else:
            d = np.array(x, float) - np.array(y, float)
            for at, ((v, ci), name) in enumerate(zip(limits(d), ["bias", "lower limit", "upper limit"])):
                self.say(who, name, v, boot(lambda pick: limits(d[pick])[at][0], pats) if cl else ci, n=len(d), tol=1e-7)
            self.say(who, "mean absolute difference", np.abs(d).mean(), boot(lambda pick: np.abs(d[pick]).mean(), pats))
            for at, ((v, ci), name) in enumerate(zip(icc(np.stack([x, y], 1)), ["ICC(2,1), agreement", "ICC(3,1), consistency"])):
                rows = np.stack([x, y], 1)
                self.say(who, name, v, boot(lambda pick: icc(rows[pick])[at][0], pats) if cl and v is not None else ci, tol=1e-7)

    def json(self):
        def plain(v):
            if isinstance(v, np.ndarray):
                return ["".join("#" if c else "." for c in row) for row in v]
            return v if v is None or isinstance(v, str) else float(v)
        return dict(name=self.name, kind=self.kind, options=self.k, unit=self.unit if self.kind == "number" else "", scale=self.scale, patients=self.patients,
                    answers={r: [plain(v) for v in a] for r, a in self.answers.items()}, expect=self.expect)


def noisy(n, k, hit=0.65):
    truth = rng.integers(0, k, n)
    return [int(t) if rng.random() < hit else int(rng.integers(0, k)) for t in truth], truth


def readers(n, k, count, hit=0.65):
    truth = rng.integers(0, k, n)
    return {"R%d" % (j + 1): [int(t) if rng.random() < hit else int(rng.integers(0, k)) for t in truth] for j in range(count)}


def blob(h, w, cy, cx, ry, rx):
    y, x = np.mgrid[:h, :w]
    return ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= 1


projects = []
add = lambda *a, **k: projects.append(Project(*a, **k).work())

# Published tables, as projects.
fleiss_1971 = [[0, 0, 0, 6, 0], [0, 3, 0, 0, 3], [0, 1, 4, 0, 1], [0, 0, 0, 0, 6], [0, 3, 0, 3, 0], [2, 0, 4, 0, 0], [0, 0, 4, 0, 2], [2, 0, 3, 1, 0], [2, 0, 0, 4, 0], [0, 0, 0, 0, 6],
               [1, 0, 0, 5, 0], [1, 1, 0, 4, 0], [0, 3, 3, 0, 0], [1, 0, 0, 5, 0], [0, 2, 0, 3, 1], [0, 0, 5, 0, 1], [3, 0, 0, 1, 2], [5, 1, 0, 0, 0], [0, 2, 0, 4, 0], [1, 0, 2, 0, 3],
               [0, 0, 0, 0, 6], [0, 1, 0, 5, 0], [0, 2, 0, 1, 3], [2, 0, 0, 4, 0], [1, 0, 0, 4, 1], [0, 5, 0, 1, 0], [4, 0, 0, 0, 2], [0, 2, 0, 4, 0], [1, 0, 5, 0, 0], [0, 0, 0, 0, 6]]
rows = [[q for q, c in enumerate(r) for _ in range(c)] for r in fleiss_1971]
add("Fleiss 1971", "choice", {"R%d" % (j + 1): [r[j] for r in rows] for j in range(6)}, k=5)
x = None
add("Krippendorff 2011, nominal", "choice", {"R1": [0, 1, 2, 2, 1, 0, 3, 0, 1, x, x, x], "R2": [0, 1, 2, 2, 1, 1, 3, 0, 1, 4, x, 2], "R3": [x, 2, 2, 2, 1, 2, 3, 1, 1, 4, 0, x], "R4": [0, 1, 2, 2, 1, 3, 3, 0, 1, 4, 0, x]}, k=5)
add("Krippendorff 2011, ordinal", "ordinal", projects[-1].answers, k=5)
add("Krippendorff 2011, interval", "number", projects[-1].answers)
judges = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
add("Shrout and Fleiss 1979", "number", {"R%d" % (j + 1): [r[j] for r in judges] for j in range(4)})
add("Bland and Altman 1986", "number", {"R1": [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427], "R2": [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]})

# By chance.
add("three readers, four grades, a model", "ordinal", {**readers(24, 4, 3), "ai": noisy(24, 4)[0]}, k=4)
ragged = readers(20, 3, 4)
for r in ragged:
    for i in range(20):
        if rng.random() < 0.35:
            ragged[r][i] = "cannot" if rng.random() < 0.3 else None
add("readings missing, some not assessable", "choice", ragged, k=3)
truth = rng.normal(55, 10, 18)
add("fractions by three", "number", {"R%d" % (j + 1): [float(round(t + j + rng.normal(0, 4), 1)) for t in truth] for j in range(3)})
part = {"R%d" % (j + 1): [float(round(t + rng.normal(0, 4), 1)) if (i + j) % 4 < 2 else None for i, t in enumerate(truth)] for j in range(4)}
add("two of four readers a case", "number", part)
part = {r: [v if rng.random() < 0.9 else None for v in a] for r, a in part.items()}
add("one to two of four readers a case", "number", part)
pats = ["p%02d" % (i // 2) for i in range(18)]
add("fractions, two cases a patient", "number", {"R1": [float(round(truth[i // 2] + rng.normal(0, 4), 1)) for i in range(18)], "R2": [float(round(truth[i // 2] + rng.normal(0, 4), 1)) for i in range(18)]}, patients=pats)
pair = readers(9, 3, 2)
add("grades, two cases a patient", "ordinal", {r: [v for v in a for _ in range(2)][:17] + [0] for r, a in pair.items()}, k=3, patients=pats)
add("frames of end of diastole", "frame", {"R%d" % (j + 1): [float(10 + int(rng.integers(-3, 4))) for _ in range(12)] for j in range(2)})
masks = {"R%d" % (j + 1): [blob(16, 20, 8 + rng.normal(0, 0.7), 10 + rng.normal(0, 0.7), 5 + rng.normal(0, 0.5), 6 + rng.normal(0, 0.5)) for _ in range(7)] for j in range(3)}
add("outlines on pixels of 2 by 0.5 mm", "mask", masks, scale=[2.0, 0.5])
none = np.zeros((16, 20), bool)
add("empty outlines", "mask", {"R1": [none, blob(16, 20, 8, 10, 5, 6), blob(16, 20, 8, 9, 4, 6), none], "R2": [none, none, blob(16, 20, 8, 10, 5, 6), blob(16, 20, 8, 9, 4, 6)]}, scale=[1.0, 1.0])

# Degenerate ones.
add("one reader", "ordinal", {"R1": [0, 1, 2]}, k=3)
add("one case", "ordinal", {"R1": [1], "R2": [2]}, k=3)
add("one number", "number", {"R1": [50.0], "R2": [53.0]})
add("all agree", "ordinal", {"R1": [0, 1, 2, 2], "R2": [0, 1, 2, 2], "R3": [0, 1, 2, 2]}, k=3)
add("one class only", "choice", {"R1": [1] * 6, "R2": [1] * 6}, k=2)
add("nobody could assess it", "ordinal", {"R1": ["cannot"] * 4, "R2": ["cannot"] * 4}, k=3)
add("the same numbers", "number", {"R1": [50.0, 60.0, 70.0], "R2": [50.0, 60.0, 70.0]})
add("one number throughout", "number", {"R1": [50.0] * 4, "R2": [50.0] * 4})
add("a constant apart", "number", {"R1": [50.0, 60.0, 70.0, 55.0], "R2": [53.0, 63.0, 73.0, 58.0]})
add("ties", "ordinal", {"R1": [0, 0, 1, 1], "R2": [1, 1, 0, 0]}, k=2)
add("a model and one person", "choice", {"ai": [0, 1, 1, 0, 1], "R1": [0, 1, 0, 0, 1]}, k=2)
add("nobody", "choice", {}, k=2)
json.dump([p.json() for p in projects], sys.stdout, separators=(",", ":"))
print()
