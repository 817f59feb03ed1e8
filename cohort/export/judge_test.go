package export

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/clip"
)

// seen is what a reader of others says of an item: shape and digest of the samples as [T, H, W, C], little endian.
type seen struct {
	Shape  []int
	SHA256 string
}

// judge exports the study as f, lets read list what it finds, and holds that against the sources.
func judge(t *testing.T, f Format, name string, args ...string) {
	c, s := study(t)
	out := filepath.Join(t.TempDir(), "out")
	write(t, c, s, Options{Out: out, Format: f, ShardItems: 2})
	cmd := exec.Command(name, append(args, out)...)
	cmd.Stderr = os.Stderr
	b, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]seen
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	if len(got) != 4 {
		t.Errorf("%d items", len(got))
	}
	for _, i := range []int{0, 1, 2, 4} {
		want, err := clip.Open(c.Rows[i].Path)
		if err != nil {
			t.Fatal(err)
		}
		n := fmt.Sprintf("%06d", i+1)
		shape := []int{want.T, want.H, want.W, want.C}
		if sum := fmt.Sprintf("%x", sha256.Sum256(want.Data)); got[n].SHA256 != sum || fmt.Sprint(got[n].Shape) != fmt.Sprint(shape) {
			t.Errorf("item %s: %+v, the source has %v", n, got[n], shape)
		}
	}
}

// python reads an export with numpy and nibabel. NIfTI stores x first; nibabel gives [x, y, z, t], colour as a record.
const python = `
import sys, glob, json, hashlib, tarfile, io, os
import numpy as np
out, found = sys.argv[1], {}
def say(name, a):
    if a.ndim == 3: a = a[..., None]
    found[name] = {"Shape": list(a.shape), "SHA256": hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()}
for p in glob.glob(out + "/items/*"):
    n = os.path.basename(p).split(".")[0]
    if p.endswith(".npy"): say(n, np.load(p))
    if p.endswith(".npz"): say(n, np.load(p)["clip"])
    if p.endswith(".nii.gz"):
        import nibabel
        a = np.asarray(nibabel.load(p).dataobj)
        if a.dtype.names: a = np.stack([a[k] for k in a.dtype.names], -1)
        else: a = a[..., None]
        if a.ndim == 5: a = a[:, :, 0] # a cine: [x, y, 1, t, c]
        say(n, a.transpose(2, 1, 0, 3))
for p in sorted(glob.glob(out + "/shard-*.tar")):
    t = tarfile.open(p)
    for m in t.getmembers():
        if m.name.endswith(".npy"): say(m.name[:-4], np.load(io.BytesIO(t.extractfile(m).read())))
        else: assert json.load(t.extractfile(m))["item"] == int(m.name[:-5])
print(json.dumps(found))
`

func TestJudgeNumpyAndNibabel(t *testing.T) {
	exe := "/usr/bin/python3" // the distribution's own, which has its packages
	if err := exec.Command(exe, "-c", "import numpy, nibabel").Run(); err != nil {
		t.Skip("python3-nibabel is not installed (scripts/setup peers)")
	}
	for _, f := range []Format{NIfTI, NPY, NPZ, WebDataset} {
		t.Run(string(f), func(t *testing.T) { judge(t, f, exe, "-c", python) })
	}
}

// zarrita reads a Zarr v3 group in JavaScript.
const zarrita = `
import * as zarr from "zarrita";
import {readFile, readdir} from "node:fs/promises";
import {createHash} from "node:crypto";
const dir = process.argv[2] + "/items.zarr", found = {};
const store = {async get(key) { try { return new Uint8Array(await readFile(dir + key)); } catch { return undefined; } }};
const group = await zarr.open(zarr.root(store), {kind: "group"});
for (const name of (await readdir(dir)).filter(n => /^\d+$/.test(n))) {
  const a = await zarr.open(group.resolve(name), {kind: "array"}), v = await zarr.get(a);
  if (a.attrs.item !== Number(name)) throw new Error("attributes of " + name);
  const bytes = new Uint8Array(v.data.buffer, v.data.byteOffset, v.data.byteLength);
  found[name] = {Shape: a.shape.length === 3 ? [...a.shape, 1] : a.shape, SHA256: createHash("sha256").update(bytes).digest("hex")};
}
console.log(JSON.stringify(found));
`

func TestJudgeZarrita(t *testing.T) {
	if os.Getenv("CINELOOP_JUDGES") == "" {
		t.Skip("zarrita is fetched by scripts/judges only")
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("npm is not installed")
	}
	dir := t.TempDir()
	install := exec.Command(npm, "install", "--silent", "--no-audit", "--no-fund", "zarrita@0.5.1")
	install.Dir = dir
	if msg, err := install.CombinedOutput(); err != nil {
		t.Skipf("zarrita cannot be fetched: %s", msg)
	}
	script := filepath.Join(dir, "read.mjs")
	if err := os.WriteFile(script, []byte(zarrita), 0o644); err != nil {
		t.Fatal(err)
	}
	judge(t, Zarr, "node", script)
}
