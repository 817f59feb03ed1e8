package dimse

import (
	"bytes"
	"io"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/dimse/pdu"
	"github.com/cineloop/cineloop/internal/fault"
)

// assembler makes messages of fragments: first those of a command set, then, if it says so, those of a data set on the same context
// (PS3.7 section 6.3, PS3.8 annex E). It hands data sets on as they come.
type assembler struct {
	*session
	command []byte
	cmd     *Command      // complete; its data set is coming
	in      *presentation // of cmd, or of the command being collected
	sink    sink

	begun time.Time     // when the message's first fragment came
	bytes int64         // of the message so far
	ours  time.Duration // of the time since then that this side took
}

// slowest is how many bytes a second of a message must come at least, once it has taken longer than the session's stall.
const slowest = 1 << 10

var errSlow = fault.New(fault.Resource, "a message came at less than %d bytes a second", slowest)

// pace refuses a message that comes so slowly that it would hold its operation, and what that has open, for as long as the peer likes.
func (m *assembler) pace(v pdu.PDV) error {
	if m.in == nil {
		m.begun, m.bytes, m.ours = time.Now(), 0, 0
	}
	m.bytes += int64(len(v.Data))
	spent := time.Since(m.begun) - m.ours
	if spent > m.stall && float64(m.bytes) < spent.Seconds()*slowest {
		return errSlow
	}
	return nil
}

// sink takes a data set. Its write may wait, which makes the peer wait.
type sink interface {
	write(p []byte) error
	done() error // the data set is complete
	drop()       // it will not be
}

func (m *assembler) take(v pdu.PDV) error {
	if err := m.pace(v); err != nil {
		return err
	}
	in := m.contexts[v.Context]
	switch {
	case in == nil:
		return fault.New(fault.Input, "a fragment on presentation context %d, which was not accepted", v.Context)
	case m.in != nil && m.in != in:
		return fault.New(fault.Input, "fragments of two messages are mixed")
	case v.Command != (m.cmd == nil):
		return fault.New(fault.Input, "a fragment of a command set or data set where the other is expected")
	}
	m.in = in
	if m.cmd == nil {
		return m.takeCommand(v)
	}
	start := time.Now()
	if err := m.sink.write(v.Data); err != nil {
		return err
	}
	m.ours += time.Since(start)
	if !v.Last {
		return nil
	}
	s := m.sink
	m.cmd, m.in, m.sink = nil, nil, nil
	return s.done()
}

func (m *assembler) takeCommand(v pdu.PDV) error {
	b := v.Data
	if len(m.command)+len(b) > maxCommand {
		return fault.New(fault.Input, "a command set of more than %d bytes", maxCommand)
	}
	if !v.Last || len(m.command) > 0 {
		m.command = append(m.command, b...)
		b = m.command
	}
	if !v.Last {
		return nil
	}
	cmd, err := DecodeCommand(b)
	m.command = m.command[:0]
	if err != nil {
		return err
	}
	start := time.Now()
	s, err := m.dispatch(cmd)
	m.ours += time.Since(start)
	if err != nil {
		return err
	}
	if !cmd.HasDataSet {
		m.in = nil
		return s.done()
	}
	m.cmd, m.sink = cmd, s
	return nil
}

// dispatch finds who takes the message's data set.
func (m *assembler) dispatch(cmd *Command) (sink, error) {
	in := m.in
	switch {
	case cmd.Field.IsResponse():
		m.mu.Lock()
		c := m.calls[cmd.RespondsTo]
		m.mu.Unlock()
		if c == nil || c.cmd.Field|response != cmd.Field {
			return nil, fault.New(fault.Input, "a %v that nothing asked for", cmd.Field)
		}
		return &memory{limit: maxIdentifier, then: func(r *memory) error { return c.deliver(answer{cmd, r, in.syntax}) }}, nil
	case cmd.Field == CCancel:
		return &memory{then: func(*memory) error { m.interrupt(cmd.RespondsTo); return nil }}, nil
	case cmd.Field == CStore && cmd.HasDataSet:
		r, w := io.Pipe()
		if err := m.begin(in, cmd, r); err != nil {
			return nil, err
		}
		return &pipeSink{w: w}, nil
	}
	return &memory{limit: maxIdentifier, then: func(r *memory) error {
		if !cmd.HasDataSet {
			return m.begin(in, cmd, nil)
		}
		return m.begin(in, cmd, r)
	}}, nil
}

// drop ends a data set that will not be complete.
func (m *assembler) drop() {
	if m.sink != nil {
		m.sink.drop()
	}
	m.cmd, m.in, m.sink, m.command = nil, nil, nil, nil
}

// pipeSink passes a data set to a handler. One that has closed its end gets no more.
type pipeSink struct {
	w    *io.PipeWriter
	gone bool
}

func (s *pipeSink) write(p []byte) error {
	if !s.gone {
		if _, err := s.w.Write(p); err != nil {
			s.gone = true
		}
	}
	return nil
}

func (s *pipeSink) done() error { return s.w.Close() }

func (s *pipeSink) drop() { s.w.CloseWithError(errEnded) }

// memory is a data set that is kept: small, or an error.
type memory struct {
	bytes.Buffer
	limit int
	then  func(*memory) error
}

func (s *memory) write(p []byte) error {
	if s.Len()+len(p) > s.limit {
		return fault.New(fault.Resource, "an identifier of more than %d bytes", s.limit)
	}
	s.Write(p)
	return nil
}

func (s *memory) done() error { return s.then(s) }

func (s *memory) drop() {}

// parse reads the data set.
func (s *memory) parse(ts dicom.TransferSyntax) (*dicom.DataSet, error) {
	b := s.Bytes()
	f, err := dicom.ReadDataSet(bytes.NewReader(b), int64(len(b)), ts, dicom.MaxElements(100_000), dicom.MaxInflated(maxIdentifier), dicom.Strict())
	if err != nil {
		return nil, fault.New(fault.Input, "the data set of a message: %w", err)
	}
	return f.DataSet, nil
}
