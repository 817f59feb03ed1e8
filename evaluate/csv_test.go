package evaluate

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func table() *Predictions {
	nan := math.NaN()
	return &Predictions{
		Targets: []Target{
			{Name: "ef", Kind: Regression},
			{Name: "event", Kind: Binary},
			{Name: "view", Kind: Class, Classes: []string{"A4C", "A2C", "PLAX, long"}},
			{Name: "finding", Kind: MultiLabel, Classes: []string{"AS", "MR"}},
		},
		Item: []string{"c1", "c2", "c \"3\""}, Patient: []string{"p1", "p1", ""}, Split: []string{"train", "test", "test"}, Fold: []int{-1, 0, 3},
		Groups: []Group{{Name: "sex", Values: []string{"F", "", "M"}}, {Name: "age", Values: []string{"50–65", "<50", ""}}},
		Truth: map[string][][]float64{
			"ef": {{55.25}, {nan}, {1.0 / 3}}, "event": {{1}, {0}, {nan}}, "view": {{0}, {2}, {nan}}, "finding": {{1, 0}, {nan, 1}, {0, 0}}},
		Score: map[string][][]float64{
			"ef": {{50}, {float64(float32(0.1))}, {nan}}, "event": {{.25}, {nan}, {1}},
			"view": {{.5, .25, .25}, {nan, nan, nan}, {0, 0, 1}}, "finding": {{.5, .5}, {.1, .9}, {nan, nan}}},
	}
}

func TestCSVRoundTrip(t *testing.T) {
	want := table()
	var first bytes.Buffer
	if err := want.WriteCSV(&first); err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(first.String(), "\n")
	const header = `item,patient,split,fold,sex,age,ef_true,ef_pred,event_true,event_prob,view_true,view_prob_A4C,view_prob_A2C,"view_prob_PLAX, long",finding_true_AS,finding_true_MR,finding_prob_AS,finding_prob_MR`
	if head != header {
		t.Errorf("header\n%s\nwant\n%s", head, header)
	}
	for name, targets := range map[string][]Target{"given": want.Targets, "inferred": nil} {
		got, err := ReadCSV(strings.NewReader("\ufeff"+first.String()), targets)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateNaNs()); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		var again bytes.Buffer
		if err := got.WriteCSV(&again); err != nil || again.String() != first.String() {
			t.Errorf("%s: written again it differs (%v)", name, err)
		}
	}
	path := filepath.Join(t.TempDir(), "predictions.csv")
	if err := want.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(path); string(b) != first.String() {
		t.Error("the file holds other bytes")
	}
	if _, err := ReadFile(path, nil); err != nil {
		t.Error(err)
	}
	if _, err := ReadFile(path+"x", nil); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("absent file: %v", err)
	}
}

// TestCSVErrors checks that what is wrong is named by row and column, and that no cell's value is in the message.
func TestCSVErrors(t *testing.T) {
	const h = "item,patient,split,fold,sex,event_true,event_prob\n"
	for _, c := range []struct{ why, file, says string }{
		{"empty file", "", "empty"},
		{"no fixed column", "item,patient,fold,split,event_true,event_prob\n", `column 3 must be "split"`},
		{"twice", "item,patient,split,fold,a,a,event_true,event_prob\n", `"a" occurs twice`},
		{"no target", "item,patient,split,fold,sex\n", "no target"},
		{"left over", "item,patient,split,fold,event_true,event_prob,SECRET\n", "column 7"},
		{"truth", h + "c,p,test,,F,1,0.5\nc,p,test,,F,SECRET,0.5\n", `row 3, column "event_true": not 0 or 1`},
		{"truth 2", h + "c,p,test,,F,2,0.5\n", `row 2, column "event_true"`},
		{"probability", h + "c,p,test,,F,1,1.5\n", `row 2, column "event_prob": not a probability`},
		{"NaN", h + "c,p,test,,F,1,NaN\n", "finite decimal"},
		{"infinite", h + "c,p,test,,F,1,inf\n", "finite decimal"},
		{"hexadecimal", h + "c,p,test,,F,1,0x1p-2\n", "finite decimal"},
		{"fold", h + "c,p,test,SECRET,F,1,0.5\n", `row 2, column "fold"`},
		{"short row", h + "c,p,test\n", "line 2"},
		{"quote", h + "c,\"SECRET,test,,F,1,0.5\n", "line"},
		{"class", "item,patient,split,fold,v_true,v_prob_a,v_prob_b\nc,p,test,,SECRET,0.5,0.5\n", `row 2, column "v_true": not one of`},
		{"half a score", "item,patient,split,fold,v_true,v_prob_a,v_prob_b\nc,p,test,,a,0.5,\n", `row 2, column "v_prob_b": the target has some`},
	} {
		_, err := ReadCSV(strings.NewReader(c.file), nil)
		if err == nil || fault.CodeOf(err) != fault.Input || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want it to say %q", c.why, err, c.says)
		} else if strings.Contains(err.Error(), "SECRET") && c.why != "left over" {
			t.Errorf("%s: the value is in the message: %v", c.why, err)
		}
	}
	_, err := ReadCSV(strings.NewReader(h), []Target{{Name: "ef", Kind: Regression}})
	if err == nil || !strings.Contains(err.Error(), `needs a column "ef_true"`) {
		t.Errorf("missing target column: %v", err)
	}
}

func TestValidate(t *testing.T) {
	for why, spoil := range map[string]func(*Predictions){
		"short group":      func(p *Predictions) { p.Groups[0].Values = nil },
		"short truth":      func(p *Predictions) { p.Truth["ef"] = nil },
		"bad probability":  func(p *Predictions) { p.Score["event"][0][0] = 2 },
		"same name":        func(p *Predictions) { p.Groups[0].Name = "ef_true" },
		"no name":          func(p *Predictions) { p.Groups[0].Name = "" },
		"no classes":       func(p *Predictions) { p.Targets[2].Classes = nil },
		"unknown kind":     func(p *Predictions) { p.Targets[0].Kind = "other" },
		"short patient":    func(p *Predictions) { p.Patient = nil },
		"infinite outcome": func(p *Predictions) { p.Truth["ef"][0][0] = math.Inf(1) },
	} {
		p := table()
		spoil(p)
		if p.Validate() == nil || p.WriteCSV(&bytes.Buffer{}) == nil {
			t.Errorf("%s: accepted", why)
		}
	}
	if err := table().Validate(); err != nil {
		t.Error(err)
	}
}

func TestSelect(t *testing.T) {
	p := table().Select(table().InSplit("test"))
	if d := cmp.Diff([]string{"c2", "c \"3\""}, p.Item); d != "" {
		t.Error(d)
	}
	if p.Groups[0].Values[1] != "M" || p.Truth["ef"][1][0] != 1.0/3 {
		t.Error("columns were not selected with the rows")
	}
}

func FuzzReadCSV(f *testing.F) {
	var b bytes.Buffer
	if err := table().WriteCSV(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("item,patient,split,fold,a_true,a_prob\n1,2,3,4,1,0.5\n"))
	f.Add([]byte("item,patient,split,fold,a_true,a_prob_x,a_prob_y\n1,2,3,,x,0.5,0.5\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ReadCSV(bytes.NewReader(data), nil)
		if err != nil {
			return
		}
		if err := p.Validate(); err != nil {
			t.Fatalf("read but not valid: %v", err)
		}
		var out bytes.Buffer
		if err := p.WriteCSV(&out); err != nil {
			t.Fatalf("read but not writable: %v", err)
		}
	})
}
