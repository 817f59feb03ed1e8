package cohort

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/storetest"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/ingest"
)

// A key made for these tests.
const (
	testKey       = "AGE-SECRET-KEY-1TVUANW4Y558YREXMS6G67KGG76F764RD42YH7GR3NYNYZE6J8AVQ5GZE6V"
	testRecipient = "age1pw3rzjqvlsaslgcn2frm3pmgqgj6gmndrul397zzk9ja96eqzyws92rgf5"
)

func openArchive(t testing.TB, dir, key string) *store.Archive {
	t.Helper()
	var keys store.Keys
	if key != "" {
		file := filepath.Join(t.TempDir(), "key")
		err := os.WriteFile(file, []byte(key), 0o600)
		if err == nil {
			keys, err = store.ReadKeys(file)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	a, err := store.Open(context.Background(), dir, keys)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// put adds a file to the archive in dir.
func put(t testing.TB, dir, file string) store.Result {
	t.Helper()
	a := openArchive(t, dir, "")
	defer a.Close()
	return putIn(t, a, file)
}

func putIn(t testing.TB, a *store.Archive, file string) store.Result {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	res, err := a.Put(context.Background(), bytes.NewReader(content), ingest.Format, catalog.Provenance{Run: "test", Origin: "test", Rules: ingest.Rules})
	if err != nil || res.Code != "" {
		t.Fatalf("%+v, %v", res, err)
	}
	return res
}

// echoArchive makes an archive: patients P1 to P4, each with a cine of n+1 frames in a study of its own (1.2.n, accession An, place Hn); P1
// has a CT of three slices and a report beside it. The same files lie in folder.
func echoArchive(t *testing.T, change func(*store.Config), key string) (archive, folder string) {
	t.Helper()
	t.Setenv("CINELOOP_CACHE", t.TempDir())
	archive, folder = t.TempDir(), t.TempDir()
	cfg := store.DefaultConfig()
	cfg.Reserve = 0
	if change != nil {
		change(&cfg)
	}
	if err := store.Init(archive, cfg); err != nil {
		t.Fatal(err)
	}
	a := openArchive(t, archive, key)
	defer a.Close()
	add := func(name string, frames int, edit func(*dicom.DataSet)) {
		file := filepath.Join(folder, name)
		writeDICOM(t, file, frames, edit)
		putIn(t, a, file)
	}
	for n := 1; n <= 4; n++ {
		add(fmt.Sprintf("cine%d", n), n+1, echoOf(n))
	}
	for n := 1; n <= 3; n++ {
		add(fmt.Sprintf("ct/%d", n), 1, sliceOf(n))
	}
	add("report", 1, func(ds *dicom.DataSet) {
		echoOf(1)(ds)
		ds.SetString(tag.SOPInstanceUID, "1.2.1.9")
		ds.SetString(tag.SeriesInstanceUID, "1.2.1.3")
		ds.SetString(tag.Modality, "SR")
		for _, k := range []tag.Tag{tag.Rows, tag.Columns, tag.PixelData} {
			ds.Delete(k)
		}
	})
	return archive, folder
}

func echoOf(n int) func(*dicom.DataSet) {
	return func(ds *dicom.DataSet) {
		ds.SetString(tag.Modality, "US")
		ds.SetString(tag.PatientID, fmt.Sprintf("P%d", n))
		ds.SetString(tag.StudyInstanceUID, fmt.Sprintf("1.2.%d", n))
		ds.SetString(tag.SeriesInstanceUID, fmt.Sprintf("1.2.%d.1", n))
		ds.SetString(tag.SOPInstanceUID, fmt.Sprintf("1.2.%d.1.1", n))
		ds.SetString(tag.AccessionNumber, fmt.Sprintf("A%d", n))
		ds.SetString(tag.StudyDate, fmt.Sprintf("2024010%d", n))
		ds.SetString(tag.InstitutionName, fmt.Sprintf("H%d", n))
		ds.SetString(tag.StudyDescription, []string{"stress echo", "chest"}[n%2])
		ds.SetString(tag.ViewName, "A4C")
		ds.SetFloats(tag.FrameTime, 40)
	}
}

func sliceOf(n int) func(*dicom.DataSet) {
	return func(ds *dicom.DataSet) {
		echoOf(1)(ds)
		ds.SetString(tag.Modality, "CT")
		ds.SetString(tag.SOPClassUID, uid.CTImageStorage)
		ds.SetString(tag.SeriesInstanceUID, "1.2.1.2")
		ds.SetString(tag.SOPInstanceUID, fmt.Sprintf("1.2.1.2.%d", n))
		ds.SetString(tag.InstanceNumber, fmt.Sprint(n))
		ds.SetFloats(tag.ImagePositionPatient, 0, 0, float64(5*n))
		ds.SetFloats(tag.ImageOrientationPatient, 1, 0, 0, 0, 1, 0)
		ds.SetFloats(tag.PixelSpacing, 1, 1)
	}
}

// ids are the keys of the rows.
func ids(c *Cohort) (out []string) {
	for _, r := range c.Rows {
		out = append(out, r.ID)
	}
	return out
}

// TestArchiveIsItsFolder: an archive's items are those of the folder that went in, column by column, and lie where the archive keeps them.
func TestArchiveIsItsFolder(t *testing.T) {
	archive, folder := echoArchive(t, nil, "")
	c := mustLoad(t, Spec{Archive: archive})
	if diff := cmp.Diff([]string{"1.2.1.1.1", "1.2.1.2", "1.2.2.1.1", "1.2.3.1.1", "1.2.4.1.1"}, ids(c)); diff != "" {
		t.Fatal(diff)
	}
	if len(c.Quarantine) > 0 || c.Patients(c.All()) != 4 || len(c.Answer) != 8 || !slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.Contains(w, "1 instances have no picture") }) {
		t.Errorf("%+v %+v %+v", c.Quarantine, c.Answer, c.Warnings)
	}
	want := mustLoad(t, Spec{Root: folder, Table: "dicom"})
	if len(want.Rows) != len(c.Rows) {
		t.Fatalf("%d rows, %d in the folder", len(c.Rows), len(want.Rows))
	}
	byKey := map[string]int{}
	for i := range want.Rows {
		series, _ := want.Value(i, "series")
		byKey[series] = i
	}
	for i, r := range c.Rows {
		series, _ := c.Value(i, "series")
		w := want.Rows[byKey[series]]
		if diff := cmp.Diff(w.Columns[1:], r.Columns[1:len(dicomColumns)]); diff != "" {
			t.Error(diff)
		}
		a, err := clip.Open(r.Path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := clip.Open(w.Path)
		if err != nil {
			t.Fatal(err)
		}
		if a.T != b.T || !bytes.Equal(a.Data, b.Data) || a.Spacing != b.Spacing {
			t.Errorf("item %d: another clip", i)
		}
		if !strings.Contains(r.Path, "#") && !strings.HasPrefix(r.Path, filepath.Join(archive, "objects")) {
			t.Errorf("item %d was copied to %s", i, r.Path)
		}
		n := series[4:5]
		for column, value := range map[string]string{"accession": "A" + n, "site": "H" + n, "study_date": "2024010" + n} {
			if got, _ := c.Value(i, column); got != value {
				t.Errorf("item %d: %s is %q", i, column, got)
			}
		}
	}
	f, err := c.Fingerprint(context.Background(), FingerprintOptions{Content: true})
	if err != nil {
		t.Fatal(err)
	}
	g, err := want.Fingerprint(context.Background(), FingerprintOptions{})
	if err != nil || f.Bytes.Mean != g.Bytes.Mean || f.Frames.Max != g.Frames.Max {
		t.Errorf("%+v, %+v, %v", f.Bytes, g.Bytes, err)
	}
}

func TestArchiveQuery(t *testing.T) {
	archive, _ := echoArchive(t, nil, "")
	for name, c := range map[string]struct {
		query map[string]string
		each  string
		want  []string
	}{
		"by modality":           {map[string]string{"Modality": "CT"}, "", []string{"1.2.1.2"}},
		"slices by themselves":  {map[string]string{"Modality": "CT"}, EachInstance, []string{"1.2.1.2.1", "1.2.1.2.2", "1.2.1.2.3"}},
		"a wildcard":            {map[string]string{"StudyDescription": "*echo*"}, "", []string{"1.2.2.1.1", "1.2.4.1.1"}},
		"a range, and together": {map[string]string{"StudyDate": "20240102-", "StudyDescription": "chest"}, "", []string{"1.2.3.1.1"}},
		"a list":                {map[string]string{"PatientID": `P4\P2`}, "", []string{"1.2.2.1.1", "1.2.4.1.1"}},
		"everything":            {map[string]string{"PatientID": "*", "Modality": "US"}, "", []string{"1.2.1.1.1", "1.2.2.1.1", "1.2.3.1.1", "1.2.4.1.1"}},
		"an instance":           {map[string]string{"SOPInstanceUID": "1.2.3.1.1"}, "", []string{"1.2.3.1.1"}},
	} {
		got := mustLoad(t, Spec{Archive: archive, Query: c.query, Each: c.each})
		if diff := cmp.Diff(c.want, ids(got)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	again := mustLoad(t, Spec{Archive: archive, Query: map[string]string{"Modality": "US"}, Where: map[string]string{"site": "H2|H3"}, Views: &ViewsSpec{Study: "study", Column: "view"}})
	if diff := cmp.Diff([]string{"1.2.2", "1.2.3"}, ids(again)); diff != "" {
		t.Error(diff)
	}
}

func TestArchiveRefusals(t *testing.T) {
	archive, _ := echoArchive(t, nil, "")
	labels := func(l LabelsSpec) *LabelsSpec { return &l }
	root := folder(t, map[string]string{"l.csv": "PatientID,ef\nP1,1\n", "age.csv": "PatientID,age\nP1,1\n", "none.csv": "PatientID,ef\nQ1,1\n"})
	for name, c := range map[string]struct {
		spec Spec
		code fault.Code
		word string
	}{
		"no archive":        {Spec{Query: map[string]string{"Modality": "US"}}, fault.Usage, "data.archive"},
		"a table too":       {Spec{Archive: archive, Table: "l.csv"}, fault.Usage, "in place of"},
		"a URL":             {Spec{Archive: "https://pacs.example/dicom-web"}, fault.Usage, "not a URL"},
		"no folder":         {Spec{Archive: filepath.Join(archive, "none")}, fault.NotFound, "data.archive"},
		"no archive there":  {Spec{Archive: t.TempDir()}, fault.NotFound, "archive.yaml"},
		"a word":            {Spec{Archive: archive, Query: map[string]string{"StudyDescripton": "x"}}, fault.Usage, "StudyDescription"},
		"not kept":          {Spec{Archive: archive, Query: map[string]string{"EchoTime": "1"}}, fault.Usage, "keeps no"},
		"nothing":           {Spec{Archive: archive, Query: map[string]string{"PatientID": "secret"}}, fault.Input, "no such instance"},
		"no picture":        {Spec{Archive: archive, Query: map[string]string{"Modality": "SR"}}, fault.Input, "has a picture"},
		"each":              {Spec{Archive: archive, Each: "frame"}, fault.Usage, "data.each"},
		"each study":        {Spec{Archive: archive, Each: "study"}, fault.Usage, "data.each"},
		"labels: no table":  {Spec{Archive: archive, Root: root, Labels: labels(LabelsSpec{On: "PatientID"})}, fault.Usage, "data.labels.table"},
		"labels: not there": {Spec{Archive: archive, Root: root, Labels: labels(LabelsSpec{Table: "m.csv", On: "PatientID"})}, fault.NotFound, "m.csv"},
		"labels: on":        {Spec{Archive: archive, Root: root, Labels: labels(LabelsSpec{Table: "l.csv", On: "PatientName"})}, fault.Usage, "data.labels.on"},
		"labels: missing":   {Spec{Archive: archive, Root: root, Labels: labels(LabelsSpec{Table: "l.csv", On: "PatientID", Missing: "drop"})}, fault.Usage, "data.labels.missing"},
		"labels: column":    {Spec{Archive: archive, Root: root, Labels: labels(LabelsSpec{Table: "l.csv", On: "PatientID", Column: "pid"})}, fault.Usage, "pid"},
		"labels: columns":   {Spec{Archive: archive, Root: root, Labels: labels(LabelsSpec{Table: "l.csv", On: "PatientID", Columns: []string{"eff"}})}, fault.Usage, "eff"},
		"labels: instance":  {Spec{Archive: archive, Root: root, Labels: labels(LabelsSpec{Table: "l.csv", On: "SOPInstanceUID"})}, fault.Usage, "data.labels.on"},
		"labels: both have": {Spec{Archive: archive, Root: root, Labels: labels(LabelsSpec{Table: "age.csv", On: "PatientID"})}, fault.Usage, `"age"`},
		"labels: no match":  {Spec{Archive: archive, Root: root, Labels: labels(LabelsSpec{Table: "none.csv", On: "PatientID"})}, fault.Input, "none can be joined"},
	} {
		_, err := Load(context.Background(), c.spec)
		if fault.CodeOf(err) != c.code || !strings.Contains(fmt.Sprint(err), c.word) || strings.Contains(fmt.Sprint(err), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestArchiveDigest: the digest is the same again, and follows query, answer and labels.
func TestArchiveDigest(t *testing.T) {
	archive, folder := echoArchive(t, nil, "")
	us := map[string]string{"Modality": "US"}
	first := mustLoad(t, Spec{Archive: archive, Query: us})
	if again := mustLoad(t, Spec{Archive: archive, Query: us}); again.Digest != first.Digest || first.Digest == "" {
		t.Error("the digest changes by itself")
	}
	seen := map[string]string{first.Digest: "first"}
	differs := func(what string, c *Cohort) {
		t.Helper()
		if was := seen[c.Digest]; was != "" {
			t.Errorf("%s: the digest is that of %s", what, was)
		}
		seen[c.Digest] = what
	}
	differs("another query", mustLoad(t, Spec{Archive: archive, Query: map[string]string{"Modality": "US*"}}))
	differs("instances", mustLoad(t, Spec{Archive: archive, Query: us, Each: EachInstance}))
	for i, text := range []string{"PatientID,ef\nP1,1\n", "PatientID,ef\nP1,2\n"} {
		root := t.TempDir()
		if err := os.WriteFile(filepath.Join(root, "l.csv"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		differs(fmt.Sprint("labels ", i), mustLoad(t, Spec{Archive: archive, Query: us, Root: root, Labels: &LabelsSpec{Table: "l.csv", On: "PatientID"}}))
	}
	writeDICOM(t, filepath.Join(folder, "more"), 3, echoOf(5))
	put(t, archive, filepath.Join(folder, "more"))
	differs("another answer", mustLoad(t, Spec{Archive: archive, Query: us}))

	// What the run was planned with stays what it was, and what came is said.
	pinned := mustLoad(t, Spec{Archive: archive, Query: us, Pinned: first.Answer})
	if diff := cmp.Diff(ids(first), ids(pinned)); diff != "" || pinned.Digest != first.Digest || !strings.Contains(strings.Join(pinned.Warnings, "; "), "1 instances came after") {
		t.Errorf("%s%s %v", diff, pinned.Digest, pinned.Warnings)
	}
	gone := append(slices.Clone(first.Answer), Answer{"1.9", strings.Repeat("0", 64)})
	gone[0].Content = strings.Repeat("1", 64)
	c := mustLoad(t, Spec{Archive: archive, Query: us, Pinned: gone})
	if said := strings.Join(c.Warnings, "; "); len(c.Rows) != 3 || len(c.Quarantine) != 1 || !strings.Contains(said, "1 instances that the run was planned with are gone") ||
		!strings.Contains(said, "1 instances have another content") {
		t.Errorf("%d rows, %+v, %s", len(c.Rows), c.Quarantine, said)
	}
}

// TestArchiveDamage: what is not there, cut short, or not of its patient is quarantined; a stack with a gap is never used.
func TestArchiveDamage(t *testing.T) {
	archive, folder := echoArchive(t, nil, "")
	other := filepath.Join(folder, "other")
	writeDICOM(t, other, 2, func(ds *dicom.DataSet) {
		echoOf(4)(ds)
		ds.SetString(tag.PatientID, "secret")
		ds.SetString(tag.SOPInstanceUID, "1.2.4.1.2")
	})
	put(t, archive, other)
	content := func(name string) string {
		d := put(t, archive, filepath.Join(folder, name)).Digest.String()
		return filepath.Join(archive, "objects", d[:2], d)
	}
	for path, size := range map[string]int64{content("cine2"): 500, content("ct/2"): 100} {
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(content("cine3")); err != nil {
		t.Fatal(err)
	}
	c := mustLoad(t, Spec{Archive: archive})
	if diff := cmp.Diff([]string{"1.2.1.1.1", "1.2.4.1.1"}, ids(c)); diff != "" {
		t.Error(diff)
	}
	reasons := map[string]string{}
	for _, q := range c.Quarantine {
		if reasons[q.ID] = q.Reason; strings.Contains(q.Reason, "secret") || strings.Contains(q.Reason, archive) {
			t.Errorf("%s says too much: %s", q.ID, q.Reason)
		}
	}
	for id, word := range map[string]string{"1.2.2.1.1": "damaged", "1.2.1.2.2": "damaged", "1.2.1.2": "an instance of the series", "1.2.3.1.1": "not in the archive",
		"1.2.4.1.2": "different patients"} {
		if !strings.Contains(reasons[id], word) {
			t.Errorf("%s: %q", id, reasons[id])
		}
	}
}

// TestArchiveSeriesTwice: a series UID that two studies have, against the standard, gives two items.
func TestArchiveSeriesTwice(t *testing.T) {
	archive, folder := echoArchive(t, nil, "")
	for n := 1; n <= 2; n++ {
		file := filepath.Join(folder, "twice", fmt.Sprint(n))
		writeDICOM(t, file, 1, func(ds *dicom.DataSet) {
			sliceOf(n)(ds)
			ds.SetString(tag.StudyInstanceUID, "1.2.9")
			ds.SetString(tag.SOPInstanceUID, fmt.Sprintf("1.2.9.2.%d", n))
		})
		put(t, archive, file)
	}
	c := mustLoad(t, Spec{Archive: archive, Query: map[string]string{"Modality": "CT"}})
	if diff := cmp.Diff([]string{"1.2.1/1.2.1.2", "1.2.9/1.2.1.2"}, ids(c)); diff != "" {
		t.Fatal(diff)
	}
	for i, frames := range []int{3, 2} {
		if got, err := clip.Open(c.Rows[i].Path); err != nil || got.T != frames {
			t.Errorf("item %d: %v", i, err)
		}
	}
}

// TestArchiveElsewhere: contents in a bucket come into the cache once; sealed ones are refused.
func TestArchiveElsewhere(t *testing.T) {
	archive, folder := echoArchive(t, func(cfg *store.Config) { cfg.Objects = storetest.S3(t) }, "")
	c := mustLoad(t, Spec{Archive: archive})
	want := mustLoad(t, Spec{Root: folder, Table: "dicom"})
	if len(c.Rows) != 5 || len(want.Rows) != 5 || !strings.Contains(strings.Join(c.Warnings, "; "), "7 contents were fetched") {
		t.Fatalf("%d rows, %v", len(c.Rows), c.Warnings)
	}
	for _, r := range c.Rows {
		if _, err := clip.Open(r.Path); err != nil {
			t.Error(err)
		}
	}
	again := mustLoad(t, Spec{Archive: archive})
	if strings.Contains(strings.Join(again.Warnings, "; "), "fetched") || again.Digest != c.Digest {
		t.Errorf("fetched again: %v", again.Warnings)
	}

	sealed, _ := echoArchive(t, func(cfg *store.Config) { cfg.Recipients = []string{testRecipient} }, testKey)
	if _, err := Load(context.Background(), Spec{Archive: sealed}); fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), "sealed") {
		t.Errorf("sealed: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Load(ctx, Spec{Archive: archive}); err == nil {
		t.Error("a cancelled load ends well")
	}
}
