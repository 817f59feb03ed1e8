package cohort

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/internal/fault"
)

// viewsTable: study s1 has two views and a second A4C; s2 one; s3's clips name two patients; s4's view is not named; s5 has no file.
const viewsTable = "file,study,pid,view,site,EF,device\n" +
	"a,s1,P1,A4C,north,55,x\n" +
	"b,s1,P1,A2C,north,55.0,y\n" +
	"c,s1,P1,A4C,north,99,x\n" +
	"d,s2,P2,plax,south,,x\n" +
	"e,s2,P2,A2C,,40,\n" +
	"f,s3,P3,A4C,south,30,x\n" +
	"g,s3,P4,A2C,south,30,x\n" +
	"h,s4,P5,,south,30,x\n" +
	"i,s5,P6,A4C,south,30,x\n" +
	"j,,P7,A4C,south,30,x\n"

func viewsFolder(t testing.TB) Spec {
	files := map[string]string{"list.csv": viewsTable}
	for _, f := range strings.Split("abcdefghj", "") {
		files["v/"+f] = f
	}
	return Spec{Root: folder(t, files), Table: "list.csv", File: "v/{file}", Patient: "pid", Site: "site", Subgroups: []string{"device"},
		Targets: []TargetSpec{{Name: "ef", Kind: "regression", Column: "EF"}},
		Views:   &ViewsSpec{Study: "study", Column: "view"}}
}

func TestStudiesOfViews(t *testing.T) {
	spec := viewsFolder(t)
	c := mustLoad(t, spec)
	if got := c.Slots; !slices.Equal(got, []Slot{{"A2C", 0}, {"A4C", 1}, {"plax", 2}}) {
		t.Errorf("slots %v", got)
	}
	var ids []string
	for _, r := range c.Rows {
		ids = append(ids, r.ID+" "+r.Patient+" "+r.Site+" "+r.Groups[0])
	}
	// Device differs between the clips of s1: it has none.
	if want := []string{"s1 P1 north ", "s2 P2 south x"}; !slices.Equal(ids, want) {
		t.Errorf("%q", ids)
	}
	one := c.Rows[0]
	if one.Clips[0].ID != "v/b" || one.Clips[1].ID != "v/a" || one.Clips[2].Path != "" || one.Path != one.Clips[0].Path || one.FirstSlot() != 0 {
		t.Errorf("%+v", one)
	}
	if got := c.Present(1); !slices.Equal(got, []string{"A2C", "plax"}) {
		t.Errorf("%v", got)
	}
	// The second A4C of s1 is not used and has no say: 55 and 55.0 agree. One clip of s2 knows the value.
	if c.Rows[0].Truth["ef"][0] != 55 || c.Rows[1].Truth["ef"][0] != 40 {
		t.Errorf("truths %v %v", c.Rows[0].Truth, c.Rows[1].Truth)
	}
	var why []string
	for _, q := range c.Quarantine {
		why = append(why, fmt.Sprint(q.Line, " ", q.Reason))
	}
	slices.Sort(why)
	if want := []string{"10 the file is not there", "11 a column of data.views.study is empty", "7 column pid differs between the clips of the study", "8 column pid differs between the clips of the study"}; !slices.Equal(why, want) {
		t.Errorf("quarantine %q", why)
	}
	said := strings.Join(c.Warnings, "\n")
	for _, want := range []string{"1 clips are left out: column view", "1 clips are left out: their study has 1 of that view"} {
		if !strings.Contains(said, want) {
			t.Errorf("warnings %q lack %q", said, want)
		}
	}

	spec.Views = &ViewsSpec{Study: "{pid}/{study}", Column: "view", Names: []string{"PLAX|plax", "A4C"}, Each: 2}
	c = mustLoad(t, spec)
	if got := c.Slots; !slices.Equal(got, []Slot{{"PLAX", 0}, {"PLAX 2", 0}, {"A4C", 1}, {"A4C 2", 1}}) {
		t.Errorf("slots %v", got)
	}
	if c.Rows[0].ID != "P1/s1" || !slices.Equal(c.Present(0), []string{"A4C", "A4C 2"}) || !math.IsNaN(c.Rows[0].Truth["ef"][0]) {
		t.Errorf("%+v", c.Rows[0])
	}
	if said := strings.Join(c.Warnings, "\n"); !strings.Contains(said, "column EF differs between the clips of 1 studies") {
		t.Errorf("warnings %q", said)
	}

	// Without a column of views all clips are of one.
	spec.Views = &ViewsSpec{Study: "study", Each: 3}
	if c = mustLoad(t, spec); len(c.Rows) != 3 || len(c.Rows[0].Files()) != 3 || c.Slots[2].Name != "clip 3" {
		t.Errorf("%+v", c.Rows)
	}
}

