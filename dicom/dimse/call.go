package dimse

import (
	"context"
	"io"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/dimse/ul"
	"github.com/cineloop/cineloop/internal/fault"
)

// call is an operation that the local side asked for.
type call struct {
	s       *session
	cmd     Command
	in      *presentation
	answers chan answer
	over    chan struct{} // nobody waits for answers any more
}

type answer struct {
	*Command
	data   *memory
	syntax dicom.TransferSyntax
}

// dataSet is the answer's data set; nil if it has none.
func (a answer) dataSet() (*dicom.DataSet, error) {
	if !a.HasDataSet {
		return nil, nil
	}
	return a.data.parse(a.syntax)
}

// answersAhead is how many answers may wait for the caller before the peer has to.
const answersAhead = 4

func (c *call) deliver(a answer) error {
	select {
	case c.answers <- a:
	case <-c.over:
	case <-c.s.ctx.Done():
	}
	return nil
}

// start sends a request. The caller must end the call.
func (s *session) start(ctx context.Context, in *presentation, cmd Command, data func(io.Writer) error) (*call, error) {
	select {
	case s.invoke <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.ctx.Done():
		return nil, s.why()
	}
	c := &call{s: s, in: in, answers: make(chan answer, answersAhead), over: make(chan struct{})}
	s.mu.Lock()
	for {
		s.nextID++
		if _, used := s.calls[s.nextID]; !used && s.nextID != 0 {
			break
		}
	}
	cmd.MessageID, cmd.HasDataSet = s.nextID, data != nil
	c.cmd = cmd
	s.calls[cmd.MessageID] = c
	s.mu.Unlock()
	s.a.Busy(1)
	if err := s.a.Send(in.id, cmd.Encode(), data); err != nil {
		c.end()
		return nil, err
	}
	return c, nil
}

// end forgets the call.
func (c *call) end() {
	s := c.s
	s.mu.Lock()
	delete(s.calls, c.cmd.MessageID)
	s.mu.Unlock()
	close(c.over)
	s.a.Busy(-1)
	<-s.invoke
}

// next waits for the next answer.
func (c *call) next(ctx context.Context) (answer, error) {
	timer := time.NewTimer(c.s.timeout)
	defer timer.Stop()
	select {
	case a := <-c.answers:
		return a, nil
	default:
	}
	select {
	case a := <-c.answers:
		return a, nil
	case <-ctx.Done():
		return answer{}, ctx.Err()
	case <-c.s.ctx.Done():
		select { // the last answer may have come together with the end
		case a := <-c.answers:
			return a, nil
		default:
		}
		return answer{}, c.s.why()
	case <-timer.C:
		err := fault.New(fault.Resource, "%v: no answer within %v", c.cmd.Field, c.s.timeout)
		c.s.a.Abort(err)
		return answer{}, err
	}
}

// abandon asks the peer to stop, and waits until it has: message IDs of operations that still answer can't be used again.
func (c *call) abandon() {
	cancel := Command{Field: CCancel, RespondsTo: c.cmd.MessageID}
	if c.s.a.Send(c.in.id, cancel.Encode(), nil) != nil {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), min(c.s.timeout, ul.Defaults.ARTIM))
	defer stop()
	for {
		a, err := c.next(ctx)
		if err != nil {
			c.s.a.Abort(fault.New(fault.Resource, "%v goes on after C-CANCEL", c.cmd.Field))
			return
		}
		if a.Status.Class() != Pending {
			return
		}
	}
}

// why is the reason that the association is over, or is about to be.
func (s *session) why() error {
	select {
	case <-s.over:
		return s.ended
	default:
		return context.Cause(s.ctx)
	}
}

// single asks for an operation with one answer.
func (s *session) single(ctx context.Context, in *presentation, cmd Command, data func(io.Writer) error) (answer, error) {
	c, err := s.start(ctx, in, cmd, data)
	if err != nil {
		return answer{}, err
	}
	defer c.end()
	a, err := c.next(ctx)
	if err != nil && ctx.Err() != nil {
		s.a.Abort(ctx.Err()) // the answer would come to nobody
	}
	return a, err
}

// failed is the answer as an error, or nil for success and warnings.
func (a answer) failed() error {
	if a.Status.Stored() {
		return nil
	}
	return &StatusError{Status: a.Status, Comment: a.ErrorComment, Field: a.Field}
}
