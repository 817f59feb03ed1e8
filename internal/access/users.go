package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/strictyaml"
)

// Argon2id with 19 MiB, two passes, one lane: the OWASP password storage cheat sheet's first recommendation; RFC 9106 for the function.
const (
	argonTime   = 2
	argonKiB    = 19 << 10
	argonLanes  = 1
	argonLength = 32

	// MinPassword is how many characters a password has at least (NIST SP 800-63B-4, 3.1.1.2, where it is the only factor: 15).
	MinPassword = 15
	maxPassword = 256
)

// User is somebody with a password.
type User struct {
	Name string
	salt []byte
	hash []byte
	cost cost
}

// cost is what a hash was made with; files with other costs than today's stay readable.
type cost struct{ time, kib, lanes int }

type userFile struct {
	Version int        `yaml:"version"`
	Users   []fileUser `yaml:"users"`
}

type fileUser struct {
	Name     string `yaml:"name"`
	Argon2id string `yaml:"argon2id"` // base64
	Salt     string `yaml:"salt"`     // base64
	Time     int    `yaml:"time"`
	KiB      int    `yaml:"kib"`
	Lanes    int    `yaml:"lanes"`
}

var userName = regexp.MustCompile(`^[\pL\pN][\pL\pN._@-]{0,63}$`)

// ReadUsers reads a file of users. Codes: notfound, input, conflict (of a newer version).
func ReadUsers(path string) ([]User, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "there is no file of users at %s", path)
	}
	var f userFile
	if err := strictyaml.ReadFile(path, &f); err != nil {
		return nil, err
	}
	if f.Version != 1 {
		return nil, fault.New(fault.Conflict, "%s has version %d, this program knows 1", path, f.Version)
	}
	out := make([]User, len(f.Users))
	for i, u := range f.Users {
		hash, err1 := base64.StdEncoding.DecodeString(u.Argon2id)
		salt, err2 := base64.StdEncoding.DecodeString(u.Salt)
		if !userName.MatchString(u.Name) || err1 != nil || err2 != nil || len(hash) != argonLength || len(salt) < 8 ||
			u.Time < 1 || u.Time > 16 || u.KiB < 8 || u.KiB > 1<<20 || u.Lanes < 1 || u.Lanes > 16 {
			return nil, fault.New(fault.Input, "%s, user %d: this is no password's hash", path, i+1)
		}
		out[i] = User{u.Name, salt, hash, cost{u.Time, u.KiB, u.Lanes}}
	}
	return out, nil
}

// SetPassword notes a user's password in the file, which is made if it is not there; an older one of the same user is replaced. Code usage
// for a name or password that will not do.
func SetPassword(path, name, password string) error {
	if !userName.MatchString(name) {
		return fault.New(fault.Usage, "a user's name has letters, digits and . _ @ -, at most 64")
	}
	if n := utf8.RuneCountInString(password); n < MinPassword || len(password) > maxPassword {
		return fault.New(fault.Usage, "a password has at least %d characters and at most %d bytes", MinPassword, maxPassword)
	}
	list, err := ReadUsers(path)
	if err != nil && fault.CodeOf(err) != fault.NotFound {
		return err
	}
	u := User{Name: name, salt: make([]byte, 16), cost: cost{argonTime, argonKiB, argonLanes}}
	rand.Read(u.salt)
	u.hash = u.of(password)
	list = append(slices.DeleteFunc(list, func(o User) bool { return o.Name == name }), u)
	return writeUsers(path, list)
}

// RemoveUser takes a user out of the file. Code notfound where there is none of that name.
func RemoveUser(path, name string) error {
	list, err := ReadUsers(path)
	if err != nil {
		return err
	}
	n := len(list)
	if list = slices.DeleteFunc(list, func(u User) bool { return u.Name == name }); len(list) == n {
		return fault.New(fault.NotFound, "there is no user with this name")
	}
	return writeUsers(path, list)
}

func writeUsers(path string, list []User) error {
	f := userFile{Version: 1}
	for _, u := range list {
		f.Users = append(f.Users, fileUser{u.Name, base64.StdEncoding.EncodeToString(u.hash), base64.StdEncoding.EncodeToString(u.salt), u.cost.time, u.cost.kib, u.cost.lanes})
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

func (u User) of(password string) []byte {
	return argon2.IDKey([]byte(password), u.salt, uint32(u.cost.time), uint32(u.cost.kib), uint8(u.cost.lanes), argonLength)
}

// Passwords checks passwords against a file of users, which is read again for every check: who was removed is out at once.
type Passwords struct {
	path  string
	slots chan struct{} // of the memory that hashing takes
}

// OpenPasswords prepares checks against the file at path; it need not be there yet.
func OpenPasswords(path string) *Passwords {
	return &Passwords{path: path, slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
}

// nobody is hashed against when there is no such user, so that the time tells nothing.
var nobody = sync.OnceValue(func() User {
	u := User{salt: make([]byte, 16), hash: make([]byte, argonLength), cost: cost{argonTime, argonKiB, argonLanes}}
	rand.Read(u.salt)
	rand.Read(u.hash)
	return u
})

// Stamp changes whenever the user's password does; ok is false for whoever is not in the file. Sessions remember it.
func (p *Passwords) Stamp(name string) (stamp string, ok bool) {
	list, err := ReadUsers(p.path)
	if err != nil {
		return "", false
	}
	for _, u := range list {
		if u.Name == name {
			return base64.StdEncoding.EncodeToString(u.hash), true
		}
	}
	return "", false
}

// Any says whether anybody is in the file.
func (p *Passwords) Any() bool {
	list, err := ReadUsers(p.path)
	return err == nil && len(list) > 0
}

// Check says whether it is the user's password. An unknown name takes as long as a wrong password.
func (p *Passwords) Check(name, password string) bool {
	if len(password) > maxPassword {
		return false
	}
	list, err := ReadUsers(p.path)
	u, known := nobody(), false
	if i := slices.IndexFunc(list, func(u User) bool { return u.Name == name }); err == nil && i >= 0 {
		u, known = list[i], true
	}
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
	return subtle.ConstantTimeCompare(u.of(password), u.hash) == 1 && known
}
