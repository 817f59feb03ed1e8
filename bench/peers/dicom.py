"""Peer of bench/dicom: pydicom, with Pillow or pylibjpeg decoding JPEG. Prints one JSON object of CPU seconds.

usage: dicom.py CINE ROUNDS HEADER...
"""
import json
import sys
import time
import warnings

import numpy as np
import pydicom
from pydicom.pixel_data_handlers.util import convert_color_space

warnings.simplefilter("ignore")


def rgb(path):
    ds = pydicom.dcmread(path)
    a = ds.pixel_array
    if ds.PhotometricInterpretation.startswith("YBR"):
        a = convert_color_space(a, ds.PhotometricInterpretation, "RGB", per_frame=True)
    return a


def stored(path):
    return pydicom.dcmread(path).pixel_array


def grey(path):
    a = rgb(path)
    return (a @ np.array([0.299, 0.587, 0.114], dtype=np.float32)).astype(np.uint8)


def best(rounds, fn, *args):
    times = []
    for _ in range(rounds):
        t = time.process_time()
        fn(*args)
        times.append(time.process_time() - t)
    return min(times)


def headers(paths):
    for p in paths:
        try:
            ds = pydicom.dcmread(p, stop_before_pixels=True)
            for _ in ds.iterall():
                pass
        except Exception:
            pass


cine, rounds, files = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
out = {"rgb": 0, "stored": 0, "grey": 0, "headers": 0}
if rounds:
    out.update(rgb=best(rounds, rgb, cine), stored=best(rounds, stored, cine), grey=best(rounds, grey, cine))
if files:
    out["headers"] = best(1, headers, files)
print(json.dumps(out))
