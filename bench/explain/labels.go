package main

import (
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/nn"
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
