package dimse

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

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
