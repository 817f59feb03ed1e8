package main

import (
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// row is a method's likeness to its own maps after each stage of randomisation from the output down.
type row struct {
	Method string     `json:"method"`
	Stages []likeness `json:"stages"`
}

// cascading is Adebayo et al.'s table ("Sanity checks for saliency maps", NeurIPS 2018, figure 2 and appendix) on our network.
type cascading struct {
	Width    int64    `json:"width"`
	Accuracy float64  `json:"test_accuracy"`
	Pictures int      `json:"pictures"`
	Order    []string `json:"randomised_so_far_and"`
	Rows     []row    `json:"rows"`
	// Margin is guided backpropagation's rank correlation of absolute maps above the gradient's, a stage; asked: more than 0.2 before the last.
	Margin []float64 `json:"guided_backprop_above_gradient"`
	// End is the gradient's rank correlation when every layer is random; asked: below 0.2.
	End  float64 `json:"gradient_at_the_end"`
	Kept bool    `json:"ordering_kept"`
}

// cascade randomises net layer by layer, in place, with control's weights, and compares maps with those before.
func cascade(e *torch.Engine, net, control nn.Chain, d images, say func(string)) (c cascading, err error) {
	c.Pictures, c.Order = len(d.label), stages
	before := map[string][]*explain.Map{}
	for _, w := range ways {
		if !w.cascade {
			continue
		}
		if before[w.name], err = w.maps(e, net, d, d.label); err != nil {
			return c, err
		}
		c.Rows = append(c.Rows, row{Method: w.name})
	}
	for _, stage := range stages {
		say("randomised down to " + stage)
		copyLayer(e, net, control, stage)
		at := 0
		for _, w := range ways {
			if !w.cascade {
				continue
			}
			now, err := w.maps(e, net, d, d.label)
			if err != nil {
				return c, err
			}
			l, err := compare(before[w.name], now)
			if err != nil {
				return c, err
			}
			c.Rows[at].Stages = append(c.Rows[at].Stages, l)
			at++
		}
	}
	c.judge()
	return c, nil
}

// judge reads the ordering off the table.
func (c *cascading) judge() {
	var gradient, guided []likeness
	for _, r := range c.Rows {
		switch r.Method {
		case "gradient":
			gradient = r.Stages
		case "guided backprop":
			guided = r.Stages
		}
	}
	c.Margin, c.Kept = nil, len(gradient) > 0 && len(gradient) == len(guided)
	for i := range gradient {
		m := guided[i].Abs - gradient[i].Abs
		c.Margin = append(c.Margin, m)
		if i < len(gradient)-1 && m <= 0.2 {
			c.Kept = false
		}
	}
	if c.Kept {
		c.End = gradient[len(gradient)-1].Abs
		c.Kept = c.End < 0.2
	}
}

// copyLayer gives a layer of to the weights of the same layer of from.
func copyLayer(e *torch.Engine, to, from nn.Chain, layer string) {
	get := func(c nn.Chain) (out []*torch.Tensor) {
		for _, m := range c {
			if m.Name == layer {
				m.Module.Visit("", func(_ string, p *nn.Param) { out = append(out, p.T) })
			}
		}
		return out
	}
	a, b := get(to), get(from)
	e.NoGrad(func() {
		for i := range a {
			a[i].Copy_(b[i])
		}
	})
}
