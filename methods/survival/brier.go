package survival

import (
	"math"

	"github.com/cineloop/cineloop/internal/fault"
)

// Normaliser divides a weighted sum of scores.
type Normaliser int

const (
	// BySumOfWeights divides by the weights' sum (pycox).
	BySumOfWeights Normaliser = iota
	// ByNumber divides by the number of people (Graf et al. 1999; scikit-survival, riskRegression).
	ByNumber
)

// IPCW is what a score weighted for censoring rests on.
type IPCW struct {
	G         Step       // probability of being watched
	Left      bool       // events are weighted by 1/G(t−) rather than 1/G(t)
	Divide    Normaliser // of the weighted sum
	Trapeze   bool       // integrals by trapezoids rather than Simpson's rule
	MaxWeight float64    // no weight above it; 0: none is limited
	Model     string     // in words, for reports
}

// PycoxIPCW estimates G on the test set itself, as pycox does; with late entry it is [Watched].
func PycoxIPCW(test Labels) IPCW {
	if test.Entry != nil {
		return IPCW{G: Watched(test.Any()), Left: true, Divide: BySumOfWeights, Model: "at risk over n × Kaplan–Meier (late entry), on the test set"}
	}
	return IPCW{G: Censoring(test.Any(), Plain), Left: true, Divide: BySumOfWeights, Model: Plain.String() + ", on the test set, G(t−) at events"}
}

// GrafIPCW estimates G on the training set, as scikit-survival does; with late entry it is [Watched].
func GrafIPCW(train Labels) IPCW {
	if train.Entry != nil {
		return IPCW{G: Watched(train.Any()), Left: true, Divide: ByNumber, Trapeze: true, Model: "at risk over n × Kaplan–Meier (late entry), on the training set"}
	}
	return IPCW{G: Censoring(train.Any(), Reverse), Divide: ByNumber, Trapeze: true, Model: Reverse.String() + ", on the training set"}
}

// at is G for somebody whose event was at t.
func (w IPCW) at(t float64) float64 {
	if !w.Left {
		return w.G.At(t)
	}
	return w.G.Left(t)
}

// floor keeps G above 1/MaxWeight.
func (w IPCW) floor(g float64) float64 {
	if w.MaxWeight > 0 {
		return math.Max(g, 1/w.MaxWeight)
	}
	return g
}

// Scores are a score over time.
type Scores struct {
	Times      []float64
	Brier      []float64 // squared error
	LogLik     []float64 // mean binomial log likelihood: 0 is best
	Note       string    // which times were out of reach, and why
	integrator func(x, y []float64) float64
}

// BrierScore is the Brier score and the binomial log likelihood at each time, weighted by the inverse probability of censoring (Graf
// et al. 1999). weight are counts of people; nil is 1 each. With late entry only those who have entered count, and w must know of it, as
// [GrafIPCW] does. Times at which G is 0 are left out and Note says so; none left is an error.
func BrierScore(c Curves, l Labels, times []float64, w IPCW, weight []float64) (Scores, error) {
	if len(times) == 0 {
		return Scores{}, fault.New(fault.Usage, "the Brier score needs times to be asked at")
	}
	in, note := times, ""
	if w.MaxWeight <= 0 {
		in, note = horizonsInReach(times, l, w.G)
	}
	if len(in) == 0 {
		return Scores{}, outOfReach("the Brier score", times[0], w.G)
	}
	out := Scores{Times: in, Note: note, integrator: simpson}
	if w.Trapeze {
		out.integrator = trapezoid
	}
	gAt := make([]float64, l.Len())
	for i, t := range l.Time {
		gAt[i] = w.floor(w.at(t))
	}
	for _, t := range in {
		row := c.Row(t)
		g := w.floor(w.G.At(t))
		var brier, loglik, sum, people float64
		for i, u := range l.Time {
			n := 1.0
			if weight != nil {
				n = weight[i]
			}
			if n == 0 {
				continue
			}
			people += n
			s := row[i]
			switch {
			case u <= t && l.Event[i] != 0:
				if gAt[i] > 0 {
					brier += n * s * s / gAt[i]
					loglik += n * math.Log(1-clip(s)) / gAt[i]
					sum += n / gAt[i]
				}
			case u > t && l.hasEntered(i, t):
				brier += n * (1 - s) * (1 - s) / g // g > 0, or t would be out of reach
				loglik += n * math.Log(clip(s)) / g
				sum += n / g
			}
		}
		if w.Divide == ByNumber {
			sum = people
		}
		out.Brier = append(out.Brier, brier/sum)
		out.LogLik = append(out.LogLik, loglik/sum)
	}
	return out, nil
}

