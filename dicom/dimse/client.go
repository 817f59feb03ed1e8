package dimse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/dimse/pdu"
	"github.com/cineloop/cineloop/dicom/dimse/ul"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// Offer is a presentation context to propose, for each group of syntaxes that the peer is to choose one of.
type Offer struct {
	SOPClass string
	Syntaxes []dicom.TransferSyntax
	SCP      bool   // the local side wants to be SCP of the class, not SCU: C-GET's storage
	Extended []byte // SOP class extended negotiation, or nil
}

// Dialer asks peers for associations.
type Dialer struct {
	AETitle  string
	Link     ul.Config
	Timeout  time.Duration // for the next answer to an operation; 10 min if 0
	Window   int           // operations under way at once, if the peer agrees; 0 and 1: no asynchronous operations
	Identity *pdu.Identity

	// Store takes what comes by C-GET, Reports the results of storage commitment. Nil refuses them.
	Store   Store
	Reports Reports
}

const (
	defaultTimeout = 10 * time.Minute
	dialTimeout    = 30 * time.Second
)

// Client is an association that the local side asked for. Its methods may be called from several goroutines; Close it in the end.
type Client struct {
	*session
}

// Dial connects to the peer and negotiates. It fails with *ul.RejectError where the peer rejects the association, and if it accepts none
// of the offers.
func (d *Dialer) Dial(ctx context.Context, peer Peer, offers ...Offer) (*Client, error) {
	nd := net.Dialer{Timeout: dialTimeout}
	conn, err := nd.DialContext(ctx, "tcp", peer.Address)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fault.New(fault.Missing, "connecting to %s: %w", peer.AETitle, err)
	}
	if peer.TLS != nil {
		if conn, err = handshake(ctx, conn, peer); err != nil {
			return nil, err
		}
	}
	rq := d.request(peer, offers)
	a, err := ul.Request(ctx, conn, rq, d.Link)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", peer.AETitle, err)
	}
	contexts := accepted(rq, a.Response)
	c := &Client{}
	invoked, performed := agreedWindow(rq.User.Async, a.Response.User.Async)
	c.session = newSession(context.WithoutCancel(ctx), a, contexts, d.serve, performed, invoked, orDuration(d.Timeout, defaultTimeout))
	go c.run()
	if len(contexts) == 0 {
		c.Close()
		return nil, fault.New(fault.Input, "%s accepts none of the %d presentation contexts", peer.AETitle, len(rq.Contexts))
	}
	return c, nil
}

func handshake(ctx context.Context, conn net.Conn, peer Peer) (net.Conn, error) {
	cfg := peer.TLS
	if cfg.ServerName == "" && !cfg.InsecureSkipVerify {
		cfg = cfg.Clone()
		if host, _, err := net.SplitHostPort(peer.Address); err == nil {
			cfg.ServerName = host
		}
	}
	t := tls.Client(conn, cfg)
	hctx, stop := context.WithTimeout(ctx, dialTimeout)
	defer stop()
	if err := t.HandshakeContext(hctx); err != nil {
		conn.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fault.New(fault.Input, "TLS with %s: %w", peer.AETitle, err)
	}
	return t, nil
}

// request makes the proposal: an offer that has a syntax of its own order is a context; roles and extended negotiation come along.
func (d *Dialer) request(peer Peer, offers []Offer) *pdu.Associate {
	rq := &pdu.Associate{CalledAE: peer.AETitle, CallingAE: d.AETitle}
	rq.User = pdu.UserInformation{ImplementationClassUID: dicom.ImplementationClassUID, ImplementationVersion: dicom.ImplementationVersionName,
		Identity: d.Identity}
	if d.Window > 1 {
		n := uint16(min(d.Window, 0xFFFF))
		rq.User.Async = &pdu.AsyncWindow{Invoked: n, Performed: 1}
	}
	for i, o := range offers {
		if i >= 128 {
			break // the identifiers are used up (PS3.8 section 9.3.2.2)
		}
		c := pdu.Context{ID: byte(2*i + 1), Abstract: o.SOPClass}
		for _, ts := range o.Syntaxes {
			c.Transfer = append(c.Transfer, string(ts))
		}
		rq.Contexts = append(rq.Contexts, c)
		known := slices.ContainsFunc(rq.User.Roles, func(r pdu.Role) bool { return r.SOPClassUID == o.SOPClass })
		if o.SCP && !known {
			rq.User.Roles = append(rq.User.Roles, pdu.Role{SOPClassUID: o.SOPClass, SCP: true})
		}
		if o.Extended != nil {
			rq.User.Extended = append(rq.User.Extended, pdu.Extended{SOPClassUID: o.SOPClass, Info: o.Extended})
		}
	}
	return rq
}

