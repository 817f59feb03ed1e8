package main

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/clip/phantom"
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// views is the echo half of figure 3 of Shad et al. (Nature Machine Intelligence 2021) on the simulator: a network names the view of a frame,
// and the maps of frames that it names wrongly are held against those that it names rightly. What a map shows is no sign of being right where
// both are nearly the same.
type views struct {
	Views    []phantom.View `json:"views"`
	Train    int            `json:"training_patients"`
	Test     int            `json:"test_patients"`
	Epochs   int            `json:"epochs"`
	Accuracy float64        `json:"test_accuracy"`
	Frames   int            `json:"test_frames"`
	Wrong    int            `json:"wrong_frames"`
	Rows     []viewRow      `json:"rows"`
	Figure   string         `json:"figure"`
}

// viewRow is a method.
type viewRow struct {
	Method string `json:"method"`
	// Wrong is the mean rank correlation of a wrong frame's |map| with the nearest map of a frame of another patient that was rightly given the
	// same name; Right is the same of right frames.
	Wrong float64 `json:"wrong_with_nearest_right"`
	Right float64 `json:"right_with_nearest_right"`
	// Tells is the AUROC of that nearness as a sign of being right, with its 95 % interval by patient: 0.5 is no sign.
	Tells *float64 `json:"nearness_tells_right_from_wrong"`
	Low   *float64 `json:"low"`
	High  *float64 `json:"high"`
}

const viewSide = 64

// viewMethods are the ways that draw views.
var viewMethods = []string{"gradient", "input x gradient", "SmoothGrad", "integrated gradients", "guided backprop", "Grad-CAM", "Grad-CAM++", "guided Grad-CAM",
	"LRP epsilon-plus", "DeepLIFT"}

// frames simulates the first frame of every view of patients lo … hi-1.
func frames(c *phantom.Cohort, lo, hi int) (d images, patient []string, err error) {
	d.size = viewSide
	spec := clip.InputSpec{Frames: 1, Height: viewSide, Width: viewSide, Channels: 1, Normalise: "unit"}
	for i := lo; i < hi; i++ {
		for k, v := range c.Config().Views {
			full, _ := c.Clip(i, v)
			x := make([]float32, viewSide*viewSide)
			if err := clip.Prepare(full, spec, x, nil, clip.AugmentSpec{}, 0); err != nil {
				return d, nil, err
			}
			d.pixels, d.label, patient = append(d.pixels, x...), append(d.label, int64(k)), append(patient, fmt.Sprint(i))
		}
	}
	return d, patient, nil
}

// viewNet has three convolutions; the last is where class activation maps look.
func viewNet(e *torch.Engine, classes int64, seed stats.Seed) nn.Chain {
	one, two := []int64{1, 1}, []int64{2, 2}
	pool := nn.Pool{Kernel: two, Stride: two, Pad: []int64{0, 0}}
	conv := func(in, out, k int64) *nn.Conv {
		return nn.NewConv(in, out, []int64{k, k}, one, []int64{k / 2, k / 2}).WithInit(nn.TruncatedNormal(0.1)).WithBias(nn.Constant(0.05))
	}
	c := nn.Chain{
		{Name: "conv0", Module: conv(1, 8, 5)}, {Name: "relu0", Module: nn.ReLU{}}, {Name: "pool0", Module: pool},
		{Name: "conv1", Module: conv(8, 16, 5)}, {Name: "relu1", Module: nn.ReLU{}}, {Name: "pool1", Module: pool},
		{Name: "conv2", Module: conv(16, 32, 3)}, {Name: camLayer, Module: nn.ReLU{}}, {Name: "pool2", Module: pool},
		{Name: "flatten", Module: flatten{}},
		{Name: "fc1", Module: nn.NewLinear(32*viewSide*viewSide/64, 64, nn.TruncatedNormal(0.03), nn.Constant(0.05))}, {Name: "relu3", Module: nn.ReLU{}},
		{Name: "fc2", Module: nn.NewLinear(64, classes, nn.TruncatedNormal(0.1), nn.Constant(0))},
	}
	nn.Materialise(e, c, seed)
	return c
}

