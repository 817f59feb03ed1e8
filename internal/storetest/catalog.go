package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/object"
)

// Instance is the n-th instance of a made-up series, with a content of its own.
func Instance(study, series string, n int) catalog.Instance {
	return catalog.Instance{
		StudyUID: "1.2." + study, SeriesUID: "1.2." + study + "." + series, SOPInstanceUID: fmt.Sprintf("1.2.%s.%s.%d", study, series, n),
		SOPClassUID: "1.2.840.10008.5.1.4.1.1.3.1", TransferSyntaxUID: "1.2.840.10008.1.2.1",
		Digest: object.Sum(fmt.Appendf(nil, "%s/%s/%d", study, series, n)), Size: int64(1000 + n),
		Attributes: map[string]string{
			"PatientID": "P" + study, "PatientName": "Doe^Jane", "StudyDate": "20240131", "StudyTime": "101530", "AccessionNumber": "A" + study,
			"Modality": "US", "SeriesNumber": series, "InstanceNumber": fmt.Sprint(n), "NumberOfFrames": "40",
		},
		Provenance: catalog.Provenance{Run: "r1", Origin: "file.dcm", Rules: "ingest/1", Received: time.UnixMilli(1_700_000_000_000).UTC()},
	}
}

func with(in catalog.Instance, change func(*catalog.Instance)) catalog.Instance {
	m := map[string]string{}
	for k, v := range in.Attributes {
		m[k] = v
	}
	in.Attributes = m
	change(&in)
	return in
}

