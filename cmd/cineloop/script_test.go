package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cineloop/cineloop/internal/storetest"
	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/torch"
	"github.com/cineloop/cineloop/torch/bridge"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"cineloop": func() { os.Exit(mainStatus()) }})
}

// TestScripts runs the sessions in testdata/script: what a person types, and what comes back. Conditions: [engine] libtorch is
// installed, [gloo] its groups of processes can be compiled, [postgres] PostgreSQL's server is, [shared] the shared data are here, [corpus] the DICOM corpus is.
func TestScripts(t *testing.T) {
	root := testdata.Root(t)
	t.Cleanup(storetest.StopPostgres)
	shared := testdata.SharedRoot(t)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("EXAMPLES", filepath.Join(root, "examples"))
			env.Setenv("CINELOOP_SHARED", shared)
			env.Setenv("XDG_CACHE_HOME", cache) // the compiled bridge
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "engine":
				return hasEngine(), nil
			case "gloo":
				in, _, err := bridge.Find(context.Background())
				return err == nil && in.Gloo, nil
			case "shared":
				_, err := os.Stat(filepath.Join(shared, "data", "imaging"))
				return err == nil, nil
			case "postgres":
				return storetest.HasPostgres(), nil
			case "corpus":
				_, err := os.Stat(filepath.Join(shared, "data", "dicom", "real", "pydicom"))
				return err == nil, nil
			}
			return false, errors.New("unknown condition " + cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "damage": damage, "agekey": agekey,
			"s3": s3, "freeport": freeport, "waitport": waitport,
			"postgres": func(ts *testscript.TestScript, _ bool, args []string) { ts.Setenv(args[0], storetest.Postgres(t)) }},
	})
}

// exits runs a command and checks its exit status: exits 3 cineloop run bad.yaml.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// s3 starts an empty bucket and puts its URL into a variable: s3 BUCKET.
func s3(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: s3 VARIABLE")
	}
	location, env, stop := storetest.S3Server(func(h http.Handler) http.Handler { return h })
	ts.Defer(stop)
	for k, v := range env {
		ts.Setenv(k, v)
	}
	ts.Setenv(args[0], location)
}

// freeport puts the number of a free port on loopback into a variable: freeport PORT.
func freeport(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport VARIABLE")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
}

// waitport waits until somebody listens: waitport 11112.
func waitport(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitport PORT")
	}
	for range 600 {
		if c, err := net.Dial("tcp", "127.0.0.1:"+args[0]); err == nil {
			c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("nobody listens on port %s", args[0])
}

// agekey writes a new age identity into a file and its public key into a variable: agekey key.txt KEY.
func agekey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: agekey FILE VARIABLE")
	}
	key, err := age.GenerateX25519Identity()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(key.String()+"\n"), 0o600))
	ts.Setenv(args[1], key.Recipient().String())
}

func hasEngine() bool {
	return torch.Run(context.Background(), torch.Config{Device: "cpu", Threads: 1}, func(*torch.Engine) error { return nil }) == nil
}

// damage flips a bit in the first file below a folder that has one: damage b/objects.
func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: damage FOLDER")
	}
	files, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "[0-9a-f][0-9a-f]", "*"))
	ts.Check(err)
	if len(files) == 0 {
		ts.Fatalf("no file to damage")
	}
	b, err := os.ReadFile(files[0])
	ts.Check(err)
	b[len(b)/2] ^= 1
	ts.Check(os.WriteFile(files[0], b, 0o600))
}
