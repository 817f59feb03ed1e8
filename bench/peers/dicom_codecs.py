"""Peers of bench/dicom's codecs and corpus table: gdcm's own reader and pydicom with the handlers that Debian has, in one process each.

usage: dicom_codecs.py time ROUNDS FILE...    one JSON object {"gdcm": {FILE: CPU seconds or null}, "pydicom": {…}}
       dicom_codecs.py digest FILE...         one JSON object of SHA-256 of all frames: stored samples, by pixel, little endian, without pad byte
"""
import hashlib
import json
import os
import sys
import time
import warnings

import gdcm
import numpy as np
import pydicom

warnings.simplefilter("ignore")
gdcm.Trace.WarningOff()
gdcm.Trace.ErrorOff()


def with_gdcm(path):
    r = gdcm.ImageReader()
    r.SetFileName(path)
    if not r.Read():
        raise ValueError("unread")
    b = r.GetImage().GetBuffer()  # a str with surrogates for bytes
    return b.encode("utf-8", "surrogateescape") if isinstance(b, str) else b


def with_pydicom(path):
    return pydicom.dcmread(path, force=True).pixel_array


def best(rounds, fn, path):
    least = None
    for _ in range(rounds):
        t = time.process_time()
        try:
            fn(path)
        except Exception:
            return None
        t = time.process_time() - t
        least = t if least is None else min(least, t)
    return least


def samples(path):
    """pydicom's array as the digest wants it."""
    ds = pydicom.dcmread(path, force=True)
    a = ds.pixel_array
    if ds.BitsAllocated == 1:
        return np.packbits(a.reshape(-1).astype(np.uint8), bitorder="little").tobytes()
    if ds.PhotometricInterpretation == "YBR_FULL_422" and not ds.file_meta.TransferSyntaxUID.is_compressed:
        return ds.PixelData[: a.size // 3 * 2]  # it was read right; the digest is of the shared chroma
    return a.astype(a.dtype.newbyteorder("<")).tobytes()


def digest(path):
    """In a process of its own: gdcm's handler crashes on some files."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(w, hashlib.sha256(samples(path)).hexdigest().encode())
        except Exception:
            pass
        os._exit(0)
    os.close(w)
    with os.fdopen(r) as f:
        out = f.read()
    os.waitpid(pid, 0)
    return out


if sys.argv[1] == "time":
    rounds, files = int(sys.argv[2]), sys.argv[3:]
    print(json.dumps({name: {p: best(rounds, fn, p) for p in files} for name, fn in (("gdcm", with_gdcm), ("pydicom", with_pydicom))}))
else:
    print(json.dumps({p: digest(p) for p in sys.argv[2:]}))