func TestViewsThatCannotBe(t *testing.T) {
	for name, change := range map[string]func(*Spec){
		"no study":       func(s *Spec) { s.Views.Study = "" },
		"unknown study":  func(s *Spec) { s.Views.Study = "exam" },
		"unknown column": func(s *Spec) { s.Views.Column = "views" },
		"each":           func(s *Spec) { s.Views.Each = -1 },
		"many":           func(s *Spec) { s.Views.Each = 65 },
		"twice":          func(s *Spec) { s.Views.Names = []string{"A4C", "A4C|x"} },
		"names alone":    func(s *Spec) { s.Views.Column, s.Views.Names = "", []string{"A4C", "A2C"} },
		"mask": func(s *Spec) {
			s.Targets[0] = TargetSpec{Name: "lv", Kind: Mask, File: "m/{file}", Classes: []string{"lv"}}
		},
		"derive": func(s *Spec) { s.Derive = []DeriveSpec{{Name: "d", Kind: EjectionFraction, From: "ef", Phase: "view"}} },
	} {
		spec := viewsFolder(t)
		change(&spec)
		if _, err := Load(context.Background(), spec); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// studies is a cohort of n studies for the double: study i has clip 3i in slot 0 and, where they exist, 3i+1 and 3i+2: every second lacks
// slot 1, every third slot 0.
func studies(n int) *Cohort {
	c := &Cohort{Slots: []Slot{{"A", 0}, {"B", 1}, {"C", 2}}}
	for i := range n {
		r := Row{ID: fmt.Sprintf("k%04d", i), Line: 10 * i, Truth: map[string][]float64{}, Clips: make([]ClipOf, 3)}
		for v := range 3 {
			if v == 1 && i%2 == 1 || v == 0 && i%3 == 2 {
				continue
			}
			r.Clips[v] = ClipOf{fmt.Sprintf("/clips/%d", 3*i+v), fmt.Sprintf("c%d", 3*i+v), 10*i + v}
		}
		r.Path = r.Clips[r.FirstSlot()].Path
		c.Rows = append(c.Rows, r)
	}
	return c
}

type seenStudy struct {
	X       []float32
	Rows    []int
	Present []bool
	Shape   [5]int
}

func studyEpoch(t testing.TB, l *Loader, n, start int) []seenStudy {
	t.Helper()
	var out []seenStudy
	for b, err := range l.Epoch(context.Background(), n, start) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, seenStudy{slices.Clone(b.X), b.Rows, b.Present, b.Shape})
		b.Release()
	}
	return out
}

