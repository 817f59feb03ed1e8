package assist

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
)

func asked(t *testing.T, items string) *protocol.Protocol {
	t.Helper()
	p, err := protocol.Read("p", []byte("version: 1\nrevision: 1\ndesign: {kind: independent}\nitems:\n"+items))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const allKinds = `  - {name: grade, kind: ordinal, options: [{name: none}, {name: mild}, {name: severe}], confidence: true}
  - {name: dead, kind: choice, options: [{name: yes}, {name: no}], positive: [yes], confidence: true, scope: image}
  - {name: ef, kind: number, unit: "%"}
  - {name: lv, kind: mask}
  - {name: every, kind: mask, scope: frame}
  - {name: note, kind: text}
`

// network is one network's table of three pictures: probabilities of three grades, of death, and a number.
func network(grade [][]float64, dead, ef []float64) *evaluate.Predictions {
	p := &evaluate.Predictions{Targets: []evaluate.Target{{Name: "grade", Kind: evaluate.Class, Classes: []string{"none", "mild", "severe"}}, {Name: "dead", Kind: evaluate.Binary},
		{Name: "fraction", Kind: evaluate.Regression, Unit: "%"}}, Item: []string{"a", "b", "c"}, Score: map[string][][]float64{}}
	for i := range grade {
		p.Score["grade"] = append(p.Score["grade"], grade[i])
		p.Score["dead"] = append(p.Score["dead"], []float64{dead[i]})
		p.Score["fraction"] = append(p.Score["fraction"], []float64{ef[i]})
	}
	return p
}

func twoNetworks() Said {
	return Said{
		network([][]float64{{.8, .1, .1}, {.1, .1, .8}, {.2, .6, .2}}, []float64{.9, .2, math.NaN()}, []float64{50, 60, 30}),
		network([][]float64{{.4, .5, .1}, {.1, .3, .6}, {.2, .6, .2}}, []float64{.7, .4, .5}, []float64{54, 62, 34}),
	}
}

// TestAnswers: a study of two exams, of pictures a and b, and c. Means over networks and pictures by hand; what nobody scored has no answer.
func TestAnswers(t *testing.T) {
	proto, said := asked(t, allKinds), twoNetworks()
	m, unasked, err := Match(proto, said.Targets(), map[string]string{"fraction": "ef"})
	if err != nil || len(unasked) != 0 {
		t.Fatal(unasked, err)
	}
	got := map[string]string{}
	for _, g := range said.Answers(m, [][]string{{"a", "b"}, {"c"}}) {
		v := "-"
		if g.Answer.Number != nil {
			v = fmt.Sprint(*g.Answer.Number)
		}
		sure := -1
		if g.Answer.Confidence != nil {
			sure = *g.Answer.Confidence
		}
		got[fmt.Sprint(g.Answer.Item, " ", g.File, " ", g.Answer.Image)] = fmt.Sprint(g.Answer.Choice, " ", v, " ", sure)
	}
	want := map[string]string{
		"grade a 0": "[severe] - 40", // none (.8+.1+.4+.1)/4 = .35, mild .25, severe .4
		"grade c 0": "[mild] - 60",
		"dead a 1":  "[yes] - 80",
		"dead b 2":  "[no] - 70",
		"ef a 0":    "[] 56.5 -1",
		"ef c 0":    "[] 32 -1",
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: %q, want %q", k, got[k], v)
		}
	}
	if len(got) != len(want) { // nobody knows whether c is dead: one network did not say
		t.Errorf("%v", got)
	}
	d, err := said.Doubts(Variance, "fraction", map[string][]string{"one": {"a", "b"}, "two": {"c"}, "three": {"d"}})
	if err != nil || d["one"] != 8 || d["two"] != 8 || len(d) != 2 {
		t.Errorf("%v, %v", d, err)
	}
	if d, err := said.Doubts(Entropy, "dead", map[string][]string{"one": {"a", "b"}}); err != nil || math.Abs(d["one"]-Doubt(Entropy, [][]float64{{.3, .7}})) > 1e-12 {
		t.Errorf("%v, %v", d, err) // b's, which is the greater
	}
	for _, c := range [][2]string{{Entropy, "fraction"}, {Variance, "nothing"}} {
		if _, err := said.Doubts(c[0], c[1], map[string][]string{"one": {"a"}}); fault.CodeOf(err) != fault.Input {
			t.Errorf("%v: %v", c, err)
		}
	}
	if _, err := said[:1].Doubts(BALD, "grade", map[string][]string{"one": {"a"}}); fault.CodeOf(err) != fault.Input {
		t.Errorf("one network disagrees with itself: %v", err)
	}
}

