"""Builds the network that configs/inference.json names, loads models/model.pt strictly and prints its outputs for an input, as JSON."""
import importlib
import json
import sys

import torch

folder, values, shape = sys.argv[1], sys.argv[2], [int(n) for n in sys.argv[3].split(",")]
torch.set_num_threads(1)
definition = json.load(open(folder + "/configs/inference.json"))["network_def"]
module, name = definition.pop("_target_").rsplit(".", 1)
network = getattr(importlib.import_module(module), name)(**definition)
network.load_state_dict(torch.load(folder + "/models/model.pt", map_location="cpu"), strict=True)
network.eval()
x = torch.frombuffer(bytearray(open(values, "rb").read()), dtype=torch.float32).reshape(shape)
with torch.no_grad():
    print(json.dumps(network(x).tolist()))
