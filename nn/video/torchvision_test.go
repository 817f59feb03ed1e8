package video

import (
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
	"github.com/cineloop/cineloop/torch/torchtest"
)

func withEngine(t *testing.T, fn func(e *torch.Engine)) { torchtest.Run(t, 2, fn) }

// reference has Python torchvision compute with random weights.
func reference(t *testing.T, name string, size [3]int64) map[string]torch.Array {
	t.Helper()
	if out, err := exec.Command("/usr/bin/python3", "-c", "import torch, torchvision").CombinedOutput(); err != nil {
		t.Skipf("python3 has no torchvision to compare with: %s", lastLine(out))
	}
	path := filepath.Join(t.TempDir(), "reference.safetensors")
	if out, err := exec.Command("/usr/bin/python3", "testdata/reference.py", name, fmt.Sprint(size[0]), fmt.Sprint(size[1]), fmt.Sprint(size[2]), path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	tensors, _, err := torch.ReadSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	return tensors
}

func lastLine(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

// torchvisionNets are the networks that torchvision 0.14 has, with a small input that each takes. Convolutional ones are equal bit for
// bit; where attention or layer norm sums in another order the difference allowed is stated, as a share of the largest value.
var torchvisionNets = []struct {
	name  string
	size  [3]int64
	allow float64
}{
	{"r3d_18", [3]int64{4, 30, 34}, 0},
	{"mc3_18", [3]int64{4, 30, 34}, 0},
	{"r2plus1d_18", [3]int64{4, 30, 34}, 0},
	{"s3d", [3]int64{16, 224, 224}, 1e-5},
	{"resnet18_mean", [3]int64{4, 30, 34}, 0},
	{"resnet34_mean", [3]int64{2, 40, 34}, 0},
	{"resnet50_mean", [3]int64{2, 40, 34}, 0},
	{"efficientnet_b0_mean", [3]int64{1, 64, 48}, 1e-5},
	{"efficientnet_b4_mean", [3]int64{1, 64, 48}, 1e-5},
	{"convnext_tiny_mean", [3]int64{1, 64, 96}, 1e-5},
	{"mvit_v1_b", [3]int64{4, 64, 64}, 1e-5},
	{"mvit_v2_s", [3]int64{4, 64, 64}, 1e-5},
	{"vit_b_16_mean", [3]int64{1, 48, 48}, 1e-5},
}

// otherNets are networks that torchvision 0.14 lacks, beside others' forms of them (testdata/peers.py): a Swin with dense masked attention, at a
// size with shifted, padded and small windows along every axis; torchvision's own Swin-T for pictures; P3D.
var otherNets = []struct {
	name, as string
	size     [3]int64
	allow    float64
}{
	{"swin3d_t", "swin3d_t", [3]int64{18, 28, 36}, 2e-5},
	{"swin_stills", "swin3d_t", [3]int64{2, 224, 224}, 2e-5},
	{"p3d_63", "p3d_63", [3]int64{16, 40, 34}, 1e-5},
}

// TestEqualOthers compares as [TestEqualTorchvision].
func TestEqualOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("computes networks of full width, here and in Python")
	}
	for _, c := range otherNets {
		t.Run(c.name, func(t *testing.T) {
			ref := reference(t, c.name, c.size)
			withEngine(t, func(e *torch.Engine) { compare(t, e, c.as, c.size, ref, c.allow) })
		})
	}
}

// TestEqualTorchvision compares scores in both modes, gradients and running statistics with torchvision's.
func TestEqualTorchvision(t *testing.T) {
	if testing.Short() {
		t.Skip("computes networks of full width, here and in Python")
	}
	for _, c := range torchvisionNets {
		t.Run(c.name, func(t *testing.T) {
			ref := reference(t, c.name, c.size)
			withEngine(t, func(e *torch.Engine) { compare(t, e, c.name, c.size, ref, c.allow) })
		})
	}
}

func compare(t *testing.T, e *torch.Engine, name string, size [3]int64, ref map[string]torch.Array, allow float64) {
	net := build(t, Spec{Name: name, Size: size, Heads: []Head{{"y", 7}}})
	nn.Materialise(e, net, 3)
	weights := map[string]torch.Array{}
	for k, a := range ref {
		if rest, ok := strings.CutPrefix(k, "w."); ok {
			weights[rest] = a
		}
	}
	report, err := nn.Load(e, net, weights)
	if err != nil || !report.Exact() {
		t.Fatalf("%v, %v", report, err)
	}
	x, mix := e.FromArray(ref["x"]), e.FromArray(ref["mix"])
	e.NoGrad(func() { same(t, "scores in eval mode", net.Forward(&nn.Pass{E: e}, x).Float32s(), ref["eval"], allow) })
	_, train := ref["train"]
	scores := net.Forward(&nn.Pass{E: e, Train: train}, x)
	if train {
		same(t, "scores in train mode", scores.Float32s(), ref["train"], allow)
	}
	e.Backward(scores.Mul(mix).Mean())
	checked := 0
	net.Visit("", func(key string, p *nn.Param) {
		if a, ok := ref["g."+key]; ok {
			same(t, "gradient of "+key, p.T.Grad().Float32s(), a, 20*allow)
			checked++
		}
		if a, ok := ref["s."+key]; ok {
			same(t, key, p.T.Float32s(), a, allow)
			checked++
		}
	})
	if least := map[bool]int{true: 100, false: 80}[train]; checked < least { // gradients and, in train mode, statistics
		t.Errorf("only %d tensors were compared", checked)
	}
}

// same compares bit for bit, or to a share of the largest value.
func same(t *testing.T, what string, got []float32, want torch.Array, allow float64) {
	t.Helper()
	w, err := want.Float32s()
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(got, w) {
		return
	}
	if len(got) != len(w) {
		t.Errorf("%s: %d values, want %d", what, len(got), len(w))
		return
	}
	var diff, size float64
	for i := range got {
		diff = math.Max(diff, math.Abs(float64(got[i]-w[i])))
		size = math.Max(size, math.Abs(float64(w[i])))
	}
	if diff <= allow*math.Max(size, 1e-3) { // some gradients are zero but for rounding: a softmax does not see a bias of its keys
		return
	}
	t.Errorf("%s differs by up to %.3g of %.3g", what, diff, size)
}
