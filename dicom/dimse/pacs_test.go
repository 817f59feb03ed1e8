package dimse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/match"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
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