func TestLoaderOfStudies(t *testing.T) {
	noLeak(t)
	c := studies(7)
	in := smallInput
	in.EvalClips = 2
	got := studyEpoch(t, newTestLoader(t, c, &double{}, LoaderConfig{BatchSize: 3, Input: in, Workers: 3}), 0, 0)
	items := 0
	for _, b := range got {
		if b.Shape[0] != 3*len(b.Rows) || len(b.Present) != 3*len(b.Rows) || len(b.X) != 12*len(b.Rows) {
			t.Fatalf("%+v", b)
		}
		for k, r := range b.Rows {
			for v := range 3 {
				x := b.X[12*k+4*v : 12*k+4*v+4]
				there := c.Rows[r].Clips[v].Path != ""
				want := []float32{float32(3*r + v), float32(items % 2), 0, 0}
				if !there {
					want = []float32{0, 0, 0, 0}
				}
				if b.Present[3*k+v] != there || !slices.Equal(x, want) {
					t.Errorf("row %d slot %d: %v %v, want %v", r, v, b.Present[3*k+v], x, want)
				}
			}
			items++
		}
	}
	if items != 14 {
		t.Errorf("%d items", items)
	}
}

// TestStudiesResumeExactly: whatever clips are left out or broken, an epoch entered in the middle gives what the whole one gives there, with
// any number of workers and from the cache.
func TestStudiesResumeExactly(t *testing.T) {
	noLeak(t)
	d := &double{broken: map[string]error{"/clips/3": errors.New("bad"), "/clips/17": errors.New("bad"), "/clips/13": errors.New("x")}}
	c := studies(12)
	for _, cfg := range []LoaderConfig{{BatchSize: 2, Train: true, ViewDrop: 0.5}, {BatchSize: 2, Train: true}, {BatchSize: 5}} {
		l := newTestLoader(t, c, d, cfg)
		studyEpoch(t, l, 2, 0) // what is known of broken clips from before must not matter
		whole := studyEpoch(t, l, 3, 0)
		for start := range len(whole) + 1 {
			cfg.Workers, cfg.CacheBytes = 1+start%3, int64(start%2)<<20
			part := studyEpoch(t, newTestLoader(t, c, d, cfg), 3, start)
			if diff := cmp.Diff(append([]seenStudy{}, whole[start:]...), append([]seenStudy{}, part...)); diff != "" {
				t.Fatalf("%+v from step %d: %s", cfg, start, diff)
			}
		}
		var bad []string
		for _, q := range l.Quarantine() {
			bad = append(bad, q.ID)
		}
		if !slices.Equal(bad, []string{"c3", "c13", "c17"}) {
			t.Errorf("%+v: quarantined %v", cfg, bad)
		}
	}
}

// TestViewsAreLeftOut: each with its probability, never all, and what is left out is not decoded.
func TestViewsAreLeftOut(t *testing.T) {
	c := studies(6)
	l := newTestLoader(t, c, &double{}, LoaderConfig{BatchSize: 6, Train: true, ViewDrop: 0.4})
	have, kept := 0, 0
	for n := range 300 {
		for _, b := range studyEpoch(t, l, n, 0) {
			for k, r := range b.Rows {
				there := 0
				for v := range 3 {
					if b.Present[3*k+v] {
						there++
					}
				}
				if there == 0 {
					t.Fatal("a study lost all its clips")
				}
				if r == 0 {
					have, kept = have+3, kept+there
				}
			}
		}
	}
	// Of three clips 0.6 each; one is put back where all are left out: 1.8 + 0.4³ of 3.
	if share := float64(kept) / float64(have); math.Abs(share-(1.8+0.064)/3) > 0.04 {
		t.Errorf("%.3f of clips are kept", share)
	}
	d := &double{}
	l = newTestLoader(t, studies(1), d, LoaderConfig{BatchSize: 1, Train: true, ViewDrop: 0.99})
	studyEpoch(t, l, 0, 0)
	if len(d.opened) != 1 {
		t.Errorf("decoded %v", d.opened)
	}
	if _, err := NewLoader(c, c.All(), LoaderConfig{BatchSize: 1, Input: clip.InputSpec{Frames: 1, Height: 1, Width: 1, Channels: 1}, ViewDrop: 1}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("leaving all out: %v", err)
	}
}

