package cohort

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

// folder writes files (name → content) into a fresh folder; a table's rows name the files that it makes beside it.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const echoTable = "\ufeffFileName,pid,site,age,view,EF,dead,grade,note\n" +
	"a,P1,north,45,A4C,55.5,0,mild,\"says \"\"fine\"\", twice\"\n" +
	"b,P1,north,50,A4C,,yes,severe,\"two\nlines\"\n" +
	"c,P2,south,072Y,A2C,30,1.0,NA,\n" +
	"d,P3,,old,A4C,61,false,mild,\n" +
	"e,,north,20,A4C,61,0,mild,\n" +
	"f,P4,north,20,A4C,61,0,mild,\n"

// echoFolder has the files of rows a to e; f's is absent and e's patient is unknown.
func echoFolder(t testing.TB) Spec {
	return Spec{
		Root:  folder(t, map[string]string{"list.csv": echoTable, "v/a.avi": "x", "v/b.avi": "x", "v/c.avi": "x", "v/d.avi": "x", "v/e.avi": "x"}),
		Table: "list.csv", File: "v/{FileName}.avi", ID: "FileName", Patient: "pid", Site: "site", Subgroups: []string{"view", "age:50,65"},
		Targets: []TargetSpec{
			{Name: "ef", Kind: "regression", Column: "EF", Unit: "%"},
			{Name: "dead", Kind: "binary"},
			{Name: "grade", Kind: "class"},
		},
	}
}

func mustLoad(t testing.TB, spec Spec) *Cohort {
	t.Helper()
	c, err := Load(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoadCSV(t *testing.T) {
	spec := echoFolder(t)
	c := mustLoad(t, spec)
	nan := math.NaN()
	row := func(id, patient, site string, line int, groups []string, ef, dead, grade float64) Row {
		return Row{ID: id, Patient: patient, Site: site, Line: line, Path: filepath.Join(spec.Root, "v", id+".avi"), Groups: groups,
			Truth: map[string][]float64{"ef": {ef}, "dead": {dead}, "grade": {grade}}}
	}
	want := []Row{
		row("a", "P1", "north", 2, []string{"A4C", "<50"}, 55.5, 0, 0),
		row("b", "P1", "north", 3, []string{"A4C", "50-65"}, nan, 1, 1),
		row("c", "P2", "south", 5, []string{"A2C", ">=65"}, 30, 1, nan), // line 5: the note before it takes two
		row("d", "P3", "", 6, []string{"A4C", ""}, 61, 0, 0),
	}
	if d := cmp.Diff(want, c.Rows, cmpopts.EquateNaNs(), cmpopts.IgnoreFields(Row{}, "Columns")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Quarantine{{7, "e", "column pid is empty, so the item cannot be kept on one side of a split"}, {8, "f", "the file is not there"}}, c.Quarantine); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Stage{{"in list.csv", 6, 4}, {"usable file and keys", 4, 3}}, c.Flow); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"target ef is missing in 1 of 4 rows", "target grade is missing in 1 of 4 rows",
		"subgroup age: 1 rows hold no number and count as unknown"}, c.Warnings); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"mild", "severe"}, c.Spec.Targets[2].Classes); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"view", "age"}, c.Groups); d != "" {
		t.Error(d)
	}
	if v, ok := c.Value(0, "note"); !ok || v != `says "fine", twice` {
		t.Errorf("quoted cell: %q", v)
	}
	if _, ok := c.Value(1, "EF"); ok {
		t.Error("a missing cell has a value")
	}
	if _, ok := c.Value(1, "nothing"); ok {
		t.Error("an unknown column has a value")
	}
	if c.Patients(c.All()) != 3 || len(c.Digest) != 64 {
		t.Errorf("patients %d, digest %q", c.Patients(c.All()), c.Digest)
	}
}

func TestWhere(t *testing.T) {
	for _, w := range []struct {
		where map[string]string
		want  string
	}{
		{map[string]string{"view": "A4C"}, "abd"},
		{map[string]string{"view": "!A4C"}, "c"},
		{map[string]string{"view": "A4C|A2C", "age": "45.0"}, "a"},
		{map[string]string{"grade": "!mild|severe"}, "c"},
		{map[string]string{"EF": ""}, "b"},
		{map[string]string{"EF": "!"}, "acd"},
		{map[string]string{"dead": "1"}, "c"},
	} {
		spec := echoFolder(t)
		spec.Where = w.where
		spec.Targets = nil
		ids := ""
		c := mustLoad(t, spec)
		for _, r := range c.Rows {
			ids += r.ID
		}
		if ids != w.want {
			t.Errorf("%v keeps %q, want %q", w.where, ids, w.want)
		}
		if len(c.Flow) != 2+len(w.where) {
			t.Errorf("%v: flow %v", w.where, c.Flow)
		}
	}
}

