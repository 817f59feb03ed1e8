package ledger

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

func open(t *testing.T, path string) (*Ledger, []string) {
	t.Helper()
	var got []string
	l, err := Open(path, func(seq int64, p []byte) error {
		if seq != int64(len(got))+1 {
			t.Fatalf("entry %d after %d", seq, len(got))
		}
		got = append(got, string(p))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return l, got
}

func add(t *testing.T, l *Ledger, payloads ...string) {
	t.Helper()
	for _, p := range payloads {
		seq, err := l.Append([]byte(p))
		if err == nil {
			err = l.Sync(seq)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestReplay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, got := open(t, path)
	if len(got) != 0 || l.Head() != (Head{}) {
		t.Fatalf("a new ledger has %v", got)
	}
	add(t, l, `{"a":1}`, "", "ß"+strings.Repeat("x", 200_000))
	head := l.Head()
	if _, err := Open(path, nil); runtime.GOOS == "linux" && fault.CodeOf(err) != fault.Conflict {
		t.Errorf("opened twice: %v", err)
	}
	n := 0
	if h, err := Read(path, func(int64, []byte) error { n++; return nil }); err != nil || h != head || n != 3 {
		t.Errorf("read beside: %v, %v, %d", h, err, n)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append([]byte("x")); err == nil {
		t.Error("appended to a closed ledger")
	}
	l, got = open(t, path)
	if len(got) != 3 || got[0] != `{"a":1}` || got[1] != "" || len(got[2]) != 200_002 || l.Head() != head {
		t.Errorf("%d entries, head %v", len(got), l.Head())
	}
	add(t, l, "more")
	for _, bad := range [][]byte{[]byte("a\nb"), make([]byte, MaxPayload+1)} {
		if _, err := l.Append(bad); fault.CodeOf(err) != fault.Input {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
	if err := l.Sync(99); err == nil {
		t.Error("an entry that was never written is on the disk")
	}
	l.Close()
	stop := errors.New("stop")
	if _, err := Read(path, func(seq int64, _ []byte) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	if _, err := Read(path+"x", nil); fault.CodeOf(err) != fault.NotFound {
		t.Error(err)
	}
}

// TestCut: cut anywhere in the last line, the entries before it are there, it is not, and new ones fit.
func TestCut(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	l, _ := open(t, path)
	add(t, l, "one", "two")
	l.Close()
	before, _ := os.ReadFile(path)
	l, _ = open(t, path)
	add(t, l, "three")
	l.Close()
	all, _ := os.ReadFile(path)
	for cut := len(before); cut < len(all); cut++ {
		for _, tail := range [][]byte{nil, make([]byte, 7)} {
			if err := os.WriteFile(path, append(bytes.Clone(all[:cut]), tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Read(path, nil); err != nil {
				t.Fatalf("reading, cut at %d: %v", cut, err)
			}
			l, got := open(t, path)
			if len(got) != 2 {
				t.Fatalf("cut at %d: %v", cut, got)
			}
			add(t, l, "four")
			l.Close()
			if _, got := func() (*Ledger, []string) { l, g := open(t, path); l.Close(); return l, g }(); len(got) != 3 || got[2] != "four" {
				t.Fatalf("cut at %d: %v", cut, got)
			}
		}
	}
	// A hole in the middle of what was written at once when the power went.
	hole := append(append(bytes.Clone(before), make([]byte, 30)...), all[len(before)+30:]...)
	if err := os.WriteFile(path, hole, 0o600); err != nil {
		t.Fatal(err)
	}
	if l, got := open(t, path); len(got) != 2 {
		t.Errorf("%v", got)
	} else {
		l.Close()
	}
}

// TestChanged: every single byte of an entry that was acknowledged matters.
func TestChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, _ := open(t, path)
	add(t, l, "one", "two", "three")
	l.Close()
	all, _ := os.ReadFile(path)
	for i := range all {
		bad := bytes.Clone(all)
		bad[i] ^= 1
		if bytes.IndexByte(bad, 0) >= 0 {
			continue
		}
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Open(path, nil)
		if err == nil {
			l.Close()
		}
		if i == len(all)-1 { // the last line break: a cut line
			continue
		}
		if fault.CodeOf(err) != fault.Input || err == nil {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	// Lines that were taken out or swapped.
	lines := bytes.SplitAfter(all, []byte("\n"))
	for _, other := range [][][]byte{{lines[1], lines[2]}, {lines[0], lines[2]}, {lines[1], lines[0], lines[2]}} {
		if err := os.WriteFile(path, bytes.Join(other, nil), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, nil); fault.CodeOf(err) != fault.Input {
			t.Errorf("%d lines: %v", len(other), err)
		}
	}
	if err := os.WriteFile(path, []byte("this is no log"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path, nil); fault.CodeOf(err) != fault.Input {
		t.Error(err)
	}
}

// TestManyWriters: all entries are there once, in one order, and syncs are shared.
func TestManyWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, _ := open(t, path)
	const writers, each = 8, 60
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				seq, err := l.Append(fmt.Appendf(nil, "%d %d", w, i))
				if err == nil {
					err = l.Sync(seq)
				}
				if err != nil || l.Head().Seq < seq {
					t.Errorf("entry %d: %v", seq, err)
				}
			}
		})
	}
	wg.Wait()
	l.Close()
	_, got := open(t, path)
	last := make([]int, writers)
	for _, p := range got {
		var w, i int
		fmt.Sscan(p, &w, &i)
		if i != last[w] {
			t.Fatalf("writer %d: %d after %d", w, i, last[w]-1)
		}
		last[w]++
	}
	if len(got) != writers*each {
		t.Errorf("%d entries", len(got))
	}
}

// TestKilled: a process that appends is killed with -9; every entry that it was told of is there.
func TestKilled(t *testing.T) {
	if path := os.Getenv("LEDGER_CHILD"); path != "" {
		l, err := Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			go func() {
				for {
					seq, err := l.Append([]byte(strings.Repeat("y", 3000)))
					if err == nil {
						err = l.Sync(seq)
					}
					if err != nil {
						os.Exit(3)
					}
					fmt.Println("ok", seq)
				}
			}()
		}
		select {}
	}
	if testing.Short() {
		t.Skip("-short: starts processes")
	}
	path := filepath.Join(t.TempDir(), "log")
	var last int64
	for range 4 {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestKilled$")
		cmd.Env = append(os.Environ(), "LEDGER_CHILD="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(150*time.Millisecond, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
		told := last
		for sc := bufio.NewScanner(out); sc.Scan(); {
			if n, ok := strings.CutPrefix(sc.Text(), "ok "); ok {
				if seq, err := strconv.ParseInt(n, 10, 64); err == nil { // the last line may be cut
					told = max(told, seq)
				}
			}
		}
		_ = cmd.Wait()
		l, got := open(t, path)
		if int64(len(got)) < told {
			t.Fatalf("told of %d entries, %d are there", told, len(got))
		}
		last = int64(len(got))
		l.Close()
	}
	if last == 0 {
		t.Error("nothing was written")
	}
}

// TestFullDisk: what could not be written was not taken, and the file is as before.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, _ := open(t, path)
	add(t, l, "one")
	whole := l.file
	read, err := os.Open(path) // not for writing: every write fails
	if err != nil {
		t.Fatal(err)
	}
	l.file = read
	if _, err := l.Append([]byte("two")); err == nil {
		t.Fatal("written to a file that can't be")
	}
	if _, err := l.Append([]byte("three")); err == nil {
		t.Error("taken after a failure")
	}
	l.file = whole
	l.Close()
	if _, got := open(t, path); len(got) != 1 {
		t.Errorf("%v", got)
	}
	if err := wrap(syscall.ENOSPC); fault.CodeOf(err) != fault.Resource {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	path := filepath.Join(f.TempDir(), "seed")
	l, _ := Open(path, nil)
	for _, p := range []string{"{}", "two"} {
		seq, _ := l.Append([]byte(p))
		_ = l.Sync(seq)
	}
	l.Close()
	b, _ := os.ReadFile(path)
	f.Add(b)
	f.Add([]byte("0\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		chain := ""
		head, whole, err := walk(bytes.NewReader(data), func(_ int64, p []byte) error { chain = next(chain, p); return nil })
		if err == nil && (head.Chain != chain || whole > int64(len(data))) {
			t.Fatal("a head that the payloads do not give")
		}
	})
}
