package jpeg

import (
	"errors"
	"fmt"
	"math/bits"
	"sort"
)

// Image is what EncodeLossless takes: interleaved samples, a byte each up to 8 bits of precision, else two, little endian.
type Image struct {
	Rows, Columns, Components int
	Precision                 int // 2 to 16
	Samples                   []byte
}

// EncodeLossless is img as lossless JPEG with predictor 1, the one of DICOM's 1.2.840.10008.1.2.4.70, and a Huffman table made for it.
func EncodeLossless(img Image) ([]byte, error) {
	n, width := img.Components, 1
	if img.Precision > 8 {
		width = 2
	}
	switch {
	case img.Rows < 1 || img.Rows > 65535 || img.Columns < 1 || img.Columns > 65535 || n < 1 || n > 4 || img.Precision < 2 || img.Precision > 16:
		return nil, errors.New("jpeg: not an image that the format holds")
	case len(img.Samples) != img.Rows*img.Columns*n*width:
		return nil, fmt.Errorf("jpeg: %d bytes of samples", len(img.Samples))
	}
	diffs, err := differences(img, width)
	if err != nil {
		return nil, err
	}
	var freq [17]int
	for _, d := range diffs {
		freq[category(d)]++
	}
	lengths := codeLengths(freq)
	counts, symbols, codes := canonical(lengths)

	out := []byte{0xFF, 0xD8, 0xFF, 0xC3, 0, byte(8 + 3*n), byte(img.Precision), byte(img.Rows >> 8), byte(img.Rows), byte(img.Columns >> 8), byte(img.Columns), byte(n)}
	for i := range n {
		out = append(out, byte(i+1), 0x11, 0)
	}
	out = append(out, 0xFF, 0xC4, 0, byte(19+len(symbols)), 0)
	out = append(append(out, counts[:]...), symbols...)
	out = append(out, 0xFF, 0xDA, 0, byte(6+2*n), byte(n))
	for i := range n {
		out = append(out, byte(i+1), 0)
	}
	out = append(out, 1, 0, 0)

	var acc uint64
	held := 0
	for _, d := range diffs {
		s := category(d)
		acc, held = acc<<lengths[s]|uint64(codes[s]), held+lengths[s]
		if s > 0 && s < 16 {
			v := uint64(d)
			if d < 0 {
				v = uint64(int64(d) - 1)
			}
			acc, held = acc<<s|v&(1<<s-1), held+s
		}
		for held >= 8 {
			b := byte(acc >> (held - 8))
			held -= 8
			out = append(out, b)
			if b == 0xFF {
				out = append(out, 0)
			}
		}
	}
	if held > 0 {
		b := byte(acc<<(8-held)) | byte(1<<(8-held)-1)
		out = append(out, b)
		if b == 0xFF {
			out = append(out, 0)
		}
	}
	return append(out, 0xFF, 0xD9), nil
}

// differences are the samples minus their left neighbours (H.1.2.1), modulo 65536, in stream order.
func differences(img Image, width int) ([]int32, error) {
	n := img.Components
	out := make([]int32, 0, img.Rows*img.Columns*n)
	row := img.Columns * n
	at := func(i int) int32 {
		if width == 1 {
			return int32(img.Samples[i])
		}
		return int32(img.Samples[2*i]) | int32(img.Samples[2*i+1])<<8
	}
	for i := range img.Rows * row {
		v := at(i)
		if v >= 1<<img.Precision {
			return nil, fmt.Errorf("jpeg: a sample needs more than %d bits", img.Precision)
		}
		var p int32
		switch {
		case i < n:
			p = 1 << (img.Precision - 1)
		case i%row < n:
			p = at(i - row)
		default:
			p = at(i - n)
		}
		d := int32(int16(v - p))
		if d == -32768 {
			d = 32768
		}
		out = append(out, d)
	}
	return out, nil
}

// category is SSSS: the number of bits of a difference (table H.2).
func category(d int32) int {
	if d < 0 {
		d = -d
	}
	return bits.Len32(uint32(d))
}

// codeLengths are Huffman's, at most 16; one code point is kept free, as the standard asks (K.2): all ones is never a code.
func codeLengths(freq [17]int) [17]int {
	type node struct {
		weight      int
		symbols     []int
		placeholder bool
	}
	var heap []node
	for s, f := range freq {
		if f > 0 {
			heap = append(heap, node{weight: f, symbols: []int{s}})
		}
	}
	heap = append(heap, node{placeholder: true})
	var lengths [17]int
	for len(heap) > 1 {
		sort.SliceStable(heap, func(i, j int) bool { return heap[i].weight < heap[j].weight })
		a, b := heap[0], heap[1]
		joined := node{weight: a.weight + b.weight, symbols: append(append([]int(nil), a.symbols...), b.symbols...), placeholder: a.placeholder || b.placeholder}
		for _, s := range joined.symbols {
			lengths[s]++
		}
		heap = append([]node{joined}, heap[2:]...)
	}
	for _, l := range lengths {
		if l > 16 { // flatter counts give shorter codes
			for i, f := range freq {
				if f > 0 {
					freq[i] = f/2 + 1
				}
			}
			return codeLengths(freq)
		}
	}
	return lengths
}

// canonical gives the codes of the lengths in the order of C.1: counts by length, symbols, and each symbol's code.
func canonical(lengths [17]int) (counts [16]byte, symbols []byte, codes [17]uint32) {
	code := uint32(0)
	for l := 1; l <= 16; l++ {
		for s, n := range lengths {
			if n == l {
				counts[l-1]++
				symbols = append(symbols, byte(s))
				codes[s] = code
				code++
			}
		}
		code <<= 1
	}
	return counts, symbols, codes
}
