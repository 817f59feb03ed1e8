package stats

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// Seed starts every random choice of a run. Equal seeds give equal bytes on CPU.
type Seed uint64

// Stream returns the random stream that belongs to (s, keys…), independent of every other stream and of the order of use.
// Keys are formatted with %v; by convention the first names the purpose: Stream("augment", epoch, item).
func (s Seed) Stream(keys ...any) *rand.Rand {
	h := sha256.New()
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(s))
	h.Write(b[:])
	for _, k := range keys {
		fmt.Fprintf(h, "%T:%v\x00", k, k)
	}
	return rand.New(rand.NewChaCha8([32]byte(h.Sum(nil))))
}
