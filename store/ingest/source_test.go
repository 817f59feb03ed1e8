package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"gocloud.dev/blob"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/storetest"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/ingest"
)

// cutting breaks the body of every second answer to a GET of an object off, some bytes in.
func cutting(after int, gets *atomic.Int64) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.Count(r.URL.Path, "/") > 1 && gets.Add(1)%2 == 1 {
				w = &cutWriter{w, after}
			}
			next.ServeHTTP(w, r)
		})
	}
}

type cutWriter struct {
	http.ResponseWriter
	left int
}

func (c *cutWriter) Write(p []byte) (int, error) {
	if len(p) <= c.left {
		c.left -= len(p)
		return c.ResponseWriter.Write(p)
	}
	c.ResponseWriter.Write(p[:c.left])
	c.ResponseWriter.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// TestBucketSource reads a bucket over connections that break: everything comes in once, whole, and nothing of another prefix.
func TestBucketSource(t *testing.T) {
	var gets atomic.Int64
	location := storetest.S3Behind(t, cutting(700, &gets))
	b, err := blob.OpenBucket(ctx, location)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	big := instance(t, 1, 3, func(ds *dicom.DataSet) { ds.SetBytes(tag.PixelData, vr.OB, make([]byte, 300_000)) })
	for key, content := range map[string][]byte{
		"echo/2024/one.dcm": instance(t, 1, 1, nil), "echo/two": instance(t, 1, 2, nil), "echo/three.dcm": big,
		"echo/more.zip": zipped(t, map[string][]byte{"four.dcm": instance(t, 1, 4, nil)}), "echo/notes.txt": []byte("hello"),
		"echo/folder/": nil, "other/five.dcm": instance(t, 1, 5, nil),
	} {
		if err := b.WriteAll(ctx, key, content, nil); err != nil {
			t.Fatal(err)
		}
	}
	source := strings.Replace(location, "s3://bucket?", "s3://bucket/echo/?", 1)
	a := newArchive(t)
	dry := run(t, a, ingest.Options{Sources: []string{source}, DryRun: true})
	first := run(t, a, ingest.Options{Sources: []string{source}})
	for _, s := range []ingest.Summary{dry, first} {
		if s.Found != 5 || s.Stored != 4 || s.Skipped != 1 {
			t.Errorf("%+v", s)
		}
	}
	in, err := a.Catalog.Lookup(ctx, "1.2.1.1.1")
	if err != nil || in.Origin != "s3://bucket/echo/2024/one.dcm" {
		t.Errorf("origin %q, %v", in.Origin, err)
	}
	runs, err := a.Catalog.Runs(ctx)
	if err != nil || runs[0].Source != "s3://bucket/echo/" {
		t.Errorf("%+v, %v", runs, err)
	}
	before := gets.Load()
	again := run(t, a, ingest.Options{Sources: []string{source}})
	if again.Duplicate != 4 || again.Skipped != 1 || gets.Load()-before > 4 { // the ZIP file's directory alone
		t.Errorf("%+v, %d requests", again, gets.Load()-before)
	}
	verify(t, a)
}

func verify(t *testing.T, a *store.Archive) {
	t.Helper()
	rep, err := a.Verify(ctx, store.VerifyOptions{})
	if err != nil || len(rep.Problems) > 0 || rep.Orphans > 0 {
		t.Errorf("%+v, %v", rep, err)
	}
}

// TestBucketGoesAway: a bucket that does not answer any more stops the run; what was done stays, and the next run does the rest.
func TestBucketGoesAway(t *testing.T) {
	var away atomic.Bool
	var gets atomic.Int64
	location := storetest.S3Behind(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, ".dcm") && gets.Add(1) == 4 {
				away.Store(true)
			}
			if away.Load() {
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, r)
		})
	})
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	b, err := blob.OpenBucket(ctx, location)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for n := range 12 {
		if err := b.WriteAll(ctx, fmt.Sprintf("%02d.dcm", n), instance(t, 1, n, nil), nil); err != nil {
			t.Fatal(err)
		}
	}
	a := newArchive(t)
	s, err := ingest.Run(ctx, a, ingest.Options{Sources: []string{location}, Workers: 1})
	if fault.CodeOf(err) != fault.Missing || s.Stored != 3 || s.Quarantined != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if err != nil && strings.Contains(err.Error(), ".dcm") {
		t.Errorf("the error names a file: %v", err)
	}
	away.Store(false)
	if s := run(t, a, ingest.Options{Sources: []string{location}}); s.Stored != 9 || s.Duplicate != 3 {
		t.Errorf("%+v", s)
	}
	verify(t, a)
}

