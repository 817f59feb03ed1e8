package learn

import (
	"math"

	"github.com/cineloop/cineloop/torch"
)

// grainy are the early stages whose texture is looked at beside the picture's own; later ones have learnt to leave the device out.
var grainy = []string{"stem", "layer1"}

// leastVariance is one that is as good as none: logarithms stay finite where a channel is silent.
const leastVariance = 1e-6

// texture describes the channels of v [N, C, T, H, W], float32, as [uncertainty.FitTexture] takes them: [row][part × channels], the parts
// being mean, log deviation, and log root mean square of differences of neighbours along T, H and W and of second differences along H
// and W. A dimension too short for a difference adds nothing.
func texture(v *torch.Tensor) [][]float64 {
	all := []int64{2, 3, 4}
	channels := int(v.Size(1))
	out := make([][]float64, v.Size(0))
	add := func(t *torch.Tensor, log bool) {
		for i, part := range split(t.Float32s(), channels) {
			if log {
				for k, x := range part {
					part[k] = math.Log(x+leastVariance) / 2
				}
			}
			out[i] = append(out[i], part...)
		}
	}
	square := func(t *torch.Tensor) *torch.Tensor { return t.Mul(t).Mean(all...) }
	mean := v.Mean(all...)
	add(mean, false)
	s := v.Std(all, 0, false)
	add(s.Mul(s), true)
	for _, dim := range []int{2, 3, 4} {
		if v.Size(dim) < 2 {
			continue
		}
		d := differences(v, dim)
		add(square(d), true)
		if dim > 2 && v.Size(dim) > 2 {
			add(square(differences(d, dim)), true)
		}
	}
	return out
}

func differences(v *torch.Tensor, dim int) *torch.Tensor {
	n := v.Size(dim) - 1
	return v.Narrow(int64(dim), 1, n).Sub(v.Narrow(int64(dim), 0, n))
}
