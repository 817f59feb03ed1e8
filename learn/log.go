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
	"github.com/cineloop/cineloop/learn/tensorboard"
)

// LogLine is a line of log.jsonl. Event is "start", "step", "epoch", "checkpoint" or "stop"; fields that an event does not have are left out.
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

// journal writes the log and the TensorBoard events of a run.
type journal struct {
	f      *os.File
	board  *tensorboard.Writer
	remote *remote // nil: the plan names no server
}

// openJournal starts or continues the log of dir. Lines after step are dropped: the steps they tell of are about to be done again.
func openJournal(dir string, step int) (*journal, error) {
	path := filepath.Join(dir, "log.jsonl")
	kept, err := linesUpTo(path, step)
	if err != nil {
		return nil, err
	}
	if err := atomicfile.WriteBytes(path, kept); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	board, err := tensorboard.Create(dir, int64(step))
	if err != nil {
		f.Close()
		return nil, err
	}
	return &journal{f: f, board: board}, nil
}

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

func (j *journal) write(l LogLine) error {
	if j == nil { // a process that does not keep the log
		return nil
	}
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("log line of step %d: %w", l.Step, err)
	}
	if _, err := j.f.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("writing the log: %w", err)
	}
	return j.chart(l)
}

// chart puts a line's numbers on TensorBoard, and on the server where there is one.
func (j *journal) chart(l LogLine) error {
	list := l.points()
	j.remote.log(l, list)
	if len(list) == 0 {
		return nil
	}
	var points []tensorboard.Scalar
	for _, p := range list {
		points = append(points, tensorboard.Scalar{Tag: p.name, Value: float32(p.value)})
	}
	return j.board.Scalars(int64(l.Step), points...)
}

func (j *journal) close() error { return errors.Join(j.f.Close(), j.board.Close()) }

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
