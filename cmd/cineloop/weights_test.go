package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
)

// TestWeightsInspect writes the tensors of a small network under a wrapper's prefix, one of them missing and one too many, and asks
// what they are.
func TestWeightsInspect(t *testing.T) {
	net, err := video.New(video.Spec{Name: "x3d_xs", Heads: []video.Head{{Name: "scores", Width: 400}}})
	if err != nil {
		t.Fatal(err)
	}
	tensors := map[string]torch.Array{"module.extra": torch.ArrayOf([]float32{1}, 1)}
	missing := ""
	net.Visit("", func(name string, p *nn.Param) {
		if missing == "" && strings.HasSuffix(name, "running_var") {
			missing = name
			return
		}
		n := int64(1)
		for _, d := range p.Shape {
			n *= d
		}
		tensors["module."+name] = torch.ArrayOf(make([]float32, n), p.Shape...)
	})
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := torch.WriteSafetensors(path, tensors, map[string]string{"made": "for a test"}); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	io := ioStreams{Out: &out, Err: &errs}
	if err := runWeightsInspect(t.Context(), weightsOptions{File: path, JSON: true, Tensors: true}, io); err != nil {
		t.Fatal(err)
	}
	var got weightsInfo
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Fits) == 0 {
		t.Fatal("fits nothing")
	}
	f := got.Fits[0]
	if !strings.HasPrefix(f.Model, "x3d_") || // its sizes share their tensors
		f.Found != f.Kernels || !strings.Contains(f.Scheme, "without module.") || len(f.Keys.Missing) != 1 || f.Keys.Missing[0] != missing ||
		len(f.Keys.Unexpected) != 1 || got.Tensors != len(tensors) || len(got.List) != len(tensors) || got.Metadata["made"] == "" {
		t.Errorf("%+v", f)
	}
	out.Reset()
	if err := runWeightsInspect(t.Context(), weightsOptions{File: path, Model: "x3d_xs"}, io); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"missing: " + missing, "left over: extra"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("lacks %q in:\n%s", want, out.String())
		}
	}
	for name, k := range map[string]struct {
		opt  weightsOptions
		want fault.Code
	}{
		"no file":          {weightsOptions{File: path + "x"}, fault.NotFound},
		"no such network":  {weightsOptions{File: path, Model: "resnet19"}, fault.Usage},
		"weights of other": {weightsOptions{File: path, Model: "vit_b_16_mean"}, ""},
	} {
		if err := runWeightsInspect(t.Context(), k.opt, io); k.want == "" && err != nil || k.want != "" && fault.CodeOf(err) != k.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
