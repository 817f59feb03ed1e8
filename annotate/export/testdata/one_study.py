"""Reads every file with pydicom alone, decodes its pixels, and says whose they are.

usage: one_study.py FILE...
"""
import json
import sys

import numpy as np
import pydicom

patients, studies, frames, pixels = set(), set(), {}, 0
for path in sys.argv[1:]:
    ds = pydicom.dcmread(path)
    patients.add((str(ds.PatientID), str(ds.PatientName), str(ds.PatientBirthDate), str(ds.PatientSex)))
    studies.add((str(ds.StudyInstanceUID), str(ds.StudyDate), str(ds.StudyID), str(ds.AccessionNumber)))
    for e in ds.iterall():  # every value is of its representation
        str(e.value)
    if "PixelData" in ds:
        a = np.asarray(ds.pixel_array)
        n = int(ds.get("NumberOfFrames", 1))
        kind = "SC" if str(ds.get("BurnedInAnnotation", "")) == "YES" else str(ds.Modality)
        frames[kind] = frames.get(kind, 0) + n
        pixels += a.size
json.dump({"patients": sorted(patients), "studies": sorted(studies), "frames": frames, "pixels": pixels}, sys.stdout)
