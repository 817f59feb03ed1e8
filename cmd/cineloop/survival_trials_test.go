package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/methods/survival/protocol"
)

// A journal keeps whole lines, drops one that was cut off, and refuses a file of something else.
func TestTrialsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trials.jsonl")
	j, err := openTrials(path)
	if err != nil {
		t.Fatal(err)
	}
	v := 0.5
	for k := range 2 {
		if err := j.Write(protocol.Trial{Dataset: "d", Model: "m", Fold: 1, Index: k, Score: &v}); err != nil {
			t.Fatal(err)
		}
	}
	j.close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(whole, `{"dataset":"d","mod`...), 0o644); err != nil {
		t.Fatal(err)
	}
	if j, err = openTrials(path); err != nil {
		t.Fatal(err)
	}
	if err := j.Write(protocol.Trial{Dataset: "d", Model: "m", Fold: 2}); err != nil {
		t.Fatal(err)
	}
	j.close()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got[:len(whole)]) != string(whole) || got[len(got)-1] != '\n' {
		t.Errorf("the journal is %q", got)
	}
	if j, err = openTrials(path); err != nil {
		t.Errorf("after a cut-off line: %v", err)
	}
	j.close()
	if err := os.WriteFile(path, []byte("time,event\n1,0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := openTrials(path); fault.CodeOf(err) != fault.Input {
		t.Errorf("a table as a journal: %v", err)
	}
	none, err := openTrials("")
	if err != nil || none.file != nil {
		t.Errorf("no journal: %v", err)
	}
}
