package pixels

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/cineloop/cineloop/dicom/pixel"
)

var histograms = sync.Pool{New: func() any { return new([1 << 16]int32) }}

// Plateau reports whether some high value is in a decoded 16-bit frame far more often than the values near it: what was drawn has one value,
// what was measured has noise. It looks at values above the 80th percentile.
func Plateau(frame []byte, im *pixel.Image) bool {
	if len(frame) < 2048 {
		return true // too little to tell
	}
	count := histograms.Get().(*[1 << 16]int32)
	defer histograms.Put(count)
	clear(count[:])
	shift := uint(im.HighBit + 1 - im.BitsStored)
	bits := uint16(uint32(1)<<im.BitsStored - 1)
	flip := uint16(0) // brings signed values into their order
	if im.Signed {
		flip = bits &^ (bits >> 1)
	}
	for i := 0; i+1 < len(frame); i += 2 {
		count[(binary.LittleEndian.Uint16(frame[i:])>>shift&bits)^flip]++
	}
	sum, from := 0, 0
	for i, n := range count {
		sum += int(n)
		if 10*sum >= 4*len(frame) {
			from = i
			break
		}
	}
	// The neighbourhood is thirty-two values that occur at all: some devices leave every second one out.
	values := make([]int, 0, 4096)
	for i := from; i < len(count); i++ {
		if count[i] > 0 {
			values = append(values, i)
		}
	}
	const side = 16
	around := make([]int32, 0, 2*side)
	for k, i := range values {
		if count[i] < 24 {
			continue
		}
		around = around[:0]
		for j := max(0, k-side); j < min(len(values), k+side+1); j++ {
			if j != k {
				around = append(around, count[values[j]])
			}
		}
		if len(around) == 0 {
			return true
		}
		slices.Sort(around)
		if count[i] > 24+4*around[len(around)*3/4] {
			return true
		}
	}
	return false
}
