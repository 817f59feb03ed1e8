package main

import (
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// labelled is how alike a method's maps are of two networks, one of which learnt true labels and one random ones.
type labelled struct {
	Method string `json:"method"`
	likeness
	shown [][2]*explain.Map // of the pictures in the figure
}

// labels is the label randomisation test over all methods.
type labels struct {
	TrainPictures int        `json:"training_pictures"`
	TrueAccuracy  float64    `json:"test_accuracy_of_true_labels"`
	TrueEpochs    int        `json:"epochs_of_true_labels"`
	Memorised     float64    `json:"training_accuracy_of_random_labels"`
	RandomTest    float64    `json:"test_accuracy_of_random_labels"`
	RandomEpochs  int        `json:"epochs_of_random_labels"`
	Pictures      int        `json:"pictures"`
	Rows          []labelled `json:"rows"`
	Figure        string     `json:"figure"`
}

// dataless is a network that learnt true labels of pictures in which there is nothing to see, by heart, and how alike its maps of true pictures are.
type dataless struct {
	Form      string     `json:"form"`
	Epochs    int        `json:"epochs"`
	Memorised float64    `json:"training_accuracy"`
	Test      float64    `json:"test_accuracy_of_true_pictures"`
	Rows      []labelled `json:"rows"`
}

// The forms of data without a picture.
const (
	ownOrder = "pixels of every picture in an order of its own"
	noise    = "noise of every picture's mean and deviation"
)

// emptied are pictures without what they show.
func emptied(d images, form string, seed stats.Seed) (images, error) {
	out := images{label: d.label}
	for i := range d.label {
		in := explain.Input{C: 1, T: 1, H: side, W: side, X: d.pixels[i*pixels : (i+1)*pixels]}
		rng := seed.Stream("emptied", form, i)
		var err error
		if form == noise {
			in, err = explain.NoiseLike(in, rng)
		} else {
			in, _, err = explain.ShufflePixels(in, rng)
		}
		if err != nil {
			return out, err
		}
		out.pixels = append(out.pixels, in.X...)
	}
	return out, nil
}

// compareNets draws every method's maps of both networks for pictures that neither has seen.
func compareNets(e *torch.Engine, truth, random nn.Chain, d images, shown int, say func(string)) (rows []labelled, err error) {
	for _, w := range ways {
		say(w.name)
		a, err := w.maps(e, truth, d, d.label)
		if err != nil {
			return nil, err
		}
		b, err := w.maps(e, random, d, d.label)
		if err != nil {
			return nil, err
		}
		l, err := compare(a, b)
		if err != nil {
			return nil, err
		}
		r := labelled{Method: w.name, likeness: l}
		for i := range min(shown, len(a)) {
			r.shown = append(r.shown, [2]*explain.Map{a[i], b[i]})
		}
		rows = append(rows, r)
	}
	return rows, nil
}
