package deid

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"math/big"
	"os"
	"strings"
	"sync"

	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// Key is a project's secret. Everything that stands for something else is an HMAC-SHA-256 under it, so every worker and every run
// makes the same of the same, and nobody without it can confirm a guess.
type Key struct {
	secret [32]byte
	ID     string // tells keys apart without giving anything away; 16 hexadecimal digits
	macs   sync.Pool

	mu   sync.Mutex
	uids map[string]string // cache: UIDs recur in every object of a study
}

const maxCachedUIDs = 1 << 15

const keyMark = "cineloop-deid-key-1 "

// NewKey is a fresh key.
func NewKey() *Key {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return keyOf(b)
}

func keyOf(secret [32]byte) *Key {
	k := &Key{secret: secret, uids: map[string]string{}}
	k.macs.New = func() any { return hmac.New(sha256.New, k.secret[:]) }
	sum := k.mac("key id", "")
	k.ID = hex.EncodeToString(sum[:8])
	return k
}

// ParseKey reads a key file: what [Key.Text] writes, or any 16 secret bytes or more, of which the SHA-256 is the key. White space at the end doesn't count.
func ParseKey(b []byte) (*Key, error) {
	b = bytes.TrimRight(b, " \t\r\n")
	if rest, ok := bytes.CutPrefix(b, []byte(keyMark)); ok {
		raw, err := hex.DecodeString(string(rest))
		if err != nil || len(raw) != 32 {
			return nil, fault.New(fault.Input, "the key file is damaged: want 64 hexadecimal digits after %q", strings.TrimSpace(keyMark))
		}
		return keyOf([32]byte(raw)), nil
	}
	if len(b) < 16 {
		return nil, fault.New(fault.Input, "the key file has %d bytes: a key has at least 16", len(b)).WithHint("make one with cineloop deid keygen FILE")
	}
	return keyOf(sha256.Sum256(b)), nil
}

// LoadKey reads the key file at path.
func LoadKey(path string) (*Key, error) {
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, fault.New(fault.NotFound, "%w", err).WithHint("make one with cineloop deid keygen FILE, and keep it where the patients' data are")
	}
	if err != nil {
		return nil, fault.New(fault.Input, "reading the key: %w", err)
	}
	return ParseKey(b)
}

// Text is the key as a key file has it.
func (k *Key) Text() []byte { return []byte(keyMark + hex.EncodeToString(k.secret[:]) + "\n") }

// mac is HMAC-SHA-256 over a purpose and a value, kept apart by a zero byte.
func (k *Key) mac(purpose, value string) (sum [32]byte) {
	h := k.macs.Get().(hash.Hash)
	h.Reset()
	h.Write(append(append([]byte(purpose), 0), value...))
	h.Sum(sum[:0])
	k.macs.Put(h)
	return sum
}

// UID is the UID that stands for u: under 2.25, 122 bits of the HMAC. UIDs that the standard registers stand for themselves.
func (k *Key) UID(u string) string {
	if u == "" {
		return ""
	}
	k.mu.Lock()
	known, ok := k.uids[u]
	k.mu.Unlock()
	if ok {
		return known
	}
	if _, registered := uid.Lookup(u); registered {
		return u
	}
	sum := k.mac("uid", u)
	b := sum[:16]
	b[6] = b[6]&0x0F | 0x80 // RFC 9562 version 8
	b[8] = b[8]&0x3F | 0x80
	out := "2.25." + new(big.Int).SetBytes(b).String()
	k.mu.Lock()
	if len(k.uids) >= maxCachedUIDs {
		clear(k.uids)
	}
	k.uids[u] = out
	k.mu.Unlock()
	return out
}

// codeKind says what a pseudonym stands for, so that equal values of different kinds get different ones.
type codeKind byte

const (
	codePatient codeKind = iota + 1
	codeAccession
	codeDevice
	codeStation
)

var codePrefix = [...]string{codePatient: "P", codeAccession: "A", codeDevice: "D", codeStation: "S"}

var codeAlphabet = base32.NewEncoding("ABCDEFGHJKLMNPQRSTUVWXYZ23456789").WithPadding(base32.NoPadding)

// Code is the pseudonym of a value: a letter for its kind and 15 characters, 75 bits, that fit VR SH.
func (k *Key) code(kind codeKind, value string) string {
	sum := k.mac("code "+codePrefix[kind], value)
	return codePrefix[kind] + codeAlphabet.EncodeToString(sum[:10])[:15]
}

// Name is a name for a file or folder, from what it holds: eight capitals and digits, 40 bits, as PS3.10 section 8.2 allows them in a file set.
func (k *Key) Name(kind, value string) string {
	sum := k.mac("name "+kind, value)
	return codeAlphabet.EncodeToString(sum[:5])
}

// PatientCode is the pseudonym of a patient's identity.
func (k *Key) PatientCode(identity string) string { return k.code(codePatient, identity) }

// shift is the number of days, from min to max, by which a patient's dates go into the past.
func (k *Key) shift(identity string, min, max int) int {
	sum := k.mac("shift", identity)
	return min + int(binary.BigEndian.Uint64(sum[:8])%uint64(max-min+1))
}

// SigningSeed is the seed of the key that signs manifests; it gives nothing of the project's key away.
func (k *Key) SigningSeed() [32]byte { return k.mac("manifest signature", "") }
