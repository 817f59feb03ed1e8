// Package child runs other people's decoders on untrusted bytes: as processes of their own, held to limits by the system.
package child

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Limits hold a child process.
type Limits struct {
	Memory int64         // address space, bytes
	CPU    time.Duration // processor time
	File   int64         // largest file that it may write, bytes; 0: none
}

// Command is name with args under limits, with no input and no environment but what finding libraries needs. What it says on standard
// error is kept, to 4 KiB: see [Diagnosis]. The limits are set by a shell before it becomes the program, so that they hold from its
// first instruction.
func Command(ctx context.Context, l Limits, name string, args ...string) *exec.Cmd {
	const script = `ulimit -c 0 && ulimit -v "$1" && ulimit -t "$2" && ulimit -f "$3" && shift 3 && exec "$@"`
	full := append([]string{"-c", script, "sh",
		strconv.FormatInt(max(l.Memory>>10, 1), 10),
		strconv.FormatInt(max(int64(l.CPU/time.Second), 1), 10),
		strconv.FormatInt((l.File+511)/512, 10),
		name}, args...)
	cmd := exec.CommandContext(ctx, "/bin/sh", full...)
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C"}
	cmd.Stderr = &first{left: 4096}
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

// Diagnosis is the last line that a command of [Command] put on standard error, without the name of the file it was given.
func Diagnosis(cmd *exec.Cmd, path string) string {
	f, ok := cmd.Stderr.(*first)
	if !ok {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(f.b.String(), path, "stream")), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// first keeps the beginning of what is written to it.
type first struct {
	b    bytes.Buffer
	left int
}

var _ io.Writer = (*first)(nil)

func (f *first) Write(p []byte) (int, error) {
	n := min(len(p), f.left)
	f.left -= n
	f.b.Write(p[:n])
	return len(p), nil
}
