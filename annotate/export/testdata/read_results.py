"""Reads reports and segmentations with pydicom alone, by the standard and without this project's code, and prints what it found as JSON.

usage: read_results.py FILE...
"""
import json
import sys

import numpy as np
import pydicom


def code(seq):
    c = seq[0]
    return [c.CodingSchemeDesignator, str(c.get("CodeValue") or c.get("LongCodeValue")), str(c.CodeMeaning)]


def regions(item):
    out = []
    for c in item.get("ContentSequence", []):
        if c.ValueType != "SCOORD":
            continue
        ref = c.ContentSequence[0].ReferencedSOPSequence[0]
        frames = ref.get("ReferencedFrameNumber")
        if frames is not None and not isinstance(frames, (list, pydicom.multival.MultiValue)):
            frames = [frames]
        out.append({"type": c.GraphicType, "points": [float(v) for v in c.GraphicData], "sop": ref.ReferencedSOPInstanceUID,
                    "frames": None if frames is None else [int(f) for f in frames]})
    return out


def report(ds):
    out = {"kind": "sr", "persons": [], "devices": [], "groups": []}
    for c in ds.ContentSequence:
        name = code(c.ConceptNameCodeSequence)[1]
        if name == "121008":
            out["persons"].append(str(c.PersonName))
        if name == "121013":
            out["devices"].append(c.TextValue)
        if name != "126010":
            continue
        for g in c.ContentSequence:
            group = {"numbers": [], "regions": regions(g), "codes": [], "texts": []}
            for i in g.ContentSequence:
                n = code(i.ConceptNameCodeSequence) if "ConceptNameCodeSequence" in i else None
                if i.ValueType == "TEXT" and n[1] == "112039":
                    group["id"] = i.TextValue
                elif i.ValueType == "TEXT":
                    group["texts"].append(i.TextValue)
                elif i.ValueType == "CODE":
                    group["codes"].append([n[2], code(i.ConceptCodeSequence)[2]])
                elif i.ValueType == "NUM" and i.MeasuredValueSequence:
                    v = i.MeasuredValueSequence[0]
                    value = v.get("FloatingPointValue", v.NumericValue)
                    unit = code(v.MeasurementUnitsCodeSequence)
                    group["numbers"].append({"name": n[2], "value": float(value), "unit": unit[1], "scheme": unit[0]})
                    group["regions"] += regions(i)
            out["groups"].append(group)
    return out


def segmentation(ds):
    pixels = np.atleast_3d(ds.pixel_array)
    if ds.NumberOfFrames == 1:
        pixels = ds.pixel_array[np.newaxis]
    planes = []
    for i, g in enumerate(ds.PerFrameFunctionalGroupsSequence):
        source = g.DerivationImageSequence[0].SourceImageSequence[0]
        planes.append({"segment": int(g.SegmentIdentificationSequence[0].ReferencedSegmentNumber), "sop": source.ReferencedSOPInstanceUID,
                       "frame": source.get("ReferencedFrameNumber"), "inside": [[int(y), int(x)] for y, x in np.argwhere(pixels[i])]})
    return {"kind": "seg", "planes": planes,
            "segments": [[s.SegmentLabel, s.SegmentAlgorithmType, s.get("SegmentAlgorithmName")] for s in ds.SegmentSequence]}


def read(path):
    ds = pydicom.dcmread(path)
    out = report(ds) if ds.Modality == "SR" else segmentation(ds)
    out["patient"] = [str(ds.PatientID), str(ds.StudyDate), str(ds.StudyID), str(ds.StudyInstanceUID)]
    return out


json.dump([read(p) for p in sys.argv[1:]], sys.stdout)
