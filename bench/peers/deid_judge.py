"""Reads every output of a de-identification run with pydicom, as its input was read: a judge of deid.

    python3 deid_judge.py < pairs      one line a pair: INPUT <tab> OUTPUT

Prints a line for each output that is worse than its input: it can't be read, its pixels can't be decoded though the input's can, its shape is another one, or pydicom warns
about a value that it did not warn about before. The last line counts: pairs, read, decoded.
"""
import json
import os
import sys
import warnings

import numpy
import pydicom


def read(path):
    """The data set, every value looked at, and the kinds of warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ds = pydicom.dcmread(path, force=True)
        for e in ds.iterall():
            str(e.value)
    return ds, {str(w.message).split(":")[0][:60] for w in caught}


def pixels(ds):
    """Shape and type of the decoded pixels, or the error, found out in a process of its own: some decoders crash."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(r)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                a = numpy.asarray(ds.pixel_array)
                answer = {"is": f"{a.shape} {a.dtype}"}
            except Exception as err:
                answer = {"error": f"{type(err).__name__} {str(err)[:200]}"}
        os.write(w, json.dumps(answer).encode())
        os._exit(0)
    os.close(w)
    with os.fdopen(r, "rb") as f:
        answer = f.read()
    os.waitpid(pid, 0)
    return json.loads(answer) if answer else {"error": "the decoder crashed"}


pairs = n_read = n_decoded = 0
for line in sys.stdin:
    before, after = line.rstrip("\n").split("\t")
    pairs += 1
    try:
        old, old_warned = read(before)
    except Exception:
        old, old_warned = None, set()
    try:
        new, new_warned = read(after)
        n_read += 1
    except Exception as err:
        if old is not None:
            print(f"{before}\tcan't be read: {type(err).__name__} {err}")
        continue
    if old is None:
        continue
    for w in sorted(new_warned - old_warned):
        print(f"{before}\tnew warning: {w}")
    a = pixels(old)
    if "is" not in a:
        continue
    b = pixels(new)
    if "is" not in b:
        print(f"{before}\tpixels can't be decoded: {b['error']}")
        continue
    n_decoded += 1
    if a["is"] != b["is"]:
        print(f"{before}\tpixels of another shape: {a['is']}, {b['is']}")
print(f"{pairs} {n_read} {n_decoded}")
