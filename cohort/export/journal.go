package export

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cineloop/cineloop/internal/fault"
)

// journalFile notes finished pieces while an export runs.
const journalFile = ".export.jsonl"

// journal is a file of JSON lines: the request, then the finished pieces. Its last line may be half written by a killed run; it is then
// cut off.
type journal struct {
	path string
	f    *os.File
}

// openJournal makes out, or goes on with what an earlier run left there, and puts its pieces into done.
func openJournal(out, request string, done map[string]finished) (*journal, error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, fault.New(fault.Resource, "making the folder of the export: %w", err)
	}
	j := &journal{path: filepath.Join(out, journalFile)}
	_, err := os.Stat(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		entries, err := os.ReadDir(out)
		if err != nil {
			return nil, err
		}
		if len(entries) > 0 {
			return nil, fault.New(fault.Conflict, "%s is not empty and not of an export", out).WithHint("choose another folder")
		}
	}
	if j.f, err = os.OpenFile(j.path, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return nil, fault.New(fault.Resource, "opening the export's journal: %w", err)
	}
	if err := j.replay(request, done); err != nil {
		j.close()
		return nil, err
	}
	return j, nil
}

func (j *journal) replay(request string, done map[string]finished) error {
	type head struct {
		Request string `json:"request"`
	}
	r := bufio.NewReader(j.f)
	var at int64
	for n := 0; ; n++ {
		line, err := r.ReadBytes('\n')
		if err != nil { // the end, maybe in the midst of a line
			break
		}
		if n == 0 {
			var h head
			if err := json.Unmarshal(line, &h); err != nil || h.Request != request {
				return fault.New(fault.Conflict, "the folder holds an unfinished export of other data or options").WithHint("choose another folder, or remove it")
			}
		} else {
			var f finished
			if err := json.Unmarshal(line, &f); err != nil {
				break
			}
			done[f.Piece] = f
		}
		at += int64(len(line))
	}
	if err := j.f.Truncate(at); err != nil {
		return err
	}
	if _, err := j.f.Seek(at, io.SeekStart); err != nil {
		return err
	}
	if at == 0 {
		return j.write(head{request})
	}
	return nil
}

func (j *journal) add(f finished) error { return j.write(f) }

func (j *journal) write(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if _, err := j.f.Write(append(b, '\n')); err != nil {
		return fault.New(fault.Resource, "writing the export's journal: %w", err)
	}
	return nil
}

func (j *journal) close() { _ = j.f.Close() }

// remove drops the journal of a finished export.
func (j *journal) remove() error {
	j.close()
	return os.Remove(j.path)
}
