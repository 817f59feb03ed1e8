package trail

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"sync"
	"time"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/ledger"
	"github.com/cineloop/cineloop/internal/fault"
)

// Files in a project's folder.
const (
	AccessFile  = "access.log"
	CommandFile = "commands.log"
)

// Log is a file of entries that is open for appending. It is made durable once a second, and at once where that is asked for. Its methods may be called
// from many goroutines.
type Log struct {
	ledger *ledger.Ledger
	now    func() time.Time
	stop   chan struct{}
	ended  chan struct{}
}

// Open opens the log at path, making it if it is not there. Code conflict where another process has it.
func Open(path string) (*Log, error) {
	l, err := ledger.Open(path, nil)
	if err != nil {
		return nil, err
	}
	a := &Log{ledger: l, now: time.Now, stop: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(a.ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		var last int64
		for {
			select {
			case <-a.stop:
				return
			case <-tick.C:
			}
			if seq := l.Written(); seq > last && l.Sync(seq) == nil { // an error stays with the ledger: nothing more is taken
				last = seq
			}
		}
	}()
	return a, nil
}

// Add writes an entry. After an error nothing more is taken.
func (a *Log) Add(e Entry) error {
	_, err := a.append(e)
	return err
}

func (a *Log) append(e Entry) (int64, error) {
	e.At = a.now().UTC()
	if len(e.Object) > 64 { // ids are 32 long: what is longer was made up by who asks
		e.Object = "…"
	}
	if len(e.Kind) > 64 {
		e.Kind = "…"
	}
	b, err := json.Marshal(e)
	if err != nil {
		return 0, fault.New(fault.Internal, "an entry of the access log: %w", err)
	}
	return a.ledger.Append(b)
}

// Durable writes an entry and waits until it is on the disk.
func (a *Log) Durable(e Entry) error {
	seq, err := a.append(e)
	if err != nil {
		return err
	}
	return a.ledger.Sync(seq)
}

// Close makes everything durable.
func (a *Log) Close() error {
	close(a.stop)
	<-a.ended
	return a.ledger.Close()
}

// patience is for how long a command waits for another that is writing its entry.
const patience = 5 * time.Second

// Account is who runs this program, as the operating system knows them.
var Account = sync.OnceValue(func() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
})

// Note writes an entry of a command into the project's commands.log, and returns when it is on the disk. A folder that is no project has no trail:
// nothing is written there.
func Note(dir string, e Entry) error {
	if _, err := os.Stat(filepath.Join(dir, annotate.LogFile)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	e.Account = Account()
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		l, err := ledger.Open(filepath.Join(dir, CommandFile), nil)
		if fault.CodeOf(err) == fault.Conflict && time.Since(begun) < patience {
			continue
		}
		if err != nil {
			return fault.New(fault.CodeOf(err), "%s: %w", CommandFile, err)
		}
		a := &Log{ledger: l, now: time.Now}
		return errors.Join(a.Durable(e), l.Close())
	}
}
