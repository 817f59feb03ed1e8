// Package signing signs bytes with Ed25519 (RFC 8032) and keeps the keys in files of one line.
//
// A secret key signs; its public half, which may be given to everybody, tells whether a text was signed with it. A signature says who
// vouches for bytes only to somebody who has the public key from elsewhere: beside the bytes it says no more than that they are whole.
package signing

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

const (
	secretMark = "cineloop-signing-key-1 "
	publicMark = "cineloop-signing-public-1 "
)

// Key is a secret key.
type Key struct{ private ed25519.PrivateKey }

// Public is the public half of a key.
type Public struct{ key ed25519.PublicKey }

// NewKey is a fresh key.
func NewKey() *Key {
	var seed [ed25519.SeedSize]byte
	rand.Read(seed[:]) // never fails
	return FromSeed(seed)
}

// FromSeed is the key that a secret of 32 bytes makes.
func FromSeed(seed [ed25519.SeedSize]byte) *Key { return &Key{ed25519.NewKeyFromSeed(seed[:])} }

// ParseKey reads what [Key.Text] wrote.
func ParseKey(b []byte) (*Key, error) {
	raw, err := parse(b, secretMark, ed25519.SeedSize, "signing key")
	if err != nil {
		return nil, err
	}
	return FromSeed([ed25519.SeedSize]byte(raw)), nil
}

// LoadKey reads the secret key in a file.
func LoadKey(path string) (*Key, error) {
	b, err := read(path)
	if err != nil {
		return nil, err
	}
	return ParseKey(b)
}

// Text is the key as its file has it.
func (k *Key) Text() []byte { return []byte(secretMark + hex.EncodeToString(k.private.Seed()) + "\n") }

// Public is the key's public half.
func (k *Key) Public() Public { return Public{k.private.Public().(ed25519.PublicKey)} }

// Sign is the signature of a message, in hexadecimal digits.
func (k *Key) Sign(message []byte) string {
	return hex.EncodeToString(ed25519.Sign(k.private, message))
}

// ParsePublic reads what [Public.Text] wrote, or the bare hexadecimal digits of [Public.String].
func ParsePublic(b []byte) (Public, error) {
	if !bytes.HasPrefix(b, []byte(publicMark)) && len(bytes.TrimSpace(b)) == 2*ed25519.PublicKeySize {
		b = append([]byte(publicMark), b...)
	}
	raw, err := parse(b, publicMark, ed25519.PublicKeySize, "public key")
	return Public{raw}, err
}

// LoadPublic reads the public key in a file; from a file with a secret key its public half.
func LoadPublic(path string) (Public, error) {
	b, err := read(path)
	if err != nil {
		return Public{}, err
	}
	if bytes.HasPrefix(b, []byte(secretMark)) {
		k, err := ParseKey(b)
		if err != nil {
			return Public{}, err
		}
		return k.Public(), nil
	}
	return ParsePublic(b)
}

// String is the key's 64 hexadecimal digits.
func (p Public) String() string { return hex.EncodeToString(p.key) }

// Text is the key as its file has it.
func (p Public) Text() []byte { return []byte(publicMark + p.String() + "\n") }

// ID is a short name of the key: 16 hexadecimal digits of its SHA-256.
func (p Public) ID() string {
	sum := sha256.Sum256(p.key)
	return hex.EncodeToString(sum[:8])
}

// Equal says whether both are the same key.
func (p Public) Equal(q Public) bool { return p.key.Equal(q.key) }

// Verify says whether the signature, in hexadecimal digits, is of the message and by this key.
func (p Public) Verify(message []byte, signature string) bool {
	sig, err := hex.DecodeString(signature)
	return err == nil && len(p.key) == ed25519.PublicKeySize && len(sig) == ed25519.SignatureSize && ed25519.Verify(p.key, message, sig)
}

func parse(b []byte, mark string, size int, what string) ([]byte, error) {
	rest, ok := strings.CutPrefix(strings.TrimRight(string(b), " \t\r\n"), strings.TrimSpace(mark)+" ")
	raw, err := hex.DecodeString(rest)
	if !ok || err != nil || len(raw) != size {
		return nil, fault.New(fault.Input, "the %s is damaged, or not one: want %q and %d hexadecimal digits", what, strings.TrimSpace(mark), 2*size)
	}
	return raw, nil
}

const maxFile = 4096 // a key's file is one line

func read(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if os.IsNotExist(err) {
		return nil, fault.New(fault.NotFound, "%w", err).WithHint("make a pair of keys with cineloop bundle keygen FILE")
	}
	if err == nil && st.Size() > maxFile {
		return nil, fault.New(fault.Input, "%s is too long to be a key", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Input, "reading the key: %w", err)
	}
	return b, nil
}