func TestLoadFaults(t *testing.T) {
	for _, f := range []struct {
		name string
		edit func(*Spec)
		code fault.Code
		want string
	}{
		{"patient", func(s *Spec) { s.Patient = "pidd" }, fault.Usage, `data.patient: list.csv has no column "pidd" (did you mean "pid"?)`},
		{"id", func(s *Spec) { s.ID = "filename" }, fault.Usage, `data.id: list.csv has no column "filename" (did you mean "FileName"?)`},
		{"file", func(s *Spec) { s.File = "{FileNam}.avi" }, fault.Usage, `data.file: list.csv has no column "FileNam" (did you mean "FileName"?)`},
		{"no file", func(s *Spec) { s.File = "" }, fault.Usage, "data.file is not set"},
		{"where", func(s *Spec) { s.Where = map[string]string{"vieww": "x"} }, fault.Usage, `data.where: list.csv has no column "vieww" (did you mean "view"?)`},
		{"where leaves none", func(s *Spec) { s.Where = map[string]string{"view": "x"} }, fault.Input, "none of 6 rows is left (check data.where)"},
		{"files", func(s *Spec) { s.File = "w/{FileName}" }, fault.Input, "none of 6 rows is usable; the first, line 2: the file is not there"},
		{"root", func(s *Spec) { s.Root += "/none" }, fault.NotFound, "is not there"},
		{"table", func(s *Spec) { s.Table = "none.csv" }, fault.NotFound, "none.csv is not there"},
		{"no table", func(s *Spec) { s.Table = "" }, fault.Usage, "data.table is not set"},
		{"kind", func(s *Spec) { s.Targets[0].Kind = "regresion" }, fault.Usage, `data.targets.0.kind is "regresion" (did you mean "regression"?)`},
		{"twice", func(s *Spec) { s.Targets[1].Name = "ef" }, fault.Usage, `data.targets.1: a second target called "ef"`},
		{"nameless", func(s *Spec) { s.Targets[1].Name = "" }, fault.Usage, `data.targets.1.name is not set`},
		{"weight", func(s *Spec) { s.Targets[1].Weight = -1 }, fault.Usage, `data.targets.1.weight`},
		{"target column", func(s *Spec) { s.Targets[1].Column = "deaf" }, fault.Usage, `data.targets.1: list.csv has no column "deaf" (did you mean "dead"?)`},
		{"text as number", func(s *Spec) { s.Targets[0].Column = "view" }, fault.Input, "list.csv, line 2, column view: not a number"},
		{"text as binary", func(s *Spec) { s.Targets[1].Column = "view" }, fault.Input, "list.csv, line 2, column view: neither 0 nor 1 (name the values"},
		{"unknown class", func(s *Spec) { s.Targets[2].Classes = []string{"mild"} }, fault.Input, "list.csv, line 3, column grade: not one of the classes mild"},
		{"labels", func(s *Spec) { s.Targets[2] = TargetSpec{Name: "l", Kind: "multilabel"} }, fault.Usage, "data.targets.2.columns is not set"},
		{"subgroup", func(s *Spec) { s.Subgroups = []string{"agee:50"} }, fault.Usage, `data.subgroups: list.csv has no column "agee" (did you mean "age"?)`},
		{"cuts", func(s *Spec) { s.Subgroups = []string{"age:50,40"} }, fault.Usage, `cut points after the colon must be rising`},
		{"variable", func(s *Spec) { s.Root = "${CINELOOP_NO_SUCH}/x" }, fault.Usage, "environment variable CINELOOP_NO_SUCH"},
		{"same key", func(s *Spec) { s.ID = "pid" }, fault.Input, "lines 2 and 3 have the same key (data.id)"},
		{"derive kind", func(s *Spec) { s.Derive = []DeriveSpec{{Name: "x", Kind: "ejection"}} }, fault.Usage, `data.derive.0.kind is "ejection"`},
		{"derive from", func(s *Spec) { s.Derive = []DeriveSpec{{Name: "x", Kind: EjectionFraction, From: "eff"}} }, fault.Usage, `data.derive.0.from is "eff", which is no regression target, nor a mask of one class (did you mean "ef"?)`},
		{"derive phase", func(s *Spec) {
			s.Derive = []DeriveSpec{{Name: "x", Kind: EjectionFraction, From: "ef", Phase: "view"}}
		}, fault.Input, "line 2, column view: neither ED nor ES"},
	} {
		spec := echoFolder(t)
		f.edit(&spec)
		_, err := Load(context.Background(), spec)
		if err == nil || !strings.Contains(err.Error(), f.want) || fault.CodeOf(err) != f.code {
			t.Errorf("%s:\n got %v (%s)\nwant %s (%s)", f.name, err, fault.CodeOf(err), f.want, f.code)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Load(ctx, echoFolder(t)); fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("cancelled: %v", err)
	}
}

// No error and no reason may hold a value of the table. The canary stands in every column that can go wrong.
func TestErrorsHoldNoPatientData(t *testing.T) {
	const canary = "Doe^Jane"
	var said []string
	for _, table := range []string{
		"f,p,y\nx.avi," + canary + "," + canary + "\n",
		"f,p,y\n" + canary + ".avi,1,1\n",
		"f,p,y\nx.avi,1\"" + canary + "\",1\n",
		"f,p,y\nx.avi," + canary + ",1,2\n",
		"f,p,y\nx.avi," + canary + ",1\nx.avi," + canary + ",1\n",
		"f,p,y\nx.avi," + canary + ",1\ny.avi," + canary + ",0\n",
	} {
		root := folder(t, map[string]string{"t.csv": table, "x.avi": "x", "y.avi": "y"})
		for _, kind := range []string{"regression", "binary", "class"} {
			c, err := Load(context.Background(), Spec{Root: root, Table: "t.csv", File: "{f}", Patient: "p", Targets: []TargetSpec{{Name: "y", Kind: kind, Classes: []string{"1", "2"}}}})
			if err != nil {
				said = append(said, err.Error())
				continue
			}
			said = append(said, fmt.Sprint(c.Warnings))
			if _, err := c.Split(SplitSpec{By: "column", Column: "y"}, 1); err != nil {
				said = append(said, err.Error())
			}
			if _, err := c.Split(SplitSpec{By: "patient", Folds: 3}, 1); err != nil {
				said = append(said, err.Error())
			}
		}
	}
	if len(said) < 15 {
		t.Errorf("only %d errors were provoked", len(said))
	}
	for _, s := range said {
		if strings.Contains(s, "Doe") {
			t.Errorf("patient data: %s", s)
		}
	}
}

func TestParseCSV(t *testing.T) {
	for _, p := range []struct{ in, cells, err string }{
		{"a;b\n1,5;2\n", "1,5|2", ""},
		{"a\tb\n1\t 2 \n", "1|2", ""},
		{"a,b\r\n1,2\r\n", "1|2", ""},
		{"a,b\n", "", ""},
		{"", "", "t.csv is empty"},
		{"a,a\n", "", `two columns called "a"`},
		{"a,b\n1\n", "", "line 2: more or fewer fields"},
		{"a,b\n1,\"2\n", "", "line 2: a quote"},
	} {
		tb, err := parseCSV(strings.NewReader(p.in), "t.csv")
		if p.err != "" {
			if err == nil || !strings.Contains(err.Error(), p.err) {
				t.Errorf("%q: %v", p.in, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", p.in, err)
			continue
		}
		got := ""
		for _, r := range tb.records {
			got += strings.Join(r.cells, "|")
		}
		if got != p.cells {
			t.Errorf("%q: %q, want %q", p.in, got, p.cells)
		}
	}
}

func FuzzParseCSV(f *testing.F) {
	f.Add([]byte(echoTable))
	f.Add([]byte("a;b\n\"1;\n\"\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		tb, err := parseCSV(strings.NewReader(string(in)), "f.csv")
		if err != nil {
			return
		}
		for _, r := range tb.records {
			if len(r.cells) != len(tb.columns) {
				t.Fatalf("line %d has %d cells for %d columns", r.line, len(r.cells), len(tb.columns))
			}
		}
	})
}

func TestTargetsInOtherWords(t *testing.T) {
	root := folder(t, map[string]string{"t.csv": "f,sex,l1,l2,n\nx,F,1,0,10\ny,M,0,,9\nz,U,yes,1,9.0\n", "x": "x", "y": "y", "z": "z"})
	c := mustLoad(t, Spec{Root: root, Table: "t.csv", File: "{f}", Targets: []TargetSpec{
		{Name: "female", Kind: "binary", Column: "sex", Positive: "F|U"},
		{Name: "none", Kind: "binary", Column: "sex", Positive: "X"},
		{Name: "labels", Kind: "multilabel", Columns: []string{"l1", "l2"}},
		{Name: "n", Kind: "class"},
	}})
	nan := math.NaN()
	for i, want := range []map[string][]float64{
		{"female": {1}, "none": {0}, "labels": {1, 0}, "n": {1}},
		{"female": {0}, "none": {0}, "labels": {0, nan}, "n": {0}},
		{"female": {1}, "none": {0}, "labels": {1, 1}, "n": {0}},
	} {
		if d := cmp.Diff(want, c.Rows[i].Truth, cmpopts.EquateNaNs()); d != "" {
			t.Errorf("row %d: %s", i, d)
		}
	}
	if got := c.Spec.Targets[3].Classes; len(got) != 2 || got[0] != "9" || got[1] != "10" {
		t.Errorf("classes that are numbers: %v, want them by size, 9 and 9.0 one class", got)
	}
	widths := []int{1, 1, 2, 2}
	for i, s := range c.Spec.Targets {
		if s.Width() != widths[i] || s.Weight != 1 {
			t.Errorf("%s: width %d weight %g", s.Name, s.Width(), s.Weight)
		}
	}
	if len(c.Warnings) == 0 || c.Warnings[0] != "target none: no row is positive" {
		t.Errorf("warnings %v", c.Warnings)
	}
}

func TestSubgroupCuts(t *testing.T) {
	g := subgroup{cuts: []float64{50, 65}}
	for cell, want := range map[string]string{"49.9": "<50", "50": "50-65", "64.99": "50-65", "65": ">=65", "": "", "NA": "", "049Y": "<50", "600M": "50-65", "006W": "<50"} {
		if got, ok := g.of(cell); got != want || !ok {
			t.Errorf("%q: %q %v, want %q", cell, got, ok, want)
		}
	}
	for _, cell := range []string{"old", "50+", "05ZY", "-50Y"} {
		if got, ok := g.of(cell); ok || got != "" {
			t.Errorf("%q: %q %v, want unknown", cell, got, ok)
		}
	}
}

func TestExpandAndResolve(t *testing.T) {
	t.Setenv("CINELOOP_TEST_A", "/data")
	t.Setenv("CINELOOP_TEST_EMPTY", "")
	for in, want := range map[string]string{
		"${CINELOOP_TEST_A}/x": "/data/x", "${CINELOOP_TEST_EMPTY:-../d}/x": "../d/x", "${CINELOOP_TEST_A:-no}": "/data", "plain $x {y}": "plain $x {y}",
		"${CINELOOP_TEST_EMPTY:-}": "",
	} {
		if got, err := Expand(in); err != nil || got != want {
			t.Errorf("%s: %q %v", in, got, err)
		}
	}
	house := folder(t, map[string]string{"repo/examples/r.yaml": "", "shared/x": "", "repo/examples/local/x": ""})
	base := filepath.Join(house, "repo", "examples")
	for path, want := range map[string]string{"../shared": "shared", "local": "repo/examples/local", house + "/shared/": "shared"} {
		if got, err := ResolvePath(path, base); err != nil || got != filepath.Join(house, want) {
			t.Errorf("%s: %s %v", path, got, err)
		}
	}
	t.Chdir(filepath.Join(house, "repo"))
	if got, err := ResolvePath("../shared", ""); err != nil || got != filepath.Join(house, "shared") {
		t.Errorf("from the working directory: %s %v", got, err)
	}
	if _, err := ResolvePath("nowhere", base); fault.CodeOf(err) != fault.NotFound || !strings.Contains(err.Error(), filepath.Join(base, "nowhere")) {
		t.Errorf("nowhere: %v", err)
	}
}

func TestLoadAbsoluteTableNeedsNoRoot(t *testing.T) {
	spec := echoFolder(t)
	spec.Table, spec.Root = filepath.Join(spec.Root, "list.csv"), ""
	if c := mustLoad(t, spec); len(c.Rows) != 4 {
		t.Errorf("%d rows", len(c.Rows))
	}
}

func TestLoadSharedTables(t *testing.T) {
	root := testdata.Shared(t, "data", "imaging")
	lus := mustLoad(t, Spec{Root: filepath.Join(root, "lus"), Table: "index.csv", File: "clips/{clip}", Patient: "group",
		Targets: []TargetSpec{{Name: "label", Kind: "class"}, {Name: "severity", Kind: "regression"}}})
	if len(lus.Rows) != 95 || len(lus.Quarantine) != 0 {
		t.Errorf("lus: %d rows, quarantine %v", len(lus.Rows), lus.Quarantine)
	}
	if d := cmp.Diff([]string{"bacterial", "covid", "healthy", "viral"}, lus.Spec.Targets[0].Classes); d != "" {
		t.Error(d)
	}
	s, err := lus.Split(SplitSpec{By: "column", Column: "split"}, 1)
	if err != nil || len(s.Folds[0].Train) != 82 || len(s.Folds[0].Val) != 13 {
		t.Errorf("lus split: %v %+v", err, s)
	}
	spec := Spec{Root: filepath.Join(root, "sunnybrook"), Table: "index.csv", File: "images/{file}", Patient: "patient",
		Targets: []TargetSpec{{Name: "area", Kind: "regression", Column: "lv_area_px"}},
		Derive:  []DeriveSpec{{Name: "ef", Kind: EjectionFraction, From: "area", Phase: "phase"}}}
	sb := mustLoad(t, spec)
	if len(sb.Rows) != 526 || len(sb.Spec.Derive) != 1 {
		t.Errorf("sunnybrook: %d rows", len(sb.Rows))
	}
}
