package dimse

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/dimse/pdu"
	"github.com/cineloop/cineloop/dicom/dimse/ul"
	"github.com/cineloop/cineloop/internal/fault"
)

const (
	maxCommand    = 64 << 10 // bytes of a command set
	maxIdentifier = 4 << 20  // bytes of a data set that is kept in memory: identifiers, event and action information
	maxHeld       = 8 << 20  // bytes of all of them that an association's operations hold
)

// presentation is a presentation context that was accepted.
type presentation struct {
	id       byte
	abstract string
	syntax   dicom.TransferSyntax
	scu, scp bool // the roles of the local side
}

// session is the life of an association, alike on both sides: one goroutine reads and hands on what comes; operations of the peer run in
// goroutines of their own, as many as the asynchronous window allows; operations of the local side wait for their answers.
type session struct {
	a        *ul.Association
	server   bool // the other side asked for the association
	contexts map[byte]*presentation
	handle   func(context.Context, *incoming) error // nil: the peer may not ask for anything
	window   chan struct{}                          // a place for each operation that the peer may have under way
	invoke   chan struct{}                          // and for each that the local side may have
	timeout  time.Duration                          // for the next answer to an operation
	stall    time.Duration                          // that a message of any size may take

	ctx    context.Context // ends with the association
	cancel context.CancelCauseFunc

	mu     sync.Mutex
	nextID uint16
	calls  map[uint16]*call
	ops    map[uint16]*incoming

	held int // bytes of the identifiers of ops

	running sync.WaitGroup // handlers
	over    chan struct{}  // closed when the reader has ended
	ended   error          // why, after over
	done    chan struct{}  // closed when all handlers have ended too
}

// incoming is an operation that the peer asked for.
type incoming struct {
	*session
	in     *presentation
	cmd    *Command
	data   io.Reader // the data set: streamed for C-STORE, in memory for all else; nil without one
	cancel context.CancelCauseFunc
}

func newSession(ctx context.Context, a *ul.Association, contexts map[byte]*presentation, handle func(context.Context, *incoming) error, performed, invoked int, timeout time.Duration) *session {
	s := &session{
		a: a, contexts: contexts, handle: handle, timeout: timeout, stall: defaultStall,
		window: make(chan struct{}, performed), invoke: make(chan struct{}, invoked),
		calls: map[uint16]*call{}, ops: map[uint16]*incoming{}, over: make(chan struct{}), done: make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	return s
}

// defaultStall is short beside what an object may take, and long beside what a network may stand still.
const defaultStall = 2 * time.Minute

// errEnded is the cause that handlers see when their association is over.
var errEnded = errors.New("the association is over")

// run reads until the association ends, and returns why. When it returns, no handler is left.
func (s *session) run() error {
	stop := context.AfterFunc(s.ctx, s.end)
	s.ended = s.read()
	close(s.over)
	stop()
	s.a.Close()
	s.cancel(errEnded)
	s.running.Wait()
	close(s.done)
	return s.ended
}

// end is what the end of s.ctx does: the peer is told, and gets a moment to close the connection.
func (s *session) end() {
	s.a.Abort(context.Cause(s.ctx))
	select {
	case <-s.over:
	case <-time.After(time.Second):
		s.a.Close()
	}
}

func (s *session) read() error {
	m := &assembler{session: s}
	defer m.drop()
	for {
		body, err := s.a.Next()
		if errors.Is(err, ul.ErrReleaseRequested) {
			s.finishOps()
			if err := s.a.RespondRelease(); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		for len(body) > 0 {
			var v pdu.PDV
			if v, body, err = pdu.NextPDV(body); err == nil {
				err = m.take(v)
			}
			if err != nil {
				// The peer is told; Next then ends with the reason.
				if errors.Is(err, errSlow) {
					s.a.Abort(err)
				} else {
					_ = s.a.Violation(pdu.InvalidParamValue, err)
				}
				m.drop()
				break
			}
		}
	}
}

// finishOps lets the operations that are under way end before a release is answered; those that take too long are cancelled.
func (s *session) finishOps() {
	idle := make(chan struct{})
	go func() {
		s.running.Wait()
		close(idle)
	}()
	timer := time.NewTimer(s.timeout)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
		s.cancel(fault.New(fault.Resource, "operations went on for %v after the peer asked to release the association", s.timeout))
		<-idle
	}
}

// begin starts an operation of the peer; done ends its data set.
func (s *session) begin(in *presentation, cmd *Command, data io.Reader) error {
	if s.handle == nil {
		return fault.New(fault.Input, "%v is not expected here", cmd.Field)
	}
	select {
	case s.window <- struct{}{}: // the peer goes on when one of its operations has ended
	case <-s.ctx.Done():
		return errEnded
	}
	size := 0
	if m, ok := data.(*memory); ok {
		size = m.Len()
	}
	ctx, cancel := context.WithCancelCause(s.ctx)
	op := &incoming{session: s, in: in, cmd: cmd, data: data, cancel: cancel}
	s.mu.Lock()
	_, twice := s.ops[cmd.MessageID]
	if twice || s.held+size > maxHeld {
		s.mu.Unlock()
		cancel(errEnded)
		<-s.window
		if twice {
			return fault.New(fault.Input, "two operations with one message ID")
		}
		return fault.New(fault.Resource, "identifiers of more than %d bytes at once", maxHeld)
	}
	s.ops[cmd.MessageID] = op
	s.held += size
	s.mu.Unlock()
	s.a.Busy(1)
	s.running.Go(func() {
		err := s.handle(ctx, op)
		if c, ok := data.(io.Closer); ok {
			c.Close() // what the handler left of the data set is passed over
		}
		s.mu.Lock()
		delete(s.ops, cmd.MessageID)
		s.held -= size
		s.mu.Unlock()
		cancel(nil)
		s.a.Busy(-1)
		<-s.window
		if err != nil {
			s.a.Abort(err)
		}
	})
	return nil
}

// interrupt is C-CANCEL.
func (s *session) interrupt(id uint16) {
	s.mu.Lock()
	op := s.ops[id]
	s.mu.Unlock()
	if op != nil {
		op.cancel(&StatusError{Status: Cancel, Field: op.cmd.Field})
	}
}

// reply answers the operation.
func (op *incoming) reply(rsp Command, data func(io.Writer) error) error {
	rsp.Field = op.cmd.Field | response
	rsp.RespondsTo = op.cmd.MessageID
	if rsp.AffectedClass == "" {
		rsp.AffectedClass = op.cmd.AffectedClass
	}
	rsp.HasDataSet = data != nil
	return op.a.Send(op.in.id, rsp.Encode(), data)
}

// identifier is the operation's data set, which is in memory.
func (op *incoming) identifier() (*dicom.DataSet, error) {
	r, ok := op.data.(*memory)
	if !ok {
		return nil, &StatusError{Status: InvalidArgument, Field: op.cmd.Field, Comment: "no data set"}
	}
	return r.parse(op.in.syntax)
}
