package code

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/testdata"
)

func TestLookup(t *testing.T) {
	for _, c := range []Concept{
		{"DCM", "113100", "Basic Application Confidentiality Profile"},
		{"DCM", "121071", "Finding"},
		{"DCM", "US", "Ultrasound"},
		{"UCUM", "mm", "mm"},
		{"SCT", "80891009", "Heart"},
		{"LN", "18043-0", "Left Ventricular Ejection Fraction by US"},
		// One value, several words: those of a context group, not the terminology's long form.
		{"SCT", "113257007", "Cardiovascular system"},
		{"SCT", "10904000", "standing"},
	} {
		got, ok := Lookup(c.Scheme, c.Value)
		if !ok || got != c {
			t.Errorf("%s %s: %+v, %v", c.Scheme, c.Value, got, ok)
		}
	}
	for _, absent := range [][2]string{{"DCM", "0"}, {"", ""}, {"SCT", "99999999999"}, {"ZZZ", "1"}, {"DCM", ""}} {
		if c, ok := Lookup(absent[0], absent[1]); ok {
			t.Errorf("%v is %+v", absent, c)
		}
	}
	if m := Meanings("SCT", "10904000"); !slices.Equal(m, []string{"standing", "Orthostatic body position (finding)"}) {
		t.Errorf("%q", m)
	}
}

func TestContextGroups(t *testing.T) {
	g, ok := ContextGroup(244) // laterality
	if !ok || g.Keyword != "Laterality" || !g.Has("SCT", "7771000") || !g.Has("SCT", "24028007") || g.Has("DCM", "121071") {
		t.Errorf("%+v, %v", g, ok)
	}
	if g, ok := ContextGroup(29); !ok || !g.Has("DCM", "US") || !g.Has("DCM", "CT") {
		t.Errorf("acquisition modalities: %+v", g)
	}
	if _, ok := ContextGroup(1); ok {
		t.Error("there is no CID 1")
	}
	ids := Groups()
	if len(ids) < 1300 || !slices.IsSorted(ids) {
		t.Errorf("%d groups", len(ids))
	}
}

// A table by hand, with lines that are none.
func TestParse(t *testing.T) {
	tab := parse("=A\n1\tshort\t7 8\n1\tlong\t\n2\tfirst\t7\n=B\n1\tb\t\nbroken\n#7\tSeven\n")
	var got []string
	for _, c := range tab.concepts {
		got = append(got, c.Scheme+c.Value+c.Meaning)
	}
	if want := []string{"A1short", "A1long", "A2first", "B1b"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if g := tab.groups[7]; g.Keyword != "Seven" || len(g.Concepts) != 2 || g.Concepts[1].Meaning != "first" {
		t.Errorf("%+v", g)
	}
}

// Every row of the table that the embedded one was made from is found.
func TestAgainstTheTable(t *testing.T) {
	f, err := os.Open(filepath.Join(testdata.Shared(t, "data", "dicom-standard"), "concepts.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range rows[1:] {
		if r[1] == "" {
			continue
		}
		n++
		if !slices.Contains(Meanings(r[0], r[1]), r[2]) {
			t.Errorf("%s %s lacks %q: %q", r[0], r[1], r[2], Meanings(r[0], r[1]))
		}
		for _, id := range strings.Fields(r[3]) {
			found := false
			for _, c := range load().groups[atoi(id)].Concepts {
				found = found || c == Concept{r[0], r[1], r[2]}
			}
			if !found {
				t.Errorf("CID %s lacks %s %s", id, r[0], r[1])
			}
		}
	}
	if n != len(load().concepts) || n < 18000 {
		t.Errorf("%d rows, %d concepts", n, len(load().concepts))
	}
}

func atoi(s string) (n int) {
	for _, c := range s {
		n = 10*n + int(c-'0')
	}
	return n
}
