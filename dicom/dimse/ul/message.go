package ul

import (
	"errors"
	"io"

	"github.com/cineloop/cineloop/dicom/dimse/pdu"
)

// Message writes one DIMSE message: its command set, then its data set if it has one. Messages are not mixed on the wire (PS3.8 annex E):
// a second one waits until the first is done.
type Message struct {
	a       *Association
	context byte
	room    int  // data bytes of a unit
	at      int  // where the unit being filled begins in a.out
	sent    bool // some of it is on its way
	err     error
}

// Send writes a message on a presentation context. data writes the data set, or is nil. An error of data in the middle of a data set
// aborts the association, since nothing else ends a message; before the first unit has gone out it does no harm.
func (a *Association) Send(context byte, command []byte, data func(io.Writer) error) error {
	a.msg.Lock()
	defer a.msg.Unlock()
	m := &Message{a: a, context: context, room: (a.MaxSend() - pdu.PDVHeaderSize) &^ 1}
	a.out = a.out[:0]
	if err := m.fragments(true, func(w io.Writer) error { _, err := w.Write(command); return err }); err != nil {
		return err
	}
	if data != nil {
		if err := m.fragments(false, data); err != nil {
			if m.err == nil && m.sent {
				a.Abort(errors.New("the data set to send could not be read to its end"))
			}
			return err
		}
	}
	return m.flush()
}

const unitHeaders = pdu.HeaderSize + pdu.PDVHeaderSize

// fragments writes a command set or a data set as units; the last of them stays in the buffer.
func (m *Message) fragments(command bool, fill func(io.Writer) error) error {
	w := &fragmentWriter{m: m, command: command}
	m.begin()
	if err := fill(w); err != nil {
		return err
	}
	if m.err != nil {
		return m.err
	}
	m.end(command, true)
	return nil
}

// begin starts a unit in the buffer, behind what is not sent yet.
func (m *Message) begin() {
	a := m.a
	m.at = len(a.out)
	if need := m.at + unitHeaders + m.room; cap(a.out) < need && m.at > 0 {
		// the command stays in front of the first unit of data: one packet carries both where they are small
		grown := make([]byte, m.at, need)
		copy(grown, a.out)
		a.out = grown
	}
	a.out = append(a.out, make([]byte, unitHeaders)...)
}

func (m *Message) end(command, last bool) {
	b := m.a.out[m.at:]
	n := len(b) - unitHeaders
	pdu.Header{Type: pdu.DataTF, Length: uint32(n + pdu.PDVHeaderSize)}.Append(b[:0])
	pdu.PutPDVHeader(b[pdu.HeaderSize:], m.context, command, last, n)
}

func (m *Message) flush() error {
	if m.err != nil {
		return m.err
	}
	if _, m.err = m.a.on(DataRequest); m.err == nil {
		m.sent = true
		m.err = m.a.send(m.a.out)
	}
	m.a.out = m.a.out[:0]
	return m.err
}

type fragmentWriter struct {
	m       *Message
	command bool
}

// next sends the full unit and begins another.
func (w *fragmentWriter) next() error {
	w.m.end(w.command, false)
	if err := w.m.flush(); err != nil {
		return err
	}
	w.m.begin()
	return nil
}

func (w *fragmentWriter) free() int { return w.m.room - (len(w.m.a.out) - w.m.at - unitHeaders) }

func (w *fragmentWriter) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		if w.free() == 0 {
			if err := w.next(); err != nil {
				return written, err
			}
		}
		n := min(len(p), w.free())
		w.m.a.out = append(w.m.a.out, p[:n]...)
		p, written = p[n:], written+n
	}
	return written, nil
}

// ReadFrom reads straight into units.
func (w *fragmentWriter) ReadFrom(r io.Reader) (int64, error) {
	var total int64
	for {
		if w.free() == 0 {
			if err := w.next(); err != nil {
				return total, err
			}
		}
		out := w.m.a.out
		if cap(out)-len(out) < w.free() {
			grown := make([]byte, len(out), len(out)+w.free())
			copy(grown, out)
			out = grown
		}
		n, err := r.Read(out[len(out) : len(out)+w.free()])
		w.m.a.out = out[:len(out)+n]
		total += int64(n)
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}
