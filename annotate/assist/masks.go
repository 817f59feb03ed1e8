package assist

import (
	"slices"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
)

// MaskItems are the items that the classes of a network that labels positions answer: the one that names has for the class, else the one of the
// class's name, else, where there is one class, the one of the target's name. The slice is by class, nil where nobody asks.
func MaskItems(proto *protocol.Protocol, target string, classes []string, names map[string]string) ([]*protocol.Item, error) {
	out := make([]*protocol.Item, len(classes))
	asked := false
	for k, class := range classes {
		name, named := names[class]
		if !named {
			name = class
			if len(classes) == 1 && proto.Item(name) == nil {
				if name, named = names[target]; !named {
					name = target
				}
			}
		}
		it := proto.Item(name)
		switch {
		case it == nil && named:
			return nil, fault.New(fault.Input, "the protocol has no item %q", name)
		case it == nil:
			continue
		case it.Kind != protocol.Mask:
			return nil, fault.New(fault.Input, "item %s is no mask", it.Name)
		}
		out[k], asked = it, true
	}
	if !asked {
		return nil, fault.New(fault.Input, "no item of the protocol is answered by the model").WithHint("--map CLASS=ITEM says which is which")
	}
	return out, nil
}

// Masks are the answers that the labels of one picture give: label is [frames, rows, columns], k + 1 being class k. An item of frames gets every
// frame in which the class is; one of images the frame in which it is largest. image is the picture's number in its case.
func Masks(items []*protocol.Item, file string, image int, size [3]int, label []uint8) (out []Given) {
	one := size[1] * size[2]
	for k, it := range items {
		if it == nil {
			continue
		}
		area := make([]int, size[0])
		for f := range area {
			for _, l := range label[f*one : (f+1)*one] {
				if int(l) == k+1 {
					area[f]++
				}
			}
		}
		largest := slices.Index(area, slices.Max(area))
		for f, n := range area {
			if n == 0 || it.Scope != protocol.OneFrame && f != largest {
				continue
			}
			in := make([]bool, one)
			for i, l := range label[f*one : (f+1)*one] {
				in[i] = int(l) == k+1
			}
			out = append(out, Given{file, annotate.Answer{Item: it.Name, Image: image, Frame: f, Mask: annotate.EncodeMask(in, size[1], size[2])}})
		}
	}
	return out
}
