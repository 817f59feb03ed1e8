package dimse

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// Field is a command (PS3.7 annex E.1). A response is its request with the top bit set.
type Field uint16

// The commands.
const (
	CStore       Field = 0x0001
	CGet         Field = 0x0010
	CFind        Field = 0x0020
	CMove        Field = 0x0021
	CEcho        Field = 0x0030
	NEventReport Field = 0x0100
	NGet         Field = 0x0110
	NSet         Field = 0x0120
	NAction      Field = 0x0130
	NCreate      Field = 0x0140
	NDelete      Field = 0x0150
	CCancel      Field = 0x0FFF

	response Field = 0x8000
)

// IsResponse reports whether the command is a response.
func (f Field) IsResponse() bool { return f&response != 0 }

func (f Field) String() string {
	names := map[Field]string{CStore: "C-STORE", CGet: "C-GET", CFind: "C-FIND", CMove: "C-MOVE", CEcho: "C-ECHO", NEventReport: "N-EVENT-REPORT",
		NGet: "N-GET", NSet: "N-SET", NAction: "N-ACTION", NCreate: "N-CREATE", NDelete: "N-DELETE", CCancel: "C-CANCEL"}
	name, ok := names[f&^response]
	switch {
	case !ok:
		return fmt.Sprintf("command %04XH", uint16(f))
	case f == CCancel:
		return name + "-RQ"
	case f.IsResponse():
		return name + "-RSP"
	}
	return name + "-RQ"
}

// noDataSet is the Command Data Set Type of a message without a data set; every other value means that there is one.
const noDataSet = 0x0101

// Priority of an operation (PS3.7 annex E.1).
const (
	PriorityMedium uint16 = 0
	PriorityHigh   uint16 = 1
	PriorityLow    uint16 = 2
)

// Command is a command set: the elements of group 0000 that the services use (PS3.7 sections 9.3 and 10.3). Zero fields are not written, but
// for those that the command needs.
type Command struct {
	Field          Field
	MessageID      uint16 // of a request
	RespondsTo     uint16 // of a response and of C-CANCEL
	HasDataSet     bool
	Status         Status // of a response
	Priority       uint16
	AffectedClass  string // SOP class UID
	RequestedClass string
	Affected       string // SOP instance UID
	Requested      string
	Destination    string // of C-MOVE
	MoveOriginator string // AE title, of a C-STORE that a C-MOVE caused
	MoveMessageID  uint16
	EventType      uint16 // N-EVENT-REPORT
	ActionType     uint16 // N-ACTION
	Progress       *Progress
	Offending      []tag.Tag
	ErrorComment   string // 64 characters at most; never patient data
	ErrorID        uint16
}

// Progress counts the sub-operations of a retrieval.
type Progress struct{ Remaining, Completed, Failed, Warning int }

// The elements of group 0000 that are read and written, by element number.
const (
	elemGroupLength    = 0x0000
	elemAffectedClass  = 0x0002
	elemRequestedClass = 0x0003
	elemField          = 0x0100
	elemMessageID      = 0x0110
	elemRespondsTo     = 0x0120
	elemDestination    = 0x0600
	elemPriority       = 0x0700
	elemDataSetType    = 0x0800
	elemStatus         = 0x0900
	elemOffending      = 0x0901
	elemErrorComment   = 0x0902
	elemErrorID        = 0x0903
	elemAffected       = 0x1000
	elemRequested      = 0x1001
	elemEventType      = 0x1002
	elemActionType     = 0x1008
	elemRemaining      = 0x1020
	elemCompleted      = 0x1021
	elemFailed         = 0x1022
	elemWarning        = 0x1023
	elemOriginator     = 0x1030
	elemOriginatorID   = 0x1031
)

// Encode is the command set in implicit VR little endian (PS3.7 section 6.3.1), elements in the order of their tags.
func (c *Command) Encode() []byte {
	e := &commandEncoder{b: make([]byte, 12, 160)}
	e.uid(elemAffectedClass, c.AffectedClass)
	e.uid(elemRequestedClass, c.RequestedClass)
	e.u16(elemField, uint16(c.Field))
	if c.Field.IsResponse() || c.Field == CCancel {
		e.u16(elemRespondsTo, c.RespondsTo)
	} else {
		e.u16(elemMessageID, c.MessageID)
	}
	e.text(elemDestination, c.Destination)
	switch c.Field {
	case CStore, CFind, CGet, CMove:
		e.u16(elemPriority, c.Priority)
	}
	set := uint16(noDataSet)
	if c.HasDataSet {
		set = 0x0001
	}
	e.u16(elemDataSetType, set)
	if c.Field.IsResponse() {
		e.u16(elemStatus, uint16(c.Status))
	}
	if len(c.Offending) > 0 {
		b := make([]byte, 0, 4*len(c.Offending))
		for _, t := range c.Offending {
			b = binary.LittleEndian.AppendUint16(b, t.Group())
			b = binary.LittleEndian.AppendUint16(b, t.Element())
		}
		e.element(elemOffending, b)
	}
	e.text(elemErrorComment, c.ErrorComment[:min(64, len(c.ErrorComment))])
	e.u16If(elemErrorID, c.ErrorID)
	e.uid(elemAffected, c.Affected)
	e.uid(elemRequested, c.Requested)
	e.u16If(elemEventType, c.EventType)
	e.u16If(elemActionType, c.ActionType)
	if p := c.Progress; p != nil {
		if c.Status.Class() == Pending || c.Status.Class() == Cancelled {
			e.u16(elemRemaining, clamp(p.Remaining))
		}
		e.u16(elemCompleted, clamp(p.Completed))
		e.u16(elemFailed, clamp(p.Failed))
		e.u16(elemWarning, clamp(p.Warning))
	}
	if c.MoveOriginator != "" {
		e.text(elemOriginator, c.MoveOriginator)
		e.u16(elemOriginatorID, c.MoveMessageID)
	}
	binary.LittleEndian.PutUint32(e.b[4:], 4) // (0000,0000), UL
	binary.LittleEndian.PutUint32(e.b[8:], uint32(len(e.b)-12))
	return e.b
}

