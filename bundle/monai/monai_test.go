package monai

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/bundle"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
	"github.com/cineloop/cineloop/torch/torchtest"
)

const python = "/usr/bin/python3" // Debian's, which has Debian's torch

func needTorchvision(t *testing.T) {
	t.Helper()
	if err := exec.Command(python, "-c", "import torch, torchvision").Run(); err != nil {
		t.Skip("Debian's python3-torchvision is not installed")
	}
}

func toyCard() *bundle.Card {
	return &bundle.Card{Name: "toy", Cineloop: "test", Statement: bundle.Statement{Version: "1.0.0"},
		Results: []bundle.Results{{Report: &evaluate.Report{Targets: map[string]*evaluate.TargetReport{"a": {Metrics: map[string]evaluate.Measure{"mae": {Value: 2}}}}}}}}
}

// source is a network with random weights, and what it gives for x.
func source(t *testing.T, e *torch.Engine, spec video.Spec, shape []int64, x []float32) (Source, []float64) {
	t.Helper()
	net, err := video.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	nn.Materialise(e, net, 5)
	defer nn.Free(net)
	s := Source{Card: toyCard(), Shape: shape, Network: net.Spec, Tensors: nn.Export(net), Preprocessing: map[string]string{}}
	for _, h := range spec.Heads {
		m := Head{Name: h.Name, Kind: "class", Decode: "softmax"}
		for i := range h.Width {
			m.Outputs = append(m.Outputs, fmt.Sprint(h.Name, i))
		}
		s.Heads = append(s.Heads, m)
	}
	var out []float64
	sc := e.Scope()
	defer sc.Close()
	e.NoGrad(func() {
		for _, v := range net.Forward(&nn.Pass{E: e}, e.FromFloat32(x, append([]int64{1}, shape...)...)).Float32s() {
			out = append(out, float64(v))
		}
	})
	return s, out
}

func ramp(n int64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.Sin(float64(i) * 0.37))
	}
	return x
}

// TestTorchvisionLoads: Python's own classes take the state dict strictly and give the same outputs.
func TestTorchvisionLoads(t *testing.T) {
	needTorchvision(t)
	one, two := []video.Head{{Name: "a", Width: 3}}, []video.Head{{Name: "a", Width: 1}, {Name: "b.c", Width: 2}}
	cases := []struct {
		spec  video.Spec
		shape []int64
	}{
		{video.Spec{Name: "r3d_18", Heads: two}, []int64{3, 8, 32, 32}},
		{video.Spec{Name: "r3d_18", Channels: 1, Heads: one}, []int64{1, 8, 32, 32}},
		{video.Spec{Name: "r2plus1d_18", Heads: one}, []int64{3, 8, 32, 32}},
		{video.Spec{Name: "resnet18_mean", Channels: 1, Heads: two}, []int64{1, 1, 48, 48}},
		{video.Spec{Name: "efficientnet_b0_mean", Heads: one}, []int64{3, 1, 64, 64}},
		{video.Spec{Name: "convnext_tiny_mean", Heads: one}, []int64{3, 1, 64, 64}},
	}
	if os.Getenv("CINELOOP_JUDGES") != "" {
		cases = append(cases, []struct {
			spec  video.Spec
			shape []int64
		}{
			{video.Spec{Name: "mc3_18", Heads: one}, []int64{3, 8, 32, 32}},
			{video.Spec{Name: "mvit_v2_s", Heads: one}, []int64{3, 16, 224, 224}},
			{video.Spec{Name: "vit_b_16_mean", Heads: two}, []int64{3, 1, 224, 224}},
			{video.Spec{Name: "resnet50_mean", Heads: one}, []int64{3, 1, 64, 64}},
		}...)
	}
	if testing.Short() {
		cases = cases[:2]
	}
	torchtest.Run(t, 1, func(e *torch.Engine) {
		for _, c := range cases {
			n := c.shape[0] * c.shape[1] * c.shape[2] * c.shape[3]
			x := ramp(n)
			s, want := source(t, e, c.spec, c.shape, x)
			out := filepath.Join(t.TempDir(), "b")
			if err := Write(out, s); err != nil {
				t.Fatalf("%s: %v", c.spec.Name, err)
			}
			shape := slices.Clone(c.shape)
			if c.shape[0] == 1 { // what RepeatChanneld of the config does
				x, shape[0] = slices.Concat(x, x, x), 3
			}
			if c.shape[1] == 1 { // and SqueezeDimd
				shape = slices.Delete(shape, 1, 2)
			}
			got := runPython(t, out, x, append([]int64{1}, shape...))
			worst := 0.0
			for i := range want {
				worst = math.Max(worst, math.Abs(got[i]-want[i]))
			}
			t.Logf("%s, %d channels: outputs differ by at most %.2g", c.spec.Name, c.shape[0], worst)
			if len(got) != len(want) || worst > 2e-5 {
				t.Errorf("%s: torchvision gives %v, we %v", c.spec.Name, got, want)
			}
		}
	})
}

