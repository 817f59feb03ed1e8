package dicomweb_test

import (
	"bytes"
	"context"
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

// corpus gives the real files.
func corpus(t *testing.T) map[string][]byte {
	root := testdata.Shared(t, "data", "dicom", "real")
	out := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out[strings.TrimPrefix(path, root+"/")] = b
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
	if res.Stored < 300 || res.Unanswered != 0 || res.Stored+res.Failed != len(files) {
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
