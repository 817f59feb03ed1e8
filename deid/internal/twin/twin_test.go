package twin

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

func check(t *testing.T, p *Pair, a, b []byte) {
	t.Helper()
	if got, want := p.SumOne(), sha256.Sum256(a); got != want {
		t.Errorf("first message of %d bytes: %x, want %x", len(a), got, want)
	}
	if got, want := p.SumTwo(), sha256.Sum256(b); got != want {
		t.Errorf("second message of %d bytes: %x, want %x", len(b), got, want)
	}
}

// pattern is n bytes that differ from place to place.
func pattern(n, seed int) []byte {
	b := make([]byte, n)
	x := uint32(seed)*2654435761 + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// The published digests of FIPS 180 (NIST's examples): "abc", the 448-bit message, and a million times "a", each beside another one.
func TestPublishedDigests(t *testing.T) {
	million := bytes.Repeat([]byte("a"), 1_000_000)
	messages := []struct {
		text []byte
		sum  string
	}{
		{nil, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{[]byte("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{[]byte("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
		{million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
	}
	for _, a := range messages {
		for _, b := range messages {
			var p Pair
			p.Both(a.text, b.text)
			one, two := p.SumOne(), p.SumTwo()
			if hex.EncodeToString(one[:]) != a.sum || hex.EncodeToString(two[:]) != b.sum {
				t.Errorf("%d and %d bytes: %x and %x", len(a.text), len(b.text), one, two)
			}
		}
	}
}

// Every place in a block for the beginning of either message, and lengths on both sides of what is hashed in step.
func TestEveryAlignment(t *testing.T) {
	data := pattern(worthwhile+400, 1)
	var p Pair
	for i := range 64 {
		for _, j := range []int{0, 1, 55, 56, 63, 64 - i, i} {
			for _, n := range []int{0, 1, worthwhile - 1, worthwhile, worthwhile + 63, worthwhile + 200} {
				p.Reset()
				a, b := data[i:i+n], data[j:j+min(n+j, worthwhile+200)]
				p.One(data[:i])
				p.Two(data[:j])
				p.Both(a, b)
				p.One(data[:3])
				check(t, &p, append(append(bytes.Clone(data[:i]), a...), data[:3]...), append(bytes.Clone(data[:j]), b...))
			}
		}
	}
}

// A sum on the way changes nothing, a reset forgets, and the blocks of one lane don't reach the other.
func TestSumsOnTheWay(t *testing.T) {
	a, b := pattern(100_000, 2), pattern(70_000, 3)
	var p Pair
	for range 2 {
		p.Reset()
		for i := 0; i < 70_000; i += 7000 {
			p.Both(a[i:i+7000], b[i:i+7000])
			check(t, &p, a[:i+7000], b[:i+7000])
		}
		p.One(a[70_000:])
		check(t, &p, a, b)
	}
}

// The code for the processor is in use where the tests run on one that has the instructions, and the one without it gives the same.
func TestWithoutTheInstructions(t *testing.T) {
	if fast && !works() {
		t.Fatal("in use, and does not work")
	}
	if !fast {
		t.Skip("this processor has no SHA instructions that we use: crypto/sha256 does all")
	}
	was := fast
	defer func() { setFast(was) }()
	setFast(false)
	a, b := pattern(50_000, 4), pattern(60_001, 5)
	var p Pair
	p.Both(a, b)
	check(t, &p, a, b)
}

func FuzzPair(f *testing.F) {
	f.Add([]byte("abc"), uint16(0), uint16(3), uint16(64))
	f.Add([]byte{0xFF, 0, 1}, uint16(63), uint16(5000), uint16(2048))
	f.Add([]byte{}, uint16(1), uint16(0), uint16(65535))
	f.Fuzz(func(t *testing.T, seed []byte, lead, first, second uint16) {
		long := append(pattern(1<<16, len(seed)), seed...)
		a := append(bytes.Clone(seed), long[:first]...)
		b := append(long[len(long)-int(second):], seed...)
		k := min(int(lead), len(a), len(b))
		var p Pair
		p.Both(a[:k], b[:min(k/2, len(b))])
		p.Both(a[k:], b[min(k/2, len(b)):])
		check(t, &p, a, b)
	})
}

func BenchmarkBoth(b *testing.B) {
	data := pattern(512<<10, 6)
	b.SetBytes(int64(2 * len(data)))
	var p Pair
	for b.Loop() {
		p.Both(data, data)
	}
}

func BenchmarkOneAfterTheOther(b *testing.B) {
	data := pattern(512<<10, 6)
	b.SetBytes(int64(2 * len(data)))
	one, two := sha256.New(), sha256.New()
	for b.Loop() {
		one.Write(data)
		two.Write(data)
	}
}
