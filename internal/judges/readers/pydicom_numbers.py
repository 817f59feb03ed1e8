"""Reads the numbers of DICOM structured reports with pydicom alone, and works out the lengths and areas of their regions anew from the points and the pictures'
headers, by the standard and without this project's code. Prints JSON.

usage: pydicom_numbers.py SR... -- PICTURE...
"""
import json
import math
import sys

import pydicom


def code(seq):
    c = seq[0]
    return [str(c.CodingSchemeDesignator), str(c.get("CodeValue") or c.get("LongCodeValue")), str(c.CodeMeaning)]


def spacing(ds, frame, points):
    """Millimetres of a column's and a row's step at these points, or None."""
    for r in ds.get("SequenceOfUltrasoundRegions", []):
        if r.PhysicalUnitsXDirection == 3 and r.PhysicalUnitsYDirection == 3 and all(
                r.RegionLocationMinX0 <= x <= r.RegionLocationMaxX1 + 1 and r.RegionLocationMinY0 <= y <= r.RegionLocationMaxY1 + 1 for x, y in points):
            return abs(float(r.PhysicalDeltaX)) * 10, abs(float(r.PhysicalDeltaY)) * 10
    groups = [ds]
    for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        if name in ds:
            g = ds[name].value
            g = g[0] if name.startswith("Shared") else g[frame]
            if "PixelMeasuresSequence" in g:
                groups.append(g.PixelMeasuresSequence[0])
    for g in reversed(groups):
        if "PixelSpacing" in g:
            return float(g.PixelSpacing[1]), float(g.PixelSpacing[0])
    return None


def geometry(item, pictures):
    """Length and area of each region, mm and mm2."""
    out = []
    for c in item.get("ContentSequence", []):
        if c.ValueType != "SCOORD":
            continue
        ref = c.ContentSequence[0].ReferencedSOPSequence[0]
        p = [(float(c.GraphicData[i]), float(c.GraphicData[i + 1])) for i in range(0, len(c.GraphicData), 2)]
        ds = pictures.get(ref.ReferencedSOPInstanceUID)
        s = spacing(ds, int(ref.get("ReferencedFrameNumber") or 1) - 1, p) if ds is not None else None
        if s is None:
            continue
        q = [(x * s[0], y * s[1]) for x, y in p]
        length = sum(math.dist(q[i], q[i + 1]) for i in range(len(q) - 1))
        area = abs(sum(q[i][0] * q[i + 1][1] - q[i][1] * q[i + 1][0] for i in range(len(q) - 1))) / 2
        if c.GraphicType == "ELLIPSE":
            # Half axes are not at right angles once pixels are not square; the area of an affine image of a circle is pi times their cross product.
            a = ((q[1][0] - q[0][0]) / 2, (q[1][1] - q[0][1]) / 2)
            b = ((q[3][0] - q[2][0]) / 2, (q[3][1] - q[2][1]) / 2)
            area, length = math.pi * abs(a[0] * b[1] - a[1] * b[0]), None
        out.append({"type": c.GraphicType, "closed": p[0] == p[-1] or c.GraphicType == "ELLIPSE", "length": length, "area": area})
    return out


def numbers(path, pictures):
    ds = pydicom.dcmread(path)
    out = []
    for c in ds.ContentSequence:
        if "ConceptNameCodeSequence" not in c or code(c.ConceptNameCodeSequence)[1] != "126010":
            continue
        for g in c.ContentSequence:
            item = next((i.TextValue for i in g.ContentSequence if i.ValueType == "TEXT" and code(i.ConceptNameCodeSequence)[1] == "112039"), "")
            shapes = geometry(g, pictures)
            for i in g.ContentSequence:
                if i.ValueType != "NUM" or not i.get("MeasuredValueSequence"):
                    continue
                v = i.MeasuredValueSequence[0]
                unit = code(v.MeasurementUnitsCodeSequence)
                name = code(i.ConceptNameCodeSequence)
                out.append({"file": path, "item": item, "code": name[1], "name": name[2], "value": float(v.get("FloatingPointValue", v.NumericValue)), "unit": unit[1], "scheme": unit[0],
                            "shapes": shapes + geometry(i, pictures)})
    return out


at = sys.argv.index("--")
pictures = {}
for p in sys.argv[at + 1:]:
    ds = pydicom.dcmread(p, stop_before_pixels=True)
    pictures[ds.SOPInstanceUID] = ds
json.dump([n for p in sys.argv[1:at] for n in numbers(p, pictures)], sys.stdout)
