package onnx

import (
	"bytes"
	"encoding/hex"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
	"github.com/cineloop/cineloop/torch/torchtest"
)

// fields are the fields of a message with a number, in order.
func fields(t *testing.T, m []byte, want protowire.Number) (out [][]byte) {
	t.Helper()
	for len(m) > 0 {
		num, typ, n := protowire.ConsumeTag(m)
		if n < 0 {
			t.Fatal("not a message")
		}
		m = m[n:]
		if typ == protowire.BytesType && num == want {
			b, _ := protowire.ConsumeBytes(m)
			out = append(out, b)
		}
		n = protowire.ConsumeFieldValue(num, typ, m)
		if n < 0 {
			t.Fatal("not a message")
		}
		m = m[n:]
	}
	return out
}

// ops are the operators of a model's nodes.
func ops(t *testing.T, model []byte) (out []string) {
	t.Helper()
	for _, n := range fields(t, fields(t, model, 7)[0], 1) {
		out = append(out, string(fields(t, n, 4)[0]))
	}
	return out
}

// nothing is a module without parameters.
type nothing struct{}

func (nothing) Visit(string, func(string, *nn.Param))             {}
func (nothing) Forward(_ *nn.Pass, x *torch.Tensor) *torch.Tensor { return x }
func (nothing) Cost(in []int64) (out []int64, c nn.Cost)          { return in, c }
func of(f func(x *torch.Tensor) *torch.Tensor, shape ...int64) Spec {
	return Spec{Name: "f", Producer: "test", Module: nothing{}, Input: shape, Outputs: []string{"y"},
		Run: func(_ *nn.Pass, x *torch.Tensor) []*torch.Tensor { return []*torch.Tensor{f(x)} }}
}

