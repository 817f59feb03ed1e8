// Package uid names the unique identifiers of PS3.6 annex A and makes new ones.
package uid

import (
	"crypto/rand"
	"crypto/sha256"
	"math/big"
	"sort"
	"strings"
)

// Info is a registered UID's entry.
type Info struct {
	UID, Name, Type, Keyword string
	Retired                  bool
}

// Lookup finds a registered UID.
func Lookup(uid string) (Info, bool) {
	i := sort.Search(len(registry), func(i int) bool { return registry[i].UID >= uid })
	if i < len(registry) && registry[i].UID == uid {
		return registry[i], true
	}
	return Info{}, false
}

// Name is the registered name of uid, or uid itself.
func Name(uid string) string {
	if in, ok := Lookup(uid); ok {
		return in.Name
	}
	return uid
}

// New is a fresh random UID under 2.25 (PS3.5 annex B.2), 40 to 44 characters.
func New() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return from(b)
}

// Derive is the UID under 2.25 that belongs to the given words: the same words give the same UID.
func Derive(words ...string) string {
	h := sha256.New()
	for _, w := range words {
		h.Write([]byte(w))
		h.Write([]byte{0})
	}
	var b [16]byte
	copy(b[:], h.Sum(nil))
	return from(b)
}

// from makes the UID of a UUID, version and variant bits set as RFC 9562 asks (version 8 for all: custom content).
func from(b [16]byte) string {
	b[6] = b[6]&0x0F | 0x80
	b[8] = b[8]&0x3F | 0x80
	return "2.25." + new(big.Int).SetBytes(b[:]).String()
}

// Valid reports whether s follows PS3.5 section 9: at most 64 characters of digits and dots, no empty component, no leading zero.
func Valid(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range strings.Split(s, ".") {
		if c == "" || len(c) > 1 && c[0] == '0' {
			return false
		}
		for _, d := range c {
			if d < '0' || d > '9' {
				return false
			}
		}
	}
	return true
}