func TestMatch(t *testing.T) {
	target := func(kind evaluate.Kind, name, unit string, classes ...string) []evaluate.Target {
		return []evaluate.Target{{Name: name, Kind: kind, Unit: unit, Classes: classes}}
	}
	proto := asked(t, allKinds)
	for _, c := range []struct {
		targets []evaluate.Target
		names   map[string]string
		want    string
	}{
		{target(evaluate.Regression, "other", ""), nil, "no item of the protocol"},
		{target(evaluate.Regression, "ef", ""), map[string]string{"ef": "nothing"}, "no item"},
		{target(evaluate.Regression, "ef", ""), map[string]string{"nothing": "ef"}, "no target"},
		{target(evaluate.Regression, "ef", "mL"), nil, "one is in mL, the other in %"},
		{target(evaluate.Regression, "ef", ""), map[string]string{"ef": "grade"}, "no number"},
		{target(evaluate.Class, "grade", "", "none", "huge"), nil, `no option "huge"`},
		{target(evaluate.Class, "ef", "", "none"), nil, "no choice"},
		{target(evaluate.Binary, "grade", ""), nil, "two options"},
		{target(evaluate.Binary, "every", ""), nil, "a picture or an exam"},
		{target(evaluate.MultiLabel, "grade", ""), nil, "yes or no, classes and numbers"},
	} {
		if _, _, err := Match(proto, c.targets, c.names); fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.targets, err, c.want)
		}
	}
	_, unasked, err := Match(proto, append(target(evaluate.Regression, "ef", "%"), target(evaluate.Regression, "age", "")...), nil)
	if err != nil || !slices.Equal(unasked, []string{"age"}) {
		t.Errorf("%v, %v", unasked, err)
	}
}

// TestMasks: a class of 0, 2 and 3 pixels in three frames: the image's item gets the last frame, the frames' item those two where it is.
func TestMasks(t *testing.T) {
	proto := asked(t, allKinds)
	label := []uint8{0, 0, 0, 2, 1, 1, 0, 2, 1, 1, 1, 0}
	items, err := MaskItems(proto, "heart", []string{"lv", "wall"}, map[string]string{"wall": "every"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range Masks(items, "a", 2, [3]int{3, 2, 2}, label) {
		got = append(got, fmt.Sprint(g.Answer.Item, " ", g.Answer.Image, " ", g.Answer.Frame, " ", g.Answer.Mask.Runs))
	}
	if want := []string{"lv 2 2 [0 3 1]", "every 2 0 [3 1]", "every 2 1 [3 1]"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	// One class: the target's name will do.
	if items, err := MaskItems(proto, "lv", []string{"disc"}, nil); err != nil || items[0].Name != "lv" {
		t.Errorf("%v, %v", items, err)
	}
	for _, c := range []struct {
		target  string
		classes []string
		names   map[string]string
	}{{"heart", []string{"x", "y"}, nil}, {"heart", []string{"lv"}, map[string]string{"lv": "nothing"}}, {"heart", []string{"note"}, nil}} {
		if _, err := MaskItems(proto, c.target, c.classes, c.names); fault.CodeOf(err) != fault.Input {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
