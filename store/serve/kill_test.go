package serve_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom/dimse"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/serve"
)

// victimVariable tells this test program to serve an archive until it is killed.
const victimVariable = "CINELOOP_SERVE_VICTIM"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimVariable); dir != "" {
		victim(dir)
		return
	}
	os.Exit(m.Run())
}

func victim(dir string) {
	a, err := store.Open(context.Background(), dir, store.Keys{})
	if err != nil {
		panic(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	s := &dimse.Server{AETitle: "VICTIM", Strangers: true}
	serve.New(a, "VICTIM").Handlers(s)
	panic(s.Serve(context.Background(), l))
}

// TestKilled: the server is killed while objects come in; what it acknowledged is there afterwards, whole, and nothing is half there.
func TestKilled(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 2
	}
	dir := t.TempDir()
	cfg := store.DefaultConfig()
	cfg.Reserve = 0
	if err := store.Init(dir, cfg); err != nil {
		t.Fatal(err)
	}
	acknowledged := map[string]bool{}
	for round := range rounds {
		var list []dimse.Instance
		for n := range 80 {
			list = append(list, object(t, round, 0, n, nil))
		}
		storeAndKill(t, dir, list, 5+7*round%60, acknowledged)
	}
	a, err := store.Open(t.Context(), dir, store.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for instance := range acknowledged {
		in, err := a.Catalog.Lookup(t.Context(), instance)
		if err != nil {
			t.Errorf("acknowledged and lost: %v", err)
			continue
		}
		if _, err := a.Objects.Verify(t.Context(), in.Digest); err != nil {
			t.Errorf("acknowledged and damaged: %v", err)
		}
	}
	rep, err := a.Verify(t.Context(), store.VerifyOptions{})
	if err != nil || len(rep.Problems) > 0 {
		t.Errorf("%+v, %v", rep, err)
	}
	t.Logf("%d objects were acknowledged in %d rounds", len(acknowledged), rounds)
}

// storeAndKill kills the server when it has acknowledged so many objects.
func storeAndKill(t *testing.T, dir string, list []dimse.Instance, after int, acknowledged map[string]bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimVariable+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	kill := func() {
		once.Do(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
	}
	defer kill()
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	c, err := (&dimse.Dialer{AETitle: "TEST", Window: 16, Timeout: time.Minute}).Dial(t.Context(), dimse.Peer{AETitle: "VICTIM", Address: strings.TrimSpace(addr)}, dimse.OffersFor(list)...)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	n := 0
	_ = c.StoreAll(t.Context(), list, dimse.StoreOptions{}, func(i int, s dimse.Status, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil || s != dimse.Success {
			return
		}
		acknowledged[list[i].SOPInstanceUID] = true
		if n++; n >= after {
			kill()
		}
	})
	c.Close()
}
