package ul

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cineloop/cineloop/dicom/dimse/pdu"
	"github.com/cineloop/cineloop/internal/fault"
)

// Association is one association, of either side.
type Association struct {
	conn      net.Conn
	in        *bufio.Reader
	cfg       Config
	requestor bool

	Request  *pdu.Associate // as it was sent or received
	Response *pdu.Associate // the acceptance

	busy atomic.Int32 // operations under way: the peer may be silent

	mu       sync.Mutex
	state    State
	deadline time.Time // of the wait in this state: ARTIM, or the answer to a request
	end      error     // why it is over
	closed   bool

	buf []byte // the body of the unit read last

	wmu sync.Mutex // held while a unit is written
	msg sync.Mutex // held while a message is written
	out []byte
}

// What ends an association, beside *RejectError and *AbortError.
var (
	ErrReleased = errors.New("the association was released")
	ErrClosed   = fault.New(fault.Input, "the peer closed the connection without releasing the association")
	ErrTimeout  = fault.New(fault.Resource, "the peer did not go on in time")

	// ErrReleaseRequested is Next's word that the peer wants to end: the local side finishes what it is at, calls
	// [Association.RespondRelease] and goes on calling Next.
	ErrReleaseRequested = errors.New("the peer asks to release the association")
)

// RejectError says that the peer rejected the association.
type RejectError struct{ pdu.Reject }

func (e *RejectError) Error() string { return "the peer rejected the association: " + e.String() }

// AbortError says that the association was aborted.
type AbortError struct {
	pdu.Abort
	Local bool  // by this side
	Why   error // what the local side found wrong, or nil
}

func (e *AbortError) Error() string {
	switch {
	case e.Local && e.Why != nil:
		return "association aborted: " + e.Why.Error()
	case e.Local:
		return "association aborted"
	}
	return "the peer aborted the association " + e.String()
}

func (e *AbortError) Unwrap() error { return e.Why }

func newAssociation(conn net.Conn, cfg Config, requestor bool) *Association {
	return &Association{conn: conn, in: bufio.NewReaderSize(conn, 8<<10), cfg: cfg.filled(), requestor: requestor, state: Sta1}
}

// State is the state of the machine.
func (a *Association) State() State {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state
}

// Busy says that an operation begins (1) or ends (-1): while any is under way the peer may be silent for as long as it takes.
func (a *Association) Busy(n int32) { a.busy.Add(n) }

// RemoteAddr is the peer's address.
func (a *Association) RemoteAddr() net.Addr { return a.conn.RemoteAddr() }

// MaxSend is how many bytes of a P-DATA-TF body go to the peer at once.
func (a *Association) MaxSend() int {
	n := a.cfg.SendLength
	if peer := a.peerLength(); peer != 0 {
		n = min(n, peer)
	}
	return int(n)
}

func (a *Association) peerLength() uint32 {
	if a.requestor {
		return a.Response.User.MaxLength
	}
	return a.Request.User.MaxLength
}

// on lets an event happen: it moves to the next state and returns the action, which the caller does.
func (a *Association) on(e Event) (Action, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	act, next := Transition(a.state, e, a.requestor)
	if act == None {
		if a.end != nil {
			return None, a.end
		}
		return None, fmt.Errorf("association: event %d is not allowed in state %d", e, a.state)
	}
	a.enter(next)
	return act, nil
}

// enter is the move to another state, with its timer. a.mu is held.
func (a *Association) enter(next State) {
	if next == a.state {
		return
	}
	a.state = next
	a.deadline = time.Time{}
	switch next {
	case Sta2, Sta13:
		a.deadline = time.Now().Add(a.cfg.ARTIM)
	case Sta5, Sta7, Sta10, Sta11:
		a.deadline = time.Now().Add(a.cfg.Response)
	}
	if next != Sta1 {
		a.conn.SetReadDeadline(a.deadline) // wakes a reader that waits by the old one
	}
}

// finish notes why the association is over; the first reason stands.
func (a *Association) finish(err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.end == nil {
		a.end = err
	}
	return a.end
}

// shut closes the connection.
func (a *Association) shut() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.closed = true
		a.state = Sta1
		a.conn.Close()
	}
}

// Close ends the association at once, without a word to the peer. It may be called more than once.
func (a *Association) Close() error {
	a.finish(ErrReleased)
	a.shut()
	return nil
}

// Abort tells the peer that the association is over; why is for the local side's errors. Next then waits for the peer to close, and ends.
func (a *Association) Abort(why error) {
	a.abort(AbortRequest, pdu.Abort{Source: pdu.AbortedByUser}, why)
}

// Violation aborts because the peer broke the protocol.
func (a *Association) Violation(reason byte, why error) error {
	return a.abort(InvalidPDU, pdu.Abort{Source: pdu.AbortedByProvider, Reason: reason}, why)
}

func (a *Association) abort(e Event, body pdu.Abort, why error) error {
	act, err := a.on(e)
	if err != nil {
		return err
	}
	if act == AA2 {
		a.shut()
		return a.finish(&AbortError{Local: true, Why: why})
	}
	// A writer that the peer keeps waiting is cut off: after that the connection is good for nothing else.
	a.conn.SetWriteDeadline(time.Now().Add(time.Second))
	a.wmu.Lock()
	a.conn.SetWriteDeadline(time.Now().Add(a.cfg.Transfer))
	_, werr := a.conn.Write(body.Append(nil))
	a.wmu.Unlock()
	end := a.finish(&AbortError{Abort: body, Local: true, Why: why})
	if werr != nil {
		a.shut()
	}
	return end
}

// send writes whole units.
func (a *Association) send(b []byte) error {
	a.wmu.Lock()
	defer a.wmu.Unlock()
	a.conn.SetWriteDeadline(time.Now().Add(a.cfg.Transfer))
	if _, err := a.conn.Write(b); err != nil {
		return a.lost(err)
	}
	return nil
}

// lost is the end by a failed read or write.
func (a *Association) lost(err error) error {
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		err = ErrTimeout
	} else {
		err = ErrClosed
	}
	_, _ = a.on(ConnectionClosed) // in Sta1 there is nothing left to close
	end := a.finish(err)
	a.shut()
	return end
}