func runPython(t *testing.T, folder string, x []float32, shape []int64) []float64 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x")
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, x); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "testdata/load.py", folder, path, strings.Trim(strings.ReplaceAll(fmt.Sprint(shape), " ", ","), "[]"))
	cmd.Stderr = t.Output()
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]float64
	if err := json.Unmarshal(text, &rows); err != nil || len(rows) != 1 {
		t.Fatalf("%s: %v", text, err)
	}
	return rows[0]
}

// TestLayout: the files and keys that MONAI's specification asks for.
func TestLayout(t *testing.T) {
	net, err := video.New(video.Spec{Name: "r3d_18", Channels: 1, Heads: []video.Head{{Name: "a", Width: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	s := Source{Card: toyCard(), Shape: []int64{1, 8, 32, 32}, Network: net.Spec, Tensors: map[string]torch.Array{}, Preprocessing: 1,
		Heads: []Head{{Name: "a", Kind: "regression", Decode: "as it is", Outputs: []string{"a"}}}}
	net.Visit("", func(name string, p *nn.Param) {
		s.Tensors[name] = torch.ArrayOf(make([]float32, p.Numel()), p.Shape...)
	})
	out := filepath.Join(t.TempDir(), "b")
	if err := Write(out, s); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"configs/metadata.json", "configs/inference.json", "models/model.pt", "docs/README.md", "docs/preprocessing.json", "LICENSE"} {
		if _, err := os.Stat(filepath.Join(out, f)); err != nil {
			t.Error(err)
		}
	}
	var m map[string]any
	data, _ := os.ReadFile(filepath.Join(out, "configs/metadata.json"))
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"schema", "version", "changelog", "monai_version", "pytorch_version", "numpy_version", "required_packages_version", "name", "task", "description", "authors", "copyright", "network_data_format"} {
		if m[key] == nil || m[key] == "" {
			t.Errorf("metadata.json has no %s", key)
		}
	}
	if m["changelog"].(map[string]any)["1.0.0"] == nil || m["eval_metrics"].(map[string]any)["a_mae"] != 2.0 {
		t.Errorf("changelog %v, metrics %v", m["changelog"], m["eval_metrics"])
	}
	format := m["network_data_format"].(map[string]any)
	in := format["inputs"].(map[string]any)["image"].(map[string]any)
	pred := format["outputs"].(map[string]any)["pred"].(map[string]any)
	for _, side := range []map[string]any{in, pred} {
		for _, key := range []string{"type", "format", "num_channels", "spatial_shape", "dtype", "value_range", "is_patch_data", "channel_def"} {
			if _, ok := side[key]; !ok {
				t.Errorf("network_data_format lacks %s", key)
			}
		}
	}
	if in["num_channels"] != 3.0 || pred["num_channels"] != 1.0 || len(in["spatial_shape"].([]any)) != 3 {
		t.Errorf("input %v, output %v", in, pred)
	}
	if err := Write(out, s); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("over another: %v", err)
	}
}

func TestRefused(t *testing.T) {
	heads := []video.Head{{Name: "a", Width: 1}}
	for _, spec := range []video.Spec{
		{Name: "r3d_18", Width: 4, Heads: heads},
		{Name: "r3d_18", StemStride: [3]int64{1, 1, 1}, Heads: heads},
		{Name: "r3d_18", Channels: 2, Heads: heads},
		{Name: "resnet18_mean", Heads: heads},
		{Name: "mvit_v2_s", Size: [3]int64{16, 112, 112}, Heads: heads},
		{Name: "x3d_s", Heads: heads},
	} {
		net, err := video.New(spec)
		if err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), "b")
		err = Write(out, Source{Card: toyCard(), Shape: []int64{net.Spec.Channels, 8, 112, 112}, Network: net.Spec})
		if fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), "onnx") {
			t.Errorf("%+v: %v", spec, err)
		}
		if _, err := os.Stat(out); err == nil {
			t.Error("a refused bundle was written")
		}
	}
}
