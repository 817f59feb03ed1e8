package report

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"math"
	"testing"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/stats"
)

// fakePage is a page with everything on it: a study of 160 patients with an ejection fraction, an outcome and a view, judged on
// random clips and on sources that training never saw.
func fakePage(t testing.TB) Page {
	random, held := fakeTable(1, 1), fakeTable(2, 0.25)
	learning := func(seed stats.Seed) []Curve {
		r := seed.Stream("learning")
		var out []Curve
		for _, c := range []struct {
			chart, name string
			from, to    float64
		}{{"loss", "train", 1.2, 0.3}, {"loss", "val", 1.25, 0.5}, {"event AUROC", "val", 0.55, 0.84}} {
			x := Curve{Chart: c.chart, Name: c.name, Best: 17}
			for e := range 24 {
				x.Epochs = append(x.Epochs, float64(e+1))
				x.Values = append(x.Values, c.to+(c.from-c.to)*math.Exp(-float64(e)/6)+0.02*r.NormFloat64())
			}
			out = append(out, x)
		}
		return out
	}
	variant := func(name, about string, heldOut bool, p *evaluate.Predictions, seed stats.Seed) Variant {
		d := evaluate.Derivation{Name: "ejection fraction", Kind: evaluate.EjectionFraction, From: "volume", Unit: "%"}
		for i := range p.Item {
			d.Phase = append(d.Phase, []string{"ED", "ES"}[i%2])
		}
		r, err := evaluate.Evaluate(context.Background(), p, evaluate.Options{Name: name, Resamples: 100, Seed: seed, Derive: []evaluate.Derivation{d}})
		if err != nil {
			t.Fatal(err)
		}
		q, _, err := evaluate.Derive(p, d)
		if err != nil {
			t.Fatal(err)
		}
		return Variant{Name: name, About: about, HeldOut: heldOut, Report: r, Tables: []*evaluate.Predictions{p, q}, Learning: learning(seed)}
	}
	parts := []Part{{"train", Count{448, 224}, "6 sources"}, {"val", Count{128, 64}, "1 source"}, {"test", Count{384, 192}, "3 sources"}}
	return Page{
		Title:       "Stress echo: ejection fraction, outcome and view",
		Description: "Can a network that sees one apical loop tell the ejection fraction, whether an event follows within a year, and which view it is?",
		Date:        "2026-01-02", Version: "0.1.0",
		Warnings: []string{"The clips of one patient are alike: random clips put the same patient on both sides of the split, which flatters every number.",
			"Site “north” has 9 patients in the judged part."},
		Limits: []string{"One vendor, adults only. Nothing is known for children.", "The truth is one reader’s; agreement between readers bounds what can be reached."},
		Flow: Flow{Noun: "clips", Found: Count{1012, 486}, Usable: Count{960, 480}, Parts: parts,
			Quarantined: []Exclusion{{"frame data end early", 12}, {"no region calibration", 9}, {"transfer syntax JPEG 2000 Part 2 has no decoder here", 4}},
			Excluded:    []Exclusion{{"colour Doppler", 27}}},
		Splits: []Split{{"random clips", "by item, 45/15/40", parts}, {"held-out sources", "sources never cross", parts}},
		Variants: []Variant{
			variant("random clips", "clips of the same source, and of the same patient, are on both sides", false, random, 1),
			variant("held-out sources", "judged on sources that training never saw", true, held, 2),
		},
		Sheets: []Picture{{URI: pngURI(t, 12*48, 4*40), Alt: "Contact sheet: 48 middle frames of clips, four rows", Caption: "The middle frame of 48 clips, in order of view."}},
		Examples: []Example{
			example(t, "Right", "Clip 0412", "event", "0.91", "Covering the marked region lowers the probability by 0.41; equal areas elsewhere lower it by 0.05 (95 % range 0.01 to 0.12).", true),
			example(t, "Right", "Clip 0077", "no event", "0.06", "Covering the marked region raises the probability by 0.22; equal areas elsewhere by 0.03.", true),
			example(t, "Wrong", "Clip 0519", "no event", "0.83", "Covering the marked region changes the answer no more than covering as much elsewhere (0.04 against 0.05): the map does not show what the answer rests on.", false),
			example(t, "Most uncertain", "Clip 0230", "event", "0.50", "Covering the marked region lowers the probability by 0.18; equal areas elsewhere by 0.04.", true),
		},
		Plan:    "name: stress-echo\nseed: 7\nmodel:\n  name: r2plus1d_18\n  width: 16\ntrain:\n  epochs: 24\n  optimizer: adamw\n  lr: 0.001 # <chosen by the plan & kept>\n",
		Reasons: []string{"model.width = 16: 448 training clips and 20 minutes of two cores", "input.frames = 16: the shortest clip has 19"},
		Seeds:   []Fact{{"run", "7"}, {"split", "7"}},
		Tools:   []Fact{{"cineloop", "0.1.0"}, {"libtorch", "1.13.1 (CPU, 2 threads)"}, {"Go", "1.26"}},
		Digests: []Fact{{"cohort table", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}, {"fingerprint", "sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"}},
		Timing:  []Fact{{"training", "18 min 20 s"}, {"waiting for data", "1.2 % of training"}, {"peak memory", "1.9 GiB"}},
	}
}

