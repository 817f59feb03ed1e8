package pixel

import (
	"encoding/binary"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// LUT is a look-up table: values below First map as First does, values past the end as the last one.
type LUT struct {
	First int
	Bits  int // of an entry
	Data  []uint16
	size  int
}

// At is the table's value for v.
func (l *LUT) At(v int) uint16 { return l.Data[min(max(v-l.First, 0), len(l.Data)-1)] }

// bytes8 is the table with entries of 8 bits. Palettes whose 16-bit entries only use their lower half are taken as they mean it.
func (l *LUT) bytes8() []byte {
	shift := 0
	if l.Bits > 8 {
		for _, v := range l.Data {
			if v > 255 {
				shift = l.Bits - 8
				break
			}
		}
	}
	out := make([]byte, len(l.Data))
	for i, v := range l.Data {
		out[i] = byte(v >> shift)
	}
	return out
}

// descriptorOf reads a LUT descriptor: number of entries (0 is 65536), first value mapped, bits of an entry.
func descriptorOf(ds *dicom.DataSet, t tag.Tag) (*LUT, error) {
	d := ds.Ints(t)
	if len(d) != 3 {
		return nil, fault.New(fault.Input, "%s is missing or has not three values", t.Keyword())
	}
	l := &LUT{First: int(d[1]), Bits: int(d[2]), size: int(uint16(d[0]))}
	if l.size == 0 {
		l.size = 1 << 16
	}
	if n, _ := ds.Int(tag.PixelRepresentation); n == 1 {
		l.First = int(int16(d[1]))
	}
	if l.Bits < 8 || l.Bits > 16 {
		return nil, fault.New(fault.Input, "%s: entries of %d bits", t.Keyword(), l.Bits)
	}
	return l, nil
}

// wordsOf reads table data as 16-bit words.
func wordsOf(e *dicom.Element) ([]uint16, error) {
	b, err := e.Bytes()
	if err != nil {
		return nil, err
	}
	var order binary.ByteOrder = binary.LittleEndian
	if e.BigEndian() {
		order = binary.BigEndian
	}
	out := make([]uint16, len(b)/2)
	for i := range out {
		out[i] = order.Uint16(b[2*i:])
	}
	return out, nil
}

// fill reads the entries of a plain table. 8-bit entries may be packed two to a word or stand in words of their own.
func (l *LUT) fill(e *dicom.Element) error {
	words, err := wordsOf(e)
	if err != nil {
		return err
	}
	if l.Bits == 8 && 2*len(words) <= l.size+1 {
		packed := make([]uint16, 0, 2*len(words))
		for _, w := range words {
			packed = append(packed, w&0xFF, w>>8)
		}
		words = packed
	}
	if len(words) == 0 {
		return fault.New(fault.Input, "%s is empty", e.Tag.Keyword())
	}
	l.Data = words[:min(l.size, len(words))]
	return nil
}

// expandSegments expands segmented palette data (PS3.3 C.7.9.2): discrete and linear segments, and indirect ones that repeat earlier
// segments. w holds units of the entries' size: bytes or words.
func expandSegments(w []uint16, bits, size int) ([]uint16, error) {
	bad := fault.New(fault.Input, "bad segmented palette")
	var out []uint16
	var run func(w []uint16, at, count, depth int) (int, error)
	run = func(w []uint16, at, count, depth int) (int, error) {
		for n := 0; (count < 0 || n < count) && at < len(w) && len(out) < size; n++ {
			if at+2 > len(w) {
				return at, bad
			}
			op, length := w[at], int(w[at+1])
			at += 2
			switch op {
			case 0:
				if at+length > len(w) {
					return at, bad
				}
				out = append(out, w[at:at+length]...)
				at += length
			case 1:
				if at >= len(w) || len(out) == 0 {
					return at, bad
				}
				from, to := int(out[len(out)-1]), int(w[at])
				at++
				for i := 1; i <= length; i++ {
					out = append(out, uint16((from*length+(to-from)*i+length/2)/length))
				}
			case 2:
				units := 32 / bits // of a 32-bit byte offset from the beginning of the data
				if at+units > len(w) || depth > 0 {
					return at, bad
				}
				offset := 0
				for i := range units {
					offset |= int(w[at+i]) << (i * bits)
				}
				offset /= bits / 8
				at += units
				if offset >= len(w) {
					return at, bad
				}
				if _, err := run(w, offset, length, depth+1); err != nil {
					return at, err
				}
			default:
				return at, bad
			}
		}
		return at, nil
	}
	if _, err := run(w, 0, -1, 0); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, bad
	}
	return out[:min(size, len(out))], nil
}
