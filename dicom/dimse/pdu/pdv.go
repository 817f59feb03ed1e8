package pdu

import (
	"encoding/binary"

	"github.com/cineloop/cineloop/internal/fault"
)

// PDVHeaderSize is how many bytes of a P-DATA-TF body come before a value's data: length, context, control header.
const PDVHeaderSize = 6

// PDV is a presentation data value: a fragment of a command set or of a data set (PS3.8 section 9.3.5.1, annex E).
type PDV struct {
	Context byte
	Command bool
	Last    bool   // of its command set or data set
	Data    []byte // a slice of the body
}

// NextPDV takes the first value off a P-DATA-TF body.
func NextPDV(b []byte) (v PDV, rest []byte, err error) {
	if len(b) < PDVHeaderSize {
		return v, nil, fault.New(fault.Input, "%d bytes are no presentation data value", len(b))
	}
	n := binary.BigEndian.Uint32(b)
	if n < 2 || uint64(n) > uint64(len(b)-4) {
		return v, nil, fault.New(fault.Input, "a presentation data value should have %d bytes, and %d are left", n, len(b)-4)
	}
	v = PDV{Context: b[4], Command: b[5]&1 != 0, Last: b[5]&2 != 0, Data: b[6 : 4+n]}
	return v, b[4+n:], nil
}

// PutPDVHeader writes the header of a value with n bytes of data.
func PutPDVHeader(b []byte, context byte, command, last bool, n int) {
	binary.BigEndian.PutUint32(b, uint32(n+2))
	b[4], b[5] = context, flag(command)|flag(last)<<1
}