// accepted are the contexts that the peer took, with the requestor's roles. The peer grants a role by repeating it (PS3.7 annex D.3.3.4).
func accepted(rq, ac *pdu.Associate) map[byte]*presentation {
	out := map[byte]*presentation{}
	for _, c := range ac.Contexts {
		if c.Result != pdu.Acceptance {
			continue
		}
		for _, p := range rq.Contexts {
			if p.ID != c.ID {
				continue
			}
			in := &presentation{id: c.ID, abstract: p.Abstract, syntax: dicom.TransferSyntax(c.Transfer[0]), scu: true}
			for _, r := range ac.User.Roles {
				if r.SOPClassUID == p.Abstract {
					in.scu, in.scp = r.SCU, r.SCP
				}
			}
			out[c.ID] = in
		}
	}
	return out
}

// agreedWindow is how many operations the requestor may have under way, and how many the acceptor.
func agreedWindow(rq, ac *pdu.AsyncWindow) (invoked, performed int) {
	if rq == nil || ac == nil {
		return 1, 1
	}
	return windowOf(ac.Invoked, rq.Invoked), windowOf(ac.Performed, rq.Performed)
}

// anyWindow is what "any number" means here.
const anyWindow = 64

func windowOf(a, b uint16) int {
	out := anyWindow
	for _, n := range []uint16{a, b} {
		if n != 0 {
			out = min(out, int(n))
		}
	}
	return out
}

// Window is how many operations may be under way at once.
func (c *Client) Window() int { return cap(c.invoke) }

// contextOf is the first context of a SOP class.
func (s *session) contextOf(class string) (*presentation, error) {
	for _, in := range s.ordered() {
		if in.abstract == class && in.scu {
			return in, nil
		}
	}
	return nil, fault.New(fault.Input, "the peer does not take %s", uid.Name(class))
}

// Close releases the association. It returns when it is over; a peer that does not answer is left after the time-out.
func (c *Client) Close() error {
	if err := c.a.Release(); err != nil {
		c.cancel(errEnded)
		c.a.Close()
	}
	<-c.done
	if errors.Is(c.ended, ul.ErrReleased) {
		return nil
	}
	return c.ended
}

// Abort ends the association at once.
func (c *Client) Abort() {
	c.a.Abort(nil)
	c.cancel(errEnded)
	c.a.Close()
	<-c.done
}

// Echo asks the peer whether it is there (C-ECHO).
func (c *Client) Echo(ctx context.Context) error {
	in, err := c.contextOf(uid.Verification)
	if err != nil {
		return err
	}
	a, err := c.single(ctx, in, Command{Field: CEcho, AffectedClass: uid.Verification}, nil)
	if err != nil {
		return err
	}
	return a.failed()
}

// serve answers what the peer may ask of who called it: storage in the course of C-GET, and reports of storage commitment.
func (d *Dialer) serve(ctx context.Context, op *incoming) error {
	switch {
	case op.cmd.Field == CEcho:
		return op.reply(Command{Status: Success}, nil)
	case op.cmd.Field == CStore && d.Store != nil && op.in.scp:
		return op.store(ctx, d.Store)
	case op.cmd.Field == NEventReport && d.Reports != nil:
		return op.report(ctx, d.Reports)
	}
	return op.reply(Command{Status: UnrecognizedOp}, nil)
}

func orDuration(d, other time.Duration) time.Duration {
	if d == 0 {
		return other
	}
	return d
}
