package main

import (
	"encoding/json"
	"fmt"

	"github.com/cineloop/cineloop/methods/uncertainty"
)

// Ways to start a network.
const (
	startTorch = "torch"
	startHe    = "he"
)

// method is a way to train and to be unsure.
type method struct {
	Key     string
	Name    string
	Kind    *uncertainty.Evidential // nil: softmax
	Start   string
	Raw     bool // pixels in [0, 1] instead of standardised ones
	Epochs  int
	Batch   int
	Dropout bool // 0.5 before the last layer while training
	Passes  int  // with dropout left on when predicting; 0: off
	Members int  // networks that are averaged; 0: one
	Seed    int  // of the first network; methods with equal training and seed share it
	N       int  // training images
}

// settings identify a network's training: what is stored of it is used again only for the same.
func (m method) settings(member int) string {
	m.Key, m.Name, m.Passes, m.Members, m.Epochs = "", "", 0, 0, 0 // fewer epochs are the beginning of more
	m.Seed += member
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // plain values
	}
	return string(b)
}

func edl(t uncertainty.DataTerm, e uncertainty.Evidence) *uncertainty.Evidential {
	return &uncertainty.Evidential{Term: t, Evidence: e, Annealing: 10}
}

var terms = []struct {
	name string
	term uncertainty.DataTerm
}{{"mse", uncertainty.SquaredError}, {"log", uncertainty.MarginalLikelihood}, {"digamma", uncertainty.CrossEntropy}}

var evidences = []struct {
	name     string
	evidence uncertainty.Evidence
}{{"exp", uncertainty.Exp}, {"relu", uncertainty.ReLU}, {"softplus", uncertainty.Softplus}}

// methodsFor is the table's rows for n training images, the most telling first.
func methodsFor(n, members int, scale float64) []method {
	batch, epochs := 100, func(small, large int) int { return max(1, int(scale*float64(small))) }
	if n >= 30000 {
		batch, epochs = 500, func(small, large int) int { return max(1, int(scale*float64(large))) }
	}
	plain := method{Start: startTorch, Epochs: epochs(5, 6), Batch: batch, N: n}
	with := func(key, name string, f func(*method)) method {
		m := plain
		m.Key, m.Name = key, name
		f(&m)
		return m
	}
	evidential := func(m *method) { m.Epochs = epochs(10, 12) }
	rows := []method{
		with("softmax", "softmax", func(*method) {}),
		with("edl-log-exp", "EDL log + exp", func(m *method) { evidential(m); m.Kind = edl(uncertainty.MarginalLikelihood, uncertainty.Exp) }),
		with("edl-mse-relu-he", "EDL mse + relu, authors' way (He start, dropout in training)", func(m *method) {
			evidential(m)
			m.Kind, m.Start, m.Raw, m.Dropout = edl(uncertainty.SquaredError, uncertainty.ReLU), startHe, true, true
		}),
		with("edl-mse-relu", "EDL mse + relu", func(m *method) {
			m.Epochs, m.Kind = epochs(10, 6), edl(uncertainty.SquaredError, uncertainty.ReLU)
		}),
		with("dropout", "dropout, 20 passes", func(m *method) { m.Epochs, m.Dropout, m.Passes = epochs(8, 5), true, 20 }),
		with("ensemble", fmt.Sprintf("ensemble of %d", members), func(m *method) { m.Members = members }),
	}
	for _, t := range terms {
		for _, e := range evidences {
			key := "edl-" + t.name + "-" + e.name
			if key == "edl-log-exp" || key == "edl-mse-relu" {
				continue
			}
			rows = append(rows, with(key, "EDL "+t.name+" + "+e.name, func(m *method) {
				evidential(m)
				m.Kind = edl(t.term, e.evidence)
			}))
		}
	}
	return rows
}
