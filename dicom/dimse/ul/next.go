package ul

import (
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/cineloop/cineloop/dicom/dimse/pdu"
	"github.com/cineloop/cineloop/internal/fault"
)

// Next is the body of the next P-DATA-TF, valid until the next call. Errors: [ErrReleaseRequested], after which it goes on; anything else
// is the end. One goroutine calls it, until the end: it also does what the machine asks for between units.
func (a *Association) Next() ([]byte, error) {
	for {
		act, body, err := a.receive()
		if err != nil {
			return nil, err
		}
		switch act {
		case DT2, AR6:
			return body, nil
		case AR2:
			return nil, ErrReleaseRequested
		case AR3:
			return nil, a.over(ErrReleased)
		case AR8: // both sides asked at once; whoever asked for the association answers first
			if a.requestor {
				if err := a.RespondRelease(); err != nil {
					return nil, err
				}
			}
		case AR10:
			if err := a.RespondRelease(); err != nil {
				return nil, err
			}
		}
	}
}

func (a *Association) over(err error) error {
	end := a.finish(err)
	a.shut()
	return end
}

// Release asks the peer to end the association. Next returns ErrReleased when it has.
func (a *Association) Release() error {
	if _, err := a.on(ReleaseRequest); err != nil {
		return err
	}
	return a.send(pdu.AppendRelease(nil, pdu.ReleaseRQ))
}

// RespondRelease answers the peer's request to end.
func (a *Association) RespondRelease() error {
	act, err := a.on(ReleaseResponse)
	if err != nil {
		return err
	}
	if act == AR4 {
		a.finish(ErrReleased)
	}
	return a.send(pdu.AppendRelease(nil, pdu.ReleaseRP))
}

// receive reads one unit, lets it happen, and does the part of the action that is the protocol's own: answers to what is invalid or
// out of place, and closing. It returns actions that concern the caller; the end of the association is an error.
func (a *Association) receive() (Action, []byte, error) {
	for {
		h, body, err := a.read()
		if err != nil {
			return None, nil, err
		}
		event := eventOf(h.Type)
		if body == nil {
			event = InvalidPDU
		}
		act, err := a.on(event)
		if err != nil {
			return None, nil, a.over(err)
		}
		switch act {
		case AA1, AA7, AA8:
			if err := a.refuse(act, event, h); err != nil {
				return None, nil, err
			}
			if event == InvalidPDU { // where the next unit would begin is not known
				_, _ = io.CopyN(io.Discard, a.in, drain) // closing now could take the A-ABORT back
				return None, nil, a.over(ErrClosed)
			}
		case AA2, AA3:
			ab, err := pdu.DecodeAbort(body)
			if err != nil {
				ab = pdu.Abort{}
			}
			return None, nil, a.over(&AbortError{Abort: ab})
		case AA6:
		default:
			return act, body, nil
		}
	}
}

// slack is how many bytes a P-DATA-TF may be longer than announced: some senders count without the headers of unit and value.
const slack = 16

// drain is how much of what follows an invalid unit is taken before the connection is closed.
const drain = 1 << 20

func eventOf(t pdu.Type) Event {
	switch t {
	case pdu.AssociateRQ:
		return AssociateRQPDU
	case pdu.AssociateAC:
		return AssociateACPDU
	case pdu.AssociateRJ:
		return AssociateRJPDU
	case pdu.DataTF:
		return DataPDU
	case pdu.ReleaseRQ:
		return ReleaseRQPDU
	case pdu.ReleaseRP:
		return ReleaseRPPDU
	case pdu.AbortPDU:
		return AbortPDU
	}
	return InvalidPDU
}

// refuse sends the A-ABORT of AA-1, AA-7 and AA-8.
func (a *Association) refuse(act Action, e Event, h pdu.Header) error {
	ab := pdu.Abort{Source: pdu.AbortedByProvider, Reason: pdu.UnexpectedPDU}
	why := fault.New(fault.Input, "%v is out of place", h.Type)
	if e == InvalidPDU {
		ab.Reason, why = pdu.UnrecognizedPDU, fault.New(fault.Input, "a unit of type %d", byte(h.Type))
		if eventOf(h.Type) != InvalidPDU {
			ab.Reason, why = pdu.InvalidParamValue, fault.New(fault.Input, "%v with a body of %d bytes", h.Type, h.Length)
		}
	}
	if act == AA1 { // PS3.8 table 9-9: source is the user; nothing was agreed on yet
		ab = pdu.Abort{Source: pdu.AbortedByUser}
	}
	a.finish(&AbortError{Abort: ab, Local: true, Why: why})
	return a.send(ab.Append(nil))
}

