package pdu

import (
	"bytes"
	"encoding/binary"

	"github.com/cineloop/cineloop/internal/fault"
)

// UserInformation is what the two sides tell each other beside presentation contexts (PS3.8 annex D.1, PS3.7 annex D.3.3).
type UserInformation struct {
	MaxLength              uint32 // the longest P-DATA-TF body that the sender of this takes; 0 is any
	ImplementationClassUID string
	ImplementationVersion  string
	Async                  *AsyncWindow // nil: one operation at a time
	Roles                  []Role
	Extended               []Extended
	CommonExtended         []CommonExtended
	Identity               *Identity // of a request
	IdentityResponse       []byte    // of an acceptance; nil is none
}

// AsyncWindow says how many operations may be outstanding (PS3.7 annex D.3.3.3); 0 is any number.
type AsyncWindow struct{ Invoked, Performed uint16 }

// Role selects SCU and SCP roles of the requestor for a SOP class (PS3.7 annex D.3.3.4).
type Role struct {
	SOPClassUID string
	SCU, SCP    bool
}

// Extended is SOP class extended negotiation (PS3.7 annex D.3.3.5); Info is the service class' own.
type Extended struct {
	SOPClassUID string
	Info        []byte
}

// CommonExtended is SOP class common extended negotiation (PS3.7 annex D.3.3.6).
type CommonExtended struct {
	SOPClassUID, ServiceClassUID string
	Related                      []string // general SOP classes
}

// IdentityType says what an Identity holds (PS3.7 annex D.3.3.7).
type IdentityType byte

// The kinds of identity.
const (
	Username         IdentityType = 1
	UsernamePasscode IdentityType = 2
	Kerberos         IdentityType = 3
	SAML             IdentityType = 4
	JWT              IdentityType = 5
)

// Identity is the requestor's user. Its fields are secrets: it prints without them.
type Identity struct {
	Type               IdentityType
	ResponseRequested  bool
	Primary, Secondary []byte
}

// String hides what the identity holds.
func (id *Identity) String() string { return "identity" }

// GoString hides what the identity holds.
func (id *Identity) GoString() string { return "identity" }

// Sub-item types of the user information.
const (
	subMaxLength        = 0x51
	subClassUID         = 0x52
	subAsync            = 0x53
	subRole             = 0x54
	subVersionName      = 0x55
	subExtended         = 0x56
	subCommonExtended   = 0x57
	subIdentity         = 0x58
	subIdentityResponse = 0x59
)

func (u *UserInformation) append(w *writer, accept bool) {
	w.item(subMaxLength, 0, func() { w.b = binary.BigEndian.AppendUint32(w.b, u.MaxLength) })
	w.item(subClassUID, 0, func() { w.string(u.ImplementationClassUID) })
	if u.Async != nil {
		w.item(subAsync, 0, func() {
			w.b = binary.BigEndian.AppendUint16(w.b, u.Async.Invoked)
			w.b = binary.BigEndian.AppendUint16(w.b, u.Async.Performed)
		})
	}
	for _, r := range u.Roles {
		w.item(subRole, 0, func() {
			w.counted(r.SOPClassUID)
			w.b = append(w.b, flag(r.SCU), flag(r.SCP))
		})
	}
	if u.ImplementationVersion != "" {
		w.item(subVersionName, 0, func() { w.string(u.ImplementationVersion) })
	}
	for _, e := range u.Extended {
		w.item(subExtended, 0, func() {
			w.counted(e.SOPClassUID)
			w.b = append(w.b, e.Info...)
		})
	}
	for _, c := range u.CommonExtended {
		w.item(subCommonExtended, 0, func() {
			w.counted(c.SOPClassUID)
			w.counted(c.ServiceClassUID)
			w.b = append(w.b, 0, 0)
			w.sized(func() {
				for _, r := range c.Related {
					w.counted(r)
				}
			})
		})
	}
	if u.Identity != nil && !accept {
		w.item(subIdentity, 0, func() {
			w.b = append(w.b, byte(u.Identity.Type), flag(u.Identity.ResponseRequested))
			w.counted(string(u.Identity.Primary))
			w.counted(string(u.Identity.Secondary))
		})
	}
	if u.IdentityResponse != nil && accept {
		w.item(subIdentityResponse, 0, func() { w.counted(string(u.IdentityResponse)) })
	}
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func (u *UserInformation) decode(b []byte, accept bool) error {
	return eachItem(b, func(it item) error {
		r := &reader{b: it.body}
		switch it.kind {
		case subMaxLength:
			if v := r.take(4); v != nil {
				u.MaxLength = binary.BigEndian.Uint32(v)
			}
		case subClassUID:
			u.ImplementationClassUID = trimUID(it.body)
		case subAsync:
			u.Async = &AsyncWindow{Invoked: uint16(r.uint16()), Performed: uint16(r.uint16())}
		case subRole:
			u.Roles = append(u.Roles, Role{SOPClassUID: trimUID(r.counted()), SCU: r.byte() != 0, SCP: r.byte() != 0})
		case subVersionName:
			u.ImplementationVersion = trimUID(it.body)
		case subExtended:
			u.Extended = append(u.Extended, Extended{SOPClassUID: trimUID(r.counted()), Info: bytes.Clone(r.b)})
		case subCommonExtended:
			c := CommonExtended{SOPClassUID: trimUID(r.counted()), ServiceClassUID: trimUID(r.counted())}
			list := &reader{b: r.counted()}
			for len(list.b) > 0 {
				c.Related = append(c.Related, trimUID(list.counted()))
			}
			r.bad = r.bad || list.bad
			u.CommonExtended = append(u.CommonExtended, c)
		case subIdentity:
			if accept {
				return nil
			}
			u.Identity = &Identity{Type: IdentityType(r.byte()), ResponseRequested: r.byte() != 0}
			u.Identity.Primary = bytes.Clone(r.counted())
			u.Identity.Secondary = bytes.Clone(r.counted())
		case subIdentityResponse:
			if accept {
				u.IdentityResponse = append([]byte{}, r.counted()...)
			}
		}
		if r.bad {
			return fault.New(fault.Input, "user information item %02XH is shorter than its fields", it.kind)
		}
		return nil
	})
}
