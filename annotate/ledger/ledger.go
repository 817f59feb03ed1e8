package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/hold"
)

// MaxPayload is how long an entry may be, bytes.
const MaxPayload = 8 << 20

const digestLength = 2 * sha256.Size

// Head is the last entry: its number, and the digest that depends on every entry up to it.
type Head struct {
	Seq   int64  `json:"seq"`
	Chain string `json:"chain"`
}

// next is the chain's digest after a payload.
func next(chain string, payload []byte) string {
	h := sha256.New()
	io.WriteString(h, chain)
	h.Write(payload)
	return hex.EncodeToString(h.Sum(nil))
}

// Ledger is a file that is open for appending. Its methods may be called from many goroutines.
type Ledger struct {
	lock io.Closer

	mu      sync.Mutex
	synced  *sync.Cond
	file    *os.File
	size    int64
	head    Head // written
	durable Head
	syncing bool
	broken  error
}

// Open opens the ledger at path, making it if it is not there, and gives every payload to replay in order. Code conflict where another
// process has it open, input where it was changed.
func Open(path string, replay func(seq int64, payload []byte) error) (*Ledger, error) {
	lock, err := hold.File(path + ".lock")
	if errors.Is(err, hold.ErrHeld) {
		return nil, fault.New(fault.Conflict, "%s is open in another process", path).WithHint("stop the other one first")
	}
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	l := &Ledger{lock: lock}
	l.synced = sync.NewCond(&l.mu)
	if err := l.open(path, replay); err != nil {
		if l.file != nil {
			l.file.Close()
		}
		lock.Close()
		return nil, err
	}
	return l, nil
}

func (l *Ledger) open(path string, replay func(int64, []byte) error) error {
	_, err := os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	if l.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	head, whole, err := walk(l.file, replay)
	if err != nil {
		return err
	}
	if end, err := l.file.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("opening the log: %w", err)
	} else if end > whole {
		if err := l.file.Truncate(whole); err != nil {
			return fmt.Errorf("taking a cut entry away: %w", err)
		}
	}
	if _, err := l.file.Seek(whole, io.SeekStart); err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	l.size, l.head, l.durable = whole, head, head
	// What was read may be in the cache only: it is made durable before anybody builds on it.
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	if fresh {
		if d, err := os.Open(filepath.Dir(path)); err == nil {
			_ = d.Sync() // not every file system can
			d.Close()
		}
	}
	return nil
}

// Read gives every whole payload of the ledger at path, which another process may be appending to, and its head. A last line that is cut
// is passed over. Code notfound, or input where the file was changed.
func Read(path string, replay func(seq int64, payload []byte) error) (Head, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Head{}, fault.New(fault.NotFound, "%w", err)
	}
	if err != nil {
		return Head{}, fmt.Errorf("reading the log: %w", err)
	}
	defer f.Close()
	head, _, err := walk(f, replay)
	return head, err
}

// errEnough ends a walk at an entry.
var errEnough = errors.New("that was the entry")

