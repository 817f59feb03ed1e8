package views

import (
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/nearest"
)

// Kind is a way to join the views of a study.
type Kind string

// The ways, from the one that learns nothing about views to the one that lets them look at each other.
const (
	Mean        Kind = "mean"        // the mean of the features of the clips that are there; with one linear head for all views this is also the mean of their logits
	Late        Kind = "late"        // every view has its own heads; the mean of the logits of the clips that are there
	Attention   Kind = "attention"   // the features weighed by a learnt, gated attention over clips (Ilse et al., "Attention-based deep multiple instance learning", ICML 2018, eq. 9)
	Gated       Kind = "gated"       // feature by feature a gate says which clip to believe (Arevalo et al., "Gated multimodal units", 2017, with gates that sum to 1 over the clips that are there)
	Transformer Kind = "transformer" // clips attend to each other in two blocks, those that are missing masked (Vaswani et al., NeurIPS 2017), then attention as above
)

// Kinds are all of them.
var Kinds = []Kind{Mean, Late, Attention, Gated, Transformer}

// Spec says what is joined and how.
type Spec struct {
	Kind      Kind
	Names     []string // of the views
	Slots     []int    // of each slot, which view it holds, an index into Names; a view may have several
	Hidden    int64    // width of the attention, of the gates' output and of the transformer's tokens; 0: 64
	Anonymous bool     `json:",omitempty"` // joined without being told which view a clip is; not with Late
	Separate  bool     `json:",omitempty"` // a backbone of its own for each view; else one for all
}

// Check fills defaults and reports what is impossible.
func (s *Spec) Check() error {
	if !slices.Contains(Kinds, s.Kind) {
		names := make([]string, len(Kinds))
		for i, k := range Kinds {
			names[i] = string(k)
		}
		return fault.New(fault.Usage, "views: kind is %q (%s)", string(s.Kind), nearest.Hint(string(s.Kind), names))
	}
	if s.Hidden == 0 {
		s.Hidden = 64
	}
	switch {
	case len(s.Names) == 0 || len(s.Slots) == 0:
		return fault.New(fault.Usage, "views: there is no view to join")
	case slices.Min(s.Slots) < 0 || slices.Max(s.Slots) >= len(s.Names):
		return fault.New(fault.Usage, "views: slots %v of %d views", s.Slots, len(s.Names))
	case s.Hidden < 1 || s.Kind == Transformer && s.Hidden%headWidth != 0:
		return fault.New(fault.Usage, "views: a width of %d is impossible; that of a transformer is a multiple of %d", s.Hidden, headWidth)
	case s.Anonymous && (s.Kind == Late || s.Separate):
		return fault.New(fault.Usage, "views: heads or backbones of their own know which view they are for; anonymous contradicts that")
	}
	return nil
}

// coded says whether each view has a code that is added to its features. One view needs none; the means do not look at it.
func (s Spec) coded() bool {
	return !s.Anonymous && len(s.Names) > 1 && s.Kind != Mean && s.Kind != Late
}
