package nn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/torch"
)

// LoadReport says what became of every key when weights were loaded.
type LoadReport struct {
	Matched    []string `json:"matched"`    // copied as they are
	Folded     []string `json:"folded"`     // stem kernels adapted to another number of input channels: summed to one, or repeated and divided
	Inflated   []string `json:"inflated"`   // 2D kernels repeated over time and divided by its size (Carreira and Zisserman, CVPR 2017, section 2.2)
	Resized    []string `json:"resized"`    // of another shape: left at their initial values
	Missing    []string `json:"missing"`    // in the network, not in the file: left at their initial values
	Unexpected []string `json:"unexpected"` // in the file, not in the network
}

// Exact reports whether every key of file and network matched.
func (r LoadReport) Exact() bool {
	return len(r.Folded)+len(r.Inflated)+len(r.Resized)+len(r.Missing)+len(r.Unexpected) == 0
}

func (r LoadReport) String() string {
	s := fmt.Sprintf("%d matched", len(r.Matched))
	for _, part := range []struct {
		name string
		keys []string
	}{{"folded", r.Folded}, {"inflated", r.Inflated}, {"resized", r.Resized}, {"missing", r.Missing}, {"unexpected", r.Unexpected}} {
		if len(part.keys) > 0 {
			shown := part.keys[:min(4, len(part.keys))]
			s += fmt.Sprintf(", %d %s (%s", len(part.keys), part.name, strings.Join(shown, ", "))
			if len(part.keys) > len(shown) {
				s += ", …"
			}
			s += ")"
		}
	}
	return s
}

// fit is how a tensor of a file becomes one of the network.
type fit int

const (
	fitNone fit = iota
	fitSame
	fitFold
	fitInflate
)

// fitOf says how a tensor of shape have fills one of shape want.
func fitOf(have, want []int64) fit {
	switch {
	case slices.Equal(have, want), slices.Equal(withoutOnes(have), withoutOnes(want)): // a classifier may be written as a 1×1×1 convolution
		return fitSame
	case foldable(have, want):
		return fitFold
	case inflatable(have, want):
		return fitInflate
	}
	return fitNone
}

// Compare says what [Load] would do, by names and shapes alone. kernels is how many of the network's kernels and matrices there are, and
// found how many of them would find their values.
func Compare(m Module, shapes map[string][]int64) (r LoadReport, found, kernels int) {
	known := map[string]bool{}
	m.Visit("", func(name string, p *Param) {
		known[name] = true
		if p.Decays() {
			kernels++
		}
		have, ok := shapes[name]
		if !ok {
			if !p.Int { // running batch counts may be absent
				r.Missing = append(r.Missing, name)
			}
			return
		}
		switch fitOf(have, p.Shape) {
		case fitSame:
			r.Matched = append(r.Matched, name)
		case fitFold:
			r.Folded = append(r.Folded, name)
		case fitInflate:
			r.Inflated = append(r.Inflated, name)
		default:
			r.Resized = append(r.Resized, name)
			return
		}
		if p.Decays() {
			found++
		}
	})
	for name := range shapes {
		if !known[name] {
			r.Unexpected = append(r.Unexpected, name)
		}
	}
	slices.Sort(r.Unexpected)
	return r, found, kernels
}

