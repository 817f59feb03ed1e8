package uncertainty

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/cineloop/cineloop/internal/fault"
)

// The scores of logits; every one is larger for what is less like the training data.

// MaxSoftmax is 1 − the largest probability (Hendrycks and Gimpel 2017).
func MaxSoftmax(logits []float64) float64 { return 1 - slices.Max(Softmax(logits, 1)) }

// MaxLogit is minus the largest logit (Hendrycks et al. 2022).
func MaxLogit(logits []float64) float64 { return -slices.Max(logits) }

// PredictiveEntropy is the entropy of the softmax.
func PredictiveEntropy(logits []float64) float64 { return Entropy(Softmax(logits, 1)) }

// Energy is −T log Σ e^(z/T) (Liu et al. 2020).
func Energy(logits []float64, temperature float64) float64 {
	return -temperature * logSumExp(logits, temperature)
}

// Mahalanobis measures distance to class means under one shared covariance (Lee et al. 2018), and relative to the distance from all
// data (Ren et al. 2021). Covariances divide by n.
type Mahalanobis struct {
	means  [][]float64
	inner  *mat.Cholesky
	mean   []float64
	around *mat.Cholesky
}

// FitMahalanobis takes training features [item][dimension] with classes. Features that determine each other get a ridge of 1e-6 of the
// mean variance.
func FitMahalanobis(features [][]float64, label []int) (*Mahalanobis, error) {
	if len(features) == 0 {
		return nil, fault.New(fault.Input, "Mahalanobis distance: no training features")
	}
	d, classes := len(features[0]), slices.Max(label)+1
	m := &Mahalanobis{mean: make([]float64, d), means: make([][]float64, classes)}
	count := make([]float64, classes)
	for c := range m.means {
		m.means[c] = make([]float64, d)
	}
	for i, f := range features {
		count[label[i]]++
		for j, v := range f {
			m.means[label[i]][j] += v
			m.mean[j] += v / float64(len(features))
		}
	}
	for c := range m.means {
		for j := range m.means[c] {
			m.means[c][j] /= count[c]
		}
	}
	within := covariance(features, func(i int) []float64 { return m.means[label[i]] })
	about := covariance(features, func(int) []float64 { return m.mean })
	kept := m.means[:0:0]
	for c, mu := range m.means {
		if count[c] > 0 {
			kept = append(kept, mu)
		}
	}
	m.means = kept
	var err error
	if m.inner, err = factor(within); err != nil {
		return nil, err
	}
	m.around, err = factor(about)
	return m, err
}

func covariance(x [][]float64, centre func(int) []float64) *mat.SymDense {
	d := len(x[0])
	s := mat.NewSymDense(d, nil)
	raw := s.RawSymmetric().Data
	diff := make([]float64, d)
	for i, f := range x {
		mu := centre(i)
		for j := range diff {
			diff[j] = f[j] - mu[j]
		}
		for a := range d {
			row := raw[a*d:]
			for b := a; b < d; b++ {
				row[b] += diff[a] * diff[b] / float64(len(x))
			}
		}
	}
	return s
}

func factor(s *mat.SymDense) (*mat.Cholesky, error) {
	var c mat.Cholesky
	if c.Factorize(s) && c.Cond() < 1e12 {
		return &c, nil
	}
	d := s.SymmetricDim()
	trace := 0.0
	for i := range d {
		trace += s.At(i, i) / float64(d)
	}
	for i := range d {
		s.SetSym(i, i, s.At(i, i)+1e-6*trace+1e-300)
	}
	if !c.Factorize(s) {
		return nil, fault.New(fault.Input, "Mahalanobis distance: the features do not vary")
	}
	return &c, nil
}

func distance(c *mat.Cholesky, x, mu []float64) float64 {
	d := mat.NewVecDense(len(x), nil)
	for i := range x {
		d.SetVec(i, x[i]-mu[i])
	}
	var solved mat.VecDense
	_ = c.SolveVecTo(&solved, d) // an ill-conditioned factor still gives the best there is
	return mat.Dot(d, &solved)
}

