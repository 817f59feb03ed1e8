package segment

import (
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
	"github.com/cineloop/cineloop/torch/torchtest"
)

func withEngine(t *testing.T, fn func(e *torch.Engine)) { torchtest.Run(t, 2, fn) }

// reference has Python compute with random weights.
func reference(t *testing.T, name string) map[string]torch.Array {
	t.Helper()
	if out, err := exec.Command("/usr/bin/python3", "-c", "import torch, torchvision").CombinedOutput(); err != nil {
		t.Skipf("python3 has no torchvision to compare with: %s", out)
	}
	path := filepath.Join(t.TempDir(), "reference.safetensors")
	if out, err := exec.Command("/usr/bin/python3", "testdata/reference.py", name, path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	tensors, _, err := torch.ReadSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	return tensors
}

// small is the U-Net that reference.py writes too: three stages, flat kernels and strides at the top.
func small(name string) Spec {
	s := Spec{Name: name, Channels: 1, Classes: 3, Features: []int64{4, 6, 8}, Blocks: []int64{2, 2, 2}, Deep: true,
		Kernels: [][]int64{{1, 3, 3}, {3, 3, 3}, {3, 3, 3}}, Strides: [][]int64{{1, 1, 1}, {1, 2, 2}, {2, 2, 2}}}
	if name == "resenc_unet" {
		s.Blocks[0] = 1
	}
	return s
}

// TestEqualPython: maps in both modes and every gradient are the bits that Python's torch computes with the same weights, by name.
func TestEqualPython(t *testing.T) {
	if testing.Short() {
		t.Skip("computes networks here and in Python")
	}
	for _, spec := range []Spec{small("unet"), small("resenc_unet"), {Name: "deeplabv3_resnet50", Channels: 3, Classes: 5, Aux: true}} {
		t.Run(spec.Name, func(t *testing.T) {
			want := reference(t, spec.Name)
			withEngine(t, func(e *torch.Engine) { comparePython(t, e, spec, want) })
		})
	}
}

func comparePython(t *testing.T, e *torch.Engine, spec Spec, want map[string]torch.Array) {
	net, err := New(spec)
	if err != nil {
		t.Fatal(err)
	}
	if d, ok := net.body.(*deepLabV3); ok { // the reference has no dropout: its draws are its own
		d.aspp.project[3].Module, d.aux[3].Module = nn.Dropout{}, nn.Dropout{}
	}
	nn.Materialise(e, net, 9)
	weights := map[string]torch.Array{}
	for name, a := range want {
		if w, ok := strings.CutPrefix(name, "weight/"); ok {
			weights[w] = a
		}
	}
	if r, err := nn.Load(e, net, weights); err != nil || !r.Exact() {
		t.Fatalf("loading by name: %s, %v", r, err)
	}
	equal := func(name string, got *torch.Tensor) {
		a, ok := want[name]
		if !ok {
			t.Errorf("%s: Python has none", name)
			return
		}
		w, _ := a.Float32s()
		g := got.Contiguous(torch.Contiguous).Float32s()
		if len(g) != len(w) {
			t.Errorf("%s: %d values, want %d", name, len(g), len(w))
			return
		}
		for i := range w {
			if math.Float32bits(g[i]) != math.Float32bits(w[i]) {
				t.Errorf("%s: %v at %d, want %v", name, g[i], i, w[i])
				return
			}
		}
	}
	x := e.FromArray(want["x"])
	e.NoGrad(func() {
		maps := net.Maps(&nn.Pass{E: e}, x)
		if len(maps) != 1 {
			t.Errorf("%d maps outside training", len(maps))
		}
		equal("eval/out/0", maps[0])
	})
	maps := net.Maps(&nn.Pass{E: e, Train: true}, x)
	for i, m := range maps {
		equal("train/out/"+string(rune('0'+i)), m)
	}
	if _, more := want["train/out/"+string(rune('0'+len(maps)))]; more || len(maps) < 2 {
		t.Errorf("%d maps in training", len(maps))
	}
	weight := make([]float32, maps[0].Numel())
	index := e.Arange(torch.Float32, 0, float64(len(weight)), 1).Cos()
	e.Backward(maps[0].Mul(index.Reshape(maps[0].Shape()...)).Sum())
	net.Visit("", func(name string, p *nn.Param) {
		if g := p.T.Grad(); !p.Buffer && g != nil {
			equal("train/grad/"+name, g)
		}
	})
}

// TestPublishedCounts: torchvision's table for deeplabv3_resnet50 (42,004,074 parameters, 178.72 GFLOPS at 520×520; its multiply-adds
// count no auxiliary classifier), and nnU-Net's 3D full-resolution network of 128³.
func TestPublishedCounts(t *testing.T) {
	a, err := Find("deeplabv3_resnet50")
	if err != nil {
		t.Fatal(err)
	}
	net, err := New(a.Example)
	if err != nil {
		t.Fatal(err)
	}
	c := nn.Count(net, append([]int64{1}, a.Input...)...)
	if c.Params != 42004074 {
		t.Errorf("%d parameters, published 42004074", c.Params)
	}
	if g := float64(c.MACs) / 1e9; math.Abs(g-178.72) > 0.02 {
		t.Errorf("%.2f G multiply-adds, published 178.72", g)
	}
}

// TestCostIsWhatRuns: the counted shape is the computed one, and parameters are those visited.
func TestCostIsWhatRuns(t *testing.T) {
	withEngine(t, func(e *torch.Engine) {
		for _, spec := range []Spec{small("unet"), small("resenc_unet")} {
			net, err := New(spec)
			if err != nil {
				t.Fatal(err)
			}
			out, c := net.Cost([]int64{1, 1, 4, 8, 12})
			nn.Materialise(e, net, 1)
			var params int64
			net.Visit("", func(_ string, p *nn.Param) { params += p.Numel() })
			if params != c.Params {
				t.Errorf("%s: %d parameters counted, %d visited", spec.Name, c.Params, params)
			}
			e.NoGrad(func() {
				y := net.Forward(&nn.Pass{E: e}, e.Zeros(torch.Float32, 1, 1, 4, 8, 12))
				for i, d := range y.Shape() {
					if d != out[i] {
						t.Errorf("%s: shape %v, counted %v", spec.Name, y.Shape(), out)
					}
				}
			})
			nn.Free(net)
		}
	})
}

func TestRefusals(t *testing.T) {
	good := small("unet")
	for name, change := range map[string]func(*Spec){
		"no such network":      func(s *Spec) { s.Name = "segnet" },
		"one class":            func(s *Spec) { s.Classes = 1 },
		"no channel":           func(s *Spec) { s.Channels = 0 },
		"too few kernels":      func(s *Spec) { s.Kernels = s.Kernels[:2] },
		"an even kernel":       func(s *Spec) { s.Kernels = [][]int64{{2, 3, 3}, {3, 3, 3}, {3, 3, 3}} },
		"a stride at the top":  func(s *Spec) { s.Strides = [][]int64{{2, 1, 1}, {1, 2, 2}, {2, 2, 2}} },
		"four axes":            func(s *Spec) { s.Strides = [][]int64{{1, 1, 1, 1}, {1, 2, 2}, {2, 2, 2}} },
		"a stage of no blocks": func(s *Spec) { s.Blocks = []int64{2, 0, 2} },
	} {
		s := good
		change(&s)
		if _, err := New(s); fault.CodeOf(err) != fault.Usage || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
