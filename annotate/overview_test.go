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
