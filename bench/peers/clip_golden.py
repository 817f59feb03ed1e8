#!/usr/bin/env python3
"""Writes clip/testdata: small npy and NIfTI files made by NumPy and nibabel, and golden.json with what they, OpenCV and pydicom read.

Run from the repository's root; CINELOOP_SHARED (default ../shared) gives the real clips. Needs numpy, nibabel, opencv, pydicom.
"""
import io
import json
import os

import cv2
import nibabel as nib
import numpy as np
import pydicom

shared = os.environ.get("CINELOOP_SHARED", "../shared") + "/data/imaging/"
out = "clip/testdata/"
golden = {"npy": {}, "nifti": {}, "avi": {}, "dicom": {}}
rng = np.random.default_rng(7)


def listed(a):
    return np.asarray(a, np.float64).ravel().tolist()


def npy(name, a, version=None, order="C"):
    a = np.asarray(a, order=order)
    with open(f"{out}npy/{name}.npy", "wb") as f:
        np.lib.format.write_array(f, a, version=version)
    golden["npy"][name] = {"shape": a.shape, "values": listed(np.ascontiguousarray(a))}


for dt in ["u1", "i1", "<u2", ">u2", "<i2", ">i2", "<i4", ">i4", "<u4", ">u4", "<i8", ">i8", "<u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8"]:
    kind = np.dtype(dt).kind
    if kind == "f":
        a = rng.normal(size=(2, 3, 5)).astype(dt)
    else:
        info = np.iinfo(dt)
        a = rng.integers(max(info.min, -(2**31)), min(info.max, 2**31 - 1), size=(2, 3, 5), dtype="i8").astype(dt)
    npy("t_" + dt.replace("<", "le_").replace(">", "be_"), a)
npy("bool", rng.integers(0, 2, size=(2, 3, 5)).astype(bool))
npy("wide_i8", np.array([[[2**40, -(2**40)]]], "<i8"))
npy("fortran", rng.integers(0, 255, size=(4, 3, 5)).astype("<i2"), order="F")
npy("v2", rng.integers(0, 255, size=(2, 3)).astype("u1"), version=(2, 0))
npy("v3", rng.integers(0, 255, size=(2, 3)).astype("u1"), version=(3, 0))
npy("rgb", rng.integers(0, 255, size=(2, 6, 5, 3)).astype("u1"))
a, b = rng.integers(0, 255, size=(3, 2, 4, 4)).astype("u1"), rng.integers(0, 2, size=(3, 1)).astype("u1")
np.savez_compressed(out + "npy/two.npz", images=a, labels=b)
np.savez(out + "npy/stored.npz", images=a)
golden["npy"]["two"] = {"shape": a.shape, "values": listed(a)}


def nifti(name, img):
    nib.save(img, f"{out}nifti/{name}")
    img = nib.load(f"{out}nifti/{name}")
    data = np.asanyarray(img.dataobj)
    if data.dtype.names:  # RGB
        data = np.stack([data[n] for n in "RGB"], -1)
        values = data.transpose(2, 1, 0, 3)
    else:
        values = data.T  # frame, row, column
    golden["nifti"][name] = {
        "shape": list(values.shape), "values": listed(values), "affine": listed(img.affine[:3]),
        "zooms": [float(z) for z in img.header.get_zooms()],
    }


affine = np.array([[-0.8, 0.1, 0.02, 10], [0.09, 0.79, -0.05, -20], [-0.03, 0.04, 2.4, 30], [0, 0, 0, 1]])
for cls, version in ((nib.Nifti1Image, 1), (nib.Nifti2Image, 2)):
    hdr = nib.Nifti1Header if version == 1 else nib.Nifti2Header
    for dt in ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]:
        for end in "<>":
            if version == 2 and dt not in ("i2", "f8", "u1"):
                continue
            if np.dtype(dt).kind == "f":
                data = rng.normal(size=(4, 3, 2))
            else:
                info = np.iinfo(dt)
                data = rng.integers(max(info.min, -(2**31)), min(info.max, 2**31 - 1), size=(4, 3, 2))
            h = hdr(endianness=end)
            h.set_data_dtype(np.dtype(dt).newbyteorder(end))
            img = cls(data.astype(np.dtype(dt).newbyteorder(end)), affine, h)
            img.header.set_data_dtype(np.dtype(dt).newbyteorder(end))
            nifti(f"v{version}_{'le' if end == '<' else 'be'}_{dt}.nii", img)
