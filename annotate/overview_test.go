package annotate

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/internal/fault"
)

// TestOverviewWithoutMuch: a project that was just made has nothing to show, and shows it; who is no member is nobody.
func TestOverviewWithoutMuch(t *testing.T) {
	p, err := Create(t.Context(), t.TempDir(), "new", 1, "eve")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	o, err := p.Overview("eve")
	if err != nil || o.Phase != Setup || o.Protocol != nil || len(o.Cases)+len(o.Cells)+len(o.Readers) != 0 || len(o.Members) != 1 {
		t.Errorf("%+v %v", o, err)
	}
	b, err := json.Marshal(o)
	if err != nil || !json.Valid(b) {
		t.Errorf("%v", err)
	}
	list, err := p.Protocols("eve")
	if err != nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
	for _, err := range []error{call(p.Overview("nobody")), call(p.Protocols("nobody")), call(p.Watch("nobody")), p.May("nobody", policy.ManageStudy)} {
		if err != ErrUnknown {
			t.Errorf("%v", err)
		}
	}
	if p.Unmask("R-none") != "" {
		t.Error("somebody behind no mask")
	}
	// Nothing to assign yet: the dry run says why, as the op would.
	_, dry := p.DryRun(t.Context(), "eve", Op{Kind: Assigned})
	_, real := p.Do(t.Context(), "eve", Op{Kind: Assigned})
	if fault.CodeOf(dry) != fault.Conflict || dry.Error() != real.Error() {
		t.Errorf("dry %v, real %v", dry, real)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.DryRun(ctx, "eve", Op{Kind: Assigned}); fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("%v", err)
	}
	if _, err := p.DryRun(t.Context(), "eve", Op{Kind: ProtocolSet, Data: json.RawMessage(`{"yaml": "version: 1"}`)}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("%v", err)
	}
}

func call[T any](_ T, err error) error { return err }

// TestOverviewOfPool: what nobody has taken yet is counted and is nobody's; a dry run of a pool names nobody.
func TestOverviewOfPool(t *testing.T) {
	s := pooled(t, 2, 3)
	o, err := s.Overview("cora")
	if err != nil || o.Pool != 6 {
		t.Fatalf("%+v %v", o, err)
	}
	s.do("ann", CaseTaken, "", 0, nil)
	if o, err = s.Overview("cora"); err != nil || o.Pool != 5 {
		t.Fatalf("%+v %v", o, err)
	}
	people := 0
	for _, c := range o.Cells {
		if o.Readers[c.Reader].Reader == s.mask("ann") {
			people++
		}
	}
	if people != 1 {
		t.Errorf("%d cells of ann's, want the one that they took", people)
	}
	if got := s.state.shares([]*Assignment{{Arm: "unaided", Session: 1}, {Arm: "unaided", Session: 1}, {Reader: "ann", Arm: "unaided", Session: 1}}); len(got) != 2 || got[0] != (Share{"", "unaided", 1, 2}) {
		t.Errorf("%+v", got)
	}
}
