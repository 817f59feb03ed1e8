package storetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/object"
)

// sorted is a text's lines in order.
func sorted(s string) []string {
	lines := strings.Split(s, "\n")
	slices.Sort(lines)
	return lines
}

// queries fills a small hospital and asks for parts of it; the answers were worked out by hand from the table.
func queries(t *testing.T, c *catalog.Catalog) {
	ctx := context.Background()
	for _, r := range []struct {
		study, series string
		n             int
		attrs         map[string]string
	}{
		{"1", "1", 1, map[string]string{"PatientID": "A1", "PatientName": "Müller^Jörg", "StudyDate": "20240105", "StudyTime": "080000", "Modality": "US", "StudyDescription": "Echo 100%"}},
		{"1", "1", 2, map[string]string{"PatientID": "A1", "PatientName": "Müller^Jörg", "StudyDate": "20240105", "StudyTime": "080000", "Modality": "US", "StudyDescription": "Echo 100%"}},
		{"1", "2", 1, map[string]string{"PatientID": "A1", "Modality": "SR", "StudyDate": "20240105"}},
		{"2", "1", 1, map[string]string{"PatientID": "A1", "PatientName": "Müller^Jörg", "StudyDate": "20240220", "StudyTime": "103045", "Modality": "CT", "BodyPartExamined": "CHEST"}},
		{"3", "1", 1, map[string]string{"PatientID": "A_2", "PatientName": "Smith^Anna Maria", "StudyDate": "20231224", "StudyTime": "2300", "Modality": "MR"}},
		{"4", "1", 1, map[string]string{"PatientID": "AX2", "PatientName": "O'Neil^Smithy", "Modality": "US"}},
	} {
		in := Instance(r.study, r.series, r.n)
		in.Attributes = r.attrs
		in.Attributes["SeriesNumber"] = r.series
		if _, err := c.Add(ctx, catalog.Entry{Instance: &in}); err != nil {
			t.Fatal(err)
		}
	}
	key := func(k, v string) catalog.Match { m, _ := catalog.ParseMatch(k, v); return m }
	for _, q := range []struct {
		name  string
		level catalog.Level
		match []catalog.Match
		want  string
	}{
		{"all patients", catalog.Patient, nil, "A1 AX2 A_2"},
		{"patients with a CT", catalog.Patient, []catalog.Match{key("Modality", "CT")}, "A1"},
		{"all studies, newest first", catalog.Study, nil, "1.2.2 1.2.1 1.2.3 1.2.4"},
		{"one patient", catalog.Study, []catalog.Match{key("PatientID", "A1")}, "1.2.2 1.2.1"},
		{"an underscore is no wildcard", catalog.Study, []catalog.Match{key("PatientID", "A_*")}, "1.2.3"},
		{"a percent sign is none either", catalog.Study, []catalog.Match{key("StudyDescription", "*%")}, "1.2.1"},
		{"wildcard in a name, whatever case and accent", catalog.Study, []catalog.Match{key("PatientName", "MULLER*")}, "1.2.2 1.2.1"},
		{"one character", catalog.Study, []catalog.Match{key("PatientID", "A?2")}, "1.2.3 1.2.4"},
		{"fuzzy, any component, any order", catalog.Study, []catalog.Match{{Keyword: "PatientName", Fuzzy: "maria smith"}}, "1.2.3"},
		{"fuzzy, beginnings of words", catalog.Study, []catalog.Match{{Keyword: "PatientName", Fuzzy: "smi"}}, "1.2.3 1.2.4"},
		{"a quote", catalog.Study, []catalog.Match{key("PatientName", "O'Neil^Smithy")}, "1.2.4"},
		{"dates from to", catalog.Study, []catalog.Match{key("StudyDate", "20231224-20240105")}, "1.2.1 1.2.3"},
		{"dates from", catalog.Study, []catalog.Match{key("StudyDate", "20240106-")}, "1.2.2"},
		{"dates to; no date is none", catalog.Study, []catalog.Match{key("StudyDate", "-20240105")}, "1.2.1 1.2.3"},
		{"times to a minute include its seconds", catalog.Study, []catalog.Match{key("StudyTime", "0900-1030")}, "1.2.2"},
		{"UID list", catalog.Study, []catalog.Match{key("StudyInstanceUID", `1.2.1\1.2.4\9`)}, "1.2.1 1.2.4"},
		{"a modality below", catalog.Study, []catalog.Match{key("ModalitiesInStudy", "US")}, "1.2.1 1.2.4"},
		{"an attribute in the record's JSON, below", catalog.Study, []catalog.Match{key("BodyPartExamined", "CHEST")}, "1.2.2"},
		{"an instance below", catalog.Study, []catalog.Match{key("SOPInstanceUID", "1.2.3.1.1")}, "1.2.3"},
		{"two conditions", catalog.Study, []catalog.Match{key("PatientID", "A1"), key("Modality", "SR")}, "1.2.1"},
		{"nothing", catalog.Study, []catalog.Match{key("PatientID", "zz")}, ""},
		{"series of a study, by number", catalog.Series, []catalog.Match{key("StudyInstanceUID", "1.2.1")}, "1.2.1.1 1.2.1.2"},
		{"series by what is above", catalog.Series, []catalog.Match{key("PatientName", "smith^*")}, "1.2.3.1"},
		{"series by what is below", catalog.Series, []catalog.Match{key("SOPInstanceUID", "1.2.1.1.2")}, "1.2.1.1"},
		{"instances of a series, by number", catalog.Image, []catalog.Match{key("SeriesInstanceUID", "1.2.1.1")}, "1.2.1.1.1 1.2.1.1.2"},
	} {
		got, err := c.Find(ctx, catalog.Query{Level: q.level, Match: q.match})
		if err != nil {
			t.Fatalf("%s: %v", q.name, err)
		}
		var ids []string
		for _, r := range got {
			ids = append(ids, [...]string{r.Attributes["PatientID"], r.StudyUID, r.SeriesUID, r.SOPInstanceUID}[q.level])
		}
		if strings.Join(ids, " ") != q.want {
			t.Errorf("%s: got %v, want %s", q.name, ids, q.want)
		}
		if n, err := c.Count(ctx, catalog.Query{Level: q.level, Match: q.match}); n != len(got) || err != nil {
			t.Errorf("%s: count %d of %d, %v", q.name, n, len(got), err)
		}
	}
	if _, ok := catalog.ParseMatch("PatientID", "*"); ok {
		t.Error("a universal match asks for something")
	}
	studies, err := c.Find(ctx, catalog.Query{Level: catalog.Study, Match: []catalog.Match{key("StudyInstanceUID", "1.2.1")}})
	if err != nil || len(studies) != 1 || studies[0].Series != 2 || studies[0].Instances != 3 || cmp.Diff(studies[0].Modalities, []string{"SR", "US"}) != "" {
		t.Errorf("%+v, %v", studies, err)
	}
	patients, err := c.Find(ctx, catalog.Query{Level: catalog.Patient, Limit: 1})
	if err != nil || len(patients) != 1 || patients[0].Studies != 2 || patients[0].Attributes["PatientName"] != "Müller^Jörg" {
		t.Errorf("%+v, %v", patients, err)
	}
}

