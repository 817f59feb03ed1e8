"""pydicom reads what a DICOMweb service gave: python3 dicomweb_judge.py DIR.

DIR holds NNN.stored, NNN.explicit, NNN.rle (files, the last two where they could be given) and NNN.json (metadata). Every file must be
readable without force; the data set that pydicom makes of the JSON must have the tags of the stored file (but for group lengths and what
the service adds), the same VRs where the file names them, and the same names. Prints what it objects to and exits with 1 if anything.
"""
import glob
import json
import sys
import warnings

import pydicom
from pydicom.tag import Tag

warnings.simplefilter("ignore")
bad, files, sets, values = [], 0, 0, 0
ADDED = {Tag(0x0008, 0x3002), Tag(0x0008, 0x1190)}



def several(e):
    return e.value if e.VM > 1 else [e.value]


def text(v):  # an empty value among others is null in JSON; a number's text may have a sign or zeros in front
    if v is None:
        return ""
    return str(int(v)) if isinstance(v, int) else str(v).strip()


for path in sorted(glob.glob(sys.argv[1] + "/*.json")):
    base = path[: -len(".json")]
    stored = None
    for suffix in ("stored", "explicit", "rle"):
        try:
            ds = pydicom.dcmread(base + "." + suffix)
        except FileNotFoundError:
            continue
        except Exception as e:
            if suffix != "stored":  # what comes as it was stored is as good as it was
                bad.append(f"{base}.{suffix}: {type(e).__name__} {e}")
            continue
        files += 1
        if suffix == "stored":
            stored = ds
        elif str(ds.file_meta.TransferSyntaxUID) not in ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"):
            bad.append(f"{base}.{suffix} is {ds.file_meta.TransferSyntaxUID.name}")
    if stored is None:
        continue
    try:
        model = pydicom.Dataset.from_json(json.load(open(path))[0], bulk_data_uri_handler=lambda *a: b"")
    except Exception as e:
        bad.append(f"{path}: {type(e).__name__} {e}")
        continue
    sets += 1
    have = {t for t in model.keys() if t not in ADDED}
    want = {t for t in stored.keys() if t.element != 0 and t not in ADDED}
    if have != want:
        bad.append(f"{path}: tags differ: {sorted(map(str, have ^ want))[:5]}")
    if Tag(0x0008, 0x0005) in have and str(model[0x00080005].value) != "ISO_IR 192":
        bad.append(f"{path}: JSON in UTF-8 is declared as something else")
    for t in sorted(have & want - {Tag(0x0008, 0x0005)}):
        try:
            a, b = model[t], stored[t]
            if b.VR == "PN":
                values += 1
                if [str(x).rstrip("^=") for x in (a.value if a.VM > 1 else [a.value])] != [str(x).rstrip("^=") for x in (b.value if b.VM > 1 else [b.value])]:
                    bad.append(f"{path}: {t} is another name")
            elif b.VR in ("UI", "CS", "US", "DA", "IS") and b.value not in (None, ""):
                values += 1
                if [text(v) for v in several(a)] != [text(v) for v in several(b)]:
                    bad.append(f"{path}: {t} {b.VR} differs: {a.value!r} {b.value!r}")
        except Exception as e:
            bad.append(f"{path}: {t}: {type(e).__name__} {e}")
print(f"{files} files, {sets} JSON models, {values} values compared, {len(bad)} objections")
for line in bad[:40]:
    print(line)
sys.exit(1 if bad else 0)
