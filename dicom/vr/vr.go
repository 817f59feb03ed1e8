// Package vr names the value representations of PS3.5 section 6.2 and says how each is encoded.
//
// A [VR] is its two letters in one word, so that it can be compared, switched on and read straight from a file; letters that the
// standard doesn't know stay what they are.
package vr

// VR is a value representation: its two ASCII letters, the first in the high byte.
type VR uint16

// The value representations.
const (
	AE VR = 'A'<<8 | 'E' // application entity
	AS VR = 'A'<<8 | 'S' // age string
	AT VR = 'A'<<8 | 'T' // attribute tag
	CS VR = 'C'<<8 | 'S' // code string
	DA VR = 'D'<<8 | 'A' // date
	DS VR = 'D'<<8 | 'S' // decimal string
	DT VR = 'D'<<8 | 'T' // date and time
	FD VR = 'F'<<8 | 'D' // 64-bit float
	FL VR = 'F'<<8 | 'L' // 32-bit float
	IS VR = 'I'<<8 | 'S' // integer string
	LO VR = 'L'<<8 | 'O' // long string
	LT VR = 'L'<<8 | 'T' // long text
	OB VR = 'O'<<8 | 'B' // bytes
	OD VR = 'O'<<8 | 'D' // 64-bit floats
	OF VR = 'O'<<8 | 'F' // 32-bit floats
	OL VR = 'O'<<8 | 'L' // 32-bit words
	OV VR = 'O'<<8 | 'V' // 64-bit words
	OW VR = 'O'<<8 | 'W' // 16-bit words
	PN VR = 'P'<<8 | 'N' // person name
	SH VR = 'S'<<8 | 'H' // short string
	SL VR = 'S'<<8 | 'L' // signed 32-bit
	SQ VR = 'S'<<8 | 'Q' // sequence of items
	SS VR = 'S'<<8 | 'S' // signed 16-bit
	ST VR = 'S'<<8 | 'T' // short text
	SV VR = 'S'<<8 | 'V' // signed 64-bit
	TM VR = 'T'<<8 | 'M' // time
	UC VR = 'U'<<8 | 'C' // unlimited characters
	UI VR = 'U'<<8 | 'I' // UID
	UL VR = 'U'<<8 | 'L' // unsigned 32-bit
	UN VR = 'U'<<8 | 'N' // unknown
	UR VR = 'U'<<8 | 'R' // URI
	US VR = 'U'<<8 | 'S' // unsigned 16-bit
	UT VR = 'U'<<8 | 'T' // unlimited text
	UV VR = 'U'<<8 | 'V' // unsigned 64-bit
)

// kind holds the facts of one VR; letters makes the table a direct index.
type kind struct {
	known, long, text, charset, single bool
	word                               uint8 // bytes of one binary value, the unit of byte swapping; 0 for text
	max                                int   // most characters of one value; 0 is no limit
	pad                                byte
}

var kinds [26 * 26]kind

func init() {
	set := func(k kind, vs ...VR) {
		k.known = true
		if k.word == 0 && k.pad == 0 {
			k.pad = ' '
		}
		for _, v := range vs {
			kinds[v.index()] = k
		}
	}
	set(kind{text: true, max: 16}, AE, CS, DS)
	set(kind{text: true, max: 12}, IS)
	set(kind{text: true, max: 4}, AS)
	set(kind{text: true, max: 8}, DA)
	set(kind{text: true, max: 14}, TM)
	set(kind{text: true, max: 26}, DT)
	set(kind{text: true, max: 64, pad: 0xFF}, UI) // pad fixed below: 0 can't be told from unset
	set(kind{text: true, charset: true, max: 64}, LO, PN)
	set(kind{text: true, charset: true, max: 16}, SH)
	set(kind{text: true, charset: true, max: 1024, single: true}, ST)
	set(kind{text: true, charset: true, max: 10240, single: true}, LT)
	set(kind{text: true, charset: true, long: true}, UC)
	set(kind{text: true, charset: true, long: true, single: true}, UT)
	set(kind{text: true, long: true, single: true}, UR)
	set(kind{word: 2}, AT, SS, US)
	set(kind{word: 4}, FL, SL, UL)
	set(kind{word: 8}, FD)
	set(kind{word: 8, long: true}, SV, UV)
	set(kind{word: 1, long: true, single: true}, OB, UN)
	set(kind{word: 2, long: true}, OW)
	set(kind{word: 4, long: true}, OF, OL)
	set(kind{word: 8, long: true}, OD, OV)
	set(kind{word: 1, long: true}, SQ)
	kinds[UI.index()].pad = 0
}

// Parse is the VR of two letters. ok is false unless the standard knows it.
func Parse(b0, b1 byte) (v VR, ok bool) {
	v = VR(b0)<<8 | VR(b1)
	return v, v.Known()
}

// index is v's place in kinds, -1 for what isn't two capital letters.
func (v VR) index() int {
	a, b := int(v>>8)-'A', int(v&0xFF)-'A'
	if a < 0 || a > 25 || b < 0 || b > 25 {
		return -1
	}
	return a*26 + b
}

func (v VR) kind() kind {
	if i := v.index(); i >= 0 {
		return kinds[i]
	}
	return kind{}
}

// String is the two letters; control characters become '?'.
func (v VR) String() string {
	b := [2]byte{byte(v >> 8), byte(v)}
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b[:])
}

// Known reports whether the standard defines v.
func (v VR) Known() bool { return v.kind().known }

// Long reports whether the explicit VR header has two reserved bytes and a 32-bit length (PS3.5 table 7.1-1).
func (v VR) Long() bool { return v.kind().long }

// IsText reports whether values are character strings.
func (v VR) IsText() bool { return v.kind().text }

// UsesCharset reports whether Specific Character Set (0008,0005) applies to values.
func (v VR) UsesCharset() bool { return v.kind().charset }

// IsSingle reports whether a backslash is an ordinary character: the element holds one value (ST, LT, UT, UR).
func (v VR) IsSingle() bool { return v.kind().single }

// WordSize is the number of bytes that change places between little and big endian; 0 for text.
func (v VR) WordSize() int { return int(v.kind().word) }

// MaxLength is the most characters that one value may have; 0 is no limit. For PN it holds for each component group.
func (v VR) MaxLength() int { return v.kind().max }

// Padding is the byte that makes an odd value even.
func (v VR) Padding() byte { return v.kind().pad }