// TestBytes: a tensor, an attribute and a node as protoc encodes them, by hand from onnx.proto.
func TestBytes(t *testing.T) {
	for _, c := range []struct {
		name string
		got  message
		want string
	}{
		{"a tensor of shape [2]", tensorProto("w", typeFloat, []int64{2}, floats(1, -2)), "0802" + "1001" + "420177" + "4a08" + "0000803f" + "000000c0"},
		{"an int", attribute("a", int64(300)), "0a0161" + "18ac02" + "a00102"},
		{"a float", attribute("a", 1.0), "0a0161" + "150000803f" + "a00101"},
		{"ints", attribute("a", []int64{1, -1}), "0a0161" + "4001" + "40ffffffffffffffffff01" + "a00107"},
		{"a string", attribute("a", "xy"), "0a0161" + "22027879" + "a00103"},
		{"a node", nodeProto("Relu", "n", []string{"x"}, []string{"y"}), "0a0178" + "120179" + "1a016e" + "220452656c75"},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestFolding: what does not depend on the input is computed now.
func TestFolding(t *testing.T) {
	torchtest.Run(t, 1, func(e *torch.Engine) {
		w := e.FromFloat32([]float32{1, 2, 3}, 3)
		model, err := Export(e, of(func(x *torch.Tensor) *torch.Tensor { return x.Mul(w.MulScalar(2).Relu().AddScalar(1)) }, 3))
		if err != nil {
			t.Fatal(err)
		}
		if got := ops(t, model); strings.Join(got, " ") != "Mul Identity" {
			t.Errorf("nodes %v", got)
		}
		if !bytes.Contains(model, floats(3, 5, 7)) {
			t.Error("the constant 2w + 1 is not in the model")
		}
	})
}

func TestSameNetworkSameBytes(t *testing.T) {
	torchtest.Run(t, 1, func(e *torch.Engine) {
		s := clips(t, video.Spec{Name: "r3d_18", Width: 4}, 1, 4, 16, 16)
		nn.Materialise(e, s.module, 3)
		before := e.LiveHandles()
		a, b := export(t, e, s), export(t, e, s)
		if !bytes.Equal(a, b) {
			t.Error("two exports differ")
		}
		if got := e.LiveHandles(); got != before {
			t.Errorf("%d handles before, %d after", before, got)
		}
		if !bytes.Contains(a, []byte("layer4.1.conv2.0.weight")) || !bytes.Contains(a, []byte(batchName)) {
			t.Error("parameters do not keep their names, or the batch has none")
		}
		meta := fields(t, a, 14)
		if len(meta) != 2 || string(fields(t, meta[0], 1)[0]) != "a" {
			t.Error("metadata")
		}
		nn.Free(s.module)
	})
}

// TestRefused: what cannot be said in the model is an error that names it.
func TestRefused(t *testing.T) {
	torchtest.Run(t, 1, func(e *torch.Engine) {
		for name, c := range map[string]struct {
			f    func(x *torch.Tensor) *torch.Tensor
			says string
		}{
			"an unknown operator":   {func(x *torch.Tensor) *torch.Tensor { return x.Cumsum(1) }, "cumsum"},
			"one item of the batch": {func(x *torch.Tensor) *torch.Tensor { return x.Narrow(0, 0, 1) }, "cuts along the batch"},
			"its size as a number":  {func(x *torch.Tensor) *torch.Tensor { return x.Expand(5-x.Size(0), x.Size(0), 4) }, "for two items"},
			"other operators": {func(x *torch.Tensor) *torch.Tensor {
				if x.Size(0) == 3 {
					x = x.Relu()
				}
				return x.Exp()
			}, "other things for other batch sizes"},
			"a constant of each item": {func(x *torch.Tensor) *torch.Tensor {
				v := make([]float32, x.Numel())
				for i := range v {
					v[i] = float32(i)
				}
				return x.Add(e.FromFloat32(v, x.Shape()...))
			}, "depends on the place"},
			"nothing of the input": {func(*torch.Tensor) *torch.Tensor { return e.Zeros(torch.Float32, 1, 4) }, "does not depend on the input"},
		} {
			_, err := Export(e, of(c.f, 4))
			if fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := Export(e, of(func(x *torch.Tensor) *torch.Tensor { return x.Reshape(7, 1) }, 4)); fault.CodeOf(err) != fault.Internal {
			t.Errorf("what libtorch refuses: %v", err)
		}
	})
}

// TestRuntimeAgreesOnOperators: operators that no network above has, and rare ways of using the others, against the engine.
func TestRuntimeAgreesOnOperators(t *testing.T) {
	runtimeFolder(t)
	in := []int64{4, 6, 8}
	fns := map[string]func(e *torch.Engine, x *torch.Tensor) *torch.Tensor{
		"elementwise": func(e *torch.Engine, x *torch.Tensor) *torch.Tensor {
			y := x.Abs().AddScalar(0.5)
			return y.Sqrt().Add(y.Log()).Sub(y.Reciprocal()).Add(x.Tanh()).Add(x.Erf()).Add(x.Elu(1)).Add(x.Softplus()).Add(x.Hardswish()).Add(x.Clamp(-0.5, 0.25)).Add(x.Square()).Add(y.Rsqrt())
		},
		"numbers": func(e *torch.Engine, x *torch.Tensor) *torch.Tensor {
			return x.SubScalar(1).MulScalar(3).DivScalar(2).Add(x.AddScalar(2).Abs().PowScalar(1.5))
		},
		"reductions": func(e *torch.Engine, x *torch.Tensor) *torch.Tensor {
			return x.SumKeep(-1).Add(x.MeanKeep(1, 2)).Add(x.Amax([]int64{2}, true)).Add(x.Mean(3).Unsqueeze(3))
		},
		"moves": func(e *torch.Engine, x *torch.Tensor) *torch.Tensor {
			parts := x.Split(2, 2)
			y := torch.Cat([]*torch.Tensor{parts[2], parts[0], parts[1]}, 2)
			y = torch.Stack([]*torch.Tensor{y, x.Flip(2, 3)}, 1).Select(1, -1).Add(y)
			return y.Transpose(1, 3).Slice(1, 1, 7, 2).Permute(0, -1, 2, 1).Roll([]int64{-1, 7, 0}, []int64{1, 2, 3})
		},
		"pools": func(e *torch.Engine, x *torch.Tensor) *torch.Tensor {
			a := torch.AvgPool2d(x, []int64{3, 3}, []int64{1, 1}, []int64{1, 1})
			return a.Add(torch.MaxPool2d(x, []int64{3, 3}, []int64{1, 1}, []int64{1, 1}, []int64{1, 1}, false)).Add(
				torch.Interpolate(torch.AdaptiveAvgPool2d(x, 3, 4), []int64{6, 8}, "nearest", false))
		},
		"resizing": func(e *torch.Engine, x *torch.Tensor) *torch.Tensor {
			return torch.Interpolate(x, []int64{9, 5}, "bilinear", false).Add(torch.Interpolate(x, []int64{9, 5}, "bilinear", true)).Add(torch.Interpolate(x, []int64{9, 5}, "bicubic", false))
		},
		"normalising": func(e *torch.Engine, x *torch.Tensor) *torch.Tensor {
			return torch.InstanceNorm(x, nil, nil, 1e-5).Add(torch.LayerNorm(x, []int64{8}, nil, nil, 1e-6)).Add(x.LogSoftmax(2)).Add(x.LeakyRelu(0.2))
		},
		"of its own shape": func(e *torch.Engine, x *torch.Tensor) *torch.Tensor {
			return torch.Cat([]*torch.Tensor{x.ZerosLike(), e.Ones(torch.Float32, x.Size(0), 1, 6, 8), x}, 1)
		},
	}
	var jobs []job
	var names []string
	var want [][]float32
	dir := t.TempDir()
	torchtest.Run(t, 1, func(e *torch.Engine) {
		for _, name := range sorted(map[string]string{"elementwise": "", "numbers": "", "reductions": "", "moves": "", "pools": "", "resizing": "", "normalising": "", "of its own shape": ""}) {
			s := of(func(x *torch.Tensor) *torch.Tensor { return fns[name](e, x) }, in...)
			model, err := Export(e, s)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			x := wave(4 * 4 * 6 * 8)
			path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
			write(t, path+".onnx", model)
			write(t, path, floats(x...))
			jobs, names = append(jobs, job{path + ".onnx", path, append([]int64{4}, in...)}), append(names, name)
			want = append(want, engine(e, subject{run: s.Run, names: s.Outputs}, x, append([]int64{4}, in...))["y"])
		}
	})
	for i, r := range judge(t, jobs) {
		got := r.Outputs["y"].Values
		if r.Error != "" || len(got) != len(want[i]) {
			t.Errorf("%s: %d values for %d: %s", names[i], len(got), len(want[i]), r.Error)
			continue
		}
		for j := range got {
			if d := got[j] - want[i][j]; !(d < 1e-4 && d > -1e-4) {
				t.Errorf("%s: value %d is %v, want %v", names[i], j, got[j], want[i][j])
				break
			}
		}
	}
}

// TestChecker: ONNX's own checker accepts models, with shapes inferred through.
func TestChecker(t *testing.T) {
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import onnx").Run(); err != nil {
		t.Skip("Debian's python3-onnx is not installed; scripts/setup judges installs it")
	}
	dir := t.TempDir()
	var paths []string
	torchtest.Run(t, 1, func(e *torch.Engine) {
		for i, s := range []subject{clips(t, video.Spec{Name: "r3d_18", Width: 4}, 1, 4, 16, 16), clips(t, video.Spec{Name: "resnet18_lstm", Width: 8}, 3, 4, 32, 32), masks(t, unet("unet", 3), 1, 16, 16, 16)} {
			nn.Materialise(e, s.module, 3)
			path := filepath.Join(dir, string(rune('a'+i))+".onnx")
			write(t, path, export(t, e, s))
			paths = append(paths, path)
			nn.Free(s.module)
		}
	})
	out, err := exec.Command(python, append([]string{"-c", "import sys, onnx\nfor p in sys.argv[1:]:\n    m = onnx.load(p); onnx.checker.check_model(m, full_check=True); print(m.ir_version, m.opset_import[0].version)"}, paths...)...).CombinedOutput()
	if err != nil || string(out) != "8 17\n8 17\n8 17\n" {
		t.Errorf("%v: %s", err, out)
	}
}
