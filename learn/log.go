package learn

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cineloop/cineloop/internal/atomicfile"
)

// LogLine is a line of log.jsonl. Event is "start", "step", "epoch" or "stop"; fields that an event does not have are left out.
type LogLine struct {
	Event     string             `json:"event"`
	Epoch     int                `json:"epoch"` // from 0
	Step      int                `json:"step"`  // optimiser steps done
	Time      string             `json:"time,omitempty"`
	Loss      *float64           `json:"loss,omitempty"` // of the step; of an epoch, the mean over its training rows
	LR        float64            `json:"lr,omitempty"`
	GradNorm  *float64           `json:"grad_norm,omitempty"`
	Val       map[string]float64 `json:"val,omitempty"` // "loss" and "target.metric" on the validation rows
	Best      bool               `json:"best,omitempty"`
	Seconds   float64            `json:"seconds,omitempty"`      // wall-clock time of the step or epoch
	Wait      float64            `json:"wait_seconds,omitempty"` // of it, spent waiting for the loader
	Rows      int                `json:"rows,omitempty"`
	Reason    string             `json:"reason,omitempty"`       // of a stop
	Weights   map[string]float64 `json:"loss_weights,omitempty"` // of the targets, where they are learnt
	Undefined map[string]string  `json:"undefined,omitempty"`
	Dead      []string           `json:"dead,omitempty"` // "target: class" for which no item of the epoch found evidence
}

// journal is the observer that writes log.jsonl in dir.
type journal struct {
	dir string
	f   *os.File
}

// Started begins the log or goes on with it. Lines after the step are dropped: the steps they tell of are about to be done again.
func (j *journal) Started(at Start) error {
	path := filepath.Join(j.dir, "log.jsonl")
	kept, err := linesUpTo(path, at.Step)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(path, kept); err != nil {
		return err
	}
	if j.f, err = os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	return nil
}

// Logged writes a line, whole when it returns.
func (j *journal) Logged(l LogLine, _ Progress) error {
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("log line of step %d: %w", l.Step, err)
	}
	if _, err := j.f.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("writing the log: %w", err)
	}
	return nil
}

// Ended closes the log; every line was written when it was made.
func (j *journal) Ended(error) { _ = j.f.Close() }

// linesUpTo is the log's whole lines that belong to the state after step optimiser steps. A torn last line is dropped.
func linesUpTo(path string, step int) ([]byte, error) {
	if step == 0 {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	var kept []byte
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(nil, 1<<24)
	for sc.Scan() {
		var l LogLine
		if json.Unmarshal(sc.Bytes(), &l) != nil {
			continue
		}
		if l.Step <= step && l.Event != "stop" {
			kept = append(append(kept, sc.Bytes()...), '\n')
		}
	}
	return kept, sc.Err()
}

// ReadLog reads a run's log.jsonl. A torn last line, as a killed run leaves it, is left out.
func ReadLog(path string) ([]LogLine, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	defer f.Close()
	var out []LogLine
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<24)
	for sc.Scan() {
		var l LogLine
		if json.Unmarshal(sc.Bytes(), &l) == nil {
			out = append(out, l)
		}
	}
	return out, sc.Err()
}