ints = rng.integers(-100, 100, size=(4, 3, 2)).astype("i2")
img = nib.Nifti1Image(ints, affine)
img.header.set_slope_inter(0.5, -3)
nifti("scaled.nii.gz", img)
img = nib.Nifti1Image(ints, None)
q = nib.affines.from_matvec(nib.eulerangles.euler2mat(0.3, -0.2, 1.1) @ np.diag([0.7, 0.9, -1.5]), [1, 2, 3])
img.set_qform(q, 1)
img.set_sform(None, 0)
nifti("qform.nii", img)
img = nib.Nifti1Image(ints, None)
img.header.set_zooms((0.5, 0.6, 0.7))
nifti("bare.nii", img)
img = nib.Nifti1Image(rng.integers(0, 9, size=(4, 3, 1, 5)).astype("u1"), affine)
img.header.set_xyzt_units("mm", "sec")
img.header["pixdim"][4] = 0.04
nib.save(img, out + "nifti/cine.nii")
golden["nifti"]["cine.nii"] = {"values": listed(np.asanyarray(img.dataobj)[:, :, 0].T)}
img = nib.Nifti1Image(rng.integers(0, 9, size=(4, 3, 2, 3)).astype("u1"), affine)
nib.save(img, out + "nifti/four.nii.gz")
golden["nifti"]["four.nii.gz"] = {"values": listed(np.asanyarray(img.dataobj).transpose(3, 2, 1, 0))}
rgb = np.zeros((4, 3, 2), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
for n in "RGB":
    rgb[n] = rng.integers(0, 255, size=(4, 3, 2))
nifti("rgb.nii", nib.Nifti1Image(rgb, affine))

for name in ["Cov_Atlas_43.avi", "Reg_Atlas.avi", "Pneu_Basal_pneumonia_RUQ_crop.avi", "pneu_radiopaeda.avi"]:
    path = shared + "lus/clips/" + name
    if not os.path.exists(path):
        continue
    cap, raw = cv2.VideoCapture(path), open(path, "rb").read()
    i, frames = raw.index(b"movi") + 4, []
    while raw[i : i + 4] == b"00dc":  # the JPEGs themselves, so that libjpeg decodes them and no video filter
        n = int.from_bytes(raw[i + 4 : i + 8], "little")
        frames.append(cv2.imdecode(np.frombuffer(raw[i + 8 : i + 8 + n], np.uint8), cv2.IMREAD_COLOR))
        i += 8 + n + n % 2
    v = np.stack(frames)
    grey = np.stack([cv2.cvtColor(f, cv2.COLOR_BGR2GRAY) for f in v])
    golden["avi"][name] = {
        "frames": len(v), "fps": cap.get(cv2.CAP_PROP_FPS), "mean": float(grey.mean()), "means": grey.mean((1, 2)).tolist(),
        "row": grey[len(v) // 2, 60].tolist(), "height": v.shape[1], "width": v.shape[2],
    }

for name in ["I_000007.dcm", "I_000020.dcm"]:
    d = pydicom.dcmread(shared + "echo_dicom/" + name)
    px = d.pixel_array
    from pydicom.pixel_data_handlers.util import convert_color_space
    rgb = px if d.PhotometricInterpretation == "RGB" else convert_color_space(px, d.PhotometricInterpretation, "RGB")
    grey = rgb @ np.array([0.299, 0.587, 0.114])
    golden["dicom"][name] = {"shape": list(px.shape), "mean": float(grey.mean()), "means": grey.mean((1, 2)).tolist()}

# One picture, resampled by OpenCV and SciPy.
from scipy import ndimage

src = cv2.GaussianBlur(rng.integers(0, 255, size=(24, 36)).astype(np.float32), (0, 0), 1.2).round().astype(np.float32)
res = {"source": listed(src), "cases": []}
for h, w in [(48, 72), (30, 50), (24, 61)]:
    res["cases"].append({"name": f"bilinear {h}x{w}", "h": h, "w": w, "values": listed(cv2.resize(src, (w, h), interpolation=cv2.INTER_LINEAR))})
for h, w in [(12, 18), (8, 12), (6, 36), (24, 9)]:
    res["cases"].append({"name": f"area {h}x{w}", "h": h, "w": w, "values": listed(cv2.resize(src, (w, h), interpolation=cv2.INTER_AREA))})
yy, xx = np.mgrid[0:24, 0:36].astype(float)
for deg, zoom, dx, dy in [(25, 1, 0, 0), (-70, 1, 0, 0), (0, 1.3, 0, 0), (0, 1, 2.25, -3.5)]:
    a = np.deg2rad(deg)
    u, v = xx - 17.5, yy - 11.5
    sx = (np.cos(a) * u - np.sin(a) * v) / zoom + 17.5 - dx / zoom
    sy = (np.sin(a) * u + np.cos(a) * v) / zoom + 11.5 - dy / zoom
    inside = (sx >= -0.5) & (sx <= 35.5) & (sy >= -0.5) & (sy <= 23.5)
    val = ndimage.map_coordinates(src, [sy, sx], order=1, mode="nearest")
    # Outside is the least sampled value.
    val[~inside] = val[inside].min()
    res["cases"].append({"name": f"similarity {deg} {zoom} {dx} {dy}", "deg": deg, "zoom": zoom, "dx": dx, "dy": dy, "values": listed(val)})
golden["resample"] = res
vol = rng.normal(10, 4, size=(6, 5, 7)).astype(np.float32)
lo, hi = np.percentile(vol, [0.5, 99.5])
golden["normalise"] = {
    "source": listed(vol), "percentile": listed(np.clip((vol - lo) / (hi - lo), 0, 1)), "case": listed((vol - vol.mean()) / vol.std()),
    "zoomed": listed(ndimage.zoom(vol, (2, 2, 2), order=1, mode="nearest", grid_mode=True)),
}

with open(out + "golden.json", "w") as f:
    json.dump(golden, f, separators=(",", ":"))
