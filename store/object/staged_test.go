package object

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestBlocks: contents of every size around a block's and a sector's come out as they went in, through whatever way to the disk.
func TestBlocks(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		sector int
		busy   bool // no block is free
	}{
		"through the cache": {0, false}, "past the cache": {4096, false}, "larger sectors": {1 << 16, false}, "no block": {4096, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newLossy()
			d.sector = c.sector
			back, err := openFiles(d, "store", 0)
			if err != nil {
				t.Fatal(err)
			}
			s := newStore(back, Options{})
			defer s.Close()
			if c.busy {
				for range blocksMost {
					defer returnBlock(takeBlock())
				}
			}
			for _, n := range []int{0, 1, 4095, 4096, 4097, 65536, blockSize - 1, blockSize, blockSize + 1, 3*blockSize + 777} {
				content := bytes.Repeat([]byte("0123456789abcdef!"), n/17+1)[:n]
				for way, put := range map[string]func(w *Writer) error{
					"read in": func(w *Writer) error { _, err := w.ReadFrom(iotest.HalfReader(bytes.NewReader(content))); return err },
					"written": func(w *Writer) error {
						for part := range bytes.SplitAfterSeq(content, []byte("!0123")) {
							if _, err := w.Write(part); err != nil {
								return err
							}
						}
						return nil
					},
				} {
					w, err := s.Create(ctx)
					if err != nil {
						t.Fatal(err)
					}
					if err := put(w); err != nil {
						t.Fatal(err)
					}
					if digest, size, err := w.Finish(); digest != Sum(content) || size != int64(n) || err != nil {
						t.Errorf("%d bytes %s: %d bytes, %v", n, way, size, err)
					}
					check := func(when string) {
						got, err := io.ReadAll(io.NewSectionReader(w, 0, int64(n)+10))
						if err != nil || !bytes.Equal(got, content) {
							t.Errorf("%d bytes %s: %d come back %s, %v", n, way, len(got), when, err)
						}
					}
					check("finished")
					info, existed, err := w.Publish(ctx)
					if err != nil || info.Size != int64(n) || existed != (way != "read in") && existed != (way != "written") {
						t.Errorf("%d bytes %s: %+v, %v", n, way, info, err)
					}
					check("published")
					if err := w.Close(); err != nil {
						t.Error(err)
					}
					if got, err := s.Verify(ctx, Sum(content)); got != int64(n) || err != nil {
						t.Errorf("%d bytes %s: %d are kept, %v", n, way, got, err)
					}
				}
			}
			for name := range d.seen {
				if strings.HasPrefix(name, "store/tmp/") {
					t.Errorf("left: %s", name)
				}
			}
			if c.sector == 4096 && d.refused > 0 {
				t.Errorf("%d writes were not aligned", d.refused)
			}
			if c.sector > 4096 && d.refused == 0 {
				t.Error("no write met the larger sectors: the test shows nothing")
			}
		})
	}
	if n := len(blockSlots); n != 0 {
		t.Errorf("%d blocks were never given back", n)
	}
}

// TestDuplicateIsNotWritten: what the store has, and fits into a block, does not touch the disk again.
func TestDuplicateIsNotWritten(t *testing.T) {
	ctx, d := context.Background(), newLossy()
	back, err := openFiles(d, "store", 0)
	if err != nil {
		t.Fatal(err)
	}
	s := newStore(back, Options{})
	defer s.Close()
	content := strings.Repeat("x", 100_000)
	if _, _, err := s.Put(ctx, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	before := d.ops
	if _, existed, err := s.Put(ctx, strings.NewReader(content)); !existed || err != nil {
		t.Fatal(existed, err)
	}
	if d.ops != before {
		t.Errorf("%d operations for a duplicate", d.ops-before)
	}
}
