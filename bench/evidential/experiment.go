package main

import (
	"slices"

	"github.com/cineloop/cineloop/methods/uncertainty"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// belief is what a method says of one picture.
type belief struct {
	probs []float64
	u     float64 // uncertainty: vacuity, or 1 − the largest probability
}

func experiment(e *torch.Engine, d *data, m method, number int) result {
	r := result{method: m}
	var nets []*lenet
	for k := range max(m.members, 1) {
		n := newLenet(e, stats.Seed(100*number+k))
		n.train(d.train, m, stats.Seed(100*number+k))
		nets = append(nets, n)
	}
	defer func() {
		for _, n := range nets {
			n.free()
		}
	}()
	predict := func(pictures images) []belief { return believe(nets, m, pictures) }
	test := predict(d.test)
	var right, wrong, conf, errors []float64
	var sure, sureRight float64
	for i, b := range test {
		ok := top(b.probs) == d.test.label[i]
		conf = append(conf, -b.u)
		if ok {
			right = append(right, b.u)
			errors = append(errors, 0)
		} else {
			wrong = append(wrong, b.u)
			errors = append(errors, 1)
		}
		if b.u < 0.5 {
			sure++
			if ok {
				sureRight++
			}
		}
	}
	n := float64(len(test))
	r.accuracy = float64(len(right)) / n
	r.right, r.wrong = mean(right), mean(wrong)
	r.errorAUROC = uncertainty.NewRiskCoverage(conf, errors).AUROC
	r.sureAccuracy, r.sureCoverage = sureRight/max(sure, 1), sure/n
	in, not, fashion := entropies(test), entropies(predict(d.not)), entropies(predict(d.fashion))
	r.entropies = not
	r.notEntropy = mean(not)
	for _, h := range not {
		if h < 0.1 {
			r.notSure += 1 / float64(len(not))
		}
	}
	r.notAUROC = uncertainty.Detect(in, not).AUROC
	r.fashion = uncertainty.Detect(in, fashion).AUROC
	if m.kind != nil {
		var evidence [][]float64
		for _, z := range nets[0].logits(d.train, false) {
			row := make([]float64, len(z))
			for k, v := range z {
				row[k], _ = m.kind.Evidence.Of(v)
			}
			evidence = append(evidence, row)
		}
		r.dead = uncertainty.DeadClasses(evidence, d.train.label, 0)
	}
	one := slices.Index(d.test.label, 1)
	for deg := 0.0; deg <= 180; deg += 10 {
		b := predict(images{rotate(d.test.at(one), deg), []int{1}})[0]
		k := top(b.probs)
		r.rotated = append(r.rotated, rotation{deg, k, b.probs[k], b.u})
	}
	first := min(1000, d.test.len())
	few := images{d.test.pixels[:first*784], d.test.label[:first]}
	for _, step := range steps {
		moved := images{attack(nets[0], m, few, step), few.label}
		ok, h := 0.0, 0.0
		for i, b := range predict(moved) {
			if top(b.probs) == few.label[i] {
				ok++
			}
			h += uncertainty.Entropy(b.probs)
		}
		r.adversarial = append(r.adversarial, [2]float64{ok / float64(first), h / float64(first)})
	}
	return r
}

// believe combines members and passes.
func believe(nets []*lenet, m method, d images) []belief {
	out := make([]belief, d.len())
	if m.kind != nil {
		for i, z := range nets[0].logits(d, false) {
			alpha := make([]float64, len(z))
			for k, v := range z {
				ev, _ := m.kind.Evidence.Of(v)
				alpha[k] = ev + 1
			}
			s := uncertainty.SummariseDirichlet(alpha)
			out[i] = belief{s.Prob, s.Vacuity}
		}
		return out
	}
	passes := 1
	if m.dropout {
		passes = 10
	}
	for i := range out {
		out[i].probs = make([]float64, 10)
	}
	for _, n := range nets {
		for range passes {
			for i, z := range n.logits(d, m.dropout) {
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

// attack moves every pixel by step in the direction that raises the loss (fast gradient sign method, Goodfellow et al. 2015).
func attack(n *lenet, m method, d images, step float64) []float32 {
	if step == 0 {
		return d.pixels
	}
	s := n.e.Scope()
	defer s.Close()
	x := n.e.FromFloat32(d.pixels, int64(d.len()), 1, 28, 28).SetRequiresGrad(true)
	loss, _ := lossOf(n.forward(x, false), d.label, m, 100)
	g := n.e.Grad([]*torch.Tensor{loss}, []*torch.Tensor{x}, torch.GradOptions{})[0].Float32s()
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

func top(p []float64) int { return slices.Index(p, slices.Max(p)) }

func mean(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v / float64(len(x))
	}
	return s
}
