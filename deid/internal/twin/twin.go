package twin

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"hash"
)

// Pair is two running digests. The zero value is ready. It is not for use by several goroutines.
type Pair struct {
	one, two lane
}

// Reset begins two new messages.
func (p *Pair) Reset() {
	p.one.reset()
	p.two.reset()
}

// One adds b to the first message.
func (p *Pair) One(b []byte) { p.one.write(b) }

// Two adds b to the second message.
func (p *Pair) Two(b []byte) { p.two.write(b) }

// Both adds a to the first message and b to the second. They may overlap, be the same, and differ in length; the shorter one's length is what is hashed in
// step.
func (p *Pair) Both(a, b []byte) {
	if fast && min(len(a), len(b)) >= worthwhile {
		a, b = p.one.align(a), p.two.align(b)
		n := min(len(a), len(b)) / sha256.BlockSize
		h := [2][8]uint32{p.one.state(), p.two.state()}
		blocks(&h, &a[0], &b[0], n)
		n *= sha256.BlockSize
		p.one.restore(&h[0], n)
		p.two.restore(&h[1], n)
		a, b = a[n:], b[n:]
	}
	p.one.write(a)
	p.two.write(b)
}

// SumOne is the digest of the first message so far.
func (p *Pair) SumOne() [sha256.Size]byte { return p.one.sum() }

// SumTwo is the digest of the second message so far.
func (p *Pair) SumTwo() [sha256.Size]byte { return p.two.sum() }

// worthwhile is the number of bytes from which hashing in step is quicker than exchanging the states costs.
const worthwhile = 2048

// lane is one message.
type lane struct {
	h      hash.Hash
	n      uint64 // bytes so far
	frozen []byte // the state as crypto/sha256 writes it
}

func (l *lane) reset() {
	if l.h == nil {
		l.h = sha256.New()
	}
	l.h.Reset()
	l.n = 0
}

func (l *lane) write(b []byte) {
	if l.h == nil {
		l.reset()
	}
	l.h.Write(b)
	l.n += uint64(len(b))
}

// align adds bytes of b up to the end of a block, and returns the others.
func (l *lane) align(b []byte) []byte {
	k := min(len(b), int(-l.n&(sha256.BlockSize-1)))
	l.write(b[:k])
	return b[k:]
}

func (l *lane) sum() (s [sha256.Size]byte) {
	if l.h == nil {
		l.reset()
	}
	l.h.Sum(s[:0])
	return s
}

// The state as crypto/sha256 marshals it: a mark of four bytes, eight words, the bytes of the block begun, and the length, all big-endian.
const (
	markSize   = 4
	frozenSize = markSize + sha256.Size + sha256.BlockSize + 8
)

// state is the digest's eight words; the message must be at the end of a block.
func (l *lane) state() (h [8]uint32) {
	l.frozen, _ = l.h.(encoding.BinaryAppender).AppendBinary(l.frozen[:0])
	for i := range h {
		h[i] = binary.BigEndian.Uint32(l.frozen[markSize+4*i:])
	}
	return h
}

// restore goes on from the words h, n bytes further; state was called before.
func (l *lane) restore(h *[8]uint32, n int) {
	l.n += uint64(n)
	for i, w := range h {
		binary.BigEndian.PutUint32(l.frozen[markSize+4*i:], w)
	}
	binary.BigEndian.PutUint64(l.frozen[frozenSize-8:], l.n)
	if err := l.h.(encoding.BinaryUnmarshaler).UnmarshalBinary(l.frozen); err != nil {
		panic("twin: crypto/sha256 does not take its own state: " + err.Error()) // works was true
	}
}

// works reports whether states can be exchanged with crypto/sha256 and blocks computes what it does: how it writes its state is no promise of the library.
func works() bool {
	h := sha256.New()
	app, ok := h.(encoding.BinaryAppender)
	if _, un := h.(encoding.BinaryUnmarshaler); !ok || !un {
		return false
	}
	if b, err := app.AppendBinary(nil); err != nil || len(b) != frozenSize {
		return false
	}
	var msg [4 * sha256.BlockSize]byte
	for i := range msg {
		msg[i] = byte(i * 7)
	}
	a, b := msg[:3*sha256.BlockSize], msg[sha256.BlockSize:]
	var one, two lane
	one.reset()
	two.reset()
	s := [2][8]uint32{one.state(), two.state()}
	blocks(&s, &a[0], &b[0], 3)
	one.restore(&s[0], len(a))
	two.restore(&s[1], len(b))
	return one.sum() == sha256.Sum256(a) && two.sum() == sha256.Sum256(b)
}
