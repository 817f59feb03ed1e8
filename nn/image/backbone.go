package image

import (
	"sort"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
)

// Options size a backbone. Zero values are the published network's.
type Options struct {
	Width    int64    // channels of the first stage of a ResNet of the published 64; other networks are scaled by Width/64
	Channels int64    // of the input; 0: 3
	Stride   [2]int64 // of the first convolution of a ResNet; 0: 2. With stride 1 the max-pool after it is left out too
	Size     [2]int64 // height and width that a position table is made for; 0: 224. Other sizes are interpolated
	DropPath float64  // stochastic depth, where the network has it
}

// Backbone is a network without its classifier.
type Backbone struct {
	Trunk    nn.Module // [N, C, H, W] to [N, Features]
	Features int64
	Last     string // module whose output has the last positions, for Grad-CAM; "" where there is none

	// The classifier that belongs on top: its name in torchvision's state dicts, and how it starts.
	Head         string
	Weight, Bias nn.Init
}

// Paper is where a network comes from.
type Paper struct{ Title, Where string }

// Architecture is an entry of the registry.
type Architecture struct {
	Name   string
	Paper  Paper
	Params int64   // with 1000 classes, as published
	GMACs  float64 // at Size, as published
	Size   int64   // height and width that it is published for
	Least  int64   // the smallest side that it takes
	build  func(Options) Backbone
}

// All lists the architectures by name.
func All() []Architecture {
	all := slicesOf(resnets, efficientNets, convNeXts, viTs)
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}

func slicesOf(lists ...[]Architecture) (all []Architecture) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// Find is the architecture of that name.
func Find(name string) (Architecture, error) {
	var names []string
	for _, a := range All() {
		if a.Name == name {
			return a, nil
		}
		names = append(names, a.Name)
	}
	return Architecture{}, fault.New(fault.Usage, "no image network is named %q", name).WithHint("there are %s", strings.Join(names, ", "))
}

// Build makes the network.
func (a Architecture) Build(o Options) Backbone {
	if o.Width == 0 {
		o.Width = 64
	}
	if o.Channels == 0 {
		o.Channels = 3
	}
	for i := range o.Stride {
		if o.Stride[i] == 0 {
			o.Stride[i] = 2
		}
		if o.Size[i] == 0 {
			o.Size[i] = a.Size
		}
	}
	return a.build(o)
}

// scaled is n channels at the options' width, at least 1 and a multiple of unit.
func (o Options) scaled(n, unit int64) int64 {
	return max(unit, (n*o.Width/64+unit/2)/unit*unit)
}