// service is a DICOMweb service with as much of PS3.18 as a source asks for.
type service struct {
	t       *testing.T
	objects map[string][]byte // by path under the service
	token   string
	fetched atomic.Int64
	asked   atomic.Value // the last search for studies
	failAt  atomic.Int64 // of the fetches, from here on the server is down; 0: never
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+s.token {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/dicom-web/")
	parts := strings.Split(path, "/")
	if body, ok := s.objects[path]; ok {
		n := s.fetched.Add(1)
		if at := s.failAt.Load(); at > 0 && n >= at {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/dicom")
		w.Write(body)
		return
	}
	seen := map[string]bool{}
	var records []string
	for _, at := range slices.Sorted(mapsKeys(s.objects)) {
		p := strings.Split(at, "/")
		study, series, sop := p[1], p[3], p[5]
		switch {
		case path == "studies" && !seen[study]:
			seen[study] = true
			records = append(records, fmt.Sprintf(`{"0020000D":{"vr":"UI","Value":[%q]}}`, study))
		case len(parts) == 3 && parts[2] == "instances" && parts[1] == study,
			len(parts) == 5 && parts[4] == "instances" && parts[3] == series:
			records = append(records, fmt.Sprintf(`{"0020000D":{"vr":"UI","Value":[%q]},"0020000E":{"vr":"UI","Value":[%q]},"00080018":{"vr":"UI","Value":[%q]}}`, study, series, sop))
		}
	}
	if path == "studies" {
		s.asked.Store(r.URL.RawQuery)
	}
	if offset := r.URL.Query().Get("offset"); offset != "" && offset != "0" {
		records = nil
	}
	w.Header().Set("Content-Type", "application/dicom+json")
	fmt.Fprintf(w, "[%s]", strings.Join(records, ","))
}

func mapsKeys[V any](m map[string]V) iter.Seq[string] {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func newService(t *testing.T, studies, each int) (*service, string) {
	s := &service{t: t, objects: map[string][]byte{}, token: "secret"}
	for st := 1; st <= studies; st++ {
		for n := range each {
			s.objects[fmt.Sprintf("studies/1.2.%d/series/1.2.%d.1/instances/1.2.%d.1.%d", st, st, st, n)] = instance(t, st, n, nil)
		}
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return s, "dicomweb+http://" + strings.TrimPrefix(srv.URL, "http://") + "/dicom-web"
}

func TestWebSource(t *testing.T) {
	s, address := newService(t, 3, 4)
	a := newArchive(t)
	access := ingest.Access{Token: "secret"}
	if _, err := ingest.Run(ctx, a, ingest.Options{Sources: []string{address}}); err == nil {
		t.Error("the service was read without its token")
	}
	one := run(t, a, ingest.Options{Sources: []string{address + "/studies/1.2.2"}, Access: access})
	if one.Stored != 4 {
		t.Errorf("one study: %+v", one)
	}
	series := run(t, a, ingest.Options{Sources: []string{address + "/studies/1.2.2/series/1.2.2.1"}, Access: access})
	if series.Duplicate != 4 || s.fetched.Load() != 4 {
		t.Errorf("its series: %+v, %d fetched", series, s.fetched.Load())
	}
	all := run(t, a, ingest.Options{Sources: []string{address + "?StudyDate=20240101-&ModalitiesInStudy=US"}, Access: access})
	if all.Stored != 8 || all.Duplicate != 4 || s.fetched.Load() != 12 {
		t.Errorf("all: %+v, %d fetched", all, s.fetched.Load())
	}
	if q := s.asked.Load().(string); !strings.Contains(q, "StudyDate=20240101-") || !strings.Contains(q, "ModalitiesInStudy=US") {
		t.Errorf("the service was asked %q", q)
	}
	in, err := a.Catalog.Lookup(ctx, "1.2.3.1.0")
	if err != nil || in.Origin != address+"/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.0" {
		t.Errorf("%q, %v", in.Origin, err)
	}
	verify(t, a)
}

// TestWebGoesAway: the run stops, and the next one asks for what is left only.
func TestWebGoesAway(t *testing.T) {
	ingest.Hasty(t)
	s, address := newService(t, 2, 6)
	s.failAt.Store(6)
	a := newArchive(t)
	opts := ingest.Options{Sources: []string{address}, Access: ingest.Access{Token: "secret"}, Workers: 1}
	first, err := ingest.Run(ctx, a, opts)
	if fault.CodeOf(err) != fault.Missing || first.Stored != 5 || first.Quarantined != 0 {
		t.Fatalf("%+v, %v", first, err)
	}
	s.failAt.Store(0)
	s.fetched.Store(0)
	if second := run(t, a, opts); second.Stored != 7 || second.Duplicate != 5 || s.fetched.Load() != 7 {
		t.Errorf("%+v, %d fetched", second, s.fetched.Load())
	}
}

// peer is a query/retrieve node in memory.
type peer struct {
	files   map[string]map[string][]byte // by "study/series", by instance
	skip    string                       // an instance that it lists and does not send
	breakAt int                          // of the instances, from here on the association is gone
	sent    int
	closed  bool
	at      ingest.PeerAddress
	asked   []string
}

func (p *peer) Find(_ context.Context, level string, keys *dicom.DataSet) iter.Seq2[*dicom.DataSet, error] {
	return func(yield func(*dicom.DataSet, error) bool) {
		p.asked = append(p.asked, level+" "+keys.String(tag.StudyDate))
		seen := map[string]bool{}
		give := func(t tag.Tag, uid string) {
			if !seen[uid] {
				seen[uid] = true
				ds := dicom.NewDataSet()
				ds.SetString(t, uid)
				yield(ds, nil)
			}
		}
		for _, at := range slices.Sorted(mapsKeys(p.files)) {
			study, series, _ := strings.Cut(at, "/")
			if want := keys.String(tag.StudyInstanceUID); want != "" && want != study {
				continue
			}
			switch level {
			case "STUDY":
				give(tag.StudyInstanceUID, study)
			case "SERIES":
				give(tag.SeriesInstanceUID, series)
			case "IMAGE":
				if keys.String(tag.SeriesInstanceUID) == series {
					for _, uid := range slices.Sorted(mapsKeys(p.files[at])) {
						give(tag.SOPInstanceUID, uid)
					}
				}
			}
		}
	}
}

func (p *peer) Retrieve(_ context.Context, b ingest.Batch, take func(string, io.Reader) error) error {
	for _, uid := range b.Instances {
		if uid == p.skip {
			continue
		}
		if p.sent++; p.breakAt > 0 && p.sent >= p.breakAt {
			return fault.New(fault.Missing, "the association is gone")
		}
		if err := take(uid, bytes.NewReader(p.files[b.Study+"/"+b.Series][uid])); err != nil {
			return err
		}
	}
	return nil
}

func (p *peer) Close() error { p.closed = true; return nil }

func TestDIMSESource(t *testing.T) {
	p := &peer{files: map[string]map[string][]byte{}, skip: "1.2.2.1.3", breakAt: 7}
	for st := 1; st <= 2; st++ {
		m := map[string][]byte{}
		for n := range 5 {
			m[fmt.Sprintf("1.2.%d.1.%d", st, n)] = instance(t, st, n, func(ds *dicom.DataSet) {
				if n == 2 { // more than is held in memory
					ds.SetBytes(tag.PixelData, vr.OB, make([]byte, 2<<20))
				}
			})
		}
		p.files[fmt.Sprintf("1.2.%d/1.2.%d.1", st, st)] = m
	}
	old := ingest.DialPeer
	defer func() { ingest.DialPeer = old }()
	ingest.DialPeer = func(_ context.Context, at ingest.PeerAddress) (ingest.Peer, error) { p.at = at; return p, nil }
	a := newArchive(t)
	opts := ingest.Options{Sources: []string{"dimse://PACS@node?StudyDate=20240101-"}, Access: ingest.Access{AET: "ME"}}
	first, err := ingest.Run(ctx, a, opts)
	if fault.CodeOf(err) != fault.Missing || first.Stored != 6 || !p.closed {
		t.Fatalf("%+v, %v", first, err)
	}
	if p.at.Host != "node:104" || p.at.Called != "PACS" || p.at.AET != "ME" || p.asked[0] != "STUDY 20240101-" {
		t.Errorf("%+v, %q", p.at, p.asked)
	}
	p.breakAt, p.sent = 0, 0
	second := run(t, a, opts)
	if second.Stored != 3 || second.Duplicate != 6 || second.Quarantined != 1 || p.sent != 3 ||
		second.Reasons["the peer lists the instance and does not send it"] != 1 {
		t.Errorf("%+v, %d sent", second, p.sent)
	}
	p.skip = ""
	if third := run(t, a, opts); third.Stored != 1 || third.Duplicate != 9 {
		t.Errorf("what was missing: %+v", third)
	}
	if one := run(t, newArchive(t), ingest.Options{Sources: []string{"dimse://PACS@node:11112/1.2.2/1.2.2.1"}}); one.Stored != 5 {
		t.Errorf("one series: %+v", one)
	}
	in, err := a.Catalog.Lookup(ctx, "1.2.1.1.2")
	if err != nil || in.Origin != "dimse://PACS@node:104/1.2.1/1.2.1.1/1.2.1.1.2" || in.Size < 2<<20 {
		t.Errorf("%q, %d, %v", in.Origin, in.Size, err)
	}
	verify(t, a)
}

func TestSourceAddresses(t *testing.T) {
	old := ingest.DialPeer
	defer func() { ingest.DialPeer = old }()
	a := newArchive(t)
	for address, code := range map[string]fault.Code{
		"ftp://host/x": fault.Usage, "s3://user:secret@bucket/x": fault.Usage, "dicomweb://u:secret@host/x": fault.Usage,
		"dicomweb://host/x/studies/not-a-uid": fault.Usage, "dimse://PACS@127.0.0.1:1": fault.Missing, "s3://": fault.Usage, "file:///etc": fault.Usage,
		filepath.Join(t.TempDir(), "no"): fault.NotFound, "/dev/null": fault.Usage,
	} {
		_, err := ingest.Run(ctx, a, ingest.Options{Sources: []string{address}})
		if fault.CodeOf(err) != code || strings.Contains(fmt.Sprint(err), "secret") {
			t.Errorf("%s: %v", address, err)
		}
	}
	ingest.DialPeer = func(context.Context, ingest.PeerAddress) (ingest.Peer, error) { return nil, errors.New("not asked") }
	for _, address := range []string{"dimse://host:104", "dimse://MUCHTOOLONGANAETITLE@host", "dimse://A@host/1/2/3", "dimse://A@host?NoSuchKeyword=1"} {
		if _, err := ingest.Run(ctx, a, ingest.Options{Sources: []string{address}}); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", address, err)
		}
	}
	if n, err := a.Catalog.Count(ctx, catalog.Query{Level: catalog.Study}); n != 0 || err != nil {
		t.Error(n, err)
	}
}
