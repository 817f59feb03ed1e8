package pdu

import (
	"encoding/binary"

	"github.com/cineloop/cineloop/internal/fault"
)

// Type is the first byte of a unit.
type Type byte

// The units of PS3.8 section 9.3.
const (
	AssociateRQ Type = 1
	AssociateAC Type = 2
	AssociateRJ Type = 3
	DataTF      Type = 4
	ReleaseRQ   Type = 5
	ReleaseRP   Type = 6
	AbortPDU    Type = 7
)

func (t Type) String() string {
	if t >= AssociateRQ && t <= AbortPDU {
		return [...]string{"A-ASSOCIATE-RQ", "A-ASSOCIATE-AC", "A-ASSOCIATE-RJ", "P-DATA-TF", "A-RELEASE-RQ", "A-RELEASE-RP", "A-ABORT"}[t-1]
	}
	return "unknown PDU"
}

// HeaderSize is how many bytes come before a body: type, a reserved byte, the body's length.
const HeaderSize = 6

// Header begins a unit.
type Header struct {
	Type   Type
	Length uint32 // of the body, in bytes
}

// ParseHeader reads the first HeaderSize bytes of a unit.
func ParseHeader(b []byte) Header {
	return Header{Type(b[0]), binary.BigEndian.Uint32(b[2:])}
}

// Append writes the header.
func (h Header) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint32(append(b, byte(h.Type), 0), h.Length)
}

// Reject is the body of A-ASSOCIATE-RJ (PS3.8 table 9-21).
type Reject struct {
	Result Result
	Source RejectSource
	Reason byte // its meaning depends on Source
}

// Result of a rejected association.
type Result byte

// RejectSource says who rejected it.
type RejectSource byte

// Results and sources of A-ASSOCIATE-RJ.
const (
	RejectedPermanent Result = 1
	RejectedTransient Result = 2

	RejectedByUser         RejectSource = 1 // service user
	RejectedByACSE         RejectSource = 2 // service provider, ACSE
	RejectedByPresentation RejectSource = 3 // service provider, presentation
)

// Reasons of A-ASSOCIATE-RJ, by source.
const (
	UserNoReason              byte = 1
	UserApplicationContext    byte = 2 // not supported
	UserCallingAENotKnown     byte = 3
	UserCalledAENotKnown      byte = 7
	ACSENoReason              byte = 1
	ACSEProtocolVersion       byte = 2 // not supported
	PresentationCongestion    byte = 1 // temporary
	PresentationLimitExceeded byte = 2 // local limit
)

// String names the reason in the standard's words.
func (r Reject) String() string {
	words := map[[2]byte]string{
		{1, 1}: "no reason given", {1, 2}: "application context name not supported", {1, 3}: "calling AE title not recognized",
		{1, 7}: "called AE title not recognized", {2, 1}: "no reason given", {2, 2}: "protocol version not supported",
		{3, 1}: "temporary congestion", {3, 2}: "local limit exceeded",
	}
	text, ok := words[[2]byte{byte(r.Source), r.Reason}]
	if !ok {
		text = "unknown reason"
	}
	if r.Result == RejectedTransient {
		return text + " (transient)"
	}
	return text + " (permanent)"
}

// Append writes the whole unit.
func (r Reject) Append(b []byte) []byte {
	return append(Header{AssociateRJ, 4}.Append(b), 0, byte(r.Result), byte(r.Source), r.Reason)
}

// DecodeReject reads a body.
func DecodeReject(b []byte) (Reject, error) {
	if len(b) != 4 {
		return Reject{}, fault.New(fault.Input, "A-ASSOCIATE-RJ has %d bytes, not 4", len(b))
	}
	return Reject{Result(b[1]), RejectSource(b[2]), b[3]}, nil
}

// Abort is the body of A-ABORT (PS3.8 table 9-26).
type Abort struct {
	Source AbortSource
	Reason byte // 0 unless Source is the provider
}

// AbortSource says who aborted.
type AbortSource byte

// Sources, and the provider's reasons, of A-ABORT.
const (
	AbortedByUser     AbortSource = 0
	AbortedByProvider AbortSource = 2

	AbortNoReason     byte = 0
	UnrecognizedPDU   byte = 1
	UnexpectedPDU     byte = 2
	UnrecognizedParam byte = 4
	UnexpectedParam   byte = 5
	InvalidParamValue byte = 6
)

const (
	fixedBody    = 4       // A-ASSOCIATE-RJ, A-RELEASE-RQ, A-RELEASE-RP, A-ABORT
	maxAssociate = 1 << 20 // 128 contexts of 60 syntaxes each stay below 600 kB
)

// String names source and reason in the standard's words.
func (a Abort) String() string {
	if a.Source != AbortedByProvider {
		return "by the service user"
	}
	words := map[byte]string{UnrecognizedPDU: "unrecognized PDU", UnexpectedPDU: "unexpected PDU", UnrecognizedParam: "unrecognized PDU parameter",
		UnexpectedParam: "unexpected PDU parameter", InvalidParamValue: "invalid PDU parameter value"}
	if w, ok := words[a.Reason]; ok {
		return "by the service provider: " + w
	}
	return "by the service provider"
}

// Append writes the whole unit.
func (a Abort) Append(b []byte) []byte {
	return append(Header{AbortPDU, 4}.Append(b), 0, 0, byte(a.Source), a.Reason)
}

// DecodeAbort reads a body.
func DecodeAbort(b []byte) (Abort, error) {
	if len(b) != 4 {
		return Abort{}, fault.New(fault.Input, "A-ABORT has %d bytes, not 4", len(b))
	}
	return Abort{AbortSource(b[2]), b[3]}, nil
}

// AppendRelease writes A-RELEASE-RQ or A-RELEASE-RP.
func AppendRelease(b []byte, t Type) []byte { return append(Header{t, 4}.Append(b), 0, 0, 0, 0) }

// Limit is the longest body that a unit of type t may have; data is what the receiver announced for P-DATA-TF. 0 is an unknown type.
func Limit(t Type, data uint32) uint32 {
	switch t {
	case AssociateRQ, AssociateAC:
		return maxAssociate
	case DataTF:
		return data
	case AssociateRJ, ReleaseRQ, ReleaseRP, AbortPDU:
		return fixedBody
	}
	return 0
}
