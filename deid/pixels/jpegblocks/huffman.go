package jpegblocks

import (
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
)

// code is one Huffman table for reading and writing (ITU-T T.81 annex C, F.2.2.3).
type code struct {
	counts  [16]byte
	symbols []byte
	look    [512]uint16 // by the next 9 bits: symbol<<8 | length; 0 for longer codes
	min     [17]int32   // smallest code of each length
	max     [17]int32   // largest, -1 for none
	first   [17]int32   // index in symbols of the smallest
	bits    [256]uint16 // code of a symbol
	size    [256]uint8  // its length; 0: the table has none
}

func newCode(counts, symbols []byte) (*code, error) {
	c := &code{counts: [16]byte(counts), symbols: slices.Clone(symbols)}
	next, k := int32(0), int32(0)
	for l := 1; l <= 16; l++ {
		n := int32(counts[l-1])
		c.min[l], c.max[l], c.first[l] = next, -1, k
		if next+n > 1<<l {
			return nil, fault.New(fault.Input, "JPEG: a Huffman table with too many codes")
		}
		for i := range n {
			s := symbols[k+i]
			if c.size[s] == 0 {
				c.bits[s], c.size[s] = uint16(next+i), uint8(l)
			}
			if l <= 9 {
				from := (next + i) << (9 - l)
				for j := range int32(1) << (9 - l) {
					c.look[from+j] = uint16(s)<<8 | uint16(l)
				}
			}
		}
		if n > 0 {
			c.max[l] = next + n - 1
		}
		next, k = (next+n)<<1, k+n
	}
	return c, nil
}

// makeCode is a table for the counted symbols: Huffman's lengths limited to 16 bits, no code of all ones (K.2).
func makeCode(freq *[256]int) (*code, error) {
	type node struct {
		weight int
		leaves []int // symbols; 256 keeps the code of all ones free
	}
	count := *freq
	for {
		heap := []node{{1, []int{256}}}
		for s, f := range count {
			if f > 0 {
				heap = append(heap, node{f + 1, []int{s}})
			}
		}
		var length [257]int
		if len(heap) == 1 {
			heap = append(heap, node{1, []int{0}})
		}
		for len(heap) > 1 {
			slices.SortStableFunc(heap, func(a, b node) int { return a.weight - b.weight })
			both := node{heap[0].weight + heap[1].weight, append(slices.Clone(heap[0].leaves), heap[1].leaves...)}
			for _, s := range both.leaves {
				length[s]++
			}
			heap = append([]node{both}, heap[2:]...)
		}
		if slices.Max(length[:]) > 16 { // flatter counts make shorter codes
			for s, f := range count {
				if f > 0 {
					count[s] = f/2 + 1
				}
			}
			continue
		}
		// The longest code goes to the placeholder, which stands last in it.
		longest := slices.Max(length[:])
		if length[256] < longest {
			for s := range 256 {
				if length[s] == longest {
					length[s], length[256] = length[256], longest
					break
				}
			}
		}
		var counts [16]byte
		var symbols []byte
		for l := 1; l <= 16; l++ {
			for s := range 256 {
				if length[s] == l {
					counts[l-1]++
					symbols = append(symbols, byte(s))
				}
			}
		}
		return newCode(counts[:], symbols)
	}
}

// segment is the table as a DHT marker segment defines it: class 0 for DC, 1 for AC.
func (c *code) segment(class, id int) []byte {
	n := 19 + len(c.symbols)
	b := []byte{0xFF, 0xC4, byte(n >> 8), byte(n), byte(class<<4 | id)}
	return append(append(b, c.counts[:]...), c.symbols...)
}

// reader reads the bits of one restart interval, stuffing taken out.
type reader struct {
	b    []byte
	pos  int
	acc  uint64
	n    int // bits in acc
	over int // bits that were invented after the end
}

func (r *reader) fill() {
	for r.n <= 48 {
		var v uint64
		if r.pos < len(r.b) {
			v = uint64(r.b[r.pos])
		} else {
			r.over += 8
			v = 0xFF
		}
		r.pos++
		r.acc = r.acc<<8 | v
		r.n += 8
	}
}

// left is the number of real bits that have not been taken.
func (r *reader) left() int { return r.n - r.over + 8*max(0, len(r.b)-r.pos) }

func (r *reader) take(n int) uint32 {
	r.n -= n
	return uint32(r.acc>>r.n) & (1<<n - 1)
}

func (r *reader) symbol(c *code) (int, error) {
	r.fill()
	if e := c.look[r.acc>>(r.n-9)&511]; e != 0 {
		r.n -= int(e & 0xFF)
		return int(e >> 8), nil
	}
	for l := 1; l <= 16; l++ {
		v := int32(r.acc >> (r.n - l) & (1<<l - 1))
		if c.max[l] >= 0 && v <= c.max[l] && v >= c.min[l] {
			r.n -= l
			return int(c.symbols[c.first[l]+v-c.min[l]]), nil
		}
	}
	return 0, fault.New(fault.Input, "JPEG: bits that are no code")
}

// writer writes bits with stuffing.
type writer struct {
	b   []byte
	acc uint64
	n   int
}

func (w *writer) put(v uint32, n int) {
	w.acc = w.acc<<n | uint64(v)&(1<<n-1)
	w.n += n
	for w.n >= 8 {
		w.n -= 8
		c := byte(w.acc >> w.n)
		w.b = append(w.b, c)
		if c == 0xFF {
			w.b = append(w.b, 0)
		}
	}
}

// flush completes the last byte with ones.
func (w *writer) flush() {
	if w.n > 0 {
		w.put(1<<(8-w.n)-1, 8-w.n)
	}
}
