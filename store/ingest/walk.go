package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cineloop/cineloop/internal/fault"
)

// item is one file of a source, in a folder or inside archives. Origin is its path; "!/" steps into an archive.
type item struct {
	origin   string
	name     string // within the source, with slashes: what a DICOMDIR refers to
	size     int64
	modified time.Time
	open     func(ctx context.Context) (io.ReadCloser, error)
	uid      bool    // the origin ends in a SOPInstanceUID, which stands for one content: size and time are not asked
	err      error   // why it, or the rest of the archive that it is, cannot be read
	ration   *ration // of the outermost archive that it is in
}

// walker finds the files of a source. Emit is called from one goroutine, in the order of names; where wait is true the item must be
// dealt with before emit returns.
type walker struct {
	ctx   context.Context
	known func(it item) bool // an earlier run dealt with it
	emit  func(it item, wait bool) error
}

// unreadablePath says what the system said, without the path: its parts may be names of patients.
func unreadablePath(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fault.New(fault.Input, "cannot be read: %w", err)
}

// errChanged says that what was read is not one state of the file. It is not kept; the next run reads the file again.
var errChanged = errors.New("it changed while it was read")

// file emits it, or steps into it if it is an archive.
func (w *walker) file(it item, depth int) error {
	kind := archiveKind(it.name)
	if kind == "" {
		return w.emit(it, false)
	}
	broken := func(err error) error {
		if cerr := w.ctx.Err(); cerr != nil {
			return cerr
		}
		var stop stopped
		if errors.As(err, &stop) || unreachable(err) {
			return err
		}
		it.err = fault.New(fault.Input, "the %s archive cannot be read to its end: %w", kind, err)
		return w.emit(it, false)
	}
	if depth >= maxDepth {
		return broken(errTooDeep)
	}
	r, err := it.open(w.ctx)
	if err != nil {
		return broken(unreadable(unreadablePath(err), err))
	}
	defer r.Close()
	if it.ration == nil {
		it.ration = newRation(it.size)
	}
	if kind == "zip" {
		err = w.zip(it, r, depth)
	} else {
		err = w.tar(it, r, kind, depth)
	}
	if err != nil {
		return broken(err)
	}
	return nil
}

// unreadable is what is said of one file, unless the source as a whole does not answer.
func unreadable(said, err error) error {
	if unreachable(err) {
		return err
	}
	return said
}

// stopped carries an error of emit through the archive readers, so that it is not taken for a broken archive.
type stopped struct{ error }

func (s stopped) Unwrap() error { return s.error }

func stop(err error) error {
	if err != nil {
		return stopped{err}
	}
	return nil
}

// printable is a name as it is recorded and shown: what is no UTF-8, or would move a terminal's cursor, is written \xNN, so that names
// that differ stay different.
func printable(name string) string {
	if utf8.ValidString(name) && strings.IndexFunc(name, unicode.IsControl) < 0 {
		return name
	}
	var b strings.Builder
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		if r == utf8.RuneError && n == 1 || unicode.IsControl(r) {
			for _, c := range []byte(name[i : i+n]) {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		} else {
			b.WriteString(name[i : i+n])
		}
		i += n
	}
	return b.String()
}
