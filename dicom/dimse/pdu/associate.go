package pdu

import (
	"encoding/binary"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// ApplicationContext is the only one there is (PS3.7 annex A.2.1).
const ApplicationContext = "1.2.840.10008.3.1.1.1"

// Associate is A-ASSOCIATE-RQ or, with Accept, A-ASSOCIATE-AC (PS3.8 sections 9.3.2 and 9.3.3).
type Associate struct {
	Accept          bool
	ProtocolVersion uint16 // bit 0 is version 1
	CalledAE        string // 16 characters at most, without padding
	CallingAE       string
	Application     string // application context name
	Contexts        []Context
	User            UserInformation
}

// Context is a presentation context: proposed with a list of transfer syntaxes, or answered with a result and at most one.
type Context struct {
	ID       byte // odd
	Result   ContextResult
	Abstract string // of a proposal
	Transfer []string
}

// ContextResult answers a proposed presentation context (PS3.8 table 9-18).
type ContextResult byte

// The results.
const (
	Acceptance                 ContextResult = 0
	UserRejection              ContextResult = 1
	NoReason                   ContextResult = 2
	AbstractSyntaxNotSupported ContextResult = 3
	TransferSyntaxNotSupported ContextResult = 4
)

// Item types of PS3.8 tables 9-12 to 9-18.
const (
	itemApplication = 0x10
	itemContextRQ   = 0x20
	itemContextAC   = 0x21
	itemAbstract    = 0x30
	itemTransfer    = 0x40
	itemUser        = 0x50
)

const associateFixed = 68 // before the variable items

// Append writes the whole unit. It fails where a field does not fit its form.
func (a *Associate) Append(b []byte) ([]byte, error) {
	t, item := AssociateRQ, byte(itemContextRQ)
	if a.Accept {
		t, item = AssociateAC, itemContextAC
	}
	start := len(b)
	b = Header{Type: t}.Append(b)
	b = binary.BigEndian.AppendUint16(b, a.ProtocolVersion)
	b = append(b, 0, 0)
	var err error
	for _, ae := range []string{a.CalledAE, a.CallingAE} {
		if b, err = appendAE(b, ae); err != nil {
			return nil, err
		}
	}
	b = append(b, make([]byte, 32)...)
	w := writer{b: b}
	w.item(itemApplication, 0, func() { w.string(a.Application) })
	for i := range a.Contexts {
		c := &a.Contexts[i]
		w.item(item, 0, func() {
			w.b = append(w.b, c.ID, 0, byte(c.Result), 0)
			if !a.Accept {
				w.item(itemAbstract, 0, func() { w.string(c.Abstract) })
			}
			for _, ts := range c.Transfer {
				w.item(itemTransfer, 0, func() { w.string(ts) })
			}
		})
	}
	w.item(itemUser, 0, func() { a.User.append(&w, a.Accept) })
	if w.err != nil {
		return nil, w.err
	}
	binary.BigEndian.PutUint32(w.b[start+2:], uint32(len(w.b)-start-HeaderSize))
	return w.b, nil
}

func appendAE(b []byte, ae string) ([]byte, error) {
	if err := CheckAE(ae); err != nil {
		return nil, err
	}
	b = append(b, ae...)
	return append(b, "                "[len(ae):]...), nil
}

// CheckAE holds an application entity title against VR AE (PS3.5 table 6.2-1): 1 to 16 printable ASCII characters, no backslash, not only
// spaces.
func CheckAE(ae string) error {
	if ae == "" || len(ae) > 16 || strings.TrimSpace(ae) == "" {
		return fault.New(fault.Usage, "an AE title has 1 to 16 characters that are not all spaces")
	}
	for _, c := range []byte(ae) {
		if c < 0x20 || c >= 0x7F || c == '\\' {
			return fault.New(fault.Usage, "an AE title has printable ASCII characters only, and no backslash")
		}
	}
	return nil
}

// DecodeAssociate reads the body of A-ASSOCIATE-RQ or, with accept, of A-ASSOCIATE-AC.
func DecodeAssociate(b []byte, accept bool) (*Associate, error) {
	if len(b) < associateFixed {
		return nil, fault.New(fault.Input, "A-ASSOCIATE has %d bytes, fewer than %d", len(b), associateFixed)
	}
	a := &Associate{Accept: accept, ProtocolVersion: binary.BigEndian.Uint16(b), CalledAE: trimAE(b[4:20]), CallingAE: trimAE(b[20:36])}
	wanted := byte(itemContextRQ)
	if accept {
		wanted = itemContextAC
	}
	users := 0
	err := eachItem(b[associateFixed:], func(it item) error {
		switch it.kind {
		case itemApplication:
			a.Application = trimUID(it.body)
		case wanted:
			if len(a.Contexts) >= 128 {
				return fault.New(fault.Input, "more than 128 presentation contexts")
			}
			c, err := decodeContext(it.body, accept)
			if err != nil {
				return err
			}
			a.Contexts = append(a.Contexts, c)
		case itemUser:
			if users++; users > 1 {
				return fault.New(fault.Input, "two user information items")
			}
			return a.User.decode(it.body, accept)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

func decodeContext(b []byte, accept bool) (Context, error) {
	if len(b) < 4 {
		return Context{}, fault.New(fault.Input, "a presentation context item of %d bytes", len(b))
	}
	c := Context{ID: b[0]}
	if accept {
		c.Result = ContextResult(b[2])
	}
	err := eachItem(b[4:], func(it item) error {
		switch it.kind {
		case itemAbstract:
			if !accept {
				c.Abstract = trimUID(it.body)
			}
		case itemTransfer:
			c.Transfer = append(c.Transfer, trimUID(it.body))
		}
		return nil
	})
	if c.ID&1 == 0 && err == nil {
		err = fault.New(fault.Input, "presentation context %d: identifiers are odd", c.ID)
	}
	return c, err
}

func trimAE(b []byte) string  { return strings.Trim(string(b), " \x00") }
func trimUID(b []byte) string { return strings.TrimRight(string(b), " \x00") }
