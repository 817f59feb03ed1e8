package onnx

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/segment"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
	"github.com/cineloop/cineloop/torch/torchtest"
)

// subject is a network with random weights and the input of one item.
type subject struct {
	name   string
	module nn.Module
	run    func(p *nn.Pass, x *torch.Tensor) []*torch.Tensor
	names  []string
	shape  []int64
}

func clips(t testing.TB, s video.Spec, shape ...int64) subject {
	t.Helper()
	if len(s.Heads) == 0 {
		s.Heads = []video.Head{{Name: "a", Width: 3}, {Name: "b", Width: 1}}
	}
	s.Channels = shape[0]
	net, err := video.New(s)
	if err != nil {
		t.Fatal(err)
	}
	out := subject{name: s.Name, module: net, run: net.Heads, shape: shape}
	for _, h := range s.Heads {
		out.names = append(out.names, h.Name)
	}
	return out
}

func masks(t testing.TB, s segment.Spec, shape ...int64) subject {
	t.Helper()
	net, err := segment.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return subject{name: fmt.Sprintf("%s of %d dimensions", s.Name, s.Dims()), module: net, shape: shape, names: []string{"mask"},
		run: func(p *nn.Pass, x *torch.Tensor) []*torch.Tensor { return net.Maps(p, x)[:1] }}
}

func unet(name string, dims int) segment.Spec {
	ones, twos, threes := make([]int64, dims), make([]int64, dims), make([]int64, dims)
	for i := range dims {
		ones[i], twos[i], threes[i] = 1, 2, 3
	}
	return segment.Spec{Name: name, Channels: 1, Classes: 3, Features: []int64{4, 8, 16}, Blocks: []int64{2, 2, 2}, Kernels: [][]int64{threes, threes, threes},
		Strides: [][]int64{ones, twos, twos}, Deep: true}
}

// subjects are the networks that are judged: small, but with every operator of the large ones.
func subjects(t testing.TB) []subject {
	small := func(name string) video.Spec { return video.Spec{Name: name, Width: 16} }
	out := []subject{
		clips(t, small("r3d_18"), 1, 8, 32, 32), clips(t, small("mc3_18"), 3, 8, 32, 32), clips(t, small("r2plus1d_18"), 3, 8, 32, 32),
		clips(t, small("medicalnet_resnet10"), 1, 16, 32, 32), clips(t, small("medicalnet_resnet18"), 1, 16, 32, 32), clips(t, small("medicalnet_resnet50"), 1, 16, 32, 32),
		clips(t, small("resnet18_mean"), 3, 4, 32, 32), clips(t, small("resnet34_mean"), 1, 4, 32, 32), clips(t, small("resnet50_mean"), 3, 4, 32, 32),
		clips(t, small("resnet18_attention"), 1, 4, 32, 32), clips(t, small("resnet18_transformer"), 1, 4, 32, 32), clips(t, small("resnet18_lstm"), 1, 4, 32, 32), clips(t, small("resnet18_gru"), 1, 4, 32, 32),
		clips(t, small("efficientnet_b0_mean"), 3, 2, 64, 64), clips(t, small("convnext_tiny_mean"), 3, 2, 64, 64),
		clips(t, small("vit_s_16_mean"), 3, 2, 48, 48), clips(t, small("i3d"), 3, 16, 64, 64), clips(t, small("i3d_r50"), 3, 8, 32, 32), clips(t, small("s3d"), 3, 16, 64, 64),
		clips(t, small("x3d_s"), 3, 8, 64, 64), clips(t, small("slowfast_r50"), 3, 32, 32, 32), clips(t, small("csn_r50"), 3, 8, 32, 32),
		clips(t, small("mvit_v2_s"), 3, 8, 64, 64), clips(t, small("timesformer"), 3, 4, 48, 48), clips(t, small("vivit_b"), 3, 8, 48, 48), clips(t, small("videomae_vit_s"), 3, 4, 48, 48),
		clips(t, small("p3d_63"), 3, 16, 64, 64), clips(t, small("swin3d_t"), 3, 8, 64, 64),
		masks(t, unet("unet", 2), 1, 32, 32), masks(t, unet("unet", 3), 1, 16, 16, 16), masks(t, unet("resenc_unet", 3), 1, 16, 16, 16),
		masks(t, segment.Spec{Name: "deeplabv3_resnet50", Channels: 3, Classes: 4}, 3, 64, 64),
	}
	return out
}

// tensor is a result of the judge.
type tensor struct {
	Shape  []int64   `json:"shape"`
	Values []float32 `json:"values"`
}

type job struct {
	Model string  `json:"model"`
	Input string  `json:"input"`
	Shape []int64 `json:"shape"`
}

