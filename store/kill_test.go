package store_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/storetest"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/object"
)

// victimVariable tells this test binary to be the process that is killed; it holds the archive's folder.
const victimVariable = "CINELOOP_TEST_VICTIM"

// killsVariable sets how many kills there are; 8 by default, 200 in scripts/killtest.
const killsVariable = "CINELOOP_TEST_KILLS"

// victim puts contents into the archive until it is killed, and says on its standard output what was acknowledged: one line
// "digest size status" each, written after Put returned. Another goroutine collects garbage all the time.
func victim() {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	a, err := store.Open(ctx, os.Getenv(victimVariable), store.Keys{})
	if err != nil {
		fail(err)
	}
	round, _ := strconv.Atoi(os.Getenv(victimVariable + "_ROUND"))
	go func() {
		for {
			if _, err := a.Collect(ctx, 0); err != nil {
				fail(err)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	var mu sync.Mutex
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				// Of ten: some repeat an earlier round, some conflict, some cannot be described; sizes from nothing to 300 kB.
				head := fmt.Sprintf("%d %d %d\n", 100+round%7, w, round*10_000+i)
				if i%10 == 7 {
					head = fmt.Sprintf("%d %d %d\nround %d", 50, w, i%50, round)
				}
				if i%10 == 9 {
					head = fmt.Sprintf("unreadable %d %d %d", round, w, i)
				}
				body := storetest.Content((i * 7919) % 300_000)
				res, err := a.Put(ctx, io.MultiReader(strings.NewReader(head), strings.NewReader(string(body))), format, from)
				if err != nil {
					fail(err)
				}
				mu.Lock()
				fmt.Fprintln(os.Stdout, res.Digest, res.Size, res.Status)
				mu.Unlock()
			}
		}()
	}
	select {}
}

type ack struct {
	digest object.Digest
	size   int64
}

// TestKill kills a busy archive again and again: what was acknowledged is there and whole, what is visible is whole and recorded.
func TestKill(t *testing.T) {
	kills := 8
	if v := os.Getenv(killsVariable); v != "" {
		kills, _ = strconv.Atoi(v)
	}
	if testing.Short() {
		kills = 5
	}
	dir := t.TempDir()
	makeArchive(t, dir, nil, store.Keys{}).Close()
	random := rand.New(rand.NewPCG(3, 14))
	verified := map[object.Digest]bool{}
	total, writing, unrecorded := 0, 0, 0
	for round := range kills {
		acks := killOne(t, dir, round, time.Duration(random.IntN(400))*time.Millisecond)
		total += len(acks)
		if left, _ := filepath.Glob(filepath.Join(dir, "objects", "tmp", "*-*")); len(left) > 0 {
			writing++
		}
		if inspect(t, dir, acks, verified) > 0 {
			unrecorded++
		}
		if t.Failed() {
			t.Fatalf("after kill %d", round+1)
		}
	}
	a, err := store.Open(ctx, dir, store.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	clean(t, a)
	if _, err := a.Collect(ctx, 0); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "objects", "tmp", "*-*"))
	if len(left) > 0 {
		t.Errorf("%d temporaries after collecting", len(left))
	}
	if rep, err := a.Verify(ctx, store.VerifyOptions{Quick: true}); rep.Orphans > 0 || err != nil {
		t.Errorf("%+v, %v", rep, err)
	}
	if total < kills {
		t.Errorf("only %d acknowledgements in %d kills: the test shows nothing", total, kills)
	}
	t.Logf("%d kills, %d of them while a content was being written, %d between a content and its record; %d acknowledged, %d contents verified; lost: 0, half-written: 0",
		kills, writing, unrecorded, total, len(verified))
}

// killOne runs a victim, kills it some time after its first acknowledgement and returns all that it acknowledged.
func killOne(t *testing.T, dir string, round int, after time.Duration) []ack {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimVariable+"="+dir, fmt.Sprintf("%s_ROUND=%d", victimVariable, round))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	var acks []ack
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // a line that was cut off was no acknowledgement
		}
		f := strings.Fields(line)
		d, err := object.ParseDigest(f[0])
		if err != nil {
			t.Fatal(err)
		}
		size, _ := strconv.ParseInt(f[1], 10, 64)
		acks = append(acks, ack{d, size})
		if len(acks) == 1 {
			time.AfterFunc(after, func() { cmd.Process.Kill() })
		}
	}
	cmd.Wait()
	if stderr.Len() > 0 {
		t.Fatalf("the victim failed by itself: %s", stderr.String())
	}
	return acks
}

// inspect opens the archive as the next process would, and says how many contents have no record.
func inspect(t *testing.T, dir string, acks []ack, verified map[object.Digest]bool) (unrecorded int) {
	t.Helper()
	a, err := store.Open(ctx, dir, store.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, k := range acks {
		if n, err := a.Objects.Verify(ctx, k.digest); err != nil || n != k.size {
			t.Errorf("acknowledged, but %d bytes of %d: %v", n, k.size, err)
		}
		if rec, err := a.Catalog.Object(ctx, k.digest); err != nil || rec.State != catalog.Good {
			t.Errorf("acknowledged, but not recorded: %v", err)
		}
	}
	recorded := map[object.Digest]bool{}
	for rec, err := range a.Catalog.Objects(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		recorded[rec.Digest] = true
		if _, err := a.Objects.Stat(ctx, rec.Digest); fault.CodeOf(err) == fault.NotFound {
			if g, gerr := a.Catalog.Garbage(ctx, 1<<30); gerr != nil || !contains(g, rec.Digest) {
				t.Errorf("a record without content: %v", err)
			}
		}
	}
	for info, err := range a.Objects.All(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if !recorded[info.Digest] {
			unrecorded++
		}
		if !verified[info.Digest] {
			if _, err := a.Objects.Verify(ctx, info.Digest); err != nil {
				t.Errorf("visible, but %v", err)
			}
			verified[info.Digest] = true
		}
	}
	instances, err := a.Catalog.Find(ctx, catalog.Query{Level: catalog.Image, Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range instances {
		reader, _, err := a.Open(ctx, r.SOPInstanceUID)
		if err != nil {
			t.Errorf("a listed instance: %v", err)
			continue
		}
		reader.Close()
	}
	return unrecorded
}

func contains(list []catalog.Kept, d object.Digest) bool {
	for _, k := range list {
		if k.Digest == d {
			return true
		}
	}
	return false
}
