// Package escrow keeps what a pseudonym stood for, sealed: a file that only the holder of another key can read, for the day when a finding must reach its
// patient.
//
// A [Book] collects [Entry] values during a run; [Book.Write] seals them with age (age-encryption.org) for recipients whose identities are kept apart from the
// project's key. Without the file nothing here is lost but the way back: pseudonyms come from the key alone.
package escrow

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"filippo.io/age"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
)

// Entry is one pseudonym and what it stands for. It is patient data.
type Entry struct {
	Kind     string `json:"kind"`   // patient, study or accession
	Code     string `json:"code"`   // as it stands in the output
	Original string `json:"origin"` // as it stood in the input
	Name     string `json:"name,omitempty"`
	Days     int    `json:"days,omitempty"` // by which the patient's dates went into the past
	Key      string `json:"key_id"`         // which project key made it
}

// Book collects entries, each once. It is used by many goroutines at once.
type Book struct {
	mu   sync.Mutex
	seen map[Entry]bool
}

// New is an empty book.
func New() *Book { return &Book{seen: map[Entry]bool{}} }

// Add adds an entry.
func (b *Book) Add(e Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen[e] = true
}

// Entries are all of them in order.
func (b *Book) Entries() []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Entry, 0, len(b.seen))
	for e := range b.seen {
		out = append(out, e)
	}
	slices.SortFunc(out, func(x, y Entry) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Code, y.Code), cmp.Compare(x.Original, y.Original), cmp.Compare(x.Name, y.Name))
	})
	return out
}

// Recipients reads age recipients ("age1…"), one or several with commas.
func Recipients(s string) ([]age.Recipient, error) {
	var out []age.Recipient
	for p := range strings.SplitSeq(s, ",") {
		r, err := age.ParseX25519Recipient(strings.TrimSpace(p))
		if err != nil {
			return nil, fault.New(fault.Usage, "%q is no age recipient", p).WithHint("make a pair with cineloop deid escrow keygen FILE")
		}
		out = append(out, r)
	}
	return out, nil
}

// Identities reads a file of age identities.
func Identities(path string) ([]age.Identity, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.NotFound, "%w", err)
	}
	defer f.Close()
	ids, err := age.ParseIdentities(f)
	if err != nil {
		return nil, fault.New(fault.Input, "%s holds no age identity", path)
	}
	return ids, nil
}

// Write seals the book at path: whole or not at all, readable by its owner alone.
func (b *Book) Write(path string, to ...age.Recipient) error {
	err := atomicfile.Write(path, func(w io.Writer) error {
		z, err := age.Encrypt(w, to...)
		if err != nil {
			return err
		}
		enc := json.NewEncoder(z)
		enc.SetEscapeHTML(false)
		for _, e := range b.Entries() {
			if err := enc.Encode(e); err != nil {
				return err
			}
		}
		return z.Close()
	})
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	return err
}

// Read opens a sealed book and adds its entries to b.
func (b *Book) Read(path string, ids ...age.Identity) error {
	f, err := os.Open(path)
	if err != nil {
		return fault.New(fault.NotFound, "%w", err)
	}
	defer f.Close()
	r, err := age.Decrypt(f, ids...)
	if err != nil {
		return fault.New(fault.Input, "%s can't be opened with this identity", path)
	}
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for n := 1; sc.Scan(); n++ {
		var e Entry
		if err := json.Unmarshal(sc.Bytes(), &e); err != nil {
			return fault.New(fault.Input, "%s: line %d can't be read", path, n)
		}
		b.Add(e)
	}
	if err := sc.Err(); err != nil {
		return fault.New(fault.Input, "%s was changed or cut off", path)
	}
	return nil
}

// Find are the entries of a pseudonym.
func (b *Book) Find(code string) []Entry {
	var out []Entry
	for _, e := range b.Entries() {
		if e.Code == code {
			out = append(out, e)
		}
	}
	return out
}

var columns = []string{"kind", "code", "origin", "name", "days", "key_id"}

// Export writes the book as CSV, in the clear.
func (b *Book) Export(w io.Writer) error {
	c := csv.NewWriter(w)
	_ = c.Write(columns)
	for _, e := range b.Entries() {
		_ = c.Write([]string{e.Kind, e.Code, e.Original, e.Name, strconv.Itoa(e.Days), e.Key})
	}
	c.Flush()
	return c.Error()
}

// Import reads what Export wrote, or another system's table in that form.
func (b *Book) Import(data []byte) error {
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil || len(rows) == 0 || !slices.Equal(rows[0], columns) {
		return fault.New(fault.Input, "no table with the columns %s", strings.Join(columns, ","))
	}
	for i, r := range rows[1:] {
		e := Entry{Kind: r[0], Code: r[1], Original: r[2], Name: r[3], Key: r[5]}
		if e.Days, err = strconv.Atoi(r[4]); err != nil {
			return fault.New(fault.Input, "row %d: days: want a whole number", i+2)
		}
		b.Add(e)
	}
	return nil
}
