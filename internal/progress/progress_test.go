package progress

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestLinesWithoutTerminal(t *testing.T) {
	var out bytes.Buffer
	b := New(&out, "decoding", 100)
	clock := time.Unix(0, 0)
	b.now = func() time.Time { return clock }
	b.start, b.last = clock, clock
	for i := range 40 {
		clock = clock.Add(time.Second)
		b.Set(int64(i + 1))
	}
	b.Close()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := []string{
		"decoding: 10 of 100 (10 %), 1.0/s, 1m30s left",
		"decoding: 20 of 100 (20 %), 1.0/s, 1m20s left",
		"decoding: 30 of 100 (30 %), 1.0/s, 1m10s left",
		"decoding: 40 of 100 (40 %), 1.0/s, 1m0s left",
	}
	if strings.Join(lines, "|") != strings.Join(want, "|") {
		t.Errorf("got %q", lines)
	}
}

func TestShortWorkIsSilent(t *testing.T) {
	var out bytes.Buffer
	b := New(&out, "x", 3)
	b.Add(1)
	b.Add(2)
	b.Close()
	if out.Len() != 0 {
		t.Errorf("printed %q for work under two seconds", out.String())
	}
}

func TestNilAndConcurrent(t *testing.T) {
	var none *Bar
	none.Add(1)
	none.Close()
	New(nil, "x", 1).Add(1)
	var out bytes.Buffer
	b := New(&out, "x", -1)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				b.Add(1)
			}
		})
	}
	wg.Wait()
	if b.done != 800 {
		t.Errorf("counted %d of 800", b.done)
	}
}