// Catalog checks a catalog; open gives a new, empty one.
func Catalog(t *testing.T, open func(t *testing.T) *catalog.Catalog) {
	ctx := context.Background()
	add := func(t *testing.T, c *catalog.Catalog, in catalog.Instance) catalog.Outcome {
		t.Helper()
		out, err := c.Add(ctx, catalog.Entry{Instance: &in})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}

	t.Run("what goes in comes out", func(t *testing.T) {
		c := open(t)
		in := Instance("1", "1", 7)
		in.DataSet = object.Sum([]byte("data set"))
		if out := add(t, c, in); out.Status != catalog.Stored || out.Known != in.Digest {
			t.Errorf("%+v", out)
		}
		got, err := c.Lookup(ctx, in.SOPInstanceUID)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(in, got); d != "" {
			t.Error(d)
		}
		if _, err := c.Lookup(ctx, "1.2.3"); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("an unknown instance: %v", err)
		}
		if n, k, err := c.Usage(ctx); n != in.Size || k != 1 || err != nil {
			t.Errorf("usage %d bytes, %d contents, %v", n, k, err)
		}
	})

	t.Run("duplicates", func(t *testing.T) {
		c := open(t)
		in := with(Instance("1", "1", 1), func(i *catalog.Instance) { i.DataSet = object.Sum([]byte("ds")) })
		add(t, c, in)
		if out := add(t, c, in); out.Status != catalog.Duplicate || out.Known != in.Digest {
			t.Errorf("the same content: %+v", out)
		}
		resent := with(in, func(i *catalog.Instance) { i.Digest = object.Sum([]byte("other meta information")) })
		if out := add(t, c, resent); out.Status != catalog.Duplicate || out.Known != in.Digest {
			t.Errorf("the same data set: %+v", out)
		}
	})

	t.Run("conflicts are kept, listed and decided", func(t *testing.T) {
		c := open(t)
		first := Instance("1", "1", 1)
		second := with(first, func(i *catalog.Instance) { i.Digest = object.Sum([]byte("2")); i.Size = 5 })
		third := with(first, func(i *catalog.Instance) { i.Digest = object.Sum([]byte("3")); i.StudyUID = "1.2.99" })
		add(t, c, first)
		for _, in := range []catalog.Instance{second, third} {
			if out := add(t, c, in); out.Status != catalog.Conflict || out.Known != first.Digest {
				t.Errorf("%+v", out)
			}
		}
		if out := add(t, c, second); out.Status != catalog.Duplicate || out.Known != second.Digest {
			t.Errorf("a conflict again: %+v", out)
		}
		var numbers []int
		for v, err := range c.Conflicts(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			numbers = append(numbers, v.Number)
		}
		if d := cmp.Diff([]int{0, 1, 2}, numbers); d != "" {
			t.Error(d)
		}
		if got, _ := c.Lookup(ctx, first.SOPInstanceUID); got.Digest != first.Digest {
			t.Error("a later content took the place of the first")
		}
		if err := c.Prefer(ctx, first.SOPInstanceUID, 1); err != nil {
			t.Fatal(err)
		}
		if got, _ := c.Lookup(ctx, first.SOPInstanceUID); got.Digest != second.Digest {
			t.Error("the preferred content does not stand")
		}
		if err := c.Prefer(ctx, first.SOPInstanceUID, 9); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("a variant that is not there: %v", err)
		}
		if got, _ := c.Lookup(ctx, first.SOPInstanceUID); got.Digest != second.Digest {
			t.Error("a failed Prefer changed something")
		}
	})

	t.Run("first value stands, others are noted", func(t *testing.T) {
		c := open(t)
		add(t, c, with(Instance("1", "1", 1), func(i *catalog.Instance) { delete(i.Attributes, "AccessionNumber") }))
		out := add(t, c, with(Instance("1", "1", 2), func(i *catalog.Instance) {
			i.Attributes["PatientName"] = "Doe^John"
			i.Attributes["Modality"] = "CT"
		}))
		if out.Disagreements != 2 {
			t.Errorf("%d disagreements, want 2", out.Disagreements)
		}
		got, err := c.Lookup(ctx, "1.2.1.1.2")
		if err != nil {
			t.Fatal(err)
		}
		for k, want := range map[string]string{"PatientName": "Doe^Jane", "Modality": "US", "AccessionNumber": "A1", "InstanceNumber": "2"} {
			if got.Attributes[k] != want {
				t.Errorf("%s is %q, want %q", k, got.Attributes[k], want)
			}
		}
		var seen []string
		for d, err := range c.Disagreements(ctx, "1.2.1") {
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, strings.Join([]string{d.Keyword, d.Kept, d.Other, d.SOPInstanceUID, d.Rule, d.SeriesUID}, " "))
		}
		want := []string{"PatientName Doe^Jane Doe^John 1.2.1.1.2 first-value/1 ", "Modality US CT 1.2.1.1.2 first-value/1 1.2.1.1"}
		if d := cmp.Diff(want, seen); d != "" {
			t.Error(d)
		}
	})

	t.Run("refusals", func(t *testing.T) {
		c := open(t)
		in := Instance("1", "1", 1)
		in.SOPInstanceUID = "\x00"
		if _, err := c.Add(ctx, catalog.Entry{Instance: &in}); fault.CodeOf(err) != fault.Input {
			t.Errorf("no UID: %v", err)
		}
		hostile := with(Instance("2", "1", 1), func(i *catalog.Instance) {
			i.Attributes["PatientName"] = "a\x00\xff'; DROP TABLE studies; --"
			i.StudyUID = `1'"\%`
		})
		add(t, c, hostile)
		got, err := c.Lookup(ctx, hostile.SOPInstanceUID)
		if err != nil || got.Attributes["PatientName"] != "a\uFFFD'; DROP TABLE studies; --" || got.StudyUID != hostile.StudyUID {
			t.Errorf("%q %q %v", got.Attributes["PatientName"], got.StudyUID, err)
		}
	})

	t.Run("a guard drops its own entry alone", func(t *testing.T) {
		c := open(t)
		refuse := errors.New("the object is gone")
		var wg sync.WaitGroup
		for n := range 20 {
			wg.Go(func() {
				in := Instance("1", "1", n)
				_, err := c.Add(ctx, catalog.Entry{Instance: &in, Guard: func(context.Context) error {
					if n%2 == 1 {
						return refuse
					}
					return nil
				}})
				if errors.Is(err, refuse) != (n%2 == 1) || n%2 == 0 && err != nil {
					t.Errorf("%d: %v", n, err)
				}
			})
		}
		wg.Wait()
		if n, err := c.Count(ctx, catalog.Query{Level: catalog.Image}); n != 10 || err != nil {
			t.Errorf("%d instances, %v", n, err)
		}
	})

	t.Run("many writers of one instance", func(t *testing.T) {
		c := open(t)
		var mu sync.Mutex
		count := map[catalog.Status]int{}
		var wg sync.WaitGroup
		for n := range 30 {
			wg.Go(func() {
				in := with(Instance("1", "1", 1), func(i *catalog.Instance) { i.Digest = object.Sum([]byte{byte(n % 3)}) })
				out, err := c.Add(ctx, catalog.Entry{Instance: &in})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				count[out.Status]++
				mu.Unlock()
			})
		}
		wg.Wait()
		if d := cmp.Diff(map[catalog.Status]int{catalog.Stored: 1, catalog.Conflict: 2, catalog.Duplicate: 27}, count); d != "" {
			t.Error(d)
		}
	})

	t.Run("quarantine", func(t *testing.T) {
		c := open(t)
		q := catalog.Quarantine{Digest: object.Sum([]byte("bad")), Size: 3, Code: "input", Reason: "element (0010,0010): odd length",
			Provenance: Instance("1", "1", 1).Provenance}
		for _, want := range []catalog.Status{catalog.Quarantined, catalog.Duplicate} {
			if out, err := c.Add(ctx, catalog.Entry{Quarantine: &q}); out.Status != want || err != nil {
				t.Errorf("%+v, %v; want %s", out, err, want)
			}
		}
		var got []catalog.Quarantine
		for v, err := range c.Quarantined(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, v)
		}
		if d := cmp.Diff([]catalog.Quarantine{q}, got); d != "" {
			t.Error(d)
		}
		in := with(Instance("1", "1", 1), func(i *catalog.Instance) { i.Digest = q.Digest })
		if out := add(t, c, in); out.Status != catalog.Stored {
			t.Errorf("a content that can be read now: %+v", out)
		}
		for range c.Quarantined(ctx) {
			t.Error("still in quarantine")
		}
	})

	t.Run("queries", func(t *testing.T) { queries(t, open(t)) })

	t.Run("paging", func(t *testing.T) {
		c := open(t)
		for n := range 25 {
			add(t, c, Instance(fmt.Sprint(n), "1", 1))
		}
		var got []string
		for off := 0; ; off += 10 {
			page, err := c.Find(ctx, catalog.Query{Level: catalog.Study, Limit: 10, Offset: off})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page {
				got = append(got, r.StudyUID)
			}
			if len(page) < 10 {
				break
			}
		}
		whole, _ := c.Find(ctx, catalog.Query{Level: catalog.Study})
		if len(got) != 25 || len(whole) != 25 || got[24] != whole[24].StudyUID {
			t.Errorf("%d by pages, %d at once", len(got), len(whole))
		}
		if rest, err := c.Find(ctx, catalog.Query{Level: catalog.Study, Offset: 20}); len(rest) != 5 || err != nil {
			t.Errorf("%d after 20, %v", len(rest), err)
		}
	})

	t.Run("retention and garbage", func(t *testing.T) { retention(t, open(t)) })
	t.Run("runs and seen files", func(t *testing.T) { runs(t, open(t)) })
	t.Run("export and import", func(t *testing.T) {
		from, to := open(t), open(t)
		Fill(t, from)
		Same(t, from, to)
		if err := to.Import(ctx, strings.NewReader("{}")); fault.CodeOf(err) != fault.Input {
			t.Errorf("no export: %v", err)
		}
	})
}

