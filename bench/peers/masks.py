"""Writes the golden values that masks' metrics are tested with, from scipy. Run: python3 bench/peers/masks.py > evaluate/testdata/masks.json

Surfaces are a mask less its erosion by the face-connected element, distances come from distance_transform_edt of the other surface, and
percentiles are numpy's. Masks are written as the indices of their voxels.
"""
import json
import sys

import numpy as np
from scipy import ndimage

rng = np.random.default_rng(11)


def blob(shape, middle, radius):
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"))
    d = sum(((grid[i] - middle[i]) / radius[i]) ** 2 for i in range(3))
    return d + 0.35 * ndimage.gaussian_filter(rng.standard_normal(shape), 1) <= 1


def surface(m):
    flat = m.shape[0] == 1
    e = ndimage.binary_erosion(m[0] if flat else m)
    return m & ~(e[None] if flat else e)


cases = []
for shape, spacing, tolerance in [((12, 16, 14), (1, 1, 1), 1), ((8, 20, 20), (3, 0.8, 0.7), 1.5), ((1, 24, 20), (1, 1.25, 1.25), 2), ((10, 10, 10), (2, 2, 2), 0.5)]:
    a = blob(shape, [n / 2 for n in shape], [max(n / 3, 1) for n in shape])
    b = blob(shape, [n / 2 + (0.9 if n > 1 else 0) for n in shape], [max(n / 3.4, 1) for n in shape])
    sa, sb = surface(a), surface(b)
    ab = ndimage.distance_transform_edt(~sb, sampling=spacing)[sa]
    ba = ndimage.distance_transform_edt(~sa, sampling=spacing)[sb]
    both = np.concatenate([ab, ba])
    cases.append(dict(
        size=shape, spacing=spacing, tolerance=tolerance, true=np.flatnonzero(a).tolist(), predicted=np.flatnonzero(b).tolist(),
        dice=float(2 * (a & b).sum() / (a.sum() + b.sum())), hd95=float(max(np.percentile(ab, 95), np.percentile(ba, 95))),
        nsd=float((both <= tolerance).mean()), volume_error=float(100 * (int(b.sum()) - int(a.sum())) / a.sum())))
json.dump(dict(cases=cases), sys.stdout)
