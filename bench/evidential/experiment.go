package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/cineloop/cineloop/methods/uncertainty"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// result is what a method's predictions say.
type result struct {
	Method        method        `json:"method"`
	Accuracy      float64       `json:"accuracy"`
	Right         float64       `json:"mean_uncertainty_right"` // vacuity K/S, or 1 − the largest probability
	Wrong         float64       `json:"mean_uncertainty_wrong"`
	ErrorAUROC    float64       `json:"error_auroc"`
	NotEntropy    float64       `json:"notmnist_mean_entropy"`
	NotSure       float64       `json:"notmnist_share_entropy_below_0.1"`
	NotAUROC      float64       `json:"notmnist_auroc_entropy"`
	NotAUROCU     float64       `json:"notmnist_auroc_uncertainty"`
	Fashion       float64       `json:"fashion_auroc_entropy"`
	SureAccuracy  float64       `json:"accuracy_at_uncertainty_below_0.5"`
	SureCoverage  float64       `json:"coverage_at_uncertainty_below_0.5"`
	AURC          float64       `json:"aurc"`
	EAURC         float64       `json:"excess_aurc"`
	ECE           float64       `json:"ece"`
	NLL           float64       `json:"nll"`
	Dead          []int         `json:"dead_classes,omitempty"`
	ClassAccuracy []float64     `json:"class_accuracy"`
	Quantiles     []float64     `json:"notmnist_entropy_percentiles"` // 0 to 100
	Inside        []float64     `json:"mnist_entropy_percentiles"`
	Rotated       []rotation    `json:"rotated_one"`
	Adversarial   []adversarial `json:"fgsm"`
	Seconds       float64       `json:"seconds"`
}

type rotation struct {
	Degrees     float64   `json:"degrees"`
	Class       int       `json:"class"`
	Probs       []float64 `json:"probabilities"`
	Uncertainty float64   `json:"uncertainty"`
}

type adversarial struct {
	Step        float64 `json:"step"`
	Accuracy    float64 `json:"accuracy"`
	Entropy     float64 `json:"mean_entropy"`
	Uncertainty float64 `json:"mean_uncertainty"`
	// Evidence held at exp 10 has no gradient and hides a network from the attack on its own loss: these are under an attack on the
	// cross-entropy of the logits. 0 for networks that have no evidence: it is their own loss.
	Logits            float64 `json:"accuracy_logits_attacked,omitempty"`
	LogitsUncertainty float64 `json:"mean_uncertainty_logits_attacked,omitempty"`
}

var steps = []float64{0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1}

// belief is what a method says of one picture.
type belief struct {
	probs []float64
	u     float64 // uncertainty: vacuity, or 1 − the largest probability
}

// trained is a network of the method, trained as far as it was not already; weights are kept in dir after each epoch.
func trained(e *torch.Engine, d images, m method, member int, dir string, say func(string)) (*lenet, error) {
	seed := stats.Seed(m.Seed + member)
	n := newLenet(e, seed, m.Start, m.Raw)
	settings := m.settings(member)
	path := filepath.Join(dir, digest(settings)+".safetensors")
	done := n.load(path, settings)
	if done > m.Epochs { // trained for longer than is wanted now
		n.free()
		n, done = newLenet(e, seed, m.Start, m.Raw), 0
	}
	for epoch := done; epoch < m.Epochs; epoch++ {
		n.train(d, m, seed, epoch)
		if dir != "" {
			if err := n.save(path, settings, epoch+1); err != nil {
				return nil, err
			}
		}
		say(fmt.Sprintf("%s, network %d: epoch %d of %d", m.Name, member+1, epoch+1, m.Epochs))
	}
	return n, nil
}

func experiment(e *torch.Engine, d *data, m method, dir string, say func(string)) (result, error) {
	r := result{Method: m}
	var nets []*lenet
	defer func() {
		for _, n := range nets {
			n.free()
		}
	}()
	for k := range max(m.Members, 1) {
		n, err := trained(e, d.train, m, k, dir, say)
		if err != nil {
			return r, err
		}
		nets = append(nets, n)
	}
	predict := func(pictures images) []belief { return believe(nets, m, pictures) }
	test := predict(d.test)
	r.errors(test, d.test.label)
	say(m.Name + ": other pictures")
	notBelief := predict(d.not)
	in, not, fashion := entropies(test), entropies(notBelief), entropies(predict(d.fashion))
	r.NotEntropy = mean(not)
	for _, h := range not {
		if h < 0.1 {
			r.NotSure += 1 / float64(len(not))
		}
	}
	r.NotAUROC, r.Fashion = uncertainty.Detect(in, not).AUROC, uncertainty.Detect(in, fashion).AUROC
	r.NotAUROCU = uncertainty.Detect(us(test), us(notBelief)).AUROC
	r.Quantiles, r.Inside = percentiles(not), percentiles(in)
	if m.Kind != nil {
		r.Dead = deadClasses(nets[0], m, d.train)
	}
	one := slices.Index(d.test.label, 1)
	for deg := 0.0; deg <= 180; deg += 10 {
		b := predict(images{rotate(d.test.at(one), deg), []int{1}})[0]
		r.Rotated = append(r.Rotated, rotation{deg, top(b.probs), b.probs, b.u})
	}
	few := d.test.first(1000)
	for _, step := range steps {
		moved := images{attack(nets, m, few, step), few.label}
		a := adversarial{Step: step}
		if m.Kind != nil {
			plain := m
			plain.Kind = nil // the loss of the softmax of the logits
			for i, b := range predict(images{attack(nets, plain, few, step), few.label}) {
				if top(b.probs) == few.label[i] {
					a.Logits += 1 / float64(few.len())
				}
				a.LogitsUncertainty += b.u / float64(few.len())
			}
		}
		for i, b := range predict(moved) {
			if top(b.probs) == few.label[i] {
				a.Accuracy += 1 / float64(few.len())
			}
			a.Entropy += uncertainty.Entropy(b.probs) / float64(few.len())
			a.Uncertainty += b.u / float64(few.len())
		}
		r.Adversarial = append(r.Adversarial, a)
	}
	return r, nil
}