// Load copies weights into a materialised network by name and reports what matched. Running batch counts may be absent. It fails
// when fewer than half of the kernels and matrices find their values, because then the weights are of another network, or when a value
// is not finite.
func Load(e *torch.Engine, m Module, weights map[string]torch.Array) (LoadReport, error) {
	shapes := make(map[string][]int64, len(weights))
	for name, a := range weights {
		shapes[name] = a.Shape
	}
	r, found, kernels := Compare(m, shapes)
	var failed error
	m.Visit("", func(name string, p *Param) {
		a, ok := weights[name]
		if !ok || failed != nil {
			return
		}
		values, err := a.Float32s()
		if err != nil {
			failed = fault.New(fault.Input, "weights: %s: %w", name, err)
			return
		}
		if i := slices.IndexFunc(values, notFinite); i >= 0 {
			failed = fault.New(fault.Input, "weights: %s holds %v at %d", name, values[i], i)
			return
		}
		switch fitOf(a.Shape, p.Shape) {
		case fitSame:
			if !slices.Equal(a.Shape, p.Shape) {
				a = torch.ArrayOf(values, p.Shape...)
			}
		case fitFold:
			a = torch.ArrayOf(fold(values, a.Shape, p.Shape), p.Shape...)
		case fitInflate:
			a = torch.ArrayOf(inflate(values, a.Shape, p.Shape), p.Shape...)
		default:
			return
		}
		p.set(e, a)
	})
	if failed == nil && 2*found < kernels {
		failed = fault.New(fault.Input, "weights: %d of the network's %d kernels are in the file (%s)", found, kernels, r).
			WithHint("are they weights of another architecture or width? cineloop weights inspect says what they fit")
	}
	return r, failed
}

// set overwrites the tensor's values in place, so that optimisers that hold it see them.
func (p *Param) set(e *torch.Engine, a torch.Array) {
	s := e.Scope()
	defer s.Close()
	e.NoGrad(func() { p.T.Copy_(e.FromArray(a)) })
}

// withoutOnes is a shape without its ones.
func withoutOnes(shape []int64) []int64 {
	return slices.DeleteFunc(slices.Clone(shape), func(n int64) bool { return n == 1 })
}

func notFinite(v float32) bool { return v-v != 0 }

// foldable says whether have and want are kernels [out, in, k…] that differ in the number of input channels only, one being 1.
func foldable(have, want []int64) bool {
	return len(have) == len(want) && len(have) >= 3 && have[0] == want[0] && slices.Equal(have[2:], want[2:]) &&
		have[1] != want[1] && (want[1] == 1 || have[1] == 1)
}

// fold adapts a stem kernel. To one channel it sums, because a grey picture shown as RGB has three equal channels and then gives the
// same output; from one channel it repeats and divides, which is the inverse on such pictures.
func fold(v []float32, have, want []int64) []float32 {
	k := numel(have[2:])
	out := make([]float32, numel(want))
	for o := range have[0] {
		for c := range max(have[1], want[1]) {
			for i := range k {
				src := v[(o*have[1]+min(c, have[1]-1))*k+i]
				dst := &out[(o*want[1]+min(c, want[1]-1))*k+i]
				if want[1] == 1 {
					*dst += src
				} else {
					*dst = src / float32(want[1])
				}
			}
		}
	}
	return out
}

// inflatable says whether have is a kernel [out, in, h, w] and want one [out, in, t, h, w] that repeats it over time; the number of input
// channels may differ as for [foldable].
func inflatable(have, want []int64) bool {
	if len(have) != 4 || len(want) != 5 || !slices.Equal(have[2:], want[3:]) {
		return false
	}
	flat := []int64{want[0], want[1], want[3], want[4]}
	return slices.Equal(have, flat) || foldable(have, flat)
}

// inflate repeats a 2D kernel over time and divides it by its length, so that a still clip gives what its frame gave.
func inflate(v []float32, have, want []int64) []float32 {
	flat := []int64{want[0], want[1], want[3], want[4]}
	if !slices.Equal(have, flat) {
		v = fold(v, have, flat)
	}
	area, t := want[3]*want[4], want[2]
	out := make([]float32, 0, numel(want))
	for k := int64(0); k < int64(len(v)); k += area {
		for range t {
			for _, x := range v[k : k+area] {
				out = append(out, x/float32(t))
			}
		}
	}
	return out
}

// Export copies all parameters and buffers to the host, by torch's names.
func Export(m Module) map[string]torch.Array {
	out := map[string]torch.Array{}
	m.Visit("", func(name string, p *Param) { out[name] = p.T.Array() })
	return out
}