// fakeTable simulates predictions whose event score is worth signal times its usual.
func fakeTable(seed stats.Seed, signal float64) *evaluate.Predictions {
	r := seed.Stream("fake")
	p := &evaluate.Predictions{Targets: []evaluate.Target{
		{Name: "event", Kind: evaluate.Binary}, {Name: "view", Kind: evaluate.Class, Classes: []string{"A4C", "A2C", "PLAX"}},
		{Name: "volume", Kind: evaluate.Regression, Unit: "mL"}},
		Groups: []evaluate.Group{{Name: "sex"}, {Name: "age"}, {Name: "site"}},
		Truth:  map[string][][]float64{}, Score: map[string][][]float64{}}
	for i := range 480 {
		risk, ef, edv := r.NormFloat64(), 0.55+0.1*r.NormFloat64(), 130+30*r.NormFloat64()
		event := 0.0
		if r.Float64() < 1/(1+math.Exp(-2*risk+1)) {
			event = 1
		}
		groups := []string{[]string{"F", "M"}[r.IntN(2)], []string{"<50", "50-65", ">=65", ""}[r.IntN(4)], []string{"east", "west", "south"}[r.IntN(3)]}
		if i%53 == 3 {
			groups[2] = "north"
		}
		for k := range 2 {
			p.Item = append(p.Item, fmt.Sprintf("c%d-%d", i, k))
			p.Patient = append(p.Patient, fmt.Sprintf("p%d", i))
			p.Split = append(p.Split, []string{"train", "train", "val", "test", "test"}[i%5])
			p.Fold = append(p.Fold, -1)
			for g := range p.Groups {
				p.Groups[g].Values = append(p.Groups[g].Values, groups[g])
			}
			v := edv
			if k == 1 {
				v = edv * (1 - ef)
			}
			p.Truth["volume"] = append(p.Truth["volume"], []float64{v})
			p.Score["volume"] = append(p.Score["volume"], []float64{v*0.93 + 6 + 7*r.NormFloat64()})
			p.Truth["event"] = append(p.Truth["event"], []float64{event})
			p.Score["event"] = append(p.Score["event"], []float64{1 / (1 + math.Exp(-signal*(2*risk-1)-0.6*r.NormFloat64()))})
			view := r.IntN(3)
			z := []float64{r.NormFloat64(), r.NormFloat64(), 0.5 * r.NormFloat64()}
			z[view] += 2
			var sum float64
			for c := range z {
				z[c] = math.Exp(z[c])
				sum += z[c]
			}
			for c := range z {
				z[c] /= sum
			}
			p.Truth["view"] = append(p.Truth["view"], []float64{float64(view)})
			p.Score["view"] = append(p.Score["view"], z)
		}
	}
	return p
}

func example(t testing.TB, group, title, truth, prob, verdict string, trusted bool) Example {
	return Example{Group: group, Title: title, Facts: []Fact{{"truth", truth}, {"probability of event", prob}},
		Plain:   Picture{URI: gifURI(t, false, trusted), Still: pngURI(t, 112, 112), Alt: "Echo loop, apical view", Caption: "The loop"},
		Overlay: Picture{URI: gifURI(t, true, trusted), Alt: "The same loop with the heat map", Caption: "Where the answer came from"},
		Verdict: verdict, Trusted: trusted}
}

// gifURI is a sector with a beating chamber, as an echo might show it.
func gifURI(t testing.TB, hot, coloured bool) string {
	palette := color.Palette{}
	for i := range 128 {
		palette = append(palette, color.Gray{uint8(2 * i)})
	}
	for i := range 128 {
		c := color.RGBA{uint8(2 * i), uint8(i), uint8(40), 255}
		if !coloured {
			c = color.RGBA{uint8(90 + i), uint8(90 + i), uint8(90 + i), 255}
		}
		palette = append(palette, c)
	}
	r := stats.Seed(3).Stream("gif")
	g := &gif.GIF{}
	const n = 112
	for frame := range 12 {
		m := image.NewPaletted(image.Rect(0, 0, n, n), palette)
		size := 16 + 5*math.Cos(2*math.Pi*float64(frame)/12)
		for y := range n {
			for x := range n {
				dx, dy := float64(x-n/2), float64(y)
				if math.Abs(math.Atan2(dx, dy)) > 0.7 || math.Hypot(dx, dy) > 108 {
					continue
				}
				v := 60 + 40*r.Float64()
				d := math.Hypot(dx, (dy-58)/1.5)
				if d < size {
					v = 10 * r.Float64()
				}
				m.Pix[y*n+x] = uint8(v)
				if hot && math.Abs(d-size) < 6 {
					m.Pix[y*n+x] = uint8(168 + v*0.8)
				}
			}
		}
		g.Image, g.Delay = append(g.Image, m), append(g.Delay, 8)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	return "data:image/gif;base64," + base64.StdEncoding.EncodeToString(b.Bytes())
}

func pngURI(t testing.TB, w, h int) string {
	m := image.NewGray(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		x, y := i%w%48, i/w%40
		if math.Abs(float64(x-24)) < float64(y)*0.7 {
			m.Pix[i] = uint8(60 + (x*y)%120)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())
}
