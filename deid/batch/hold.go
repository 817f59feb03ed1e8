package batch

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
)

// open makes the quarantine's folder and its index, which names the sources: it is for people who may see them.
func (b *books) open() error {
	if b.quarantine == "" {
		return nil
	}
	if err := os.MkdirAll(b.quarantine, 0o700); err != nil {
		return wrap(err)
	}
	var err error
	b.index, err = os.OpenFile(filepath.Join(b.quarantine, "index.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return wrap(err)
}

func (b *books) close() {
	if b.index != nil {
		b.index.Close()
	}
}

// hold copies a file into the quarantine, under its digest, and writes why.
func (b *books) hold(path string, rec Record) error {
	target := filepath.Join(b.quarantine, rec.Input+".dcm")
	if rec.Input == "" { // it could not be read: the index alone names it
		target = ""
	} else if st, err := os.Stat(target); err != nil || st.Size() != rec.Bytes {
		err := atomicfile.Write(target, func(w io.Writer) error {
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(w, f)
			return err
		})
		if err != nil {
			return fault.New(fault.CodeOf(wrap(err)), "copying a file into the quarantine: %w", err)
		}
		_ = os.Chmod(target, 0o600)
	}
	line, err := json.Marshal(struct {
		File   string `json:"file"`
		Source string `json:"source"`
		Why    string `json:"why"`
	}{filepath.Base(target), path, rec.Quarantine})
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	_, err = b.index.Write(append(line, '\n'))
	return wrap(err)
}