// nameViews trains, judges and draws.
func nameViews(e *torch.Engine, out string, patients, test, epochs int, seed stats.Seed, say func(string)) (r views, err error) {
	c, err := phantom.New(phantom.Config{Seed: seed, Patients: patients + test, Views: phantom.Views, Frames: 8, Height: viewSide, Width: viewSide, Tissue: true})
	if err != nil {
		return r, err
	}
	say("simulating")
	d, _, err := frames(c, 0, patients)
	if err != nil {
		return r, err
	}
	judged, of, err := frames(c, patients, patients+test)
	if err != nil {
		return r, err
	}
	r = views{Views: phantom.Views, Train: patients, Test: test, Frames: len(judged.label), Figure: "views.png"}
	net := viewNet(e, int64(len(phantom.Views)), seed)
	defer nn.Free(net)
	r.Epochs, _ = train(e, net, d, epochs, 1e-3, 0.999, seed, say)
	called := predicted(e, net, judged)
	right := make([]bool, len(called))
	for i := range called {
		if right[i] = called[i] == judged.label[i]; !right[i] {
			r.Wrong++
		}
	}
	r.Accuracy = share(right)
	if r.Wrong == 0 || r.Wrong == len(right) {
		return r, nil
	}
	var pairs [][2]int // frames of the figure: those whose Grad-CAM is nearest to that of a right one
	drawn := map[string][]*explain.Map{}
	for _, name := range viewMethods {
		say(name)
		w := ways[slices.IndexFunc(ways, func(w way) bool { return w.name == name })]
		var maps []*explain.Map
		for lo := 0; lo < len(called); lo += 50 {
			hi := min(lo+50, len(called))
			m, err := w.maps(e, net, judged.part(lo, hi), called[lo:hi])
			if err != nil {
				return r, err
			}
			maps = append(maps, m...)
		}
		row, nearest := judgeViews(maps, called, right, of)
		row.Method = name
		if name == "Grad-CAM" {
			pairs = showPairs(nearest, right, 4)
		}
		r.Rows = append(r.Rows, row)
		drawn[name] = maps
	}
	f := figure{title: "named wrongly, rightly", numbers: [2]string{"rank of |map| with nearest right map", "wrong          right          tells"}}
	for _, p := range pairs {
		short := func(i int) string { return string(phantom.Views[i]) }
		f.columns = append(f.columns, column{
			names:    [2]string{fmt.Sprintf("%s\nas %s", short(int(judged.label[p[0]])), short(int(called[p[0]]))), short(int(called[p[1]]))},
			pictures: [2]*explain.Map{judged.picture(p[0]), judged.picture(p[1])}})
	}
	for _, row := range r.Rows {
		fr := figureRow{name: row.Method, numbers: []string{fmt.Sprintf("%.2f", row.Wrong), fmt.Sprintf("%.2f", row.Right), tells(row.Tells)}}
		for _, p := range pairs {
			fr.maps = append(fr.maps, [2]*explain.Map{drawn[row.Method][p[0]], drawn[row.Method][p[1]]})
		}
		f.rows = append(f.rows, fr)
	}
	return r, f.draw(filepath.Join(out, r.Figure))
}

func tells(v *float64) string {
	if v == nil {
		return "–"
	}
	return fmt.Sprintf("%.2f", *v)
}

// near is the right frame of another patient with the same name whose map is nearest.
type near struct {
	at   int // -1: there is none
	rank float64
}

// judgeViews compares every frame's map with those of right frames that were given the same name.
func judgeViews(maps []*explain.Map, called []int64, right []bool, patient []string) (row viewRow, nearest []near) {
	ranks := make([][]float64, len(maps)) // of |map|, once each: their correlation is the rank correlation
	for i, m := range maps {
		v := make([]float64, len(m.Values))
		for p, x := range m.Values {
			v[p] = math.Abs(float64(x))
		}
		ranks[i] = stats.Midranks(v)
	}
	var score []float64
	var isRight []bool
	var who []string
	var sum, count [2]float64
	for i := range maps {
		best := near{at: -1}
		for j := range maps {
			if j == i || !right[j] || called[j] != called[i] || patient[j] == patient[i] {
				continue
			}
			if v := stats.Pearson(ranks[i], ranks[j]); best.at < 0 || v > best.rank {
				best = near{j, v}
			}
		}
		nearest = append(nearest, best)
		if best.at < 0 || math.IsNaN(best.rank) {
			continue
		}
		k := 0
		if right[i] {
			k = 1
		}
		sum[k], count[k] = sum[k]+best.rank, count[k]+1
		score, isRight, who = append(score, best.rank), append(isRight, right[i]), append(who, patient[i])
	}
	row.Wrong, row.Right = sum[0]/max(1, count[0]), sum[1]/max(1, count[1])
	a := stats.DeLongClustered(score, isRight, stats.Clusters(who))
	iv := a.Interval(0.95)
	row.Tells, row.Low, row.High = explain.Finite(a.Area), explain.Finite(iv.Low), explain.Finite(iv.High)
	return row, nearest
}

// showPairs are the n wrong frames whose maps are nearest to a right one's, with it; no right frame twice.
func showPairs(nearest []near, right []bool, n int) (pairs [][2]int) {
	var wrong []int
	for i, q := range nearest {
		if !right[i] && q.at >= 0 {
			wrong = append(wrong, i)
		}
	}
	slices.SortStableFunc(wrong, func(a, b int) int { return -cmp.Compare(nearest[a].rank, nearest[b].rank) })
	seen := map[int]bool{}
	for _, i := range wrong {
		if len(pairs) < n && !seen[nearest[i].at] {
			seen[nearest[i].at] = true
			pairs = append(pairs, [2]int{i, nearest[i].at})
		}
	}
	return pairs
}