// ReadTo follows the chain of the ledger at path to entry seq, or to its last one where that comes before. Codes as of [Read].
func ReadTo(path string, seq int64) (Head, error) {
	head, err := Read(path, func(at int64, _ []byte) error {
		if at >= seq {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return head, err
}

// walk follows the chain and says where the last whole line ends.
func walk(r io.Reader, replay func(int64, []byte) error) (head Head, whole int64, err error) {
	buf, start := make([]byte, 0, 1<<16), 0
	for {
		i := bytes.IndexByte(buf[start:], '\n')
		if i < 0 {
			if len(buf)-start > MaxPayload+digestLength+2 {
				return head, whole, changed(head.Seq + 1)
			}
			buf = append(buf[:0], buf[start:]...)
			start = 0
			if cap(buf)-len(buf) < 1<<15 {
				buf = append(make([]byte, 0, 2*cap(buf)), buf...)
			}
			n, err := r.Read(buf[len(buf):cap(buf)])
			buf = buf[:len(buf)+n]
			if n > 0 {
				continue
			}
			if err == io.EOF {
				return head, whole, torn(head.Seq+1, buf)
			}
			if err != nil {
				return head, whole, fmt.Errorf("reading the log: %w", err)
			}
			continue
		}
		line := buf[start : start+i]
		if len(line) < digestLength+1 || line[digestLength] != ' ' || string(line[:digestLength]) != next(head.Chain, line[digestLength+1:]) {
			if bytes.IndexByte(line, 0) >= 0 { // a page that never reached the disk before the power went
				return head, whole, nil
			}
			return head, whole, changed(head.Seq + 1)
		}
		head = Head{head.Seq + 1, string(line[:digestLength])}
		whole += int64(i) + 1
		if replay != nil {
			if err := replay(head.Seq, line[digestLength+1:]); err != nil {
				return head, whole, err
			}
		}
		start += i + 1
	}
}

// torn judges what is left after the last line break: the beginning of one line that was cut.
func torn(seq int64, rest []byte) error {
	for i, c := range rest {
		hexadecimal := c >= '0' && c <= '9' || c >= 'a' && c <= 'f'
		if c == 0 { // unwritten
			return nil
		}
		if i < digestLength && !hexadecimal || i == digestLength && c != ' ' {
			return changed(seq)
		}
	}
	return nil
}

func changed(seq int64) error {
	return fault.New(fault.Input, "the log was changed after it was written: entry %d does not fit those before it", seq).
		WithHint("restore it from a backup; do not edit it")
}

// Append writes one entry and gives its number. It is not safe on the disk before [Ledger.Sync] says so.
func (l *Ledger) Append(payload []byte) (int64, error) {
	if len(payload) > MaxPayload || bytes.IndexByte(payload, '\n') >= 0 {
		return 0, fault.New(fault.Input, "an entry of %d bytes; it has at most %d and no line breaks", len(payload), MaxPayload)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return 0, l.broken
	}
	chain := next(l.head.Chain, payload)
	line := make([]byte, 0, digestLength+2+len(payload))
	line = append(append(append(append(line, chain...), ' '), payload...), '\n')
	if _, err := l.file.WriteAt(line, l.size); err != nil {
		err = wrap(err)
		if e := l.file.Truncate(l.size); e != nil {
			l.broken = err
		}
		return 0, err
	}
	l.size += int64(len(line))
	l.head = Head{l.head.Seq + 1, chain}
	return l.head.Seq, nil
}

// Sync returns when the entry is on the disk. After an error nothing more is taken: what the disk then has is known only by opening it anew.
func (l *Ledger) Sync(seq int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.durable.Seq < seq {
		switch {
		case l.broken != nil:
			return l.broken
		case seq > l.head.Seq:
			return fault.New(fault.Internal, "entry %d was never written", seq)
		case l.syncing:
			l.synced.Wait()
			continue
		}
		l.syncing = true
		upto := l.head
		l.mu.Unlock()
		err := l.file.Sync()
		l.mu.Lock()
		l.syncing = false
		if err != nil {
			l.broken = wrap(err)
		} else {
			l.durable = upto
		}
		l.synced.Broadcast()
	}
	return nil
}

// Head is the last entry that is on the disk.
func (l *Ledger) Head() Head {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.durable
}

// Written is the number of the last entry, which need not be on the disk yet.
func (l *Ledger) Written() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head.Seq
}

// Close makes everything durable and lets others open the file.
func (l *Ledger) Close() error {
	l.mu.Lock()
	seq := l.head.Seq
	l.mu.Unlock()
	err := l.Sync(seq)
	l.mu.Lock()
	if l.broken == nil {
		l.broken = fault.New(fault.Internal, "the log is closed")
	}
	l.mu.Unlock()
	return errors.Join(err, l.file.Close(), l.lock.Close())
}

func wrap(err error) error {
	err = fmt.Errorf("writing the log: %w", err)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.New(fault.Resource, "%w", err).WithHint("free some space")
	}
	return err
}
