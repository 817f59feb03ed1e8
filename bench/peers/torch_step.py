"""Training steps of torchvision's r3d_18, one for each line "step" on standard input; the peer of bench/engine.

Answers "SECONDS CPU_SECONDS LOSS"; "rss" is answered with the peak resident memory in KiB. Arguments: threads.
"""
import sys
import time

import torch
import torchvision

torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(1)
model = torchvision.models.video.r3d_18(weights=None).train()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
x, target = torch.randn(2, 3, 16, 112, 112), torch.tensor([7, 300])
print("ready", torch.__version__, flush=True)
for line in sys.stdin:
    if line.strip() == "rss":
        with open("/proc/self/status") as f:
            print(next(l.split()[1] for l in f if l.startswith("VmHWM")), flush=True)
        continue
    wall, cpu = time.perf_counter(), time.process_time()
    optimizer.zero_grad(set_to_none=True)
    loss = torch.nn.functional.cross_entropy(model(x), target)
    loss.backward()
    optimizer.step()
    value = loss.item()
    print(time.perf_counter() - wall, time.process_time() - cpu, value, flush=True)