// errors fills in what the test pictures say.
func (r *result) errors(test []belief, label []int) {
	var right, wrong, conf, errors []float64
	var probs [][]float64
	var sure, sureRight float64
	hits, of := make([]float64, 10), make([]float64, 10)
	for i, b := range test {
		ok := top(b.probs) == label[i]
		conf, probs = append(conf, -b.u), append(probs, b.probs)
		of[label[i]]++
		if ok {
			hits[label[i]]++
			right, errors = append(right, b.u), append(errors, 0)
		} else {
			wrong, errors = append(wrong, b.u), append(errors, 1)
		}
		if b.u < 0.5 {
			sure++
			if ok {
				sureRight++
			}
		}
	}
	n := float64(len(test))
	r.Accuracy = float64(len(right)) / n
	r.Right, r.Wrong = mean(right), mean(wrong)
	curve := uncertainty.NewRiskCoverage(conf, errors)
	r.ErrorAUROC, r.AURC, r.EAURC = curve.AUROC, curve.AURC, curve.EAURC
	r.SureAccuracy, r.SureCoverage = sureRight/max(sure, 1), sure/n
	top, okay := uncertainty.TopLabel(probs, label)
	r.ECE = uncertainty.ReliabilityOf(top, okay, 15, uncertainty.EqualWidth).ECE
	r.NLL = uncertainty.NLL(probs, label)
	for k := range hits {
		r.ClassAccuracy = append(r.ClassAccuracy, hits[k]/max(of[k], 1))
	}
}

// deadClasses are those for which the network finds no evidence in training pictures.
func deadClasses(n *lenet, m method, d images) []int {
	few := d.first(6000)
	var evidence [][]float64
	for _, z := range n.logits(few) {
		row := make([]float64, len(z))
		for k, v := range z {
			row[k], _ = m.Kind.Evidence.Of(v)
		}
		evidence = append(evidence, row)
	}
	return uncertainty.DeadClasses(evidence, few.label, 0)
}

// believe combines members and passes.
func believe(nets []*lenet, m method, d images) []belief {
	out := make([]belief, d.len())
	if m.Kind != nil {
		for i, z := range nets[0].logits(d) {
			alpha := make([]float64, len(z))
			for k, v := range z {
				ev, _ := m.Kind.Evidence.Of(v)
				alpha[k] = ev + 1
			}
			s := uncertainty.SummariseDirichlet(alpha)
			out[i] = belief{s.Prob, s.Vacuity}
		}
		return out
	}
	passes := max(m.Passes, 1)
	for i := range out {
		out[i].probs = make([]float64, 10)
	}
	for _, n := range nets {
		for _, pass := range n.passes(d, m.Passes) {
			for i, z := range pass {
				for k, p := range uncertainty.Softmax(z, 1) {
					out[i].probs[k] += p / float64(passes*len(nets))
				}
			}
		}
	}
	for i := range out {
		out[i].u = 1 - slices.Max(out[i].probs)
	}
	return out
}

// attack moves every pixel by step in the direction that raises the loss, summed over the networks (fast gradient sign method,
// Goodfellow et al. 2015).
func attack(nets []*lenet, m method, d images, step float64) []float32 {
	if step == 0 {
		return d.pixels
	}
	e := nets[0].e
	s := e.Scope()
	defer s.Close()
	x := e.FromFloat32(d.pixels, int64(d.len()), 1, 28, 28).SetRequiresGrad(true)
	loss := lossOf(nets[0].forward(x, false), d.label, m, 100)
	for _, n := range nets[1:] {
		loss = loss.Add(lossOf(n.forward(x, false), d.label, m, 100))
	}
	g := e.Grad([]*torch.Tensor{loss}, []*torch.Tensor{x}, torch.GradOptions{})[0].Float32s()
	out := make([]float32, len(g))
	for i, v := range g {
		out[i] = d.pixels[i]
		switch {
		case v > 0:
			out[i] += float32(step)
		case v < 0:
			out[i] -= float32(step)
		}
		out[i] = min(max(out[i], 0), 1)
	}
	return out
}

func entropies(b []belief) []float64 {
	var h []float64
	for _, x := range b {
		h = append(h, uncertainty.Entropy(x.probs))
	}
	return h
}

func us(b []belief) []float64 {
	var u []float64
	for _, x := range b {
		u = append(u, x.u)
	}
	return u
}

// percentiles 0 to 100, by the nearest value.
func percentiles(x []float64) []float64 {
	s := slices.Sorted(slices.Values(x))
	out := make([]float64, 101)
	for k := range out {
		out[k] = s[(len(s)-1)*k/100]
	}
	return out
}

func top(p []float64) int { return slices.Index(p, slices.Max(p)) }

func mean(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v / float64(len(x))
	}
	return s
}

func readResult(path, key string) (result, bool) {
	var r result
	b, err := os.ReadFile(path)
	if err != nil || !unmarshal(b, &r) {
		return r, false
	}
	return r, r.Method.identity() == key
}
