package dicomweb_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/web"
	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/dicomweb"
)

// service is an empty archive behind a server, with a client.
func service(t *testing.T, change ...func(*store.Config)) (*web.Client, *httptest.Server, *store.Archive) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "archive")
	cfg := store.DefaultConfig()
	for _, c := range change {
		c(&cfg)
	}
	if err := store.Init(dir, cfg); err != nil {
		t.Fatal(err)
	}
	a, err := store.Open(context.Background(), dir, store.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(web.NewServer(dicomweb.New(a), web.Options{}))
	c, err := web.NewClient(srv.URL+"/dicom-web", web.ClientOptions{Wait: time.Millisecond, HTTP: srv.Client()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); srv.Close(); a.Close() })
	return c, srv, a
}

func upload(name string, b []byte) web.Upload {
	return web.Upload{Name: name, Size: int64(len(b)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

func uploads(list ...web.Upload) iter.Seq2[web.Upload, error] {
	return func(yield func(web.Upload, error) bool) {
		for _, u := range list {
			if !yield(u, nil) {
				return
			}
		}
	}
}

// made is a small file.
func made(t *testing.T, study, series, instance string, more func(*dicom.DataSet)) []byte {
	t.Helper()
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, "1.2.840.10008.5.1.4.1.1.7")
	ds.SetString(tag.StudyInstanceUID, study)
	ds.SetString(tag.SeriesInstanceUID, series)
	ds.SetString(tag.SOPInstanceUID, instance)
	if more != nil {
		more(ds)
	}
	var b bytes.Buffer
	if err := dicom.Write(&b, ds, dicom.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func collect[T any](t *testing.T, seq iter.Seq2[T, error]) (out []T) {
	t.Helper()
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// corpus gives the real files; with -short, every eighth.
func corpus(t *testing.T) map[string][]byte {
	root := testdata.Shared(t, "data", "dicom", "real")
	out, n := map[string][]byte{}, 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if n++; !testing.Short() || n%8 == 0 {
			out[strings.TrimPrefix(path, root+"/")] = b
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestCorpus sends every real file by STOW and reads every one that was taken back: by WADO as it was, byte for byte, by metadata, by
// frames and as a picture. Nothing of it may be answered with a defect.
func TestCorpus(t *testing.T) {
	c, srv, _ := service(t)
	ctx := t.Context()
	files := corpus(t)
	var list []web.Upload
	byUID := map[string][][]byte{}
	for name, b := range files {
		list = append(list, upload(name, b))
		if f, err := dicom.ReadBytes(b); err == nil {
			u := f.DataSet.String(tag.SOPInstanceUID)
			byUID[u] = append(byUID[u], b)
		}
	}
	res, err := c.Store(ctx, uploads(list...), web.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files: %+v", len(files), res)
	if res.Stored < len(files)*3/4 || res.Unanswered != 0 || res.Stored+res.Failed != len(files) {
		t.Errorf("stored %+v of %d", res, len(files))
	}
	n := 0
	for ds := range collectSeq(t, c.Search(ctx, web.Query{Level: web.Instances})) {
		n++
		at := web.Resource{Study: ds.String(tag.StudyInstanceUID), Series: ds.String(tag.SeriesInstanceUID), Instance: ds.String(tag.SOPInstanceUID)}
		o, err := c.Open(ctx, at, "")
		if err != nil {
			t.Errorf("%v: %v", at.Instance, err)
			continue
		}
		got, err := io.ReadAll(o)
		o.Close()
		if err != nil {
			t.Error(err)
		}
		same := false
		for _, b := range byUID[at.Instance] {
			same = same || bytes.Equal(got, b)
		}
		if !same {
			t.Errorf("%s comes back as other bytes", at.Instance)
		}
		for _, path := range []string{"/metadata", "/frames/1", "/rendered", "/thumbnail", "?accept=application/dicom"} {
			resp, err := http.Get(srv.URL + "/dicom-web/" + at.Path() + path)
			if err != nil {
				t.Errorf("%s %s: %v", at.Instance, path, err)
				continue
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode >= 500 && resp.StatusCode != 501 || resp.StatusCode == 400 || resp.StatusCode != 200 && (path == "/metadata" || path[0] == '?') {
				t.Errorf("%s%s (%s): %d %v %.200s", at.Instance, path, ds.String(tag.AvailableTransferSyntaxUID), resp.StatusCode, err, body)
			}
		}
	}
	if n+len(conflictsOf(byUID)) < res.Stored {
		t.Logf("%d instances found, %d stored", n, res.Stored)
	}
}

func conflictsOf(m map[string][][]byte) (out []string) {
	for k, v := range m {
		for range len(v) - 1 {
			out = append(out, k)
		}
	}
	return out
}

func collectSeq[T any](t *testing.T, seq iter.Seq2[T, error]) iter.Seq[T] {
	return func(yield func(T) bool) {
		for v, err := range seq {
			if err != nil {
				t.Fatal(err)
			}
			if !yield(v) {
				return
			}
		}
	}
}

// filled has three studies: Müller's CT with two series, Doe's echo, and one without a name.
func filled(t *testing.T) (*web.Client, *httptest.Server, *store.Archive) {
	t.Helper()
	c, srv, a := service(t)
	set := func(values map[tag.Tag]string) func(*dicom.DataSet) {
		return func(ds *dicom.DataSet) {
			for k, v := range values {
				ds.SetString(k, v)
			}
		}
	}
	mueller := map[tag.Tag]string{tag.PatientName: "Müller^Jörg Peter", tag.PatientID: "M1", tag.StudyDate: "20240131", tag.StudyTime: "103015.5", tag.Modality: "CT", tag.StudyDescription: "Thorax", tag.AccessionNumber: "A1"}
	doe := map[tag.Tag]string{tag.PatientName: "Doe^Jane", tag.PatientID: "D1", tag.StudyDate: "20240201", tag.StudyTime: "08", tag.Modality: "US", tag.StudyDescription: "Echo"}
	var list []web.Upload
	for i, f := range []struct {
		study, series, instance string
		set                     func(*dicom.DataSet)
	}{
		{"1.1", "1.1.1", "1.1.1.1", set(mueller)}, {"1.1", "1.1.1", "1.1.1.2", set(mueller)}, {"1.1", "1.1.2", "1.1.2.1", func(ds *dicom.DataSet) {
			set(mueller)(ds)
			ds.SetString(tag.Modality, "SR")
			item := dicom.NewDataSet()
			item.SetString(tag.ScheduledProcedureStepID, "SPS7")
			item.SetString(tag.RequestedProcedureID, "RP7")
			ds.SetSequence(tag.RequestAttributesSequence, item)
			ds.SetString(tag.ConversionType, "WSD")
		}},
		{"1.2", "1.2.1", "1.2.1.1", set(doe)}, {"1.3", "1.3.1", "1.3.1.1", nil},
	} {
		b := made(t, f.study, f.series, f.instance, f.set)
		list = append(list, upload(string(rune('a'+i)), b))
	}
	res, err := c.Store(t.Context(), uploads(list...), web.StoreOptions{})
	if err != nil || res.Stored != 5 {
		t.Fatalf("%+v, %v", res, err)
	}
	return c, srv, a
}

func TestSearching(t *testing.T) {
	_, srv, _ := filled(t)
	for _, c := range []struct{ path, want string }{
		{"studies", "1.2 1.1 1.3"}, // from the newest
		{"studies?PatientName=Doe*", "1.2"},
		{"studies?PatientName=doe%5Ejane", "1.2"},
		{"studies?PatientName=Jane&fuzzymatching=true", "1.2"},
		{"studies?PatientName=jorg+mull&fuzzymatching=true", "1.1"},
		{"studies?PatientName=jorg+mull", ""},
		{"studies?PatientName=M?ller*", "1.1"},
		{"studies?PatientID=D1", "1.2"}, {"studies?PatientID=d1", ""}, {"studies?00100020=D1", "1.2"},
		{"studies?StudyDate=20240131", "1.1"}, {"studies?StudyDate=20240101-20240131", "1.1"}, {"studies?StudyDate=20240201-", "1.2"}, {"studies?StudyDate=-20240131", "1.1"},
		{"studies?StudyTime=1030-1031", "1.1"}, {"studies?StudyTime=-09", "1.2"},
		{"studies?ModalitiesInStudy=SR", "1.1"}, {"studies?ModalitiesInStudy=US%5CSR", "1.2 1.1"}, {"studies?ModalitiesInStudy=US,SR", "1.2 1.1"},
		{"studies?StudyInstanceUID=1.1,1.3", "1.1 1.3"}, {"studies?StudyInstanceUID=1.1%5C1.2", "1.2 1.1"},
		{"studies?StudyDescription=*o*", "1.2 1.1"}, {"studies?AccessionNumber=A1&PatientID=M1", "1.1"}, {"studies?AccessionNumber=A1&PatientID=D1", ""},
		{"studies?SOPInstanceUID=1.1.2.1", "1.1"}, {"studies?limit=1&offset=1", "1.1"}, {"studies?limit=0", ""}, {"studies?offset=5", ""}, {"studies?PatientName=*", "1.2 1.1 1.3"},
		{"series?Modality=US", "1.2.1"}, {"studies/1.1/series", "1.1.1 1.1.2"}, {"studies/1.1/series?Modality=SR", "1.1.2"}, {"studies/9/series", ""},
		{"instances?PatientID=M1", "1.1.1.1 1.1.1.2 1.1.2.1"}, {"studies/1.1/instances", "1.1.1.1 1.1.1.2 1.1.2.1"}, {"studies/1.1/series/1.1.1/instances", "1.1.1.1 1.1.1.2"},
		{"studies/1.2/series/1.1.1/instances", ""},
	} {
		resp, err := http.Get(srv.URL + "/dicom-web/" + c.path)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		key := tag.StudyInstanceUID
		switch p, _, _ := strings.Cut(c.path, "?"); {
		case strings.HasSuffix(p, "series"):
			key = tag.SeriesInstanceUID
		case strings.HasSuffix(p, "instances"):
			key = tag.SOPInstanceUID
		}
		if c.want == "" {
			if resp.StatusCode != 204 {
				t.Errorf("%s: %d %s", c.path, resp.StatusCode, b)
			}
			continue
		}
		var raw []json.RawMessage
		if err := json.Unmarshal(b, &raw); err != nil || resp.StatusCode != 200 {
			t.Errorf("%s: %d %s", c.path, resp.StatusCode, b)
			continue
		}
		var got []string
		for _, r := range raw {
			ds, err := dicom.ParseJSON(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, ds.String(key))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v", c.path, got)
		}
	}
	for _, bad := range []string{"studies?ConversionType=WSD", "studies?RequestAttributesSequence.ScheduledProcedureStepID=SPS7", "studies?StudyDate=yesterday", "studies?StudyTime=9999", "studies?NumberOfStudyRelatedInstances=3", "studies?Foo=1"} {
		resp, err := http.Get(srv.URL + "/dicom-web/" + bad)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 400 {
			t.Errorf("%s: %d", bad, resp.StatusCode)
		}
	}
}

func TestWhatSearchesReturn(t *testing.T) {
	c, _, _ := filled(t)
	find := func(q web.Query, include ...string) *dicom.DataSet {
		t.Helper()
		for _, s := range include {
			a, err := web.ParseAttribute(s)
			if err != nil {
				t.Fatal(err)
			}
			q.Include = append(q.Include, a)
		}
		all := collect(t, c.Search(t.Context(), q))
		if len(all) == 0 {
			t.Fatal("nothing found")
		}
		return all[len(all)-1]
	}
	one := web.Query{}
	if err := one.Where("StudyInstanceUID", "1.1"); err != nil {
		t.Fatal(err)
	}
	ds := find(one, "BodyPartExamined")
	if n, _ := ds.Int(tag.NumberOfStudyRelatedSeries); n != 2 {
		t.Errorf("%d series", n)
	}
	if n, _ := ds.Int(tag.NumberOfStudyRelatedInstances); n != 3 {
		t.Errorf("%d instances", n)
	}
	if got := strings.Join(ds.Strings(tag.ModalitiesInStudy), "+"); got != "CT+SR" || ds.String(tag.PatientName) != "Müller^Jörg Peter" || ds.Has(tag.SeriesInstanceUID) || ds.Has(tag.ConversionType) {
		t.Errorf("%s", got)
	}
	series := find(web.Query{Level: web.Series, Within: web.Resource{Study: "1.1"}})
	if series.Has(tag.PatientName) || series.String(tag.Modality) != "SR" || len(series.Sequence(tag.RequestAttributesSequence)) != 1 {
		t.Errorf("series: %d attributes", series.Len())
	}
	series = find(web.Query{Level: web.Series, Within: web.Resource{Study: "1.1"}}, "PatientName", "ConversionType")
	if series.String(tag.PatientName) == "" || series.String(tag.ConversionType) != "WSD" {
		t.Error("includefield of a record and of a file")
	}
	if n, _ := find(web.Query{Level: web.Series, Within: web.Resource{Study: "1.1"}}).Int(tag.NumberOfSeriesRelatedInstances); n != 1 {
		t.Errorf("%d instances in the series", n)
	}
	if n, err := c.Count(t.Context(), web.Resource{Study: "1.1"}); n != 3 || err != nil {
		t.Errorf("count %d, %v", n, err)
	}
	if n, err := c.Count(t.Context(), web.Resource{Study: "1.1", Series: "1.1.1"}); n != 2 || err != nil {
		t.Errorf("count %d, %v", n, err)
	}
	if n, err := c.Count(t.Context(), web.Resource{Study: "7"}); n != -1 || err != nil {
		t.Errorf("count %d, %v", n, err)
	}
	instance := find(web.Query{Level: web.Instances, Within: web.Resource{Study: "1.1"}})
	if instance.String(tag.SOPClassUID) == "" || instance.String(tag.AvailableTransferSyntaxUID) != "1.2.840.10008.1.2.1" || !strings.HasSuffix(instance.String(tag.RetrieveURL), "/instances/1.1.2.1") {
		t.Error("instance")
	}
}

// TestConflict: other content under a known UID is kept beside it, which the sender is told, and the first stands.
func TestConflict(t *testing.T) {
	c, _, a := service(t)
	first := made(t, "1.1", "1.1.1", "1.1.1.1", nil)
	other := made(t, "1.1", "1.1.1", "1.1.1.1", func(ds *dicom.DataSet) { ds.SetString(tag.PatientName, "Other") })
	var warnings []int
	send := func(b []byte) web.StoreResult {
		t.Helper()
		warnings = nil
		res, err := c.Store(t.Context(), uploads(upload("x", b)), web.StoreOptions{EachReceipt: func(r web.Receipt) { warnings = append(warnings, r.Warning) }})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	if res := send(first); res.Stored != 1 || res.Warned != 0 {
		t.Errorf("%+v", res)
	}
	if res := send(other); res.Stored != 1 || res.Warned != 1 || warnings[0] != web.WarningConflict {
		t.Errorf("%+v %v", res, warnings)
	}
	if res := send(first); res.Warned != 0 {
		t.Errorf("again: %+v", res)
	}
	n := 0
	for v, err := range a.Catalog.Conflicts(t.Context()) {
		if err != nil || v.Origin == "" && v.Run != dicomweb.Rules {
			t.Errorf("%+v, %v", v, err)
		}
		n++
	}
	if n == 0 {
		t.Error("the archive knows of no conflict")
	}
	o, err := c.Open(t.Context(), web.Resource{Study: "1.1", Series: "1.1.1", Instance: "1.1.1.1"}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if got, err := io.ReadAll(o); err != nil || !bytes.Equal(got, first) {
		t.Errorf("the first does not stand: %v", err)
	}
	if res := send([]byte("garbage")); res.Failed != 1 {
		t.Errorf("garbage: %+v", res)
	}
	for q, err := range a.Catalog.Quarantined(t.Context()) {
		t.Errorf("what was refused is kept: %+v, %v", q, err)
	}
}

func TestQuota(t *testing.T) {
	c, _, a := service(t, func(cfg *store.Config) { cfg.Quota = 3000 })
	var list []web.Upload
	for i := range 6 {
		list = append(list, upload("", made(t, "1.1", "1.1.1", "1.1.1."+string(rune('1'+i)), func(ds *dicom.DataSet) {
			ds.SetString(tag.PatientComments, strings.Repeat("x", 700))
		})))
	}
	var reasons []int
	res, err := c.Store(t.Context(), uploads(list...), web.StoreOptions{EachReceipt: func(r web.Receipt) { reasons = append(reasons, r.Failure) }})
	if err != nil || res.Stored == 0 || res.Failed == 0 || res.Stored+res.Failed != 6 {
		t.Errorf("%+v, %v", res, err)
	}
	for _, r := range reasons {
		if r != 0 && r != web.FailureOutOfResource {
			t.Errorf("reason %04X", r)
		}
	}
	used, _, err := a.Catalog.Usage(t.Context())
	if err != nil || used > 3000 {
		t.Errorf("%d bytes used, %v", used, err)
	}
	n, err := c.Count(t.Context(), web.Resource{Study: "1.1"})
	if err != nil || n != res.Stored {
		t.Errorf("%d there, %d confirmed, %v", n, res.Stored, err)
	}
}
