package video_test

import (
	"context"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
)

// r3d_18 gives the same bits as Python's torchvision where both run the same libtorch: outputs, gradients of all 62 parameters and
// running statistics, in evaluation and in training, and the losses of three steps of SGD. With another libtorch behind Python,
// whose kernels sum in another order, the limit is a thousandth of each tensor's largest value.
func TestR3D18IsTorchvisions(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 400 MB of golden values")
	}
	const threads = "2"
	file := filepath.Join(t.TempDir(), "r3d18.pth")
	script := filepath.Join(testdata.Root(t), "bench/peers/torch_r3d18.py")
	version := pythonGolden(t, script, file, threads)
	golden, err := torch.ReadPTH(file)
	if err != nil {
		t.Fatal(err)
	}
	err = torch.Run(context.Background(), torch.Config{Device: "cpu", Threads: 2, Log: os.Stderr}, func(e *torch.Engine) error {
		c := &comparison{t: t, golden: golden}
		if !strings.HasPrefix(version, strings.TrimSuffix(e.Info().Version, ".0")) {
			t.Logf("Python has torch %s and this engine %s: bits may differ", version, e.Info().Version)
			c.tolerance = 1e-3
		}
		net, err := video.New(video.Spec{Name: "r3d_18", Heads: []video.Head{{Name: "class", Width: 7}}})
		if err != nil {
			return err
		}
		nn.Materialise(e, net, 1)
		defer nn.Free(net)
		for _, mode := range []string{"eval", "train"} {
			c.mode(e, net, mode)
		}
		c.steps(e, net)
		t.Logf("%d tensors compared with Python torch %s, %d of them bit for bit", c.compared, version, c.exact)
		return nil
	})
	if fault.CodeOf(err) == fault.Missing {
		t.Skipf("no engine here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// pythonGolden runs the script with the first Python that has torchvision and returns its torch's version; without one it skips.
func pythonGolden(t *testing.T, script string, args ...string) string {
	t.Helper()
	for _, exe := range []string{os.Getenv("CINELOOP_PYTHON"), "/usr/bin/python3", "python3"} {
		if exe == "" || exec.Command(exe, "-c", "import torchvision").Run() != nil {
			continue
		}
		out, err := exec.Command(exe, append([]string{script}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
		lines := strings.Fields(string(out))
		return lines[len(lines)-1]
	}
	t.Skip("no Python with torchvision here; set CINELOOP_PYTHON to run this comparison")
	return ""
}

type comparison struct {
	t               *testing.T
	golden          map[string]torch.Array
	tolerance       float64 // relative to the tensor's largest value; 0: the bits must be equal
	compared, exact int
}

func (c *comparison) tensor(name string, got *torch.Tensor) {
	c.t.Helper()
	want, ok := c.golden[name]
	if !ok {
		c.t.Errorf("Python has no %s", name)
		return
	}
	c.compared++
	a := got.Array()
	if a.DType == want.DType && slices.Equal(a.Shape, want.Shape) && slices.Equal(a.Data, want.Data) {
		c.exact++
		return
	}
	x, _ := a.Float32s()
	y, _ := want.Float32s()
	if len(x) != len(y) {
		c.t.Errorf("%s has shape %v, want %v", name, a.Shape, want.Shape)
		return
	}
	var diff, scale float64
	for i := range x {
		diff, scale = max(diff, math.Abs(float64(x[i]-y[i]))), max(scale, math.Abs(float64(y[i])))
	}
	if !(diff <= c.tolerance*scale) {
		c.t.Errorf("%s differs by %g of %g", name, diff, scale)
	}
}

func (c *comparison) load(e *torch.Engine, net nn.Module) {
	c.t.Helper()
	state := map[string]torch.Array{}
	for name, a := range c.golden {
		if key, ok := strings.CutPrefix(name, "state/"); ok {
			state[key] = a
		}
	}
	report, err := nn.Load(e, net, state)
	if err != nil || !report.Exact() {
		c.t.Fatalf("loading torchvision's weights: %v, %v", report, err)
	}
}

// mode compares one forward and backward pass.
func (c *comparison) mode(e *torch.Engine, net *video.Net, mode string) {
	c.t.Helper()
	s := e.Scope()
	defer s.Close()
	c.load(e, net)
	y := net.Heads(&nn.Pass{E: e, Train: mode == "train"}, e.FromArray(c.golden["x"]))[0]
	c.tensor(mode+"/out", y)
	e.Backward(torch.CrossEntropyLoss(y, e.FromArray(c.golden["target"]), nil, torch.ReduceMean, -100, 0))
	net.Visit("", func(name string, p *nn.Param) {
		if p.Buffer {
			if !p.Int {
				c.tensor(mode+"/after/"+name, p.T)
			}
			return
		}
		c.tensor(mode+"/grad/"+name, p.T.Grad())
		p.T.SetGrad(nil)
	})
}

// steps compares the losses of three steps of SGD, which go on from the state that the training pass left.
func (c *comparison) steps(e *torch.Engine, net *video.Net) {
	c.t.Helper()
	s := e.Scope()
	defer s.Close()
	var params, momentum []*torch.Tensor
	net.Visit("", func(_ string, p *nn.Param) {
		if !p.Buffer {
			params, momentum = append(params, p.T), append(momentum, p.T.Detach().ZerosLike())
		}
	})
	x, target := e.FromArray(c.golden["x"]), e.FromArray(c.golden["target"])
	var losses []*torch.Tensor
	for range 3 {
		y := net.Heads(&nn.Pass{E: e, Train: true}, x)[0]
		loss := torch.CrossEntropyLoss(y, target, nil, torch.ReduceMean, -100, 0)
		e.Backward(loss)
		losses = append(losses, loss.Detach())
		e.NoGrad(func() {
			var grads []*torch.Tensor
			for _, p := range params {
				grads = append(grads, p.Grad())
			}
			torch.ForeachMulScalar_(momentum, 0.9)
			torch.ForeachAdd_(momentum, grads, 1)
			torch.ForeachAdd_(params, momentum, -0.01)
		})
		for _, p := range params {
			p.SetGrad(nil)
		}
	}
	c.tensor("sgd/loss", torch.Stack(losses, 0))
}
