package object

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/cineloop/cineloop/internal/fault"
)

// Digest is the SHA-256 of a content (FIPS 180-4).
type Digest [sha256.Size]byte

// Sum is the digest of b.
func Sum(b []byte) Digest { return sha256.Sum256(b) }

// ParseDigest reads the 64 lower-case hexadecimal digits that String writes.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	if len(s) != 2*len(d) {
		return d, fault.New(fault.Input, "a digest has 64 hexadecimal digits, not %d characters", len(s))
	}
	if _, err := hex.Decode(d[:], []byte(s)); err != nil || d.String() != s {
		return Digest{}, fault.New(fault.Input, "a digest has 64 lower-case hexadecimal digits")
	}
	return d, nil
}

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText writes the hexadecimal form.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the hexadecimal form.
func (d *Digest) UnmarshalText(b []byte) error {
	v, err := ParseDigest(string(b))
	*d = v
	return err
}

// sealedSuffix marks names whose bytes are sealed with age.
const sealedSuffix = ".age"

// nameOf is where a digest lies: two digits of folder, so that no folder grows past a 256th of the store.
func nameOf(d Digest, sealed bool) string {
	s := d.String()
	name := s[:2] + "/" + s
	if sealed {
		name += sealedSuffix
	}
	return name
}

// parseName is the inverse of nameOf; ok is false for anything else that lies in the store.
func parseName(name string) (d Digest, sealed, ok bool) {
	if len(name) > len(sealedSuffix) && name[len(name)-len(sealedSuffix):] == sealedSuffix {
		name, sealed = name[:len(name)-len(sealedSuffix)], true
	}
	if len(name) != 67 || name[2] != '/' || name[:2] != name[3:5] {
		return d, false, false
	}
	d, err := ParseDigest(name[3:])
	return d, sealed, err == nil
}
