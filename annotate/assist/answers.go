package assist

import (
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
)

// Given is an answer to a question about a picture, or about the exam that it belongs to.
type Given struct {
	File   string // as the project names it
	Answer annotate.Answer
}

// Matches are which item each target answers.
type Matches map[string]*protocol.Item

// Match finds the item of each target: the one that is named for it in names, else the one of its name. Targets without an item are returned as
// unasked. Code input where the two do not fit.
func Match(proto *protocol.Protocol, targets []evaluate.Target, names map[string]string) (Matches, []string, error) {
	out, used := Matches{}, map[string]bool{}
	var unasked []string
	for _, t := range targets {
		name, named := names[t.Name]
		if !named {
			name = t.Name
		}
		used[t.Name] = true
		it := proto.Item(name)
		if it == nil {
			if named {
				return nil, nil, fault.New(fault.Input, "the protocol has no item %q", name)
			}
			unasked = append(unasked, t.Name)
			continue
		}
		if err := fits(t, it); err != nil {
			return nil, nil, err
		}
		out[t.Name] = it
	}
	for name := range names {
		if !used[name] {
			return nil, nil, fault.New(fault.Input, "the model has no target %q", name)
		}
	}
	if len(out) == 0 {
		return nil, nil, fault.New(fault.Input, "no item of the protocol is answered by the model").WithHint("--map TARGET=ITEM says which is which")
	}
	return out, unasked, nil
}

// binary are the options of an item that stand for no and yes.
func binary(it *protocol.Item) (no, yes string, ok bool) {
	if len(it.Options) != 2 || len(it.Positive) != 1 {
		return "", "", false
	}
	i := it.Option(it.Positive[0])
	return it.Options[1-i].Name, it.Options[i].Name, true
}

func fits(t evaluate.Target, it *protocol.Item) error {
	choice := it.Kind == protocol.Choice || it.Kind == protocol.Ordinal
	bad := func(why string) error {
		return fault.New(fault.Input, "item %s can't be answered by a target of kind %s: %s", it.Name, t.Kind, why)
	}
	if it.Scope != protocol.Exam && it.Scope != protocol.Image {
		return bad("the model answers for a picture or an exam")
	}
	switch t.Kind {
	case evaluate.Binary:
		if _, _, ok := binary(it); !choice || !ok {
			return bad("it has to have two options, one of them positive")
		}
	case evaluate.Class:
		if !choice {
			return bad("it is no choice")
		}
		for _, c := range t.Classes {
			if it.Option(c) < 0 {
				return bad(fmt.Sprintf("it has no option %q", c))
			}
		}
	case evaluate.Regression:
		if it.Kind != protocol.Number {
			return bad("it is no number")
		}
		if t.Unit != "" && t.Unit != it.Unit {
			return bad(fmt.Sprintf("one is in %s, the other in %s", t.Unit, it.Unit))
		}
	default:
		return bad("yes or no, classes and numbers can be answered")
	}
	return nil
}

// Said is what networks say of pictures: one table a network, items being file names.
type Said []*evaluate.Predictions

// of collects the scores of a picture, [network][score]; nil where nobody scored it.
func (s Said) of(target, file string) (out [][]float64) {
	for _, p := range s {
		i := slices.Index(p.Item, file)
		if i < 0 || slices.ContainsFunc(p.Score[target][i], math.IsNaN) {
			return nil
		}
		out = append(out, p.Score[target][i])
	}
	return out
}

// Targets are those of the networks.
func (s Said) Targets() []evaluate.Target {
	if len(s) == 0 {
		return nil
	}
	return s[0].Targets
}

// probabilities turns a binary score into those of no and yes.
func probabilities(t evaluate.Target, members [][]float64) [][]float64 {
	if t.Kind != evaluate.Binary {
		return members
	}
	out := make([][]float64, len(members))
	for i, m := range members {
		out[i] = []float64{1 - m[0], m[0]}
	}
	return out
}

// Answers are those of the networks' mean to the matched items, of every case: of an exam it is the mean over its pictures. picture has the files of
// each case in their order. Confidence, where it is asked for, is the probability of what is answered in per cent.
func (s Said) Answers(matches Matches, cases [][]string) (out []Given) {
	for _, t := range s.Targets() {
		it := matches[t.Name]
		if it == nil {
			continue
		}
		for _, files := range cases {
			if it.Scope == protocol.Image {
				for i, f := range files {
					if a, ok := answer(t, it, s.of(t.Name, f)); ok {
						a.Image = i + 1
						out = append(out, Given{f, a})
					}
				}
				continue
			}
			var all [][]float64
			for _, f := range files {
				all = append(all, s.of(t.Name, f)...)
			}
			if a, ok := answer(t, it, all); ok {
				out = append(out, Given{files[0], a})
			}
		}
	}
	return out
}

func answer(t evaluate.Target, it *protocol.Item, members [][]float64) (annotate.Answer, bool) {
	a := annotate.Answer{Item: it.Name}
	if len(members) == 0 {
		return a, false
	}
	p := probabilities(t, members)
	mean := make([]float64, len(p[0]))
	for _, m := range p {
		for i, v := range m {
			mean[i] += v / float64(len(p))
		}
	}
	if t.Kind == evaluate.Regression {
		v := mean[0]
		a.Number = &v
		return a, true
	}
	best := slices.Index(mean, slices.Max(mean))
	if t.Kind == evaluate.Binary {
		no, yes, _ := binary(it)
		a.Choice = []string{[]string{no, yes}[best]}
	} else {
		a.Choice = []string{t.Classes[best]}
	}
	if it.Confidence {
		sure := int(math.Round(100 * math.Min(1, mean[best])))
		a.Confidence = &sure
	}
	return a, true
}

// Doubts are the networks' of each case by one target: the greatest of its pictures'. Cases that nobody scored are absent. Code input where the
// measure is not defined for the target.
func (s Said) Doubts(measure, target string, cases map[string][]string) (map[string]float64, error) {
	i := slices.IndexFunc(s.Targets(), func(t evaluate.Target) bool { return t.Name == target })
	if i < 0 {
		return nil, fault.New(fault.Input, "the model has no target %q", target)
	}
	out := map[string]float64{}
	for id, files := range cases {
		for _, f := range files {
			members := s.of(target, f)
			if members == nil {
				continue
			}
			v := Doubt(measure, probabilities(s.Targets()[i], members))
			if math.IsNaN(v) {
				return nil, fault.New(fault.Input, "%s is not defined for target %s of %d networks", measure, target, len(s)).WithHint("entropy takes probabilities; bald and variance take an ensemble, or several folds")
			}
			if old, ok := out[id]; !ok || v > old {
				out[id] = v
			}
		}
	}
	return out, nil
}
