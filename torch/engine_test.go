package torch

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

// withEngine runs fn on an engine with one thread and seed 1, and fails if fn left handles behind.
func withEngine(t *testing.T, fn func(*Engine)) {
	t.Helper()
	err := Run(context.Background(), Config{Device: "cpu", Threads: 1, Seed: 1, Log: os.Stderr}, func(e *Engine) error {
		s := e.Scope()
		fn(e)
		s.Close()
		if n := e.LiveHandles(); n != 0 {
			t.Errorf("%d handles are left", n)
		}
		return nil
	})
	if fault.CodeOf(err) == fault.Missing {
		t.Skipf("no engine here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestEveryWrapperHasItsOperator(t *testing.T) {
	withEngine(t, func(e *Engine) {
		have := map[string]bool{}
		for _, schema := range e.Operators() {
			name, _, _ := strings.Cut(schema, "(")
			have[name] = true
		}
		if len(have) < 2500 {
			t.Errorf("only %d operators", len(have))
		}
		checked := 0
		interned.Range(func(key, _ any) bool {
			if name := key.(string); strings.HasPrefix(name, "aten::") {
				checked++
				if !have[name] && !strings.Contains(name, "nonsense") {
					t.Errorf("libtorch %s has no %s", e.Info().Version, name)
				}
			}
			return true
		})
		if checked < 150 {
			t.Errorf("only %d operators were checked", checked)
		}
	})
}

func TestCallBoxesEveryKind(t *testing.T) {
	withEngine(t, func(e *Engine) {
		x := e.FromFloat32([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
		one := func(name string, args ...any) any {
			t.Helper()
			out, err := e.Call(name, args...)
			if err != nil {
				t.Fatal(err)
			}
			if len(out) == 0 {
				return nil
			}
			return out[0]
		}
		floats := func(v any) []float32 { return v.(*Tensor).Float32s() }
		check := func(what string, got, want []float32) {
			t.Helper()
			if !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
		check("tensor and default", floats(one("aten::add.Tensor", x, x)), []float32{2, 4, 6, 8, 10, 12})
		check("Default in the middle", floats(one("aten::clamp", x, Default, 3)), []float32{1, 2, 3, 3, 3, 3})
		check("integer for a float", floats(one("aten::leaky_relu", x.Neg(), 2)), []float32{-2, -4, -6, -8, -10, -12})
		check("list and bool", floats(one("aten::sum.dim_IntList", x, []int{1}, false)), []float32{6, 15})
		check("empty list", floats(one("aten::reshape", e.Scalar(Float32, 4), []int64{})), []float32{4})
		check("list of tensors", floats(one("aten::cat", []*Tensor{x, x}, 1)), []float32{1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6})
		check("optional tensors in a list", floats(one("aten::index.Tensor", x, []*Tensor{nil, e.FromInt64s([]int64{2, 0}, 2)})), []float32{3, 1, 6, 4})
		check("string", floats(one("aten::div.Tensor_mode", x, e.Scalar(Float32, 2), "floor")), []float32{0, 1, 1, 2, 2, 3})
		check("floats", floats(one("aten::upsample_nearest2d.vec", x.View(1, 1, 2, 3), nil, []float64{1, 2})), []float32{1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6})
		check("dtype, device as string", floats(one("aten::full", []int64{2}, 1.5, Float64, nil, "cpu")), []float32{1.5, 1.5})
		check("memory format", floats(one("aten::clone", x, Contiguous)), x.Float32s())
		if v := one("aten::item", e.Full(Int64, 7)); v != int64(7) {
			t.Errorf("integer result: %v", v)
		}
		if v := one("aten::item", e.Full(Bool, 1)); v != true {
			t.Errorf("bool result: %v", v)
		}
		if v := one("aten::item", e.Scalar(Float64, 2.5).To(Complex128).Mul(e.Scalar(Float32, 2))); v != complex(5, 0) {
			t.Errorf("complex result: %v", v)
		}
		if v := one("aten::equal", x, x); v != true {
			t.Errorf("equal: %v", v)
		}
		if v := one("aten::split.Tensor", x, 2, 1).([]*Tensor); len(v) != 2 || !slices.Equal(v[1].Shape(), []int64{2, 1}) {
			t.Errorf("list result: %v", v)
		}
		if v := one("aten::full", []int64{1}, complex(1, 2), Complex64).(*Tensor); v.DType() != Complex64 {
			t.Errorf("complex scalar gave %v", v)
		}
		g := e.NewGenerator(5)
		a := one("aten::normal_", e.Zeros(Float32, 4), 0, 1, g).(*Tensor).Float32s()
		g.Free()
		h := e.NewGenerator(5)
		check("generator", one("aten::normal_", e.Zeros(Float32, 4), 0, 1, h).(*Tensor).Float32s(), a)
		h.Free()
	})
}

func TestErrorsSayWhatWasWrong(t *testing.T) {
	withEngine(t, func(e *Engine) {
		x := e.Zeros(Float32, 2, 3)
		freed := e.Zeros(Float32, 1)
		freed.Free()
		for name, c := range map[string]struct {
			fn   func() error
			want []string
		}{
			"libtorch": {func() error { return e.Try(func() { x.Matmul(e.Zeros(Float32, 4, 2)) }) },
				[]string{"aten::matmul", "float32[2, 3]", "float32[4, 2]", "(2x3 and 4x2)"}},
			"no operator":   {func() error { _, err := e.Call("aten::nonsense"); return err }, []string{"aten::nonsense", "has no operator"}},
			"the bridge's":  {func() error { _, err := e.Call("cineloop::backward"); return err }, []string{"not an operator"}},
			"no overload":   {func() error { _, err := e.Call("aten::add.Nonsense"); return err }, []string{"aten::add.Nonsense"}},
			"too few":       {func() error { _, err := e.Call("aten::mm", x); return err }, []string{"argument mat2 is missing", "float32[2, 3]"}},
			"too many":      {func() error { _, err := e.Call("aten::relu", x, 1); return err }, []string{"too many arguments"}},
			"wrong kind":    {func() error { _, err := e.Call("aten::mm", x, 3); return err }, []string{"argument mat2 is a Int, want Tensor"}},
			"wrong element": {func() error { _, err := e.Call("aten::cat", []int64{1}); return err }, []string{"argument tensors"}},
			"Go value":      {func() error { _, err := e.Call("aten::relu", struct{}{}); return err }, []string{"argument 1: a struct {}"}},
			"freed":         {func() error { _, err := e.Call("aten::relu", freed); return err }, []string{"a freed tensor"}},
			"backward": {func() error { return e.Try(func() { e.Backward(x) }) },
				[]string{"cineloop::backward", "does not require grad"}},
			"autocast":    {func() error { return e.Try(func() { e.Autocast(Float32, func() {}) }) }, []string{"want bfloat16 or float16"}},
			"slice":       {func() error { return e.Try(func() { e.FromFloat32(make([]float32, 5), 2, 3) }) }, []string{"5 elements do not fill the shape [2, 3]"}},
			"interpolate": {func() error { return e.Try(func() { Interpolate(x, []int64{1}, "cubic", false) }) }, []string{"mode cubic"}},
			"dimension":   {func() error { return e.Try(func() { x.Size(2) }) }, []string{"dimension 2 is out of range", "float32[2, 3]"}},
		} {
			err := c.fn()
			var te *Error
			if !errors.As(err, &te) {
				t.Errorf("%s: %v is no *Error", name, err)
				continue
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %q lacks %q", name, err, want)
				}
			}
			if strings.Contains(err.Error(), "Exception raised from") || strings.Contains(err.Error(), "frame #") {
				t.Errorf("%s: a C++ stack is in %q", name, err)
			}
			if fault.CodeOf(err) != fault.Internal {
				t.Errorf("%s: code %s", name, fault.CodeOf(err))
			}
		}
	})
}

func TestOutOfMemoryIsResource(t *testing.T) {
	withEngine(t, func(e *Engine) {
		err := e.Try(func() { e.Empty(Float32, 1<<50) })
		if fault.CodeOf(err) != fault.Resource {
			t.Errorf("%v has code %s, want resource", err, fault.CodeOf(err))
		}
	})
}

func TestTryClosesScopesAndRestoresModes(t *testing.T) {
	withEngine(t, func(e *Engine) {
		before, w := e.LiveHandles(), e.Ones(Float32, 2).SetRequiresGrad(true)
		err := e.Try(func() {
			e.Scope() // left open by the panic
			e.NoGrad(func() {
				e.Autocast(BFloat16, func() {
					e.Zeros(Float32, 3).Add(e.Zeros(Float32, 2))
				})
			})
		})
		if err == nil {
			t.Fatal("no error")
		}
		if n := e.LiveHandles(); n != before+1 {
			t.Errorf("%d handles, want %d", n, before+1)
		}
		y := Linear(w.View(1, 2), e.Ones(Float32, 1, 2), nil)
		if !y.RequiresGrad() || y.DType() != Float32 {
			t.Errorf("modes were not restored: requires grad %v, %v", y.RequiresGrad(), y.DType())
		}
	})
}

func TestRunReturnsErrorsAndPanicsThrough(t *testing.T) {
	withEngine(t, func(*Engine) {}) // skips without engine
	cfg := Config{Device: "cpu", Threads: 1}
	var kept *Tensor
	err := Run(context.Background(), cfg, func(e *Engine) error {
		kept = e.Zeros(Float32, 2).Keep()
		kept.Add(e.Zeros(Float32, 3))
		return nil
	})
	var te *Error
	if !errors.As(err, &te) || te.Op != "aten::add.Tensor" {
		t.Errorf("error %v, want add's", err)
	}
	if kept.h != 0 {
		t.Error("a kept tensor outlived its engine")
	}
	func() {
		defer func() {
			if recover() != "mine" {
				t.Error("a foreign panic was swallowed")
			}
		}()
		_ = Run(context.Background(), cfg, func(*Engine) error { panic("mine") })
	}()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Run(ctx, cfg, nil); fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("cancelled: %v", err)
	}
	for device, want := range map[string]fault.Code{"gpu": fault.Usage, "cuda:x": fault.Usage, "cuda:99": fault.Missing} {
		cfg.Device = device
		if err := Run(context.Background(), cfg, func(*Engine) error { return nil }); fault.CodeOf(err) != want {
			t.Errorf("device %s: %v, want code %s", device, err, want)
		}
	}
}

func TestThreadDiscipline(t *testing.T) {
	withEngine(t, func(e *Engine) {
		x := e.Ones(Float32, 2)
		for name, use := range map[string]func(){
			"operator": func() { x.Relu() }, "metadata": func() { x.Shape() }, "scope": func() { e.Scope() },
			"free": func() { x.Free() }, "keep": func() { x.Keep() }, "call": func() { _, _ = e.Call("aten::relu", x) },
		} {
			var wg sync.WaitGroup
			var got any
			wg.Go(func() {
				defer func() { got = recover() }()
				use()
			})
			wg.Wait()
			if text, _ := got.(string); !strings.Contains(text, "another goroutine") {
				t.Errorf("%s from another goroutine: %v", name, got)
			}
		}
		if x.Float32s()[1] != 1 {
			t.Error("the tensor was touched")
		}
	})
	var ended *Engine
	withEngine(t, func(e *Engine) { ended = e })
	func() {
		defer func() {
			if recover() == nil {
				t.Error("an engine was used after its Run")
			}
		}()
		ended.Scope()
	}()
}

func TestEnginesRunSideBySide(t *testing.T) {
	withEngine(t, func(*Engine) {})
	var wg sync.WaitGroup
	results := make([][]float32, 4)
	for i := range results {
		wg.Go(func() {
			err := Run(context.Background(), Config{Device: "cpu", Threads: 1}, func(e *Engine) error {
				for range 50 {
					s := e.Scope()
					e.NoGrad(func() { results[i] = Linear(e.Ones(Float32, 3, 4), e.Full(Float32, 0.5, 2, 4), nil).Float32s() })
					s.Close()
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, r := range results {
		if !slices.Equal(r, []float32{2, 2, 2, 2, 2, 2}) {
			t.Errorf("%v, want twos", r)
		}
	}
}

func TestForeignTensorIsRefused(t *testing.T) {
	withEngine(t, func(e *Engine) {
		x := e.Ones(Float32, 1)
		done := make(chan error)
		go func() {
			done <- Run(context.Background(), Config{Device: "cpu", Threads: 1}, func(other *Engine) error {
				_, err := other.Call("aten::relu", x)
				return err
			})
		}()
		if err := <-done; err == nil || !strings.Contains(err.Error(), "another engine") {
			t.Errorf("%v", err)
		}
	})
}

func TestWarningsAreKept(t *testing.T) {
	withEngine(t, func(e *Engine) {
		e.Warnings()
		// torch warns when it resizes an output that is not empty.
		if _, err := e.Call("aten::add.out", e.Ones(Float32, 3), e.Ones(Float32, 3), 1, e.Ones(Float32, 2)); err != nil {
			t.Fatal(err)
		}
		if w := e.Warnings(); len(w) != 1 || !strings.Contains(w[0], "resized") {
			t.Errorf("warnings %q", w)
		}
	})
}

func TestInfo(t *testing.T) {
	withEngine(t, func(e *Engine) {
		i := e.Info()
		if i.Version != i.Installation.Version || i.Threads != 1 || e.Threads() != 1 || !i.OpenMP || i.Bridge == "" {
			t.Errorf("%+v", i)
		}
		if s, err := e.Schema("aten::relu"); err != nil || s != "aten::relu(Tensor self) -> Tensor" {
			t.Errorf("schema %q, %v", s, err)
		}
		e.SetThreads(2)
		if e.Threads() != 2 {
			t.Errorf("%d threads, want 2", e.Threads())
		}
		e.SetFlag("mkldnn", true)
		if err := e.Try(func() { e.SetFlag("nonsense", true) }); err == nil {
			t.Error("an unknown flag was taken")
		}
	})
}
