#!/usr/bin/env python3
"""Decodes and prepares clips as a plain script would: the peer of bench/clip.

stdin: {"rounds": N, "tasks": [{"name", "kind", "files"}]}; stdout: {name: {"cpu": best CPU seconds of a round, "frames": frames, "sum": of samples}}.
One thread throughout. Kinds: dicom (pydicom's pixel_array to RGB), dicom_cv (OpenCV's JPEG decoder on pydicom's fragments, to RGB), dicom_grey
(the same to grey), avi (OpenCV's VideoCapture), nifti (nibabel), nifti_raw (gzip and numpy.frombuffer), png (OpenCV), npz (NumPy, one array), resize
(OpenCV INTER_AREA and scaling to 0..1 of 16 frames of a 32×600×800 clip).
"""
import gzip
import json
import resource
import sys

import cv2
import nibabel as nib
import numpy as np
import pydicom
from pydicom.pixel_data_handlers.util import convert_color_space

cv2.setNumThreads(1)


def cpu():
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime


def dicom(path):
    ds = pydicom.dcmread(path)
    a = ds.pixel_array
    if ds.PhotometricInterpretation.startswith("YBR"):
        a = convert_color_space(a, ds.PhotometricInterpretation, "RGB", per_frame=True)
    return a


def dicom_cv(path, flag=cv2.IMREAD_COLOR):
    ds = pydicom.dcmread(path)
    out = []
    for f in pydicom.encaps.generate_pixel_data_frame(ds.PixelData, int(ds.NumberOfFrames)):
        f = cv2.imdecode(np.frombuffer(f, np.uint8), flag)
        out.append(f if flag == cv2.IMREAD_GRAYSCALE else cv2.cvtColor(f, cv2.COLOR_BGR2RGB))
    return np.stack(out)


def avi(path):
    cap, out = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1]) if hasattr(cv2, "CAP_PROP_N_THREADS") else cv2.VideoCapture(path), []
    while True:
        ok, f = cap.read()
        if not ok:
            return np.stack(out)
        out.append(cv2.cvtColor(f, cv2.COLOR_BGR2GRAY))


def nifti_raw(path):
    b = gzip.open(path, "rb").read()
    h = nib.Nifti1Header.from_fileobj(__import__("io").BytesIO(b))
    return np.frombuffer(b, h.get_data_dtype(), offset=int(h["vox_offset"]), count=int(np.prod(h.get_data_shape()))).reshape(h.get_data_shape()[::-1])


cine = None


def resize(_):
    global cine
    if cine is None:
        i = np.arange(32 * 600 * 800, dtype=np.uint32)
        cine = ((i * 7) & 255).astype(np.uint8).reshape(32, 600, 800)
    x = np.stack([cv2.resize(cine[2 * i + 1], (112, 112), interpolation=cv2.INTER_AREA) for i in range(16)])
    return x.astype(np.float32) * (1 / 255)


read = {
    "dicom": dicom,
    "dicom_cv": dicom_cv,
    "dicom_grey": lambda p: dicom_cv(p, cv2.IMREAD_GRAYSCALE),
    "avi": avi,
    "nifti": lambda p: np.asanyarray(nib.load(p).dataobj).T,
    "nifti_raw": nifti_raw,
    "png": lambda p: cv2.imread(p, cv2.IMREAD_UNCHANGED)[None],
    "npz": lambda p: np.load(p)["train_images"],
    "resize": lambda _: resize(_)[None],
}

spec = json.load(sys.stdin)
out = {}
for task in spec["tasks"]:
    fn, best = read[task["kind"]], 1e9
    for _ in range(spec["rounds"]):
        t, frames, total = cpu(), 0, 0
        for path in task["files"]:
            a = fn(path)
            frames += len(a)
        best = min(best, cpu() - t)
        total = sum(float(np.sum(fn(p), dtype=np.float64)) for p in task["files"][:1])
    out[task["name"]] = {"cpu": best, "frames": frames, "sum": total}
json.dump(out, sys.stdout)