// Fill puts a bit of everything into a catalog.
func Fill(t testing.TB, c *catalog.Catalog) {
	t.Helper()
	ctx := context.Background()
	for n := range 6 {
		in := Instance(fmt.Sprint(n%3), "1", n)
		if _, err := c.Add(ctx, catalog.Entry{Instance: &in}); err != nil {
			t.Fatal(err)
		}
	}
	conflict := with(Instance("0", "1", 0), func(i *catalog.Instance) {
		i.Digest = object.Sum([]byte("x"))
		i.Attributes["PatientSex"] = "F"
		i.Attributes["PatientName"] = "Müller^Øyvind"
	})
	if _, err := c.Add(ctx, catalog.Entry{Instance: &conflict}); err != nil {
		t.Fatal(err)
	}
	q := catalog.Quarantine{Digest: object.Sum([]byte("bad")), Size: 3, Code: "input", Reason: "r", Provenance: conflict.Provenance}
	if _, err := c.Add(ctx, catalog.Entry{Quarantine: &q}); err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(1_700_000_000_123).UTC()
	if err := c.SaveRun(ctx, catalog.Run{ID: "r1", Source: "dir", Rules: "ingest/1", Started: now, Finished: now, Summary: map[string]any{"found": 3.0}}); err != nil {
		t.Fatal(err)
	}
	if err := c.Remember(ctx, []catalog.Seen{{Origin: "dir/a", Size: 3, Modified: now, Outcome: "stored", Run: "r1"}}); err != nil {
		t.Fatal(err)
	}
	if err := c.Hold(ctx, "1.2.1", "study in a trial"); err != nil {
		t.Fatal(err)
	}
	if err := c.Retire(ctx, "1.2.2", "time over", now); err != nil {
		t.Fatal(err)
	}
}

// Same moves from's content into the empty to, and checks that a second export equals the first.
func Same(t testing.TB, from, to *catalog.Catalog) {
	t.Helper()
	ctx := context.Background()
	var first, second bytes.Buffer
	if err := from.Export(ctx, &first); err != nil {
		t.Fatal(err)
	}
	cut := bytes.LastIndexByte(bytes.TrimSpace(first.Bytes()), '\n')
	if err := to.Import(ctx, bytes.NewReader(first.Bytes()[:cut+1])); fault.CodeOf(err) != fault.Input {
		t.Errorf("an export without its end: %v", err)
	}
	if err := to.Import(ctx, bytes.NewReader(first.Bytes())); err != nil {
		t.Fatal(err)
	}
	if err := to.Import(ctx, bytes.NewReader(first.Bytes())); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("import into a catalog that is not empty: %v", err)
	}
	if err := to.Export(ctx, &second); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sorted(first.String()), sorted(second.String())); d != "" {
		t.Error(d)
	}
}
