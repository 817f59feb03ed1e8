package dimse

import (
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom/dimse/pdu"
	"github.com/cineloop/cineloop/dicom/dimse/ul"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

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
