package audit

import (
	"bytes"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
)

// What a run writes is read as it is.
func TestReadsTheHousesOwn(t *testing.T) {
	p := &evaluate.Predictions{
		Targets: []evaluate.Target{{Name: "ill", Kind: evaluate.Binary}, {Name: "ef", Kind: evaluate.Regression}},
		Item:    []string{"a", "b"}, Patient: []string{"p", "q"}, Split: []string{"test", "val"}, Fold: []int{0, -1},
		Groups: []evaluate.Group{{Name: "sex", Values: []string{"F", ""}}, {Name: "site", Values: []string{"1", "2"}}},
		Truth:  map[string][][]float64{"ill": {{1}, {0}}, "ef": {{50}, {math.NaN()}}},
		Score:  map[string][][]float64{"ill": {{0.7}, {0.1}}, "ef": {{48}, {61}}},
	}
	var b bytes.Buffer
	if err := p.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	got := read(t, b.String(), ReadOptions{Groups: []string{"site"}})
	if got.Len() != 2 || len(got.Groups) != 1 || got.Groups[0].Name != "site" || !slices.Equal(got.Patient, p.Patient) || !slices.Equal(got.Split, p.Split) {
		t.Errorf("read %+v", got.Predictions)
	}
	if got.Truth["ill"][0][0] != 1 || got.Score["ef"][1][0] != 61 || !math.IsNaN(got.Truth["ef"][1][0]) {
		t.Errorf("truth %v, score %v", got.Truth, got.Score)
	}
}

func TestReadsSomebodyElses(t *testing.T) {
	got := read(t, "\ufeffrisk,note,died,sex,age,uncertainty,abstained\n0.9,x,1,F,49.5,0.3,0\n0.1,\"y,z\",0,M,50,,1\n0.2,,0,,,0.1,\n",
		ReadOptions{Groups: []string{"sex", "age:50,65"}, Truth: "died", Score: "risk"})
	if got.Targets[0].Name != "died" || got.Truth["died"][0][0] != 1 || got.Score["died"][1][0] != 0.1 {
		t.Errorf("%+v", got)
	}
	if !slices.Equal(got.Groups[1].Values, []string{"<50", "50-65", ""}) {
		t.Errorf("bands %q", got.Groups[1].Values)
	}
	if x := got.Extra[Uncertainty]; x[0] != 0.3 || !math.IsNaN(x[1]) || got.Extra[Abstain][1] != 1 {
		t.Errorf("extra %v", got.Extra)
	}
}

func TestAgainstAnotherTruth(t *testing.T) {
	got := read(t, "sex,biopsy,ill_true,ill_prob\nF,1,0,0.4\nM,,1,0.9\n", ReadOptions{Groups: []string{"sex"}, Against: "biopsy"})
	if got.Truth["ill"][0][0] != 1 || !math.IsNaN(got.Truth["ill"][1][0]) || len(got.Groups) != 1 {
		t.Errorf("truth %v, groups %v", got.Truth, got.Groups)
	}
}

func TestReadErrors(t *testing.T) {
	head := "sex,ill_true,ill_prob,quality\n"
	for name, c := range map[string]struct {
		csv  string
		o    ReadOptions
		code fault.Code
		says []string
	}{
		"empty":        {"", ReadOptions{}, fault.Input, []string{"empty"}},
		"header only":  {head, ReadOptions{}, fault.Input, []string{"no row"}},
		"ragged":       {head + "F,1,0.5\n", ReadOptions{}, fault.Input, []string{"line 2"}},
		"quote":        {head + "F,1,0.5,1\n\"F,1,0.5,1\n", ReadOptions{}, fault.Input, []string{"line"}},
		"twice":        {"sex,sex,ill_true,ill_prob\n", ReadOptions{}, fault.Input, []string{"line 1", "twice"}},
		"no target":    {"sex,risk\nF,0.5\n", ReadOptions{}, fault.Input, []string{"no target", "--truth"}},
		"no group":     {head + "F,1,0.5,1\n", ReadOptions{Groups: []string{"race"}}, fault.Input, []string{"line 1", `"race"`}},
		"truth":        {head + "F,1,0.5,1\nF,maybe,0.5,1\n", ReadOptions{}, fault.Input, []string{"row 3", "ill_true", "not 0 or 1"}},
		"probability":  {head + "F,1,1.5,1\n", ReadOptions{}, fault.Input, []string{"row 2", "ill_prob"}},
		"quality":      {head + "F,1,0.5,good\n", ReadOptions{}, fault.Input, []string{"line 2", "quality"}},
		"abstain":      {"ill_true,ill_prob,abstain\n1,0.5,2\n", ReadOptions{}, fault.Input, []string{"line 2", "abstain"}},
		"age":          {head + "F,1,0.5,1\n", ReadOptions{Groups: []string{"sex:50"}}, fault.Input, []string{"line 2", `"sex"`}},
		"cuts":         {head + "F,1,0.5,1\n", ReadOptions{Groups: []string{"quality:5,3"}}, fault.Usage, []string{"rising"}},
		"truth alone":  {head + "F,1,0.5,1\n", ReadOptions{Truth: "ill_true"}, fault.Usage, []string{"together"}},
		"truth absent": {head + "F,1,0.5,1\n", ReadOptions{Truth: "x", Score: "ill_prob"}, fault.Input, []string{`"x"`}},
		"against":      {head + "F,1,0.5,7\n", ReadOptions{Against: "quality"}, fault.Input, []string{"line 2", "quality"}},
		"against what": {"x,ef_true,ef_pred\n1,50,51\n", ReadOptions{Against: "x"}, fault.Usage, []string{"yes-or-no"}},
	} {
		_, err := Read(strings.NewReader(c.csv), c.o)
		if fault.CodeOf(err) != c.code || err == nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, s := range c.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %q does not say %q", name, err, s)
			}
		}
		for _, value := range []string{"maybe", "good", "1.5"} {
			if strings.Contains(err.Error(), value) {
				t.Errorf("%s: %q repeats a value", name, err)
			}
		}
	}
	if _, err := ReadFile(filepath.Join(t.TempDir(), "none.csv"), ReadOptions{}); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("no file: %v", err)
	}
	if _, err := ReadPopulation(filepath.Join(t.TempDir(), "none.csv")); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("no population: %v", err)
	}
}

func TestBands(t *testing.T) {
	for v, want := range map[float64]string{49.9: "<50", 50: "50-65", 64.9: "50-65", 65: ">=65", -3: "<50"} {
		if got := band(v, []float64{50, 65}); got != want {
			t.Errorf("%v is in %q, want %q", v, got, want)
		}
	}
	if band(math.NaN(), []float64{50}) != "" {
		t.Error("an unknown age has a band")
	}
}

func FuzzRead(f *testing.F) {
	f.Add("sex,ill_true,ill_prob\nF,1,0.5\n")
	f.Add("item,patient,split,fold,sex,x_time,x_event,x_surv@1,x_surv@2\na,b,test,,F,1,0,0.9,0.8\n")
	f.Fuzz(func(t *testing.T, s string) {
		table, err := Read(strings.NewReader(s), ReadOptions{Groups: []string{"sex"}})
		if err == nil && table.Len() == 0 {
			t.Fatal("no row and no error")
		}
	})
}

func FuzzDecodePopulation(f *testing.F) {
	f.Add("group,value,share\nsex,F,0.5\n")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := DecodePopulation(strings.NewReader(s))
		if err != nil {
			return
		}
		for _, shares := range p {
			for _, v := range shares {
				if !(v >= 0 && v <= 1) {
					t.Fatal("a share outside 0 to 1")
				}
			}
		}
	})
}
