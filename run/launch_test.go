package run

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// shell makes every rank a shell script that sees $RANK, $SIZE and $MEET.
func shell(script string) func(context.Context, int, int, string) *exec.Cmd {
	return func(ctx context.Context, rank, size int, meet string) *exec.Cmd {
		c := exec.CommandContext(ctx, "/bin/sh", "-c", script)
		c.Env = append(os.Environ(), fmt.Sprintf("RANK=%d", rank), fmt.Sprintf("SIZE=%d", size), "MEET="+meet)
		return c
	}
}

func TestLaunch(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	err := Launch(context.Background(), LaunchOptions{Procs: 2, Nodes: 2, Node: 1, Rendezvous: "host.example:29500", Log: &log,
		Command: shell(`echo "$SIZE $MEET" > ` + dir + `/$RANK; echo "hello from $RANK" >&2`)})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []string{"2", "3"} {
		if b, _ := os.ReadFile(filepath.Join(dir, r)); string(b) != "4 host.example:29500\n" {
			t.Errorf("rank %s saw %q", r, b)
		}
	}
	if log.String() != "hello from 2\n" {
		t.Errorf("the log is %q: one process of the machine tells", log.String())
	}
}

// TestLaunchOneDies: the others are ended, and the message is that of the process that died of itself, whoever ended first.
func TestLaunchOneDies(t *testing.T) {
	start := time.Now()
	err := Launch(context.Background(), LaunchOptions{Procs: 3, Command: shell(`
		case $RANK in
		0) echo "cineloop: another process of the training ended" >&2; exit 5;;
		1) sleep 0.2; echo "cineloop: the disk is full (free some)" >&2; exit 8;;
		*) exec sleep 30;;
		esac`)})
	if fault.CodeOf(err) != fault.Resource || !strings.Contains(err.Error(), "rank 1 of 3") || !strings.Contains(err.Error(), "the disk is full (free some)") {
		t.Errorf("%v", err)
	}
	if time.Since(start) > 25*time.Second {
		t.Error("the others were not ended")
	}
}

func TestLaunchRestarts(t *testing.T) {
	dir := t.TempDir()
	script := `echo x >> ` + dir + `/$RANK; if [ $RANK = 1 ] && [ $(wc -l < ` + dir + `/1) -lt 3 ]; then kill -9 $$; fi`
	var log bytes.Buffer
	opt := LaunchOptions{Procs: 2, Restarts: 2, Command: shell(script), Log: &log}
	if err := Launch(context.Background(), opt); err != nil {
		t.Fatal(err)
	}
	if strings.Count(log.String(), "begin again") != 2 || !strings.Contains(log.String(), "signal: killed") {
		t.Errorf("%s", log.String())
	}
	// One restart too few, and a failure that would come again.
	os.Remove(filepath.Join(dir, "1"))
	opt.Restarts = 1
	if err := Launch(context.Background(), opt); fault.CodeOf(err) != fault.Internal {
		t.Errorf("%v", err)
	}
	log.Reset()
	opt.Command = shell(`echo "cineloop: no such file" >&2; exit 3`)
	if err := Launch(context.Background(), opt); fault.CodeOf(err) != fault.Input || strings.Contains(log.String(), "again") {
		t.Errorf("%v %s", err, log.String())
	}
}

func TestLaunchCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	go func() {
		for {
			if a, _ := filepath.Glob(filepath.Join(dir, "up*")); len(a) == 2 {
				cancel()
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	err := Launch(ctx, LaunchOptions{Procs: 2, Restarts: 5, Command: shell(`trap 'echo saved > ` + dir + `/saved$RANK; kill $!; exit 130' INT; sleep 20 >/dev/null 2>&1 & touch ` + dir + `/up$RANK; wait`)})
	if fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("%v", err)
	}
	if a, _ := filepath.Glob(filepath.Join(dir, "saved*")); len(a) != 2 {
		t.Errorf("%d processes were asked to save", len(a))
	}
}

func TestLaunchUsage(t *testing.T) {
	for _, o := range []LaunchOptions{{}, {Procs: 1, Nodes: 2}, {Procs: 1, Nodes: 2, Node: 2, Rendezvous: "a:1"}, {Procs: 1, Rendezvous: "nowhere"},
		{Procs: 1, Rendezvous: "a:99999"}, {Procs: 1, Restarts: -1}} {
		if err := Launch(context.Background(), o); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, port, err := SplitRendezvous("[::1]:5000"); err != nil || port != 5000 {
		t.Errorf("%d %v", port, err)
	}
	err := Launch(context.Background(), LaunchOptions{Procs: 1, Command: func(ctx context.Context, _, _ int, _ string) *exec.Cmd {
		return exec.CommandContext(ctx, "/does/not/exist")
	}})
	if fault.CodeOf(err) != fault.Resource {
		t.Errorf("%v", err)
	}
	l := &lastLines{}
	l.Write(bytes.Repeat([]byte("a"), 3*tailBytes))
	if n, _ := l.Write([]byte("end")); n != 3 || len(l.String()) != tailBytes || !strings.HasSuffix(l.String(), "end") {
		t.Error("the end of the output was not kept")
	}
}
