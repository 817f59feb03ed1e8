package dimse

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/cineloop/cineloop/dicom/dimse/ul"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// Server answers associations: the SCP of all services that it has handlers for, and of C-ECHO. Set the fields before Serve.
type Server struct {
	AETitle   string // the title that peers must call; "" is any
	Peers     []Peer // who may call, where C-MOVE may send to, where reports of storage commitment go
	Strangers bool   // callers that are not among Peers are let in too
	TLS       *tls.Config

	Link            ul.Config
	Timeout         time.Duration // for a peer's answer to an operation of this side; 10 min if 0
	Stall           time.Duration // a message that takes longer must come at 1 KiB a second at least; 2 min if 0
	Window          int           // operations that a peer may have under way at once, if it asks for more than one; 16 if 0
	MaxAssociations int           // at once; 128 if 0
	MaxPerHost      int           // at once from one address; 64 if 0

	Store        Store
	PrivateClass bool // objects of SOP classes that the standard does not know are taken too
	Query        Query
	Worklist     Query
	Retrieve     Retrieve
	Commit       Commit
	Reports      Reports

	// Note is told what happens, from several goroutines. Events hold no patient data.
	Note func(Event)

	ctx         context.Context
	mu          sync.Mutex
	open        int
	byHost      map[netip.Addr]int
	commitments sync.WaitGroup
}

// Event is something that happened to a server.
type Event struct {
	Kind    string // "open", "close", "rejected", "failed", "commitment"
	Peer    string // AE title, where one is known
	Address string
	Objects int   // stored on the association, or in the commitment
	Failed  int   // of the commitment
	Err     error // why it ended, if not by release
}

func (s *Server) note(e Event) {
	if s.Note != nil {
		s.Note(e)
	}
}

func (s *Server) window() int {
	if s.Window == 0 {
		return 16
	}
	return s.Window
}

// peer finds a known peer by its AE title.
func (s *Server) peer(ae string) (Peer, bool) {
	for _, p := range s.Peers {
		if p.AETitle == ae {
			return p, true
		}
	}
	return Peer{}, false
}

// Serve answers on l until ctx ends or l fails. It closes l, aborts the associations that are open then and returns when nothing of them is
// left.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.ctx, s.byHost = ctx, map[netip.Addr]int{}
	s.mu.Unlock()
	var conns sync.WaitGroup
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var pause time.Duration
	for {
		conn, err := l.Accept()
		if err == nil {
			pause = 0
			conns.Go(func() { s.serve(ctx, conn) })
			continue
		}
		if ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
			// Out of file descriptors, most likely: those who are here go on, and make room.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			select {
			case <-time.After(pause):
				continue
			case <-ctx.Done():
			}
		}
		over := ctx.Err()
		cancel()
		l.Close()
		conns.Wait()
		s.commitments.Wait()
		if over != nil {
			return nil
		}
		return fault.New(fault.Internal, "listening: %w", err)
	}
}

// serve answers one connection.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	addr := hostOf(conn.RemoteAddr())
	room := s.enter(addr)
	defer s.leave(addr)
	e := Event{Address: conn.RemoteAddr().String()}
	if s.TLS != nil {
		t := tls.Server(conn, s.TLS)
		hctx, stop := context.WithTimeout(ctx, orDuration(s.Link.ARTIM, ul.Defaults.ARTIM))
		err := t.HandshakeContext(hctx)
		stop()
		if err != nil {
			conn.Close()
			e.Kind, e.Err = "failed", fault.New(fault.Input, "TLS: %w", err)
			s.note(e)
			return
		}
		conn = t
	}
	n := &negotiation{server: s, addr: addr, room: room}
	a, err := ul.Accept(ctx, conn, n.decide, s.Link)
	if err != nil {
		e.Kind, e.Peer, e.Err = "failed", n.peer, err
		if n.rejected {
			e.Kind = "rejected"
		}
		s.note(e)
		return
	}
	e.Kind, e.Peer = "open", n.peer
	s.note(e)
	c := &served{server: s}
	session := newSession(ctx, a, n.contexts, c.handle, n.performed, n.invoked, orDuration(s.Timeout, defaultTimeout))
	session.server = true
	session.stall = orDuration(s.Stall, defaultStall)
	err = session.run()
	if errors.Is(err, ul.ErrReleased) {
		err = nil
	}
	e.Kind, e.Err, e.Objects = "close", err, int(c.stored.Load())
	s.note(e)
}

// enter counts a connection, and reports whether there is room for it.
func (s *Server) enter(host netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	s.byHost[host]++
	return s.open <= orInt(s.MaxAssociations, 128) && s.byHost[host] <= orInt(s.MaxPerHost, 64)
}

func (s *Server) leave(host netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if s.byHost[host]--; s.byHost[host] == 0 {
		delete(s.byHost, host)
	}
}

func orInt(n, other int) int {
	if n == 0 {
		return other
	}
	return n
}

func hostOf(a net.Addr) netip.Addr {
	if ap, err := netip.ParseAddrPort(a.String()); err == nil {
		return ap.Addr().Unmap()
	}
	return netip.Addr{}
}

// handle does what a peer asks.
func (c *served) handle(ctx context.Context, op *incoming) error {
	s := c.server
	switch op.cmd.Field {
	case CEcho:
		if op.in.abstract == uid.Verification {
			return ended(op.reply(Command{Status: Success}, nil))
		}
	case CStore:
		if s.Store != nil && op.in.scp {
			return op.store(ctx, countingStore{s.Store, &c.stored})
		}
	case CFind, CMove, CGet:
		m, field, ok := modelOf(op.in.abstract)
		switch {
		case !ok || field != op.cmd.Field:
		case field != CFind && s.Retrieve != nil:
			return op.retrieve(ctx, m, s.Retrieve, s)
		case m == Worklist && s.Worklist != nil:
			return op.find(ctx, m, s.Worklist)
		case m != Worklist && s.Query != nil:
			return op.find(ctx, m, s.Query)
		}
	case NAction:
		if s.Commit != nil && op.in.abstract == uid.StorageCommitmentPushModel {
			return op.commit(ctx, s.Commit, s)
		}
	case NEventReport:
		if s.Reports != nil && op.in.abstract == uid.StorageCommitmentPushModel {
			return op.report(ctx, s.Reports)
		}
	}
	return ended(op.reply(Command{Status: UnrecognizedOp}, nil))
}
