package learn

import (
	"slices"
	"strings"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/uncertainty"
)

// UncertaintySpec says how a run comes to know how sure its scores are, and when not to answer. What is learnt for it beside weights
// (temperatures, thresholds) is learnt from validation rows, or from the other folds' held-out rows; never from the judged ones.
type UncertaintySpec struct {
	Members       int             `yaml:"members,omitempty"`        // networks a fold, from different seeds, averaged; 0: one
	DropoutPasses int             `yaml:"dropout_passes,omitempty"` // with dropout left on, averaged; needs model.dropout; 0: off
	Views         int             `yaml:"views,omitempty"`          // augmented views beside the plain one, averaged (test-time augmentation); 0: off
	SWAGEpochs    int             `yaml:"swag_epochs,omitempty"`    // the last so many epochs' weights make a distribution; 0: off
	SWAGSamples   int             `yaml:"swag_samples,omitempty"`   // draws from it, averaged in place of the trained weights; default 10
	SWAGLR        float64         `yaml:"swag_lr,omitempty"`        // learning rate of those epochs; default half of train.lr
	Evidential    *EvidentialSpec `yaml:"evidential,omitempty"`     // of binary and class targets: evidence in place of logits
	Regression    string          `yaml:"regression,omitempty"`     // of regression targets: heteroscedastic | evidential | quantile; empty: the value alone
	Beta          float64         `yaml:"beta,omitempty"`           // of heteroscedastic: items weigh variance^beta; default 0.5; negative: 0
	Penalty       float64         `yaml:"penalty,omitempty"`        // of evidential regression: on evidence for wrong values; default 0.01
	Laplace       float64         `yaml:"laplace,omitempty"`        // prior precision of a last-layer Laplace approximation; 0: off
	Calibrate     string          `yaml:"calibrate,omitempty"`      // temperature (default) | vector | platt | isotonic | none
	Conformal     string          `yaml:"conformal,omitempty"`      // score of sets: lac (default) | aps | raps
	Mondrian      string          `yaml:"mondrian,omitempty"`       // subgroup whose values get thresholds of their own; none: one for all; default: of all subgroups, an item has the largest of its own
	Alpha         float64         `yaml:"alpha,omitempty"`          // miscoverage of sets and intervals; default 0.1
	OOD           []string        `yaml:"ood,omitempty"`            // scores: softmax, entropy, energy, mahalanobis, layers, texture, relative, knn, vim, density, vacuity, mutual; default: all that can be had
	Abstain       *AbstainSpec    `yaml:"abstain,omitempty"`        // when not to answer
}

// EvidentialSpec is the evidential loss (Sensoy, Kaplan and Kandemir 2018).
type EvidentialSpec struct {
	Loss      string  `yaml:"loss,omitempty"`      // log (default) | mse | digamma
	Evidence  string  `yaml:"evidence,omitempty"`  // exp (default) | softplus | relu
	Annealing float64 `yaml:"annealing,omitempty"` // epochs until the divergence from knowing nothing weighs in full; default 10; negative: from the start
	Weight    float64 `yaml:"weight,omitempty"`    // of it; default 1; negative: 0
}

// AbstainSpec is the rule of not answering. Each part that is set can abstain, and its reason is said.
type AbstainSpec struct {
	Wrong    float64 `yaml:"wrong,omitempty"`    // cost of a wrong answer, where not answering costs 1: answer at a probability of at least 1 − 1/wrong
	Coverage float64 `yaml:"coverage,omitempty"` // or: answer this share, the surest first
	Risk     float64 `yaml:"risk,omitempty"`     // or: answer as many as keep the error rate below this, with 95 % certainty
	SetSize  int     `yaml:"set_size,omitempty"` // not when more classes are plausible
	OOD      float64 `yaml:"ood,omitempty"`      // not when stranger than this share of validation rows, such as 0.95
}

// The laws of a regression head.
const (
	lawHeteroscedastic = "heteroscedastic"
	lawEvidential      = "evidential"
	lawQuantile        = "quantile"
)

// MondrianNone asks for one threshold for all, whatever subgroups there are.
const MondrianNone = "none"

// OODScores are the names that uncertainty.ood takes.
var OODScores = []string{"softmax", "entropy", "energy", "mahalanobis", "layers", "texture", "relative", "knn", "vim", "density", "vacuity", "mutual"}

