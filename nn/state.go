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
	Matched    []string // copied as they are
	Folded     []string // stem kernels adapted to another number of input channels: summed to one, or repeated and divided
	Resized    []string // of another shape: left at their initial values
	Missing    []string // in the network, not in the file: left at their initial values
	Unexpected []string // in the file, not in the network
}

// Exact reports whether every key of file and network matched.
func (r LoadReport) Exact() bool {
	return len(r.Folded)+len(r.Resized)+len(r.Missing)+len(r.Unexpected) == 0
}

func (r LoadReport) String() string {
	s := fmt.Sprintf("%d matched", len(r.Matched))
	for _, part := range []struct {
		name string
		keys []string
	}{{"folded", r.Folded}, {"resized", r.Resized}, {"missing", r.Missing}, {"unexpected", r.Unexpected}} {
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

// Load copies weights into a materialised network by name and reports what matched. Running batch counts may be absent. It fails
// when fewer than half of the kernels and matrices find their values, because then the weights are of another network, or when a value
// is not finite.
func Load(e *torch.Engine, m Module, weights map[string]torch.Array) (LoadReport, error) {
	var r LoadReport
	var failed error
	known := map[string]bool{}
	var kernels, found int
	m.Visit("", func(name string, p *Param) {
		known[name] = true
		if p.Decays() {
			kernels++
		}
		a, ok := weights[name]
		if !ok {
			if !p.Int {
				r.Missing = append(r.Missing, name)
			}
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
		switch {
		case slices.Equal(a.Shape, p.Shape):
			r.Matched = append(r.Matched, name)
		case slices.Equal(withoutOnes(a.Shape), p.Shape): // a classifier written as a 1×1×1 convolution is a matrix
			a = torch.ArrayOf(values, p.Shape...)
			r.Matched = append(r.Matched, name)
		case foldable(a.Shape, p.Shape):
			a = torch.ArrayOf(fold(values, a.Shape, p.Shape), p.Shape...)
			r.Folded = append(r.Folded, name)
		default:
			r.Resized = append(r.Resized, name)
			return
		}
		if p.Decays() {
			found++
		}
		p.set(e, a)
	})
	for name := range weights {
		if !known[name] {
			r.Unexpected = append(r.Unexpected, name)
		}
	}
	slices.Sort(r.Unexpected)
	if failed == nil && 2*found < kernels {
		failed = fault.New(fault.Input, "weights: %d of the network's %d kernels are in the file (%s)", found, kernels, r).
			WithHint("are they weights of another architecture or width?")
	}
	return r, failed
}

// set overwrites the tensor's values in place, so that optimisers that hold it see them.
func (p *Param) set(e *torch.Engine, a torch.Array) {
	s := e.Scope()
	defer s.Close()
	e.NoGrad(func() { p.T.Copy_(e.FromArray(a)) })
}

// withoutOnes is a shape less its trailing ones.
func withoutOnes(shape []int64) []int64 {
	n := len(shape)
	for n > 2 && shape[n-1] == 1 {
		n--
	}
	return shape[:n]
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

// Export copies all parameters and buffers to the host, by torch's names.
func Export(m Module) map[string]torch.Array {
	out := map[string]torch.Array{}
	m.Visit("", func(name string, p *Param) { out[name] = p.T.Array() })
	return out
}