// judge runs jobs in onnxruntime; the test is skipped where it is not installed.
func judge(t *testing.T, jobs []job) (results []struct {
	Outputs map[string]tensor `json:"outputs"`
	Error   string            `json:"error"`
}) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jobs")
	data, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "testdata/run.mjs", path, runtimeFolder(t), path+"-answer")
	cmd.Stderr, cmd.Stdout = t.Output(), t.Output()
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path + "-answer")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &results); err != nil || len(results) != len(jobs) {
		t.Fatalf("the judge's answer: %v", err)
	}
	return results
}

// runtimeFolder is where scripts/setup judges puts onnxruntime.
func runtimeFolder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(testdata.Root(t), "build", "onnxruntime")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "onnxruntime-web")); err != nil {
		t.Skip("onnxruntime is not installed; scripts/setup judges installs it")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed; scripts/setup judges installs it")
	}
	return dir
}

func wave(n int64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.Sin(float64(i)*0.37) + 0.3*math.Cos(float64(i)*0.011))
	}
	return x
}

// TestRuntimeAgrees: onnxruntime gives what the engine gives, for one item and for five, though models were recorded with two and three.
func TestRuntimeAgrees(t *testing.T) {
	runtimeFolder(t)
	dir := t.TempDir()
	var jobs []job
	var want []map[string][]float32
	list := subjects(t)
	if os.Getenv("CINELOOP_JUDGES") == "" { // the others take half a minute
		list = append(append(list[:3:3], list[6], list[10], list[11], list[14], list[15]), list[26:29]...)
	}
	torchtest.Run(t, 1, func(e *torch.Engine) {
		for i, s := range list {
			nn.Materialise(e, s.module, 7)
			stir(e, s.module)
			model := export(t, e, s)
			path := filepath.Join(dir, fmt.Sprint(i))
			write(t, path+".onnx", model)
			for _, n := range []int64{1, 5} {
				shape := append([]int64{n}, s.shape...)
				size := int64(1)
				for _, d := range shape {
					size *= d
				}
				x := wave(size)
				var b bytes.Buffer
				if err := binary.Write(&b, binary.LittleEndian, x); err != nil {
					t.Fatal(err)
				}
				input := path + fmt.Sprint("-", n)
				write(t, input, b.Bytes())
				jobs = append(jobs, job{path + ".onnx", input, shape})
				want = append(want, engine(e, s, x, shape))
			}
			nn.Free(s.module)
		}
	})
	for i, r := range judge(t, jobs) {
		name := list[i/2].name
		if r.Error != "" {
			t.Errorf("%s: %s", name, r.Error)
			continue
		}
		for _, out := range list[i/2].names {
			got := r.Outputs[out]
			worst, scale := 0.0, 0.0
			for j, w := range want[i][out] {
				if j < len(got.Values) {
					worst = math.Max(worst, math.Abs(float64(got.Values[j]-w)))
				}
				scale = math.Max(scale, math.Abs(float64(w)))
			}
			t.Logf("%-28s %d items, %s: differs by at most %.1e of %.3g", name, jobs[i].Shape[0], out, worst, scale)
			if len(got.Values) != len(want[i][out]) || !(worst <= 1e-4*math.Max(1, scale)) {
				t.Errorf("%s, %s: %d values for %d, off by %v", name, out, len(got.Values), len(want[i][out]), worst)
			}
		}
	}
}

// stir gives running statistics and affine parameters values that matter, as training would.
func stir(e *torch.Engine, m nn.Module) {
	k := 0.0
	m.Visit("", func(_ string, p *nn.Param) {
		if p.Int || len(p.Shape) != 1 {
			return
		}
		k++
		v := make([]float32, p.Numel())
		for i := range v {
			v[i] = float32(0.1 * math.Sin(k+float64(i)))
		}
		s := e.Scope()
		defer s.Close()
		e.NoGrad(func() { p.T.Copy_(p.T.Add(e.FromFloat32(v, p.Shape...))) })
	})
}

func export(t testing.TB, e *torch.Engine, s subject) []byte {
	t.Helper()
	model, err := Export(e, Spec{Name: s.name, Producer: "test", Module: s.module, Input: s.shape, Run: s.run, Outputs: s.names, Metadata: map[string]string{"b": "2", "a": "1"}})
	if err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	return model
}

func engine(e *torch.Engine, s subject, x []float32, shape []int64) map[string][]float32 {
	sc := e.Scope()
	defer sc.Close()
	out := map[string][]float32{}
	e.NoGrad(func() {
		for i, y := range s.run(&nn.Pass{E: e}, e.FromFloat32(x, shape...)) {
			out[s.names[i]] = y.Contiguous(torch.Contiguous).Float32s()
		}
	})
	return out
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
