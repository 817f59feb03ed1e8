package batch

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/cineloop/cineloop/internal/atomicfile"
)

// journal is an append-only list of finished files in the output's state folder. A line that a crash cut off is passed over; a file it names is done
// only if its output is there and has the digest that the line says.
type journal struct {
	mu   sync.Mutex
	f    *os.File
	done map[string]entry // by input digest
}

const mainJournal = "journal.jsonl"

// entry is a journal's line.
type entry struct {
	Run    string `json:"run"` // policy and key: lines of others are not taken
	Record Record `json:"record"`
	Row    *Row   `json:"row,omitempty"`
}

// openJournal reads what all journals of the folder say, and opens the one of that name to go on.
func openJournal(out, run, name string) (*journal, error) {
	j := &journal{done: map[string]entry{}}
	others, err := filepath.Glob(filepath.Join(out, StateDir, "journal*.jsonl"))
	if err != nil {
		return nil, err
	}
	for _, path := range others {
		if err := j.read(path, run); err != nil {
			return nil, err
		}
	}
	if j.f, err = os.OpenFile(filepath.Join(out, StateDir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
		return nil, wrap(err)
	}
	// A line that was cut off must not swallow the next one.
	_, err = j.f.WriteString("\n")
	return j, wrap(err)
}

func (j *journal) read(path, run string) error {
	old, err := os.Open(path)
	if err != nil {
		return wrap(err)
	}
	defer old.Close()
	sc := bufio.NewScanner(old)
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		var e entry
		if json.Unmarshal(sc.Bytes(), &e) == nil && e.Run == run && len(e.Record.Input) == 64 {
			j.done[e.Record.Input] = e
		}
	}
	return nil
}

func (j *journal) add(e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, err = j.f.Write(append(line, '\n'))
	return wrap(err)
}

// find is what an earlier run, broken off, did with a file of this digest.
func (j *journal) find(out, digest string) (entry, bool) {
	e, ok := j.done[digest]
	if !ok {
		return e, false
	}
	if e.Record.Status == Written {
		sum, err := hashFile(filepath.Join(out, filepath.FromSlash(e.Record.Output)))
		if err != nil || sum != e.Record.Digest {
			return e, false
		}
	}
	return e, true
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, f, make([]byte, 256<<10)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// settle writes the journal of a finished run anew, in the order of the digests: a repeated run needs it, and it must not tell in which order the work
// was done.
func (b *books) settle(opt Options) error {
	rows := make(map[string]*Row, len(b.rows))
	for _, r := range b.rows {
		rows[r.Path] = r
	}
	err := atomicfile.Write(filepath.Join(opt.Out, StateDir, mainJournal), func(w io.Writer) error {
		for i := range b.records {
			if i > 0 && b.records[i].Input == b.records[i-1].Input {
				continue
			}
			line, err := json.Marshal(entry{opt.Profile.Digest + " " + opt.Key.ID, b.records[i], rows[b.records[i].Output]})
			if err != nil {
				return err
			}
			if _, err := w.Write(append(line, '\n')); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	others, _ := filepath.Glob(filepath.Join(opt.Out, StateDir, "journal-*.jsonl"))
	for _, path := range others { // of workers on other machines: all they did stands in the main one now
		if err := os.Remove(path); err != nil {
			return wrap(err)
		}
	}
	return nil
}
