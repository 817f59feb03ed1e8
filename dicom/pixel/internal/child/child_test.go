package child

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	roomy = 4 << 30
	long  = time.Minute
)

func TestLimits(t *testing.T) {
	ctx := context.Background()
	out, err := Command(ctx, Limits{Memory: roomy, CPU: long}, "sh", "-c", `echo "$1"; ulimit -v; ulimit -t; ulimit -f; env | grep -c HOME`, "sh", "it's $HOME").Output()
	if got, want := string(out), "it's $HOME\n4194304\n60\n0\n0\n"; got != want {
		t.Errorf("%q, %v", got, err)
	}
	// A file larger than allowed.
	path := filepath.Join(t.TempDir(), "f")
	cmd := Command(ctx, Limits{Memory: roomy, CPU: long, File: 1000}, "dd", "if=/dev/zero", "of="+path, "bs=1000", "count=5")
	if err := cmd.Run(); err == nil {
		t.Error("5000 bytes were written")
	}
	if info, err := os.Stat(path); err == nil && info.Size() > 1024 {
		t.Errorf("%d bytes were written", info.Size())
	}
	// Memory: the shell itself does not start in none.
	cmd = Command(ctx, Limits{Memory: 1 << 20, CPU: long}, "dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1")
	if err := cmd.Run(); err == nil {
		t.Error("64 MB in 1 MB")
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := Command(ctx, Limits{Memory: roomy, CPU: long}, "sleep", "100").Run(); err == nil {
		t.Error("it slept through its end")
	}
}

func TestDiagnosis(t *testing.T) {
	cmd := Command(context.Background(), Limits{Memory: roomy, CPU: long}, "sh", "-c", `echo first >&2; echo "/secret/name.bin: bad" >&2; exit 3`)
	if err := cmd.Run(); err == nil {
		t.Error("no error")
	}
	if got := Diagnosis(cmd, "/secret/name.bin"); got != "stream: bad" {
		t.Errorf("%q", got)
	}
	cmd = Command(context.Background(), Limits{Memory: roomy, CPU: long}, "sh", "-c", `yes >&2`)
	cmd.Stdout = nil
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	cmd = Command(ctx, Limits{Memory: roomy, CPU: long}, "sh", "-c", `yes >&2`)
	_ = cmd.Run()
	if n := len(cmd.Stderr.(*first).b.String()); n > 4096 {
		t.Errorf("%d bytes are kept", n)
	}
	cmd.Stderr = &strings.Builder{}
	if Diagnosis(cmd, "x") != "" {
		t.Error("a diagnosis of something else")
	}
}
