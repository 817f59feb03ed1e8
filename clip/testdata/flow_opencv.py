"""Optical flow by OpenCV: usage: flow_opencv.py IN.json, which holds w, h and items of name, a and b (grey values); prints u and v by item and method."""
import json
import sys

import cv2
import numpy as np

given = json.load(open(sys.argv[1]))
w, h, out = given["w"], given["h"], {}
for item in given["items"]:
    a, b = (np.array(item[k], np.float32).reshape(h, w) for k in "ab")
    low, high = min(a.min(), b.min()), max(a.max(), b.max())
    a, b = (((x - low) / (high - low) * 255).round().astype(np.uint8) for x in (a, b))
    flows = {"farneback": cv2.calcOpticalFlowFarneback(a, b, None, 0.5, 3, 15, 5, 7, 1.5, 0)}
    if hasattr(cv2, "optflow"):
        flows["tvl1"] = cv2.optflow.DualTVL1OpticalFlow_create().calc(a, b, None)
    out[item["name"]] = {k: [f[..., 0].ravel().tolist(), f[..., 1].ravel().tolist()] for k, f in flows.items()}
json.dump(out, sys.stdout)
