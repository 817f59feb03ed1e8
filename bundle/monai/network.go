package monai

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
)

// class is a network of torchvision.
type class struct {
	target string // its constructor
	head   string // name of the layer that gives the scores
	flat   bool   // takes pictures [N, C, H, W]
	size   bool   // the constructor's input size cannot be another
}

var classes = map[string]class{
	"r3d_18":               {target: "torchvision.models.video.r3d_18", head: "fc"},
	"mc3_18":               {target: "torchvision.models.video.mc3_18", head: "fc"},
	"r2plus1d_18":          {target: "torchvision.models.video.r2plus1d_18", head: "fc"},
	"mvit_v2_s":            {target: "torchvision.models.video.mvit_v2_s", head: "head.1", size: true},
	"resnet18_mean":        {target: "torchvision.models.resnet18", head: "fc", flat: true},
	"resnet34_mean":        {target: "torchvision.models.resnet34", head: "fc", flat: true},
	"resnet50_mean":        {target: "torchvision.models.resnet50", head: "fc", flat: true},
	"efficientnet_b0_mean": {target: "torchvision.models.efficientnet_b0", head: "classifier.1", flat: true},
	"efficientnet_b1_mean": {target: "torchvision.models.efficientnet_b1", head: "classifier.1", flat: true},
	"efficientnet_b2_mean": {target: "torchvision.models.efficientnet_b2", head: "classifier.1", flat: true},
	"efficientnet_b3_mean": {target: "torchvision.models.efficientnet_b3", head: "classifier.1", flat: true},
	"efficientnet_b4_mean": {target: "torchvision.models.efficientnet_b4", head: "classifier.1", flat: true},
	"convnext_tiny_mean":   {target: "torchvision.models.convnext_tiny", head: "classifier.2", flat: true},
	"vit_b_16_mean":        {target: "torchvision.models.vit_b_16", head: "heads.head", flat: true, size: true},
}

// network is a class with its arguments and its state dict.
type network struct {
	class
	args    map[string]any
	tensors map[string]torch.Array
	repeat  bool // the input's one channel is given three times
}

// refused is the error for networks that no class fits.
func refused(format string, args ...any) error {
	return fault.New(fault.Usage, "no class of torchvision is this network: "+format, args...).
		WithHint("--format onnx exports any of the common networks, and the plain bundle all of them")
}

// networkOf finds the class of a network for clips of the given shape [C, T, H, W].
func networkOf(s video.Spec, shape []int64, tensors map[string]torch.Array) (*network, error) {
	c, ok := classes[s.Name]
	if !ok {
		return nil, refused("%s", s.Name)
	}
	a, err := video.Find(s.Name)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Fusion != nil:
		return nil, refused("it takes columns of a table")
	case s.Views != nil:
		return nil, refused("it joins several clips of a study")
	case s.Width != 64:
		return nil, refused("%s of width %d, theirs have 64", s.Name, s.Width)
	case s.StemStride != [3]int64{1, 2, 2}:
		return nil, refused("%s with a stem stride of %v, theirs have [1 2 2]", s.Name, s.StemStride)
	case s.Channels != 1 && s.Channels != 3:
		return nil, refused("%d channels", s.Channels)
	case c.flat && shape[1] != 1:
		return nil, refused("the mean over %d frames; theirs take one picture", shape[1])
	case c.size && (s.Size[1] != a.Input[1] || s.Size[2] != a.Input[2] || !c.flat && s.Size[0] != a.Input[0]):
		return nil, refused("%s made for %v, theirs are for %v", s.Name, s.Size, a.Input)
	}
	n := &network{class: c, tensors: maps.Clone(tensors), repeat: s.Channels == 1}
	width := int64(0)
	for _, h := range s.Heads {
		width += h.Width
	}
	n.args = map[string]any{"_target_": c.target, "num_classes": width}
	if err := n.joinHeads(s.Heads); err != nil {
		return nil, err
	}
	if n.repeat {
		if err := n.threeChannels(s); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// joinHeads makes one layer of the heads of several targets.
func (n *network) joinHeads(heads []video.Head) error {
	for _, part := range []string{".weight", ".bias"} {
		var all []float32
		var shape []int64
		for _, h := range heads {
			name := n.head
			if len(heads) > 1 {
				name += "." + strings.ReplaceAll(h.Name, ".", "_")
			}
			a, ok := n.tensors[name+part]
			if !ok {
				return fault.New(fault.Internal, "the network has no %s", name+part)
			}
			v, err := a.Float32s()
			if err != nil {
				return fmt.Errorf("%s: %w", name+part, err)
			}
			delete(n.tensors, name+part)
			all = append(all, v...)
			if shape == nil {
				shape = slices.Clone(a.Shape)
			} else {
				shape[0] += a.Shape[0]
			}
		}
		n.tensors[n.head+part] = torch.ArrayOf(all, shape...)
	}
	return nil
}

// threeChannels writes the stem's kernel for three equal channels: each weighs a third.
func (n *network) threeChannels(s video.Spec) error {
	s.Channels = 3
	m, err := video.New(s)
	if err != nil {
		return err
	}
	var failed error
	m.Visit("", func(name string, p *nn.Param) {
		a, ok := n.tensors[name]
		if failed != nil || !ok || len(a.Shape) < 4 || a.Shape[1] != 1 || p.Shape[1] != 3 {
			return
		}
		v, err := a.Float32s()
		if err != nil {
			failed = fmt.Errorf("%s: %w", name, err)
			return
		}
		k := len(v) / int(a.Shape[0])
		out := make([]float32, 0, 3*len(v))
		for o := 0; o < len(v); o += k {
			for range 3 {
				for _, x := range v[o : o+k] {
					out = append(out, x/3)
				}
			}
		}
		n.tensors[name] = torch.ArrayOf(out, p.Shape...)
	})
	return failed
}
