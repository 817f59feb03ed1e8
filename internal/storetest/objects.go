package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store/object"
)

// Objects checks a kind of object store; open gives a new, empty one with the options.
func Objects(t *testing.T, open func(t *testing.T, opts object.Options) *object.Store) {
	ctx := context.Background()
	fresh := func(t *testing.T) *object.Store { return open(t, object.Options{}) }

	t.Run("what goes in comes out", func(t *testing.T) {
		s := fresh(t)
		for _, n := range []int{0, 1, 1000, 64 << 10, 64<<10 + 1, 5 << 20} {
			content := Content(n)
			info, existed, err := s.Put(ctx, iotest.HalfReader(bytes.NewReader(content)))
			if err != nil {
				t.Fatal(err)
			}
			if info.Digest != object.Sum(content) || info.Size != int64(n) || existed {
				t.Errorf("%d bytes: digest right %v, size %d, existed %v", n, info.Digest == object.Sum(content), info.Size, existed)
			}
			var out bytes.Buffer
			if got, err := s.Copy(ctx, info.Digest, &out); err != nil || got != int64(n) || !bytes.Equal(out.Bytes(), content) {
				t.Errorf("%d bytes: copied %d, %v", n, got, err)
			}
			r, err := s.Open(ctx, info.Digest)
			if err != nil {
				t.Fatal(err)
			}
			if r.Size() != int64(n) {
				t.Errorf("%d bytes: reader says %d", n, r.Size())
			}
			if n <= 1000 { // it reads byte by byte
				if err := iotest.TestReader(r, content); err != nil {
					t.Errorf("%d bytes: %v", n, err)
				}
			}
			for _, at := range []int{0, n / 2, n - 1, max(0, n-70000)} {
				if at < 0 {
					continue
				}
				p := make([]byte, min(1234, n-at))
				if _, err := r.ReadAt(p, int64(at)); err != nil && err != io.EOF || !bytes.Equal(p, content[at:at+len(p)]) {
					t.Errorf("%d bytes: range at %d is wrong (%v)", n, at, err)
				}
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	})

	t.Run("equal contents are kept once", func(t *testing.T) {
		s := fresh(t)
		for i := range 3 {
			_, existed, err := s.Put(ctx, bytes.NewReader(Content(3000)))
			if err != nil || existed != (i > 0) {
				t.Errorf("put %d: existed %v, %v", i, existed, err)
			}
		}
		if n := len(list(t, s)); n != 1 {
			t.Errorf("%d objects, want 1", n)
		}
	})

	t.Run("absent", func(t *testing.T) {
		s := fresh(t)
		d := object.Sum([]byte("nobody put this"))
		_, statErr := s.Stat(ctx, d)
		_, openErr := s.Open(ctx, d)
		_, verifyErr := s.Verify(ctx, d)
		for i, err := range []error{statErr, openErr, verifyErr} {
			if fault.CodeOf(err) != fault.NotFound {
				t.Errorf("%d: %v", i, err)
			}
		}
		if has, err := s.Has(ctx, d); has || err != nil {
			t.Errorf("has %v, %v", has, err)
		}
		if err := s.Remove(ctx, d); err != nil {
			t.Errorf("removing what is absent: %v", err)
		}
	})

	t.Run("a writer shows nothing before it publishes", func(t *testing.T) {
		s := fresh(t)
		content := Content(100_000)
		w, err := s.Create(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		d, n, err := w.Finish()
		if err != nil || d != object.Sum(content) || n != int64(len(content)) {
			t.Fatalf("finish: %d bytes, %v", n, err)
		}
		if got := list(t, s); len(got) != 0 {
			t.Errorf("%d objects visible before publishing", len(got))
		}
		p := make([]byte, 500)
		if _, err := w.ReadAt(p, 70_000); err != nil || !bytes.Equal(p, content[70_000:70_500]) {
			t.Errorf("reading back: %v", err)
		}
		if _, err := w.Write(p); err == nil {
			t.Error("a finished object took more bytes")
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if got := list(t, s); len(got) != 0 {
			t.Errorf("a dropped object is visible")
		}
	})

	t.Run("a failing source leaves nothing", func(t *testing.T) {
		s := fresh(t)
		boom := errors.New("boom")
		if _, _, err := s.Put(ctx, io.MultiReader(bytes.NewReader(Content(300_000)), iotest.ErrReader(boom))); !errors.Is(err, boom) {
			t.Errorf("error %v", err)
		}
		if n := len(list(t, s)); n != 0 {
			t.Errorf("%d objects", n)
		}
	})

	t.Run("a cancelled put leaves nothing", func(t *testing.T) {
		s := fresh(t)
		gone, cancel := context.WithCancel(ctx)
		w, err := s.Create(gone)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		w.Write(Content(1000))
		cancel()
		if _, _, err := w.Publish(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if n := len(list(t, s)); n != 0 {
			t.Errorf("%d objects", n)
		}
	})

	t.Run("replace and remove", func(t *testing.T) {
		s := fresh(t)
		info, _, err := s.Put(ctx, bytes.NewReader(Content(10)))
		if err != nil {
			t.Fatal(err)
		}
		w, err := s.Create(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		w.Write(Content(10))
		if _, existed, err := w.Publish(ctx); !existed || err != nil {
			t.Errorf("existed %v, %v", existed, err)
		}
		if err := s.Remove(ctx, info.Digest); err != nil {
			t.Fatal(err)
		}
		if has, _ := s.Has(ctx, info.Digest); has {
			t.Error("a removed object is there")
		}
		if _, err := w.Replace(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Verify(ctx, info.Digest); err != nil {
			t.Errorf("after Replace: %v", err)
		}
	})

	t.Run("many writers at once", func(t *testing.T) {
		s := fresh(t)
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				content := fmt.Appendf(nil, "content %d", i%20) // every content twice
				if _, _, err := s.Put(ctx, bytes.NewReader(content)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		got := list(t, s)
		if len(got) != 20 {
			t.Errorf("%d objects, want 20", len(got))
		}
		for _, d := range got {
			if _, err := s.Verify(ctx, d); err != nil {
				t.Error(err)
			}
		}
	})

	t.Run("quota", func(t *testing.T) {
		budget := object.NewBudget(10_000, 1000)
		s := open(t, object.Options{Budget: budget})
		if _, _, err := s.Put(ctx, bytes.NewReader(Content(8000))); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Put(ctx, bytes.NewReader(Content(1001))); fault.CodeOf(err) != fault.Resource {
			t.Errorf("over the quota: %v", err)
		}
		if _, existed, err := s.Put(ctx, bytes.NewReader(Content(900))); existed || err != nil {
			t.Errorf("within the quota: %v", err)
		}
		if n, _ := budget.Used(); n != 9900 {
			t.Errorf("%d bytes used, want 9900", n)
		}
		if n := len(list(t, s)); n != 2 {
			t.Errorf("%d objects, want 2", n)
		}
	})

	t.Run("quota, said before", func(t *testing.T) {
		budget := object.NewBudget(10_000, 0)
		s := open(t, object.Options{Budget: budget})
		used := func(want int64) {
			t.Helper()
			if n, _ := budget.Used(); n != want {
				t.Errorf("%d bytes used, want %d", n, want)
			}
		}
		for _, c := range []struct {
			expect, come int64
			fits         bool
		}{{10_001, 0, false}, {8000, 500, true}, {100, 3000, true}, {0, 6501, false}, {-1, 6500, true}} {
			w, err := s.Create(ctx)
			if err != nil {
				t.Fatal(err)
			}
			err = w.Expect(c.expect)
			if err == nil {
				_, err = w.ReadFrom(bytes.NewReader(Content(int(c.come))))
			}
			if err == nil {
				_, _, err = w.Publish(ctx)
			}
			if (err == nil) != c.fits || err != nil && fault.CodeOf(err) != fault.Resource {
				t.Errorf("%+v: %v", c, err)
			}
			w.Close()
		}
		used(10_000)
	})

	t.Run("quota of contents", func(t *testing.T) {
		budget := object.NewBudget(0, 0).Contents(5, 3)
		s := open(t, object.Options{Budget: budget})
		for i, fits := range []bool{true, true, false} {
			if _, _, err := s.Put(ctx, bytes.NewReader(Content(100+i))); (err == nil) != fits || err != nil && fault.CodeOf(err) != fault.Resource {
				t.Errorf("content %d: %v", i, err)
			}
		}
		budget.Return(100, 1)
		if _, existed, err := s.Put(ctx, bytes.NewReader(Content(101))); !existed || err != nil { // a duplicate gives back what it took
			t.Errorf("%v, %v", existed, err)
		}
		if bytes, contents := budget.Used(); bytes != 101 || contents != 4 {
			t.Errorf("%d bytes, %d contents used", bytes, contents)
		}
	})

	t.Run("copy to another store", func(t *testing.T) {
		from, to := fresh(t), fresh(t)
		info, _, err := from.Put(ctx, bytes.NewReader(Content(200_000)))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			if copied, err := from.CopyTo(ctx, to, info.Digest); copied != (i == 0) || err != nil {
				t.Errorf("copy %d: %v, %v", i, copied, err)
			}
		}
		if _, err := to.Verify(ctx, info.Digest); err != nil {
			t.Error(err)
		}
	})

	t.Run("sweep spares objects", func(t *testing.T) {
		s := fresh(t)
		if _, _, err := s.Put(ctx, bytes.NewReader(Content(9))); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Sweep(ctx, time.Now().Add(time.Hour)); n != 0 || err != nil {
			t.Errorf("swept %d, %v", n, err)
		}
		if n := len(list(t, s)); n != 1 {
			t.Errorf("%d objects, want 1", n)
		}
	})
}

// Content is n bytes that depend on n and compress badly.
func Content(n int) []byte {
	b := make([]byte, n)
	x := uint32(n)*2654435761 + 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}

func list(t *testing.T, s *object.Store) []object.Digest {
	t.Helper()
	var out []object.Digest
	for info, err := range s.All(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, info.Digest)
	}
	slices.SortFunc(out, func(a, b object.Digest) int { return bytes.Compare(a[:], b[:]) })
	return out
}
