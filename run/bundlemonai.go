package run

import (
	"context"
	"fmt"

	"github.com/cineloop/cineloop/bundle"
	"github.com/cineloop/cineloop/bundle/monai"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
)

// BundleMONAI writes the finished run in dir as a MONAI Bundle. The run must have one network: MONAI's layout has a place for one.
//
// Errors: as [Bundle]'s, and usage where no class of torchvision is the network.
func BundleMONAI(ctx context.Context, dir string, opt BundleOptions, licence []byte) error {
	r, err := Open(ctx, dir, opt.Log, "")
	if err != nil {
		return err
	}
	f, err := r.finished(opt.Statement)
	if err != nil {
		return err
	}
	if err := f.single("a MONAI Bundle"); err != nil {
		return err
	}
	if f.first.Segment != nil {
		return fault.New(fault.Usage, "a MONAI Bundle of a network for masks cannot be written yet").WithHint("--format onnx exports it")
	}
	card, err := bundle.JSON("docs/card.json", f.card)
	if err != nil {
		return err
	}
	page := f.card.Markdown()
	if err := r.nobody([]bundle.Content{card, {Path: "docs/README.md", Data: page}, {Path: "LICENSE", Data: licence}}); err != nil {
		return err
	}
	return monai.Write(opt.Out, monai.Source{Card: f.card, Preprocessing: preprocessingOf(f.first), Shape: f.first.Shape(), Network: f.first.Network,
		Heads: f.heads(), Tensors: f.first.Tensors, Licence: licence})
}

// single refuses runs of several networks in forms that hold one.
func (f *finishedRun) single(what string) error {
	if n := len(f.folders); n > 1 {
		return fault.New(fault.Usage, "%s holds one network, and the run's scores are the mean of %d", what, n).WithHint("the plain bundle holds them all")
	}
	if f.first.Network.Views != nil {
		return fault.New(fault.Usage, "%s takes one clip, and the run's network studies of several", what).WithHint("the plain bundle holds it")
	}
	return nil
}

// heads are the targets in the order of the outputs, with a word for each output.
func (f *finishedRun) heads() (out []monai.Head) {
	for _, h := range f.first.Outputs {
		m := monai.Head{Name: h.Name, Kind: h.Kind, Unit: h.Unit, Decode: h.Decode}
		if h.Kind == string(evaluate.Regression) && h.SD != 0 {
			m.Decode = fmt.Sprintf("%s = raw × %v + %v", h.Name, h.SD, h.Mean)
		}
		for i := range h.Raw {
			name := h.Name
			switch {
			case h.Raw == len(h.Classes):
				name += " " + h.Classes[i]
			case h.Raw > 1:
				name += fmt.Sprintf(" %d", i)
			}
			m.Outputs = append(m.Outputs, name)
		}
		out = append(out, m)
	}
	return out
}
