package serve_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/dimse"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/serve"
)

func open(t *testing.T, change func(*store.Config)) *store.Archive {
	t.Helper()
	cfg := store.DefaultConfig()
	cfg.Reserve = 0
	cfg.Objects = filepath.Join(t.TempDir(), "objects")
	if change != nil {
		change(&cfg)
	}
	dir := t.TempDir()
	if err := store.Init(dir, cfg); err != nil {
		t.Fatal(err)
	}
	a, err := store.Open(context.Background(), dir, store.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// listen serves an archive on loopback until the test ends.
func listen(t *testing.T, a *store.Archive, change func(*dimse.Server)) dimse.Peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dimse.Server{AETitle: "CINELOOP", Strangers: true, Timeout: time.Minute}
	serve.New(a, "CINELOOP").Handlers(s)
	if change != nil {
		change(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return dimse.Peer{AETitle: "CINELOOP", Address: l.Addr().String()}
}

func dial(t *testing.T, peer dimse.Peer, store dimse.Store, offers ...dimse.Offer) *dimse.Client {
	t.Helper()
	c, err := (&dimse.Dialer{AETitle: "TEST", Window: 16, Timeout: time.Minute, Store: store}).Dial(t.Context(), peer, offers...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// object is an ultrasound instance: study, series and instance by number.
func object(t *testing.T, study, series, n int, change func(*dicom.DataSet)) dimse.Instance {
	t.Helper()
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, uid.UltrasoundImageStorage)
	ds.SetString(tag.SOPInstanceUID, fmt.Sprintf("1.2.%d.%d.%d", study, series, n))
	ds.SetString(tag.StudyInstanceUID, fmt.Sprintf("1.2.%d", study))
	ds.SetString(tag.SeriesInstanceUID, fmt.Sprintf("1.2.%d.%d", study, series))
	ds.SetString(tag.PatientName, []string{"Müller^Änne", "Doe^Jane", "Yamada^Tarou"}[study%3])
	ds.SetString(tag.PatientID, fmt.Sprintf("P%d", study%3))
	ds.SetString(tag.StudyDate, fmt.Sprintf("202401%02d", study+1))
	ds.SetString(tag.Modality, []string{"US", "SR"}[series%2])
	ds.SetString(tag.SeriesNumber, fmt.Sprint(series))
	ds.SetString(tag.InstanceNumber, fmt.Sprint(n))
	ds.SetInts(tag.Rows, 4)
	ds.SetInts(tag.Columns, 4)
	ds.SetBytes(tag.PixelData, vr.OB, bytes.Repeat([]byte{byte(n)}, 16))
	if change != nil {
		change(ds)
	}
	var b bytes.Buffer
	if err := dicom.Write(&b, ds, dicom.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return instance(t, b.Bytes())
}

func instance(t *testing.T, b []byte) dimse.Instance {
	t.Helper()
	f, err := dicom.ReadBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	return dimse.Instance{SOPClassUID: f.DataSet.String(tag.SOPClassUID), SOPInstanceUID: f.DataSet.String(tag.SOPInstanceUID), TransferSyntax: f.TransferSyntax,
		Open: func(context.Context) (*dicom.File, func() error, error) { return f, f.Close, nil }}
}

// fill stores studies of two series of two instances.
func fill(t *testing.T, peer dimse.Peer, studies int) []dimse.Instance {
	t.Helper()
	var list []dimse.Instance
	for s := range studies {
		for e := range 2 {
			for n := range 2 {
				list = append(list, object(t, s, e, n, nil))
			}
		}
	}
	c := dial(t, peer, nil, dimse.OffersFor(list)...)
	if err := c.StoreAll(t.Context(), list, dimse.StoreOptions{}, func(i int, s dimse.Status, err error) {
		if err != nil || s != dimse.Success {
			t.Errorf("object %d: %v %v", i, s, err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

func key(t *testing.T, level string, pairs ...string) *dicom.DataSet {
	t.Helper()
	ds := dicom.NewDataSet()
	ds.SetString(tag.QueryRetrieveLevel, level)
	for i := 0; i < len(pairs); i += 2 {
		k, ok := tag.ByKeyword(pairs[i])
		if !ok {
			t.Fatal(pairs[i])
		}
		switch {
		case pairs[i+1] == "":
			ds.SetEmpty(k)
		case k == tag.PatientName:
			ds.SetString(k, pairs[i+1])
		default:
			ds.SetBytes(k, k.VR(), []byte(pairs[i+1]))
		}
	}
	return ds
}

func TestStoreAndFind(t *testing.T) {
	a := open(t, nil)
	peer := listen(t, a, nil)
	fill(t, peer, 6)
	c := dial(t, peer, nil, dimse.FindOffer(dimse.StudyRoot), dimse.FindOffer(dimse.PatientRoot))
	for name, q := range map[string]struct {
		model dimse.Model
		keys  *dicom.DataSet
		show  tag.Tag
		want  string
	}{
		"a name, without case and accents": {dimse.StudyRoot, key(t, "STUDY", "PatientName", "muller*", "StudyInstanceUID", ""), tag.StudyInstanceUID, "1.2.3 1.2.0"},
		"dates":                            {dimse.StudyRoot, key(t, "STUDY", "StudyDate", "20240102-20240103"), tag.StudyInstanceUID, "1.2.2 1.2.1"},
		"a list of UIDs":                   {dimse.StudyRoot, key(t, "STUDY", "StudyInstanceUID", `1.2.5\1.2.4\9`), tag.StudyInstanceUID, "1.2.5 1.2.4"},
		"series":                           {dimse.StudyRoot, key(t, "SERIES", "StudyInstanceUID", "1.2.1", "Modality", "SR"), tag.SeriesInstanceUID, "1.2.1.1"},
		"images":                           {dimse.StudyRoot, key(t, "IMAGE", "SeriesInstanceUID", "1.2.1.0", "InstanceNumber", ""), tag.SOPInstanceUID, "1.2.1.0.0 1.2.1.0.1"},
		"patients":                         {dimse.PatientRoot, key(t, "PATIENT", "PatientID", "", "NumberOfPatientRelatedStudies", ""), tag.PatientID, "P0 P1 P2"},
		"modalities in study":              {dimse.StudyRoot, key(t, "STUDY", "ModalitiesInStudy", "SR", "StudyInstanceUID", "1.2.1"), tag.ModalitiesInStudy, "SR"},
		"nothing":                          {dimse.StudyRoot, key(t, "STUDY", "PatientID", "P9"), tag.PatientID, ""},
		"what records don't have":          {dimse.StudyRoot, key(t, "STUDY", "StudyInstanceUID", "1.2.1", "ReasonForStudy", "x"), tag.StudyInstanceUID, "1.2.1"},
	} {
		var got []string
		for ds, err := range c.Find(t.Context(), q.model, q.keys) {
			if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
			got = append(got, ds.String(q.show))
			if ds.String(tag.RetrieveAETitle) != "CINELOOP" || ds.String(tag.QueryRetrieveLevel) != q.keys.String(tag.QueryRetrieveLevel) {
				t.Errorf("%s: level or title", name)
			}
		}
		if strings.Join(got, " ") != q.want {
			t.Errorf("%s: %q, want %q", name, got, q.want)
		}
	}
	for ds, err := range c.Find(t.Context(), dimse.StudyRoot, key(t, "STUDY", "StudyInstanceUID", "1.2.3", "PatientName", "", "NumberOfStudyRelatedInstances", "",
		"NumberOfStudyRelatedSeries", "", "ModalitiesInStudy", "", "InstanceAvailability", "", "StudyDescription", "")) {
		if err != nil {
			t.Fatal(err)
		}
		if ds.String(tag.PatientName) != "Müller^Änne" || ds.String(tag.SpecificCharacterSet) != "ISO_IR 192" || ds.String(tag.NumberOfStudyRelatedInstances) != "4" ||
			ds.String(tag.NumberOfStudyRelatedSeries) != "2" || !slices.Equal(ds.Strings(tag.ModalitiesInStudy), []string{"SR", "US"}) ||
			ds.String(tag.InstanceAvailability) != "ONLINE" || !ds.Has(tag.StudyDescription) {
			t.Error("attributes of a study")
		}
	}
	for ds, err := range c.Find(t.Context(), dimse.StudyRoot, key(t, "IMAGE", "SOPInstanceUID", "1.2.3.1.1", "Rows", "", "SOPClassUID", "")) {
		if n, _ := ds.Int(tag.Rows); err != nil || n != 4 || ds.String(tag.SOPClassUID) != uid.UltrasoundImageStorage || ds.String(tag.SeriesInstanceUID) != "1.2.3.1" {
			t.Errorf("attributes of an image: %v", err)
		}
	}
}

// TestManyAnswers: more than a page.
func TestManyAnswers(t *testing.T) {
	a := open(t, nil)
	for n := range 1203 {
		in := object(t, 1, 0, n, nil)
		f, _, _ := in.Open(t.Context())
		var b bytes.Buffer
		if err := f.WriteBody(&b); err != nil {
			t.Fatal(err)
		}
		if n < 3 {
			if err := serve.New(a, "X").Store(t.Context(), &dimse.Object{SOPClassUID: in.SOPClassUID, SOPInstanceUID: in.SOPInstanceUID, TransferSyntax: in.TransferSyntax, Data: &b}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		instance := catalog.Instance{StudyUID: "1.2.1", SeriesUID: "1.2.1.0", SOPInstanceUID: in.SOPInstanceUID, SOPClassUID: in.SOPClassUID, Size: 1,
			Attributes: map[string]string{"InstanceNumber": fmt.Sprint(n)}}
		instance.Digest[0], instance.Digest[1] = byte(n), byte(n>>8)
		go a.Catalog.Add(context.Background(), catalog.Entry{Instance: &instance})
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if n, err := a.Catalog.Count(t.Context(), catalog.Query{Level: catalog.Image}); err != nil || n == 1203 {
			break
		}
	}
	c := dial(t, listen(t, a, nil), nil, dimse.FindOffer(dimse.StudyRoot))
	seen := map[string]bool{}
	for ds, err := range c.Find(t.Context(), dimse.StudyRoot, key(t, "IMAGE", "StudyInstanceUID", "1.2.1")) {
		if err != nil {
			t.Fatal(err)
		}
		seen[ds.String(tag.SOPInstanceUID)] = true
	}
	if len(seen) != 1203 {
		t.Errorf("%d answers", len(seen))
	}
}

func TestRefused(t *testing.T) {
	a := open(t, func(c *store.Config) { c.Quota = 3000 })
	peer := listen(t, a, nil)
	good := object(t, 1, 0, 1, nil)
	other := object(t, 1, 0, 2, nil)
	other.SOPInstanceUID = "1.9" // the command names another instance than the data set
	lost := object(t, 1, 0, 3, func(ds *dicom.DataSet) { ds.Delete(tag.StudyInstanceUID) })
	big := object(t, 1, 0, 4, func(ds *dicom.DataSet) { ds.SetBytes(tag.PixelData, vr.OB, make([]byte, 8000)) })
	c := dial(t, peer, nil, dimse.OffersFor([]dimse.Instance{good})...)
	for i, s := range []struct {
		in   dimse.Instance
		want dimse.Status
	}{{good, dimse.Success}, {good, dimse.Success}, {other, dimse.IdentifierMismatch}, {lost, dimse.IdentifierMismatch}, {big, dimse.OutOfResources}, {good, dimse.Success}} {
		status, err := c.Store(t.Context(), s.in, dimse.StoreOptions{})
		if status != s.want || (err == nil) != (s.want == dimse.Success) {
			t.Errorf("object %d: %v, %v", i, status, err)
		}
	}
	if n, err := a.Catalog.Count(t.Context(), catalog.Query{Level: catalog.Image}); n != 1 || err != nil {
		t.Errorf("%d instances, %v", n, err)
	}
	rep, err := a.Verify(t.Context(), store.VerifyOptions{})
	if err != nil || len(rep.Problems) != 0 || rep.Checked != 3 { // the two in quarantine are kept
		t.Errorf("%+v, %v", rep, err)
	}
}

// sums digests what comes.
type sums struct {
	mu  sync.Mutex
	got map[string][]byte
}

func (s *sums) Store(_ context.Context, o *dimse.Object) error {
	b, err := io.ReadAll(o.Data)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.got == nil {
		s.got = map[string][]byte{}
	}
	s.got[o.SOPInstanceUID] = b
	return err
}

func TestRetrieve(t *testing.T) {
	a := open(t, nil)
	third := &sums{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { done <- (&dimse.Server{AETitle: "THIRD", Strangers: true, Store: third}).Serve(ctx, l) }()
	defer func() { cancel(); <-done }()
	peer := listen(t, a, func(s *dimse.Server) { s.Peers = []dimse.Peer{{AETitle: "THIRD", Address: l.Addr().String()}} })
	list := fill(t, peer, 3)
	mine := &sums{}
	c := dial(t, peer, mine, append(dimse.GetOffers(dimse.StudyRoot, uid.UltrasoundImageStorage), dimse.MoveOffer(dimse.StudyRoot), dimse.MoveOffer(dimse.PatientRoot))...)
	for name, q := range map[string]struct {
		keys *dicom.DataSet
		n    int
	}{
		"a study": {key(t, "STUDY", "StudyInstanceUID", "1.2.1"), 4}, "two studies": {key(t, "STUDY", "StudyInstanceUID", `1.2.1\1.2.2`), 8},
		"a series": {key(t, "SERIES", "StudyInstanceUID", "1.2.1", "SeriesInstanceUID", "1.2.1.1"), 2}, "an image": {key(t, "IMAGE", "SOPInstanceUID", "1.2.0.0.1"), 1},
		"nothing": {key(t, "STUDY", "StudyInstanceUID", "1.9"), 0},
	} {
		if r, err := c.Get(t.Context(), dimse.StudyRoot, q.keys, nil); err != nil || r.Completed != q.n {
			t.Errorf("get %s: %+v %v", name, r, err)
		}
		if r, err := c.Move(t.Context(), dimse.StudyRoot, q.keys, "THIRD", nil); err != nil || r.Completed != q.n {
			t.Errorf("move %s: %+v %v", name, r, err)
		}
	}
	if r, err := c.Move(t.Context(), dimse.PatientRoot, key(t, "PATIENT", "PatientID", "P2"), "THIRD", nil); err != nil || r.Completed != 4 {
		t.Errorf("a patient: %+v %v", r, err)
	}
	if _, err := c.Get(t.Context(), dimse.StudyRoot, key(t, "STUDY"), nil); err == nil {
		t.Error("everything was given to who named nothing")
	}
	for _, in := range list {
		f, _, _ := in.Open(t.Context())
		var want bytes.Buffer
		f.WriteBody(&want)
		for who, s := range map[string]*sums{"get": mine, "move": third} {
			if got, ok := s.got[in.SOPInstanceUID]; ok && !bytes.Equal(got, want.Bytes()) {
				t.Errorf("%s: %s has other bytes", who, in.SOPInstanceUID)
			}
		}
	}
}

// breaking is a source whose disk fails after the first megabyte.
type breaking struct{ head []byte }

var errDisk = errors.New("the disk failed")

func (b breaking) ReadAt(p []byte, off int64) (int, error) {
	if off > 1<<20 {
		return 0, errDisk
	}
	n := 0
	if off < int64(len(b.head)) {
		n = copy(p, b.head[off:])
	}
	clear(p[n:])
	return len(p), nil
}

// TestBrokenOff: an object whose sender breaks off leaves nothing, neither in the archive nor on the disk.
func TestBrokenOff(t *testing.T) {
	a := open(t, nil)
	peer := listen(t, a, nil)
	in := object(t, 1, 0, 1, nil)
	whole, _, _ := in.Open(t.Context())
	var b bytes.Buffer
	if err := whole.Write(&b); err != nil {
		t.Fatal(err)
	}
	head := append(b.Bytes()[:b.Len()-12-16], 0xE0, 0x7F, 0x10, 0, 'O', 'B', 0, 0, 0, 0, 0x20, 0) // 2 MiB of pixel data are to follow
	f, err := dicom.Read(breaking{head}, int64(len(head))+2<<20)
	if err != nil || f.Incomplete != nil {
		t.Fatal(err, f.Incomplete)
	}
	in.Open = func(context.Context) (*dicom.File, func() error, error) { return f, f.Close, nil }
	c := dial(t, peer, nil, dimse.OffersFor([]dimse.Instance{in})...)
	if _, err := c.Store(t.Context(), in, dimse.StoreOptions{}); !errors.Is(err, errDisk) {
		t.Errorf("%v", err)
	}
	c.Close()
	good := object(t, 1, 0, 2, nil)
	d := dial(t, peer, nil, dimse.OffersFor([]dimse.Instance{good})...)
	if _, err := d.Store(t.Context(), good, dimse.StoreOptions{}); err != nil {
		t.Error(err)
	}
	if rep, err := a.Verify(t.Context(), store.VerifyOptions{}); err != nil || rep.Checked != 1 || rep.Orphans != 0 || len(rep.Problems) != 0 {
		t.Errorf("%+v, %v", rep, err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		left, err := filepath.Glob(filepath.Join(a.Config().Objects, "tmp", "*-*"))
		if err == nil && len(left) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d temporaries are left, %v", len(left), err)
		}
	}
}

func TestCommit(t *testing.T) {
	a := open(t, nil)
	peer := listen(t, a, nil)
	fill(t, peer, 1)
	s := serve.New(a, "X")
	us := uid.UltrasoundImageStorage
	got, err := s.Commit(t.Context(), "P", []dimse.Reference{{SOPClassUID: us, SOPInstanceUID: "1.2.0.0.0"}, {SOPClassUID: uid.CTImageStorage, SOPInstanceUID: "1.2.0.0.1"}, {SOPClassUID: us, SOPInstanceUID: "1.9"}})
	if err != nil || len(got) != 2 || got[0].Reason != dimse.ClassInstance || got[1].Reason != dimse.NoSuchInstance {
		t.Errorf("%+v, %v", got, err)
	}
	// A record alone is no safe keeping.
	in, err := a.Catalog.Lookup(t.Context(), "1.2.0.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Objects.Remove(t.Context(), in.Digest); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Commit(t.Context(), "P", []dimse.Reference{{SOPClassUID: us, SOPInstanceUID: "1.2.0.0.0"}}); err != nil || len(got) != 1 || got[0].Reason != dimse.NoSuchInstance {
		t.Errorf("%+v, %v", got, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Commit(gone, "P", make([]dimse.Reference, 2)); !errors.Is(err, context.Canceled) && fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("%v", err)
	}
}

// TestConflict: the same instance with other pixels is kept beside the first, which stands.
func TestConflict(t *testing.T) {
	a := open(t, nil)
	peer := listen(t, a, nil)
	first := object(t, 1, 0, 1, nil)
	second := object(t, 1, 0, 1, func(ds *dicom.DataSet) { ds.SetBytes(tag.PixelData, vr.OB, make([]byte, 16)) })
	mine := &sums{}
	c := dial(t, peer, mine, dimse.GetOffers(dimse.StudyRoot, uid.UltrasoundImageStorage)...)
	d := dial(t, peer, nil, dimse.OffersFor([]dimse.Instance{first})...)
	for _, in := range []dimse.Instance{first, second} {
		if _, err := d.Store(t.Context(), in, dimse.StoreOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Get(t.Context(), dimse.StudyRoot, key(t, "IMAGE", "SOPInstanceUID", "1.2.1.0.1"), nil); err != nil {
		t.Fatal(err)
	}
	f, _, _ := first.Open(t.Context())
	var want bytes.Buffer
	f.WriteBody(&want)
	if !bytes.Equal(mine.got["1.2.1.0.1"], want.Bytes()) {
		t.Error("the first does not stand")
	}
	n := 0
	for _, err := range a.Catalog.Conflicts(t.Context()) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n == 0 {
		t.Error("no conflict is noted")
	}
}
