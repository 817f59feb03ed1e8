package evaluate

import (
	"slices"
	"testing"
)

func TestAppend(t *testing.T) {
	table := func(group string, items ...string) *Predictions {
		p := &Predictions{Targets: []Target{{Name: "y", Kind: Binary}}, Groups: []Group{{Name: group}}, Truth: map[string][][]float64{}, Score: map[string][][]float64{}}
		for _, it := range items {
			p.Item, p.Patient = append(p.Item, it), append(p.Patient, "p"+it)
			p.Split, p.Fold = append(p.Split, "test"), append(p.Fold, -1)
			p.Groups[0].Values = append(p.Groups[0].Values, "g"+it)
			p.Truth["y"], p.Score["y"] = append(p.Truth["y"], []float64{1}), append(p.Score["y"], []float64{0.5})
		}
		return p
	}
	a, b := table("sex", "1"), table("sex", "2", "3")
	both, err := a.Append(b)
	if err != nil || both.Validate() != nil {
		t.Fatal(err, both.Validate())
	}
	if !slices.Equal(both.Item, []string{"1", "2", "3"}) || !slices.Equal(both.Groups[0].Values, []string{"g1", "g2", "g3"}) || len(both.Score["y"]) != 3 {
		t.Errorf("joined %+v", both)
	}
	if a.Len() != 1 || b.Len() != 2 {
		t.Error("the parts changed")
	}
	if _, err := a.Append(table("age", "4")); err == nil {
		t.Error("tables with different groups were joined")
	}
}
