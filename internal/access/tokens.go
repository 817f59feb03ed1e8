package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/strictyaml"
)

// Token is what the file knows of a token.
type Token struct {
	Name    string
	Roles   []Role
	Created time.Time
	Expires time.Time // zero: never

	digest [sha256.Size]byte
}

func (t Token) principal() Principal { return Principal{Name: t.Name, Roles: t.Roles} }

// file is the form of the file.
type file struct {
	Version int         `yaml:"version"`
	Tokens  []fileToken `yaml:"tokens"`
}

type fileToken struct {
	Name    string   `yaml:"name"`
	Roles   []string `yaml:"roles"`
	SHA256  string   `yaml:"sha256"`
	Created string   `yaml:"created"`
	Expires string   `yaml:"expires"`
}

// ReadTokens reads a file of tokens.
func ReadTokens(path string) ([]Token, error) {
	var f file
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "there is no file of tokens at %s", path)
	}
	if err := strictyaml.ReadFile(path, &f); err != nil {
		return nil, err
	}
	if f.Version != 1 {
		return nil, fault.New(fault.Conflict, "%s has version %d, this program knows 1", path, f.Version)
	}
	out := make([]Token, len(f.Tokens))
	for i, ft := range f.Tokens {
		t, err := ft.token()
		if err != nil {
			return nil, fault.New(fault.Input, "%s, token %d: %w", path, i+1, err)
		}
		out[i] = t
	}
	return out, nil
}

func (ft fileToken) token() (Token, error) {
	t := Token{Name: ft.Name}
	d, err := hex.DecodeString(ft.SHA256)
	if err != nil || len(d) != sha256.Size {
		return t, errors.New("sha256 is not 64 hexadecimal digits")
	}
	copy(t.digest[:], d)
	for _, r := range ft.Roles {
		if !slices.Contains(Roles, Role(r)) {
			return t, errors.New("roles are read, write, admin")
		}
		t.Roles = append(t.Roles, Role(r))
	}
	for _, m := range []struct {
		text string
		to   *time.Time
	}{{ft.Created, &t.Created}, {ft.Expires, &t.Expires}} {
		if m.text == "" {
			continue
		}
		if *m.to, err = time.Parse(time.RFC3339, m.text); err != nil {
			return t, errors.New("times are as 2026-01-31T12:00:00Z")
		}
	}
	return t, nil
}

var goodName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

// Add makes a token, notes its digest in the file (made if it is not there) and returns the token, which nothing else knows.
func Add(path, name string, roles []Role, expires time.Time) (string, error) {
	if !goodName.MatchString(name) {
		return "", fault.New(fault.Usage, "a token's name has letters, digits and . _ @ -, at most 64")
	}
	if len(roles) == 0 {
		return "", fault.New(fault.Usage, "a token needs a role: read, write, admin")
	}
	list, err := ReadTokens(path)
	if err != nil && fault.CodeOf(err) != fault.NotFound {
		return "", err
	}
	if slices.ContainsFunc(list, func(t Token) bool { return t.Name == name }) {
		return "", fault.New(fault.Conflict, "there is a token with this name").WithHint("remove it first")
	}
	secret := "clp_" + rand.Text() + rand.Text()
	t := Token{Name: name, Roles: roles, Created: time.Now().UTC().Truncate(time.Second), Expires: expires, digest: sha256.Sum256([]byte(secret))}
	for _, r := range roles {
		if !slices.Contains(Roles, r) {
			return "", fault.New(fault.Usage, "roles are read, write, admin")
		}
	}
	return secret, write(path, append(list, t))
}

// Remove takes a token away.
func Remove(path, name string) error {
	list, err := ReadTokens(path)
	if err != nil {
		return err
	}
	n := len(list)
	if list = slices.DeleteFunc(list, func(t Token) bool { return t.Name == name }); len(list) == n {
		return fault.New(fault.NotFound, "there is no token with this name")
	}
	return write(path, list)
}

func write(path string, list []Token) error {
	f := file{Version: 1}
	for _, t := range list {
		ft := fileToken{Name: t.Name, SHA256: hex.EncodeToString(t.digest[:]), Created: t.Created.Format(time.RFC3339)}
		for _, r := range t.Roles {
			ft.Roles = append(ft.Roles, string(r))
		}
		if !t.Expires.IsZero() {
			ft.Expires = t.Expires.UTC().Format(time.RFC3339)
		}
		f.Tokens = append(f.Tokens, ft)
	}
	b, err := strictyaml.Marshal(f)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(path, b); err != nil {
		return err
	}
	return os.Chmod(path, 0o600)
}
