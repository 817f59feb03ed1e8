package cohort

import (
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

func TestTemplate(t *testing.T) {
	c := &Cohort{Spec: Spec{Root: "/data", Table: "index.csv"}, Columns: []string{"name", "mask"},
		Rows: []Row{{Columns: []string{"a", "m1.png"}}, {Columns: []string{"b", "NA"}}, {Columns: []string{"c", "/else/m3.png"}}}}
	f, err := c.Template("{mask}", "mask")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{filepath.Join("/data", "m1.png"), "", "/else/m3.png"} {
		if got := f(i); got != want {
			t.Errorf("row %d: %q, want %q", i, got, want)
		}
	}
	if f, err = c.Template("masks/{name}.npz#masks", "mask"); err != nil || f(1) != filepath.Join("/data", "masks/b.npz#masks") {
		t.Errorf("%v", err)
	}
	if _, err := c.Template("{nmae}", "mask"); fault.CodeOf(err) != fault.Usage {
		t.Errorf("an unknown column: %v", err)
	}
}
