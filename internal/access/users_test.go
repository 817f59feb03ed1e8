package access

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"

	"github.com/cineloop/cineloop/internal/fault"
)

const good = "correct horse battery"

func TestPasswords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.yaml")
	p := OpenPasswords(path)
	if p.Check("ann", good) {
		t.Error("a file that is not there lets somebody in")
	}
	for _, c := range [][2]string{{"ann", "short"}, {"ann", strings.Repeat("é", 14)}, {"ann", strings.Repeat("x", 257)}, {"", good}, {"a b", good}, {"../x", good}} {
		if err := SetPassword(path, c[0], c[1]); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%q: %v", c[0], err)
		}
	}
	for _, name := range []string{"ann", "bob"} {
		if err := SetPassword(path, name, good+name); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, password string
		want           bool
	}{{"ann", good + "ann", true}, {"bob", good + "bob", true}, {"ann", good + "bob", false}, {"ann", "", false}, {"", "", false}, {"carl", good + "ann", false},
		{"ann", good + "ann ", false}, {"Ann", good + "ann", false}, {"ann", strings.Repeat("x", 1<<20), false}} {
		if got := p.Check(c.name, c.password); got != c.want {
			t.Errorf("%q: %v", c.name, got)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(b), "horse") {
		t.Error("the file holds a password")
	}
	if st, _ := os.Stat(path); st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", st.Mode())
	}
	list, _ := ReadUsers(path)
	if string(list[0].salt) == string(list[1].salt) {
		t.Error("one salt for two")
	}

	before, ok := p.Stamp("ann")
	if !ok {
		t.Fatal("no stamp")
	}
	if err := SetPassword(path, "ann", "another one, quite long"); err != nil {
		t.Fatal(err)
	}
	if after, _ := p.Stamp("ann"); after == before {
		t.Error("a new password leaves the stamp as it was")
	}
	if p.Check("ann", good+"ann") || !p.Check("ann", "another one, quite long") {
		t.Error("the old password still counts")
	}
	if err := RemoveUser(path, "ann"); err != nil {
		t.Fatal(err)
	}
	if _, ok := p.Stamp("ann"); ok || p.Check("ann", "another one, quite long") || !p.Check("bob", good+"bob") {
		t.Error("who was removed is still there, or the others are not")
	}
	if err := RemoveUser(path, "ann"); fault.CodeOf(err) != fault.NotFound {
		t.Error(err)
	}
}

// TestArgon2id holds the function against RFC 9106's order of parameters, by the vector that the reference implementation prints for
// argon2id, t=2, m=64 KiB, p=1, "password", "somesalt", 24 bytes (its own test has the same).
func TestArgon2id(t *testing.T) {
	if got := hex.EncodeToString(argon2.IDKey([]byte("password"), []byte("somesalt"), 2, 64, 1, 24)); got != "068d62b26455936aa6ebe60060b0a65870dbfa3ddf8d41f7" {
		t.Error(got)
	}
}

func TestUserFiles(t *testing.T) {
	hash := strings.Repeat("A", 43) + "="
	for name, c := range map[string]struct {
		text string
		code fault.Code
	}{
		"version": {"version: 2\nusers: []\n", fault.Conflict},
		"hash":    {"version: 1\nusers: [{name: a, argon2id: AAAA, salt: AAAAAAAAAAAAAAAAAAAAAA==, time: 2, kib: 19456, lanes: 1}]\n", fault.Input},
		"salt":    {"version: 1\nusers: [{name: a, argon2id: " + hash + ", salt: '', time: 2, kib: 19456, lanes: 1}]\n", fault.Input},
		"memory":  {"version: 1\nusers: [{name: a, argon2id: " + hash + ", salt: AAAAAAAAAAAAAAAAAAAAAA==, time: 2, kib: 99999999, lanes: 1}]\n", fault.Input},
		"time":    {"version: 1\nusers: [{name: a, argon2id: " + hash + ", salt: AAAAAAAAAAAAAAAAAAAAAA==, time: 0, kib: 19456, lanes: 1}]\n", fault.Input},
	} {
		path := filepath.Join(t.TempDir(), "users.yaml")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadUsers(path); fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
		if OpenPasswords(path).Check("a", good) {
			t.Errorf("%s: a broken file lets somebody in", name)
		}
	}
}
