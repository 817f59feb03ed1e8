package storetest

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// server is a private PostgreSQL of this test process, reached through a socket in a folder of its own.
var server struct {
	once sync.Once
	dir  string
	cmd  *exec.Cmd
	err  error
	n    atomic.Int64
}

// Main runs a package's tests and stops the PostgreSQL that they may have started: func TestMain(m *testing.M) { storetest.Main(m) }.
// Temporary folders are in memory where there is room: most of these tests wait for a disk that others use, and say nothing about it.
// DiskDir gives a folder on the disk.
func Main(m *testing.M) {
	if os.Getenv("TMPDIR") == "" && memory("/dev/shm") {
		os.Setenv("TMPDIR", "/dev/shm")
	}
	status := m.Run()
	StopPostgres()
	os.Exit(status)
}

// StopPostgres ends the server, if there is one, for packages whose TestMain is not ours. The next test that asks for one starts another.
func StopPostgres() {
	if server.cmd != nil {
		_ = server.cmd.Process.Signal(syscall.SIGINT) // fast shutdown
		_ = server.cmd.Wait()
	}
	if server.dir != "" {
		os.RemoveAll(server.dir)
	}
	server.once, server.dir, server.cmd, server.err = sync.Once{}, "", nil, nil
}

func initdb() []string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if p, err := exec.LookPath("initdb"); err == nil {
		found = append(found, p)
	}
	return found
}

// HasPostgres says whether PostgreSQL's server is installed.
func HasPostgres() bool { return len(initdb()) > 0 }

// Postgres gives the URL of a new, empty database. The test is skipped where PostgreSQL's server is not installed.
func Postgres(t testing.TB) string {
	t.Helper()
	found := initdb()
	if len(found) == 0 {
		t.Skip("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
	}
	server.once.Do(func() { server.err = start(filepath.Dir(found[len(found)-1])) })
	if server.err != nil {
		t.Skipf("a private PostgreSQL does not start here: %v", server.err)
	}
	name := fmt.Sprintf("t%d", server.n.Add(1))
	db, err := sql.Open("pgx", "postgres://cineloop@/postgres?host="+server.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	return "postgres://cineloop@/" + name + "?host=" + server.dir
}

func start(bin string) error {
	dir, err := os.MkdirTemp("", "cineloop-pg-")
	if err != nil {
		return err
	}
	server.dir = dir
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Geteuid() == 0 { // the server refuses to run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			return err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, uid, gid); err != nil {
			return err
		}
	}
	data := filepath.Join(dir, "data")
	// A locale that does not sort by bytes: the catalog must not depend on it.
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "cineloop", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = attr, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	cmd := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off",
		"-c", "shared_buffers=16MB", "-c", "max_connections=60", "-c", "logging_collector=off")
	cmd.SysProcAttr, cmd.Dir = attr, dir
	// The server dies with the thread that started it, so that one stays.
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		started <- cmd.Start()
		select {}
	}()
	if err := <-started; err != nil {
		return err
	}
	server.cmd = cmd
	for range 200 {
		db, err := sql.Open("pgx", "postgres://cineloop@/postgres?host="+dir)
		if err != nil {
			return err
		}
		err = db.Ping()
		db.Close()
		if err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("no answer after 10 s")
}
