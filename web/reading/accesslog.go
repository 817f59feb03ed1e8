package reading

import (
	"encoding/json"
	"time"

	"github.com/cineloop/cineloop/annotate/ledger"
	"github.com/cineloop/cineloop/internal/fault"
)

// entry is a line of the access log. It names members, routes and random ids; never a patient, a file, or what was typed.
type entry struct {
	At      time.Time `json:"at"`
	Event   string    `json:"event"`        // login, login refused, logout, step-up, step-up refused, query, view, annotate, refused
	By      string    `json:"by,omitempty"` // how one logged in: password, oidc
	Who     string    `json:"who,omitempty"`
	Session string    `json:"session,omitempty"`
	Route   string    `json:"route,omitempty"`
	Kind    string    `json:"kind,omitempty"` // of an op
	Object  string    `json:"object,omitempty"`
	Image   int       `json:"image,omitempty"`
	Code    string    `json:"code,omitempty"` // why it was refused
}

// accessLog is a ledger that is made durable once a second, and at once where that is asked for.
type accessLog struct {
	ledger *ledger.Ledger
	now    func() time.Time
	stop   chan struct{}
	ended  chan struct{}
}

func openAccessLog(path string) (*accessLog, error) {
	l, err := ledger.Open(path, nil)
	if err != nil {
		return nil, err
	}
	a := &accessLog{ledger: l, now: time.Now, stop: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(a.ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		var last int64
		for {
			select {
			case <-a.stop:
				return
			case <-tick.C:
			}
			if seq := l.Written(); seq > last && l.Sync(seq) == nil { // an error stays with the ledger: nothing more is taken
				last = seq
			}
		}
	}()
	return a, nil
}

// add writes an entry. After an error nobody is answered any more.
func (a *accessLog) add(e entry) error {
	_, err := a.append(e)
	return err
}

func (a *accessLog) append(e entry) (int64, error) {
	e.At = a.now().UTC()
	if len(e.Object) > 64 { // ids are 32 long: what is longer was made up by who asks
		e.Object = "…"
	}
	b, err := json.Marshal(e)
	if err != nil {
		return 0, fault.New(fault.Internal, "an entry of the access log: %w", err)
	}
	return a.ledger.Append(b)
}

// durable writes an entry and waits until it is on the disk.
func (a *accessLog) durable(e entry) error {
	seq, err := a.append(e)
	if err != nil {
		return err
	}
	return a.ledger.Sync(seq)
}

func (a *accessLog) close() error {
	close(a.stop)
	<-a.ended
	return a.ledger.Close()
}