// check says what is impossible. A nil spec is fine.
func (u *UncertaintySpec) check(p *Plan) error {
	if u == nil {
		return nil
	}
	e, a := u.Evidential, u.Abstain
	if e == nil {
		e = &EvidentialSpec{}
	}
	if a == nil {
		a = &AbstainSpec{}
	}
	part := func(v float64) bool { return v >= 0 && v < 1 }
	for _, c := range []struct {
		ok   bool
		what string
	}{
		{u.Members >= 0 && u.Members <= 100, "members (up to 100)"},
		{u.DropoutPasses >= 0, "dropout_passes"},
		{u.DropoutPasses == 0 || p.Model.Dropout > 0, "dropout_passes (model.dropout is 0: there is nothing to drop)"},
		{u.Views >= 0, "views"},
		{u.SWAGEpochs >= 0 && u.SWAGEpochs != 1, "swag_epochs (at least 2)"},
		{p.Train.Epochs == 0 || u.SWAGEpochs < p.Train.Epochs, "swag_epochs (fewer than train.epochs)"},
		{u.SWAGSamples >= 0, "swag_samples"},
		{u.SWAGLR >= 0, "swag_lr"},
		{slices.Contains([]string{"", "log", "mse", "digamma"}, e.Loss), "evidential.loss (log, mse or digamma)"},
		{slices.Contains([]string{"", "exp", "softplus", "relu"}, e.Evidence), "evidential.evidence (exp, softplus or relu)"},
		{slices.Contains([]string{"", lawHeteroscedastic, lawEvidential, lawQuantile}, u.Regression), "regression (heteroscedastic, evidential or quantile)"},
		{u.Beta <= 1, "beta (at most 1)"},
		{u.Penalty >= 0, "penalty"},
		{u.Laplace >= 0, "laplace"},
		{slices.Contains([]string{"", "temperature", "vector", "platt", "isotonic", "none"}, u.Calibrate), "calibrate (temperature, vector, platt, isotonic or none)"},
		{slices.Contains([]string{"", "lac", "aps", "raps"}, u.Conformal), "conformal (lac, aps or raps)"},
		{part(u.Alpha), "alpha (above 0, below 1)"},
		{a.Wrong == 0 || a.Wrong > 1, "abstain.wrong (above 1, the cost of not answering)"},
		{part(a.Coverage) || a.Coverage == 1, "abstain.coverage (0 to 1)"},
		{part(a.Risk), "abstain.risk (below 1)"},
		{a.SetSize >= 0, "abstain.set_size"},
		{part(a.OOD), "abstain.ood (below 1)"},
	} {
		if !c.ok {
			return fault.New(fault.Usage, "the plan cannot be trained: uncertainty.%s is impossible", c.what)
		}
	}
	if u.Mondrian != "" && u.Mondrian != MondrianNone && !slices.ContainsFunc(p.Data.Subgroups, func(s string) bool { name, _, _ := strings.Cut(s, ":"); return name == u.Mondrian }) {
		return fault.New(fault.Usage, "uncertainty.mondrian: no subgroup %q", u.Mondrian).WithHint("name it under data.subgroups; there are %v", p.Data.Subgroups)
	}
	for _, s := range u.OOD {
		if !slices.Contains(OODScores, s) {
			return fault.New(fault.Usage, "uncertainty.ood: no score %q", s).WithHint("there are %v", OODScores)
		}
	}
	if n := btoi(a.Wrong > 0) + btoi(a.Coverage > 0) + btoi(a.Risk > 0); n > 1 {
		return fault.New(fault.Usage, "uncertainty.abstain: wrong, coverage and risk each set the least probability; want one of them")
	}
	return nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Copies is how many networks a fold trains.
func (u *UncertaintySpec) Copies() int {
	if u == nil {
		return 1
	}
	return max(1, u.Members)
}

// Draws is how many weights are drawn from the end of a training; 0 without SWAG.
func (u *UncertaintySpec) Draws() int {
	switch {
	case u == nil || u.SWAGEpochs == 0:
		return 0
	case u.SWAGSamples == 0:
		return 10
	}
	return u.SWAGSamples
}

// Repeats says whether a row is scored more than once.
func (u *UncertaintySpec) Repeats() bool {
	return u != nil && (u.Members > 1 || u.DropoutPasses > 0 || u.Views > 0 || u.SWAGEpochs > 0)
}

// Miscoverage is alpha with its default.
func (u *UncertaintySpec) Miscoverage() float64 {
	if u == nil || u.Alpha == 0 {
		return 0.1
	}
	return u.Alpha
}

// loss is the spec as the loss takes it.
func (s EvidentialSpec) loss() *uncertainty.Evidential {
	o := &uncertainty.Evidential{Term: uncertainty.MarginalLikelihood, Evidence: uncertainty.Exp, Annealing: s.Annealing, Weight: s.Weight}
	switch s.Loss {
	case "mse":
		o.Term = uncertainty.SquaredError
	case "digamma":
		o.Term = uncertainty.CrossEntropy
	}
	switch s.Evidence {
	case "relu":
		o.Evidence = uncertainty.ReLU
	case "softplus":
		o.Evidence = uncertainty.Softplus
	}
	switch {
	case s.Annealing == 0:
		o.Annealing = 10
	case s.Annealing < 0:
		o.Annealing = 0
	}
	return o
}

// mark gives heads the outputs and losses of the spec.
func (u *UncertaintySpec) mark(heads []head) {
	if u == nil {
		return
	}
	for i := range heads {
		h := &heads[i]
		switch h.Kind {
		case evaluate.Binary, evaluate.Class:
			if u.Evidential != nil {
				h.Evidence = u.Evidential.loss()
			}
		case evaluate.Regression:
			h.Law = u.Regression
			switch h.Law {
			case lawHeteroscedastic:
				h.Strength = 0.5
				if u.Beta != 0 {
					h.Strength = max(u.Beta, 0)
				}
			case lawEvidential:
				h.Strength = 0.01
				if u.Penalty != 0 {
					h.Strength = u.Penalty
				}
			case lawQuantile:
				a := u.Miscoverage()
				h.Levels = []float64{a / 2, 0.5, 1 - a/2}
			}
		}
	}
}
