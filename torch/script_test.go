package torch

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