func clamp(n int) uint16 { return uint16(min(max(n, 0), 0xFFFF)) }

type commandEncoder struct{ b []byte }

func (e *commandEncoder) element(elem uint16, v []byte) {
	e.b = append(e.b, 0, 0)
	e.b = binary.LittleEndian.AppendUint16(e.b, elem)
	e.b = binary.LittleEndian.AppendUint32(e.b, uint32(len(v)))
	e.b = append(e.b, v...)
}

func (e *commandEncoder) u16(elem, v uint16) {
	e.element(elem, binary.LittleEndian.AppendUint16(nil, v))
}

func (e *commandEncoder) u16If(elem, v uint16) {
	if v != 0 {
		e.u16(elem, v)
	}
}

func (e *commandEncoder) uid(elem uint16, v string)  { e.padded(elem, v, "\x00") }
func (e *commandEncoder) text(elem uint16, v string) { e.padded(elem, v, " ") }

func (e *commandEncoder) padded(elem uint16, v, pad string) {
	if v == "" {
		return
	}
	if len(v)%2 == 1 {
		v += pad
	}
	e.element(elem, []byte(v))
}

// DecodeCommand reads a command set. Elements that the services don't use are passed over; what is needed to answer must be there.
func DecodeCommand(b []byte) (*Command, error) {
	c := &Command{}
	var p Progress
	var seen struct{ field, message, responds, set, status bool }
	for len(b) > 0 {
		if len(b) < 8 {
			return nil, fault.New(fault.Input, "command set: %d bytes after the last element", len(b))
		}
		group, elem, n := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint32(b[4:])
		if group != 0 {
			return nil, fault.New(fault.Input, "command set: an element of group %04X", group)
		}
		if uint64(n) > uint64(len(b)-8) {
			return nil, fault.New(fault.Input, "command set: (0000,%04X) should have %d bytes, and %d are left", elem, n, len(b)-8)
		}
		v := b[8 : 8+n]
		b = b[8+n:]
		var short bool
		u16 := func() uint16 {
			if len(v) < 2 {
				short = true
				return 0
			}
			return binary.LittleEndian.Uint16(v)
		}
		switch elem {
		case elemAffectedClass:
			c.AffectedClass = trimValue(v)
		case elemRequestedClass:
			c.RequestedClass = trimValue(v)
		case elemField:
			c.Field, seen.field = Field(u16()), true
		case elemMessageID:
			c.MessageID, seen.message = u16(), true
		case elemRespondsTo:
			c.RespondsTo, seen.responds = u16(), true
		case elemDestination:
			c.Destination = trimValue(v)
		case elemPriority:
			c.Priority = u16()
		case elemDataSetType:
			c.HasDataSet, seen.set = u16() != noDataSet, true
		case elemStatus:
			c.Status, seen.status = Status(u16()), true
		case elemOffending:
			for ; len(v) >= 4; v = v[4:] {
				c.Offending = append(c.Offending, tag.New(binary.LittleEndian.Uint16(v), binary.LittleEndian.Uint16(v[2:])))
			}
		case elemErrorComment:
			c.ErrorComment = printable(trimValue(v))
		case elemErrorID:
			c.ErrorID = u16()
		case elemAffected:
			c.Affected = trimValue(v)
		case elemRequested:
			c.Requested = trimValue(v)
		case elemEventType:
			c.EventType = u16()
		case elemActionType:
			c.ActionType = u16()
		case elemRemaining:
			p.Remaining, c.Progress = int(u16()), &p
		case elemCompleted:
			p.Completed, c.Progress = int(u16()), &p
		case elemFailed:
			p.Failed, c.Progress = int(u16()), &p
		case elemWarning:
			p.Warning, c.Progress = int(u16()), &p
		case elemOriginator:
			c.MoveOriginator = trimValue(v)
		case elemOriginatorID:
			c.MoveMessageID = u16()
		}
		if short {
			return nil, fault.New(fault.Input, "command set: (0000,%04X) has %d bytes, not 2", elem, len(v))
		}
	}
	switch {
	case !seen.field, !seen.set:
		return nil, fault.New(fault.Input, "command set: without command field or data set type")
	case c.Field.IsResponse() && (!seen.responds || !seen.status):
		return nil, fault.New(fault.Input, "command set: a response without status, or without the message it responds to")
	case c.Field == CCancel && !seen.responds, !c.Field.IsResponse() && c.Field != CCancel && !seen.message:
		return nil, fault.New(fault.Input, "command set: a request without message ID")
	}
	return c, nil
}

func trimValue(v []byte) string { return strings.Trim(string(v), " \x00") }

// printable keeps a peer's words from the terminal's controls.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7F {
			return '?'
		}
		return r
	}, s)
}
