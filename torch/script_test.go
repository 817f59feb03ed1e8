package torch

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/internal/fault"
)

func TestScriptRunsLikePython(t *testing.T) {
	golden, _, err := ReadSafetensors("testdata/operators.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	withEngine(t, func(e *Engine) {
		s, err := e.LoadScript("testdata/script.pt")
		if err != nil {
			t.Fatal(err)
		}
		defer s.Free()
		parameters, buffers := s.State()
		for name, p := range parameters {
			compareArrays(t, "parameter "+name, p.Array(), golden["script/state/"+name])
		}
		if len(parameters) != 2 || len(buffers) != 1 || !slices.Equal(buffers["probe"].Float32s(), []float32{0, 1, 2, 3, 4, 5}) {
			t.Errorf("parameters %v, buffers %v", sortedKeys(parameters), sortedKeys(buffers))
		}
		x := e.FromArray(golden["script/in/x"])
		for what, m := range map[string]*Script{"as loaded": s, "frozen": s.Freeze(), "optimised": s.OptimizeForInference()} {
			e.NoGrad(func() {
				v, err := m.Call("forward", x)
				if err != nil {
					t.Fatal(err)
				}
				for i, y := range v.(Tuple) {
					compareArrays(t, what, y.(*Tensor).Array(), golden["script/out/"+string(rune('0'+i))])
				}
			})
			if m != s {
				m.Free()
			}
		}
		err = e.Try(func() { s.Forward(x) })
		if err == nil || !strings.Contains(err.Error(), "not one tensor") {
			t.Errorf("a tuple as a tensor: %v", err)
		}
		if _, err := s.Call("forward"); err == nil {
			t.Error("forward without input ran")
		}
		if _, err := s.Call("backward", x); err == nil {
			t.Error("a method that is not there ran")
		}
	})
}

func TestLoadScriptRefuses(t *testing.T) {
	withEngine(t, func(e *Engine) {
		for _, path := range []string{filepath.Join(t.TempDir(), "none.pt"), "testdata/zip.pth", "testdata/legacy.pth"} {
			if _, err := e.LoadScript(path); fault.CodeOf(err) != fault.Input {
				t.Errorf("%s: %v", filepath.Base(path), err)
			}
		}
	})
}

func TestEveryKindCrosses(t *testing.T) {
	withEngine(t, func(e *Engine) {
		s, err := e.LoadScript("testdata/kinds.pt")
		if err != nil {
			t.Fatal(err)
		}
		defer s.Free()
		call := func(method string, args ...any) Tuple {
			t.Helper()
			v, err := s.Call(method, args...)
			if err != nil {
				t.Fatal(err)
			}
			out, ok := v.(Tuple)
			if !ok {
				t.Fatalf("%s returned a %T", method, v)
			}
			return out
		}
		if d := cmp.Diff(Tuple{int64(42), -3.0, false, "grüße!", nil}, call("numbers", 41, -1.5, true, "grüße", nil)); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(Tuple{int64(0), 0.0, true, "!", int64(9)}, call("numbers", int64(-1), 0.0, false, "", 9)); d != "" {
			t.Error(d)
		}
		for _, n := range []int{1, 7, 8, 9, 1000} { // strings are packed by eights
			text := strings.Repeat("x", n)
			if got := call("numbers", 0, 0.0, true, text, nil)[3]; got != text+"!" {
				t.Errorf("a string of %d bytes came back as one of %d", n, len(got.(string)))
			}
		}
		want := Tuple{[]int64{3, 2, 1}, []float64{2, 0.5}, []bool{false, true}, []any{"c", "", "a"}}
		if d := cmp.Diff(want, call("lists", []int64{1, 2, 3}, []float64{0.5, 2}, []bool{true, false}, []string{"a", "", "c"})); d != "" {
			t.Error(d)
		}
		x, y := e.FromFloat32([]float32{1, 2}, 2), e.Scalar(Float32, 5)
		out := call("tensors", []*Tensor{x, y}, map[string]any{"a": x, "b": y}, Tuple{y, 3})
		list, named, pair := out[0].([]*Tensor), out[1].(map[string]any), out[2].(Tuple)
		wantFloats(t, "list", list[0], 2, 3)
		wantFloats(t, "list", list[1], 6)
		wantFloats(t, "dict", named["b"].(*Tensor), 10)
		wantFloats(t, "tuple", pair[1].(*Tensor), 5)
		if pair[0] != int64(3) || len(named) != 2 {
			t.Errorf("tuple %v, dict %v", pair, named)
		}
		if v, err := s.Call("device", x); err != nil || v != CPU {
			t.Errorf("device %v, %v", v, err)
		}
		for name, args := range map[string][]any{"too few": {1}, "wrong kind": {"x", 1.0, true, "s", nil}} {
			if _, err := s.Call("numbers", args...); err == nil {
				t.Errorf("%s arguments were taken", name)
			}
		}
		_, err = s.Call("tensors", map[string]any{"b": y, "a": Tuple{x, 1}}, []any{"s", nil}, s.object)
		if err == nil || !strings.Contains(err.Error(), `(object, "tensors", ({"a": (float32[2], 1), "b": float32[]}, ["s", None], object))`) {
			t.Errorf("arguments in an error: %v", err)
		}
	})
}
