package uncertainty

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
)

// Seen is what one network makes of items: what out-of-distribution scores are learnt from and computed of.
type Seen struct {
	Feature [][]float64   // [item][dimension]
	Logits  [][]float64   // [item][class]; nil for targets that are no classes
	Label   []int         // of training items; nil elsewhere, and where there are no classes
	Members [][][]float64 // [item][sample][class] probabilities of repeated predictions; nil: one each
	Layers  [][][]float64 // [item][stage][dimension], statistics of earlier stages; nil: none
	Texture [][][]float64 // [item][stage][dimension], see [Texture]; nil: none
	Vacuity []float64     // of evidential networks; nil elsewhere
}

// Detectors are out-of-distribution scores learnt from training items.
type Detectors struct {
	Names       []string // in the order of scores
	mahalanobis *Mahalanobis
	density     *Mahalanobis // one class: for targets without
	knn         *KNN
	vim         *ViM
	layers      []*Mahalanobis
	texture     *Texture
}

// neighbours of the k-nearest-neighbour score (Sun et al. 2022 use 50 of many thousands).
const neighbours = 10

// FitDetectors learns the named scores; with no names, all that seen allows. A score that was asked for and cannot be had is an error.
//
//	softmax      1 − the largest probability
//	entropy      of the mean probabilities
//	energy       −log Σ exp logits (Liu et al. 2020)
//	mahalanobis  distance to the nearest class mean (Lee et al. 2018); relative: less the distance to the mean of all (Ren et al. 2021)
//	layers       the same of statistics of each earlier stage, without classes, mean over stages of distance per dimension: texture,
//	             noise and grey levels that the last features do not show (after the feature ensemble of Lee et al. 2018)
//	texture      strangest of the picture and the first stages by variance and differences of neighbours: another device ([Texture])
//	knn          distance of the normalised feature to its tenth neighbour (Sun et al. 2022)
//	vim          virtual logit of the feature's residual (Wang et al. 2022)
//	density      negative log density of a normal distribution a class
//	vacuity      of evidence
//	mutual       information between prediction and model, of repeated predictions
func FitDetectors(train Seen, names []string) (*Detectors, error) {
	if len(train.Feature) == 0 {
		return nil, fault.New(fault.Input, "no training items to learn what is usual from")
	}
	can := map[string]bool{"knn": true, "density": true, "mahalanobis": true}
	if train.Logits != nil {
		for _, n := range []string{"softmax", "entropy", "energy"} {
			can[n] = true
		}
		can["vim"] = len(train.Feature) > len(train.Feature[0])/2 && len(train.Feature[0]) > 2
		can["relative"] = train.Label != nil
	}
	can["vacuity"], can["mutual"], can["layers"] = train.Vacuity != nil, train.Members != nil, train.Layers != nil
	can["texture"] = len(train.Texture) >= leastTexture
	asked := len(names) > 0
	if !asked {
		names = []string{"softmax", "entropy", "energy", "mahalanobis", "layers", "texture", "relative", "knn", "vim", "density", "vacuity", "mutual"}
	}
	d := &Detectors{}
	for _, n := range names {
		if can[n] {
			d.Names = append(d.Names, n)
		} else if asked {
			return nil, fault.New(fault.Usage, "the out-of-distribution score %q cannot be had of this model", n)
		}
	}
	label := train.Label
	if label == nil {
		label = make([]int, len(train.Feature))
	}
	var err error
	if d.has("mahalanobis") || d.has("relative") || d.has("density") {
		if d.mahalanobis, err = FitMahalanobis(train.Feature, label); err != nil {
			return nil, err
		}
		d.density = d.mahalanobis
	}
	d.knn = NewKNN(train.Feature, min(neighbours, len(train.Feature)))
	if d.has("layers") {
		for k := range train.Layers[0] {
			var x [][]float64
			for _, item := range train.Layers {
				x = append(x, item[k])
			}
			m, err := FitMahalanobis(x, make([]int, len(x)))
			if err != nil {
				return nil, err
			}
			d.layers = append(d.layers, m)
		}
	}
	if d.has("texture") {
		if d.texture, err = FitTexture(train.Texture); err != nil {
			return nil, err
		}
	}
	if d.has("vim") {
		if d.vim, err = FitViM(train.Feature, train.Logits); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d *Detectors) has(name string) bool { return slices.Contains(d.Names, name) }

// Scores are an item's, in the order of Names; larger is stranger.
func (d *Detectors) Scores(s Seen, i int) []float64 {
	out := make([]float64, len(d.Names))
	var logits []float64
	if s.Logits != nil {
		logits = s.Logits[i]
	}
	mean := func() []float64 {
		if s.Members != nil {
			return Decide(s.Members[i]).Mean
		}
		return Softmax(logits, 1)
	}
	for k, n := range d.Names {
		switch n {
		case "softmax":
			out[k] = 1 - slices.Max(mean())
		case "entropy":
			out[k] = Entropy(mean())
		case "energy":
			out[k] = Energy(logits, 1)
		case "mahalanobis":
			out[k] = d.mahalanobis.Score(s.Feature[i])
		case "layers":
			for l, m := range d.layers {
				out[k] += m.Score(s.Layers[i][l]) / float64(len(s.Layers[i][l])*len(d.layers))
			}
		case "texture":
			out[k] = d.texture.Score(s.Texture[i])
		case "relative":
			out[k] = d.mahalanobis.Relative(s.Feature[i])
		case "knn":
			out[k] = d.knn.Score(s.Feature[i])
		case "vim":
			out[k] = d.vim.Score(s.Feature[i], logits)
		case "density":
			out[k] = d.density.Density(s.Feature[i])
		case "vacuity":
			out[k] = s.Vacuity[i]
		case "mutual":
			out[k] = Decide(s.Members[i]).MutualInformation
		}
		if math.IsNaN(out[k]) {
			out[k] = math.Inf(1) // nothing that can be said is strange
		}
	}
	return out
}

// Like is how many training items resemble the item: see [LikeThis].
func (d *Detectors) Like(feature []float64) int { return LikeThis(d.knn, feature) }

// Stranger is the share of usual items that are less strange than score, each [item] of usual; ties count half.
func Stranger(usual []float64, score float64) float64 {
	n := 0.0
	for _, u := range usual {
		switch {
		case u < score:
			n++
		case u == score:
			n += 0.5
		}
	}
	return n / math.Max(float64(len(usual)), 1)
}
