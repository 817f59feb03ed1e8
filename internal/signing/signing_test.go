package signing

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

// TestVector is the first test of RFC 8032, section 7.1: an empty message.
func TestVector(t *testing.T) {
	seed, _ := hex.DecodeString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
	k := FromSeed([32]byte(seed))
	if got, want := k.Public().String(), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"; got != want {
		t.Errorf("public key %s, want %s", got, want)
	}
	want := "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
	if got := k.Sign(nil); got != want {
		t.Errorf("signature %s", got)
	}
	if !k.Public().Verify(nil, want) || k.Public().Verify([]byte{0}, want) || k.Public().Verify(nil, want[2:]) || k.Public().Verify(nil, "zz") {
		t.Error("verification")
	}
	if NewKey().Public().Verify(nil, want) || (Public{}).Verify(nil, want) {
		t.Error("another key verifies")
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	k := NewKey()
	secret, public := filepath.Join(dir, "k"), filepath.Join(dir, "k.pub")
	for path, b := range map[string][]byte{secret: k.Text(), public: k.Public().Text()} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	back, err := LoadKey(secret)
	if err != nil || !back.Public().Equal(k.Public()) {
		t.Errorf("secret: %v", err)
	}
	for _, path := range []string{secret, public} {
		p, err := LoadPublic(path)
		if err != nil || !p.Equal(k.Public()) || p.ID() != k.Public().ID() || len(p.ID()) != 16 {
			t.Errorf("%s: %v", path, err)
		}
	}
	if p, err := ParsePublic([]byte(k.Public().String() + "\n")); err != nil || !p.Equal(k.Public()) {
		t.Errorf("bare digits: %v", err)
	}
	if _, err := LoadKey(public); fault.CodeOf(err) != fault.Input {
		t.Errorf("a public key as a secret one: %v", err)
	}
	if _, err := LoadKey(filepath.Join(dir, "none")); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("absent: %v", err)
	}
	if err := os.WriteFile(public, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadPublic(public); fault.CodeOf(err) != fault.Input {
		t.Errorf("a long file: %v", err)
	}
}

func TestDamagedKeys(t *testing.T) {
	good := string(NewKey().Text())
	for _, s := range []string{"", "x", good[:len(good)-3], strings.Replace(good, "-1 ", "-2 ", 1), good + good, secretMark} {
		if _, err := ParseKey([]byte(s)); fault.CodeOf(err) != fault.Input {
			t.Errorf("%q: %v", s, err)
		}
		if _, err := ParsePublic([]byte(s)); fault.CodeOf(err) != fault.Input {
			t.Errorf("public %q: %v", s, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	k := FromSeed([32]byte{1})
	f.Add(k.Text())
	f.Add(k.Public().Text())
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := ParseKey(b); err == nil {
			if again, err := ParseKey(k.Text()); err != nil || !again.Public().Equal(k.Public()) {
				t.Fatal("a key does not survive its own file")
			}
		}
		if p, err := ParsePublic(b); err == nil && len(p.String()) != 64 {
			t.Fatal("a public key of another size")
		}
	})
}