// TestStudyWithoutReadableClips: in training another study stands in, in evaluation it is left out; each broken clip is listed once.
func TestStudyWithoutReadableClips(t *testing.T) {
	c := studies(4)
	d := &double{broken: map[string]error{"/clips/3": errors.New("bad"), "/clips/5": errors.New("bad")}} // all of study 1
	l := newTestLoader(t, c, d, LoaderConfig{BatchSize: 4})
	got := studyEpoch(t, l, 0, 0)
	if len(got) != 1 || !slices.Equal(got[0].Rows, []int{0, 2, 3}) || len(got[0].Present) != 9 || !got[0].Present[0] || got[0].Present[3] {
		t.Errorf("%+v", got)
	}
	if q := l.Quarantine(); len(q) != 2 || q[0].Line != 10 || q[1].Line != 12 {
		t.Errorf("%+v", q)
	}
	l = newTestLoader(t, c, d, LoaderConfig{BatchSize: 4, Train: true})
	for _, b := range studyEpoch(t, l, 0, 0) {
		if len(b.Rows) != 4 || slices.Contains(b.Rows, 1) {
			t.Errorf("%v", b.Rows)
		}
	}
	for path := range map[string]bool{"/clips/0": true, "/clips/1": true, "/clips/2": true} {
		d.broken[path] = errors.New("bad")
	}
	one := studies(1)
	for _, err := range newTestLoader(t, one, d, LoaderConfig{BatchSize: 1, Train: true}).Epoch(context.Background(), 0, 0) {
		if fault.CodeOf(err) != fault.Input {
			t.Errorf("nothing can be read: %v", err)
		}
	}
}

// TestClipsAcrossPartsAreFound: the same picture in two studies of different parts stops a run, whichever of their clips it is.
func TestClipsAcrossPartsAreFound(t *testing.T) {
	files := map[string]string{"list.csv": "file,study,view\na,s1,A\nb,s1,B\nc,s2,A\nd,s2,B\n"}
	for f, content := range map[string]string{"a": "1", "b": "2", "c": "3", "d": "2"} {
		files[f] = content
	}
	c := mustLoad(t, Spec{Root: folder(t, files), Table: "list.csv", File: "{file}", Views: &ViewsSpec{Study: "study", Column: "view"}})
	got, err := c.Duplicates(context.Background(), nil)
	if err != nil || len(got) != 1 || got[0].Rows != [2]int{0, 1} || got[0].Lines != [2]int{3, 5} || !got[0].Patients {
		t.Fatalf("%+v %v", got, err)
	}
	cross := Crossing(got, &Split{Folds: []Fold{{Train: []int{0}, Test: []int{1}}}})
	if len(cross) != 1 || cross[0].Parts != "train, test" {
		t.Errorf("%+v", cross)
	}
	c.Rows[1].Clips[0].Path = c.Rows[0].Clips[0].Path
	if n, a, b := c.crossing(Fold{Train: []int{0}, Test: []int{1}}, Row.paths); n != 1 || a != 2 || b != 4 {
		t.Errorf("%d %d %d", n, a, b)
	}
}

// TestFingerprintOfStudies counts clips by slot and changes when any clip's file does.
func TestFingerprintOfStudies(t *testing.T) {
	c := studies(6)
	r := (&double{}).reader()
	c.Spec.Views = &ViewsSpec{Names: []string{"A", "B", "C"}}
	f, err := c.Fingerprint(context.Background(), FingerprintOptions{reader: r, MaxClips: -1})
	if err != nil {
		t.Fatal(err)
	}
	if f.Sampled != 13 || f.Views.Clips != 13 || f.Views.Whole != 2 || f.Views.Slots[0].Studies != 4 || f.Views.Slots[1].Studies != 3 || f.Views.Slots[2].Studies != 6 {
		t.Errorf("%d %+v", f.Sampled, f.Views)
	}
	if got := c.factColumns(nil); got[1]["(views)"] != "A+C" || got[1]["(clips)"] != "2" {
		t.Errorf("%v", got[1])
	}
}
