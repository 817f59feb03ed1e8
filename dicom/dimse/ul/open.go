package ul

import (
	"context"
	"fmt"
	"net"

	"github.com/cineloop/cineloop/dicom/dimse/pdu"
	"github.com/cineloop/cineloop/internal/fault"
)

// Request asks for an association over a connection that is open. It takes the connection: on an error it is closed.
func Request(ctx context.Context, conn net.Conn, rq *pdu.Associate, cfg Config) (*Association, error) {
	a := newAssociation(conn, cfg, true)
	stop := context.AfterFunc(ctx, func() { a.Close() })
	defer stop()
	err := a.request(rq)
	if err != nil {
		a.shut()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("asking for an association: %w", err)
	}
	if !stop() {
		return nil, ctx.Err()
	}
	return a, nil
}

func (a *Association) request(rq *pdu.Associate) error {
	rq.Accept, rq.ProtocolVersion, rq.Application = false, 1, pdu.ApplicationContext
	rq.User.MaxLength = a.cfg.MaxLength
	b, err := rq.Append(nil)
	if err != nil {
		return err
	}
	a.Request = rq
	// The connection is there: AE-1 was the dialler's.
	for _, e := range []Event{AssociateRequest, ConnectionOpened} {
		if _, err := a.on(e); err != nil {
			return err
		}
	}
	if err := a.send(b); err != nil {
		return err
	}
	for {
		act, body, err := a.receive()
		if err != nil {
			return err
		}
		switch act {
		case AE3:
			return a.confirm(body)
		case AE4:
			rj, err := pdu.DecodeReject(body)
			if err != nil {
				return err
			}
			return a.finish(&RejectError{rj})
		}
	}
}

// confirm takes the acceptance and looks whether it answers what was asked.
func (a *Association) confirm(body []byte) error {
	ac, err := pdu.DecodeAssociate(body, true)
	if err != nil {
		return a.Violation(pdu.InvalidParamValue, err)
	}
	a.Response = ac
	proposed := map[byte]pdu.Context{}
	for _, c := range a.Request.Contexts {
		proposed[c.ID] = c
	}
	for _, c := range ac.Contexts {
		if _, ok := proposed[c.ID]; !ok {
			return a.Violation(pdu.InvalidParamValue, fault.New(fault.Input, "the peer answers presentation context %d, which was not proposed", c.ID))
		}
		if c.Result == pdu.Acceptance && len(c.Transfer) != 1 {
			return a.Violation(pdu.InvalidParamValue, fault.New(fault.Input, "the peer accepts presentation context %d with %d transfer syntaxes", c.ID, len(c.Transfer)))
		}
	}
	if n := ac.User.MaxLength; n != 0 && n < leastLength {
		return a.Violation(pdu.InvalidParamValue, fault.New(fault.Input, "the peer takes units of at most %d bytes", n))
	}
	return nil
}

// Decision answers a request for an association.
type Decision struct {
	Accept *pdu.Associate // contexts and user information; the rest is filled in
	Reject pdu.Reject     // if Accept is nil
}

// Accept awaits a request on a connection and answers it. It takes the connection: on an error, a rejection among them, it is closed.
func Accept(ctx context.Context, conn net.Conn, decide func(*pdu.Associate) Decision, cfg Config) (*Association, error) {
	a := newAssociation(conn, cfg, false)
	stop := context.AfterFunc(ctx, func() { a.Close() })
	defer stop()
	err := a.accept(decide)
	if err != nil {
		a.shut()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	if !stop() {
		return nil, ctx.Err()
	}
	return a, nil
}

func (a *Association) accept(decide func(*pdu.Associate) Decision) error {
	if _, err := a.on(ConnectionIncoming); err != nil {
		return err
	}
	for {
		act, body, err := a.receive()
		if err != nil {
			return err
		}
		if act != AE6 {
			continue
		}
		rq, err := pdu.DecodeAssociate(body, false)
		if err != nil {
			return a.Violation(pdu.InvalidParamValue, err)
		}
		a.Request = rq
		return a.answer(decide)
	}
}

func (a *Association) answer(decide func(*pdu.Associate) Decision) error {
	rq := a.Request
	var d Decision
	switch n := rq.User.MaxLength; {
	case rq.ProtocolVersion&1 == 0:
		d.Reject = pdu.Reject{Result: pdu.RejectedPermanent, Source: pdu.RejectedByACSE, Reason: pdu.ACSEProtocolVersion}
	case rq.Application != pdu.ApplicationContext:
		d.Reject = pdu.Reject{Result: pdu.RejectedPermanent, Source: pdu.RejectedByUser, Reason: pdu.UserApplicationContext}
	case len(rq.Contexts) == 0, n != 0 && n < leastLength:
		d.Reject = pdu.Reject{Result: pdu.RejectedPermanent, Source: pdu.RejectedByUser, Reason: pdu.UserNoReason}
	default:
		d = decide(rq)
	}
	if d.Accept == nil {
		if _, err := a.on(AssociateReject); err != nil {
			return err
		}
		if err := a.send(d.Reject.Append(nil)); err != nil {
			return err
		}
		a.finish(&rejected{d.Reject})
		_, err := a.Next() // until the peer has closed
		return err
	}
	ac := d.Accept
	ac.Accept, ac.ProtocolVersion, ac.Application = true, 1, pdu.ApplicationContext
	ac.CalledAE, ac.CallingAE = rq.CalledAE, rq.CallingAE // as they came (PS3.8 table 9-17)
	ac.User.MaxLength = a.cfg.MaxLength
	b, err := ac.Append(nil)
	if err != nil {
		a.Abort(err)
		return err
	}
	a.Response = ac
	if _, err := a.on(AssociateAccept); err != nil {
		return err
	}
	return a.send(b)
}

// rejected is the end of an association that this side rejected.
type rejected struct{ pdu.Reject }

func (e *rejected) Error() string { return "association rejected: " + e.String() }
