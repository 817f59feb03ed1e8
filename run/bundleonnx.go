package run

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cineloop/cineloop/bundle"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/onnx"
	"github.com/cineloop/cineloop/nn/segment"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
)

// ExportONNX writes the network of the finished run in dir as an ONNX model: raw outputs by target, or the classes' logits of every
// position; how they are read and how images are prepared is in the model's metadata, as JSON.
//
// Errors: as [Bundle]'s, and usage where the run has several networks or one with an operator that ONNX has no counterpart of.
func ExportONNX(ctx context.Context, dir string, opt BundleOptions) error {
	r, err := Open(ctx, dir, opt.Log, "")
	if err != nil {
		return err
	}
	f, err := r.finished(opt.Statement)
	if err != nil {
		return err
	}
	if err := f.single("an ONNX model"); err != nil {
		return err
	}
	if f.first.Table != nil {
		return fault.New(fault.Usage, "an ONNX model of a network that takes columns of a table cannot be written yet").WithHint("the plain bundle holds it")
	}
	if f.first.Network.Views != nil {
		return fault.New(fault.Usage, "an ONNX model of a network that joins the clips of a study cannot be written yet").WithHint("the plain bundle holds it")
	}
	meta, err := f.onnxMetadata()
	if err != nil {
		return err
	}
	if _, err := os.Lstat(opt.Out); err == nil {
		return fault.New(fault.Conflict, "%s is there already", opt.Out).WithHint("give another --out, or remove it")
	}
	var model []byte
	err = torch.Run(ctx, torch.Config{Device: "cpu", Threads: r.Plan.Train.Threads, Seed: r.Plan.Seed, Log: opt.Log}, func(e *torch.Engine) error {
		m, err := f.first.Build(e)
		if err != nil {
			return err
		}
		defer nn.Free(m)
		s := onnx.Spec{Name: f.first.Architecture(), Producer: version.String(), Module: m, Input: f.first.Shape(), Metadata: meta}
		switch net := m.(type) {
		case *video.Net:
			s.Run = net.Heads
			for _, h := range net.Spec.Heads {
				s.Outputs = append(s.Outputs, h.Name)
			}
		case *segment.Net:
			s.Outputs = []string{f.first.Segment.Target}
			s.Run = func(p *nn.Pass, x *torch.Tensor) []*torch.Tensor { return net.Maps(p, x)[:1] }
		}
		model, err = onnx.Export(e, s)
		return err
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(opt.Out), 0o755); err != nil {
		return fault.New(fault.Resource, "making the folder: %w", err)
	}
	return atomicfile.WriteBytes(opt.Out, model)
}

// onnxMetadata is what a model says of itself, without anybody's key.
func (f *finishedRun) onnxMetadata() (map[string]string, error) {
	out := map[string]string{"cineloop.version": version.String(), "cineloop.plan_digest": f.card.PlanDigest, "cineloop.name": f.card.Name,
		"cineloop.intended_use": f.card.Statement.IntendedUse}
	for key, v := range map[string]any{"cineloop.preprocessing": preprocessingOf(f.first), "cineloop.targets": targetsFile{f.first.Outputs, f.first.Segment},
		"cineloop.thresholds": f.card.Thresholds} {
		b, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		out[key] = string(b)
	}
	var content []bundle.Content
	for key, v := range out {
		content = append(content, bundle.Content{Path: key, Data: []byte(v)})
	}
	return out, f.r.nobody(content)
}
