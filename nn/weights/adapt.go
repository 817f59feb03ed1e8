package weights

import (
	"slices"
	"strings"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/torch"
)

// Adapted is a file's tensors under a network's names.
type Adapted struct {
	Scheme  string // how names were changed: "as it stands", "timm ViT", …; with "without PREFIX" where one was dropped
	Tensors map[string]torch.Array
	Report  nn.LoadReport // what loading them would do
	Found   int           // of the network's kernels and matrices, those that find their values
	Kernels int
}

// Adapt renames tensors by the scheme under which most of m's kernels find values of a shape that fits; where two are equal, by the one
// with fewer names left over.
func Adapt(tensors map[string]torch.Array, m nn.Module) Adapted {
	tensors = learnt(tensors)
	var best Adapted
	for _, prefix := range append([]string{""}, prefixes...) {
		if prefix != "" && !anyHas(tensors, prefix) {
			continue
		}
		for _, s := range schemes {
			rename, name := s.rename, s.name
			if prefix != "" {
				rename, name = unwrapped(prefix, s.rename), s.name+", without "+prefix
			}
			renamed := make(map[string]torch.Array, len(tensors))
			for old, a := range tensors {
				renamed[rename(old)] = a
			}
			if len(renamed) < len(tensors) { // two became one
				continue
			}
			r, found, kernels := nn.Compare(m, shapes(renamed))
			a := Adapted{name, renamed, r, found, kernels}
			if best.Tensors == nil || a.better(best) {
				best = a
			}
		}
	}
	return best
}

// learnt leaves out what a network computes by itself: the rows of Swin's tables that belong to each pair of tokens.
func learnt(tensors map[string]torch.Array) map[string]torch.Array {
	out := make(map[string]torch.Array, len(tensors))
	for name, a := range tensors {
		if !strings.HasSuffix(name, ".relative_position_index") {
			out[name] = a
		}
	}
	return out
}

// better is how good a fit is: kernels found, then tensors matched in all.
func (a Adapted) better(b Adapted) bool {
	if a.Found != b.Found {
		return a.Found > b.Found
	}
	return len(a.Report.Unexpected) < len(b.Report.Unexpected)
}

func anyHas(tensors map[string]torch.Array, prefix string) bool {
	for name := range tensors {
		if len(name) > len(prefix) && name[:len(prefix)] == prefix {
			return true
		}
	}
	return false
}

// Candidate is a network that a file may be of.
type Candidate struct {
	Name string
	Adapted
}

// Share is the share of the network's kernels that the file fills.
func (c Candidate) Share() float64 {
	if c.Kernels == 0 {
		return 0
	}
	return float64(c.Found) / float64(c.Kernels)
}

// Rank orders networks by how well tensors fit: those that fill at least half of a network, the best first; among equals, those that leave
// fewer tensors over. build makes a network by its name, on the host.
func Rank(tensors map[string]torch.Array, names []string, build func(name string) (nn.Module, error)) ([]Candidate, error) {
	var out []Candidate
	for _, name := range names {
		m, err := build(name)
		if err != nil {
			return nil, err
		}
		if c := (Candidate{name, Adapt(tensors, m)}); c.Share() >= 0.5 {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b Candidate) int {
		if a.Share() != b.Share() {
			if a.Share() > b.Share() {
				return -1
			}
			return 1
		}
		return len(a.Report.Unexpected) + len(a.Report.Inflated) - len(b.Report.Unexpected) - len(b.Report.Inflated)
	})
	return out, nil
}