// clip keeps a probability inside (1e-7, 1 − 1e-7), as pycox does before logarithms.
func clip(s float64) float64 { return math.Min(math.Max(s, 1e-7), 1-1e-7) }

// IBS is the integrated Brier score: the mean over time.
func (s Scores) IBS() float64 { return s.mean(s.Brier) }

// IBLL is the integrated binomial log likelihood.
func (s Scores) IBLL() float64 { return s.mean(s.LogLik) }

func (s Scores) mean(y []float64) float64 {
	n := len(s.Times)
	if n < 2 {
		return math.NaN()
	}
	return s.integrator(s.Times, y) / (s.Times[n-1] - s.Times[0])
}

// AdministrativeBrier is the Brier score where everybody's censoring time is known (Kvamme and Borgan 2019): people leave at it,
// whether or not they had the event. No weights are needed.
func AdministrativeBrier(c Curves, l Labels, censoring, times []float64) (Scores, error) {
	if l.Entry != nil {
		return Scores{}, fault.New(fault.Usage, "the administrative Brier score does not know late entry")
	}
	for i, t := range l.Time {
		if t > censoring[i] || l.Event[i] == 0 && t != censoring[i] {
			return Scores{}, fault.New(fault.Input, "row %d: the time %g does not fit its censoring time %g", i+1, t, censoring[i])
		}
	}
	out := Scores{integrator: simpson}
	for _, t := range times {
		row := c.Row(t)
		var brier, loglik, n float64
		for i, u := range l.Time {
			if censoring[i] >= t {
				n++
			}
			s := row[i]
			switch {
			case u <= t && l.Event[i] != 0 && censoring[i] >= t:
				brier += s * s
				loglik += math.Log(1 - clip(s))
			case u >= t:
				brier += (1 - s) * (1 - s)
				loglik += math.Log(clip(s))
			}
		}
		out.Times = append(out.Times, t) // with everybody gone the scores are not a number
		out.Brier, out.LogLik = append(out.Brier, brier/n), append(out.LogLik, loglik/n)
	}
	return out, nil
}

func trapezoid(x, y []float64) float64 {
	s := 0.0
	for i := 1; i < len(x); i++ {
		s += (x[i] - x[i-1]) * (y[i] + y[i-1]) / 2
	}
	return s
}

// simpson is the composite rule on uneven points; an even number of points ends with Cartwright's correction (SciPy ≥ 1.11).
func simpson(x, y []float64) float64 {
	n := len(x)
	if n == 2 {
		return trapezoid(x, y)
	}
	end := n
	if n%2 == 0 {
		end = n - 1
	}
	s := 0.0
	for i := 0; i+2 < end; i += 2 {
		h0, h1 := x[i+1]-x[i], x[i+2]-x[i+1]
		s += (h0 + h1) / 6 * (y[i]*(2-h1/h0) + y[i+1]*(h0+h1)*(h0+h1)/(h0*h1) + y[i+2]*(2-h0/h1))
	}
	if n%2 == 0 {
		h0, h1 := x[n-2]-x[n-3], x[n-1]-x[n-2]
		s += y[n-1]*(2*h1*h1+3*h0*h1)/(6*(h0+h1)) + y[n-2]*(h1*h1+3*h0*h1)/(6*h0) - y[n-3]*h1*h1*h1/(6*h0*(h0+h1))
	}
	return s
}

// Grid are n times evenly from low to high.
func Grid(low, high float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = low + (high-low)*float64(i)/float64(n-1)
	}
	out[n-1] = high
	return out
}
