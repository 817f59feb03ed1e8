package tensorboard

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Writer appends events to one file. Every event is written at once: a killed run leaves whole records, and at most one torn one.
type Writer struct {
	f   *os.File
	now func() time.Time
}

// Create starts an event file in dir. fromStep > 0 says that a run is resumed there: TensorBoard drops the points that the earlier
// files of dir have at that step or later.
func Create(dir string, fromStep int64) (*Writer, error) {
	return create(dir, fromStep, time.Now)
}

func create(dir string, fromStep int64, now func() time.Time) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("tensorboard: %w", err)
	}
	// TensorBoard reads a folder's files in the order of their names, which must contain "tfevents"; nanoseconds keep two starts
	// within one second apart.
	name := fmt.Sprintf("events.out.tfevents.%019d.cineloop", now().UnixNano())
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("tensorboard: %w", err)
	}
	w := &Writer{f: f, now: now}
	err = w.write(Event{FileVersion: "brain.Event:2"})
	if err == nil && fromStep > 0 {
		err = w.write(Event{Step: fromStep, Restart: true})
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return w, nil
}

func (w *Writer) write(e Event) error {
	e.WallTime = float64(w.now().UnixNano()) / 1e9
	if _, err := w.f.Write(appendRecord(nil, e.marshal())); err != nil {
		return fmt.Errorf("tensorboard: %w", err)
	}
	return nil
}

// Scalars writes the points of one step.
func (w *Writer) Scalars(step int64, points ...Scalar) error {
	return w.write(Event{Step: step, Scalars: points})
}

// Close closes the file.
func (w *Writer) Close() error { return w.f.Close() }

// Read reads all whole events of r. A torn last record, as a killed run leaves it, ends the reading without an error.
func Read(r io.Reader) ([]Event, error) {
	br := bufio.NewReader(r)
	var out []Event
	for {
		rec, err := readRecord(br)
		switch {
		case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
			return out, nil
		case err != nil:
			return out, err
		}
		e, err := unmarshal(rec)
		if err != nil {
			return out, err
		}
		out = append(out, e)
	}
}