func retention(t *testing.T, c *catalog.Catalog) {
	ctx := context.Background()
	old := time.UnixMilli(1_700_000_000_000).UTC()
	shared := object.Sum([]byte("shared"))
	for _, in := range []catalog.Instance{
		Instance("1", "1", 1), Instance("2", "1", 1),
		with(Instance("3", "1", 1), func(i *catalog.Instance) { i.Received = old.AddDate(1, 0, 0) }),
		with(Instance("1", "1", 2), func(i *catalog.Instance) { i.Digest = shared }),
		with(Instance("2", "1", 2), func(i *catalog.Instance) { i.Digest = shared }),
	} {
		if _, err := c.Add(ctx, catalog.Entry{Instance: &in}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Expired(ctx, catalog.Retention{}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a retention without limits: %v", err)
	}
	if err := c.Hold(ctx, "1.2.2", "trial"); err != nil {
		t.Fatal(err)
	}
	got, err := c.Expired(ctx, catalog.Retention{ReceivedBefore: old.AddDate(0, 1, 0)})
	if err != nil || cmp.Diff([]string{"1.2.1"}, got) != "" {
		t.Errorf("expired %v, %v", got, err)
	}
	if err := c.Retire(ctx, "1.2.2", "over", old); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("retiring a study on hold: %v", err)
	}
	if err := c.Retire(ctx, "1.2.1", "over", old); err != nil {
		t.Fatal(err)
	}
	garbage, err := c.Garbage(ctx, 100)
	if err != nil || len(garbage) != 1 || garbage[0].Digest != Instance("1", "1", 1).Digest {
		t.Errorf("garbage %v, %v", garbage, err)
	}
	var removed []object.Digest
	remove := func(_ context.Context, d object.Digest) error { removed = append(removed, d); return nil }
	n, err := c.Reap(ctx, []object.Digest{shared, garbage[0].Digest}, remove)
	if n != 1 || err != nil || len(removed) != 1 || removed[0] != garbage[0].Digest {
		t.Errorf("reaped %d (%v), %v", n, removed, err)
	}
	if _, err := c.Object(ctx, garbage[0].Digest); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("a reaped object: %v", err)
	}
	if err := c.Hold(ctx, "1.2.2", ""); err != nil {
		t.Fatal(err)
	}
	if err := c.Retire(ctx, "1.2.2", "over", old); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	if _, err := c.Reap(ctx, []object.Digest{shared}, func(context.Context, object.Digest) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("a removal that fails: %v", err)
	}
	if _, err := c.Object(ctx, shared); err != nil {
		t.Errorf("an object whose removal failed was forgotten: %v", err)
	}
}

func runs(t *testing.T, c *catalog.Catalog) {
	ctx := context.Background()
	now := time.UnixMilli(1_700_000_000_123).UTC()
	r := catalog.Run{ID: "r", Source: "dir", Rules: "ingest/1", Started: now, Summary: map[string]any{}}
	for range 2 {
		if err := c.SaveRun(ctx, r); err != nil {
			t.Fatal(err)
		}
		r.Finished, r.Summary = now.Add(time.Second), map[string]any{"found": 2.0}
	}
	got, err := c.Runs(ctx)
	if err != nil || cmp.Diff([]catalog.Run{r}, got) != "" {
		t.Errorf("%+v, %v", got, err)
	}
	a := catalog.Seen{Origin: "/data/a_b%", Size: 4, Modified: now, Outcome: "quarantined", Reason: "odd", Run: "r"}
	b := catalog.Seen{Origin: "/data/aXb%", Size: 5, Modified: now, Outcome: "stored", Run: "r"}
	if err := c.Remember(ctx, []catalog.Seen{a, b}); err != nil {
		t.Fatal(err)
	}
	a.Size = 6
	if err := c.Remember(ctx, []catalog.Seen{a}); err != nil {
		t.Fatal(err)
	}
	seen, err := c.SeenUnder(ctx, "/data/a_")
	if err != nil || cmp.Diff(map[string]catalog.Seen{a.Origin: a}, seen) != "" {
		t.Errorf("%+v, %v", seen, err)
	}
}
