package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/learn"
	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/stats"
)

const allSources = `regions:
  - {name: Left ventricle, also: [LV], mask: "masks/{file}", values: [1, 2], each_frame: true}
  - {name: by our model, run: ../lv, class: cavity}
  - {name: apex, ellipse: {centre: [8, 3], radii: [3, 2], degrees: 10}}
  - {name: valve, polygon: [[2, 2], [6, 2], [6, 6]], frames: [0, 1]}
  - {name: atrium, phantom: left atrium}
  - {name: middle, disc: [0.5, 0.5, 0.2]}
`

func regionsIn(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "regions.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func specNames(specs []regionSpec) (out []string) {
	for _, s := range specs {
		out = append(out, s.Name)
	}
	return out
}

func hintOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Hint
	}
	return ""
}

func TestReadRegions(t *testing.T) {
	file := regionsIn(t, allSources)
	for _, c := range []struct {
		file  string
		asked []string
		want  []string
		words string // of the error
	}{
		{file, nil, []string{"Left ventricle", "by our model", "apex", "valve", "atrium", "middle"}, ""},
		{file, []string{" lv , Valve"}, []string{"Left ventricle", "valve"}, ""},
		{file, []string{"apex", "spot=0.1,0.2,0.3"}, []string{"apex", "spot"}, ""},
		{"", nil, nil, ""},
		{"", []string{"lv, aorta"}, []string{"left ventricle", "aorta"}, ""},
		{file, []string{"the part that squeezes"}, nil, "free text is not understood"},
		{file, []string{"lv,LV"}, nil, "asked for twice"},
		{file, []string{"=1,2,3"}, nil, "want NAME=Y,X,RADIUS"},
		{file, []string{"a=1,2"}, nil, "want NAME=Y,X,RADIUS"},
		{file, []string{"a=1,2,0"}, nil, "want NAME=Y,X,RADIUS"},
		{file, []string{"a=1,x,2"}, nil, "want NAME=Y,X,RADIUS"},
		{"nowhere.yaml", nil, nil, "nowhere.yaml"},
		{regionsIn(t, "regions: []"), nil, nil, "names no region"},
		{regionsIn(t, "regions: [{name: a, polygon: [[1, 2], [3, 4]]}]"), nil, nil, "3 are needed"},
		{regionsIn(t, "regions: [{name: a, polygon: [[1, 2], [3, 4], [5]]}]"), nil, nil, "no point"},
		{regionsIn(t, "regions: [{name: a, ellipse: {centre: [1, 2], radii: [0, 1]}}]"), nil, nil, "radii"},
		{regionsIn(t, "regions: [{name: a}]"), nil, nil, "0 sources"},
		{regionsIn(t, "regions: [{name: a, mask: x, run: y}]"), nil, nil, "mask, run"},
		{regionsIn(t, "regions: [{name: a, phantom: spleen}]"), nil, nil, "no \"spleen\""},
		{regionsIn(t, "regions: [{name: a, mask: x, frames: [3, 1]}]"), nil, nil, "first and the last"},
		{regionsIn(t, "regions: [{name: a, mask: x}, {name: A, mask: y}]"), nil, nil, "two regions"},
		{regionsIn(t, "regions: [{name: ' ', mask: x}]"), nil, nil, "no name"},
		{regionsIn(t, "regions: [{name: a, run: x, values: [1]}]"), nil, nil, "those of a mask"},
		{regionsIn(t, "regions: [{name: a, mask: x, class: y}]"), nil, nil, "that of a run"},
		{regionsIn(t, `{"regions": [{"name": "a", "disc": [0.5, 0.5, 0.1]}]}`), nil, []string{"a"}, ""},
	} {
		got, err := readRegions(c.file, c.asked)
		if c.words == "" {
			if err != nil || !slices.Equal(specNames(got), c.want) {
				t.Errorf("%v of %s: %v, %v", c.asked, c.file, specNames(got), err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error()+hintOf(err), c.words) {
			t.Errorf("%v of %s: %v, want %q", c.asked, c.file, err, c.words)
		}
	}
}

func FuzzReadRegions(f *testing.F) {
	f.Add(allSources, "lv")
	f.Add("regions: [{name: a, polygon: [[.nan, 2], [3, 4], [5, 6]]}]", "a=1,2,3")
	f.Fuzz(func(t *testing.T, text, asked string) {
		specs, err := readRegions(regionsIn(t, text), []string{asked})
		if err != nil {
			return
		}
		for _, s := range specs {
			if s.Polygon == nil && s.Ellipse == nil {
				continue
			}
			shape, err := s.shape()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := shape.Mask(8, 8); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A mask goes the clip's own way into the network: what is bright in a clip that shows the mask alone is where the mask is seen.
func TestMasksAreSeenWhereThePictureIs(t *testing.T) {
	c := clip.New(clip.Uint8, 6, 30, 40, 1)
	c.Spacing = clip.Spacing{Row: 1, Column: 0.5}
	mask := make([]uint8, 6*30*40)
	for i := range mask {
		y, x := i/40%30, i%40
		if y >= 3 && y < 27 && x >= 4 && x < 36 {
			c.Data[i] = 40 // foreground
		}
		if f := i / 1200; f > 1 && y >= 9 && y < 21 && x >= 12+f && x < 24+f {
			mask[i], c.Data[i] = 1, 240
		}
	}
	for name, in := range map[string]clip.InputSpec{
		"stretched":  {Frames: 6, Height: 15, Width: 20},
		"few frames": {Frames: 3, Height: 30, Width: 40},
		"foreground": {Frames: 6, Height: 24, Width: 32, Crop: "foreground"},
		"centre":     {Frames: 6, Height: 16, Width: 16, Crop: "centre", CropSize: []int{20, 20}},
		"spaced":     {Frames: 6, Height: 24, Width: 24, SpacingMM: []float64{1, 1, 1}},
		"windowed":   {Frames: 6, Height: 30, Width: 40, Window: []float64{100, 50}, Working: true},
	} {
		at, err := seenMask(c, mask, in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		plain := in
		plain.Channels, plain.Normalise, plain.Window, plain.Working = 1, "none", nil, false
		x := make([]float32, in.Frames*in.Height*in.Width)
		if err := clip.Prepare(c, plain, x, nil, clip.AugmentSpec{}, 0); err != nil {
			t.Fatal(err)
		}
		seen := map[int]bool{}
		for _, p := range at {
			seen[p] = true
		}
		wrong, bright := 0, 0
		for i, v := range x {
			if v > 200 {
				bright++
			}
			if (v > 235) && !seen[i] || v < 45 && seen[i] { // between them lies an interpolated edge
				wrong++
			}
		}
		if wrong > 0 || bright == 0 || len(at) == 0 {
			t.Errorf("%s: %d positions differ of %d seen and %d bright", name, wrong, len(at), bright)
		}
	}
}

func TestFitted(t *testing.T) {
	stored := clip.New(clip.Uint8, 2, 2, 2, 1)
	m := clip.New(clip.Uint8, 1, 2, 2, 1)
	m.Photometric = clip.Mask
	copy(m.Data, []byte{0, 1, 2, 3})
	for _, c := range []struct {
		values []int
		want   []uint8
	}{{nil, []uint8{0, 1, 1, 1, 0, 1, 1, 1}}, {[]int{2}, []uint8{0, 0, 1, 0, 0, 0, 1, 0}}, {[]int{0, 3}, []uint8{1, 0, 0, 1, 1, 0, 0, 1}}} {
		if got, err := fitted(m, stored, c.values); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("values %v: %v, %v", c.values, got, err)
		}
	}
	if _, err := fitted(clip.New(clip.Uint8, 1, 2, 3, 1), stored, nil); fault.CodeOf(err) != fault.Input {
		t.Errorf("another size: %v", err)
	}
	if _, err := fitted(clip.New(clip.Uint8, 3, 2, 2, 1), stored, nil); fault.CodeOf(err) != fault.Input {
		t.Errorf("other frames: %v", err)
	}
}

// A network that reads the middle of the picture: hiding the middle costs it everything and a corner nothing; an item without a mask is counted.
func TestOccluderFindsWhatIsRead(t *testing.T) {
	const side = 20
	plan := &learn.Plan{Seed: 1}
	plan.Input = clip.InputSpec{Frames: 2, Height: side, Width: side, Channels: 1, Normalise: "none"}
	r := &Run{Plan: plan, Cohort: &cohort.Cohort{}, Dir: Folder(t.TempDir())}
	if err := mkdir(r.Dir.Explain()); err != nil {
		t.Fatal(err)
	}
	specs, err := readRegions("", []string{"middle=0.5,0.5,0.15", "corner=0.1,0.1,0.09"})
	if err != nil {
		t.Fatal(err)
	}
	specs[0].EachFrame = true
	for _, kind := range []evaluate.Kind{evaluate.Binary, evaluate.Regression, evaluate.Class} {
		regions, err := r.regions(t.Context(), specs, nil)
		if err != nil {
			t.Fatal(err)
		}
		regions = append(regions, namedRegion{regionSpec: regionSpec{Name: "rare"}, mask: func(context.Context, int, *clip.Clip) ([]uint8, error) {
			return nil, fault.New(fault.Input, "its mask is broken")
		}})
		o := newOccluder(r, kind, explain.FillZero, regions)
		two := newOccluder(r, kind, explain.FillZero, regions[:2])
		for i := range 40 {
			rng := stats.Seed(5).Stream("item", i)
			in := explain.Input{C: 1, T: 2, H: side, W: side, X: make([]float32, 2*side*side)}
			for p := range in.X {
				in.X[p] = float32(rng.NormFloat64())
			}
			truth := float64(i % 2)
			for f := range 2 {
				in.X[(f*side+10)*side+10] = float32(2*truth - 1)
			}
			score := func(x []float32, k int) ([]float64, error) {
				out := make([]float64, k)
				for j := range out {
					at := x[j*2*side*side:]
					out[j] = 0.5 + 0.4*float64(at[10*side+10]) + 0.02*float64(at[15*side+3]) // of the first frame
					if kind == evaluate.Class {
						out[j] = 0.5 + (out[j]-0.5)*(2*truth-1)
					}
				}
				return out, nil
			}
			ex := example{Example: Example{Target: "x", Truth: truth}, row: i, kind: kind}
			r.Cohort.Rows = append(r.Cohort.Rows, cohort.Row{ID: fmt.Sprint(i), Patient: fmt.Sprint(i / 2)})
			for _, o := range []*occluder{o, two} {
				if err := o.add(t.Context(), ex, clip.New(clip.Uint8, 2, side, side, 1), in, rng, score); err != nil {
					t.Fatal(err)
				}
			}
		}
		tests, serial, err := o.finish(t.Context())
		if err != nil || len(tests) != 3 || serial != nil {
			t.Fatalf("%d tests, %v", len(tests), err)
		}
		middle, corner, rare := tests[0], tests[1], tests[2]
		if !middle.Needed || !strings.Contains(middle.Words, "the network relies on it") || middle.Loss == nil || *middle.LossLow <= 0 || len(middle.Curve) != regionSteps+1 {
			t.Errorf("%s, the middle: %+v", kind, middle)
		}
		if corner.Needed || corner.Hidden.MeanMove != 0 {
			t.Errorf("%s, the corner: %s", kind, corner.Words)
		}
		if rare.Items != 0 || rare.Lacks != 40 || !strings.Contains(rare.Words, "its mask is broken") {
			t.Errorf("%s, the rare one: %s", kind, rare.Words)
		}
		if len(middle.InTime) != 2 || middle.InTime[0].Move <= 0.1 || middle.InTime[1].Move != 0 || middle.InTime[0].To != 1 || corner.InTime != nil {
			t.Errorf("%s, in time: %+v", kind, middle.InTime)
		}
		if _, err := json.Marshal(tests); err != nil {
			t.Error(err)
		}
		for i, g := range tests {
			if s := g.plot(i).SVG() + g.timing(i).SVG(); !strings.Contains(s, "</svg>") || strings.Contains(s, "NaN") {
				t.Errorf("%s: %s", g.Name, s)
			}
		}
		_, serial, err = two.finish(t.Context())
		if err != nil || serial == nil || len(serial.Curve) != 3 || serial.Curve[2].Hides != "corner" || !strings.Contains(serial.Words, "without middle") {
			t.Fatalf("in turn: %+v, %v", serial, err)
		}
		if s := serial.plot().SVG(); strings.Contains(s, "NaN") {
			t.Error(s)
		}
	}
}

// On a cohort whose classes are told by a square: masks from files and a drawn square through the whole command, with its page.
func TestRegionsOfACohort(t *testing.T) {
	root := toyCohort(t, toyRows(30))
	recipe := toyRecipe(t, root, `[{name: level, kind: regression, column: level}]`, "")
	r, _, err := do(t, Options{Recipe: recipe, Set: []string{"train.epochs=4"}})
	if err != nil {
		t.Fatal(err)
	}
	m := clip.New(clip.Uint8, 1, 16, 16, 1)
	for i := range m.Data {
		if y, x := i/16, i%16; y >= 4 && y < 12 && x >= 4 && x < 12 {
			m.Data[i] = 3
		}
	}
	if err := os.Mkdir(filepath.Join(root, "masks"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 20 { // the others have none
		if err := clip.Save(filepath.Join(root, "masks", fmt.Sprintf("c%02d.npy", i)), m); err != nil {
			t.Fatal(err)
		}
	}
	file := regionsIn(t, `regions:
  - {name: square, mask: "masks/{file}", values: [3], each_frame: true}
  - {name: edge, polygon: [[-0.5, -0.5], [2.5, -0.5], [2.5, 15.5], [-0.5, 15.5]]}
`)
	x, err := ExplainOn(t.Context(), string(r.Dir), ExplainOptions{ExternalOptions: ExternalOptions{Table: filepath.Join(root, "index.csv"), Log: t.Output()},
		Methods: []string{"gradient"}, Examples: 1, Limit: 30, Fill: "mean", RegionFile: file})
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Regions) != 2 || x.Regions[0].Items != 20 || x.Regions[0].Lacks != 10 || x.Regions[1].Items != 30 || x.Serial == nil || x.Serial.Items != 20 {
		t.Fatalf("%+v, %+v", x.Regions, x.Serial)
	}
	if g := x.Regions[0]; g.Area != 0.25 || g.Hidden.MeanMove <= g.Random.MeanMove {
		t.Errorf("the square: %s", g.Words)
	}
	page, err := os.ReadFile(x.Page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"square hidden", "One after the other", `id="region-0-t"`, `id="region-time-0-t"`, x.Regions[1].From} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if _, err := ExplainOn(t.Context(), string(r.Dir), ExplainOptions{ExternalOptions: ExternalOptions{Table: filepath.Join(root, "index.csv"), Log: t.Output()},
		Examples: 1, Limit: 30, Fill: "mean", RegionFile: regionsIn(t, "regions: [{name: a, run: "+string(r.Dir)+"}]")}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a run that labels nothing: %v", err)
	}
}

// segmentationRegion: a region that a finished segmentation run finds in another run's items lies where the truth is, and is made once.
func segmentationRegion(t *testing.T, seg *Run) {
	t.Helper()
	r := &Run{Plan: &learn.Plan{Seed: 1, Input: clip.InputSpec{Frames: 1, Height: 24, Width: 24, Channels: 1}}, Cohort: seg.Cohort, Dir: Folder(t.TempDir()), log: t.Output()}
	specs := []regionSpec{{Name: "the disc", Run: string(seg.Dir), Class: "disc"}}
	rows := []int{0, 1, 2, 3}
	regions, err := r.regions(t.Context(), specs, rows)
	if err != nil {
		t.Fatal(err)
	}
	truth, err := r.regions(t.Context(), []regionSpec{{Name: "truth", Mask: "mask_{file}"}}, rows)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		stored, err := clip.Open(r.Cohort.Rows[row].Path)
		if err != nil {
			t.Fatal(err)
		}
		in := explain.Input{C: 1, T: 1, H: 24, W: 24}
		got, err := regions[0].at(t.Context(), r, row, stored, in)
		if err != nil {
			t.Fatal(err)
		}
		want, err := truth[0].at(t.Context(), r, row, stored, in)
		if err != nil {
			t.Fatal(err)
		}
		both := 0
		for _, p := range got.At {
			if slices.Contains(want.At, p) {
				both++
			}
		}
		if dice := 2 * float64(both) / float64(len(got.At)+len(want.At)); !(dice > 0.7) {
			t.Errorf("row %d: the region overlaps the truth by a Dice of %.2f", row, dice)
		}
	}
	mask := Folder(filepath.Join(string(r.Dir), "regions", "the-disc")).maskFile(r.Cohort.Rows[0].ID)
	before, err := os.Stat(mask)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.regions(t.Context(), specs, rows); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(mask); err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the masks are made anew: %v", err)
	}
	specs[0].Class = "square"
	if _, err := r.regions(t.Context(), specs, rows); fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), "no class") {
		t.Errorf("an unknown class: %v", err)
	}
}
