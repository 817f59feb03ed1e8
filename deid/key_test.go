package deid

import (
	"crypto/hmac"
	"crypto/sha256"
	"math/big"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom/uid"
)

var testKey, _ = ParseKey([]byte("a secret of the tests, long enough"))

func TestKeyFiles(t *testing.T) {
	k := NewKey()
	back, err := ParseKey(k.Text())
	if err != nil || back.ID != k.ID || back.UID("1.2.3.4.5.6") != k.UID("1.2.3.4.5.6") {
		t.Errorf("%v", err)
	}
	if _, err := ParseKey([]byte("short")); err == nil {
		t.Error("a key of five bytes")
	}
	if _, err := ParseKey([]byte(keyMark + "zz")); err == nil {
		t.Error("a damaged key")
	}
	a, _ := ParseKey([]byte("sixteen bytes ok\n"))
	b, _ := ParseKey([]byte("sixteen bytes ok"))
	if a.ID != b.ID {
		t.Error("a line end makes another key")
	}
	if strings.Contains(string(k.Text()), k.ID) {
		t.Error("the id is part of the secret")
	}
}

// The construction by hand: HMAC-SHA-256 of "uid", a zero byte and the UID, 128 bits of it, as an integer under 2.25.
func TestUIDs(t *testing.T) {
	m := hmac.New(sha256.New, testKey.secret[:])
	m.Write([]byte("uid\x001.2.840.99999.1"))
	b := m.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0F|0x80, b[8]&0x3F|0x80
	want := "2.25." + new(big.Int).SetBytes(b).String()
	if got := testKey.UID("1.2.840.99999.1"); got != want || !uid.Valid(got) {
		t.Errorf("%s, want %s", got, want)
	}
	for _, registered := range []string{uid.CTImageStorage, uid.ImplicitVRLittleEndian, "1.2.840.10008.1.4.1.1"} {
		if testKey.UID(registered) != registered {
			t.Errorf("%s was replaced", registered)
		}
	}
	if testKey.UID("1.2.3.4.5") == NewKey().UID("1.2.3.4.5") {
		t.Error("two keys agree")
	}
}

func TestCodes(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range []codeKind{codePatient, codeAccession, codeDevice, codeStation} {
		c := testKey.code(kind, "12345678")
		if len(c) != 16 || seen[c[1:]] || strings.Contains(c, "1234") {
			t.Errorf("%q", c)
		}
		seen[c[1:]] = true
	}
	counts := map[int]int{}
	for i := range 2000 {
		d := testKey.shift(string(rune(i)), 30, 1800)
		if d < 30 || d > 1800 {
			t.Fatalf("%d days", d)
		}
		counts[d/300]++
	}
	if len(counts) < 6 {
		t.Errorf("shifts are not spread: %v", counts)
	}
}
