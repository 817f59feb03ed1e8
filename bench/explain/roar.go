package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// roar is remove-and-retrain (Hooker et al., "A benchmark for interpretability methods in deep neural networks", NeurIPS 2019) in small: every
// method's highest pixels are replaced by the mean of the training pictures, in training and in test pictures, and a new network learns what
// is left. A method that finds what the classes are told by leaves less to learn than chance does.
type roar struct {
	Train  int       `json:"training_pictures"`
	Test   int       `json:"test_pictures"`
	Epochs int       `json:"epochs"`
	Whole  float64   `json:"test_accuracy_of_whole_pictures"`
	Shares []float64 `json:"shares_removed"`
	Rows   []removal `json:"rows"`
}

// removal is a method's test accuracy after retraining at each share, and how far below random removal that is.
type removal struct {
	Method   string    `json:"method"`
	Accuracy []float64 `json:"test_accuracy"`
	Below    []float64 `json:"below_random"`
	Low      []float64 `json:"below_random_low"` // 95 % interval of the difference, by test picture (McNemar's pairs)
	High     []float64 `json:"below_random_high"`
}

// removed are the methods that are judged; random and edges are no methods of the network.
var removed = []string{"random", "edges", "gradient", "input x gradient", "integrated gradients", "guided backprop", "Grad-CAM"}

const chunk = 500

// ranking are every picture's values by a way of ranking pixels.
func ranking(e *torch.Engine, net nn.Chain, name string, d images, seed stats.Seed) (maps []*explain.Map, err error) {
	for i := range d.label {
		in := explain.Input{C: 1, T: 1, H: side, W: side, X: d.pixels[i*pixels : (i+1)*pixels]}
		switch name {
		case "random":
			m := explain.NewMap(1, side, side)
			rng := seed.Stream("roar random", i, fmt.Sprint(len(d.label)))
			for p := range m.Values {
				m.Values[p] = rng.Float32()
			}
			maps = append(maps, m)
		case "edges":
			m, err := explain.Edges(in, 1, side, side)
			if err != nil {
				return nil, err
			}
			maps = append(maps, untied(m, seed.Stream("roar ties", i)))
		}
	}
	if len(maps) > 0 {
		return maps, nil
	}
	target := predicted(e, net, d) // never the label: the shape of what is removed would tell it
	for _, w := range ways {
		if w.name != name {
			continue
		}
		for lo := 0; lo < len(d.label); lo += chunk {
			hi := min(lo+chunk, len(d.label))
			m, err := w.maps(e, net, d.part(lo, hi), target[lo:hi])
			if err != nil {
				return nil, err
			}
			for _, x := range m {
				maps = append(maps, untied(x.Abs(), seed.Stream("roar ties", len(maps))))
			}
		}
	}
	if len(maps) == 0 {
		return nil, fmt.Errorf("no method %q", name)
	}
	return maps, nil
}

// untied breaks ties at random, below every difference of note: methods that multiply by the input are zero wherever a digit's paper is, and an
// order by position would remove the upper paper first.
func untied(m *explain.Map, rng *rand.Rand) *explain.Map {
	peak := slices.Max(m.Values)
	for i := range m.Values {
		m.Values[i] += peak * 1e-6 * rng.Float32()
	}
	return m
}

// without are pictures with a share of their highest pixels at the mean.
func without(d images, maps []*explain.Map, share float64, mean float32) (images, error) {
	out := images{label: d.label, size: d.size}
	for i, m := range maps {
		in := explain.Input{C: 1, T: 1, H: side, W: side, X: d.pixels[i*pixels : (i+1)*pixels]}
		in, err := explain.RemoveTop(in, m, share, "", []float32{mean})
		if err != nil {
			return out, err
		}
		out.pixels = append(out.pixels, in.X...)
	}
	return out, nil
}

// retrain ranks pixels by net's maps and lets new networks of its shape learn what is left. Every network starts from the same weights and sees
// the pictures in the same order.
func retrain(e *torch.Engine, net nn.Chain, width int64, d, test images, epochs int, shares []float64, seed stats.Seed, say func(string)) (roar, error) {
	r := roar{Train: len(d.label), Test: len(test.label), Epochs: epochs, Shares: shares}
	var mean float64
	for _, v := range d.pixels {
		mean += float64(v) / float64(len(d.pixels))
	}
	quiet := func(string) {}
	learnt := func(d, test images) []bool {
		fresh := newNet(e, width, seed+3)
		defer nn.Free(fresh)
		train(e, fresh, d, epochs, 1e-3, 2, seed, quiet)
		return hits(e, fresh, test)
	}
	r.Whole = share(learnt(d, test))
	var chance [][]bool
	for _, name := range removed {
		say("remove and retrain: " + name)
		a, err := ranking(e, net, name, d, seed)
		if err != nil {
			return r, err
		}
		b, err := ranking(e, net, name, test, seed)
		if err != nil {
			return r, err
		}
		row := removal{Method: name}
		for k, s := range shares {
			x, err := without(d, a, s, float32(mean))
			if err != nil {
				return r, err
			}
			y, err := without(test, b, s, float32(mean))
			if err != nil {
				return r, err
			}
			right := learnt(x, y)
			if name == "random" {
				chance = append(chance, right)
			}
			below, lo, hi := pairedShares(chance[k], right)
			row.Accuracy, row.Below = append(row.Accuracy, share(right)), append(row.Below, below)
			row.Low, row.High = append(row.Low, lo), append(row.High, hi)
		}
		r.Rows = append(r.Rows, row)
	}
	return r, nil
}

func share(right []bool) float64 {
	n := 0.0
	for _, b := range right {
		if b {
			n++
		}
	}
	return n / float64(len(right))
}

// pairedShares is how far the share of b is below that of a, over the same items, with the normal 95 % interval of the mean difference.
func pairedShares(a, b []bool) (below, low, high float64) {
	n := float64(len(a))
	var ss float64
	d := make([]float64, len(a))
	for i := range a {
		if a[i] {
			d[i]++
		}
		if b[i] {
			d[i]--
		}
		below += d[i] / n
	}
	for _, v := range d {
		ss += (v - below) * (v - below)
	}
	half := stats.NormalQuantile(0.95) * math.Sqrt(ss/(n-1)/n)
	return below, below - half, below + half
}
