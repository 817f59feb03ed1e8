package dimse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

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

// TestGetCancel: the object on its way arrives, no other does, and the association goes on.
func TestGetCancel(t *testing.T) {
	p, mine := newPACS(), newPACS()
	mine.wait = make(chan struct{})
	peer := start(t, serverFor(p))
	storeAll(t, peer, instances(t, 1, 20))
	c := dial(t, &Dialer{Store: mine}, peer, append(GetOffers(StudyRoot, uid.CTImageStorage), FindOffer(StudyRoot))...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		mine.wait <- struct{}{}
		mine.wait <- struct{}{}
		cancel()
		for {
			time.Sleep(50 * time.Millisecond) // C-CANCEL is on its way
			select {
			case mine.wait <- struct{}{}:
			case <-t.Context().Done():
				return
			}
		}
	}()
	if _, err := c.Get(ctx, StudyRoot, key(t, "STUDY", "StudyInstanceUID", "1.2.3.1"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	n := 0
	for _, err := range c.Find(t.Context(), StudyRoot, key(t, "STUDY", "StudyInstanceUID", "")) {
		if n++; err != nil {
			t.Error(err)
		}
	}
	if err := c.Close(); err != nil || n != 20 {
		t.Errorf("afterwards: %d answers, %v", n, err)
	}
	mine.mu.Lock()
	defer mine.mu.Unlock()
	if len(mine.order) == 20 {
		t.Error("all were sent all the same")
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
			time.Sleep(50 * time.Millisecond)
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
