"""De-identifies as scripts with pydicom do: read, walk, replace, save. Usage: deid.py IN OUT"""
import hashlib
import os
import sys

import pydicom

src, dst = sys.argv[1:]
os.makedirs(dst, exist_ok=True)


def uid(value):
    return "2.25." + str(int(hashlib.sha256(str(value).encode()).hexdigest()[:32], 16))


def change(ds, element):
    if element.VR == "PN":
        element.value = "ANON"
    elif element.VR in ("DA", "DT"):
        element.value = "20000101"
    elif element.VR == "UI" and not str(element.value).startswith("1.2.840.10008."):
        if element.VM == 1:
            element.value = uid(element.value)
    elif element.tag in ((0x10, 0x20), (0x8, 0x50)):
        element.value = uid(element.value)[-12:]
    elif element.tag in ((0x8, 0x80), (0x8, 0x81), (0x8, 0x1030), (0x8, 0x103E), (0x10, 0x4000), (0x20, 0x4000)):
        element.value = ""


for n, name in enumerate(sorted(os.listdir(src))):
    ds = pydicom.dcmread(os.path.join(src, name))
    ds.remove_private_tags()
    ds.walk(change)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.save_as(os.path.join(dst, f"{n}.dcm"))
