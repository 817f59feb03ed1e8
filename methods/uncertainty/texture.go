package uncertainty

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/cineloop/cineloop/internal/fault"
)

// Texture finds pictures of a device that training did not see: distances, stage by stage, of what early stages of a network (the
// picture itself is the first) say of grain, blur, noise and grey levels, however the picture is classified.
//
// A stage is described by its channels' means and by the logarithms of their deviations and of the root mean squares of differences
// between neighbours: variance and autocorrelation, which are what makes two textures look alike (Portilla and Simoncelli 2000, of
// wavelet channels; Berger and Memisevic 2017, of a network's, as Gram matrices of shifted activations). Each stage has a
// Mahalanobis distance of its own, as in Lee et al. 2018, here without classes and with Ledoit and Wolf's covariance. Distances of
// stages are brought to one scale by those of training items that were left out of the fit, and the strangest stage is the score:
// the weights that Lee et al. learn from strange items, which nobody has, are not needed (as in Haroush et al. 2022).
type Texture struct {
	stages []textureStage
}

type textureStage struct {
	to           *shrunk
	centre, sure float64 // mean and deviation of the log distance of items that were left out
}

// textureParts is into how many runs training items are divided: distances in one are from a fit to the others.
const textureParts = 5

// leastTexture is the fewest training items.
const leastTexture = 2 * textureParts

// FitTexture takes training items' statistics [item][stage][dimension]. Items of one patient should stand together, so that they are
// left out together. It is an error of code input with fewer than ten items.
func FitTexture(items [][][]float64) (*Texture, error) {
	n := len(items)
	if n < leastTexture {
		return nil, fault.New(fault.Input, "texture: %d training items, want at least %d", n, leastTexture)
	}
	t := &Texture{}
	for k := range items[0] {
		x := make([][]float64, n)
		for i, it := range items {
			x[i] = it[k]
		}
		var out []float64
		for p := range textureParts {
			lo, hi := p*n/textureParts, (p+1)*n/textureParts
			rest, err := fitShrunk(append(slices.Clone(x[:lo]), x[hi:]...))
			if err != nil {
				return nil, err
			}
			for _, f := range x[lo:hi] {
				out = append(out, logDistance(rest, f))
			}
		}
		all, err := fitShrunk(x)
		if err != nil {
			return nil, err
		}
		mean, spread := meanAndDeviation(out)
		t.stages = append(t.stages, textureStage{all, mean, math.Max(spread, 1e-9)})
	}
	return t, nil
}

// Score is how many deviations the log distance of the strangest stage lies above that of usual items; larger is stranger.
func (t *Texture) Score(item [][]float64) float64 {
	worst := math.Inf(-1)
	for k, s := range t.stages {
		z := (logDistance(s.to, item[k]) - s.centre) / s.sure
		if math.IsNaN(z) {
			return math.Inf(1) // what cannot be measured is strange
		}
		worst = math.Max(worst, z)
	}
	return worst
}

func logDistance(s *shrunk, x []float64) float64 { return math.Log(s.distance(x) + 1e-300) }

func meanAndDeviation(x []float64) (mean, deviation float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		deviation += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, math.Sqrt(deviation)
}

// shrunk is a distance under a covariance that is drawn towards a multiple of the identity, so that it can be inverted however few
// the items are. Dimensions have a variance of one first.
type shrunk struct {
	mean, scale []float64
	chol        mat.Cholesky
}

func fitShrunk(x [][]float64) (*shrunk, error) {
	n, d := len(x), len(x[0])
	s := &shrunk{mean: make([]float64, d), scale: make([]float64, d)}
	column := make([]float64, n)
	centred := mat.NewDense(d, n, nil)
	for j := range d {
		for i, f := range x {
			column[i] = f[j]
		}
		s.mean[j], s.scale[j] = meanAndDeviation(column)
		if s.scale[j] < 1e-12*(1+math.Abs(s.mean[j])) {
			s.scale[j] = math.Inf(1) // a dimension that never varies says nothing
		}
		for i, v := range column {
			centred.Set(j, i, (v-s.mean[j])/s.scale[j])
		}
	}
	cov, _ := LedoitWolf(centred)
	if !s.chol.Factorize(cov) {
		return nil, fault.New(fault.Input, "texture: the statistics of training items do not vary")
	}
	return s, nil
}

func (s *shrunk) distance(x []float64) float64 {
	d := mat.NewVecDense(len(x), nil)
	for j, v := range x {
		d.SetVec(j, (v-s.mean[j])/s.scale[j])
	}
	var solved mat.VecDense
	_ = s.chol.SolveVecTo(&solved, d) // an ill-conditioned factor still gives the best there is
	return mat.Dot(d, &solved)
}

// LedoitWolf is (1 − amount) S + amount μ I for the covariance S (divided by n) of centred [dimension, item] with the mean variance μ:
// the amount of least expected squared error (Ledoit and Wolf 2004, A well-conditioned estimator for large-dimensional covariance
// matrices, section 3.2).
func LedoitWolf(centred *mat.Dense) (cov *mat.SymDense, amount float64) {
	d, n := centred.Dims()
	cov = mat.NewSymDense(d, nil)
	cov.SymOuterK(1/float64(n), centred)
	mu, square := 0.0, 0.0 // the trace over d, and the sum of squares
	for a := range d {
		mu += cov.At(a, a) / float64(d)
		for b := range d {
			square += cov.At(a, b) * cov.At(a, b)
		}
	}
	fourth := 0.0
	for i := range n {
		norm := 0.0
		for j := range d {
			norm += centred.At(j, i) * centred.At(j, i)
		}
		fourth += norm * norm / float64(n)
	}
	away := square - float64(d)*mu*mu // squared distance from μ I
	if away > 0 {
		amount = math.Min(math.Max(fourth-square, 0)/float64(n)/away, 1)
	}
	for a := range d {
		for b := a; b < d; b++ {
			v := (1 - amount) * cov.At(a, b)
			if a == b {
				v += amount * mu
			}
			cov.SetSym(a, b, v)
		}
	}
	return cov, amount
}
