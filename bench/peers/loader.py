#!/usr/bin/env python3
"""A plain Python loader of cine clips: the peer of bench/loader.

pydicom finds the frames of a DICOM file and OpenCV decodes them; OpenCV reads AVI. 16 frames spread over the clip, grey by luma,
112×112 by area, 0..1, and a random left-right flip: what bench/loader asks of ours. A torch DataLoader batches with 0, 1, 2 and 4 workers.

stdin: {"files": […], "frames": T, "size": S, "batch": B, "epochs": E, "threads": N}
stdout: {"workers": {"0": clips/s, …}, "cached": clips/s, "cpu": clips a second of CPU without workers, "cached_cpu": the same from the cache,
"means": [mean of each file's input without the flip]}
"cached" keeps decoded clips in a dict of one process: the best that a plain script does in a second epoch.
"""
import json
import resource
import sys
import time

import cv2
import numpy as np
import pydicom
import pydicom.encaps
import torch


def decode(path):
    """All frames as grey [T, H, W] uint8."""
    if path.endswith(".dcm"):
        ds = pydicom.dcmread(path)
        frames = pydicom.encaps.generate_pixel_data_frame(ds.PixelData, int(ds.get("NumberOfFrames", 1)))
        # OpenCV decodes JPEG to BGR, and to grey by the same weights, faster.
        return np.stack([cv2.imdecode(np.frombuffer(f, np.uint8), cv2.IMREAD_GRAYSCALE) for f in frames])
    v = cv2.VideoCapture(path)
    out = []
    while True:
        ok, frame = v.read()
        if not ok:
            return np.stack(out)
        out.append(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY))


def prepare(clip, frames, size, flip):
    """float32 [1, T, S, S]; frame positions at the middle of equal parts of the clip."""
    at = np.floor((np.arange(frames) + 0.5) * len(clip) / frames).astype(int)
    x = np.empty((1, frames, size, size), np.float32)
    for i, t in enumerate(at):
        x[0, i] = cv2.resize(clip[t], (size, size), interpolation=cv2.INTER_AREA)
    x *= 1 / 255
    return np.ascontiguousarray(x[..., ::-1]) if flip else x


class Clips(torch.utils.data.Dataset):
    def __init__(self, spec, cache):
        self.spec, self.cache = spec, {} if cache else None

    def __len__(self):
        return len(self.spec["files"])

    def __getitem__(self, i):
        clip = None if self.cache is None else self.cache.get(i)
        if clip is None:
            clip = decode(self.spec["files"][i])
            if self.cache is not None:
                self.cache[i] = clip
        return torch.from_numpy(prepare(clip, self.spec["frames"], self.spec["size"], np.random.rand() < 0.5)), i


def cpu_seconds():
    r = resource.getrusage(resource.RUSAGE_SELF)
    return r.ru_utime + r.ru_stime


def rate(data, spec, workers):
    """Clips a second, and clips a second of this process's CPU time."""
    loader = torch.utils.data.DataLoader(data, batch_size=spec["batch"], shuffle=True, num_workers=workers, persistent_workers=workers > 0)
    for _ in loader:  # starts the workers, fills the page cache
        pass
    start, cpu, n = time.perf_counter(), cpu_seconds(), 0
    for _ in range(spec["epochs"]):
        for x, _ in loader:
            n += len(x)
    return n / (time.perf_counter() - start), n / (cpu_seconds() - cpu)


def main():
    spec = json.load(sys.stdin)
    torch.set_num_threads(spec["threads"])
    cv2.setNumThreads(spec["threads"])
    rates = {w: rate(Clips(spec, False), spec, w) for w in (0, 1, 2, 4)}
    out = {"workers": {str(w): r for w, (r, _) in rates.items()}, "cpu": rates[0][1]}
    out["cached"], out["cached_cpu"] = rate(Clips(spec, True), spec, 0)
    out["means"] = [float(prepare(decode(f), spec["frames"], spec["size"], False).mean()) for f in spec["files"]]
    json.dump(out, sys.stdout)


if __name__ == "__main__":
    main()
