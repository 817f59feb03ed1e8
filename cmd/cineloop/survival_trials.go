package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/survival/protocol"
)

// trials is a search's journal in a file, one JSON object a line.
type trials struct {
	protocol.Journal
	file *os.File
}

// openTrials reads the journal at path, if there is one, and goes on writing to it; an empty path remembers nothing. A last line that was
// cut off, as a killed process leaves it, is dropped; any other line that cannot be read is an Input error.
func openTrials(path string) (*trials, error) {
	t := &trials{}
	if path == "" {
		return t, nil
	}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	whole := bytes.LastIndexByte(data, '\n') + 1
	lines := bufio.NewScanner(bytes.NewReader(data[:whole]))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var trial protocol.Trial
		if err := json.Unmarshal(lines.Bytes(), &trial); err != nil || trial.Dataset == "" || trial.Model == "" {
			return nil, fault.New(fault.Input, "%s, line %d: not a trial of a search", path, n).WithHint("name another --journal, or remove the line")
		}
		t.Add(trial)
	}
	if err := lines.Err(); err != nil {
		return nil, fault.New(fault.Input, "%s: %w", path, err)
	}
	if t.file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644); err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	if err := t.file.Truncate(int64(whole)); err != nil {
		t.close()
		return nil, fmt.Errorf("the journal: %w", err)
	}
	if _, err := t.file.Seek(int64(whole), 0); err != nil {
		t.close()
		return nil, fmt.Errorf("the journal: %w", err)
	}
	t.Write = func(trial protocol.Trial) error {
		line, err := json.Marshal(trial)
		if err != nil {
			return err
		}
		if _, err := t.file.Write(append(line, '\n')); err != nil {
			return fault.New(fault.Resource, "writing the journal: %w", err)
		}
		return nil
	}
	return t, nil
}

func (t *trials) close() {
	if t.file != nil {
		_ = t.file.Close() // every line was written when it was made
	}
}
