package tabular

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/stats"
)

// The models, by the names of their papers and of pycox.
const (
	CoxPH          = "CoxPH" // DeepSurv
	CoxCC          = "CoxCC"
	CoxTime        = "CoxTime"
	LogisticHazard = "LogisticHazard" // Nnet-survival
	PMF            = "PMF"
	MTLR           = "MTLR"
	PCHazard       = "PCHazard"
	DeepHit        = "DeepHit"
	BCESurv        = "BCESurv"
	Weibull        = "Weibull"
	LogNormal      = "LogNormal"
	DeSurv         = "DeSurv" // monotone network
)

// Models lists them in the order of tables.
var Models = []string{CoxPH, CoxCC, CoxTime, LogisticHazard, PMF, MTLR, PCHazard, DeepHit, BCESurv, Weibull, LogNormal, DeSurv}

// Settings are a model and its choices. The zero value of a number means the default in brackets.
type Settings struct {
	Model       string
	Hidden      []int   // widths [32, 32]
	NoBatchNorm bool    //
	Dropout     float64 //
	Rate        float64 // Adam's learning rate [0.01]
	Decay       float64 // decoupled weight decay
	Batch       int     // [256]
	Epochs      int     // at most [512]
	Patience    int     // epochs without a better validation loss [10]
	Cuts        int     // of discrete models [20]
	Equidistant bool    // cuts at even times instead of at quantiles of survival
	Sub         int     // points an interval when curves are interpolated [10]
	Alpha       float64 // DeepHit: weight of the likelihood [0.2]
	Sigma       float64 // DeepHit: scale of the ranking loss [0.1]
	Shrink      float64 // Cox-CC and Cox-Time
	Controls    int     // sampled for each case [1]
	LogTime     bool    // Cox-Time: log(1 + t) before times are standardised
	Seed        stats.Seed
}

func (s Settings) filled() (Settings, error) {
	if !slices.Contains(Models, s.Model) {
		return s, fault.New(fault.Usage, "no survival model %q", s.Model).WithHint("there are %v", Models)
	}
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	deff := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	if s.Hidden == nil {
		s.Hidden = []int{32, 32}
	}
	def(&s.Batch, 256)
	def(&s.Epochs, 512)
	def(&s.Patience, 10)
	def(&s.Cuts, 20)
	def(&s.Sub, 10)
	def(&s.Controls, 1)
	deff(&s.Rate, 0.01)
	deff(&s.Alpha, 0.2)
	deff(&s.Sigma, 0.1)
	for _, h := range s.Hidden {
		if h < 1 {
			return s, fault.New(fault.Usage, "hidden layers of %v: every width must be at least 1", s.Hidden)
		}
	}
	if len(s.Hidden) == 0 && (s.Model == CoxTime || s.Model == DeSurv) {
		return s, fault.New(fault.Usage, "%s needs a hidden layer: without one, time would act alike on everybody", s.Model)
	}
	if s.Batch < 2 || s.Epochs < 1 || s.Dropout < 0 || s.Dropout >= 1 {
		return s, fault.New(fault.Usage, "batch %d, epochs %d, dropout %g: want at least 2, at least 1, and 0 up to below 1", s.Batch, s.Epochs, s.Dropout)
	}
	return s, nil
}

// Data are people's covariates, row-major [N, P], with their labels.
type Data struct {
	X      []float32
	P      int
	Labels survival.Labels
}

// Len is the number of people.
func (d Data) Len() int { return d.Labels.Len() }

func (d Data) check() error {
	if d.P <= 0 || len(d.X) != d.P*d.Len() {
		return fault.New(fault.Internal, "tabular data: %d values for %d people with %d covariates", len(d.X), d.Len(), d.P)
	}
	for k, v := range d.X {
		if v != v || math.IsInf(float64(v), 0) {
			return fault.New(fault.Input, "row %d: covariate %d is not a number", k/d.P+1, k%d.P+1).WithHint("fill missing values before training")
		}
	}
	return d.Labels.Check()
}

func (d Data) row(i int) []float32 { return d.X[i*d.P : (i+1)*d.P] }