// Score is the squared distance to the nearest class.
func (m *Mahalanobis) Score(x []float64) float64 {
	best := math.Inf(1)
	for _, mu := range m.means {
		best = math.Min(best, distance(m.inner, x, mu))
	}
	return best
}

// Relative is Score less the squared distance from all data.
func (m *Mahalanobis) Relative(x []float64) float64 {
	return m.Score(x) - distance(m.around, x, m.mean)
}

// KNN is the distance to the k-th nearest training feature, both of length one (Sun et al. 2022).
type KNN struct {
	K     int
	train [][]float64
}

// NewKNN keeps normalised training features.
func NewKNN(features [][]float64, k int) *KNN {
	n := &KNN{K: k}
	for _, f := range features {
		n.train = append(n.train, unit(f))
	}
	return n
}

func unit(x []float64) []float64 {
	s := 0.0
	for _, v := range x {
		s += v * v
	}
	s = math.Max(math.Sqrt(s), 1e-300)
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v / s
	}
	return out
}

// Score is the distance; +Inf with fewer than K training features.
func (n *KNN) Score(x []float64) float64 {
	if n.K > len(n.train) || n.K < 1 {
		return math.Inf(1)
	}
	u := unit(x)
	d := make([]float64, len(n.train))
	for i, f := range n.train {
		for j := range u {
			d[i] += (u[j] - f[j]) * (u[j] - f[j])
		}
	}
	slices.Sort(d)
	return math.Sqrt(d[n.K-1])
}

// ViM is virtual-logit matching (Wang et al. 2022): the norm of a feature outside the training data's main directions, scaled to logits,
// against the logits' energy.
type ViM struct {
	mean  []float64
	null  *mat.Dense // [dimension, directions left out]
	scale float64
}

// FitViM keeps the main directions of training features that hold all but the last half of dimensions (at least one is left out).
func FitViM(features, logits [][]float64) (*ViM, error) {
	if len(features) < 2 {
		return nil, fault.New(fault.Input, "ViM: %d training features, want at least 2", len(features))
	}
	d := len(features[0])
	v := &ViM{mean: make([]float64, d)}
	for _, f := range features {
		for j, x := range f {
			v.mean[j] += x / float64(len(features))
		}
	}
	var eig mat.EigenSym
	if !eig.Factorize(covariance(features, func(int) []float64 { return v.mean }), true) {
		return nil, fault.New(fault.Input, "ViM: the features' covariance has no eigenvectors")
	}
	var vectors mat.Dense
	eig.VectorsTo(&vectors)
	left := max(d/2, 1) // smallest eigenvalues come first
	v.null = mat.DenseCopyOf(vectors.Slice(0, d, 0, left))
	var top, norm float64
	for i, f := range features {
		top += slices.Max(logits[i])
		norm += v.norm(f)
	}
	v.scale = top / math.Max(norm, 1e-300)
	return v, nil
}

func (v *ViM) norm(f []float64) float64 {
	d := mat.NewVecDense(len(f), nil)
	for i := range f {
		d.SetVec(i, f[i]-v.mean[i])
	}
	var p mat.VecDense
	p.MulVec(v.null.T(), d)
	return mat.Norm(&p, 2)
}

// Score is the virtual logit less the log-sum of the others.
func (v *ViM) Score(feature, logits []float64) float64 {
	return v.scale*v.norm(feature) - logSumExp(logits, 1)
}

// Density is minus the log density of a feature under the training data's class-wise normal distributions with shared covariance, mixed
// in equal parts, up to a constant.
func (m *Mahalanobis) Density(x []float64) float64 {
	terms := make([]float64, len(m.means))
	for c, mu := range m.means {
		terms[c] = -distance(m.inner, x, mu) / 2
	}
	return -logSumExp(terms, 1)
}

// Vacuity is the uncertainty mass K/S of evidence: the score of evidential networks.
func Vacuity(evidence []float64) float64 {
	s := float64(len(evidence))
	for _, e := range evidence {
		s += e
	}
	return float64(len(evidence)) / s
}
