package dimse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/dimse/pdu"
	"github.com/cineloop/cineloop/dicom/dimse/ul"
	"github.com/cineloop/cineloop/dicom/match"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// pacs is a peer in memory: what is stored can be found and fetched.
type pacs struct {
	mu     sync.Mutex
	files  map[string][]byte // Part 10, by SOP instance UID
	order  []string
	refuse func(*Object) error
	wait   chan struct{} // a Store waits for it when it has read the object; nil: it does not
	most   int           // Stores that waited at once
	now    int
}

func newPACS() *pacs { return &pacs{files: map[string][]byte{}} }

func (p *pacs) Store(ctx context.Context, o *Object) error {
	if p.refuse != nil {
		if err := p.refuse(o); err != nil {
			return err
		}
	}
	r, err := o.Part10()
	if err != nil {
		return err
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	p.mu.Lock()
	if _, ok := p.files[o.SOPInstanceUID]; !ok {
		p.order = append(p.order, o.SOPInstanceUID)
	}
	p.files[o.SOPInstanceUID] = b
	p.now++
	p.most = max(p.most, p.now)
	p.mu.Unlock()
	if p.wait != nil {
		select {
		case <-p.wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.mu.Lock()
	p.now--
	p.mu.Unlock()
	return nil
}

func (p *pacs) all() []*dicom.File {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*dicom.File
	for _, u := range p.order {
		f, err := dicom.ReadBytes(p.files[u])
		if err != nil {
			panic(err)
		}
		out = append(out, f)
	}
	return out
}

func (p *pacs) Find(ctx context.Context, q *FindRequest) iter.Seq2[*dicom.DataSet, error] {
	return func(yield func(*dicom.DataSet, error) bool) {
		for _, f := range p.all() {
			if match.Matches(q.Identifier, f.DataSet) && !yield(match.Answer(q.Identifier, f.DataSet), nil) {
				return
			}
		}
	}
}

func (p *pacs) Instances(_ context.Context, q *RetrieveRequest) ([]Instance, error) {
	var out []Instance
	for _, f := range p.all() {
		if match.Matches(q.Identifier, f.DataSet) {
			out = append(out, memoryInstance(f))
		}
	}
	return out, nil
}

func memoryInstance(f *dicom.File) Instance {
	return Instance{SOPClassUID: f.DataSet.String(tag.SOPClassUID), SOPInstanceUID: f.DataSet.String(tag.SOPInstanceUID), TransferSyntax: f.TransferSyntax,
		Open: func(context.Context) (*dicom.File, func() error, error) { return f, f.Close, nil }}
}

func (p *pacs) Commit(_ context.Context, _ string, refs []Reference) ([]FailedReference, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []FailedReference
	for _, r := range refs {
		if _, ok := p.files[r.SOPInstanceUID]; !ok {
			out = append(out, FailedReference{r, NoSuchInstance})
		}
	}
	return out, nil
}

// start serves s on loopback until the test ends, and says under which name.
func start(t *testing.T, s *Server) Peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
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
	ae := s.AETitle
	if ae == "" {
		ae = "ANY"
	}
	return Peer{AETitle: ae, Address: l.Addr().String()}
}

func serverFor(p *pacs) *Server {
	return &Server{AETitle: "PACS", Strangers: true, Store: p, Query: p, Worklist: p, Retrieve: p, Commit: p, Timeout: 30 * time.Second}
}

func dial(t *testing.T, d *Dialer, peer Peer, offers ...Offer) *Client {
	t.Helper()
	if d.AETitle == "" {
		d.AETitle = "TEST"
	}
	if d.Timeout == 0 {
		d.Timeout = 30 * time.Second
	}
	c, err := d.Dial(t.Context(), peer, offers...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// image is a small CT instance as a file.
func image(t *testing.T, study, n int, ts dicom.TransferSyntax) *dicom.File {
	t.Helper()
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, uid.CTImageStorage)
	ds.SetString(tag.SOPInstanceUID, fmt.Sprintf("1.2.3.%d.%d", study, n))
	ds.SetString(tag.StudyInstanceUID, fmt.Sprintf("1.2.3.%d", study))
	ds.SetString(tag.SeriesInstanceUID, fmt.Sprintf("1.2.3.%d.1", study))
	ds.SetString(tag.PatientName, fmt.Sprintf("Test^%d", study))
	ds.SetString(tag.PatientID, fmt.Sprint(study))
	ds.SetString(tag.Modality, "CT")
	ds.SetInts(tag.Rows, 16)
	ds.SetInts(tag.Columns, 16)
	ds.SetInts(tag.BitsAllocated, 16)
	ds.SetInts(tag.BitsStored, 12)
	ds.SetInts(tag.HighBit, 11)
	ds.SetInts(tag.PixelRepresentation, 0)
	ds.SetInts(tag.SamplesPerPixel, 1)
	ds.SetString(tag.PhotometricInterpretation, "MONOCHROME2")
	pixels := make([]byte, 512)
	for i := range pixels {
		pixels[i] = byte(i * n)
		if i%2 == 1 {
			pixels[i] &= 15
		}
	}
	ds.SetBytes(tag.PixelData, vr.OW, pixels)
	var b bytes.Buffer
	if err := dicom.Write(&b, ds, dicom.WriteOptions{TransferSyntaxUID: uid.ExplicitVRLittleEndian}); err != nil {
		t.Fatal(err)
	}
	f, err := dicom.ReadBytes(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if ts != uid.ExplicitVRLittleEndian {
		f = transcoded(t, f, ts)
	}
	return f
}

func transcoded(t *testing.T, f *dicom.File, ts dicom.TransferSyntax) *dicom.File {
	t.Helper()
	var b bytes.Buffer
	b.Write(make([]byte, 0))
	var body bytes.Buffer
	if err := sender(t.Context(), f, ts)(&body); err != nil {
		t.Fatal(err)
	}
	o := Object{SOPClassUID: f.DataSet.String(tag.SOPClassUID), SOPInstanceUID: f.DataSet.String(tag.SOPInstanceUID), TransferSyntax: ts, Data: &body}
	r, err := o.Part10()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(&b, r); err != nil {
		t.Fatal(err)
	}
	g, err := dicom.ReadBytes(b.Bytes(), dicom.Strict())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func bodyOf(t *testing.T, f *dicom.File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.WriteBody(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func instances(t *testing.T, study, n int) []Instance {
	var out []Instance
	for i := range n {
		out = append(out, memoryInstance(image(t, study, i+1, uid.ExplicitVRLittleEndian)))
	}
	return out
}

func storeAll(t *testing.T, peer Peer, list []Instance) {
	t.Helper()
	c := dial(t, &Dialer{Window: 8}, peer, OffersFor(list)...)
	err := c.StoreAll(t.Context(), list, StoreOptions{}, func(i int, s Status, err error) {
		if err != nil || s != Success {
			t.Errorf("object %d: %v %v", i, s, err)
		}
	})
	if err := errors.Join(err, c.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestEcho(t *testing.T) {
	var mu sync.Mutex
	var kinds []string
	s := &Server{AETitle: "ECHO", Strangers: true, Note: func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		kinds = append(kinds, e.Kind+" "+e.Peer)
	}}
	peer := start(t, s)
	c := dial(t, &Dialer{}, peer, Offer{SOPClass: uid.Verification, Syntaxes: nativeSyntaxes})
	for range 3 {
		if err := c.Echo(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Echo(t.Context()); !errors.Is(err, ul.ErrReleased) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := c.Store(t.Context(), instances(t, 1, 1)[0], StoreOptions{}); fault.CodeOf(err) != fault.Input {
		t.Errorf("a class that was not offered: %v", err)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		mu.Lock()
		done := len(kinds) == 2
		mu.Unlock()
		if done {
			break
		}
	}
	mu.Lock()
	if !slices.Equal(kinds, []string{"open TEST", "close TEST"}) {
		t.Errorf("%q", kinds)
	}
	mu.Unlock()
	// A server without handlers accepts nothing but verification.
	if _, err := (&Dialer{AETitle: "TEST"}).Dial(t.Context(), peer, OffersFor(instances(t, 1, 1))...); fault.CodeOf(err) != fault.Input {
		t.Errorf("%v", err)
	}
}

// TestStore: every object arrives byte for byte, in each syntax, over units of several sizes.
func TestStore(t *testing.T) {
	for _, ts := range []dicom.TransferSyntax{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian,
		uid.RLELossless, uid.JPEGLSLossless, uid.JPEGLosslessSV1} {
		for _, length := range []uint32{64, 200, 128 << 10} {
			p := newPACS()
			s := serverFor(p)
			s.Link.MaxLength = length
			peer := start(t, s)
			f := image(t, 1, 1, ts)
			c := dial(t, &Dialer{}, peer, OffersFor([]Instance{memoryInstance(f)})...)
			status, err := c.Store(t.Context(), memoryInstance(f), StoreOptions{Priority: PriorityLow, MoveOriginator: "ME", MoveMessageID: 5})
			if err != nil || status != Success {
				t.Fatalf("%s: %v %v", ts.Name(), status, err)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			got := p.all()[0]
			if got.TransferSyntax != ts || !bytes.Equal(bodyOf(t, got), bodyOf(t, f)) {
				t.Errorf("%s over units of %d bytes: arrived as %s and other bytes", ts.Name(), length, got.TransferSyntax.Name())
			}
			if ae := got.Meta.String(tag.SourceApplicationEntityTitle); ae != "TEST" {
				t.Errorf("from %q", ae)
			}
		}
	}
}

// TestTranscoding: a peer that takes implicit little endian alone gets the same pixels in it.
func TestTranscoding(t *testing.T) {
	p := newPACS()
	peer := start(t, serverFor(p))
	want := bodyOf(t, image(t, 1, 1, uid.ImplicitVRLittleEndian))
	for _, ts := range []dicom.TransferSyntax{uid.RLELossless, uid.JPEGLSLossless, uid.ExplicitVRBigEndian, uid.ExplicitVRLittleEndian, uid.DeflatedExplicitVRLittleEndian} {
		c := dial(t, &Dialer{}, peer, Offer{SOPClass: uid.CTImageStorage, Syntaxes: []dicom.TransferSyntax{uid.ImplicitVRLittleEndian}})
		if _, err := c.Store(t.Context(), memoryInstance(image(t, 1, 1, ts)), StoreOptions{}); err != nil {
			t.Fatalf("%s: %v", ts.Name(), err)
		}
		c.Close()
		if got := p.all()[0]; !bytes.Equal(bodyOf(t, got), want) {
			t.Errorf("%s arrived with other bytes", ts.Name())
		}
	}
	// Video can't be brought into anything else.
	c := dial(t, &Dialer{}, peer, Offer{SOPClass: uid.CTImageStorage, Syntaxes: nativeSyntaxes})
	defer c.Close()
	video := instances(t, 1, 1)[0]
	video.TransferSyntax = uid.MPEG4HP41
	if _, err := c.Store(t.Context(), video, StoreOptions{}); fault.CodeOf(err) != fault.Input {
		t.Errorf("video: %v", err)
	}
}

func TestStoreRefused(t *testing.T) {
	p := newPACS()
	peer := start(t, serverFor(p))
	in := instances(t, 1, 1)[0]
	for name, c := range map[string]struct {
		err  error
		want Status
	}{
		"a status":       {&StatusError{Status: 0xC001, Comment: "no"}, 0xC001},
		"full":           {fault.New(fault.Resource, "disk full"), OutOfResources},
		"a defect":       {errors.New("Doe^Jane"), ProcessingFailure},
		"a warning":      {&StatusError{Status: 0xB007}, 0xB007},
		"it is readable": {nil, Success},
	} {
		p.refuse = func(*Object) error { return c.err } // returns before the data set is read
		client := dial(t, &Dialer{}, peer, OffersFor([]Instance{in})...)
		for range 2 { // the association goes on
			status, err := client.Store(t.Context(), in, StoreOptions{})
			if status != c.want || (err == nil) != status.Stored() {
				t.Errorf("%s: %v, %v", name, status, err)
			}
		}
		client.Close()
	}
	p.refuse = nil
	broken := in
	broken.Open = func(context.Context) (*dicom.File, func() error, error) { return nil, nil, errors.New("gone") }
	c := dial(t, &Dialer{}, peer, OffersFor([]Instance{in})...)
	if _, err := c.Store(t.Context(), broken, StoreOptions{}); err == nil || err.Error() != "gone" {
		t.Errorf("%v", err)
	}
	if _, err := c.Store(t.Context(), in, StoreOptions{}); err != nil {
		t.Errorf("after it: %v", err)
	}
	c.Close()
}

// TestWindow: as many operations are under way as both sides agreed on, no more.
func TestWindow(t *testing.T) {
	for _, c := range []struct{ ask, allow, want int }{{0, 16, 1}, {8, 16, 8}, {8, 3, 3}, {8, 1, 1}} {
		p := newPACS()
		p.wait = make(chan struct{})
		s := serverFor(p)
		s.Window = c.allow
		peer := start(t, s)
		list := instances(t, 1, 12)
		client := dial(t, &Dialer{Window: c.ask}, peer, OffersFor(list)...)
		if client.Window() != c.want {
			t.Errorf("%+v: window %d", c, client.Window())
		}
		done := make(chan error, 1)
		go func() {
			done <- client.StoreAll(t.Context(), list, StoreOptions{}, func(_ int, _ Status, err error) {
				if err != nil {
					t.Error(err)
				}
			})
		}()
		for range list {
			p.wait <- struct{}{}
		}
		if err := errors.Join(<-done, client.Close()); err != nil {
			t.Error(err)
		}
		if p.most > c.want || len(p.order) != len(list) {
			t.Errorf("%+v: %d at once, %d stored", c, p.most, len(p.order))
		}
	}
}

func key(t *testing.T, level string, pairs ...string) *dicom.DataSet {
	t.Helper()
	ds := dicom.NewDataSet()
	if level != "" {
		ds.SetString(tag.QueryRetrieveLevel, level)
	}
	for i := 0; i < len(pairs); i += 2 {
		k, ok := tag.ByKeyword(pairs[i])
		if !ok {
			t.Fatal(pairs[i])
		}
		if pairs[i+1] == "" {
			ds.SetEmpty(k)
		} else {
			ds.SetBytes(k, k.VR(), []byte(pairs[i+1]))
		}
	}
	return ds
}

func TestFind(t *testing.T) {
	p := newPACS()
	peer := start(t, serverFor(p))
	for study := range 3 {
		storeAll(t, peer, instances(t, study+1, 2))
	}
	c := dial(t, &Dialer{}, peer, FindOffer(StudyRoot), FindOffer(PatientRoot), FindOffer(Worklist))
	for _, q := range []struct {
		model Model
		keys  *dicom.DataSet
		want  []string
	}{
		{StudyRoot, key(t, "IMAGE", "PatientName", "test^2", "SOPInstanceUID", ""), []string{"1.2.3.2.1", "1.2.3.2.2"}},
		{PatientRoot, key(t, "PATIENT", "PatientID", "3", "SOPInstanceUID", ""), []string{"1.2.3.3.1", "1.2.3.3.2"}},
		{Worklist, key(t, "", "PatientName", "TEST*", "SOPInstanceUID", "1.2.3.1.1\\1.2.3.3.2"), []string{"1.2.3.1.1", "1.2.3.3.2"}},
		{StudyRoot, key(t, "STUDY", "PatientName", "Nobody"), nil},
	} {
		var got []string
		for ds, err := range c.Find(t.Context(), q.model, q.keys) {
			if err != nil {
				t.Errorf("%v: %v", q.model, err)
				break
			}
			got = append(got, ds.String(tag.SOPInstanceUID))
		}
		if slices.Sort(got); !slices.Equal(got, q.want) {
			t.Errorf("%v: %q, want %q", q.model, got, q.want)
		}
	}
	for name, keys := range map[string]*dicom.DataSet{"no level": key(t, ""), "an unknown level": key(t, "CELL"), "a level of the other model": key(t, "PATIENT")} {
		for _, err := range c.Find(t.Context(), StudyRoot, keys) {
			if se, ok := errors.AsType[*StatusError](err); !ok || se.Status != IdentifierMismatch {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// endless answers for as long as it is asked.
type endless struct{ ended chan error }

func (e endless) Find(ctx context.Context, _ *FindRequest) iter.Seq2[*dicom.DataSet, error] {
	return func(yield func(*dicom.DataSet, error) bool) {
		ds := dicom.NewDataSet()
		ds.SetString(tag.PatientID, "1")
		for yield(ds, nil) {
		}
		e.ended <- context.Cause(ctx)
	}
}

// TestCancel: leaving the loop, and ending the context, end the query at the peer; the association goes on.
func TestCancel(t *testing.T) {
	e := endless{make(chan error, 1)}
	peer := start(t, &Server{Strangers: true, Query: e})
	c := dial(t, &Dialer{}, peer, FindOffer(StudyRoot))
	for round := range 3 {
		n := 0
		for _, err := range c.Find(t.Context(), StudyRoot, key(t, "STUDY")) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 10*(round+1) {
				break
			}
		}
		if se, ok := errors.AsType[*StatusError](<-e.ended); !ok || se.Status != Cancel {
			t.Errorf("the peer's query ended with %v", se)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for _, err := range c.Find(ctx, StudyRoot, key(t, "STUDY")) {
		if n++; n == 5 {
			cancel()
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	<-e.ended
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	// A peer that is simply gone ends it too.
	c = dial(t, &Dialer{}, peer, FindOffer(StudyRoot))
	for range c.Find(t.Context(), StudyRoot, key(t, "STUDY")) {
		c.Abort()
		break
	}
	<-e.ended
}

func TestGet(t *testing.T) {
	p, mine := newPACS(), newPACS()
	peer := start(t, serverFor(p))
	storeAll(t, peer, instances(t, 1, 5))
	storeAll(t, peer, []Instance{memoryInstance(image(t, 2, 1, uid.JPEGLSLossless))})
	for _, window := range []int{1, 4} {
		c := dial(t, &Dialer{Store: mine, Window: window}, peer, GetOffers(StudyRoot, uid.CTImageStorage)...)
		var steps []Progress
		r, err := c.Get(t.Context(), StudyRoot, key(t, "STUDY", "StudyInstanceUID", "1.2.3.1"), func(s Progress) { steps = append(steps, s) })
		if err != nil || r.Progress != (Progress{Completed: 5}) || len(steps) != 4 || steps[0].Remaining != 4 {
			t.Errorf("%+v, %v, steps %+v", r, err, steps)
		}
		if r, err := c.Get(t.Context(), StudyRoot, key(t, "STUDY", "StudyInstanceUID", "1.9"), nil); err != nil || r.Progress != (Progress{}) {
			t.Errorf("nothing: %+v, %v", r, err)
		}
		if r, err := c.Get(t.Context(), StudyRoot, key(t, "STUDY", "StudyInstanceUID", "1.2.3.2"), nil); err != nil || r.Completed != 1 {
			t.Errorf("compressed: %+v, %v", r, err)
		}
		c.Close()
	}
	if len(mine.order) != 6 {
		t.Errorf("%d arrived", len(mine.order))
	}
	for _, f := range mine.all() {
		if f.DataSet.String(tag.StudyInstanceUID) == "1.2.3.2" && f.TransferSyntax != uid.JPEGLSLossless {
			t.Errorf("arrived as %s", f.TransferSyntax.Name())
		}
	}
	// Only some of them can be taken: the others are named.
	mine.refuse = func(o *Object) error {
		if o.SOPInstanceUID == "1.2.3.1.2" {
			return &StatusError{Status: OutOfResources}
		}
		return nil
	}
	c := dial(t, &Dialer{Store: mine}, peer, GetOffers(StudyRoot, uid.CTImageStorage)...)
	r, err := c.Get(t.Context(), StudyRoot, key(t, "STUDY", "StudyInstanceUID", "1.2.3.1"), nil)
	if fault.CodeOf(err) != fault.Partial || r.Progress != (Progress{Completed: 4, Failed: 1}) || !slices.Equal(r.FailedUIDs, []string{"1.2.3.1.2"}) {
		t.Errorf("%+v, %v", r, err)
	}
	c.Close()
	// A class that was not offered fails, all of it.
	c = dial(t, &Dialer{Store: mine}, peer, GetOffers(StudyRoot, uid.MRImageStorage)...)
	r, err = c.Get(t.Context(), StudyRoot, key(t, "STUDY", "StudyInstanceUID", "1.2.3.1"), nil)
	if se, ok := errors.AsType[*StatusError](err); !ok || se.Status != CantSuboperate || r.Failed != 5 {
		t.Errorf("%+v, %v", r, err)
	}
	c.Close()
}

func TestMove(t *testing.T) {
	p, third := newPACS(), newPACS()
	third.refuse = func(o *Object) error {
		if o.MoveOriginator != "TEST" || o.Peer != "PACS" {
			return fault.New(fault.Input, "moved for %q by %q", o.MoveOriginator, o.Peer)
		}
		return nil
	}
	to := serverFor(third)
	to.AETitle = "THIRD"
	s := serverFor(p)
	s.Peers = []Peer{start(t, to), {AETitle: "NOWHERE", Address: "127.0.0.1:1"}, {AETitle: "SILENT"}}
	peer := start(t, s)
	storeAll(t, peer, instances(t, 1, 5))
	storeAll(t, peer, []Instance{memoryInstance(image(t, 1, 9, uid.RLELossless))})
	c := dial(t, &Dialer{}, peer, MoveOffer(StudyRoot))
	study := key(t, "STUDY", "StudyInstanceUID", "1.2.3.1")
	if r, err := c.Move(t.Context(), StudyRoot, study, "THIRD", nil); err != nil || r.Completed != 6 || len(third.order) != 6 {
		t.Errorf("%+v, %v", r, err)
	}
	for _, f := range third.all() {
		if rle := f.DataSet.String(tag.SOPInstanceUID) == "1.2.3.1.9"; rle != (f.TransferSyntax == uid.RLELossless) {
			t.Errorf("%s", f.TransferSyntax.Name())
		}
	}
	for dest, want := range map[string]Status{"UNKNOWN": UnknownDestination, "SILENT": UnknownDestination, "NOWHERE": CantSuboperate} {
		_, err := c.Move(t.Context(), StudyRoot, study, dest, nil)
		if se, ok := errors.AsType[*StatusError](err); !ok || se.Status != want {
			t.Errorf("%s: %v", dest, err)
		}
	}
	if r, err := c.Move(t.Context(), StudyRoot, key(t, "STUDY", "StudyInstanceUID", "1.9"), "THIRD", nil); err != nil || r.Progress != (Progress{}) {
		t.Errorf("nothing: %+v %v", r, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestMoveCancel(t *testing.T) {
	p, third := newPACS(), newPACS()
	third.wait = make(chan struct{})
	to := serverFor(third)
	to.AETitle = "THIRD"
	s := serverFor(p)
	s.Window = 1
	s.Peers = []Peer{start(t, to)}
	peer := start(t, s)
	storeAll(t, peer, instances(t, 1, 20))
	c := dial(t, &Dialer{}, peer, MoveOffer(StudyRoot))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		third.wait <- struct{}{}
		third.wait <- struct{}{}
		cancel()
		for {
			select {
			case third.wait <- struct{}{}:
			case <-t.Context().Done():
				return
			}
		}
	}()
	if _, err := c.Move(ctx, StudyRoot, key(t, "STUDY", "StudyInstanceUID", "1.2.3.1"), "THIRD", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	third.mu.Lock()
	defer third.mu.Unlock()
	if len(third.order) == 20 {
		t.Error("all were sent all the same")
	}
}

// TestCommit: the report comes on the same association to whom no address is known of, and on one of its own to whom one is.
func TestCommit(t *testing.T) {
	for _, known := range []bool{false, true} {
		p := newPACS()
		s := serverFor(p)
		reports := make(chan *CommitReport, 1)
		take := ReportFunc(func(_ context.Context, r *CommitReport) error { reports <- r; return nil })
		if known {
			own := start(t, &Server{AETitle: "TEST", Strangers: true, Reports: take})
			s.Peers = []Peer{own}
		}
		peer := start(t, s)
		storeAll(t, peer, instances(t, 1, 2))
		refs := []Reference{{uid.CTImageStorage, "1.2.3.1.1"}, {uid.CTImageStorage, "1.2.3.1.2"}}
		d := &Dialer{}
		if !known {
			d.Reports = take
		}
		c := dial(t, d, peer, CommitOffer())
		for i, want := range [][]FailedReference{nil, {{Reference{uid.CTImageStorage, "1.9"}, NoSuchInstance}}} {
			ask := refs
			for _, f := range want {
				ask = append(slices.Clone(refs), f.Reference)
			}
			if err := c.Commit(t.Context(), fmt.Sprintf("2.25.%d", i), ask); err != nil {
				t.Fatal(err)
			}
			r := <-reports
			if r.TransactionUID != fmt.Sprintf("2.25.%d", i) || r.Peer != "PACS" || !slices.Equal(r.Committed, refs) || !slices.Equal(r.Failed, want) {
				t.Errorf("known %v: %+v", known, r)
			}
		}
		if err := c.Commit(t.Context(), "2.25.7", nil); err == nil {
			t.Error("commitment of nothing")
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestWhoMayCall(t *testing.T) {
	here, there := netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.1.0.0/16")
	s := &Server{AETitle: "PACS", Peers: []Peer{{AETitle: "FRIEND"}, {AETitle: "NEAR", Hosts: []netip.Prefix{there, here}}, {AETitle: "FAR", Hosts: []netip.Prefix{there}}}}
	peer := start(t, s)
	for _, c := range []struct {
		calling, called string
		reason          byte
	}{
		{"FRIEND", "PACS", 0}, {"NEAR", "PACS", 0}, {"FAR", "PACS", pdu.UserCallingAENotKnown}, {"STRANGER", "PACS", pdu.UserCallingAENotKnown},
		{"friend", "PACS", pdu.UserCallingAENotKnown}, {"FRIEND", "OTHER", pdu.UserCalledAENotKnown},
	} {
		to := peer
		to.AETitle = c.called
		client, err := (&Dialer{AETitle: c.calling}).Dial(t.Context(), to, Offer{SOPClass: uid.Verification, Syntaxes: nativeSyntaxes})
		if c.reason == 0 {
			if err != nil {
				t.Errorf("%s: %v", c.calling, err)
				continue
			}
			client.Close()
			continue
		}
		if rj, ok := errors.AsType[*ul.RejectError](err); !ok || rj.Reason != c.reason || rj.Source != pdu.RejectedByUser {
			t.Errorf("%s calls %s: %v", c.calling, c.called, err)
		}
	}
}

func TestParsePeers(t *testing.T) {
	if p, err := ParsePeer("PACS@pacs.example:104"); err != nil || p.AETitle != "PACS" || p.Address != "pacs.example:104" {
		t.Errorf("%+v %v", p, err)
	}
	for _, s := range []string{"", "PACS", "PACS@host", "@host:1", "ABCDEFGHIJKLMNOPQ@host:1"} {
		if _, err := ParsePeer(s); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%q: %v", s, err)
		}
	}
	for s, want := range map[string]string{"A@10.1.2.3": "10.1.2.3/32", "A@10.1.0.0/16": "10.1.0.0/16", "A@fd00::/8": "fd00::/8"} {
		if p, err := ParseAllowed(s); err != nil || len(p.Hosts) != 1 || p.Hosts[0].String() != want {
			t.Errorf("%q: %+v %v", s, p, err)
		}
	}
	for _, s := range []string{"", "A@x", "A@10.0.0.0/99"} {
		if _, err := ParseAllowed(s); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%q: %v", s, err)
		}
	}
}