// read is the next unit; its body is nil if it is unknown or its length is not allowed.
func (a *Association) read() (pdu.Header, []byte, error) {
	if err := a.await(); err != nil {
		return pdu.Header{}, nil, err
	}
	var head [pdu.HeaderSize]byte
	if _, err := io.ReadFull(a.in, head[:]); err != nil {
		return pdu.Header{}, nil, a.broken(err)
	}
	h := pdu.ParseHeader(head[:])
	limit := pdu.Limit(h.Type, a.cfg.MaxLength+slack)
	switch {
	case limit == 0, h.Length > limit, h.Type != pdu.DataTF && h.Length < 4:
		return h, nil, nil
	}
	if int(h.Length) > cap(a.buf) {
		// No more memory than has arrived: a length alone buys nothing.
		if err := a.grow(int(h.Length)); err != nil {
			return h, nil, a.broken(err)
		}
		return h, a.buf, nil
	}
	a.buf = a.buf[:h.Length]
	if _, err := io.ReadFull(a.in, a.buf); err != nil {
		return h, nil, a.broken(err)
	}
	return h, a.buf[:len(a.buf):len(a.buf)], nil
}

// grow reads n bytes into a buffer that doubles as they come.
func (a *Association) grow(n int) error {
	got := 0
	for got < n {
		size := min(n, max(4<<10, 2*got))
		if size > cap(a.buf) {
			next := make([]byte, size)
			copy(next, a.buf[:got])
			a.buf = next
		}
		a.buf = a.buf[:max(size, min(n, cap(a.buf)))]
		m, err := io.ReadFull(a.in, a.buf[got:])
		got += m
		if err != nil {
			return err
		}
	}
	return nil
}

// await returns when the first byte of a unit is there, and gives the rest of the unit its time.
func (a *Association) await() error {
	for {
		a.mu.Lock()
		if a.closed {
			a.mu.Unlock()
			return a.finish(ErrClosed)
		}
		deadline := a.deadline
		if deadline.IsZero() {
			deadline = time.Now().Add(a.cfg.Idle)
		}
		a.conn.SetReadDeadline(deadline)
		a.mu.Unlock()
		_, err := a.in.Peek(1)
		if err == nil {
			break
		}
		if !isTimeout(err) {
			return a.broken(err)
		}
		if over, err := a.late(); over {
			return err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	rest := time.Now().Add(a.cfg.Transfer)
	if !a.deadline.IsZero() && a.deadline.Before(rest) {
		rest = a.deadline
	}
	if !a.closed {
		a.conn.SetReadDeadline(rest)
	}
	return nil
}

// late deals with a wait that is over without a byte; over is false if the wait goes on, by another deadline or because an operation is
// under way.
func (a *Association) late() (over bool, err error) {
	a.mu.Lock()
	state, passed := a.state, !a.deadline.IsZero() && !time.Now().Before(a.deadline)
	waits := !a.deadline.IsZero() && !passed
	a.mu.Unlock()
	switch {
	case waits:
		return false, nil
	case state == Sta2 || state == Sta13:
		if _, err := a.on(ARTIMExpired); err != nil {
			return true, a.over(err)
		}
		return true, a.over(ErrTimeout)
	case state == Sta6 && a.busy.Load() > 0:
		return false, nil
	}
	a.abort(AbortRequest, pdu.Abort{Source: pdu.AbortedByUser}, ErrTimeout)
	return true, a.over(ErrTimeout)
}

// broken is the end in the middle of a unit, or of the connection.
func (a *Association) broken(err error) error {
	if isTimeout(err) {
		if a.State() != Sta13 && a.State() != Sta2 {
			a.abort(AbortRequest, pdu.Abort{Source: pdu.AbortedByUser}, ErrTimeout)
		}
		return a.over(ErrTimeout)
	}
	return a.lost(err)
}

func isTimeout(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}
