package ingest_test

import (
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/dimse"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/ingest"
	"github.com/cineloop/cineloop/store/serve"
)

// pacs is an archive with two studies of five instances that answers as PACS on a port of its own.
func pacs(t *testing.T, change func(*dimse.Server)) (a *store.Archive, addr string) {
	t.Helper()
	dir := t.TempDir()
	for st := 1; st <= 2; st++ {
		for n := range 5 {
			write(t, fmt.Sprintf("%s/%d-%d.dcm", dir, st, n), instance(t, st, n, func(ds *dicom.DataSet) {
				ds.SetString(tag.StudyDate, fmt.Sprintf("2024010%d", st))
				if n == 2 {
					ds.SetBytes(tag.PixelData, vr.OB, make([]byte, 2<<20))
				}
			}))
		}
	}
	a = newArchive(t)
	run(t, a, ingest.Options{Sources: []string{dir}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dimse.Server{AETitle: "PACS", Strangers: true}
	serve.New(a, "PACS").Handlers(s)
	if change != nil {
		change(s)
	}
	serving, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- s.Serve(serving, l) }()
	t.Cleanup(func() { stop(); <-done })
	return a, l.Addr().String()
}

// TestPACS brings two studies over the network: by C-GET, and by C-MOVE to a port of ours; the second time nothing is asked for.
func TestPACS(t *testing.T) {
	deliver, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free
	if err != nil {
		t.Fatal(err)
	}
	listen := deliver.Addr().String()
	deliver.Close()
	for name, access := range map[string]ingest.Access{"get": {AET: "ME"}, "move": {AET: "ME", Listen: listen}} {
		t.Run(name, func(t *testing.T) {
			from, addr := pacs(t, func(s *dimse.Server) { s.Peers = []dimse.Peer{{AETitle: "ME", Address: listen}} })
			a := newArchive(t)
			source := "dimse://PACS@" + addr
			one := run(t, a, ingest.Options{Sources: []string{source + "?StudyDate=20240102-"}, Access: access})
			if one.Stored != 5 || one.Found != 5 {
				t.Errorf("by date: %+v", one)
			}
			if s := run(t, a, ingest.Options{Sources: []string{source + "/1.2.1/1.2.1.1"}, Access: access, DryRun: true}); s.Stored != 5 {
				t.Errorf("dry: %+v", s)
			}
			all := run(t, a, ingest.Options{Sources: []string{source}, Access: access})
			if all.Stored != 5 || all.Duplicate != 5 {
				t.Errorf("all: %+v", all)
			}
			if again := run(t, a, ingest.Options{Sources: []string{source}, Access: access}); again.Duplicate != 10 {
				t.Errorf("again: %+v", again)
			}
			was, err := from.Catalog.Lookup(ctx, "1.2.1.1.2")
			if err != nil {
				t.Fatal(err)
			}
			is, err := a.Catalog.Lookup(ctx, "1.2.1.1.2")
			if err != nil || is.TransferSyntaxUID != was.TransferSyntaxUID || is.Attributes["PatientName"] != "Müller^Jörg" {
				t.Errorf("%+v, %v", is, err)
			}
			verify(t, a)
		})
	}
}

// TestPACSFails: an archive that is full ends the retrieval, and the next run takes what is left.
func TestPACSFails(t *testing.T) {
	_, addr := pacs(t, nil)
	dir := t.TempDir()
	cfg := store.DefaultConfig()
	cfg.Reserve, cfg.Quota = 0, 1<<20
	if err := store.Init(dir, cfg); err != nil {
		t.Fatal(err)
	}
	a, err := store.Open(ctx, dir, store.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	opts := ingest.Options{Sources: []string{"dimse://PACS@" + addr}}
	if s, err := ingest.Run(ctx, a, opts); fault.CodeOf(err) != fault.Resource || s.Stored < 2 || s.Stored > 4 {
		t.Errorf("%+v, %v", s, err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	b := newArchive(t)
	if _, err := ingest.Run(cancelled, b, ingest.Options{Sources: opts.Sources, Progress: func(int64, int64) { cancel() }}); err == nil {
		t.Error("a cancelled run succeeded")
	}
	if s := run(t, b, opts); s.Stored+s.Duplicate != 10 {
		t.Errorf("after the interrupt: %+v", s)
	}
	verify(t, b)
}
