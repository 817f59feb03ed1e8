package main

import (
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/segment"
)

// describeMaskModel counts a network for masks: its published example, or a U-Net planned for the options' input, classes and width.
func describeMaskModel(a segment.Architecture, opts modelsOptions) (modelInfo, error) {
	spec, in := a.Example, a.Input
	if len(opts.Input) > 0 || opts.Classes > 0 || opts.Width > 0 && opts.Width != 64 {
		if len(opts.Input) > 0 {
			if len(opts.Input) != 4 {
				return modelInfo{}, fault.New(fault.Usage, "--input wants channels,frames,height,width").WithHint("such as 1,32,64,64")
			}
			in = opts.Input
		}
		if len(spec.Strides) > 0 {
			classes := max(opts.Classes, 2)
			r := segment.Request{Name: a.Name, Channels: in[0], Classes: classes, Size: [3]int{int(in[1]), int(in[2]), int(in[3])}, Batch: 1}
			r.Patch = r.Size
			if opts.Width != 64 {
				r.Features = opts.Width
			}
			p, err := segment.PlanUNet(r)
			if err != nil {
				return modelInfo{}, err
			}
			spec, in = p.Spec, []int64{in[0], int64(p.Patch[0]), int64(p.Patch[1]), int64(p.Patch[2])}
		} else {
			if opts.Classes > 0 {
				spec.Classes = opts.Classes
			}
			spec.Channels = in[0]
			if len(in) == 4 && in[1] != 1 {
				return modelInfo{}, fault.New(fault.Usage, "%s takes single pictures", a.Name).WithHint("--input 3,1,520,520")
			}
		}
	}
	net, err := segment.New(spec)
	if err != nil {
		return modelInfo{}, err
	}
	shape := append([]int64{1}, in...)
	if len(shape) == 5 && spec.Dims() == 2 {
		shape = slices.Delete(shape, 2, 3)
	}
	c := nn.Count(net, shape...)
	shown := in
	if len(shown) == 3 {
		shown = []int64{in[0], 1, in[1], in[2]}
	}
	m := modelInfo{Name: a.Name, Family: "masks", Paper: a.Title, Where: a.Where, Input: shown, Least: [3]int64{1, 8, 8}, Classes: spec.Classes,
		Parameters: c.Params, GMACs: float64(c.MACs) / 1e9, TrainMiB: float64(4*c.Activations) / (1 << 20)}
	if len(spec.Features) > 0 {
		m.Width = spec.Features[0]
	} else {
		m.Width = 64
	}
	if opts.Layers {
		net.Visit("", func(name string, p *nn.Param) {
			m.Tensors = append(m.Tensors, layerInfo{Name: name, Shape: p.Shape, Buffer: p.Buffer})
		})
	}
	return m, nil
}

func showMaskModel(a segment.Architecture, opts modelsOptions, io ioStreams) error {
	m, err := describeMaskModel(a, opts)
	if err != nil {
		return err
	}
	if opts.JSON {
		return printJSON(io.Out, m)
	}
	w := tabwriter.NewWriter(io.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "name\t%s\npaper\t%s\n\t%s\n", m.Name, m.Paper, m.Where)
	fmt.Fprintf(w, "input\t%d channels, %d×%d×%d; U-Nets are planned for any patch\n", m.Input[0], m.Input[1], m.Input[2], m.Input[3])
	fmt.Fprintf(w, "parameters\t%.3f M with %d classes at width %d\n", float64(m.Parameters)/1e6, m.Classes, m.Width)
	fmt.Fprintf(w, "multiply-adds\t%.2f G a patch, forward; about three times that in training\n", m.GMACs)
	fmt.Fprintf(w, "activations\t%.0f MiB a patch in training, float32\n", m.TrainMiB)
	for i, t := range m.Tensors {
		if i == 0 {
			fmt.Fprintln(w, "\ntensor\tshape")
		}
		fmt.Fprintf(w, "%s\t%v\n", t.Name, t.Shape)
	}
	return w.Flush()
}
